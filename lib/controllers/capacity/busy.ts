/**
 * Nodes with work on them, as victims: which may be taken, what that costs, and which rule keeps the others until when. PURE.
 *
 * Built only when somebody wants a busy node. A gang that a live move, or this very plan, has already told to go costs nothing
 * more: its other nodes are the first to be taken, and nobody else's are taken in their stead.
 *
 * How long a stopped gang would wait for nodes again, nobody knows. Taken for it: the median of what is seen in its bucket now,
 * the waits of the gangs that run (from their last pod's creation to its start) and the waits so far of those that do not run yet.
 */
import { parseDuration } from '../../domain/duration';
import {
  isLive,
  lossOf,
  median,
  newestCheckpoints,
  surplusOf,
  type CheckpointFacts,
  type RunningGang,
  type VolcanoJobFacts,
} from '../../fleet';
import { BusyGang, isLeaving, toOffered, type Price } from './busy-gang';
import type { NodeState } from './fleet-state';
import { gangCost, type CandidateGang, type CandidateNode, type VictimOffer } from './offer';
import { accepts, type NodeFilter } from './placement';
import { guard, type Guarded } from './protected';
import type { NodeStates } from './node-states';
import type { RunningWork } from './running-work';
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

/** A busy node of some bucket. */
export class BusyNode {
  keeper?: Keeper;
  taken = false;
  private offered?: CandidateNode;

  constructor(
    readonly state: NodeState,
    readonly work: Work,
    /** Keys of the gangs with work on it, sorted. */
    readonly gangs: readonly string[],
  ) {}

  get candidate(): CandidateNode {
    const { name, leaf, zone } = this.state.facts;
    return (this.offered ??= { name, leaf, zone, giver: this.work.name, gangs: this.gangs });
  }
}

/** What there is to know of running work. */
export interface BusyMarket {
  readonly snapshot: CapacitySnapshot;
  readonly nodes: NodeStates;
  readonly running: RunningWork;
  readonly nowMs: number;
}

/** What the choice of victims is made from. */
export class Busy {
  private readonly byType = new Map<string, BusyNode[]>();
  private readonly byName = new Map<string, BusyNode>();
  private readonly gangs = new Map<string, BusyGang>();
  private readonly gangsOfWork = new Map<Work, BusyGang[]>();
  private readonly queueSeconds = new Map<Work, number>();
  private newest?: ReadonlyMap<string, CheckpointFacts>;
  private jobs?: ReadonlyMap<string, VolcanoJobFacts>;
  /** What takers may have, by rank and type; and of that, what passes a filter, by giver. */
  private readonly openTo = new Map<string, readonly BusyNode[]>();
  private readonly counts = new Map<string, ReadonlyMap<Work, number>>();

  constructor(
    private readonly works: readonly Work[],
    private readonly market: BusyMarket,
  ) {
    for (const work of works) this.addWork(work);
    this.keep(this.addMoves());
  }

  /** What a taker may have: of strictly lower buckets, of this type. */
  offer(taker: Work, type: string, filter: NodeFilter): VictimOffer {
    const gangs = new Map<string, CandidateGang>();
    const nodes = this.open(taker, type, filter).map(({ candidate }) => {
      for (const key of candidate.gangs) if (!gangs.has(key)) gangs.set(key, this.toCandidate(key));
      return candidate;
    });
    return { nodes, gangs };
  }

  /** Only these nodes, and what is on them. */
  offerOf(names: readonly string[]): VictimOffer {
    const nodes = names.map((name) => this.byName.get(name)!.candidate);
    const keys = new Set(nodes.flatMap((node) => node.gangs));
    return { nodes, gangs: new Map([...keys].map((key) => [key, this.toCandidate(key)] as const)) };
  }

  /** How many a taker may have, by giver. */
  openByGiver(taker: Work, type: string, filter: NodeFilter): ReadonlyMap<Work, number> {
    const key = [taker.bucket.rank, type, filter.leaf ?? '', ...(filter.zones ?? [''])].join(' ');
    const known = this.counts.get(key);
    if (known) return known;
    const count = new Map<Work, number>();
    for (const { work } of this.open(taker, type, filter)) count.set(work, (count.get(work) ?? 0) + 1);
    this.counts.set(key, count);
    return count;
  }

  /** Busy nodes of one bucket and type that are not taken. */
  of(giver: Work, type: string): readonly BusyNode[] {
    return (this.byType.get(type) ?? []).filter(({ work, taken }) => work === giver && !taken);
  }

  /** Leaves with busy nodes that may be had. */
  leaves(taker: Work, type: string): readonly string[] {
    return [...new Set(this.open(taker, type, {}).map(({ state }) => state.facts.leaf))].sort();
  }

  /** Takes a node; its gangs are told to go. */
  take(name: string): BusyNode {
    const node = this.byName.get(name)!;
    node.taken = true;
    this.counts.clear();
    for (const key of node.gangs) this.gangs.get(key)!.move(name);
    return node;
  }

  /** What is known of a gang. */
  gang(key: string): BusyGang {
    return this.gangs.get(key)!;
  }

  /** When (epoch ms) a rule lets further nodes go. */
  changesAtMs(): readonly number[] {
    return [...this.byName.values()].flatMap(({ keeper }) => keeper?.untilMs ?? []);
  }

  private open(taker: Work, type: string, filter: NodeFilter): readonly BusyNode[] {
    const { rank } = taker.bucket;
    const key = `${rank} ${type}`;
    let nodes = this.openTo.get(key);
    if (!nodes) {
      nodes = (this.byType.get(type) ?? []).filter(
        ({ work, keeper }) => !keeper && work.bucket.rank < rank && isGiver(work),
      );
      this.openTo.set(key, nodes);
    }
    return nodes.filter(({ state, taken }) => !taken && accepts(state, filter));
  }

  private addWork(work: Work): void {
    for (const [type, { busy }] of work.bucket.nodes.byType) {
      const nodes = busy.map((state) => this.addNode(state, work));
      const known = this.byType.get(type);
      if (known) known.push(...nodes);
      else this.byType.set(type, nodes);
    }
  }

  private addNode(state: NodeState, work: Work): BusyNode {
    const { name, assignedAtMs = 0 } = state.facts;
    const node = new BusyNode(state, work, this.market.running.keysOn(name));
    const untilMs = assignedAtMs + work.bucket.minHoldMs;
    if (untilMs > this.market.nowMs) node.keeper = { rule: 'minHold', untilMs };
    this.byName.set(name, node);
    for (const key of node.gangs) if (!this.gangs.has(key)) this.addGang(key, work);
    return node;
  }

  private addGang(key: string, work: Work): void {
    const gang = new BusyGang(this.market.running.gangs.get(key)!, work, this.priceOf);
    this.gangs.set(key, gang);
    const list = this.gangsOfWork.get(work);
    if (list) list.push(gang);
    else this.gangsOfWork.set(work, [gang]);
  }

  private readonly priceOf = (gang: RunningGang): Price => {
    const { snapshot, nowMs } = this.market;
    const { checkpoints = [], volcanoJobs = [] } = snapshot;
    this.newest ??= newestCheckpoints(checkpoints);
    this.jobs ??= new Map(volcanoJobs.map((job) => [job.key, job] as const));
    return { loss: lossOf(gang, this.newest, nowMs), surplus: surplusOf(gang, this.jobs) };
  };

  /** How long a gang of this bucket would wait for nodes again. */
  private queueSecondsOf(work: Work): number {
    const known = this.queueSeconds.get(work);
    if (known !== undefined) return known;
    const waits = work.units.map(({ sinceMs }) => this.market.nowMs - sinceMs);
    for (const { running } of this.gangsOfWork.get(work) ?? []) {
      const createdAtMs = Math.max(...running.members.map((pod) => pod.createdAtMs));
      waits.push(Math.max(0, running.startedAtMs - createdAtMs));
    }
    const seconds = (median(waits) ?? 0) / 1000;
    this.queueSeconds.set(work, seconds);
    return seconds;
  }

  /** What live moves have told to go; returned whole, also what has no pods anywhere else. */
  private addMoves(): readonly RunningGang[] {
    const { snapshot, nodes, running } = this.market;
    const going = new Map<string, RunningGang>();
    const live = snapshot.moves.flatMap((move) => move.nodes.filter((node) => isLive(move, node)));
    for (const pod of live.flatMap(({ name }) => nodes.podsOn(name))) {
      const key = running.gangs.keyOf(pod);
      const gang = pod.deleting || pod.system ? undefined : running.gangs.get(key);
      if (!gang) continue;
      going.set(key, gang);
      this.gangs.get(key)?.move(pod.nodeName!);
    }
    return [...going.values()];
  }

  private toCandidate(key: string): CandidateGang {
    const gang = this.gangs.get(key)!;
    gang.offered ??= toOffered(gang, this.queueSecondsOf(gang.work));
    return gang.offered;
  }

  private keep(going: readonly RunningGang[]): void {
    this.coolDown();
    const { budgets = [] } = this.market.snapshot;
    if (budgets.length === 0) return;
    // Where no budget is, none can be broken; and what nobody may take asks none.
    const highest = Math.max(...this.works.map(({ bucket }) => bucket.rank));
    const namespaces = new Set(budgets.map(({ namespace }) => namespace));
    const nodes = [...this.byName.values()].filter(
      ({ keeper, work, gangs }) =>
        !keeper &&
        isGiver(work) &&
        work.bucket.rank < highest &&
        gangs.some((key) => namespaces.has(this.gangs.get(key)!.running.namespace)),
    );
    const guarded = nodes.map((node): Guarded => ({ node, cost: this.costAlone(node), gangs: this.runningOn(node) }));
    guard(guarded, going, budgets);
  }

  private runningOn({ gangs }: BusyNode): readonly RunningGang[] {
    return gangs.map((key) => this.gangs.get(key)!.running);
  }

  /** What it would cost by itself, whatever has been told to go. */
  private costAlone({ state, gangs }: BusyNode): number {
    const { name } = state.facts;
    let cost = 0;
    for (const key of gangs) {
      const gang = this.gangs.get(key)!;
      const untouched = toOffered(gang, this.queueSecondsOf(gang.work), new Set());
      const { membersByNode, acceleratorsByNode } = untouched;
      cost += gangCost(untouched, membersByNode.get(name)!, acceleratorsByNode.get(name)!);
    }
    return cost;
  }

  /** Keeps nodes of gangs that gave way a moment ago, the longest time of each node. */
  private coolDown(): void {
    for (const [key, atMs] of this.gaveWayAtMs()) {
      const gang = this.gangs.get(key);
      if (!gang || isLeaving(gang)) continue;
      const names = new Set(gang.running.members.map(({ nodeName }) => nodeName!));
      for (const name of names) {
        const node = this.byName.get(name);
        if (node?.gangs.includes(key)) this.cool(node, atMs);
      }
    }
  }

  private cool(node: BusyNode, atMs: number): void {
    const { keeper, work } = node;
    const untilMs = atMs + parseDuration(work.spec.moves.coolDown);
    if (keeper?.rule === 'minHold' || untilMs <= Math.max(this.market.nowMs, keeper?.untilMs ?? 0)) return;
    node.keeper = { rule: 'coolDown', untilMs };
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
