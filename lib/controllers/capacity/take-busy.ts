/** For whom running work gives way: units that get all they lack, and minimums, as far as that goes. PURE. */
import type { Bargain } from './busy-supply';
import type { Unit, UnitPods } from './demand';
import type { NodeFilter } from './placement';
import type { Floor, Supply } from './supply';
import { filtersFor, sizeOf, type Purpose, type Work } from './work';

/** How a unit is served. */
export interface Way {
  readonly type: string;
  readonly purpose: Purpose;
}

/** Notes fresh nodes that units with a place need. */
export function need(work: Work, type: string, nodes: number): void {
  work.needed.set(type, (work.needed.get(type) ?? 0) + nodes);
}

/** A minimum is no gang: each node counts, so what can be had is had. */
export function takeForMinimum(work: Work, purpose: Purpose, supply: Supply, floor: Floor = 'Minimum'): void {
  for (const type of work.spec.instanceTypes) {
    const missing = work.spec.nodes.min - sizeOf(work);
    if (missing <= 0 || !supply.busy.worthwhile(work)) return;
    const wish = {
      type,
      filter: {},
      count: Math.min(missing, supply.busy.available(work, { type, filter: {} }, floor)),
    };
    const bargain = wish.count > 0 ? supply.busy.find(work, wish, floor) : undefined;
    if (bargain) supply.busy.take(work, { ...wish, purpose }, bargain, floor);
  }
}

/** What serves the first so many of some units. */
interface Found {
  readonly units: number;
  readonly filter: NodeFilter;
  readonly missing: number;
  readonly bargain: Bargain;
}

/**
 * Takes busy nodes (and free ones that are left) for units that accept the same nodes: a gang, or pods, of which as many get a place
 * as there are nodes for. Returns how many were served, from the first on.
 */
export function takeForUnits(work: Work, units: readonly Unit[], { type, purpose }: Way, supply: Supply): number {
  if (!supply.busy.worthwhile(work)) return 0;
  let best: Found | undefined;
  const leaves = () => [...supply.leaves(type), ...supply.busy.nodes.leaves(work, type)];
  for (const filter of filtersFor(work, units[0]!, type, leaves)) {
    const found = find(work, units, { type, filter }, supply);
    if (found && (!best || found.bargain.choice.cost < best.bargain.choice.cost)) best = found;
  }
  if (!best) return 0;
  const { filter, missing } = best;
  const trial = work.packings.get(type)!.try(podsOf(units.slice(0, best.units)), filter, missing)!;
  need(work, type, trial.opened + trial.missing);
  supply.busy.take(work, { type, filter, purpose, count: missing }, best.bargain);
  for (const unit of units.slice(0, best.units)) work.unmet.delete(unit);
  return best.units;
}

function find(
  work: Work,
  units: readonly Unit[],
  { type, filter }: { readonly type: string; readonly filter: NodeFilter },
  supply: Supply,
): Found | undefined {
  const packing = work.packings.get(type)!;
  const room = Math.max(0, Math.min(work.spec.nodes.max - sizeOf(work), supply.busy.available(work, { type, filter })));
  const missingOf = (count: number) => {
    const trial = packing.try(podsOf(units.slice(0, count)), filter, room);
    if (trial) packing.takeBack();
    return trial?.missing;
  };
  const count = largest(units.length, (some) => missingOf(some) !== undefined);
  if (count === 0) return undefined;
  const missing = missingOf(count)!;
  const bargain = supply.busy.find(work, { type, filter, count: missing });
  return bargain && { units: count, filter, missing, bargain };
}

/** The largest count up to `most` that passes, when smaller ones always do. */
function largest(most: number, passes: (count: number) => boolean): number {
  if (passes(most)) return most;
  let [low, high] = [0, most];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (passes(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Pods of all these units; equal neighbours together. */
function podsOf(units: readonly Unit[]): readonly UnitPods[] {
  const all: UnitPods[] = [];
  for (const pods of units.flatMap((unit) => unit.pods)) {
    const last = all.at(-1);
    if (last?.shape === pods.shape) all[all.length - 1] = { ...last, count: last.count + pods.count };
    else all.push(pods);
  }
  return all;
}
