/** Every rule, broken by hand: that rule and no other finds it, on the object that is wrong, with a way out. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../domain/kube';
import { BUCKET_KEY, FOREIGN_KEYS } from '../../domain/node-keys';
import { NAMESPACES, NODES, POD_GROUPS, PODS } from '../../domain/resources';
import { pruneWide } from '../../runtime/prune-wide';
import { toWords } from './rule';
import { RULES } from './rules';
import type { CloudState } from './state';
import { CLOUD, kept, makeNode, makeObject, makeRank, stateOf } from './testing';

/** Found on objects as they are, and on what the process keeps of them: the same. */
function findingsOf(objects: readonly KubeObject[], cloud: CloudState = CLOUD): string[] {
  const found = [objects, objects.map(pruned)].map((seen) => {
    const state = stateOf(seen, cloud);
    return RULES.flatMap(({ id, check }) =>
      check(state).map(({ object, message }) => `${id}: ${toWords(object)}: ${message}`),
    );
  });
  expect(found[1]).toEqual(found[0]);
  return found[0]!;
}

const pruned = (object: KubeObject) =>
  pruneWide([PODS, NODES, POD_GROUPS].find(({ kind }) => kind === object.kind) ?? NAMESPACES)?.(object) ?? object;

/** All is well, but for these: same Kind and name, or new ones. */
function but(...others: readonly KubeObject[]): readonly KubeObject[] {
  const keyOf = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  const keys = new Set(others.map(keyOf));
  return [...kept().filter((object) => !keys.has(keyOf(object))), ...others];
}

const without = (kind: string, name: string) =>
  kept().filter((object) => object.kind !== kind || object.metadata.name !== name);
const inResearch = (fields: object) => ({ metadata: { namespace: 'research' }, ...fields });
const policy = (spec: object) => makeObject('NetworkPolicy', 'np', inResearch({ spec: { podSelector: {}, ...spec } }));
const rank = (fields: object) => but(makeRank('llama-1', 'p5-1', fields as Record<string, unknown>));
const gpus = { requests: { 'nvidia.com/gpu': '8' }, limits: { 'nvidia.com/gpu': '8' } };
const both = { limits: { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32' } };
const dns = { to: [{ namespaceSelector: {} }], ports: [{ port: 53, protocol: 'UDP' }] };

test('where all is well no rule finds anything', () => {
  expect(findingsOf(kept())).toEqual([]);
});

test.each<[string, string, readonly KubeObject[] | (() => string[]), RegExp]>([
  [
    'a bucket label changed by hand',
    'bucket-keys-agree: Node p5-0',
    but(makeNode('p5-0', { labels: { [BUCKET_KEY]: 'web' } })),
    /label says bucket web, its taint training/,
  ],
  [
    'a bucket taint taken off',
    'bucket-keys-agree: Node p5-0',
    but(makeNode('p5-0', { spec: { taints: [] } })),
    /its taint none/,
  ],
  [
    'a queue deleted',
    'queues-follow-buckets: Queue training',
    but(makeObject('Queue', 'root')).filter(({ kind, metadata }) => kind !== 'Queue' || metadata.name === 'root'),
    /has no queue/,
  ],
  [
    'a queue unbound',
    'queues-follow-buckets: Queue training',
    but(makeObject('Queue', 'training', { spec: {} })),
    /bound to no node group/,
  ],
  [
    'a NodePool without its taints',
    'pools-have-their-taints: NodePool p5',
    but(makeObject('NodePool', 'p5', { spec: { template: { spec: {} } } })),
    /lacks the taint .*unassigned and the startup taint .*probation/,
  ],
  [
    'a GPU off the bus',
    'accelerators-advertised: Node p5-0',
    but(makeNode('p5-0', { allocatable: { 'nvidia.com/gpu': '7' } })),
    /7 of 8 nvidia.com\/gpu/,
  ],
  [
    'one node short of EFA',
    'efa-advertised: Node p5-0',
    but(makeNode('p5-0', { allocatable: { 'vpc.amazonaws.com/efa': '31' } })),
    /31 of 32/,
  ],
  [
    'fabric manager down',
    'node-parts-work: Node p5-0',
    but(
      makeNode('p5-0', {
        status: {
          allocatable: { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32' },
          conditions: [
            { type: 'Ready', status: 'True' },
            { type: 'AcceleratedHardwareReady', status: 'False', reason: 'NvidiaFabricManager' },
          ],
          nodeInfo: { osImage: 'Bottlerocket 1.62.0', kernelVersion: '6.12.40' },
        },
      }),
    ),
    /AcceleratedHardwareReady=False \(NvidiaFabricManager\)/,
  ],
  [
    'MIG on',
    'mig-off: Node p5-0',
    but(makeNode('p5-0', { allocatable: { 'nvidia.com/mig-1g.10gb': '7' } })),
    /switch MIG off/,
  ],
  [
    'a node of another image in the gang',
    'one-driver-per-gang: PodGroup research/llama',
    but(
      makeNode('p5-1', {
        status: {
          allocatable: { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32' },
          conditions: [{ type: 'Ready', status: 'True' }],
          nodeInfo: { osImage: 'Bottlerocket 1.50.0' },
        },
      }),
    ),
    /2 stacks: Bottlerocket 1.50.0 on p5-1/,
  ],
  [
    'a gang over two zones',
    'one-zone-per-gang: PodGroup research/llama',
    but(makeNode('p5-1', { labels: { [FOREIGN_KEYS.zone]: 'us-east-2b' } })),
    /us-east-2a and us-east-2b/,
  ],
  [
    'a node without its leaf',
    'topology-labels-present: Node p5-0',
    but(makeNode('p5-0', { labels: { [FOREIGN_KEYS.networkLayer(3)]: '' } })),
    /lacks the network layers 3/,
  ],
  [
    'the headless Service gone',
    'ranks-have-names: PodGroup research/llama',
    without('Service', 'llama'),
    /Service llama, which is not there/,
  ],
  [
    'a Service that is not headless',
    'ranks-have-names: Service research/llama',
    but(makeObject('Service', 'llama', inResearch({ spec: { clusterIP: '10.0.0.1' } }))),
    /clusterIP must be None/,
  ],
  [
    'a Service that misses a rank',
    'ranks-have-names: Service research/llama',
    rank({ labels: { app: 'other' } }),
    /does not select 1 of 2, such as llama-1/,
  ],
  [
    'names only of ranks that are ready',
    'ranks-have-names: Service research/llama',
    rank({ container: { readinessProbe: {} } }),
    /publishNotReadyAddresses/,
  ],
  [
    'a policy that denies all',
    'network-policies-let-ranks-talk: NetworkPolicy research/np',
    but(policy({ policyTypes: ['Ingress'] })),
    /nothing allows ingress from its own ranks/,
  ],
  [
    'a policy without DNS',
    'network-policies-let-ranks-talk: NetworkPolicy research/np',
    but(policy({ policyTypes: ['Egress'], egress: [{ to: [{ podSelector: {} }] }] })),
    /egress to DNS/,
  ],
  [
    'a policy of one port',
    'network-policies-let-ranks-talk: NetworkPolicy research/np',
    but(policy({ ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 29500 }] }] })),
    /ingress from its own ranks/,
  ],
  [
    'a pod that tolerates everything',
    'nobody-tolerates-probation: Pod web/shell',
    but(
      makeObject('Pod', 'shell', {
        metadata: { namespace: 'web' },
        spec: { containers: [], tolerations: [{ operator: 'Exists' }] },
      }),
    ),
    /tolerates every taint/,
  ],
  [
    'a budget that never allows',
    'budgets-let-drain: PodDisruptionBudget research/pdb',
    but(
      makeObject(
        'PodDisruptionBudget',
        'pdb',
        inResearch({ spec: { maxUnavailable: 0, selector: { matchLabels: { app: 'llama' } } } }),
      ),
    ),
    /maxUnavailable is 0/,
  ],
  [
    'a policy edited',
    'admission-policies-unmodified: ValidatingAdmissionPolicy aicluster-guard-entry',
    but(
      makeObject('ValidatingAdmissionPolicy', 'aicluster-guard-entry', {
        spec: { failurePolicy: 'Ignore', validations: [{ expression: 'true' }] },
      }),
    ),
    /spec.failurePolicy is not as deployed/,
  ],
  [
    'a policy deleted',
    'admission-policies-unmodified: ValidatingAdmissionPolicy aicluster-guard-entry',
    without('ValidatingAdmissionPolicy', 'aicluster-guard-entry'),
    /is gone/,
  ],
  [
    'a PriorityClass of another value',
    'priority-classes-unmodified: PriorityClass aicluster-high',
    but(makeObject('PriorityClass', 'aicluster-high', { value: 7, preemptionPolicy: 'Never' })),
    /value is not as deployed/,
  ],
  [
    'a CSI pod missing on a node',
    'agents-on-every-node: DaemonSet kube-system/csi',
    without('Pod', 'csi-p5-1'),
    /none of its pods runs on 1 of 2 nodes .* such as p5-1/,
  ],
  [
    'an agent that the bucket keeps off',
    'agents-on-every-node: DaemonSet kube-system/csi',
    but(makeObject('DaemonSet', 'csi', { metadata: { namespace: 'kube-system' }, spec: { template: { spec: {} } } })),
    /taint aicluster.dev\/bucket keeps it off 2 nodes/,
  ],
  [
    'a driver not registered',
    'csi-drivers-registered: Node p5-1',
    but(makeObject('CSINode', 'p5-1', { spec: { drivers: [] } })),
    /fsx.csi.aws.com is not registered/,
  ],
  [
    'no driver registered at all, as the API server says it',
    'csi-drivers-registered: Node p5-1',
    but(makeObject('CSINode', 'p5-1', { spec: { drivers: null } })),
    /fsx.csi.aws.com is not registered/,
  ],
  [
    'pods of two SELinux levels',
    'one-selinux-level-per-volume: PersistentVolumeClaim research/data',
    rank({ spec: { securityContext: { seLinuxOptions: { level: 's0:c3,c4' } } } }),
    /llama-0 has s0:c1,c2, llama-1 has s0:c3,c4/,
  ],
  [
    '64 MiB of shared memory',
    'shared-memory-sized: Pod research/llama-1',
    rank({ container: { volumeMounts: [] } }),
    /8 accelerators and 64 MiB of \/dev\/shm/,
  ],
  [
    'a rank without EFA',
    'efa-with-accelerators: Pod research/llama-1',
    rank({ container: { resources: gpus } }),
    /no EFA: ask for vpc.amazonaws.com\/efa: 32/,
  ],
  [
    'EFA switched off by a variable',
    'efa-environment: Pod research/llama-1',
    rank({ container: { env: [{ name: 'FI_PROVIDER', value: 'tcp' }] } }),
    /FI_PROVIDER=tcp/,
  ],
  [
    'huge pages that are not there',
    'hugepages-agree: Pod research/llama-1',
    rank({ container: { env: [{ name: 'FI_EFA_USE_HUGE_PAGE', value: '1' }] } }),
    /no hugepages-2Mi/,
  ],
  [
    'a CPU limit',
    'ranks-not-throttled: Pod research/llama-1',
    rank({ container: { resources: { limits: { ...both.limits, cpu: '96' } } } }),
    /CPU limit of 96/,
  ],
  [
    'an image of a newer CUDA',
    'image-fits-driver: Pod research/llama-1',
    but(
      makeNode('p5-0', { labels: { 'nvidia.com/cuda.runtime.major': '12' } }),
      makeNode('p5-1', { labels: { 'nvidia.com/cuda.runtime.major': '12' } }),
      makeRank('llama-1', 'p5-1', { container: { image: 'example.com/train:2.9-cu130' } }),
    ),
    /CUDA 13, and the driver of p5-1 knows CUDA 12.x/,
  ],
  [
    'minimums above what there is',
    'minimums-can-be-met: CapacityBucket training',
    but({ ...kept().find(({ kind }) => kind === 'CapacityPool')!, status: { limit: 1 } }),
    /add up to 2 nodes of p5.48xlarge, and there can be 1/,
  ],
])('%s: %s', (_, expected, objects, message) => {
  const found = findingsOf(objects as readonly KubeObject[]);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(message);
  expect(found[0]!.startsWith(`${expected}: `)).toBe(true);
});

test('all nodes of a pool short of EFA alike: it is the pool, no node', () => {
  const short = ['p5-0', 'p5-1'].map((name) => makeNode(name, { allocatable: { 'vpc.amazonaws.com/efa': '0' } }));
  expect(findingsOf(but(...short))).toEqual([
    expect.stringMatching(/^efa-advertised: CapacityPool p5: all 2 nodes have 0 of 32/),
  ]);
});

test('a leaf below two switches: the node that differs from the others', () => {
  const node = makeNode('p5-2', { labels: { [FOREIGN_KEYS.networkLayer(2)]: 'nn-9' } });
  const agent = { ...kept().find(({ metadata }) => metadata.name === 'csi-p5-0')! };
  const other = {
    ...agent,
    metadata: { ...agent.metadata, name: 'csi-p5-2' },
    spec: { ...agent.spec, nodeName: 'p5-2' },
  };
  expect(findingsOf(but(node, other))).toEqual([
    expect.stringMatching(/^topology-nests: Node p5-2: layer 3 nn-3 is below nn-2 elsewhere and below nn-9 here/),
  ]);
});

test('a label that says another switch than EC2', () => {
  const places = new Map(CLOUD.places).set('i-p50', { networkNodes: ['nn-1', 'nn-2', 'nn-7'] });
  expect(findingsOf(kept(), { ...CLOUD, places })).toEqual([
    expect.stringMatching(/^topology-agrees-with-ec2: Node p5-0: layer 3 is nn-3, EC2 says nn-7/),
  ]);
});

test('a security group closed to itself', () => {
  const ingress = [{ protocol: '-1', groups: ['sg-1'], ranges: [] }];
  const securityGroups = new Map([['sg-1', { groupId: 'sg-1', name: 'efa', ingress, egress: [] }]]);
  expect(findingsOf(kept(), { ...CLOUD, securityGroups })).toEqual([
    expect.stringMatching(/^efa-security-group: NodeClass p5: sg-1 lets nothing out to itself/),
  ]);
});

test('a policy that lets ranks and DNS through is none of our business', () => {
  const spec = {
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: [{ podSelector: {} }] }],
    egress: [{ to: [{ podSelector: {} }] }, dns],
  };
  expect(findingsOf(but(policy(spec)))).toEqual([]);
});

test('a leaf that EC2 knows is filled in, and nothing else is touched', () => {
  const node = makeNode('p5-0', { labels: { [FOREIGN_KEYS.networkLayer(3)]: '' } });
  const rule = RULES.find(({ id }) => id === 'topology-labels-present')!;
  const [found] = rule.check(stateOf(but(node)));
  expect(found!.repair).toMatchObject({
    verb: 'Patch',
    name: { name: 'p5-0' },
    patch: { metadata: { labels: { [FOREIGN_KEYS.networkLayer(3)]: 'nn-3' } } },
  });
  expect(rule.check(stateOf(but(node), {}))[0]!.repair).toBeUndefined();
});

describe('the table of rules', () => {
  const files = readdirSync(join(__dirname, 'rules')).filter((file) => file !== 'index.ts');

  test('has every file of rules/, named as its rule, by name', () => {
    expect(RULES.map(({ id }) => `${id}.ts`)).toEqual([...files].sort());
  });

  test('repairs only what nobody else owns', () => {
    const owned = RULES.filter(({ owner }) => owner !== 'invariants');
    const all = owned.flatMap((rule) => rule.check(stateOf([])));
    expect(all.filter(({ repair }) => repair)).toEqual([]);
  });

  test('says for each what it protects, how it is seen, and where it comes from', () => {
    for (const { protects, sees, source } of RULES) {
      expect(protects.length).toBeGreaterThan(20);
      expect(sees.length).toBeGreaterThan(15);
      expect(source).toMatch(/^(own$|https:\/\/)/);
    }
  });
});
