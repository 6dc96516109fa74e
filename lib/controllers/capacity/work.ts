/** One bucket while the plan is made: what it needs, what it has, what it gets and gives. PURE. */
import type { CapacityBucketSpec } from '../../api';
import { UNKNOWN_LEAF, type Amounts } from '../../fleet';
import type { Unit } from './demand';
import { Failures } from './failures';
import { vacated, type BucketState, type FleetState } from './fleet-state';
import type { NodeState } from './node-groups';
import { heldUntil, NONE_ACTIVE, packingsOf, typesOf } from './own-nodes';
import { servable, type Packing } from './packing';
import type { NodeFilter } from './placement';
import { maturedSurplus, nextStairs, type Stair } from './surplus';

/** Why nodes are drawn for a bucket: its minimum, or a unit that waits. */
export interface Purpose {
  /** Deterministic key of the NodeMove. */
  readonly key: string;
  /** For people: `the minimum of 4`, `gang research/llama`. */
  readonly label: string;
}

/** A node that changes hands now. */
export interface Drawn {
  readonly node: NodeState;
  readonly purpose: Purpose;
  /** Bucket that gives it; none when it was unassigned. */
  readonly from?: string;
  readonly busy?: boolean;
}

/** A unit that does not have its nodes. */
export interface Waiting {
  readonly unit: Unit;
  /** Type it would get. */
  readonly type: string;
  /** Nodes of that type it lacks. */
  readonly nodes: number;
  /** Its nodes are on their way: joining or asked of a pool. */
  readonly promised: boolean;
}

/** Everything the plan knows of one bucket. Mutable while the plan is made, private to it. */
export interface Work {
  readonly bucket: BucketState;
  readonly name: string;
  readonly spec: CapacityBucketSpec;
  /** Its waiting units that could be placed if there were room, oldest first. */
  readonly units: readonly Unit[];
  /** Why the others can be placed nowhere, one sentence each. */
  readonly outOfReach: readonly string[];
  /** Types that units of a kind accept, where somebody has asked. */
  readonly types: Map<string, readonly string[]>;
  packings: ReadonlyMap<string, Packing>;
  readonly busy: ReadonlyMap<string, number>;
  /** Active idle nodes by type at the start. */
  readonly idle: ReadonlyMap<string, readonly NodeState[]>;
  /** Idle nodes that minHold keeps, with the time (epoch ms) until when. */
  readonly held: ReadonlyMap<string, readonly number[]>;
  /** Leaves it is in. */
  readonly near: Set<string>;
  /** Units that do not fit into what it has, oldest first. */
  readonly unmet: Set<Unit>;
  /** Demand beyond what any type or bound of the bucket can ever serve, one sentence each. */
  readonly hopeless: string[];
  /** Fresh nodes that units with a place need, by type. */
  readonly needed: Map<string, number>;
  /** Fresh nodes that units without a place need, by type. */
  readonly lacking: Map<string, number>;
  /** Active nodes less those given away in this plan. */
  keeps: number;
  readonly drawn: Drawn[];
  /** What nodes taken from running work cost, for people: purpose → one text per bucket that gives. */
  readonly costs: Map<string, string[]>;
  /** Nodes promised: joining or asked of a pool. */
  promised: number;
  readonly waiting: Waiting[];
  /** Nodes others may take though the priority of this bucket is not lower, by type. */
  readonly matured: Map<string, number>;
  readonly stairs: Map<string, readonly Stair[]>;
  /** Lines of the status's whyNot. */
  readonly whyNot: string[];
}

/** Nodes a bucket has or is getting. */
export function sizeOf({ bucket, keeps, drawn, promised }: Work): number {
  return keeps + bucket.arriving.length + drawn.length + promised;
}

/** The work of every bucket with a valid spec. Fits into its own nodes what fits, so that what is left is really free. */
export function toWorks(
  fleet: FleetState,
  units: ReadonlyMap<string, readonly Unit[]>,
  nowMs: number,
): readonly Work[] {
  return fleet.buckets.flatMap((bucket) => {
    if (!bucket.spec) return [];
    const work = toWork(bucket, bucket.spec, units.get(bucket.name) ?? [], nowMs);
    fit(work, fleet.shapes, { gone: new Set(), fresh: [...bucket.batches.values()] }, nowMs);
    measureSurplus(work, nowMs);
    return [work];
  });
}

function toWork(bucket: BucketState, spec: CapacityBucketSpec, units: readonly Unit[], nowMs: number): Work {
  const busy = new Map<string, number>();
  const idle = new Map<string, readonly NodeState[]>();
  const held = new Map<string, readonly number[]>();
  for (const type of typesOf(bucket, spec)) {
    const active = bucket.nodes.byType.get(type) ?? NONE_ACTIVE;
    busy.set(type, active.busy.length);
    idle.set(type, active.idle);
    held.set(
      type,
      active.idle.map((node) => heldUntil(node, bucket)).filter((atMs) => atMs > nowMs),
    );
  }
  return {
    bucket,
    name: bucket.name,
    spec,
    units: units.filter(({ outOfReach }) => outOfReach === undefined),
    outOfReach: units.flatMap(({ outOfReach }) => outOfReach ?? []),
    types: new Map(),
    packings: new Map(),
    busy,
    idle,
    held,
    near: leavesOf(bucket),
    unmet: new Set(),
    hopeless: [],
    needed: new Map(),
    lacking: new Map(),
    keeps: bucket.active.length,
    drawn: [],
    costs: new Map(),
    promised: 0,
    waiting: [],
    matured: new Map(),
    stairs: new Map(),
    whyNot: [],
  };
}

/** Nodes of a bucket that units can be put on. */
interface Stock {
  /** Active ones that are given away. */
  readonly gone: ReadonlySet<NodeState>;
  /** On their way here, move by move. */
  readonly fresh: readonly (readonly NodeState[])[];
}

/**
 * Puts the units on the bucket's own nodes, oldest first; forgets where they were. First on the nodes that are there: its scheduler
 * starts what fits and keeps nothing free for an older gang that will fit once others arrive. A plan that did would ask for the
 * same unit's nodes twice.
 */
function fit(work: Work, shapes: FleetState['shapes'], { gone, fresh }: Stock, nowMs: number): void {
  const packings = packingsOf(work, gone, shapes, nowMs);
  work.packings = packings;
  work.needed.clear();
  work.unmet.clear();
  work.hopeless.length = 0;
  const waiting = new Set(work.units);
  settle(work, waiting, shapes);
  // Move by move: what a move was made for is not thought over when another one follows.
  for (const batch of fresh) {
    for (const node of batch) packings.get(node.facts.instanceType)?.addFresh(vacated(node, work.name));
    settle(work, waiting, shapes);
  }
  for (const unit of waiting) addUnmet(work, unit, shapes);
}

/** Gives a place to every unit that finds one, in the type it likes best. */
function settle(work: Work, waiting: Set<Unit>, shapes: FleetState['shapes']): void {
  const failed = new Failures();
  for (const unit of waiting) {
    if (failed.has(unit)) continue;
    if (typesFor(work, unit, shapes).some((type) => fitsNow(work, unit, type))) waiting.delete(unit);
    else failed.add(unit);
  }
}

function leavesOf({ nodes, arriving }: BucketState): Set<string> {
  const leaves = new Set(nodes.leaves);
  for (const { facts } of arriving) leaves.add(facts.leaf);
  return leaves;
}

/** Types a unit accepts, in the bucket's order of preference. */
export function typesFor({ spec, types }: Work, unit: Unit, shapes: FleetState['shapes']): readonly string[] {
  const known = unit.kind === undefined ? undefined : types.get(unit.kind);
  if (known) return known;
  const found = spec.instanceTypes.filter((type) => servable(unit.pods, shapes.get(type)!));
  if (unit.kind !== undefined) types.set(unit.kind, found);
  return found;
}

/** Zones all pods of a unit accept; only its first pods are asked, gangs are of one kind. */
export function zonesOf(unit: Unit): readonly string[] | undefined {
  return unit.pods[0]?.needs.zones;
}

/** Where a unit may go: anywhere in its zones, or, when it must lie in one leaf, each of the bucket's and these, one after the other. */
export function filtersFor(
  work: Work,
  unit: Unit,
  type: string,
  leaves: () => readonly string[],
): readonly NodeFilter[] {
  const zones = zonesOf(unit);
  if (!unit.oneLeaf) return [{ zones }];
  const own = work.packings.get(type)!.left();
  const all = new Set([...own.map(({ facts }) => facts.leaf), ...leaves()]);
  all.delete(UNKNOWN_LEAF);
  return [...all].sort().map((leaf) => ({ zones, leaf }));
}

function addUnmet(work: Work, unit: Unit, shapes: FleetState['shapes']): void {
  const types = typesFor(work, unit, shapes);
  if (types.length === 0) {
    work.hopeless.push(
      `${unit.label} asks for more than, or something else than, ${work.spec.instanceTypes.join(', ')}`,
    );
    return;
  }
  const least = Math.min(...types.map((type) => leastNodes(unit, shapes.get(type)!.offers)));
  const most = Math.max(...types.map((type) => shapes.get(type)!.most));
  if (least > work.spec.nodes.max) {
    work.hopeless.push(`${unit.label} needs ${least} nodes at least, the bucket's maximum is ${work.spec.nodes.max}`);
  } else if (least > most) {
    work.hopeless.push(`${unit.label} needs ${least} × ${types[0]} at least, all pools together can have ${most}`);
  } else {
    work.unmet.add(unit);
  }
}

/** Units that fit after all, now that buckets get nodes for their minimum: a scheduler will not keep them waiting for others. */
export function fitAgain(works: readonly Work[], shapes: FleetState['shapes'], nowMs: number): void {
  for (const work of works) if (work.drawn.length > 0) refit(work, works, shapes, nowMs);
}

/** Places the units of one bucket anew, without what this plan has taken from it. */
export function refit(work: Work, works: readonly Work[], shapes: FleetState['shapes'], nowMs: number): void {
  const gone = new Set(works.flatMap(({ drawn }) => drawn.map(({ node }) => node)));
  const fresh = [...work.bucket.batches.values(), work.drawn.map(({ node }) => node)];
  fit(work, shapes, { gone, fresh }, nowMs);
}

/** Puts a unit on the bucket's own nodes, all of it or none. */
function fitsNow(work: Work, unit: Unit, type: string): boolean {
  const packing = work.packings.get(type)!;
  const leaves = unit.oneLeaf ? ownLeaves(packing, work, type) : [undefined];
  for (const leaf of leaves) {
    const trial = packing.try(unit.pods, { zones: zonesOf(unit), leaf }, 0);
    if (!trial) continue;
    work.needed.set(type, (work.needed.get(type) ?? 0) + trial.opened);
    return true;
  }
  return false;
}

function ownLeaves(packing: Packing, work: Work, type: string): readonly string[] {
  const { leaves } = work.bucket.nodes.byType.get(type) ?? NONE_ACTIVE;
  return [...new Set([...leaves, ...packing.leaves()])].sort();
}

/** Fewer nodes than this cannot hold the unit, however well it is packed. */
export function leastNodes(unit: Unit, offers: Amounts): number {
  const sum: Record<string, number> = {};
  for (const { requests, count } of unit.pods) {
    for (const resource in requests) sum[resource] = (sum[resource] ?? 0) + requests[resource]! * count;
  }
  return Math.max(...Object.keys(sum).map((resource) => Math.ceil(sum[resource]! / (offers[resource] ?? 0) - 1e-9)));
}

/** How many idle nodes the bucket can do without, and for how long it could. A bucket that waits can do without none. */
function measureSurplus(work: Work, nowMs: number): void {
  const { bucket, spec, packings, idle } = work;
  let spare = Math.max(0, bucket.active.length - spec.nodes.min);
  const waits = work.unmet.size > 0;
  // The least preferred type is the first that can be done without.
  for (const type of [...packings.keys()].reverse()) {
    const unneeded = Math.max(0, idle.get(type)!.length - (work.needed.get(type) ?? 0));
    const surplus = waits ? 0 : Math.min(spare, unneeded);
    spare -= surplus;
    const before = bucket.facts.status.byType?.find(({ instanceType }) => instanceType === type)?.surplus ?? [];
    const stairs = nextStairs(before, surplus, nowMs);
    work.stairs.set(type, stairs);
    work.matured.set(type, maturedSurplus(stairs, bucket.idleForMs, nowMs));
  }
}
