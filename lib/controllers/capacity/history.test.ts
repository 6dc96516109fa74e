/** Long random histories of a fleet: what the plan promises must hold after every step, whatever happened before. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { departures, isLive, toRunningGangs, type NodeFacts } from '../../fleet';
import { parseDuration } from '../../domain/duration';
import { toFleetState, type BucketState, type FleetState, type NodeState } from './fleet-state';
import { happen, type Happening, type World } from './history-world';
import { planCapacity } from './plan';
import type { CapacityAction, CapacitySnapshot } from './snapshot';
import { maturedSurplus } from './surplus';
import { makeBucket, makeNodes, makeOnDemand, makePool, makeSnapshot, written } from './testing';

const START = Date.parse('2026-11-23T12:00:00Z');
type CreateMove = Extract<CapacityAction, { type: 'CreateMove' }>;

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
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('save'), which: pick }) },
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
    coolDown: fc.constantFrom('5m', '30m'),
  }),
  hysteresis: fc.record({ demandFor: fc.constant('30s'), idleFor: fc.constantFrom('1m', '5m') }),
});

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
  for (const move of moves) for (const name of move.nodes) checkNode(name, move, { fleet, buckets, snapshot, nowMs });
  for (const bucket of fleet.buckets) checkBucket(bucket, { fleet, moves, snapshot, nowMs });
  for (const action of actions) {
    if (action.type !== 'RequestNodes') continue;
    const { min, max } = fleet.pools.get(action.pool)!.facts.spec!.nodes;
    assert(action.nodes >= min);
    assert(action.nodes <= max!);
  }
}

interface NodeView {
  readonly fleet: FleetState;
  readonly buckets: ReadonlyMap<string, BucketState>;
  readonly snapshot: CapacitySnapshot;
  readonly nowMs: number;
}

/** Only nodes that are there change hands, and only for those who may. */
function checkNode(name: string, move: CreateMove, view: NodeView): void {
  const { fleet, buckets } = view;
  const node = fleet.nodes.get(name)!;
  assert(['Unassigned', 'Active'].includes(node.phase));
  assert(!(node.facts.held || node.facts.unschedulable || node.releasing));
  const giver = node.facts.bucket === undefined ? undefined : buckets.get(node.facts.bucket)!;
  if (move.bucket === undefined) assert(fleet.pools.get(node.facts.pool!)!.onDemand);
  else assert(buckets.get(move.bucket)!.spec!.instanceTypes.includes(node.facts.instanceType));
  if (node.busy) checkVictim(node, move, view);
  if (giver) checkLeaving(node, move, giver, view);
}

function checkLeaving(node: NodeState, move: CreateMove, giver: BucketState, view: NodeView): void {
  assert(node.facts.assignedAtMs! + giver.minHoldMs <= view.nowMs);
  assert.notEqual(giver.name, move.bucket);
  if ((view.buckets.get(move.bucket ?? '')?.rank ?? -1) <= giver.rank) checkReturn(node, move, giver, view);
}

/** From strictly lower buckets only, and not from a gang that has given way a moment ago, unless it is giving way now. */
function checkVictim({ facts }: NodeState, move: CreateMove, { buckets, snapshot, nowMs }: NodeView): void {
  const giver = buckets.get(facts.bucket!)!;
  assert(move.bucket !== undefined, 'work is stopped to give a node back');
  assert(giver.rank < buckets.get(move.bucket)!.rank, 'taken from a bucket that is not lower');
  const live = new Set(
    snapshot.moves.flatMap((one) => one.nodes.filter((node) => isLive(one, node)).map((n) => n.name)),
  );
  for (const { key, members } of toRunningGangs(snapshot.podGroups, snapshot.pods).values()) {
    if (!members.some(({ nodeName }) => nodeName === facts.name) || members.some((pod) => live.has(pod.nodeName!)))
      continue;
    const times = snapshot.moves.flatMap(({ gangs }) => gangs.filter((gang) => gang.key === key));
    const last = Math.max(-Infinity, ...times.map(({ gaveWayAtMs = -Infinity }) => gaveWayAtMs));
    assert(last + parseDuration(giver.spec!.moves.coolDown) <= nowMs, `${key} is taken again too soon`);
  }
}

/** What was taken from a bucket goes back no sooner than `idleFor`. */
function checkReturn({ facts }: NodeState, move: CreateMove, giver: BucketState, { snapshot, nowMs }: NodeView): void {
  for (const { bucket, nodes, createdAtMs } of snapshot.moves) {
    const came = nodes.some(
      ({ name, step, from }) => name === facts.name && step === 'HandedOver' && from === move.bucket,
    );
    if (bucket === giver.name && came)
      assert(createdAtMs + giver.idleForMs <= nowMs, `${facts.name} goes back too soon`);
  }
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
    checkpoints: turn(snapshot.checkpoints ?? []),
    queues: turn(snapshot.queues ?? []),
  };
}

type Met = Record<'moves' | 'taken' | 'busy' | 'releases' | 'requests' | 'steps', number>;

function play(world: World, events: readonly Happening[], met: Met): void {
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
}

test('whatever happens, the plan keeps its promises', () => {
  const met: Met = { moves: 0, taken: 0, busy: 0, releases: 0, requests: 0, steps: 0 };
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
        play(world, events, met);
      },
    ),
    { numRuns: Number(process.env['HISTORY_RUNS'] ?? 60), endOnFailure: true, ...seedOf('capacity histories') },
  );
  process.stdout.write(`  capacity histories met: ${JSON.stringify(met)}\n`);
  // A run that met nothing proves nothing.
  const { busy: _busy, ...often } = met;
  for (const times of Object.values(often)) expect(times).toBeGreaterThan(0);
}, 300_000);

test('two buckets that want all there is take it from each other only as the rules say', () => {
  const met: Met = { moves: 0, taken: 0, busy: 0, releases: 0, requests: 0, steps: 0 };
  const rules = {
    nodes: { max: 6 },
    moves: { minHold: '1m', perHour: 60 },
    hysteresis: { demandFor: '30s', idleFor: '1m' },
  };
  fc.assert(
    fc.property(
      fc.constantFrom('5m', '30m'),
      fc.array(happening, { minLength: 60, maxLength: 120, size: 'max' }),
      (coolDown, events) => {
        const specOf = (priority: string) => ({ ...rules, priority, moves: { ...rules.moves, coolDown } });
        const world: World = {
          nowMs: START,
          made: 100,
          snapshot: makeSnapshot({
            buckets: [makeBucket('high', specOf('High')), makeBucket('low', specOf('Low'))],
            pools: [makePool('p5', { nodes: { max: 8 } })],
            nodes: makeNodes(6),
            queues: [],
          }),
        };
        // Nobody breaks anything here, and work lasts: what is free is soon taken.
        const calm = events.filter((event) => !['touch', 'die', 'supply'].includes(event.kind));
        play(
          world,
          calm.map((event, i) => (event.kind === 'endGang' && i % 3 > 0 ? { kind: 'schedule' } : event)),
          met,
        );
      },
    ),
    { numRuns: Number(process.env['HISTORY_RUNS'] ?? 30), endOnFailure: true, ...seedOf('two buckets') },
  );
  process.stdout.write(`  two buckets met: ${JSON.stringify(met)}\n`);
  expect(met.busy).toBeGreaterThan(10);
  expect(met.taken).toBeGreaterThan(met.busy);
}, 300_000);

function tally(met: Met, actions: readonly CapacityAction[], before: ReadonlyMap<string, NodeFacts>): void {
  met.steps += 1;
  for (const action of actions) {
    if (action.type === 'RequestNodes') met.requests += 1;
    if (action.type !== 'CreateMove') continue;
    met.moves += 1;
    if (action.why.includes(' busy in ')) met.busy += 1;
    if (action.bucket === undefined) met.releases += 1;
    else if (action.nodes.some((name) => before.get(name)?.bucket !== undefined)) met.taken += 1;
  }
}
