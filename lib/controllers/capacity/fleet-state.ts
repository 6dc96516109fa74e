/** The snapshot, ordered by what decisions ask for: which node is where, free or busy, and what could still come. PURE. */
import { PRIORITY_RANK, type CapacityBucketSpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import {
  addInto,
  blockLeaveAtMs,
  departures,
  isFleetNode,
  isLive,
  liveMovesByNode,
  moveBudget,
  nodePhase,
  occupies,
  squats,
  type Amounts,
  type Departures,
  type MoveBudget,
  type MoveFacts,
  type NodeFacts,
  type NodePhase,
} from '../../fleet';
import { toShapes, type TypeShape } from './shapes';
import type { BucketFacts, CapacitySnapshot, PoolFacts } from './snapshot';

/** A node with its phase and what runs on it. */
export interface NodeState {
  readonly facts: NodeFacts;
  readonly phase: NodePhase;
  /** What its pods ask for, system pods included. */
  readonly used: Amounts;
  /** What its system pods ask for. */
  readonly overhead: Amounts;
  /** Has work on it. */
  readonly busy: boolean;
  /** A move to Release has it, or has emptied it. */
  readonly releasing: boolean;
}

/** A bucket that may own nodes, and those it has. */
export interface BucketState {
  readonly name: string;
  readonly facts: BucketFacts;
  /** Absent when the spec is invalid: nothing is decided for such a bucket, and its nodes stay. */
  readonly spec?: CapacityBucketSpec;
  readonly rank: number;
  readonly minHoldMs: number;
  readonly demandForMs: number;
  readonly idleForMs: number;
  readonly owned: NodeState[];
  readonly active: NodeState[];
  readonly arriving: NodeState[];
  /** The same nodes by the move that brings them, oldest move first. */
  readonly batches: Map<string, NodeState[]>;
  readonly budget: MoveBudget;
}

/** A pool that can be asked for nodes, or that runs at its size. */
export interface PoolState {
  readonly name: string;
  readonly facts: PoolFacts;
  readonly instanceType: string;
  readonly onDemand: boolean;
  readonly nodes: NodeState[];
  /** EC2 had none: not asked again before this time (epoch ms). */
  readonly backOffUntilMs?: number;
  /** Its block starts at this time (epoch ms), which is still to come. */
  readonly startsAtMs?: number;
}

/** The whole fleet. */
export interface FleetState {
  /** By priority, highest first, then by name. */
  readonly buckets: readonly BucketState[];
  readonly pools: ReadonlyMap<string, PoolState>;
  readonly nodes: ReadonlyMap<string, NodeState>;
  readonly shapes: ReadonlyMap<string, TypeShape>;
  /** When (epoch ms) something in here changes by time alone. */
  readonly changesAtMs: readonly number[];
}

/** Brings the snapshot into order. The order of its lists does not matter. */
export function toFleetState(snapshot: CapacitySnapshot, nowMs: number): FleetState {
  const leaveAtMs = leaveTimes(snapshot.pools);
  const nodes = toNodes(snapshot, leaveAtMs, nowMs);
  const pools = toPools(snapshot.pools, nodes, nowMs);
  const buckets = toBuckets(snapshot, nodes, nowMs);
  return {
    buckets,
    pools,
    nodes,
    shapes: toShapes(buckets, pools, nodes),
    changesAtMs: [...leaveAtMs.values(), ...[...pools.values()].flatMap(({ startsAtMs }) => startsAtMs ?? [])].filter(
      (atMs) => atMs > nowMs,
    ),
  };
}

const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);

function leaveTimes(pools: readonly PoolFacts[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { name, spec, status } of pools) {
    const endMs = parseTime(status.window?.end);
    if (spec && endMs !== undefined) times.set(name, blockLeaveAtMs(endMs, parseDuration(spec.terminationGracePeriod)));
  }
  return times;
}

function toNodes(
  snapshot: CapacitySnapshot,
  leaveAtMs: ReadonlyMap<string, number>,
  nowMs: number,
): ReadonlyMap<string, NodeState> {
  const releasedAtMs = releases(snapshot);
  const states = new Map<string, Draft>();
  for (const facts of inOrder(snapshot.nodes)) {
    if (!isFleetNode(facts)) continue;
    // A later node of the same name is another machine.
    const releasing = releasedAtMs.size > 0 && (releasedAtMs.get(facts.name) ?? -Infinity) >= facts.createdAtMs;
    states.set(facts.name, { facts, phase: 'Joining', used: NOTHING, overhead: NOTHING, busy: false, releasing });
  }
  const context = {
    buckets: new Set(snapshot.buckets.map(({ name }) => name)),
    liveMoves: liveMovesByNode(snapshot.moves),
    squatted: load(states, snapshot),
    leaveAtMs,
  };
  for (const state of states.values()) state.phase = nodePhase(state.facts, context, nowMs);
  return states;
}

/** A NodeState in the making: one map of the fleet, filled in passes. */
type Draft = { -readonly [K in keyof NodeState]: NodeState[K] };

const NOTHING: Amounts = {};

/** Puts the pods on their nodes, in one pass; returns the nodes with a pod of another bucket. */
function load(states: ReadonlyMap<string, Draft>, { pods, namespaceBuckets }: CapacitySnapshot): ReadonlySet<string> {
  const squatted = new Set<string>();
  for (const pod of pods) {
    const state = pod.nodeName === undefined || pod.ended ? undefined : states.get(pod.nodeName);
    if (!state) continue;
    // Mostly one pod has the node to itself: its requests are shared, not copied.
    state.used = state.used === NOTHING ? pod.requests : sum(state.used, pod.requests);
    if (pod.system) state.overhead = sum(state.overhead, pod.requests);
    if (occupies(pod, namespaceBuckets)) state.busy = true;
    if (squats(pod, state.facts.bucket, namespaceBuckets)) squatted.add(state.facts.name);
  }
  return squatted;
}

function sum(a: Amounts, b: Amounts): Amounts {
  const total = { ...a };
  addInto(total, b);
  return total;
}

/** The nodes by name. Caches hand them out sorted, so mostly there is nothing to sort. */
function inOrder(nodes: readonly NodeFacts[]): readonly NodeFacts[] {
  for (let i = 1; i < nodes.length; i++) if (nodes[i - 1]!.name > nodes[i]!.name) return [...nodes].sort(byName);
  return nodes;
}

/** Node → creation time of the newest move that gives it back and was not called off. */
function releases({ moves }: CapacitySnapshot): ReadonlyMap<string, number> {
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

function toPools(
  pools: readonly PoolFacts[],
  nodes: ReadonlyMap<string, NodeState>,
  nowMs: number,
): ReadonlyMap<string, PoolState> {
  const later = (time: string | undefined) => {
    const ms = parseTime(time);
    return ms !== undefined && ms > nowMs ? ms : undefined;
  };
  const states = new Map<string, PoolState>();
  for (const facts of [...pools].sort(byName)) {
    if (!facts.spec || facts.deleting) continue;
    const { instanceType, source } = facts.spec;
    states.set(facts.name, {
      name: facts.name,
      facts,
      instanceType,
      onDemand: source === 'OnDemand',
      nodes: [],
      backOffUntilMs: later(facts.status.backOff?.until),
      startsAtMs: later(facts.status.window?.start),
    });
  }
  for (const node of nodes.values()) states.get(node.facts.pool!)?.nodes.push(node);
  return states;
}

function toBuckets(
  snapshot: CapacitySnapshot,
  nodes: ReadonlyMap<string, NodeState>,
  nowMs: number,
): readonly BucketState[] {
  const gone = departures(snapshot.moves, (node) => nodes.get(node)?.facts.bucket, nowMs);
  const states = new Map(
    [...snapshot.buckets].sort(byName).map((facts) => [facts.name, toBucket(facts, gone.get(facts.name))] as const),
  );
  for (const node of nodes.values()) {
    const bucket = node.facts.bucket === undefined ? undefined : states.get(node.facts.bucket);
    bucket?.owned.push(node);
    if (node.phase === 'Active') bucket?.active.push(node);
  }
  for (const [node, { bucket = '', name }] of arrivals(snapshot, nodes)) {
    const state = states.get(bucket);
    if (state) addArriving(state, nodes.get(node)!, name);
  }
  states.forEach(({ arriving }) => arriving.sort((a, b) => byName(a.facts, b.facts)));
  return [...states.values()].sort((a, b) => b.rank - a.rank || byName(a, b));
}

function addArriving({ arriving, batches }: BucketState, node: NodeState, move: string): void {
  arriving.push(node);
  batches.set(move, [...(batches.get(move) ?? []), node]);
}

/** Older first; of one second the smaller, whose nodes cannot be enough for what a larger one was made for. */
function compareAge(a: MoveFacts, b: MoveFacts): number {
  return a.createdAtMs - b.createdAtMs || a.nodes.length - b.nodes.length || byName(a, b);
}

/** For a bucket whose spec is invalid: nothing leaves it. */
const NO_MOVES = { perHour: 0, inFlight: 0 };

function toBucket(facts: BucketFacts, gone: Departures | undefined): BucketState {
  const { spec } = facts;
  return {
    name: facts.name,
    facts,
    spec,
    rank: spec ? PRIORITY_RANK[spec.priority] : -1,
    minHoldMs: spec ? parseDuration(spec.moves.minHold) : 0,
    demandForMs: spec ? parseDuration(spec.hysteresis.demandFor) : 0,
    idleForMs: spec ? parseDuration(spec.hysteresis.idleFor) : 0,
    owned: [],
    active: [],
    arriving: [],
    batches: new Map(),
    budget: moveBudget(spec?.moves ?? NO_MOVES, gone),
  };
}

/**
 * Node → bucket it is on its way into. Also a node whose move says HandedOver while its own object, an older copy, still carries
 * that move's claim: caches of two Kinds are never equally old, and asking for another node meanwhile would be one too many.
 */
function arrivals({ moves }: CapacitySnapshot, nodes: ReadonlyMap<string, NodeState>): ReadonlyMap<string, MoveFacts> {
  const found = new Map<string, MoveFacts>();
  const winner = liveMovesByNode(moves);
  for (const move of [...moves].sort(compareAge)) {
    if (move.to !== 'Bucket' || move.bucket === undefined) continue;
    for (const { name, step } of move.nodes) {
      const state = nodes.get(name);
      if (state?.phase !== 'Moving') continue;
      const landed = step === 'HandedOver' && state.facts.claim === move.name;
      if (winner.get(name) === move.name || landed) found.set(name, move);
    }
  }
  return found;
}

/** Nodes by instance type, in the order given. */
export function byType(nodes: readonly NodeState[]): ReadonlyMap<string, NodeState[]> {
  const groups = new Map<string, NodeState[]>();
  for (const node of nodes) {
    const group = groups.get(node.facts.instanceType);
    if (group) group.push(node);
    else groups.set(node.facts.instanceType, [node]);
  }
  return groups;
}
