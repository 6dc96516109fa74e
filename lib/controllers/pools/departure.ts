/**
 * When all nodes of a pool must go: its block ends, or the CapacityPool was deleted. PURE.
 *
 * Pools takes no node from work itself; it asks, with one NodeMove to Release per node. Their names follow from node and end, so
 * asking twice is asking once. When the end moves away (a block is extended under the same id) the moves are deleted, which aborts
 * them.
 *
 * Deleting a CapacityPool must never hang. The rule: nothing that dies is replaced; idle nodes leave by name; as soon as no node is
 * in a bucket, and after 5 minutes at the latest, the NodePool is deleted whatever runs there, and Karpenter drains the rest with
 * `terminationGracePeriod`. The CapacityPool itself goes when the NodePool is gone; it does not wait for the drains. Without
 * controllers nobody takes the finalizer `aicluster.dev/nodepool` off: delete pools before the controllers, or remove it by hand.
 */
import type { MoveReason } from '../../api';
import { formatTime } from '../../domain/kube';
import { GROUP } from '../../domain/node-keys';
import type { PoolAction } from './actions';
import type { MoveFacts, NodePoolFacts, PoolFacts, PoolsSnapshot, SuppliedNode } from './snapshot';

/** Holds a CapacityPool until its NodePool is gone. */
export const POOL_FINALIZER = `${GROUP}/nodepool`;
/** How long the nodes of a deleted CapacityPool may take to leave their work. CloudFormation waits 15 minutes in all. */
export const DELETE_PATIENCE_MS = 5 * 60_000;

/** Why every node of a pool is asked to leave. */
export interface Departure {
  readonly reason: MoveReason;
  /** Identifies this end: another end of the same pool makes other moves. */
  readonly endMs: number;
  /** When moves stops waiting for pods. */
  readonly deadlineMs: number;
  readonly why: string;
}

/** NodeMoves for the nodes nobody has asked to leave yet. */
export function departureMoves(
  departure: Departure,
  nodes: readonly SuppliedNode[],
  { moves, moveNames }: Pick<PoolsSnapshot, 'moves' | 'moveNames'>,
): PoolAction[] {
  const leaving = new Set(
    moves.filter(({ to, deleting }) => to === 'Release' && !deleting).flatMap(({ wants }) => wants),
  );
  const { reason, endMs, deadlineMs, why } = departure;
  return nodes
    .filter((node) => node.deletionMs === undefined && !leaving.has(node.name))
    .map((node) => ({ node, name: moveName(node.name, endMs) }))
    .filter(({ name }) => !moveNames.has(name))
    .map(({ node, name }) => ({
      type: 'CreateMove',
      pool: node.pool,
      name,
      node: node.name,
      reason,
      deadlineMs,
      why,
    }));
}

function moveName(node: string, endMs: number): string {
  return `${node.slice(0, 200)}-leaves-${Math.round(endMs / 1000).toString(36)}`;
}

/** Takes back what was asked for an end that is not near any more. */
export function withdrawnMoves(pool: string, moves: readonly MoveFacts[], end: string | undefined): PoolAction[] {
  return moves
    .filter(({ madeFor, reason, deleting }) => madeFor === pool && reason === 'BlockEnd' && !deleting)
    .map(({ name, uid }) => ({
      type: 'DeleteMove',
      pool,
      move: name,
      uid,
      why: end ? `the block was extended to ${end}` : 'the reservation has no end any more',
    }));
}

/** The next step of a deletion, when it is due: delete the NodePool, then let the CapacityPool go. */
export function deletionStep(
  pool: PoolFacts,
  nodePool: NodePoolFacts | undefined,
  nodes: readonly SuppliedNode[],
  nowMs: number,
): PoolAction | undefined {
  if (pool.deletionMs === undefined || !pool.finalizers.includes(POOL_FINALIZER)) return undefined;
  if (!nodePool?.ours) {
    const finalizers = pool.finalizers.filter((name) => name !== POOL_FINALIZER);
    const { name, resourceVersion } = pool;
    return { type: 'SetFinalizers', pool: name, resourceVersion, finalizers, why: 'its NodePool is gone' };
  }
  const working = nodes.filter(({ inBucket }) => inBucket).length;
  const patienceEndsMs = pool.deletionMs + DELETE_PATIENCE_MS;
  if (nodePool.deleting || (working > 0 && nowMs < patienceEndsMs)) return undefined;
  const why =
    working === 0
      ? 'no node of it is in a bucket'
      : `${working} nodes were still in a bucket at ${formatTime(patienceEndsMs)}`;
  return { type: 'DeleteNodePool', pool: pool.name, uid: nodePool.uid, why };
}
