/**
 * Who gets what: minimums first, by priority; then units that have waited long enough, by priority, the oldest first. PURE.
 *
 * A unit gets all the nodes it lacks or none of them: a move that does not start the gang helps nobody and costs somebody. When
 * all of them can be had only later (joining, or asked of a pool), those that can be had now are set aside and stay where they
 * are, so that they are neither given to others nor given back.
 */
import type { Unit } from './demand';
import { Failures } from './failures';
import type { FleetState } from './fleet-state';
import type { NodeFilter } from './placement';
import type { Supply } from './supply';
import { need, takeForMinimum, takeForUnits, type Way } from './take-busy';
import { explainMinimum, explainUnit } from './why-not';
import { filtersFor, fitAgain, sizeOf, typesFor, zonesOf, type Purpose, type Work } from './work';

/** A unit that is too young to count, and when (epoch ms) it will. */
export interface Unripe {
  readonly type: string;
  readonly atMs: number;
}

/** Serves every bucket; the works say afterwards who draws what. Returns what will count later. */
export function serve(works: readonly Work[], supply: Supply, fleet: FleetState, nowMs: number): readonly Unripe[] {
  for (const work of works) {
    if (work.bucket.facts.deleting) continue;
    meetMinimum(work, supply, fleet);
    // Whoever gives is lower, so its own turn, with what it lacks now, is still to come.
    takeBelowMinimum(work, supply);
  }
  fitAgain(works, fleet.shapes, nowMs);
  const unripe: Unripe[] = [];
  for (const work of works) {
    const failed = new Failures();
    const serving: Serving = { supply, fleet, failed, nowMs, pods: [] };
    for (const unit of work.bucket.facts.deleting ? [] : [...work.unmet]) {
      const atMs = unit.sinceMs + work.bucket.demandForMs;
      if (atMs > nowMs) unripe.push(...typesFor(work, unit, fleet.shapes).map((type) => ({ type, atMs })));
      else meetUnit(work, unit, serving);
    }
    meetPods(work, serving);
    countUnserved(work, fleet);
  }
  for (const work of works) work.whyNot.unshift(...explainMinimum(work, { fleet, supply, nowMs }));
  return unripe;
}

function meetMinimum(work: Work, supply: Supply, fleet: FleetState): void {
  const purpose: Purpose = { key: 'minimum', label: `the minimum of ${work.spec.nodes.min}` };
  const missing = () => work.spec.nodes.min - sizeOf(work);
  for (const type of work.spec.instanceTypes) {
    if (missing() <= 0) return;
    supply.draw(work, { type, count: missing(), filter: {}, purpose });
  }
  const promise = (retrying: boolean) => {
    for (const type of work.spec.instanceTypes) {
      if (missing() > 0 && fleet.shapes.has(type)) {
        supply.promise(work, { type, count: missing(), filter: {}, purpose }, retrying);
      }
    }
  };
  promise(false);
  takeForMinimum(work, purpose, supply);
  promise(true);
}

/** Minimums are met by priority: nodes below a lower bucket's minimum are taken only when nothing else can be had. */
function takeBelowMinimum(work: Work, supply: Supply): void {
  const purpose: Purpose = { key: 'minimum', label: `the minimum of ${work.spec.nodes.min}` };
  let left = work.spec.nodes.min - sizeOf(work);
  for (const type of work.spec.instanceTypes) {
    if (left <= 0) return;
    left -= supply.draw(work, { type, count: left, filter: {}, purpose }, 'Zero').length;
  }
  takeForMinimum(work, purpose, supply, 'Zero');
}

/** What serving one unit needs to look at. */
interface Serving {
  readonly supply: Supply;
  readonly fleet: FleetState;
  readonly failed: Failures;
  readonly nowMs: number;
  /** Pods that are no gang and found nothing free, oldest first. Served together: what they cost is less than one by one. */
  readonly pods: Unit[];
}

function meetUnit(work: Work, unit: Unit, serving: Serving): void {
  const { supply, fleet, failed } = serving;
  if (failed.has(unit)) return;
  const types = typesFor(work, unit, fleet.shapes);
  const purpose = purposeOf(unit);
  for (const type of types) if (serveNow(work, unit, { type, purpose }, supply)) return;
  for (const type of types) if (serveLater(work, unit, { type, purpose, retrying: false }, supply)) return;
  if (!unit.gang) serving.pods.push(unit);
  else {
    // Older pods first.
    meetPods(work, serving);
    takeOrAsk(work, [unit], serving);
  }
}

function purposeOf(unit: Unit): Purpose {
  return unit.gang ? { key: unit.key, label: unit.label } : { key: 'pods', label: 'waiting pods' };
}

/** Pods that accept the same nodes, together. */
function meetPods(work: Work, serving: Serving): void {
  const groups = new Map<string, Unit[]>();
  for (const unit of serving.pods.splice(0)) {
    const key = [...typesFor(work, unit, serving.fleet.shapes), '', ...(zonesOf(unit) ?? [])].join(' ');
    const group = groups.get(key);
    if (group) group.push(unit);
    else groups.set(key, [unit]);
  }
  for (const units of groups.values()) takeOrAsk(work, units, serving);
}

/** Takes busy nodes for as many of these as there are nodes for; the others wait for pools that EC2 has just refused, or say why. */
function takeOrAsk(work: Work, units: readonly Unit[], serving: Serving): void {
  const { supply, fleet, failed, nowMs } = serving;
  const types = typesFor(work, units[0]!, fleet.shapes);
  const purpose = purposeOf(units[0]!);
  let left = units;
  for (const type of types) {
    if (left.length > 0) left = left.slice(takeForUnits(work, left, { type, purpose }, supply));
  }
  for (const unit of left) {
    if (failed.has(unit)) continue;
    if (types.some((type) => serveLater(work, unit, { type, purpose, retrying: true }, supply))) continue;
    // One explanation a bucket, for the oldest: the others wait for the same nodes.
    if (failed.none) work.whyNot.push(explainUnit(work, unit, { types, fleet, supply, nowMs }));
    failed.add(unit);
  }
}

function serveNow(work: Work, unit: Unit, { type, purpose }: Way, supply: Supply): boolean {
  const packing = work.packings.get(type)!;
  for (const filter of filtersFor(work, unit, type, () => supply.leaves(type))) {
    const most = Math.min(work.spec.nodes.max - sizeOf(work), supply.availableNow(work, { type, filter }));
    const trial = packing.try(unit.pods, filter, Math.max(0, most));
    if (!trial) continue;
    supply.draw(work, { type, count: trial.missing, filter, purpose });
    need(work, type, trial.opened + trial.missing);
    work.unmet.delete(unit);
    return true;
  }
  return false;
}

function serveLater(
  work: Work,
  unit: Unit,
  { type, purpose, retrying }: Way & { readonly retrying: boolean },
  supply: Supply,
): boolean {
  if (unit.oneLeaf) return false;
  const filter: NodeFilter = { zones: zonesOf(unit) };
  const later = supply.availableLater(work, { type, filter }, retrying);
  if (later === 0) return false;
  const now = supply.availableNow(work, { type, filter });
  const trial = work.packings
    .get(type)!
    .try(unit.pods, filter, Math.max(0, Math.min(work.spec.nodes.max - sizeOf(work), now + later)));
  if (!trial) return false;
  const drawnBefore = work.drawn.length;
  const soon = supply.draw(work, { type, count: Math.min(now, trial.missing), filter, purpose });
  // Set aside: counted as coming, but no move is made before the rest is there.
  work.drawn.splice(drawnBefore);
  work.promised += soon.length;
  supply.promise(work, { type, count: trial.missing - soon.length, filter, purpose }, retrying);
  need(work, type, trial.opened + trial.missing);
  work.waiting.push({ unit, type, nodes: trial.missing, promised: true });
  work.whyNot.push(`${unit.label} waits for ${trial.missing - soon.length} × ${type} that are joining or asked for`);
  work.unmet.delete(unit);
  return true;
}

/** What nobody could serve is demand all the same: of the type it would like best. */
function countUnserved(work: Work, fleet: FleetState): void {
  for (const unit of work.unmet) {
    const [type] = typesFor(work, unit, fleet.shapes);
    const trial = work.packings.get(type!)!.try(unit.pods, { zones: zonesOf(unit) }, Infinity);
    if (!trial) continue;
    work.lacking.set(type!, (work.lacking.get(type!) ?? 0) + trial.opened + trial.missing);
    work.waiting.push({ unit, type: type!, nodes: trial.missing, promised: false });
  }
}
