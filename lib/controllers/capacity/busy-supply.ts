/**
 * Taking nodes from running work: of strictly lower buckets, all that is lacked or none, within what each giver may lose. PURE.
 */
import { Busy } from './busy';
import { describeCost } from './busy-text';
import type { FleetState } from './fleet-state';
import type { ChooseVictims, VictimChoice } from './offer';
import type { NodeStates } from './node-states';
import type { CapacitySnapshot } from './snapshot';
import { spend, type Floor, type Supply, type Wish } from './supply';
import { leastCost } from './victims';
import { refit, type Work } from './work';

/** What victims are chosen from, and how. */
export interface Market {
  readonly snapshot: CapacitySnapshot;
  readonly nowMs: number;
  readonly nodes: NodeStates;
  readonly choose?: ChooseVictims;
}

/** Nodes for one wish: so many that are free, and these. */
export interface Bargain {
  readonly free: number;
  readonly choice: VictimChoice;
}

/** Nodes with work on them, still to be had. */
export class BusySupply {
  private known?: Busy;

  constructor(
    private readonly supply: Supply,
    private readonly fleet: FleetState,
    private readonly market: Market,
  ) {}

  /** What is known of busy nodes; looked up when it is first asked for. */
  get nodes(): Busy {
    this.known ??= new Busy(this.supply.works, this.market);
    return this.known;
  }

  /** When (epoch ms) more may be had, as far as anybody has asked. */
  changesAtMs(): readonly number[] {
    return this.known?.changesAtMs() ?? [];
  }

  /** Whether anybody is lower than the taker and has work. */
  worthwhile(taker: Work): boolean {
    return this.supply.works.some(
      ({ bucket }) => bucket.rank < taker.bucket.rank && bucket.active.some(({ busy }) => busy),
    );
  }

  /** How many nodes could change hands now when busy ones are taken too. */
  available(taker: Work, wish: Pick<Wish, 'type' | 'filter'>, floor: Floor = 'Minimum'): number {
    const free = this.supply.availableNow(taker, wish, floor);
    let busy = 0;
    const shares = this.supply.shares(taker, { ...wish, count: free }, floor);
    const most = (giver: Work) => mostOf(giver, taker, shares, floor);
    // Who may lose none need not be looked at.
    if (this.supply.givers(taker).every((giver) => most(giver) <= 0)) return free;
    for (const [giver, count] of this.nodes.openByGiver(taker, wish.type, wish.filter)) {
      busy += Math.min(count, most(giver));
    }
    return free + busy;
  }

  /** How many busy nodes one giver could lose to the taker, and the least that all of them would cost. */
  openIn(giver: Work, taker: Work, { type, filter }: Pick<Wish, 'type' | 'filter'>): { count: number; cost: number } {
    const most = this.most(taker, { type, filter, count: 0 }, 'Minimum');
    const open = this.nodes.openByGiver(taker, type, filter).get(giver) ?? 0;
    const count = Math.min(open, most.get(giver.name) ?? 0);
    if (count <= 0) return { count: 0, cost: 0 };
    const { nodes, gangs } = this.nodes.offer(taker, type, filter);
    const own = nodes.filter((node) => node.giver === giver.name);
    const choose = this.market.choose ?? leastCost;
    const choice = choose({ nodes: own, gangs }, { count, most, wholeLeaves: false, near: taker.near });
    return { count: choice ? count : 0, cost: choice?.cost ?? 0 };
  }

  /** The cheapest way to have exactly so many, free ones first; undefined: they cannot be had. Nothing is taken yet. */
  find(taker: Work, wish: Omit<Wish, 'purpose'>, floor: Floor = 'Minimum'): Bargain | undefined {
    const free = Math.min(wish.count, this.supply.availableNow(taker, wish, floor));
    if (this.available(taker, wish, floor) < wish.count) return undefined;
    const choice = (this.market.choose ?? leastCost)(this.nodes.offer(taker, wish.type, wish.filter), {
      count: wish.count - free,
      most: this.most(taker, { ...wish, count: free }, floor),
      wholeLeaves: taker.spec.topology.prefer === 'Leaf',
      near: taker.near,
    });
    return choice && { free, choice };
  }

  /** Takes what was found. */
  take(taker: Work, wish: Wish, { free, choice }: Bargain, floor: Floor = 'Minimum'): void {
    const { type, purpose } = wish;
    const texts = describeCost(choice.nodes, this.nodes);
    taker.costs.set(purpose.key, [...(taker.costs.get(purpose.key) ?? []), ...texts]);
    this.supply.draw(taker, { ...wish, count: free }, floor);
    const givers = new Set<Work>();
    for (const name of choice.nodes) {
      const { state, work } = this.nodes.take(name);
      spend(work, type, 1);
      givers.add(work);
      taker.drawn.push({ node: state, purpose, from: work.name, busy: true });
      taker.near.add(state.facts.leaf);
    }
    // What waits there may have had its place beside the work that goes.
    for (const giver of givers) refit(giver, this.supply.works, this.fleet.shapes, this.market.nowMs);
  }

  /** Giver → most busy nodes it may lose once it has given its share of the free ones. */
  private most(taker: Work, wish: Omit<Wish, 'purpose'>, floor: Floor): ReadonlyMap<string, number> {
    const shares = this.supply.shares(taker, wish, floor);
    return new Map(
      this.supply.givers(taker).map((giver) => [giver.name, mostOf(giver, taker, shares, floor)] as const),
    );
  }
}

/** Most busy nodes a giver may lose to the taker, once it has given its share of the free ones. */
function mostOf(giver: Work, taker: Work, shares: ReadonlyMap<Work, number>, floor: Floor): number {
  if (giver.bucket.rank >= taker.bucket.rank) return 0;
  const keeps = floor === 'Zero' ? 0 : giver.spec.nodes.min;
  return Math.max(0, Math.min(giver.bucket.budget.left, giver.keeps - keeps) - (shares.get(giver) ?? 0));
}
