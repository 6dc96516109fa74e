/**
 * Supply: the only controller that makes or removes nodes. PURE.
 *
 * Each CapacityPool is one static NodePool of the same name, or the nodes of a managed node group, which EKS sizes: of that 4 to 6 and 8. For each pool, in this order:
 *   1. hold it: the finalizer, so that its NodePool never outlives it unseen
 *   2. where it should go: from EC2's window (blocks, reservations) or from capacity's word (on demand), see state.ts
 *   3. the two numbers of the NodePool that lead there without Karpenter choosing a victim, see sizing.ts
 *   4. nodes emptied by a move leave by name, once the limit is low enough that nothing replaces them, see removal.ts
 *   5. the end of a block: ask every node to leave, ahead of time; take it back when the block is extended, see departure.ts
 *   6. instances of a managed node group that a move has emptied are ended, and the group makes others
 *   7. drains that hang past their deadline are cut short
 *   8. say all this in the status, when something changed
 * Nothing is remembered between two looks but what NodePool, NodeMoves, Nodes and the status say.
 */
import { EC2_LEAD_MS } from '../../fleet';
import type { PoolAction, PoolsPlan } from './actions';
import { LAUNCH_PATIENCE_MS, RETRY_MS } from './back-off';
import { departureMoves, deletionStep, DELETE_PATIENCE_MS, POOL_FINALIZER, withdrawnMoves } from './departure';
import { jsonEqual } from '../../domain/json-equal';
import { needsApply, renderNodePool } from './node-pool';
import { deletions, drainDeadlineMs, endings, hangingDrains } from './removal';
import { nextMoments, renderStatus } from './report';
import { FORGOTTEN_AFTER_MS } from './sizing';
import type { PoolsSnapshot } from './snapshot';
import { lookAt, type PoolState } from './state';
import { nextWindowReadMs } from './window';

/** Decides for all pools. */
export function planPools(snapshot: PoolsSnapshot, nowMs: number): PoolsPlan {
  const actions: PoolAction[] = [];
  const moments: number[] = [];
  for (const pool of snapshot.pools) {
    const state = lookAt(pool, snapshot, nowMs);
    actions.push(...planPool(state, snapshot, nowMs));
    moments.push(...momentsOf(state, snapshot));
  }
  const next = Math.min(...moments.filter((atMs) => atMs > nowMs));
  return { actions, requeueAfterMs: Number.isFinite(next) ? next - nowMs : undefined };
}

function planPool(state: PoolState, snapshot: PoolsSnapshot, nowMs: number): PoolAction[] {
  const { pool, claims } = state;
  const held = holdPool(state);
  if (held) return [held];
  const sizing = applySize(state);
  // While the limit is on its way nothing is deleted: it would be replaced.
  const mayRemove = state.size !== undefined && sizing === undefined;
  return [
    ...(sizing ? [sizing] : []),
    ...(mayRemove ? deletions(state.released, false) : []),
    ...(state.size ? deletions(state.replaced, true) : []),
    ...endedInstances(state, snapshot, nowMs),
    ...departures(state, snapshot),
    ...hangingDrains(pool, claims, snapshot.moves, nowMs),
    ...withStatus(state, nowMs),
    ...[deletionStep(pool, state.nodePool, state.nodes, nowMs)].filter((action) => action !== undefined),
  ];
}

/** Released ones are left to the group: whoever makes it smaller, or EKS before the end of the block, ends them. */
function endedInstances({ pool, spec, replaced }: PoolState, { askedUntilMs }: PoolsSnapshot, nowMs: number) {
  if (spec?.nodeGroup === undefined) return [];
  return endings(pool.name, spec.nodeGroup, replaced, (providerID) => (askedUntilMs.get(providerID) ?? 0) <= nowMs);
}

/** The finalizer comes before the NodePool. */
function holdPool({ pool, spec }: PoolState): PoolAction | undefined {
  const { name, resourceVersion, finalizers, deletionMs } = pool;
  if (!spec || spec.nodeGroup !== undefined || deletionMs !== undefined || finalizers.includes(POOL_FINALIZER))
    return undefined;
  return {
    type: 'SetFinalizers',
    pool: name,
    resourceVersion,
    finalizers: [...finalizers, POOL_FINALIZER],
    why: 'its NodePool must not outlive it',
  };
}

function applySize({ pool, spec, nodePool, size }: PoolState): PoolAction | undefined {
  if (!spec || !size) return undefined;
  if (!nodePool) {
    // A deleted pool that never had a NodePool does not get one now.
    if (pool.deletionMs !== undefined) return undefined;
    const object = renderNodePool(pool.name, spec, size, undefined);
    const why = `a new pool of ${size.replicas}`;
    return { type: 'ApplyNodePool', pool: pool.name, object, size, before: undefined, why };
  }
  const object = renderNodePool(pool.name, spec, size, nodePool.resourceVersion);
  if (nodePool.deleting || !needsApply(object, nodePool.object)) return undefined;
  const before = { replicas: nodePool.replicas, limit: nodePool.limit };
  const why = `replicas ${before.replicas} → ${size.replicas}, limits.nodes ${before.limit} → ${size.limit}`;
  return { type: 'ApplyNodePool', pool: pool.name, object, size, before, why };
}

function departures(state: PoolState, snapshot: PoolsSnapshot): PoolAction[] {
  const { pool, nodes, phase, times, window } = state;
  if (pool.deletionMs !== undefined) {
    const endMs = pool.deletionMs;
    const deadlineMs = endMs + DELETE_PATIENCE_MS;
    const why = `CapacityPool ${pool.name} was deleted`;
    // With none of them in a bucket the NodePool goes now, and they with it: a move would look for a node that is gone.
    const asks = state.nodePool?.ours && nodes.some(({ inBucket }) => inBucket);
    return asks ? departureMoves({ reason: 'Capacity', endMs, deadlineMs, why }, nodes, snapshot) : [];
  }
  if (phase === 'Active') return withdrawnMoves(pool.name, snapshot.moves, window?.end);
  if (phase !== 'Ending' || !times) return [];
  const { endMs } = times;
  const why = `the block of CapacityPool ${pool.name} ends at ${window?.end}`;
  return departureMoves({ reason: 'BlockEnd', endMs, deadlineMs: endMs - EC2_LEAD_MS, why }, nodes, snapshot);
}

function withStatus(state: PoolState, nowMs: number): PoolAction[] {
  const { requested: _, ...before } = state.pool.status;
  const status = renderStatus(state, nowMs);
  const { name, resourceVersion } = state.pool;
  return jsonEqual(status, before) ? [] : [{ type: 'WriteStatus', pool: name, resourceVersion, status, before }];
}

/** Moments at which this pool is to be looked at again. */
function momentsOf(state: PoolState, snapshot: PoolsSnapshot): number[] {
  const { pool, spec, window, claims } = state;
  const reads = spec?.reservationId && pool.deletionMs === undefined ? [nextWindowReadMs(window)] : [];
  const drains = claims.flatMap((claim) => drainDeadlineMs(pool, claim, snapshot.moves) ?? []);
  const asks = state.replaced.flatMap(({ node }) => snapshot.askedUntilMs.get(node.providerID!) ?? []);
  return [...reads, ...drains, ...asks, ...nextMoments(state, [RETRY_MS, FORGOTTEN_AFTER_MS, LAUNCH_PATIENCE_MS])];
}
