/** What the controllers would read of the replayed cluster, as the facts that `planCapacity` takes. PURE. */
import { BUCKET_KEY } from '../../domain/node-keys';
import type { MoveFacts, NodeFacts, PodFacts, PodGroupFacts } from '../../fleet';
import { EPOCH_MS, GPUS_PER_NODE, NODES_PER_LEAF } from './settings';

/** Names of the two buckets. */
export type BucketName = 'inference' | 'training';

/** Where training jobs live. */
export const JOB_NAMESPACE = 'research';
const WEB_NAMESPACE = 'web';
const GPU = 'nvidia.com/gpu';
const CORES_PER_GPU = 20;
const GIB = 2 ** 30;

/** A node of the block in a bucket. */
export function nodeFacts(index: number, bucket: BucketName, assignedAtMs: number): NodeFacts {
  const name = `p5-${String(index).padStart(4, '0')}`;
  return {
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    providerID: `aws:///us-east-2a/i-${name}`,
    pool: 'p5',
    instanceType: 'p5.48xlarge',
    zone: 'us-east-2a',
    leaf: `leaf-${String(Math.floor(index / NODES_PER_LEAF)).padStart(3, '0')}`,
    ready: true,
    unschedulable: false,
    taints: [{ key: BUCKET_KEY, value: bucket, effect: 'NoSchedule' }],
    bucket,
    bucketTaint: bucket,
    nodegroup: bucket,
    held: false,
    createdAtMs: EPOCH_MS - 86_400_000,
    assignedAtMs,
    allocatable: { cpu: 190, memory: 1900 * GIB, pods: 110, [GPU]: GPUS_PER_NODE },
  };
}

/** One pod of a gang or of the inference Deployment. */
export interface PodPlace {
  readonly name: string;
  readonly gpus: number;
  readonly createdAtMs: number;
  readonly nodeName?: string;
  readonly startedAtMs?: number;
  readonly deleting?: boolean;
}

/** A pod of a training job: a Volcano Job, restarted whole. */
export function jobPodFacts(job: string, place: PodPlace): PodFacts {
  return {
    ...podFacts(JOB_NAMESPACE, 'training', place),
    gang: `${JOB_NAMESPACE}/${job}`,
    owner: { kind: 'Job', name: job, uid: `uid-${job}` },
    workload: { kind: 'VolcanoJob', namespace: JOB_NAMESPACE, name: job },
  };
}

/** A pod of the inference Deployment: alone, a whole node. */
export function servingPodFacts(place: PodPlace): PodFacts {
  return podFacts(WEB_NAMESPACE, 'inference', place);
}

/** The PodGroup of a training job. */
export function podGroupFacts(job: string, pods: number, createdAtMs: number, running: boolean): PodGroupFacts {
  return {
    key: `${JOB_NAMESPACE}/${job}`,
    namespace: JOB_NAMESPACE,
    minMember: pods,
    minResources: {},
    queue: 'training',
    phase: running ? 'Running' : 'Inqueue',
    everPlaced: running,
    oneLeaf: false,
    createdAtMs,
  };
}

/** The key under which moves knows a training job. */
export function gangKeyOf(job: string): string {
  return `VolcanoJob ${JOB_NAMESPACE}/${job}`;
}

/** A NodeMove as it was just created. */
export function newMove(name: string, nodes: readonly string[], bucket: string, createdAtMs: number): MoveFacts {
  return {
    name,
    reason: 'Capacity',
    to: 'Bucket',
    bucket,
    nodes: nodes.map((node) => ({ name: node, step: 'Pending' })),
    gangs: [],
    createdAtMs,
  };
}

function podFacts(namespace: string, bucket: BucketName, place: PodPlace): PodFacts {
  const { name, gpus, createdAtMs, nodeName, startedAtMs, deleting = false } = place;
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    uid: `uid-${namespace}-${name}-${createdAtMs}`,
    phase: nodeName === undefined ? 'Pending' : 'Running',
    nodeName,
    deleting,
    ended: false,
    gated: false,
    requests: requestsOf(gpus),
    accelerated: true,
    shape: `${gpus} gpus`,
    needs: {},
    bucket,
    startedAtMs,
    system: false,
    toleratesEverything: false,
    createdAtMs,
  };
}

const REQUESTS = Array.from({ length: GPUS_PER_NODE + 1 }, (_, gpus) => ({
  cpu: gpus * CORES_PER_GPU,
  memory: gpus * 100 * GIB,
  pods: 1,
  [GPU]: gpus,
}));

function requestsOf(gpus: number) {
  return REQUESTS[gpus]!;
}
