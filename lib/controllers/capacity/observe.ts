/** Caches → what plan.ts decides on. Facts are remembered with the list they are of, so what did not change is not read again. */
import { CapacityBucket, CapacityPool, type CapacityBucketSpec, type CapacityPoolSpec } from '../../api';
import { BUCKET_KEY } from '../../domain/node-keys';
import type { KubeObject } from '../../domain/kube';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  CHECKPOINTS,
  DISRUPTION_BUDGETS,
  NAMESPACES,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
  QUEUES,
  VOLCANO_JOBS,
} from '../../domain/resources';
import {
  once,
  toCheckpointFactsList,
  toDisruptionBudgetFacts,
  toMoveFactsList,
  toNamespaceBuckets,
  toNodeFactsList,
  toPodFactsList,
  toPodGroupFactsList,
  toVolcanoJobFactsList,
} from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import type { BucketFacts, CapacitySnapshot, PoolFacts, QueueFacts } from './snapshot';

/** The whole fleet, as the caches show it. `volcano`: whether its CRDs are installed. */
export function observeCapacity({ cache }: Pick<ControllerContext, 'cache'>, volcano: boolean): CapacitySnapshot {
  return {
    buckets: cache(CAPACITY_BUCKETS).list().map(toBucketFacts),
    pools: cache(CAPACITY_POOLS).list().map(toPoolFacts),
    nodes: toNodeFactsList(cache(NODES).list()),
    pods: toPodFactsList(cache(PODS).list()),
    podGroups: toPodGroupFactsList(cache(POD_GROUPS).list()),
    moves: toMoveFactsList(cache(NODE_MOVES).list()),
    queues: volcano ? cache(QUEUES).list().map(toQueueFacts) : undefined,
    checkpoints: toCheckpointFactsList(cache(CHECKPOINTS).list()),
    budgets: cache(DISRUPTION_BUDGETS).list().map(toDisruptionBudgetFacts),
    volcanoJobs: toVolcanoJobFactsList(cache(VOLCANO_JOBS).list()),
    namespaceBuckets: toNamespaceBuckets(cache(NAMESPACES).list()),
  };
}

const toBucketFacts: (object: KubeObject) => BucketFacts = once((object) => ({
  ...identity(object),
  generation: object.metadata.generation ?? 0,
  ...(CapacityBucket.parse(object) as { spec: CapacityBucketSpec }),
}));

const toPoolFacts: (object: KubeObject) => PoolFacts = once((object) => ({
  ...identity(object),
  ...(CapacityPool.parse(object) as { spec: CapacityPoolSpec }),
}));

const toQueueFacts: (object: KubeObject) => QueueFacts = once(({ metadata, spec }) => ({
  name: metadata.name,
  uid: metadata.uid ?? '',
  ours: metadata.labels?.[BUCKET_KEY] === metadata.name,
  spec: spec ?? {},
}));

function identity({ metadata, status }: KubeObject) {
  return {
    name: metadata.name,
    resourceVersion: metadata.resourceVersion ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    status: status ?? {},
  };
}
