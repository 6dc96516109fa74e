/** Caches → what plan.ts decides on. Facts are remembered per cached object, so an unchanged fleet costs a lookup per object. */
import { CapacityBucket, CapacityPool, type CapacityBucketSpec, type CapacityPoolSpec } from '../../api';
import { BUCKET_KEY } from '../../domain/node-keys';
import type { KubeObject, Node, Pod } from '../../domain/kube';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  NAMESPACES,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
  QUEUES,
} from '../../domain/resources';
import { once, toMoveFacts, toNodeFacts, toPodFacts, toPodGroupFacts } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import type { BucketFacts, CapacitySnapshot, PoolFacts, QueueFacts } from './snapshot';

/** The whole fleet, as the caches show it. `volcano`: whether its CRDs are installed. */
export function observeCapacity({ cache }: Pick<ControllerContext, 'cache'>, volcano: boolean): CapacitySnapshot {
  const namespaceBuckets = new Map<string, string>();
  for (const { metadata } of cache(NAMESPACES).list()) {
    const bucket = metadata.labels?.[BUCKET_KEY];
    if (bucket) namespaceBuckets.set(metadata.name, bucket);
  }
  return {
    buckets: cache(CAPACITY_BUCKETS).list().map(toBucketFacts),
    pools: cache(CAPACITY_POOLS).list().map(toPoolFacts),
    nodes: cache(NODES)
      .list()
      .map((node) => toNodeFacts(node as Node)),
    pods: cache(PODS)
      .list()
      .map((pod) => toPodFacts(pod as Pod)),
    podGroups: cache(POD_GROUPS).list().map(toPodGroupFacts),
    moves: cache(NODE_MOVES).list().map(toMoveFacts),
    queues: volcano ? cache(QUEUES).list().map(toQueueFacts) : undefined,
    namespaceBuckets,
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
