import type { KubeObject } from '../../domain/kube';
import { RESUBMISSION_LABEL } from '../../domain/pod-keys';
import { cloneWork, copyName, type CloneAsk } from './clone';
import { templatesOf, type WorkKind } from './pod-templates';

const ask: CloneAsk = {
  ledger: 'job-llama-1',
  original: 'llama',
  uid: 'uid-llama',
  number: 2,
  avoid: ['node-1', 'node-2'],
};
const container = { name: 'main', image: 'train:1' };
const template = { metadata: { labels: { app: 'llama' } }, spec: { containers: [container] } };
const written = {
  ...{ uid: 'uid-llama', resourceVersion: '17', generation: 3, creationTimestamp: '2026-11-26T11:00:00Z' },
  ...{ managedFields: [{ manager: 'kubectl' }], finalizers: ['batch.kubernetes.io/job-tracking'] },
};
const object = (apiVersion: string, kind: string, spec: object, metadata: object = {}): KubeObject => ({
  ...{ apiVersion, kind, spec, status: { failed: 1 } },
  metadata: { name: 'llama', namespace: 'research', ...written, ...metadata },
});

const WORKS: readonly (readonly [WorkKind, KubeObject])[] = [
  ['Job', object('batch/v1', 'Job', { template })],
  [
    'VolcanoJob',
    object('batch.volcano.sh/v1alpha1', 'Job', {
      tasks: [
        { name: 'a', template },
        { name: 'b', template },
      ],
    }),
  ],
  [
    'JobSet',
    object('jobset.x-k8s.io/v1alpha2', 'JobSet', { replicatedJobs: [{ name: 'w', template: { spec: { template } } }] }),
  ],
  [
    'PyTorchJob',
    object('kubeflow.org/v1', 'PyTorchJob', { pytorchReplicaSpecs: { Master: { template }, Worker: { template } } }),
  ],
  [
    'RayJob',
    object('ray.io/v1', 'RayJob', {
      rayClusterSpec: { headGroupSpec: { template }, workerGroupSpecs: [{ template }, { template }] },
    }),
  ],
  ['Pod', object('v1', 'Pod', { nodeName: 'node-1', containers: [container] })],
];
const affinityOf = (spec: any) =>
  spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
const NOT_THERE = { key: 'kubernetes.io/hostname', operator: 'NotIn', values: ['node-1', 'node-2'] };

describe.each(WORKS)('a copy of a %s', (kind, source) => {
  const [copy] = cloneWork(kind, [source], ask);

  it('has nothing that a server wrote, its own name, and says whose copy it is', () => {
    const { metadata } = copy!;
    expect(Object.keys(metadata).sort()).toEqual(['annotations', 'labels', 'name', 'namespace']);
    expect(metadata).toMatchObject({
      name: 'llama-r2',
      namespace: 'research',
      labels: { [RESUBMISSION_LABEL]: 'job-llama-1' },
    });
    expect(copy).not.toHaveProperty('status');
  });

  it('forbids the suspected nodes in every template, and keeps what its pods run', () => {
    const templates = templatesOf(kind, copy!);
    expect(templates).toHaveLength(templatesOf(kind, source).length);
    for (const { spec } of templates) {
      expect(affinityOf(spec)).toEqual([{ matchExpressions: [NOT_THERE] }]);
      expect(spec!['containers']).toEqual([container]);
    }
  });

  it('is the same as the original but for that, when no node is suspected', () => {
    const [plain] = cloneWork(kind, [source], { ...ask, avoid: [] });
    const { nodeName: _, ...spec } = source.spec;
    expect(plain!.spec).toEqual(spec);
  });

  it('leaves the original as it is', () => {
    const before = JSON.stringify(source);
    cloneWork(kind, [source], ask);
    expect(JSON.stringify(source)).toBe(before);
  });
});

describe('a copy', () => {
  const copyOf = (kind: WorkKind, source: KubeObject, over: Partial<CloneAsk> = {}) =>
    cloneWork(kind, [source], { ...ask, ...over })[0]!;

  it('of a Job has no selector and no label of the controller, which would make it adopt the pods of the original', () => {
    const labels = {
      app: 'llama',
      'controller-uid': 'u',
      'batch.kubernetes.io/controller-uid': 'u',
      'job-name': 'llama',
      'batch.kubernetes.io/job-name': 'llama',
    };
    const spec = { selector: { matchLabels: labels }, suspend: false, template: { ...template, metadata: { labels } } };
    const copy = copyOf('Job', object('batch/v1', 'Job', spec, { labels }));
    expect(copy.spec).not.toHaveProperty('selector');
    expect(copy.spec.template.metadata.labels).toEqual({ app: 'llama' });
    expect(copy.metadata.labels).toEqual({ app: 'llama', [RESUBMISSION_LABEL]: 'job-llama-1' });
  });

  it.each<[WorkKind, KubeObject]>([
    ['JobSet', object('jobset.x-k8s.io/v1alpha2', 'JobSet', { suspend: true, replicatedJobs: [] })],
    ['PyTorchJob', object('kubeflow.org/v1', 'PyTorchJob', { runPolicy: { suspend: true, cleanPodPolicy: 'None' } })],
    ['RayJob', object('ray.io/v1', 'RayJob', { suspend: true, jobId: 'llama-x7k2p' })],
  ])('of a %s is not suspended', (kind, source) => {
    const { spec } = copyOf(kind, source);
    expect(spec.suspend ?? spec.runPolicy?.suspend).toBeUndefined();
    expect(spec.jobId).toBeUndefined();
  });

  it('of a pod goes without its node, its token and the priority that admission worked out', () => {
    const mounts = [{ name: 'data' }, { name: 'kube-api-access-x7k2p' }];
    const source = object('v1', 'Pod', {
      ...{ nodeName: 'node-1', priority: 100, preemptionPolicy: 'Never', priorityClassName: 'training' },
      ...{ volumes: mounts, containers: [{ ...container, volumeMounts: mounts }], schedulerName: 'volcano' },
    });
    expect(copyOf('Pod', source, { avoid: [] }).spec).toEqual({
      ...{ priorityClassName: 'training', schedulerName: 'volcano' },
      ...{ volumes: [{ name: 'data' }], containers: [{ ...container, volumeMounts: [{ name: 'data' }] }] },
    });
  });

  it('keeps topology, and every alternative of its affinity forbids the nodes', () => {
    const zone = (value: string) => ({ matchExpressions: [{ key: 'zone', operator: 'In', values: [value] }] });
    const topologySpreadConstraints = [{ maxSkew: 1 }];
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [zone('a'), zone('b')] },
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }],
    };
    const spec = {
      containers: [container],
      topologySpreadConstraints,
      affinity: { podAffinity: { x: 1 }, nodeAffinity },
    };
    const networkTopology = { mode: 'hard', highestTierAllowed: 1 };
    const copy = copyOf(
      'VolcanoJob',
      object('batch.volcano.sh/v1alpha1', 'Job', { networkTopology, tasks: [{ template: { spec } }] }),
    );
    const [{ template: copied }] = copy.spec.tasks;
    expect(copy.spec.networkTopology).toEqual(networkTopology);
    expect(copied.spec).toMatchObject({ topologySpreadConstraints, affinity: { podAffinity: { x: 1 } } });
    expect(affinityOf(copied.spec)).toEqual(
      [zone('a'), zone('b')].map(({ matchExpressions }) => ({ matchExpressions: [...matchExpressions, NOT_THERE] })),
    );
    expect(copied.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution).toEqual([{ weight: 1 }]);
  });

  it('of a copy forbids what was forbidden before, too, in one requirement', () => {
    const [first] = cloneWork('Job', [WORKS[0]![1]], ask);
    const second = copyOf('Job', first!, { number: 3, avoid: ['node-7'] });
    expect(second.metadata.name).toBe('llama-r3');
    expect(affinityOf(second.spec.template.spec)).toEqual([
      { matchExpressions: [{ ...NOT_THERE, values: ['node-1', 'node-2', 'node-7'] }] },
    ]);
  });

  it('belongs to what the original belonged to, and to nobody who controls it', () => {
    const owner = (controller: boolean) => ({
      apiVersion: 'x/v1',
      kind: 'Experiment',
      name: 'e',
      uid: 'e',
      controller,
    });
    const source = object('batch/v1', 'Job', { template }, { ownerReferences: [owner(true), owner(false)] });
    expect(copyOf('Job', source).metadata.ownerReferences).toEqual([owner(false)]);
  });

  it('carries no note of who had suspended the original', () => {
    const annotations = {
      'aicluster.dev/suspended-by': 'Resubmission/x/1',
      'aicluster.dev/retries-before-suspension': '0',
      mine: 'x',
    };
    expect(copyOf('Job', object('batch/v1', 'Job', { template }, { annotations })).metadata.annotations).toEqual({
      mine: 'x',
    });
  });
});

describe('a gang of bare pods', () => {
  const group = object('scheduling.volcano.sh/v1beta1', 'PodGroup', { minMember: 2 });
  const pod = (name: string) =>
    object(
      'v1',
      'Pod',
      { containers: [container] },
      { name, annotations: { 'scheduling.k8s.io/group-name': 'llama' } },
    );

  it('is copied with its PodGroup, which comes last: when it is there, all are', () => {
    const copies = cloneWork('PodGroup', [group, pod('llama-a'), pod('llama-b')], ask);
    expect(copies.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Pod llama-a-r2',
      'Pod llama-b-r2',
      'PodGroup llama-r2',
    ]);
    const gangs = copies.slice(0, 2).map(({ metadata }) => metadata.annotations!['scheduling.k8s.io/group-name']);
    expect(gangs).toEqual(['llama-r2', 'llama-r2']);
  });

  it('keeps the names short from copy to copy', () => {
    const first = cloneWork('PodGroup', [group, pod('llama-a')], ask);
    const second = cloneWork('PodGroup', [first[1]!, first[0]!], { ...ask, number: 3 });
    expect(second.map(({ metadata }) => metadata.name)).toEqual(['llama-a-r3', 'llama-r3']);
  });
});

describe('the name of a copy', () => {
  it('is the original and the number of the attempt', () => {
    expect(copyName('llama', { number: 12, uid: 'u' })).toBe('llama-r12');
  });

  it('is never longer than the original where that is long: names of its pods are made from it', () => {
    for (const length of [25, 40, 63, 120]) {
      const name = copyName('a'.repeat(length), { number: 1_000_000, uid: 'u' });
      expect(name.length).toBeLessThanOrEqual(Math.min(63, length));
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    }
  });

  it('tells apart what is cut to the same', () => {
    const long = 'a'.repeat(63);
    expect(copyName(long, { number: 1, uid: 'u' })).not.toBe(copyName(long, { number: 1, uid: 'v' }));
  });
});
