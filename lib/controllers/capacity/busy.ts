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
  gangKey,
  isLive,
  lossOf,
  median,
  newestCheckpoints,
  occupies,
  surplusOf,
  toCheckpointRecord,
  toRunningGangs,
  type Loss,
  type RunningGang,
} from '../../fleet';
import { isLeaving, toOffered, type BusyGang } from './busy-gang';
import type { NodeState } from './fleet-state';
import { gangCost, type CandidateGang, type CandidateNode, type VictimOffer } from './offer';
import { accepts, type NodeFilter } from './placement';
import { guard, type Guarded } from './protected';
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
export interface BusyNode {
  readonly state: NodeState;
  readonly work: Work;
  readonly candidate: CandidateNode;
  keeper?: Keeper;
  taken: boolean;
}

/** What the choice of victims is made from. */
export class Busy {
  private readonly byType = new Map<string, BusyNode[]>();
  private readonly byName = new Map<string, BusyNode>();
  private readonly gangs = new Map<string, BusyGang>();
  private readonly queueSeconds = new Map<string, number>();

  constructor(
    works: readonly Work[],
    private readonly snapshot: CapacitySnapshot,
    private readonly nowMs: number,
  ) {
    const keys = this.keysByNode();
    const running = toRunningGangs(snapshot.podGroups, snapshot.pods);
    for (const work of works) this.addWork(work, keys, running);
    this.price(running);
    this.keep(this.addMoves(running));
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
    const count = new Map<Work, number>();
    for (const { work } of this.open(taker, type, filter)) count.set(work, (count.get(work) ?? 0) + 1);
    return count;
  }

  /** Busy nodes of one bucket and type that are not taken. */
  of(giver: Work, type: string): readonly BusyNode[] {
    return (this.byType.get(type) ?? []).filter(({ work, taken }) => work === giver && !taken);
  }

  /** Leaves with busy nodes that may be had. */
  leaves(taker: Work, type: string): readonly string[] {
    return [...new Set(this.open(taker, type, {}).map(({ candidate }) => candidate.leaf))].sort();
  }

  /** Takes a node; its gangs are told to go. */
  take(name: string): BusyNode {
    const node = this.byName.get(name)!;
    node.taken = true;
    for (const key of node.candidate.gangs) this.move(key, name);
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
    return (this.byType.get(type) ?? []).filter(
      ({ state, work, keeper, taken }) =>
        !taken && !keeper && work.bucket.rank < taker.bucket.rank && isGiver(work) && accepts(state, filter),
    );
  }

  /** Keys of the gangs with work on each node. */
  private keysByNode(): ReadonlyMap<string, ReadonlySet<string>> {
    const { podGroups, pods, namespaceBuckets } = this.snapshot;
    const groups = new Map(podGroups.map((group) => [group.key, group] as const));
    const keys = new Map<string, Set<string>>();
    for (const pod of pods) {
      if (pod.deleting || !occupies(pod, namespaceBuckets)) continue;
      const on = keys.get(pod.nodeName!);
      if (on) on.add(gangKey(pod, groups));
      else keys.set(pod.nodeName!, new Set([gangKey(pod, groups)]));
    }
    return keys;
  }

  private addWork(
    work: Work,
    keysByNode: ReadonlyMap<string, ReadonlySet<string>>,
    running: ReadonlyMap<string, RunningGang>,
  ): void {
    for (const state of work.bucket.active) {
      if (!state.busy) continue;
      const { name, leaf, zone, instanceType } = state.facts;
      const gangs = [...(keysByNode.get(name) ?? [])].sort();
      const candidate = { name, leaf, zone, giver: work.name, gangs };
      const node: BusyNode = { state, work, candidate, taken: false };
      this.byName.set(name, node);
      if (!this.byType.has(instanceType)) this.byType.set(instanceType, []);
      this.byType.get(instanceType)!.push(node);
      for (const key of gangs) this.addGang(key, work, running.get(key)!);
    }
  }

  private addGang(key: string, work: Work, running: RunningGang): void {
    if (this.gangs.has(key)) return;
    const loss: Loss = { seconds: 0, workSeconds: 0, since: 'nothing' };
    this.gangs.set(key, { running, work, loss, surplus: 0, moved: new Set() });
  }

  private price(running: ReadonlyMap<string, RunningGang>): void {
    const { checkpoints = [], volcanoJobs = [] } = this.snapshot;
    const record = toCheckpointRecord(newestCheckpoints(checkpoints), running.values(), this.nowMs);
    const jobs = new Map(volcanoJobs.map((job) => [job.key, job] as const));
    const waits = new Map<string, number[]>();
    for (const [key, gang] of this.gangs) {
      const { running: one, work } = gang;
      this.gangs.set(key, { ...gang, loss: lossOf(one, record, this.nowMs), surplus: surplusOf(one, jobs) });
      const createdAtMs = Math.max(...one.members.map((pod) => pod.createdAtMs));
      const list = waits.get(work.name) ?? work.units.map(({ sinceMs }) => this.nowMs - sinceMs);
      list.push(Math.max(0, one.startedAtMs - createdAtMs));
      waits.set(work.name, list);
    }
    for (const [name, list] of waits) this.queueSeconds.set(name, median(list)! / 1000);
  }

  /** What live moves have told to go; returned whole, also what has no pods anywhere else. */
  private addMoves(running: ReadonlyMap<string, RunningGang>): readonly RunningGang[] {
    const nodes = new Set<string>();
    for (const move of this.snapshot.moves) {
      for (const node of move.nodes) if (isLive(move, node)) nodes.add(node.name);
    }
    if (nodes.size === 0) return [];
    const going: RunningGang[] = [];
    for (const [key, gang] of running) {
      const on = gang.members.filter(({ nodeName }) => nodes.has(nodeName!));
      if (on.length > 0) going.push(gang);
      if (this.gangs.has(key)) for (const { nodeName } of on) this.move(key, nodeName!);
    }
    return going;
  }

  private move(key: string, node: string): void {
    const gang = this.gangs.get(key)!;
    gang.moved.add(node);
    gang.offered = undefined;
  }

  private toCandidate(key: string): CandidateGang {
    const gang = this.gangs.get(key)!;
    gang.offered ??= toOffered(gang, this.queueSeconds.get(gang.work.name) ?? 0);
    return gang.offered;
  }

  private keep(going: readonly RunningGang[]): void {
    const givesWayAtMs = this.gaveWayAtMs();
    for (const node of this.byName.values()) node.keeper = this.timeKeeper(node, givesWayAtMs);
    const { budgets = [] } = this.snapshot;
    if (budgets.length === 0) return;
    const nodes = [...this.byName.values()].filter(({ keeper, work }) => !keeper && isGiver(work));
    const guarded = nodes.map((node): Guarded => ({ node, cost: this.costAlone(node), gangs: this.runningOn(node) }));
    guard(guarded, going, budgets);
  }

  private gangsOf({ candidate }: BusyNode): readonly BusyGang[] {
    return candidate.gangs.map((key) => this.gangs.get(key)!);
  }

  private runningOn(node: BusyNode): readonly RunningGang[] {
    return this.gangsOf(node).map(({ running }) => running);
  }

  /** What it would cost by itself, whatever has been told to go. */
  private costAlone({ candidate }: BusyNode): number {
    let cost = 0;
    for (const key of candidate.gangs) {
      const gang = this.gangs.get(key)!;
      const untouched = toOffered({ ...gang, moved: new Set() }, this.queueSeconds.get(gang.work.name) ?? 0);
      const { membersByNode, acceleratorsByNode } = untouched;
      cost += gangCost(untouched, membersByNode.get(candidate.name)!, acceleratorsByNode.get(candidate.name)!);
    }
    return cost;
  }

  private gaveWayAtMs(): ReadonlyMap<string, number> {
    const times = new Map<string, number>();
    for (const { gangs } of this.snapshot.moves) {
      for (const { key, gaveWayAtMs } of gangs) {
        if (gaveWayAtMs !== undefined) times.set(key, Math.max(gaveWayAtMs, times.get(key) ?? 0));
      }
    }
    return times;
  }

  private timeKeeper(node: BusyNode, gaveWayAtMs: ReadonlyMap<string, number>): Keeper | undefined {
    const heldUntilMs = (node.state.facts.assignedAtMs ?? 0) + node.work.bucket.minHoldMs;
    if (heldUntilMs > this.nowMs) return { rule: 'minHold', untilMs: heldUntilMs };
    let coolUntilMs = 0;
    for (const gang of this.gangsOf(node)) {
      const atMs = gaveWayAtMs.get(gang.running.key);
      if (atMs === undefined || isLeaving(gang)) continue;
      coolUntilMs = Math.max(coolUntilMs, atMs + parseDuration(node.work.spec.moves.coolDown));
    }
    return coolUntilMs > this.nowMs ? { rule: 'coolDown', untilMs: coolUntilMs } : undefined;
  }
}

/** Nodes of a bucket that is being deleted are moves' to release. */
function isGiver({ bucket }: Work): boolean {
  return !bucket.facts.deleting;
}
