/** Long random histories of a fleet: what the plan promises must hold after every step, whatever happened before. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { departures, isLive, type NodeFacts, type PodFacts, type PodGroupFacts } from '../../fleet';
import { inBucket } from '../../fleet/testing';
import { toFleetState, type BucketState, type FleetState } from './fleet-state';
import { planCapacity } from './plan';
import type { CapacityAction, CapacitySnapshot } from './snapshot';
import { maturedSurplus } from './surplus';
import { makeBucket, makeGang, makeNodes, makeOnDemand, makePool, makeSnapshot, written } from './testing';

const START = Date.parse('2026-11-23T12:00:00Z');
const SECOND = 1000;
type CreateMove = Extract<CapacityAction, { type: 'CreateMove' }>;

/** Something that happens to the fleet. Numbers choose among what is there. */
type Happening =
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'gang'; readonly bucket: number; readonly size: number; readonly gpus: number }
  | { readonly kind: 'schedule' }
  | { readonly kind: 'endGang'; readonly which: number }
  | { readonly kind: 'handOver'; readonly which: number; readonly abort: boolean }
  | { readonly kind: 'touch'; readonly which: number; readonly how: 'hold' | 'cordon' | 'break' | 'heal' }
  | { readonly kind: 'die'; readonly which: number }
  | { readonly kind: 'supply' };

const pick = fc.nat({ max: 1000 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait'), seconds: fc.constantFrom(20, 60, 300, 900) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('gang'),
      bucket: pick,
      size: fc.integer({ min: 1, max: 4 }),
      gpus: fc.constantFrom(8, 8, 8, 4, 1),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('schedule') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('endGang'), which: pick }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('handOver'),
      which: pick,
      abort: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('touch'),
      which: pick,
      how: fc.constantFrom('hold', 'cordon', 'break', 'heal', 'heal'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die'), which: pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('supply') }) },
) as fc.Arbitrary<Happening>;

const bounds = fc
  .tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 2, max: 8 }))
  .map(([min, more]) => ({ min, max: min + more }));
const bucketSpec = fc.record({
  priority: fc.constantFrom('High', 'Normal', 'Low'),
  nodes: bounds,
  instanceTypes: fc.constantFrom(['p5.48xlarge'], ['p5.48xlarge', 'g6e.48xlarge']),
  moves: fc.record({
    perHour: fc.constantFrom(3, 60),
    inFlight: fc.constantFrom(1, 8),
    minHold: fc.constantFrom('10m', '1m', '1m'),
  }),
  hysteresis: fc.record({ demandFor: fc.constant('30s'), idleFor: fc.constantFrom('1m', '5m') }),
});

interface World {
  snapshot: CapacitySnapshot;
  nowMs: number;
  made: number;
}

type Of<K extends Happening['kind']> = Extract<Happening, { readonly kind: K }>;
const HAPPEN: { readonly [K in Happening['kind']]: (world: World, event: Of<K>) => void } = {
  wait: (world, { seconds }) => void (world.nowMs += seconds * SECOND),
  gang: addGang,
  schedule,
  endGang: (world, { which }) => {
    const { podGroups } = world.snapshot;
    const group = podGroups[which % Math.max(1, podGroups.length)];
    if (group) dropGang(world, group.key);
  },
  handOver,
  touch: (world, { which, how }) => editNode(world, which, (node) => TOUCHES[how](node)),
  die: (world, { which }) => {
    const { nodes } = world.snapshot;
    const node = nodes[which % Math.max(1, nodes.length)];
    if (node) removeNodes(world, new Set([node.name]));
  },
  supply: supplyNodes,
};

function happen(world: World, event: Happening): void {
  (HAPPEN[event.kind] as (world: World, event: Happening) => void)(world, event);
}

const TOUCHES: Record<'hold' | 'cordon' | 'break' | 'heal', (node: NodeFacts) => NodeFacts> = {
  hold: (node) => ({ ...node, held: true }),
  cordon: (node) => ({ ...node, unschedulable: true }),
  break: (node) => ({ ...node, ready: false }),
  heal: (node) => ({ ...node, held: false, unschedulable: false, ready: true }),
};

function addGang(world: World, { bucket, size, gpus }: Extract<Happening, { kind: 'gang' }>): void {
  const { snapshot, nowMs } = world;
  const name = snapshot.buckets[bucket % snapshot.buckets.length]!.name;
  const requests = { cpu: 1, pods: 1, 'nvidia.com/gpu': gpus };
  const gang = makeGang(`g${world.made++}`, size, { bucket: name, createdAtMs: nowMs, requests });
  world.snapshot = {
    ...snapshot,
    pods: [...snapshot.pods, ...gang.pods],
    podGroups: [...snapshot.podGroups, gang.podGroup],
  };
}

function dropGang(world: World, key: string): void {
  const { snapshot } = world;
  const pods = snapshot.pods.filter(({ gang }) => gang !== key);
  world.snapshot = { ...snapshot, pods, podGroups: snapshot.podGroups.filter((group) => group.key !== key) };
}

/** A gang scheduler: whole gangs onto Active nodes of their bucket. */
function schedule(world: World): void {
  const { snapshot, nowMs } = world;
  const fleet = toFleetState(snapshot, nowMs);
  const free = new Map<string, number>();
  for (const bucket of fleet.buckets) {
    for (const { facts, used } of bucket.active) free.set(facts.name, 8 - (used['nvidia.com/gpu'] ?? 0));
  }
  const bound = new Map<PodFacts, string>();
  for (const group of snapshot.podGroups) bindGang(group, snapshot, { fleet, free, bound });
  const pods = snapshot.pods.map((pod) => {
    const nodeName = bound.get(pod);
    return nodeName === undefined ? pod : { ...pod, nodeName, phase: 'Running' as const };
  });
  world.snapshot = { ...snapshot, pods };
}

function bindGang(
  group: PodGroupFacts,
  snapshot: CapacitySnapshot,
  { fleet, free, bound }: { fleet: FleetState; free: Map<string, number>; bound: Map<PodFacts, string> },
): void {
  const waiting = snapshot.pods.filter(({ gang, nodeName }) => gang === group.key && nodeName === undefined);
  const taken: [PodFacts, string, number][] = [];
  for (const pod of waiting) {
    const gpus = pod.requests['nvidia.com/gpu']!;
    const nodes = fleet.buckets.find(({ name }) => name === pod.bucket)?.active ?? [];
    const node = nodes.find(({ facts }) => free.get(facts.name)! >= gpus)?.facts.name;
    if (node === undefined) {
      for (const [, name, used] of taken) free.set(name, free.get(name)! + used);
      return;
    }
    free.set(node, free.get(node)! - gpus);
    taken.push([pod, node, gpus]);
  }
  for (const [pod, node] of taken) bound.set(pod, node);
}

/** The moves controller ends one move: hands its nodes over, or gives up. */
function handOver(world: World, { which, abort }: Extract<Happening, { kind: 'handOver' }>): void {
  const { snapshot, nowMs } = world;
  const live = snapshot.moves.filter(({ finishedAtMs }) => finishedAtMs === undefined);
  const move = live[which % Math.max(1, live.length)];
  if (!move) return;
  const at = new Map(snapshot.nodes.map((node) => [node.name, node] as const));
  const done = (name: string) => {
    const node = at.get(name);
    if (!node) return 'Lost' as const;
    return abort || node.held || node.unschedulable || hasWork(snapshot, name)
      ? ('Aborted' as const)
      : ('HandedOver' as const);
  };
  const nodes = move.nodes.map(({ name }) => ({ name, step: done(name), from: at.get(name)?.bucket, sinceMs: nowMs }));
  const given = new Set(nodes.filter(({ step }) => step === 'HandedOver').map(({ name }) => name));
  world.snapshot = {
    ...snapshot,
    moves: snapshot.moves.map((other) => (other === move ? { ...move, nodes, finishedAtMs: nowMs } : other)),
    nodes: snapshot.nodes.map((node) =>
      given.has(node.name) && move.bucket ? { ...node, ...inBucket(move.bucket, nowMs) } : node,
    ),
  };
  if (move.to === 'Release') removeNodes(world, given);
}

const hasWork = ({ pods }: CapacitySnapshot, node: string) => pods.some(({ nodeName }) => nodeName === node);

function removeNodes(world: World, gone: ReadonlySet<string>): void {
  const { snapshot } = world;
  const restarted = (pod: PodFacts): PodFacts =>
    pod.nodeName !== undefined && gone.has(pod.nodeName)
      ? { ...pod, nodeName: undefined, phase: 'Pending', createdAtMs: world.nowMs }
      : pod;
  world.snapshot = {
    ...snapshot,
    nodes: snapshot.nodes.filter(({ name }) => !gone.has(name)),
    pods: snapshot.pods.map(restarted),
  };
}

function editNode(world: World, which: number, edit: (node: NodeFacts) => NodeFacts): void {
  const { nodes } = world.snapshot;
  const at = which % Math.max(1, nodes.length);
  world.snapshot = { ...world.snapshot, nodes: nodes.map((node, i) => (i === at ? edit(node) : node)) };
}

/** The pools controller: on-demand nodes up to what is requested, block nodes up to 6. Never removes any by itself. */
function supplyNodes(world: World): void {
  const { snapshot, nowMs } = world;
  const fresh = snapshot.pools.flatMap((pool) => {
    const there = snapshot.nodes.filter((node) => node.pool === pool.name).length;
    const wanted = pool.name === 'p5' ? 6 : (pool.status.requested ?? 0);
    const missing = Math.min(2, Math.max(0, wanted - there));
    const first = (world.made += 10);
    const { instanceType } = pool.spec!;
    return makeNodes(missing, { pool: pool.name, instanceType, createdAtMs: nowMs, leaf: `leaf-${first % 3}` }, first);
  });
  world.snapshot = { ...snapshot, nodes: [...snapshot.nodes, ...fresh] };
}

/** What must hold of a plan made on this world. */
function check(world: World, actions: readonly CapacityAction[]): void {
  const { snapshot, nowMs } = world;
  const fleet = toFleetState(snapshot, nowMs);
  const moves = actions.filter((action): action is CreateMove => action.type === 'CreateMove');
  const buckets = new Map(fleet.buckets.map((bucket) => [bucket.name, bucket] as const));
  const taken = moves.flatMap(({ nodes }) => nodes);
  assert.equal(new Set(taken).size, taken.length);
  expect(new Set([...moves, ...snapshot.moves].map(({ name }) => name)).size).toBe(
    moves.length + snapshot.moves.length,
  );
  for (const move of moves) for (const name of move.nodes) checkNode(name, move, { fleet, buckets, nowMs });
  for (const bucket of fleet.buckets) checkBucket(bucket, { fleet, moves, snapshot, nowMs });
  for (const action of actions) {
    if (action.type !== 'RequestNodes') continue;
    const { min, max } = fleet.pools.get(action.pool)!.facts.spec!.nodes;
    assert(action.nodes >= min);
    assert(action.nodes <= max!);
  }
}

/** Only unassigned nodes and idle ones change hands, and only for those who may. */
function checkNode(
  name: string,
  move: CreateMove,
  { fleet, buckets, nowMs }: { fleet: FleetState; buckets: ReadonlyMap<string, BucketState>; nowMs: number },
): void {
  const node = fleet.nodes.get(name)!;
  assert(['Unassigned', 'Active'].includes(node.phase));
  assert(!node.busy);
  assert(!(node.facts.held || node.facts.unschedulable || node.releasing));
  const giver = node.facts.bucket === undefined ? undefined : buckets.get(node.facts.bucket)!;
  if (move.bucket === undefined) assert(fleet.pools.get(node.facts.pool!)!.onDemand);
  else assert(buckets.get(move.bucket)!.spec!.instanceTypes.includes(node.facts.instanceType));
  if (!giver) return;
  assert(node.facts.assignedAtMs! + giver.minHoldMs <= nowMs);
  assert.notEqual(giver.name, move.bucket);
}

interface View {
  readonly fleet: FleetState;
  readonly moves: readonly CreateMove[];
  readonly snapshot: CapacitySnapshot;
  readonly nowMs: number;
}

interface Departure {
  readonly name: string;
  readonly move: CreateMove;
}

function checkBucket(bucket: BucketState, view: View): void {
  const { fleet, moves } = view;
  const { nodes } = bucket.spec!;
  const into = moves.filter((move) => move.bucket === bucket.name).flatMap((move) => move.nodes).length;
  const outOf = moves.flatMap((move) =>
    move.nodes.filter((name) => fleet.nodes.get(name)!.facts.bucket === bucket.name).map((name) => ({ name, move })),
  );
  const size = bucket.active.length + bucket.arriving.length + into;
  // Never above the maximum by our doing.
  if (into > 0) assert(size <= nodes.max);
  if (outOf.length > 0) checkGiver(bucket, outOf, view);
  if (size < nodes.min) checkShort(bucket, view);
}

const takerOf = ({ move }: Departure, { buckets }: FleetState) => buckets.find(({ name }) => name === move.bucket);

function checkGiver(bucket: BucketState, outOf: readonly Departure[], { fleet, snapshot, nowMs }: View): void {
  const { nodes, moves: brakes } = bucket.spec!;
  // Below the minimum only for the minimum of strictly higher buckets.
  const below = Math.min(outOf.length, nodes.min - (bucket.active.length - outOf.length));
  const forHigherMinimum = outOf.filter(
    (one) => one.move.why.startsWith('for the minimum') && (takerOf(one, fleet)?.rank ?? -1) > bucket.rank,
  );
  assert(below <= forHigherMinimum.length, `${bucket.name} brought below its minimum`);
  // Equal and lower buckets, and releases, get proven surplus only.
  const robbed = outOf.filter((one) => (takerOf(one, fleet)?.rank ?? -1) <= bucket.rank);
  for (const type of new Set(robbed.map(({ name }) => fleet.nodes.get(name)!.facts.instanceType))) {
    const stairs = bucket.facts.status.byType?.find(({ instanceType }) => instanceType === type)?.surplus ?? [];
    const count = robbed.filter(({ name }) => fleet.nodes.get(name)!.facts.instanceType === type).length;
    assert(count <= maturedSurplus(stairs, bucket.idleForMs, nowMs), `${bucket.name} robbed`);
  }
  const gone = departures(snapshot.moves, (name) => fleet.nodes.get(name)?.facts.bucket, nowMs).get(bucket.name);
  assert((gone?.live ?? 0) + outOf.length <= brakes.inFlight);
  assert((gone?.atMs.length ?? 0) + outOf.length <= brakes.perHour);
}

/** Never below the minimum while an unassigned node could help. */
function checkShort(bucket: BucketState, { fleet, moves }: View): void {
  const taken = new Set(moves.flatMap((move) => move.nodes));
  const left = [...fleet.nodes.values()].filter(
    ({ facts, phase, releasing }) =>
      phase === 'Unassigned' &&
      !releasing &&
      !taken.has(facts.name) &&
      bucket.spec!.instanceTypes.includes(facts.instanceType),
  );
  assert.deepEqual(
    left.map(({ facts }) => facts.name),
    [],
  );
}

/** No node is in two moves. */
function checkClaims({ moves }: CapacitySnapshot): void {
  const claimed = new Set<string>();
  for (const move of moves) {
    for (const node of move.nodes) {
      if (!isLive(move, node)) continue;
      assert(!claimed.has(node.name), `${node.name} is in two moves`);
      claimed.add(node.name);
    }
  }
}

/** Lists in another order, by a fixed rule. */
function shuffled(snapshot: CapacitySnapshot): CapacitySnapshot {
  const turn = <T>(list: readonly T[]): T[] => {
    const odd = list.filter((_, i) => i % 2 === 1);
    const even = list.filter((_, i) => i % 2 === 0);
    return [...odd.reverse(), ...even];
  };
  return {
    ...snapshot,
    buckets: turn(snapshot.buckets),
    pools: turn(snapshot.pools),
    nodes: turn(snapshot.nodes),
    pods: turn(snapshot.pods),
    podGroups: turn(snapshot.podGroups),
    moves: turn(snapshot.moves),
    queues: turn(snapshot.queues ?? []),
  };
}

test('whatever happens, the plan keeps its promises', () => {
  const met = { moves: 0, taken: 0, releases: 0, requests: 0, steps: 0 };
  fc.assert(
    fc.property(
      fc.array(bucketSpec, { minLength: 2, maxLength: 4 }),
      fc.integer({ min: 0, max: 6 }),
      fc.array(happening, { minLength: 10, maxLength: 80, size: 'max' }),
      (specs, count, events) => {
        const world: World = {
          nowMs: START,
          made: 100,
          snapshot: makeSnapshot({
            buckets: specs.map((spec, i) => makeBucket(`bucket-${i}`, spec)),
            pools: [makePool('p5', { nodes: { max: 8 } }), makeOnDemand('l40s', 5)],
            nodes: makeNodes(count),
            queues: [],
          }),
        };
        for (const event of events) {
          happen(world, event);
          const { actions } = planCapacity(world.snapshot, world.nowMs);
          check(world, actions);
          assert.deepEqual(planCapacity(shuffled(world.snapshot), world.nowMs).actions, actions);
          const before = new Map(world.snapshot.nodes.map((node) => [node.name, node] as const));
          world.snapshot = written(world.snapshot, actions, world.nowMs);
          expect(
            planCapacity(world.snapshot, world.nowMs).actions.filter(
              ({ type }) => type !== 'WriteStatus' && type !== 'ApplyQueue',
            ),
          ).toEqual([]);
          // Statuses and queues tell of the moves just made; then there is nothing more to say.
          world.snapshot = written(world.snapshot, planCapacity(world.snapshot, world.nowMs).actions, world.nowMs);
          expect(planCapacity(world.snapshot, world.nowMs).actions).toEqual([]);
          tally(met, actions, before);
          checkClaims(world.snapshot);
        }
      },
    ),
    { numRuns: Number(process.env['HISTORY_RUNS'] ?? 60), endOnFailure: true, ...seedOf('capacity histories') },
  );
  process.stdout.write(`  capacity histories met: ${JSON.stringify(met)}\n`);
  // A run that met nothing proves nothing.
  for (const times of Object.values(met)) expect(times).toBeGreaterThan(0);
}, 300_000);

function tally(
  met: { moves: number; taken: number; releases: number; requests: number; steps: number },
  actions: readonly CapacityAction[],
  before: ReadonlyMap<string, NodeFacts>,
): void {
  met.steps += 1;
  for (const action of actions) {
    if (action.type === 'RequestNodes') met.requests += 1;
    if (action.type !== 'CreateMove') continue;
    met.moves += 1;
    if (action.bucket === undefined) met.releases += 1;
    else if (action.nodes.some((name) => before.get(name)?.bucket !== undefined)) met.taken += 1;
  }
}
