/**
 * How many there are and how many are away: for the fleet, for each bucket, for each leaf, and for the nodes of a pool that have no
 * bucket. PURE.
 *
 * Two traps, both met by others: a node that is away and in the history is one node, and a node that was replaced still belongs to the
 * number that percentages are of, or every removal would make room for fewer, and a fleet that shrinks would be eaten to the end.
 */
import { UNKNOWN_LEAF, type NodePhase } from '../../fleet';
import { machineOf, type BrakeNode, type PastRemoval } from './removals';

/** The window of `perHour`, and of the one that a small group may lose. */
export const HOUR_MS = 3_600_000;

/** Nodes that brakes count together. */
export interface Group {
  /** For people: `bucket training`, `leaf nn-3`, `pool p5`. */
  readonly name: string;
  /** Nodes it has, those that are away or were removed within the hour included. */
  readonly population: number;
  /** Machines that are away for their health now. Grows while removals are allowed. */
  readonly away: Set<string>;
  /** Machines removed within the hour → when. Grows too. */
  readonly removedMs: Map<string, number>;
}

/** Every group of the fleet, by key. */
export type Groups = ReadonlyMap<string, Group>;

type Placed = Pick<BrakeNode, 'pool' | 'bucket' | 'leaf'>;

/** Key of the whole fleet. */
export const FLEET = 'fleet';

/** Keys of the groups that a node belongs to. The unknown leaf is no leaf: its nodes may be anywhere. */
export function groupKeys({ pool, bucket, leaf }: Placed): readonly string[] {
  const place = bucket === undefined ? `pool ${pool}` : `bucket ${bucket}`;
  return leaf === UNKNOWN_LEAF ? [FLEET, place] : [FLEET, place, `leaf ${leaf}`];
}

/** Nodes that are nobody's to count: going anyway, or in a person's hands. */
const UNCOUNTED: ReadonlySet<NodePhase> = new Set<NodePhase>(['Leaving', 'Cordoned', 'Held']);

/** Counts the fleet and its history. */
export function countGroups(nodes: readonly BrakeNode[], history: readonly PastRemoval[], nowMs: number): Groups {
  const real = history.filter(({ outcome }) => outcome !== 'NotSent');
  const away = real.filter(({ endedAtMs }) => endedAtMs === undefined || endedAtMs > nowMs);
  const recent = real.filter(({ atMs }) => atMs > nowMs - HOUR_MS);
  const gone = [...away, ...recent];
  const counted = nodes.filter(({ phase }) => !UNCOUNTED.has(phase));
  const keys = new Set([...counted, ...nodes, ...gone].flatMap(groupKeys));
  const groups = new Map<string, Group>();
  for (const key of [...keys].sort())
    groups.set(key, { name: key, population: 0, away: new Set(), removedMs: new Map() });
  for (const one of away) for (const key of groupKeys(one)) groups.get(key)!.away.add(machineOf(one));
  for (const one of recent) {
    for (const key of groupKeys(one)) noteRemoval(groups.get(key)!, machineOf(one), one.atMs);
  }
  const populations = populationOf(counted, gone);
  return new Map([...groups].map(([key, group]) => [key, { ...group, population: populations.get(key) ?? 0 }]));
}

/** Marks one removal, once for each machine. */
export function noteRemoval({ removedMs }: Group, machine: string, atMs: number): void {
  removedMs.set(machine, Math.max(atMs, removedMs.get(machine) ?? 0));
}

/**
 * By group: who is there now, or who was there before the first of these removals, whichever is more. So a node that was removed goes on
 * counting, and the one that came in its place is not counted beside it.
 */
function populationOf(now: readonly BrakeNode[], gone: readonly PastRemoval[]): ReadonlyMap<string, number> {
  const firstMs = new Map<string, number>();
  for (const one of gone) {
    for (const key of groupKeys(one)) firstMs.set(key, Math.min(one.atMs, firstMs.get(key) ?? Infinity));
  }
  const present = new Map<string, Set<string>>();
  const before = new Map<string, Set<string>>();
  const add = (to: Map<string, Set<string>>, key: string, name: string) =>
    void to.set(key, (to.get(key) ?? new Set()).add(name));
  for (const node of now) {
    const machine = machineOf({ node: node.name, providerID: node.providerID });
    for (const key of groupKeys(node)) {
      add(present, key, machine);
      if (node.createdAtMs <= (firstMs.get(key) ?? Infinity)) add(before, key, machine);
    }
  }
  for (const one of gone) for (const key of groupKeys(one)) add(before, key, machineOf(one));
  const keys = new Set([...present.keys(), ...before.keys()]);
  return new Map([...keys].map((key) => [key, Math.max(present.get(key)?.size ?? 0, before.get(key)?.size ?? 0)]));
}
