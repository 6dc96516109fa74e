/** A small fleet for tests of the plan: written down in a line, and changed by what the plan decides. PURE. */
import { CapacityBucket, CapacityPool, type CapacityBucketSpec, type CapacityPoolSpec } from '../../api';
import type { MoveFacts, NodeFacts, PodFacts, PodGroupFacts } from '../../fleet';
import { inBucket, makeMoveFacts, makeNodeFacts, makePodFacts } from '../../fleet/testing';
import type { BucketFacts, CapacityAction, CapacitySnapshot, PoolFacts, QueueFacts } from './snapshot';

/** A bucket of p5 nodes; the spec is what a person would write. */
export function makeBucket(name: string, spec: object = {}, status: BucketFacts['status'] = {}): BucketFacts {
  const object = CapacityBucket.make(name, { nodes: { max: 100 }, instanceTypes: ['p5.48xlarge'], ...spec });
  return {
    name,
    resourceVersion: '1',
    generation: 1,
    deleting: false,
    spec: object.spec as CapacityBucketSpec,
    status,
  };
}

/** The block `p5`, unless the spec says otherwise, after pools has looked at it. */
export function makePool(name: string, spec: object = {}, status: PoolFacts['status'] = {}): PoolFacts {
  const block = { source: 'Block', reservationId: 'cr-0abc', availabilityZone: 'us-east-2a' };
  const source = 'source' in spec ? {} : block;
  const object = CapacityPool.make(name, {
    instanceType: 'p5.48xlarge',
    nodeClassRef: { name: 'p5' },
    ...source,
    ...spec,
  } as any);
  return {
    name,
    resourceVersion: '1',
    deleting: false,
    spec: object.spec as CapacityPoolSpec,
    status: { observedGeneration: 1, ...status },
  };
}

/** An on-demand pool of l40s nodes. */
export function makeOnDemand(
  name: string,
  max: number,
  spec: object = {},
  status: PoolFacts['status'] = {},
): PoolFacts {
  return makePool(name, { source: 'OnDemand', instanceType: 'g6e.48xlarge', nodes: { max }, ...spec }, status);
}

/** `count` nodes named `<pool>-<i>` from `first`. */
export function makeNodes(count: number, overrides: Partial<NodeFacts> = {}, first = 0): NodeFacts[] {
  const pool = overrides.pool ?? 'p5';
  return Array.from({ length: count }, (_, i) => makeNodeFacts({ ...overrides, pool, name: `${pool}-${first + i}` }));
}

/** A gang of `size` pods that ask for 8 GPUs each, and its PodGroup. */
export function makeGang(
  name: string,
  size: number,
  overrides: Partial<PodFacts> = {},
): { readonly podGroup: PodGroupFacts; readonly pods: PodFacts[] } {
  const gang = `default/${name}`;
  const bucket = overrides.bucket ?? 'training';
  return {
    podGroup: {
      key: gang,
      namespace: 'default',
      minMember: size,
      minResources: {},
      queue: bucket,
      phase: 'Inqueue',
      everPlaced: false,
      oneLeaf: false,
      createdAtMs: overrides.createdAtMs ?? 0,
    },
    pods: Array.from({ length: size }, (_, i) => makePodFacts({ ...overrides, name: `${name}-${i}`, gang, bucket })),
  };
}

/** A snapshot of these parts. */
export function makeSnapshot(parts: Partial<CapacitySnapshot> = {}): CapacitySnapshot {
  return {
    buckets: [],
    pools: [makePool('p5')],
    nodes: [],
    pods: [],
    podGroups: [],
    moves: [],
    namespaceBuckets: new Map(),
    ...parts,
  };
}

/** The snapshot as it is right after the actions were written, before anybody else acted on them. */
export function written(
  snapshot: CapacitySnapshot,
  actions: readonly CapacityAction[],
  nowMs: number,
): CapacitySnapshot {
  let { buckets, pools, pods, queues = [] } = snapshot;
  const moves: MoveFacts[] = [...snapshot.moves];
  for (const action of actions) {
    switch (action.type) {
      case 'CreateMove':
        moves.push(pendingMove(action, nowMs));
        break;
      case 'RequestNodes':
        pools = pools.map((pool) =>
          pool.name === action.pool ? { ...pool, status: { ...pool.status, requested: action.nodes } } : pool,
        );
        break;
      case 'ApplyQueue': {
        const queue: QueueFacts = { name: action.name, uid: action.name, ours: true, spec: action.spec };
        queues = [...queues.filter(({ name }) => name !== action.name), queue];
        break;
      }
      case 'DeleteQueue':
        queues = queues.filter(({ name }) => name !== action.name);
        break;
      case 'SetDeletionCost':
        pods = withCost(pods, action);
        break;
      case 'WriteStatus':
        buckets = buckets.map((bucket) =>
          bucket.name === action.bucket ? { ...bucket, status: action.status } : bucket,
        );
        break;
    }
  }
  return { ...snapshot, buckets, pools, pods, moves, ...(snapshot.queues ? { queues } : {}) };
}

function pendingMove(
  { name, bucket, nodes }: Extract<CapacityAction, { readonly type: 'CreateMove' }>,
  createdAtMs: number,
): MoveFacts {
  return makeMoveFacts({
    name,
    to: bucket === undefined ? 'Release' : 'Bucket',
    bucket,
    nodes: nodes.map((node) => ({ name: node, step: 'Pending' })),
    createdAtMs,
  });
}

function withCost(
  pods: readonly PodFacts[],
  { uid, cost }: Extract<CapacityAction, { readonly type: 'SetDeletionCost' }>,
): readonly PodFacts[] {
  return pods.map((pod) => (pod.uid === uid ? { ...pod, deletionCost: cost } : pod));
}

/** The snapshot after the moves controller has carried out every live move, and pools has removed what was given back. */
export function carriedOut(snapshot: CapacitySnapshot, nowMs: number): CapacitySnapshot {
  const nodes = new Map(snapshot.nodes.map((node) => [node.name, node] as const));
  const moves = snapshot.moves.map((move): MoveFacts => {
    if (move.finishedAtMs !== undefined) return move;
    const moved = move.nodes.map(({ name }) => {
      const node = nodes.get(name);
      const from = node?.bucket;
      if (node && move.bucket !== undefined) nodes.set(name, { ...node, ...inBucket(move.bucket, nowMs) });
      else nodes.delete(name);
      return { name, step: node ? ('HandedOver' as const) : ('Lost' as const), from, sinceMs: nowMs };
    });
    return { ...move, nodes: moved, finishedAtMs: nowMs };
  });
  return { ...snapshot, moves, nodes: [...nodes.values()] };
}
