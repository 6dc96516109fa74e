/**
 * Nodes that leave by name. PURE.
 *
 * A NodeMove brings a node to step Empty and waits; then the node is ours. Release: the limit is lowered first (sizing.ts), in a
 * later look the Node is deleted, and when Node and NodeClaim are gone the replicas follow. Replacement: the Node is deleted, and
 * Karpenter makes another; of a managed node group the instance is ended, and the group makes another. Where we are is read from NodePool, NodeMove and Node, so it does not matter when we die.
 */
import { parseDuration } from '../../domain/duration';
import type { Node } from '../../domain/kube';
import { formatTime } from '../../domain/kube';
import { toNodeFacts } from '../../fleet';
import type { DeleteNode, EmptiedInstance, PoolAction } from './actions';
import type { ClaimFacts, MoveFacts, PoolFacts, SuppliedNode } from './snapshot';

/** A drain that Karpenter should have ended by itself gets this much more time before we say so. */
const DRAIN_SLACK_MS = 60_000;

/** A node that a move has emptied for Release or Replacement. */
export interface EmptiedNode {
  readonly node: SuppliedNode;
  readonly move: MoveFacts;
}

/** Emptied nodes of these that still exist as exactly the instance that was emptied, by destination, sorted by name. */
export function emptiedNodes(
  nodes: readonly SuppliedNode[],
  moves: readonly MoveFacts[],
  to: 'Release' | 'Replacement',
): EmptiedNode[] {
  const emptied = new Map<string, MoveFacts>();
  for (const move of moves) {
    if (move.to !== to || move.deleting) continue;
    for (const { name, step, providerID } of move.nodes) {
      if (step === 'Empty') emptied.set(`${move.name} ${name} ${providerID}`, move);
    }
  }
  return nodes.flatMap((node) => {
    // The claim on the Node and the instance in the move: only together they say that this very node was emptied.
    const move = emptied.get(`${node.claimedBy} ${node.name} ${node.providerID}`);
    return move ? [{ node, move }] : [];
  });
}

/** Deletes of emptied nodes that are not going yet. */
export function deletions(emptied: readonly EmptiedNode[], replace: boolean): DeleteNode[] {
  return emptied
    .filter(({ node }) => node.deletionMs === undefined && !node.held)
    .map(({ node, move }) => ({
      type: 'DeleteNode',
      pool: node.pool,
      node: node.name,
      uid: node.uid,
      providerID: node.providerID!,
      move: move.name,
      replace,
      why: `NodeMove ${move.name} emptied it for ${move.to}`,
    }));
}

/** EC2 takes so many instances in one call. */
const MOST_INSTANCES = 100;

/** Ends the instances of emptied nodes of a node group, all of them in one call: it has no Node to delete, the group makes others. */
export function endings(
  pool: string,
  nodeGroup: string,
  emptied: readonly EmptiedNode[],
  mayAsk: (providerID: string) => boolean,
): PoolAction[] {
  const nodes = emptied
    .filter(({ node }) => node.deletionMs === undefined && !node.held && mayAsk(node.providerID!))
    .map(({ node: { name, uid, providerID }, move }) => {
      return { node: name, uid, providerID: providerID!, move: move.name };
    })
    .slice(0, MOST_INSTANCES);
  if (nodes.length === 0) return [];
  const moves = [...new Set(nodes.map(({ move }) => move))].join(', ');
  const why = `${moves} emptied ${nodes.length === 1 ? 'it' : 'them'} for Replacement`;
  return [{ type: 'EndInstances', pool, nodeGroup, nodes, why }];
}

/** Why the live Node is not to be removed after all; undefined when it is exactly what was decided on. */
export function refuseDelete(live: Node, action: EmptiedInstance): string | undefined {
  const node = toNodeFacts(live);
  if (node.uid !== action.uid) return `another Node has the name ${action.node} now`;
  if (node.providerID !== action.providerID) return `its instance is ${node.providerID}, not ${action.providerID}`;
  if (node.claim !== action.move) return `NodeMove ${action.move} does not claim it any more`;
  if (node.held) return 'a person holds it';
  return undefined;
}

/** Drains that hang past their deadline, and that nobody has told to end. */
export function hangingDrains(
  pool: PoolFacts,
  claims: readonly ClaimFacts[],
  moves: readonly MoveFacts[],
  nowMs: number,
): PoolAction[] {
  const actions: PoolAction[] = [];
  for (const claim of claims) {
    const deadlineMs = drainDeadlineMs(pool, claim, moves);
    if (deadlineMs === undefined || nowMs < deadlineMs) continue;
    if (claim.terminationMs !== undefined && claim.terminationMs <= nowMs) continue;
    const why = `its drain should have ended at ${formatTime(deadlineMs)}`;
    actions.push({ type: 'CutDrainShort', pool: pool.name, claim: claim.name, atMs: nowMs, why });
  }
  return actions;
}

/** When the drain of this NodeClaim should be over; undefined when it is not draining. */
export function drainDeadlineMs(pool: PoolFacts, claim: ClaimFacts, moves: readonly MoveFacts[]): number | undefined {
  if (claim.deletionMs === undefined || !pool.spec || claim.nodeName === undefined) return undefined;
  const graceMs = parseDuration(pool.spec.terminationGracePeriod);
  const deadlines = moves
    .filter(
      ({ nodes, to }) =>
        (to === 'Release' || to === 'Replacement') && nodes.some(({ name }) => name === claim.nodeName),
    )
    .flatMap(({ deadlineMs }) => (deadlineMs === undefined ? [] : [deadlineMs]));
  return Math.min(claim.deletionMs + graceMs + DRAIN_SLACK_MS, ...deadlines);
}
