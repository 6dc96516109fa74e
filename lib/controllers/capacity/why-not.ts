/** Why a bucket does not have what it asks for: what is needed, what is free, and which rule keeps the rest until when. PURE. */
import { formatTime } from '../../domain/kube';
import type { Unit } from './demand';
import type { FleetState } from './fleet-state';
import type { Keeper } from './busy';
import { type NodeFilter } from './placement';
import { isRefused, takeable, type Supply } from './supply';
import { leastNodes, sizeOf, zonesOf, type Work } from './work';

/** What explanations look at. */
export interface View {
  readonly fleet: FleetState;
  readonly supply: Supply;
  readonly nowMs: number;
}

/** Why a unit does not get its nodes: one sentence with numbers. */
export function explainUnit(work: Work, unit: Unit, view: View & { readonly types: readonly string[] }): string {
  const [type] = view.types;
  const filter: NodeFilter = { zones: zonesOf(unit) };
  const packing = work.packings.get(type!)!;
  const trial = packing.try(unit.pods, filter, Infinity);
  if (trial) packing.takeBack();
  const needed = trial?.missing ?? leastNodes(unit, view.fleet.shapes.get(type!)!.offers);
  const room = work.spec.nodes.max - sizeOf(work);
  const where = unit.oneLeaf ? ' in one network leaf' : '';
  const needs = `${unit.label} needs ${needed} more ${type}${where}`;
  if (needed > room) return `${needs}: the bucket may own ${Math.max(0, room)} more (maximum ${work.spec.nodes.max})`;
  return `${needs}: ${sources(work, type!, filter, view)}`;
}

/** Why the minimum is not met; empty when it is, or will be. */
export function explainMinimum(work: Work, view: View): readonly string[] {
  const { min } = work.spec.nodes;
  const missing = min - sizeOf(work);
  const coming = Math.min(work.promised, min - (sizeOf(work) - work.promised));
  if (missing > 0) {
    const types = work.spec.instanceTypes.map((type) => `${type}: ${sources(work, type, {}, view)}`);
    return [`minimum ${min} lacks ${counted(missing)} (${types.join('; ')})`];
  }
  return coming > 0 ? [`minimum ${min} waits for ${counted(coming)} joining or asked for`] : [];
}

function sources(work: Work, type: string, filter: NodeFilter, view: View): string {
  const free = view.supply.unassignedLeft(type).length;
  const givers = view.supply
    .givers(work)
    .flatMap((giver) => [
      ...giverParts(giver, work, { type, filter }, view.nowMs),
      ...busyParts(giver, work, { type, filter }, view),
    ]);
  return [`${free} unassigned`, ...givers, ...poolParts(type, view)].join(', ');
}

/** What another bucket has idle, and what keeps it there. */
function giverParts(
  giver: Work,
  taker: Work,
  wish: { readonly type: string; readonly filter: NodeFilter },
  nowMs: number,
): readonly string[] {
  const parts: string[] = [];
  const held = giver.held.get(wish.type) ?? [];
  if (held.length > 0) {
    parts.push(
      `${held.length} idle in ${giver.name} held until ${clock(Math.min(...held))} (minHold ${giver.spec.moves.minHold})`,
    );
  }
  const movable = giver.packings.get(wish.type)?.movable.countOf(wish.filter) ?? 0;
  const open = takeable(giver, taker, wish, 'Minimum');
  if (open > 0) parts.push(`${open} takeable in ${giver.name}`);
  if (movable > open) parts.push(`${movable - open} idle in ${giver.name} ${keeper(giver, taker, { open, nowMs })}`);
  return parts;
}

/** What another bucket has work on, what taking it would cost, and what keeps it there. */
function busyParts(
  giver: Work,
  taker: Work,
  wish: { readonly type: string; readonly filter: NodeFilter },
  { supply, nowMs }: View,
): readonly string[] {
  const fitting = giver.busy.get(wish.type) ? supply.busy.nodes.of(giver, wish.type, wish.filter) : [];
  if (fitting.length === 0) return [];
  if (giver.bucket.rank >= taker.bucket.rank) {
    return [`${fitting.length} busy in ${giver.name} kept: its priority ${giver.spec.priority} is not lower`];
  }
  const open = supply.busy.openIn(giver, taker, wish);
  const parts = open.count > 0 ? [`${open.count} busy in ${giver.name} takeable at ${aboutCost(open.cost)}`] : [];
  const keepers = fitting.map((node) => supply.busy.nodes.keeperOf(node)).filter((one) => one !== undefined);
  const more = fitting.length - keepers.length - open.count;
  if (more > 0) parts.push(`${more} busy in ${giver.name} ${keeper(giver, taker, { open: open.count, nowMs })}`);
  return [...parts, ...keptParts(giver, keepers)];
}

/** Busy nodes that a rule keeps, by rule. */
function keptParts({ name, spec }: Work, all: readonly Keeper[]): readonly string[] {
  const byRule = new Map<string, Keeper[]>();
  for (const keeper of all) {
    const rule = keeper.budget === undefined ? keeper.rule : `${keeper.rule} ${keeper.budget}`;
    byRule.set(rule, [...(byRule.get(rule) ?? []), keeper]);
  }
  return [...byRule.keys()].sort().map((rule) => {
    const keepers = byRule.get(rule)!;
    const kept = `${keepers.length} busy in ${name}`;
    const [first] = keepers;
    if (first!.rule === 'PodDisruptionBudget') return `${kept} kept by ${rule}`;
    const until = clock(Math.min(...keepers.map(({ untilMs = 0 }) => untilMs)));
    return `${kept} ${first!.rule === 'minHold' ? 'held' : 'cooling down'} until ${until} (${rule} ${spec.moves[first!.rule]})`;
  });
}

/**
 * In powers of two: what is lost grows by the second, and a status that does is written by the second.
 */
function aboutCost(seconds: number): string {
  const hours = seconds / 3600;
  return hours < 1 ? 'less than 1 accelerator-hour' : `about ${2 ** Math.floor(Math.log2(hours))} accelerator-hours`;
}

/** The rule that keeps nodes with their bucket. */
function keeper(giver: Work, taker: Work, { open, nowMs }: { readonly open: number; readonly nowMs: number }): string {
  const { budget } = giver.bucket;
  if (giver.keeps - open <= giver.spec.nodes.min) return `kept for its minimum of ${giver.spec.nodes.min}`;
  const left = budget.left - open;
  if (left <= 0 && budget.bound === 'inFlight') {
    const { inFlight } = giver.spec.moves;
    return budget.left > 0
      ? `wait: no more than ${inFlight} at once (inFlight)`
      : `wait: ${inFlight} are moving (inFlight)`;
  }
  if (left <= 0) {
    const until = budget.nextAtMs !== undefined && budget.nextAtMs > nowMs ? ` until ${clock(budget.nextAtMs)}` : '';
    return `kept${until} (perHour ${giver.spec.moves.perHour})`;
  }
  if (giver.bucket.rank >= taker.bucket.rank) {
    return `kept: its priority ${giver.spec.priority} is not lower, and they are not surplus for ${giver.spec.hysteresis.idleFor} yet`;
  }
  return 'kept';
}

function poolParts(type: string, { fleet, supply }: View): readonly string[] {
  const pools = [...fleet.pools.values()].filter((pool) => pool.instanceType === type);
  if (pools.length === 0) return ['no CapacityPool has this type'];
  return pools.flatMap((pool) => {
    if (pool.startsAtMs !== undefined) return [`block ${pool.name} starts ${formatTime(pool.startsAtMs)}`];
    if (!pool.onDemand) return [];
    if (isRefused(pool)) return [`pool ${pool.name} is not accepted`];
    if (pool.backOffUntilMs !== undefined) {
      return [`EC2 has none for pool ${pool.name}, asked again at ${clock(pool.backOffUntilMs)}`];
    }
    const room = supply.room(pool);
    const most = pool.facts.spec?.nodes.max ?? 0;
    return [room > 0 ? `pool ${pool.name} can grow by ${room}` : `pool ${pool.name} is at its maximum of ${most}`];
  });
}

/** `12:05Z`. */
function clock(ms: number): string {
  return `${formatTime(ms).slice(11, 16)}Z`;
}

function counted(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}
