/**
 * Where nodes can be had, and in which order. PURE.
 *
 *  1 unassigned nodes;
 *  2 idle nodes of other buckets, lowest priority first, as long as the giver keeps its minimum, within its budgets and minHold:
 *    of a strictly lower bucket every idle node it has no pods for, at once; of any other only surplus older than idleFor, which
 *    is nobody's need (this is how nodes come back after a burst, and no robbery);
 *  3 nodes of its own that are being proved again, nodes that are joining, and those that a block or reservation is about to supply:
 *    they are paid for;
 *  4 more nodes of an on-demand pool that EC2 has not just refused;
 *  5 nodes with work on them, of strictly lower buckets, those whose loss costs least (`busy-supply`);
 *  6 more nodes of a pool that EC2 has just refused.
 * For its minimum, and only for that, a bucket may bring strictly lower ones below theirs: minimums are met by priority.
 */
import { findCondition } from '../../domain/conditions';
import { byType, type FleetState, type NodeState, type PoolState } from './fleet-state';
import { BusySupply, type Market } from './busy-supply';
import { accepts, Shelf, type NodeFilter } from './placement';
import type { Purpose, Work } from './work';

/** What a bucket asks for. */
export interface Wish {
  readonly type: string;
  readonly count: number;
  readonly filter: NodeFilter;
  readonly purpose: Purpose;
}

/** How far a giver may be brought down. */
export type Floor = 'Minimum' | 'Zero';

/** Reasons of the condition `Supplied` of a CapacityPool, pools' word, while all its nodes are on their way. */
const LAUNCHING: ReadonlySet<string> = new Set(['Launching', 'Joining']);

/** Nodes still to be had; what is taken is gone. */
export class Supply {
  private readonly unassigned = new Map<string, Shelf>();
  private readonly joining: ReadonlyMap<string, NodeState[]>;
  /** Bucket → its own nodes that are being proved, by type. */
  private readonly proving: ReadonlyMap<string, ReadonlyMap<string, NodeState[]>>;
  private readonly pools = new Map<string, PoolState[]>();
  private readonly giversTo = new Map<Work, readonly Work[]>();
  /** Pool → nodes it is about to supply, for blocks and reservations. */
  private readonly coming: Map<string, number>;
  /** Nodes with work on them. */
  readonly busy: BusySupply;
  /** Nodes asked of each on-demand pool beyond those that exist. */
  readonly growth = new Map<string, number>();

  constructor(
    fleet: FleetState,
    readonly works: readonly Work[],
    market: Market,
  ) {
    this.busy = new BusySupply(this, fleet, market);
    for (const pool of fleet.pools.values()) {
      const pools = this.pools.get(pool.instanceType);
      if (pools) pools.push(pool);
      else this.pools.set(pool.instanceType, [pool]);
    }
    this.coming = new Map([...fleet.pools.values()].map((pool) => [pool.name, comingOf(pool)] as const));
    const groups = [...fleet.pools.values()].map(({ group }) => group);
    for (const [type, free] of byType(inOrder(groups.flatMap(({ unassigned }) => unassigned)))) {
      this.unassigned.set(type, new Shelf(free));
    }
    this.joining = byType(inOrder(groups.flatMap(({ joining }) => joining)));
    this.proving = new Map(fleet.buckets.map(({ name, proving }) => [name, byType(proving)] as const));
  }

  /** Unassigned nodes nobody has been given. */
  unassignedLeft(type: string): readonly NodeState[] {
    return this.unassigned.get(type)?.nodes() ?? [];
  }

  /** Leaves in which there is something to be had at once. */
  leaves(type: string): readonly string[] {
    const shelves = [this.unassigned.get(type), ...this.works.map(({ packings }) => packings.get(type)?.movable)];
    return [...new Set(shelves.flatMap((shelf) => shelf?.leaves() ?? []))].sort();
  }

  /** How many nodes could change hands now. */
  availableNow(taker: Work, wish: Pick<Wish, 'type' | 'filter'>, floor: Floor = 'Minimum'): number {
    let count = this.unassigned.get(wish.type)?.countOf(wish.filter) ?? 0;
    for (const giver of this.givers(taker)) count += takeable(giver, taker, wish, floor);
    return count;
  }

  /** Takes up to `count` nodes now. */
  draw(taker: Work, wish: Wish, floor: Floor = 'Minimum'): readonly NodeState[] {
    const { type, filter, purpose } = wish;
    const preference = { wholeLeaves: taker.spec.topology.prefer === 'Leaf', near: taker.near };
    const shares = this.shares(taker, wish, floor);
    const taken = this.unassigned.get(type)?.take(wish.count, filter, preference) ?? [];
    taker.drawn.push(...taken.map((node) => ({ node, purpose })));
    for (const [giver, count] of shares) {
      const given = giver.packings.get(type)!.movable.take(count, filter, preference);
      spend(giver, type, given.length);
      taken.push(...given);
      taker.drawn.push(...given.map((node) => ({ node, purpose, from: giver.name })));
    }
    for (const { facts } of taken) taker.near.add(facts.leaf);
    return taken;
  }

  /** How many idle nodes each giver would give, after the unassigned ones. */
  shares(taker: Work, wish: Omit<Wish, 'purpose'>, floor: Floor): ReadonlyMap<Work, number> {
    const shares = new Map<Work, number>();
    let left = wish.count - (this.unassigned.get(wish.type)?.countOf(wish.filter) ?? 0);
    for (const giver of this.givers(taker)) {
      if (left <= 0) break;
      const count = Math.min(left, takeable(giver, taker, wish, floor));
      if (count > 0) shares.set(giver, count);
      left -= count;
    }
    return shares;
  }

  /** How many nodes could come later: those being proved, joining ones, and more of on-demand pools. */
  availableLater(taker: Work, { type, filter }: Pick<Wish, 'type' | 'filter'>, retrying: boolean): number {
    let count = this.expected(taker, type).flatMap((nodes) => nodes.filter((node) => accepts(node, filter))).length;
    for (const pool of this.poolsOf(type, filter)) count += this.coming.get(pool.name)!;
    for (const pool of this.growable(type, filter, retrying)) count += this.room(pool);
    return count;
  }

  /** Promises up to `count` nodes that come later. */
  promise(taker: Work, { type, filter, count }: Wish, retrying: boolean): number {
    let left = count;
    for (const nodes of this.expected(taker, type)) left -= takeAccepted(nodes, filter, left);
    for (const pool of this.poolsOf(type, filter)) {
      const coming = this.coming.get(pool.name)!;
      const expected = Math.min(left, coming);
      this.coming.set(pool.name, coming - expected);
      left -= expected;
    }
    for (const pool of this.growable(type, filter, retrying)) {
      const more = Math.min(left, this.room(pool));
      if (more > 0) this.growth.set(pool.name, (this.growth.get(pool.name) ?? 0) + more);
      left -= more;
    }
    taker.promised += count - left;
    return count - left;
  }

  /** Nodes that exist and will be usable: its own first, which nobody else can have. */
  private expected(taker: Work, type: string): readonly NodeState[][] {
    return [this.proving.get(taker.name)?.get(type) ?? [], this.joining.get(type) ?? []];
  }

  /** Nodes a pool may still be asked for; one that pools does not accept gives none. */
  room(pool: PoolState): number {
    if (isRefused(pool)) return 0;
    const most = pool.facts.spec?.nodes.max ?? 0;
    return Math.max(0, most - standing(pool) - (this.growth.get(pool.name) ?? 0));
  }

  /** Pools of a type that can be asked for more; those that EC2 has just refused only when `retrying`. */
  private growable(type: string, filter: NodeFilter, retrying: boolean): readonly PoolState[] {
    return this.poolsOf(type, filter).filter(
      ({ onDemand, backOffUntilMs }) => onDemand && (retrying || backOffUntilMs === undefined),
    );
  }

  /** Pools whose next node fits. */
  private poolsOf(type: string, { zones, leaf }: NodeFilter): readonly PoolState[] {
    // Nobody knows in which leaf EC2 puts the next node.
    if (leaf !== undefined) return [];
    const pools = this.pools.get(type) ?? [];
    if (zones === undefined) return pools;
    return pools.filter(({ facts }) => {
      const zone = facts.spec?.availabilityZone;
      return zone === undefined || zones.includes(zone);
    });
  }

  /** Everybody else, lowest priority first. Nodes of a bucket that is being deleted are moves' to release. */
  givers(taker: Work): readonly Work[] {
    const known = this.giversTo.get(taker);
    if (known) return known;
    const givers = this.works.filter((giver) => giver !== taker && !giver.bucket.facts.deleting).reverse();
    this.giversTo.set(taker, givers);
    return givers;
  }
}

/** Takes up to `count` of the nodes that a filter accepts out of the list; how many it took. */
function takeAccepted(nodes: NodeState[], filter: NodeFilter, count: number): number {
  let taken = 0;
  for (let i = 0; i < nodes.length && taken < count;) {
    if (!accepts(nodes[i]!, filter)) i++;
    else {
      nodes.splice(i, 1);
      taken += 1;
    }
  }
  return taken;
}

/** Whether pools has said that it makes nothing of this pool: its spec, or its name. */
export function isRefused({ facts }: PoolState): boolean {
  return findCondition(facts.status.conditions, 'Accepted')?.status === 'False';
}

/** Nodes of a pool that are there to stay. */
export function standing({ group }: PoolState): number {
  return group.standing;
}

/**
 * Nodes that a block or reservation is about to supply and that nobody has seen yet. Before pools has said its first word about a
 * new pool that is all of it: to buy the same nodes on demand in that second would be the dearest way to fill a minimum.
 */
function comingOf({ facts, nodes, onDemand }: PoolState): number {
  if (onDemand) return 0;
  const { conditions, desired = 0, observedGeneration, backOff } = facts.status;
  const present = nodes.filter(({ phase }) => phase !== 'Leaving').length;
  if (observedGeneration === undefined) return Math.max(0, (facts.spec?.nodes.max ?? Infinity) - present);
  const reason = findCondition(conditions, 'Supplied')?.reason ?? '';
  return backOff === undefined && LAUNCHING.has(reason) ? Math.max(0, desired - present) : 0;
}

/** How many nodes one bucket may take from another now. */
export function takeable(
  giver: Work,
  taker: Work,
  { type, filter }: Pick<Wish, 'type' | 'filter'>,
  floor: Floor,
): number {
  const shelf = giver.packings.get(type)?.movable;
  if (!shelf || shelf.count === 0) return 0;
  const lower = giver.bucket.rank < taker.bucket.rank;
  const keeps = lower && floor === 'Zero' ? 0 : giver.spec.nodes.min;
  const surplus = lower ? Infinity : (giver.matured.get(type) ?? 0);
  const bound = Math.min(giver.bucket.budget.left, giver.keeps - keeps, surplus);
  return bound <= 0 ? 0 : Math.min(bound, shelf.countOf(filter));
}

/** Books nodes that leave a bucket. */
export function spend(giver: Work, type: string, count: number): void {
  giver.keeps -= count;
  giver.bucket.budget.left -= count;
  giver.matured.set(type, Math.max(0, (giver.matured.get(type) ?? 0) - count));
}

function inOrder(nodes: readonly NodeState[]): readonly NodeState[] {
  return [...nodes].sort((a, b) => (a.facts.name < b.facts.name ? -1 : 1));
}
