/**
 * Memory of `idleFor`: how many nodes a bucket has had without need, and since when. PURE.
 *
 * A rising staircase: at least `nodes` of them since `since`. When surplus falls, the stairs above are gone; when it rises, a stair
 * is added now. So what the stairs say of a time is the least surplus since then, whichever nodes it was: pods hop between nodes,
 * and a surplus of two is a surplus of two. Kept in the bucket's status; a restart forgets nothing.
 */
import { formatTime, parseTime } from '../../domain/kube';

/** One stair, as in the status. */
export interface Stair {
  readonly nodes: number;
  /** RFC 3339. */
  readonly since: string;
}

const MOST_STAIRS = 8;

/** The stairs now that `nodes` are surplus. */
export function nextStairs(stairs: readonly Stair[], nodes: number, nowMs: number): readonly Stair[] {
  const kept: Stair[] = [];
  for (const stair of stairs) {
    if (stair.nodes >= nodes) {
      if (nodes > (kept.at(-1)?.nodes ?? 0)) kept.push({ nodes, since: stair.since });
      return kept;
    }
    kept.push(stair);
  }
  if (nodes === (kept.at(-1)?.nodes ?? 0)) return kept;
  // Too many stairs: the top ones become one, as late as the latest, so that nothing counts too early.
  return [...kept.slice(0, MOST_STAIRS - 1), { nodes, since: formatTime(nowMs) }];
}

/** How many nodes have been surplus for at least this long. */
export function maturedSurplus(stairs: readonly Stair[], forMs: number, nowMs: number): number {
  let nodes = 0;
  for (const stair of stairs) if ((parseTime(stair.since) ?? nowMs) + forMs <= nowMs) nodes = stair.nodes;
  return nodes;
}

/** When (epoch ms) the next stair matures. */
export function nextMaturity(stairs: readonly Stair[], forMs: number, nowMs: number): number | undefined {
  const times = stairs.map(({ since }) => (parseTime(since) ?? nowMs) + forMs).filter((atMs) => atMs > nowMs);
  return times.length > 0 ? Math.min(...times) : undefined;
}
