/** The snapshot, ordered by what decisions ask for: which node is where, free or busy, and what could still come. PURE. */
import { PRIORITY_RANK, type CapacityBucketSpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import { departures, moveBudget, type Departures, type MoveBudget, type MoveFacts } from '../../fleet';
import {
  bucketNodes,
  freeAccelerators,
  poolNodes,
  type BucketNodes,
  type NodeState,
  type PoolNodes,
} from './node-groups';
import { NodeStates } from './node-states';
import { toShapes, type TypeShape } from './shapes';
import type { BucketFacts, CapacitySnapshot, PoolFacts } from './snapshot';

export { byType, type NodeState } from './node-groups';

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
  readonly owned: readonly NodeState[];
  readonly active: readonly NodeState[];
  /** The same nodes, and what there is to know about them. */
  readonly nodes: BucketNodes;
  readonly arriving: NodeState[];
  /** Those that arrive, by the move that brings them, oldest move first. */
  readonly batches: Map<string, NodeState[]>;
  /** Its nodes that are away to be proved, or on their way to that: not usable, and soon here again. */
  readonly proving: NodeState[];
  readonly budget: MoveBudget;
}

/** A pool that can be asked for nodes, or that runs at its size. */
export interface PoolState {
  readonly name: string;
  readonly facts: PoolFacts;
  readonly instanceType: string;
  readonly onDemand: boolean;
  readonly nodes: readonly NodeState[];
  /** The same nodes, and what there is to know about them. */
  readonly group: PoolNodes;
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
  /** By name, in no particular order; good until the next look. */
  readonly nodes: ReadonlyMap<string, NodeState>;
  readonly shapes: ReadonlyMap<string, TypeShape>;
  /** When (epoch ms) something in here changes by time alone. */
  readonly changesAtMs: readonly number[];
}

/** Brings the snapshot into order. The order of its lists does not matter. `states`: from the look before, or new. */
export function toFleetState(snapshot: CapacitySnapshot, nowMs: number, states = new NodeStates()): FleetState {
  const { leaveAtMs } = states.update(snapshot, nowMs);
  const pools = toPools(snapshot.pools, states, nowMs);
  const buckets = toBuckets(snapshot, states, nowMs);
  return {
    buckets,
    pools,
    nodes: states.byName,
    shapes: toShapes(buckets, pools, states.ofPool.summaries()),
    changesAtMs: [...leaveAtMs.values(), ...[...pools.values()].flatMap(({ startsAtMs }) => startsAtMs ?? [])].filter(
      (atMs) => atMs > nowMs,
    ),
  };
}

const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);
const NO_BUCKET_NODES = bucketNodes([]);
const NO_POOL_NODES = poolNodes([]);

function toPools(pools: readonly PoolFacts[], states: NodeStates, nowMs: number): ReadonlyMap<string, PoolState> {
  const later = (time: string | undefined) => {
    const ms = parseTime(time);
    return ms !== undefined && ms > nowMs ? ms : undefined;
  };
  const found = new Map<string, PoolState>();
  for (const facts of [...pools].sort(byName)) {
    if (!facts.spec || facts.deleting) continue;
    const { instanceType, source } = facts.spec;
    const group = states.ofPool.get(facts.name) ?? NO_POOL_NODES;
    found.set(facts.name, {
      name: facts.name,
      facts,
      instanceType,
      onDemand: source === 'OnDemand',
      nodes: group.nodes,
      group,
      backOffUntilMs: later(facts.status.backOff?.until),
      startsAtMs: later(facts.status.window?.start),
    });
  }
  return found;
}

function toBuckets(snapshot: CapacitySnapshot, states: NodeStates, nowMs: number): readonly BucketState[] {
  const gone = departures(snapshot.moves, (node) => states.byName.get(node)?.facts.bucket, nowMs);
  const found = new Map(
    [...snapshot.buckets].sort(byName).map((facts) => {
      const nodes = states.ofBucket.get(facts.name) ?? NO_BUCKET_NODES;
      return [facts.name, toBucket(facts, nodes, gone.get(facts.name))] as const;
    }),
  );
  for (const [name, move] of onTheirWay(snapshot, states)) {
    const node = states.byName.get(name)!;
    if (move.to === 'Validation') found.get(node.facts.bucket ?? '')?.proving.push(node);
    else addArriving(found.get(move.bucket ?? ''), node, move.name);
  }
  for (const { arriving, proving } of found.values()) {
    for (const list of [arriving, proving]) list.sort((a, b) => byName(a.facts, b.facts));
  }
  return [...found.values()].sort((a, b) => b.rank - a.rank || byName(a, b));
}

function addArriving(bucket: BucketState | undefined, node: NodeState, move: string): void {
  bucket?.arriving.push(node);
  bucket?.batches.set(move, [...(bucket.batches.get(move) ?? []), node]);
}

/** Older first; of one second the smaller, whose nodes cannot be enough for what a larger one was made for. */
function compareAge(a: MoveFacts, b: MoveFacts): number {
  return a.createdAtMs - b.createdAtMs || a.nodes.length - b.nodes.length || byName(a, b);
}

/** For a bucket whose spec is invalid: nothing leaves it. */
const NO_MOVES = { perHour: 0, inFlight: 0 };

function toBucket(facts: BucketFacts, nodes: BucketNodes, gone: Departures | undefined): BucketState {
  const { spec } = facts;
  return {
    name: facts.name,
    facts,
    spec,
    owned: nodes.owned,
    active: nodes.active,
    nodes,
    rank: spec ? PRIORITY_RANK[spec.priority] : -1,
    minHoldMs: spec ? parseDuration(spec.moves.minHold) : 0,
    demandForMs: spec ? parseDuration(spec.hysteresis.demandFor) : 0,
    idleForMs: spec ? parseDuration(spec.hysteresis.idleFor) : 0,
    arriving: [],
    batches: new Map(),
    proving: [...nodes.proving],
    budget: moveBudget(spec?.moves ?? NO_MOVES, gone),
  };
}

/**
 * Node → move that brings it into a bucket, or to validation and then back. Also a node whose move says HandedOver while its own object, an older copy, still carries
 * that move's claim: caches of two Kinds are never equally old, and asking for another node meanwhile would be one too many.
 */
function onTheirWay({ moves }: CapacitySnapshot, states: NodeStates): ReadonlyMap<string, MoveFacts> {
  const found = new Map<string, MoveFacts>();
  const { liveMoves } = states;
  for (const move of mattering(moves, states).sort(compareAge)) {
    if (move.to !== 'Bucket' && move.to !== 'Validation') continue;
    for (const { name, step } of move.nodes) {
      const state = states.byName.get(name);
      if (state?.phase !== 'Moving') continue;
      const landed = step === 'HandedOver' && state.facts.claim === move.name;
      if (liveMoves.get(name) === move.name || landed) found.set(name, move);
    }
  }
  return found;
}

/** Moves that are live, or that a node on its way still names. The others are history, and most of them are. */
function mattering(moves: readonly MoveFacts[], states: NodeStates): MoveFacts[] {
  const claims = new Set<string | undefined>();
  for (const [, { moving }] of states.ofPool.summaries()) for (const { facts } of moving) claims.add(facts.claim);
  return moves.filter(({ name, finishedAtMs }) => finishedAtMs === undefined || claims.has(name));
}

/** A node as it will be when it arrives in a bucket: without the work of another. */
export function vacated(node: NodeState, bucket: string): NodeState {
  if (!node.busy || node.facts.bucket === bucket) return node;
  return { ...node, used: node.overhead, free: freeAccelerators(node.facts.allocatable, node.overhead) };
}
