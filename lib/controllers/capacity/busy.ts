/**
 * Nodes with work on them, as victims: which may be taken, what that costs, and which rule keeps the others until when. PURE.
 *
 * Made only when somebody wants a busy node, and of what the nodes themselves remember: a gang is looked at when somebody asks for it,
 * and what was offered is offered again until something is taken. A gang that a live move, or this very plan, has already told to go costs nothing
 * more: its other nodes are the first to be taken, and nobody else's are taken in their stead.
 *
 * How long a stopped gang would wait for nodes again, nobody knows. Taken for it: the median of what is seen in its bucket now,
 * the waits of the gangs that run (from their last pod's creation to its start) and the waits so far of those that do not run yet.
 */
import { parseDuration } from '../../domain/duration';
import { isGangOf, isLive, type RunningGang } from '../../fleet';
import { isLeaving, toOffered, type BusyGang } from './busy-gang';
import { BusyGangs } from './busy-gangs';
import type { NodeState } from './fleet-state';
import { gangCost, type CandidateGang, type CandidateNode, type VictimOffer } from './offer';
import { accepts, isOpen, type NodeFilter } from './placement';
import { guard, type Guarded } from './protected';
import type { NodeStates } from './node-states';
import type { CapacitySnapshot } from './snapshot';
import type { Work } from './work';

/** Why a busy node stays. */
export interface Keeper {
  readonly rule: 'minHold' | 'coolDown' | 'PodDisruptionBudget';
  /** `namespace/name` of the budget. */
  readonly budget?: string;
  /** Epoch ms; a budget says no time. */
  readonly untilMs?: number;
}

/** What there is to know of running work. */
export interface BusyMarket {
  readonly snapshot: CapacitySnapshot;
  readonly nodes: NodeStates;
  readonly nowMs: number;
}

/** Busy nodes that a rank of takers may have, by leaf too. */
interface Open {
  readonly all: readonly NodeState[];
  readonly byLeaf: ReadonlyMap<string, readonly NodeState[]>;
}

/** What the choice of victims is made from. */
export class Busy {
  private readonly workOf: ReadonlyMap<string, Work>;
  private readonly keepers = new Map<string, Keeper>();
  private readonly taken = new Set<string>();
  private readonly gangs: BusyGangs;
  /** What takers may have, by rank and type. */
  private readonly openTo = new Map<string, Open>();
  /** The same, less what is taken, by filter too: forgotten when something is taken. */
  private readonly counts = new Map<string, ReadonlyMap<Work, number>>();
  private readonly offers = new Map<string, VictimOffer>();

  constructor(
    private readonly works: readonly Work[],
    private readonly market: BusyMarket,
  ) {
    this.workOf = new Map(works.map((work) => [work.name, work] as const));
    this.gangs = new BusyGangs(works, market);
    for (const work of works) this.hold(work);
    this.keep(this.addMoves());
  }

  /** What a taker may have: of strictly lower buckets, of this type. */
  offer(taker: Work, type: string, filter: NodeFilter): VictimOffer {
    const key = keyOf(taker, type, filter);
    const known = this.offers.get(key);
    if (known) return known;
    const offer = this.toOffer(this.open(taker, type, filter));
    this.offers.set(key, offer);
    return offer;
  }

  /** Only these nodes, and what is on them. */
  offerOf(names: readonly string[]): VictimOffer {
    return this.toOffer(names.map((name) => this.market.nodes.byName.get(name)!));
  }

  /** How many a taker may have, by giver. */
  openByGiver(taker: Work, type: string, filter: NodeFilter): ReadonlyMap<Work, number> {
    const key = keyOf(taker, type, filter);
    const known = this.counts.get(key);
    if (known) return known;
    const count = new Map<Work, number>();
    for (const { facts } of this.open(taker, type, filter)) {
      const work = this.workOf.get(facts.bucket!)!;
      count.set(work, (count.get(work) ?? 0) + 1);
    }
    this.counts.set(key, count);
    return count;
  }

  /** Busy nodes of one bucket and type that are not taken. */
  of({ bucket }: Work, type: string, filter: NodeFilter): readonly NodeState[] {
    return this.left(bucket.nodes.byType.get(type)?.busy ?? [], filter);
  }

  /** The rule that keeps a node, if any does. */
  keeperOf({ facts }: NodeState): Keeper | undefined {
    return this.keepers.get(facts.name);
  }

  /** Leaves with busy nodes that may be had. */
  leaves(taker: Work, type: string): readonly string[] {
    const left = (nodes: readonly NodeState[]) => nodes.some(({ facts }) => !this.taken.has(facts.name));
    const { byLeaf } = this.openFor(taker, type);
    return [...byLeaf].flatMap(([leaf, nodes]) => (left(nodes) ? [leaf] : [])).sort();
  }

  /** Takes a node; its gangs are told to go. */
  take(name: string): { readonly state: NodeState; readonly work: Work } {
    const state = this.market.nodes.byName.get(name)!;
    this.taken.add(name);
    this.counts.clear();
    this.offers.clear();
    for (const key of state.gangs) this.gangs.get(key).move(name);
    return { state, work: this.workOf.get(state.facts.bucket!)! };
  }

  /** What is known of a gang that has work on busy nodes. */
  gang(key: string): BusyGang {
    return this.gangs.get(key);
  }

  /** When (epoch ms) a rule lets further nodes go. */
  changesAtMs(): readonly number[] {
    return [...this.keepers.values()].flatMap(({ untilMs }) => untilMs ?? []);
  }

  private open(taker: Work, type: string, filter: NodeFilter): readonly NodeState[] {
    const { all, byLeaf } = this.openFor(taker, type);
    return this.left(filter.leaf === undefined ? all : (byLeaf.get(filter.leaf) ?? []), filter);
  }

  /** Those that are not taken and pass the filter: mostly all of them. */
  private left(nodes: readonly NodeState[], filter: NodeFilter): readonly NodeState[] {
    if (this.taken.size === 0 && isOpen(filter)) return nodes;
    return nodes.filter((node) => !this.taken.has(node.facts.name) && accepts(node, filter));
  }

  private openFor({ bucket: { rank } }: Work, type: string): Open {
    const key = `${rank} ${type}`;
    const known = this.openTo.get(key);
    if (known) return known;
    const lower = this.works.filter((work) => work.bucket.rank < rank && isGiver(work));
    const busy = lower.flatMap(({ bucket }) => bucket.nodes.byType.get(type)?.busy ?? []);
    const all = busy.filter(({ facts }) => !this.keepers.has(facts.name));
    const byLeaf = new Map<string, NodeState[]>();
    for (const node of all) {
      const there = byLeaf.get(node.facts.leaf);
      if (there) there.push(node);
      else byLeaf.set(node.facts.leaf, [node]);
    }
    this.openTo.set(key, { all, byLeaf });
    return { all, byLeaf };
  }

  private toOffer(states: readonly NodeState[]): VictimOffer {
    const gangs = new Map<string, CandidateGang>();
    for (const { gangs: keys } of states) {
      for (const key of keys) if (!gangs.has(key)) gangs.set(key, this.gangs.toCandidate(key));
    }
    return { nodes: states.map(({ candidate }) => candidate!), gangs };
  }

  private hold({ bucket }: Work): void {
    for (const { busy } of bucket.nodes.byType.values()) {
      for (const { facts } of busy) {
        const untilMs = (facts.assignedAtMs ?? 0) + bucket.minHoldMs;
        if (untilMs > this.market.nowMs) this.keepers.set(facts.name, { rule: 'minHold', untilMs });
      }
    }
  }

  /** What live moves have told to go; returned whole, also what has no pods anywhere else. */
  private addMoves(): readonly RunningGang[] {
    const { snapshot, nodes } = this.market;
    const { gangs } = nodes.running;
    const going = new Map<string, RunningGang>();
    const live = snapshot.moves.flatMap((move) => move.nodes.filter((node) => isLive(move, node)));
    for (const pod of live.flatMap(({ name }) => nodes.podsOn(name))) {
      const key = gangs.keyOf(pod);
      const gang = pod.deleting || pod.system ? undefined : gangs.get(key);
      if (!gang) continue;
      going.set(key, gang);
      this.gangs.find(key)?.move(pod.nodeName!);
    }
    return [...going.values()];
  }

  private keep(going: readonly RunningGang[]): void {
    this.coolDown();
    const { budgets = [] } = this.market.snapshot;
    if (budgets.length === 0) return;
    // Where no budget is, none can be broken; and what nobody may take asks none.
    const highest = Math.max(...this.works.map(({ bucket }) => bucket.rank));
    const namespaces = new Set(budgets.map(({ namespace }) => namespace));
    const exposed = this.works.filter((work) => isGiver(work) && work.bucket.rank < highest);
    const guarded = exposed.flatMap((work) => this.guarded(work, [...namespaces]));
    for (const [name, budget] of guard(guarded, going, budgets)) {
      this.keepers.set(name, { rule: 'PodDisruptionBudget', budget });
    }
  }

  /** Nodes of a bucket with work in one of these namespaces that no other rule keeps. */
  private guarded({ bucket }: Work, namespaces: readonly string[]): readonly Guarded[] {
    const { gangs } = this.market.nodes.running;
    const found: Guarded[] = [];
    for (const { busy } of bucket.nodes.byType.values()) {
      for (const { facts, candidate, gangs: keys } of busy) {
        if (!keys.some((key) => namespaces.some((namespace) => isGangOf(namespace, key)))) continue;
        if (this.keepers.has(facts.name)) continue;
        const running = keys.map((key) => gangs.get(key)!);
        found.push({ node: candidate!, cost: this.costAlone(candidate!), gangs: running });
      }
    }
    return found;
  }

  /** What it would cost by itself, whatever has been told to go. */
  private costAlone({ name, gangs }: CandidateNode): number {
    let cost = 0;
    for (const key of gangs) {
      const gang = this.gangs.get(key);
      const moved = gang.moved.size > 0;
      const untouched = moved
        ? toOffered(gang, this.gangs.queueSecondsOf(gang.work), new Set())
        : this.gangs.toCandidate(key);
      const { membersByNode, acceleratorsByNode } = untouched;
      cost += gangCost(untouched, membersByNode.get(name)!, acceleratorsByNode.get(name)!);
    }
    return cost;
  }

  /** Keeps nodes of gangs that gave way a moment ago, the longest time of each node. */
  private coolDown(): void {
    for (const [key, atMs] of this.gaveWayAtMs()) {
      const gang = this.gangs.find(key);
      if (!gang || isLeaving(gang)) continue;
      const names = new Set(gang.running.members.map(({ nodeName }) => nodeName!));
      for (const name of names) {
        const work = this.gangs.workAt(name, key);
        if (work) this.cool(name, work, atMs);
      }
    }
  }

  private cool(name: string, work: Work, atMs: number): void {
    const keeper = this.keepers.get(name);
    const untilMs = atMs + parseDuration(work.spec.moves.coolDown);
    if (keeper?.rule === 'minHold' || untilMs <= Math.max(this.market.nowMs, keeper?.untilMs ?? 0)) return;
    this.keepers.set(name, { rule: 'coolDown', untilMs });
  }

  private gaveWayAtMs(): ReadonlyMap<string, number> {
    const times = new Map<string, number>();
    for (const { gangs } of this.market.snapshot.moves) {
      for (const { key, gaveWayAtMs } of gangs) {
        if (gaveWayAtMs !== undefined) times.set(key, Math.max(gaveWayAtMs, times.get(key) ?? 0));
      }
    }
    return times;
  }
}

/** Nodes of a bucket that is being deleted are moves' to release. */
function isGiver({ bucket }: Work): boolean {
  return !bucket.facts.deleting;
}

/** Equal for who may have the same. */
function keyOf({ bucket }: Work, type: string, { leaf = '', zones = [''] }: NodeFilter): string {
  return [bucket.rank, type, leaf, ...zones].join(' ');
}
