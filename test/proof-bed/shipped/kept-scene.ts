/** A cluster in which every invariant is kept: nodes of a managed node group, old enough to be judged, a gang on two of them, agents on all. */
import { estimateAllocatable, requireInstanceType } from '../../../lib/catalog';
import type { KubeObject } from '../../../lib/domain/kube';
import { BUCKET_KEY, FOREIGN_KEYS, POOL_LABEL, UNASSIGNED_TAINT } from '../../../lib/domain/node-keys';
import { waitFor } from '../bed';
import { makeOlder } from './aged';
import type { Stage } from './stage';
import { withoutProbation } from './substitutions';

/** The bucket with all the nodes, and the namespace of its work. */
export const BUCKET = 'training';
/** The pool, and the node group that fills it. */
const POOL = 'p5';
const TYPE = 'p5.48xlarge';
/** The nodes; as many as the block of the stage has. */
export const NODE_NAMES = [0, 1, 2, 3, 4, 5].map((n) => `p5-${n}`);
/** Security group of EFA. */
export const EFA_GROUP = 'sg-0efa';
/** The place of every node, coarse to fine. */
export const PLACE = ['nn-1', 'nn-2', 'nn-3'];
/** One SELinux level for all that share a volume. */
const LEVEL = 's0:c123,c456';
const AGE_MS = 3_600_000;

const instanceOf = (node: string): string => `i-0${node.replace(/\W/g, '')}`;

/** The blueprint with these changes: the block's nodes come from a node group, one bucket has all of them, findings are repaired. */
export function forThisStory(object: KubeObject): KubeObject {
  const { kind, metadata, spec } = object;
  const given = (changes: object): KubeObject => ({ ...object, spec: { ...spec, ...changes } });
  switch (`${kind} ${metadata.name}`) {
    case `CapacityPool ${POOL}`:
      return withoutProbation(given({ nodeGroup: POOL, nodeClassRef: undefined }));
    case `CapacityBucket ${BUCKET}`:
      return given({ nodes: { min: NODE_NAMES.length, max: NODE_NAMES.length } });
    case 'CapacityBucket batch':
    case 'CapacityBucket inference':
      return given({ nodes: { min: 0, max: 0 } });
    case `NodeClass ${POOL}`:
      return given({ securityGroupSelectorTerms: [{ id: EFA_GROUP }] });
    case 'InvariantPolicy default':
      return given({ repair: { dryRun: false, maxPerHour: 3 } });
    default:
      return object;
  }
}

/** What EC2 says of it. */
export function tellEc2({ ec2 }: Stage): void {
  ec2.securityGroups.set(EFA_GROUP, { in: true, out: true });
  const instance = {
    instanceType: TYPE,
    availabilityZone: 'us-east-2a',
    state: 'running',
    networkNodes: PLACE,
  } as const;
  for (const node of NODE_NAMES) ec2.instances.set(instanceOf(node), instance);
}

/** The nodes join, in no bucket, and are made as old as that. */
export async function joinNodes({ bed }: Stage): Promise<void> {
  for (const name of NODE_NAMES) await bed.api({ method: 'POST', path: '/api/v1/nodes', body: toNode(name) });
  await bed.kubectl('wait', ...NODE_NAMES.map((name) => `node/${name}`), '--for=condition=Ready', '--timeout=60s');
  await Promise.all(NODE_NAMES.map((name) => makeOlder(bed, name, AGE_MS)));
}

function toNode(name: string): object {
  const layers = PLACE.map((place, i) => [FOREIGN_KEYS.networkLayer((i + 1) as 1 | 2 | 3), place]);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kwok.x-k8s.io/node': 'fake',
        'kubernetes.io/hostname': name,
        'nvidia.com/cuda.runtime.major': '12',
        [POOL_LABEL]: POOL,
        [FOREIGN_KEYS.eksNodeGroup]: POOL,
        [FOREIGN_KEYS.instanceType]: TYPE,
        [FOREIGN_KEYS.zone]: 'us-east-2a',
        ...Object.fromEntries(layers),
      },
    },
    spec: {
      providerID: `aws:///us-east-2a/${instanceOf(name)}`,
      taints: [{ key: UNASSIGNED_TAINT, effect: 'NoSchedule' }],
    },
    status: { allocatable: estimateAllocatable(requireInstanceType(TYPE), 100) },
  };
}

/** Agents on all nodes, drivers registered, and gang `llama` on the first two. */
export async function setScene(stage: Stage): Promise<void> {
  const { bed } = stage;
  const driver = await driverOfVolume(stage);
  await bed.apply(
    { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: driver }, spec: { attachRequired: false } },
    ...NODE_NAMES.map((node) => toCsiNode(node, [driver])),
    agent('csi'),
    agent('logs'),
    ...gang('llama', [rank('llama', 0, NODE_NAMES[0]!), rank('llama', 1, NODE_NAMES[1]!)]),
  );
  await untilRunning(stage, 'llama');
  for (const name of ['csi', 'logs'])
    await bed.kubectl('rollout', 'status', `daemonset/${name}`, '--namespace=kube-system', '--timeout=60s');
}

/** The driver of the volume that ranks share. */
async function driverOfVolume({ bed }: Stage): Promise<string> {
  return bed.kubectl('get', 'pv', `${BUCKET}-shared`, '-o', 'jsonpath={.spec.csi.driver}');
}

/** What a kubelet says of the drivers on its node. */
export function toCsiNode(name: string, drivers: readonly string[]): object {
  const spec = { drivers: drivers.map((driver) => ({ name: driver, nodeID: instanceOf(name) })) };
  return { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name }, spec };
}

/** An agent of nodes. */
function agent(name: string): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'kube-system' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { [POOL_LABEL]: POOL },
          tolerations: [{ operator: 'Exists' }],
          containers: [{ name, image: `example/${name}` }],
        },
      },
    },
  };
}

/** A gang of these ranks, with the Service that names them. */
export function gang(name: string, ranks: readonly object[]): readonly object[] {
  const namespace = BUCKET;
  return [
    {
      apiVersion: 'scheduling.volcano.sh/v1beta1',
      kind: 'PodGroup',
      metadata: { name, namespace, labels: { app: name } },
      spec: { minMember: ranks.length, queue: BUCKET },
    },
    serviceOf(name),
    ...ranks,
  ];
}

/** The headless Service of a gang. */
export function serviceOf(name: string): object {
  const metadata = { name, namespace: BUCKET, labels: { app: name } };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: 'None', selector: { app: name } } };
}

/** What is different about a rank. */
export interface RankChanges {
  readonly container?: object;
  readonly limits?: Readonly<Record<string, string>>;
  readonly level?: string;
}

/** A rank: a whole node with its EFA, shared memory, and the volume that all share. */
export function rank(of: string, index: number, node: string, changes: RankChanges = {}): object {
  const limits = changes.limits ?? { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${of}-${index}`,
      namespace: BUCKET,
      labels: { app: of },
      annotations: { [FOREIGN_KEYS.gangName]: of },
    },
    spec: {
      schedulerName: 'volcano',
      nodeSelector: { 'kubernetes.io/hostname': node, [BUCKET_KEY]: BUCKET },
      ...{ hostname: `${of}-${index}`, subdomain: of },
      securityContext: { seLinuxOptions: { level: changes.level ?? LEVEL } },
      containers: [
        {
          name: 'rank',
          image: 'example/train:cu128',
          resources: { requests: limits, limits },
          volumeMounts: [
            { name: 'shm', mountPath: '/dev/shm' },
            { name: 'data', mountPath: '/data' },
          ],
          ...changes.container,
        },
      ],
      volumes: [
        { name: 'shm', emptyDir: { medium: 'Memory' } },
        { name: 'data', persistentVolumeClaim: { claimName: 'shared' } },
      ],
    },
  };
}

/** Waits until both ranks of a gang run. */
export async function untilRunning({ bed }: Stage, of: string): Promise<void> {
  const phases = () =>
    bed.kubectl('get', 'pods', `--namespace=${BUCKET}`, '-l', `app=${of}`, '-o', 'jsonpath={.items[*].status.phase}');
  await waitFor(
    `${of} to run`,
    async () => {
      const seen = await phases();
      if (seen !== 'Running Running') throw new Error(seen);
      return true;
    },
    { timeoutMs: 60_000 },
  );
}
