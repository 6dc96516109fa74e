import type { Pod } from '../domain/kube';
import { bucketOfPod, isEndless, occupies, squats, toPodFacts } from './pods';
import { makePodFacts } from './testing';

const pod = (spec: object = {}, metadata: object = {}, status: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'research', ...metadata },
    spec: { containers: [], ...spec },
    status,
  }) as unknown as Pod;
const asks = (requests: object, limits: object = {}) => ({ name: 'c', resources: { requests, limits } });
const NONE = new Map<string, string>();

describe('what a pod asks for', () => {
  test.each([
    [
      'containers add up',
      { containers: [asks({ cpu: '1' }), asks({ cpu: '500m', memory: '1Gi' })] },
      { cpu: 1.5, memory: 2 ** 30 },
    ],
    [
      'a limit without a request is a request',
      { containers: [asks({}, { 'nvidia.com/gpu': '8' })] },
      { 'nvidia.com/gpu': 8 },
    ],
    [
      'the largest init container counts, if larger than the sum',
      { containers: [asks({ cpu: '1' })], initContainers: [asks({ cpu: '3' }), asks({ cpu: '2' })] },
      { cpu: 3 },
    ],
    [
      'a sidecar runs beside the containers',
      { containers: [asks({ cpu: '1' })], initContainers: [{ ...asks({ cpu: '3' }), restartPolicy: 'Always' }] },
      { cpu: 4 },
    ],
    [
      'overhead of the runtime class counts',
      { containers: [asks({ cpu: '1' })], overhead: { cpu: '250m' } },
      { cpu: 1.25 },
    ],
    ['a malformed quantity counts as absent', { containers: [asks({ cpu: 'many', memory: '1Ki' })] }, { memory: 1024 }],
  ])('%s', (_, spec, amounts) => {
    expect(toPodFacts(pod(spec)).requests).toEqual({ pods: 1, ...amounts });
  });

  test('equal pods have equal shapes, whatever the order of their resources', () => {
    const a = toPodFacts(pod({ containers: [asks({ cpu: '1', memory: '1Gi' })] }));
    const b = toPodFacts(pod({ containers: [asks({ memory: '1024Mi', cpu: '1000m' })] }));
    const c = toPodFacts(
      pod({ containers: [asks({ cpu: '1', memory: '1Gi' })], nodeSelector: { 'topology.kubernetes.io/zone': 'a' } }),
    );
    expect(a.shape).toBe(b.shape);
    expect(a.shape).not.toBe(c.shape);
  });

  test('node selector and a single required affinity term say which nodes it accepts', () => {
    const affinity = (...terms: object[]) => ({
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
    });
    const term = {
      matchExpressions: [
        { key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['p5.48xlarge', 'p5e.48xlarge'] },
      ],
    };
    expect(toPodFacts(pod(affinity(term))).needs.instanceTypes).toEqual(['p5.48xlarge', 'p5e.48xlarge']);
    expect(toPodFacts(pod(affinity(term, { matchExpressions: [] }))).needs.instanceTypes).toBeUndefined();
    const selected = pod({ nodeSelector: { 'eks.amazonaws.com/instance-gpu-name': 'h100' } });
    expect(toPodFacts(selected).needs.accelerators).toEqual(['h100']);
  });

  test('the same object is read once', () => {
    const object = pod();
    expect(toPodFacts(object)).toBe(toPodFacts(object));
  });
});

describe('whose a pod is', () => {
  const namespaces = new Map([['research', 'training']]);
  const gpu = { containers: [asks({ 'nvidia.com/gpu': '1' })] };

  test.each([
    [
      'its node selector decides',
      { ...gpu, nodeSelector: { 'aicluster.dev/bucket': 'a' } },
      { labels: { 'aicluster.dev/bucket': 'b' } },
      'a',
    ],
    ['then its label', gpu, { labels: { 'aicluster.dev/bucket': 'b' } }, 'b'],
    ["then its namespace's, if it asks for accelerators", gpu, {}, 'training'],
    ['a pod without accelerators in that namespace is nobody’s', {}, {}, undefined],
    [
      "a DaemonSet's pod is nobody's",
      gpu,
      { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd', controller: true }] },
      undefined,
    ],
  ])('%s', (_, spec, metadata, bucket) => {
    expect(bucketOfPod(toPodFacts(pod(spec, metadata)), namespaces)).toBe(bucket);
  });

  test.each([
    ['a bound pod of a bucket', {}, true],
    ['a bound pod with accelerators of no bucket', { bucket: undefined }, true],
    ['a pod without accelerators or bucket', { bucket: undefined, accelerated: false }, false],
    ["a DaemonSet's pod", { system: true }, false],
    ['a pod that has ended', { ended: true }, false],
    ['a pod that is not bound', { nodeName: undefined }, false],
    ['a pod that is being deleted', { deleting: true }, true],
  ])('%s occupies its node: %#', (_, overrides, expected) => {
    expect(occupies(makePodFacts({ nodeName: 'p5-0', ...overrides }), NONE)).toBe(expected);
  });

  test('a pod squats on a node of another bucket, or of none', () => {
    const bound = makePodFacts({ nodeName: 'p5-0' });
    expect([squats(bound, 'training', NONE), squats(bound, 'batch', NONE), squats(bound, undefined, NONE)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(squats({ ...bound, ended: true }, 'batch', NONE)).toBe(false);
  });
});

test.each([
  ['a Deployment', 'ReplicaSet', {}, true],
  ['a StatefulSet or a LeaderWorkerSet', 'StatefulSet', {}, true],
  ['a Deployment, about to go', 'ReplicaSet', { deletionTimestamp: '2026-11-02T00:00:00Z' }, false],
  ['a Job', 'Job', {}, false],
  ['a RayCluster, which may be a job', 'RayCluster', {}, false],
  ['nobody', undefined, {}, false],
])('whether a pod of %s ends only when somebody ends it', (_, kind, metadata, endless) => {
  const owner = { apiVersion: 'apps/v1', kind, name: 'o', uid: 'u', controller: true };
  expect(isEndless(toPodFacts(pod({}, { ...metadata, ownerReferences: kind ? [owner] : [] })))).toBe(endless);
});
