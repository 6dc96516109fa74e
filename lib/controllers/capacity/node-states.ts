/**
 * Every node with its phase and what runs on it, kept current from one look to the next. PURE in effect: what it says depends on the
 * snapshot alone, and is the same whatever was looked at before; what it remembers only spares work.
 *
 * A node is looked at again when its own facts changed (a new resourceVersion alone is no change), when a pod or gang came or left,
 * when a move took it up or let it go, when its block begins to leave, or when its bucket appears or disappears.
 */
import { parseDuration } from '../../domain/duration';
import { jsonEqual } from '../../domain/json-equal';
import { parseTime } from '../../domain/kube';
import {
  blockLeaveAtMs,
  difference,
  Filing,
  isFleetNode,
  isLive,
  liveMovesByNode,
  nodePhase,
  sameEntries,
  unlikeEntries,
  type MoveFacts,
  type NodeFacts,
  type PodFacts,
} from '../../fleet';
import { bucketNodes, poolNodes, toState, type BucketNodes, type NodeState, type PoolNodes } from './node-groups';
import { loadRules, NO_LOAD, type Load } from './loads';
import { RunningWork } from './running-work';
import type { CapacitySnapshot, PoolFacts } from './snapshot';

/** What phases depend on beside nodes and pods. */
interface Marks {
  readonly buckets: ReadonlySet<string>;
  /** Node → live move. */
  readonly liveMoves: ReadonlyMap<string, string>;
  /** Node → when (epoch ms) the newest move that gives it back, and was not called off, was made. */
  readonly releasedAtMs: ReadonlyMap<string, number>;
  /** Pool → when (epoch ms) its nodes begin to leave. */
  readonly leaveAtMs: ReadonlyMap<string, number>;
  /** Pools whose nodes leave now. */
  readonly leaving: ReadonlySet<string>;
}

const byName = (a: NodeState, b: NodeState) => (a.facts.name < b.facts.name ? -1 : Number(a.facts.name > b.facts.name));
const nameOf = ({ name }: NodeFacts) => name;
const keyOf = ({ key }: PodFacts) => key;

/** The nodes of the fleet. */
export class NodeStates {
  /** By name, in no particular order. Kept current in place: good until the next look. */
  readonly byName = new Map<string, NodeState>();
  readonly running = new RunningWork();
  /** By the label; also of buckets that do not exist. */
  readonly ofBucket = new Filing<NodeState, BucketNodes>({
    valueOf: ({ facts }) => facts.bucket,
    compare: byName,
    summarise: bucketNodes,
  });
  /** By the label; also of pools that do not exist. */
  readonly ofPool = new Filing<NodeState, PoolNodes>({
    valueOf: ({ facts }) => facts.pool,
    compare: byName,
    summarise: poolNodes,
  });
  private readonly facts = new Map<string, NodeFacts>();
  private nodes: readonly NodeFacts[] = [];
  private pods: readonly PodFacts[] = [];
  private namespaceBuckets: ReadonlyMap<string, string> = new Map();
  private loads = new Filing<PodFacts, Load>(loadRules(this.namespaceBuckets));
  private marks: Marks = {
    buckets: new Set(),
    liveMoves: new Map(),
    releasedAtMs: new Map(),
    leaveAtMs: new Map(),
    leaving: new Set(),
  };

  /** Node → NodeMove, for moves that have not ended. */
  get liveMoves(): ReadonlyMap<string, string> {
    return this.marks.liveMoves;
  }

  /** Pods bound to a node that have not ended, sorted by key. */
  podsOn(node: string): readonly PodFacts[] {
    return this.loads.items(node);
  }

  /** Takes the next look. */
  update(snapshot: CapacitySnapshot, nowMs: number): Marks {
    const dirty = new Set<string>();
    this.takeNodes(snapshot.nodes, dirty);
    this.takePods(snapshot, dirty);
    for (const name of this.running.update(snapshot)) dirty.add(name);
    this.takeMarks(toMarks(snapshot, nowMs), dirty);
    const removed: NodeState[] = [];
    const added: NodeState[] = [];
    for (const [name, next] of this.fresh(dirty, nowMs)) {
      const before = this.byName.get(name);
      if (before === next) continue;
      if (before) removed.push(before);
      if (next) added.push(next);
      if (next) this.byName.set(name, next);
      else this.byName.delete(name);
    }
    this.ofBucket.update({ removed, added });
    this.ofPool.update({ removed, added });
    return this.marks;
  }

  private takeNodes(nodes: readonly NodeFacts[], dirty: Set<string>): void {
    const { removed, added } = difference(this.nodes, nodes, nameOf);
    this.nodes = nodes;
    for (const { name } of removed) {
      this.facts.delete(name);
      dirty.add(name);
    }
    for (const node of added) {
      if (!isFleetNode(node)) continue;
      this.facts.set(node.name, node);
      dirty.add(node.name);
    }
  }

  private takePods({ pods, namespaceBuckets }: CapacitySnapshot, dirty: Set<string>): void {
    if (!sameEntries(namespaceBuckets, this.namespaceBuckets)) {
      for (const name of this.loads.values()) dirty.add(name);
      this.namespaceBuckets = namespaceBuckets;
      this.loads = new Filing(loadRules(namespaceBuckets));
      this.pods = [];
    }
    for (const name of this.loads.update(difference(this.pods, pods, keyOf))) dirty.add(name);
    this.pods = pods;
  }

  private takeMarks(next: Marks, dirty: Set<string>): void {
    const before = this.marks;
    this.marks = next;
    for (const name of unlikeEntries(before.liveMoves, next.liveMoves)) dirty.add(name);
    for (const name of unlikeEntries(before.releasedAtMs, next.releasedAtMs)) dirty.add(name);
    for (const bucket of inOneOf(before.buckets, next.buckets)) {
      for (const { facts } of this.ofBucket.items(bucket)) dirty.add(facts.name);
    }
    for (const pool of inOneOf(before.leaving, next.leaving)) {
      for (const { facts } of this.ofPool.items(pool)) dirty.add(facts.name);
    }
  }

  /** The states of these nodes now; the one there was where nothing has changed. */
  private *fresh(dirty: ReadonlySet<string>, nowMs: number): Iterable<readonly [string, NodeState | undefined]> {
    const { releasedAtMs } = this.marks;
    const squatted = new Set<string>();
    const context = { ...this.marks, squatted };
    for (const name of dirty) {
      const facts = this.facts.get(name);
      if (!facts) {
        yield [name, undefined];
        continue;
      }
      const load = this.loads.get(name) ?? NO_LOAD;
      if (load.buckets.some((bucket) => bucket !== facts.bucket)) squatted.add(name);
      // A later node of the same name is another machine.
      const releasing = (releasedAtMs.get(name) ?? -Infinity) >= facts.createdAtMs;
      const running = { ...load, gangs: this.running.keysOn(name) };
      const state = toState(facts, running, nodePhase(facts, context, nowMs), releasing);
      const before = this.byName.get(name);
      yield [name, before && sameState(before, state) ? before : state];
    }
  }
}

function sameState(a: NodeState, b: NodeState): boolean {
  if (a.phase !== b.phase || a.busy !== b.busy || a.releasing !== b.releasing) return false;
  if (!jsonEqual(a.used, b.used) || !jsonEqual(a.overhead, b.overhead)) return false;
  if (!jsonEqual(a.gangs, b.gangs)) return false;
  return a.facts === b.facts || jsonEqual(unversioned(a.facts), unversioned(b.facts));
}

/** Kubelets report every few minutes what has not changed. */
function unversioned(facts: NodeFacts): object {
  return { ...facts, resourceVersion: '' };
}

function toMarks({ buckets, pools, moves }: CapacitySnapshot, nowMs: number): Marks {
  const leaveAtMs = leaveTimes(pools);
  return {
    buckets: new Set(buckets.map(({ name }) => name)),
    liveMoves: liveMovesByNode(moves),
    releasedAtMs: releases(moves),
    leaveAtMs,
    leaving: new Set([...leaveAtMs].filter(([, atMs]) => nowMs >= atMs).map(([pool]) => pool)),
  };
}

function leaveTimes(pools: readonly PoolFacts[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { name, spec, status } of pools) {
    const endMs = parseTime(status.window?.end);
    if (spec && endMs !== undefined) times.set(name, blockLeaveAtMs(endMs, parseDuration(spec.terminationGracePeriod)));
  }
  return times;
}

function releases(moves: readonly MoveFacts[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const move of moves) {
    if (move.to !== 'Release') continue;
    for (const node of move.nodes) {
      if (!isLive(move, node) && node.step !== 'HandedOver') continue;
      found.set(node.name, Math.max(found.get(node.name) ?? -Infinity, move.createdAtMs));
    }
  }
  return found;
}

/** What only one of the two has. */
function inOneOf(a: ReadonlySet<string>, b: ReadonlySet<string>): readonly string[] {
  return [...[...a].filter((item) => !b.has(item)), ...[...b].filter((item) => !a.has(item))];
}
