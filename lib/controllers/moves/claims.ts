/**
 * Which move gets which node. PURE.
 *
 * The highest reason first; equal reasons by creation, then by name. Whoever has claimed a node keeps it, unless a strictly higher
 * reason wants it: then the claim changes hands in one patch, and the first move learns that it lost the node.
 */
import { FINAL_STEPS, REASON_RANK, type MoveStep, type NodeMoveStatus } from '../../api';
import type { MoveState, MovesSnapshot } from './snapshot';

/** What a move has recorded about one of its nodes. */
export type MovedNode = NonNullable<NodeMoveStatus['nodes']>[number];

/** Why moves cannot do this at all; undefined when it can. */
export function refusalOf(move: MoveState): string | undefined {
  return move.errors?.map(({ path, message }) => `${path}: ${message}`).join('; ');
}

/** Whether the move still has something to do. */
export function isLiveMove(move: MoveState): boolean {
  return !move.deleting && move.status.finishedAt === undefined && refusalOf(move) === undefined;
}

/** What the move has recorded about this node; Pending when nothing. */
export function recordOf(move: MoveState, node: string): MovedNode {
  return move.status.nodes?.find(({ name }) => name === node) ?? { name: node, step: 'Pending' };
}

/** Whether nothing happens after this step any more. */
export function isFinal(step: MoveStep): boolean {
  return FINAL_STEPS.includes(step);
}

/** Node → name of the move that should have it. */
export function winners({ moves, nodes }: Pick<MovesSnapshot, 'moves' | 'nodes'>): ReadonlyMap<string, string> {
  const best = new Map<string, MoveState>();
  for (const move of moves) {
    if (!isLiveMove(move)) continue;
    for (const name of move.spec!.nodes) {
      if (isFinal(recordOf(move, name).step)) continue;
      const known = best.get(name);
      if (!known || outranks(move, known, nodes.get(name)?.claim)) best.set(name, move);
    }
  }
  return new Map([...best].map(([node, { name }]) => [node, name] as const));
}

function outranks(a: MoveState, b: MoveState, claimer: string | undefined): boolean {
  const byReason = REASON_RANK[a.spec!.reason] - REASON_RANK[b.spec!.reason];
  if (byReason !== 0) return byReason > 0;
  if (claimer === a.name || claimer === b.name) return claimer === a.name;
  return a.createdMs !== b.createdMs ? a.createdMs < b.createdMs : a.name < b.name;
}

/** Moves in the order they are served: highest reason first, then oldest, then by name; those without a valid spec last. */
export function byRank(moves: readonly MoveState[]): MoveState[] {
  const rank = ({ spec }: MoveState) => (spec ? REASON_RANK[spec.reason] : -1);
  return [...moves].sort((a, b) => rank(b) - rank(a) || a.createdMs - b.createdMs || (a.name < b.name ? -1 : 1));
}
