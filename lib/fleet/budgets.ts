/** Brakes on moving nodes: so many at once, so many within an hour. Rebuilt from the NodeMoves themselves, so a restart forgets nothing. */
import { isLive, type MovedNode, type MoveFacts } from './moves';

/** The window of `perHour`. */
export const HOUR_MS = 3_600_000;

/** Bounds on nodes that leave one bucket. */
export interface MoveBounds {
  /** Most nodes within any hour. */
  readonly perHour: number;
  /** Most nodes at once. */
  readonly inFlight: number;
}

/** What a bucket may still lose now. Spent inside the planning loop. */
export interface MoveBudget {
  /** Nodes that may still leave. */
  left: number;
  /** Which bound is the tight one. */
  readonly bound: 'perHour' | 'inFlight';
  /** When (epoch ms) the window lets the next node go; only for `perHour`. */
  readonly nextAtMs?: number;
}

/** Departure times and live departures of one bucket. */
export interface Departures {
  /** When (epoch ms) each node of the last hour left, ascending. */
  readonly atMs: readonly number[];
  /** Nodes leaving now; they are also in `atMs`. */
  readonly live: number;
}

const NONE: Departures = { atMs: [], live: 0 };

/** Departures by bucket within the last hour. `bucketOfNode`: for moves that have not said yet where a node came from. */
export function departures(
  moves: readonly MoveFacts[],
  bucketOfNode: (node: string) => string | undefined,
  nowMs: number,
): ReadonlyMap<string, Departures> {
  const found = new Map<string, { atMs: number[]; live: number }>();
  // Most moves are history.
  const young = ({ createdAtMs }: MoveFacts) => createdAtMs > nowMs - HOUR_MS;
  for (const move of moves.filter((one) => one.finishedAtMs === undefined || young(one))) {
    for (const node of move.nodes) {
      const live = isLive(move, node);
      const recent = young(move) && node.step !== 'Aborted';
      const from = live || recent ? originOf(move, node, bucketOfNode) : undefined;
      if (from === undefined) continue;
      if (!found.has(from)) found.set(from, { atMs: [], live: 0 });
      const entry = found.get(from)!;
      if (recent) entry.atMs.push(move.createdAtMs);
      entry.live += Number(live);
    }
  }
  for (const { atMs } of found.values()) atMs.sort((a, b) => a - b);
  return found;
}

/** The bucket a node leaves by this move. A finished move says it itself: the label now is where the node went. */
function originOf(
  move: MoveFacts,
  node: MovedNode,
  bucketOfNode: (node: string) => string | undefined,
): string | undefined {
  const from = node.from ?? (isLive(move, node) ? bucketOfNode(node.name) : undefined);
  return from === move.bucket ? undefined : from;
}

/** What may still leave, by both bounds. */
export function moveBudget(bounds: MoveBounds, gone: Departures = NONE): MoveBudget {
  const hourLeft = bounds.perHour - gone.atMs.length;
  const flightLeft = bounds.inFlight - gone.live;
  if (flightLeft <= hourLeft) return { left: Math.max(0, flightLeft), bound: 'inFlight' };
  // Once this many of the oldest have left the window, one more may go.
  const oldest = gone.atMs[gone.atMs.length - bounds.perHour];
  return {
    left: Math.max(0, hourLeft),
    bound: 'perHour',
    nextAtMs: oldest === undefined ? undefined : oldest + HOUR_MS,
  };
}
