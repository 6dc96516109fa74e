/** A plan depends on what there is now and on nothing that was there before, whatever a process has seen: random histories prove it. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import type { MoveFacts, NodeFacts, PodFacts, PodGroupFacts } from '../../fleet';
import { inBucket, makeMoveFacts, makeNodeFacts, makePodFacts, taint } from '../../fleet/testing';
import { Memory } from './memory';
import { planCapacity } from './plan';
import type { BucketFacts, CapacitySnapshot, PoolFacts } from './snapshot';
import { carriedOut, makeBucket, makeGang, makeNodes, makeOnDemand, makePool, makeSnapshot, written } from './testing';

const START = Date.parse('2026-11-23T12:00:00Z');
const BUCKETS = ['batch', 'research', 'training'];
const TYPES = ['p5.48xlarge', 'g6e.48xlarge'];

/** Numbers that choose what happens. */
interface Dice {
  readonly what: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}
const die = fc.nat({ max: 9_999 });
const dice: fc.Arbitrary<Dice> = fc.record({ what: die, a: die, b: die, c: die });

interface World {
  snapshot: CapacitySnapshot;
  nowMs: number;
  made: number;
}

const at = <T>(items: readonly T[], index: number): T | undefined => items[index % items.length];
const byKey = (a: string, b: string) => (a < b ? -1 : Number(a > b));
/** The list with one item instead of another, in the order of a cache; `next` undefined: without it. */
function replaced<T extends object>(items: readonly T[], old: T | undefined, next: T | undefined): readonly T[] {
  const keyOf = (item: any): string => item.key ?? item.name;
  return [...items.filter((item) => item !== old), ...(next ? [next] : [])].sort((a, b) => byKey(keyOf(a), keyOf(b)));
}

type Happening = (world: World, dice: Dice) => Partial<CapacitySnapshot> | void;

const nodeOf = ({ a, b, c }: Dice, name: string): NodeFacts => {
  const bucket = at(['', '', '', '', 'gone', ...BUCKETS, ...BUCKETS], b)!;
  return makeNodeFacts({
    name,
    uid: `uid-${a}`,
    pool: at(['p5', 'l40s', 'p5', 'l40s', 'nobody', undefined] as const, c),
    instanceType: at(TYPES, c)!,
    leaf: at(['leaf-0', 'leaf-1', 'unknown'], a)!,
    createdAtMs: START - a * 1000,
    ...(bucket === '' ? {} : inBucket(bucket, START - b * 100)),
  });
};

/** Ways in which a node changes; the first changes nothing but its version. */
const TOUCHES: readonly ((node: NodeFacts, dice: Dice) => NodeFacts)[] = [
  (node, { b }) => ({ ...node, resourceVersion: `${b}` }),
  (node) => ({ ...node, held: !node.held }),
  (node) => ({ ...node, unschedulable: !node.unschedulable }),
  (node) => ({ ...node, ready: !node.ready }),
  (node, { b }) => ({ ...node, validated: at(['True', 'False', 'Unknown'] as const, b) }),
  (node, { b }) => ({ ...node, deletedAtMs: b % 2 ? START : undefined }),
  (node, { b }) => ({ ...node, ...inBucket(at(BUCKETS, b)!, START - b) }),
  (node) => ({ ...node, bucket: undefined, bucketTaint: undefined, nodegroup: undefined, taints: [taint('x')] }),
  (node, { b }) => ({ ...node, allocatable: { ...node.allocatable, cpu: 100 + (b % 7) / 10 } }),
  (node, { b }) => ({ ...node, leaf: at(['leaf-0', 'leaf-1', 'unknown'], b)! }),
  (node, { b }) => ({ ...node, claim: b % 2 ? `move-${b % 5}` : undefined }),
];

const podOf = ({ a, b, c }: Dice, name: string, nodes: readonly NodeFacts[]): PodFacts => {
  const node = b % 3 === 0 ? undefined : at(b % 2 ? nodes : nodes.slice(-4), b);
  return makePodFacts({
    name,
    namespace: at(['default', 'apps', 'tools'], a)!,
    nodeName: node?.name,
    bucket: c % 2 && node ? node.bucket : at([undefined, ...BUCKETS], c),
    system: a % 5 === 0,
    requests: { cpu: 0.1 * (1 + (b % 9)), pods: 1, ...(a % 4 > 0 && { 'nvidia.com/gpu': at([1, 4, 8], b)! }) },
    owner: c % 3 ? { kind: 'ReplicaSet', name: 'api', uid: `rs-${a % 3}` } : undefined,
    startedAtMs: START - b * 100,
    createdAtMs: START - c * 100,
  });
};

const HAPPENINGS: Readonly<Record<string, Happening>> = {
  wait: (world, { a }) => void (world.nowMs += 1000 * (a % 600)),
  nodeComes: (world, d) => ({
    nodes: replaced(world.snapshot.nodes, undefined, nodeOf(d, `node-${world.made++}`)),
  }),
  nodeGoes: ({ snapshot: { nodes } }, { a }) => ({ nodes: replaced(nodes, at(nodes, a), undefined) }),
  nodeComesAgain: ({ snapshot: { nodes } }, d) => {
    const node = at(nodes, d.a);
    return node && { nodes: replaced(nodes, node, nodeOf(d, node.name)) };
  },
  nodeChanges: ({ snapshot: { nodes } }, d) => {
    const node = at(nodes, d.a);
    return node && { nodes: replaced(nodes, node, at(TOUCHES, d.c)!(node, d)) };
  },
  podComes: (world, d) => {
    const pod = podOf(d, `pod-${world.made++}`, world.snapshot.nodes);
    return { pods: replaced(world.snapshot.pods, undefined, pod) };
  },
  podGoes: ({ snapshot: { pods } }, { a }) => ({ pods: replaced(pods, at(pods, a), undefined) }),
  podChanges: ({ snapshot: { pods, nodes } }, { a, b, c }) => {
    const pod = at(pods, a);
    const changes: Partial<PodFacts>[] = [
      { ended: true, phase: 'Succeeded' },
      { deleting: true },
      { nodeName: at(nodes, b)?.name },
      { gated: b % 2 === 0 },
      { labels: { seen: `${b}` } },
      { bucket: at(BUCKETS, b) },
    ];
    return pod && { pods: replaced(pods, pod, { ...pod, ...at(changes, c) }) };
  },
  gangComes: (world, { a, b, c }) => {
    const { pods, podGroups, nodes } = world.snapshot;
    const gang = makeGang(`gang-${world.made++}`, 1 + (a % 4), {
      bucket: at(BUCKETS, b),
      createdAtMs: START - c * 100,
    });
    const podGroup = {
      ...gang.podGroup,
      oneLeaf: c % 3 === 0,
      phase: c % 5 ? ('Inqueue' as const) : ('Pending' as const),
    };
    const own = nodes.filter(({ bucket }) => bucket === at(BUCKETS, b));
    const members = gang.pods.map((pod, i) => (a % 2 ? pod : { ...pod, nodeName: at(own, c + i)?.name }));
    return {
      podGroups: replaced(podGroups, undefined, podGroup),
      pods: (c % 7 ? members : []).reduce((list, pod) => replaced(list, undefined, pod), pods),
    };
  },
  gangChanges: ({ snapshot: { podGroups } }, { a, b, c }) => {
    const group = at(podGroups, a);
    const changes: (Partial<PodGroupFacts> | undefined)[] = [
      { minMember: 1 + (b % 4) },
      { oneLeaf: b % 2 === 0 },
      { phase: 'Pending', everPlaced: b % 2 === 0 },
      undefined,
    ];
    const change = at(changes, c);
    return group && { podGroups: replaced(podGroups, group, change && { ...group, ...change }) };
  },
  moveComes: (world, { a, b, c }) => {
    const { moves, nodes } = world.snapshot;
    const names = new Set([at(nodes, a)?.name ?? 'none', at(nodes, b)?.name ?? 'none']);
    const move = makeMoveFacts({
      name: `move-${world.made++}`,
      ...(c % 3 ? { bucket: at([...BUCKETS, 'gone'], c) } : { to: 'Release', bucket: undefined }),
      nodes: [...names].map((name) => ({ name, step: at(['Pending', 'Draining'] as const, b)!, from: at(BUCKETS, b) })),
      gangs: [{ key: `PodGroup default/gang-${a % 20}`, step: 'Resumed', gaveWayAtMs: world.nowMs - b * 100 }],
      createdAtMs: world.nowMs - c * 1000,
    });
    return { moves: replaced(moves, undefined, move) };
  },
  moveEnds: (world, { a, b }) => {
    const { moves } = world.snapshot;
    const move = at(moves, a);
    const step = at(['HandedOver', 'Aborted', 'Lost'] as const, b)!;
    const ended: MoveFacts | undefined = move && {
      ...move,
      nodes: move.nodes.map((node) => ({ ...node, step })),
      finishedAtMs: world.nowMs,
    };
    return { moves: replaced(moves, move, b % 4 ? ended : undefined) };
  },
  bucketChanges: ({ snapshot: { buckets } }, { a, b, c }) => {
    const name = at([...BUCKETS, 'gone'], a)!;
    const before = buckets.find((bucket) => bucket.name === name);
    const priority = at(['High', 'Normal', 'Low'], b);
    const after = makeBucket(name, {
      priority,
      nodes: { min: c % 3, max: 3 + (c % 9) },
      instanceTypes: at([TYPES, TYPES.slice(0, 1), TYPES.slice(0, 1), TYPES.slice(1)], c),
    });
    const odd: (Partial<BucketFacts> | undefined)[] = [{}, {}, {}, { deleting: true }, { spec: undefined }, undefined];
    const change = at(odd, b);
    return { buckets: replaced(buckets, before, change && { ...after, status: before?.status ?? {}, ...change }) };
  },
  poolChanges: ({ snapshot: { pools }, nowMs }, { a, b, c }) => {
    const before = at(pools, a);
    const iso = (ms: number) => new Date(ms).toISOString();
    const statuses: PoolFacts['status'][] = [
      { window: { end: iso(nowMs + (b % 180) * 60_000) } },
      { window: { start: iso(nowMs + (b % 9) * 60_000) } },
      { backOff: { failures: 1, until: iso(nowMs + b * 1000) } },
      { desired: b % 9, conditions: [] },
    ];
    const after = a % 2 ? makeOnDemand('l40s', 1 + (b % 9)) : makePool('p5', { nodes: { max: 1 + (b % 9) } });
    const old = pools.find(({ name }) => name === after.name) ?? before;
    return {
      pools: replaced(pools, old, b % 6 ? { ...after, status: { ...after.status, ...at(statuses, c) } } : undefined),
    };
  },
  namespaceChanges: ({ snapshot: { namespaceBuckets } }, { a, b }) => {
    const next = new Map(namespaceBuckets);
    if (b % 3) next.set(at(['default', 'apps', 'tools'], a)!, at(BUCKETS, b)!);
    else next.delete(at(['default', 'apps', 'tools'], a)!);
    return { namespaceBuckets: next };
  },
  checkpointComes: ({ snapshot: { checkpoints = [], podGroups }, nowMs }, { a, b }) => {
    const gang = at(podGroups, a)?.key ?? 'default/none';
    const others = checkpoints.filter((one) => one?.gang !== gang);
    return { checkpoints: [...others, { gang, takenAtMs: nowMs - b * 10 }] };
  },
  budgetComes: ({ snapshot: { budgets = [] } }, { a, b }) => {
    const key = `default/budget-${a % 3}`;
    const budget = { key, namespace: 'default', selector: {}, allowed: b % 5 };
    return { budgets: [...budgets.filter((one) => one.key !== key), ...(b % 4 ? [budget] : [])] };
  },
  carriedOut: (world) => carriedOut(world.snapshot, world.nowMs),
};

const WEIGHTED = Object.entries({
  ...{ wait: 3, nodeComes: 2, nodeGoes: 1, nodeComesAgain: 1, nodeChanges: 3, podComes: 9, podGoes: 2, podChanges: 4 },
  ...{ gangComes: 7, gangChanges: 2, moveComes: 2, moveEnds: 2, bucketChanges: 3, poolChanges: 2, namespaceChanges: 2 },
  ...{ carriedOut: 1, checkpointComes: 2, budgetComes: 1 },
}).flatMap(([name, weight]) => Array<string>(weight).fill(name));

/** The same things in another order. */
function shuffled(snapshot: CapacitySnapshot, by: number): CapacitySnapshot {
  const turn = <T>(items: readonly T[]) => {
    const from = by % Math.max(1, items.length);
    return [...items.slice(from), ...items.slice(0, from)].reverse();
  };
  const { nodes, pods, podGroups, moves, buckets, pools } = snapshot;
  return {
    ...snapshot,
    ...{ nodes: turn(nodes), pods: turn(pods), podGroups: turn(podGroups), moves: turn(moves) },
    ...{ buckets: turn(buckets), pools: turn(pools) },
  };
}

function newWorld(): World {
  const old = START - 3_600_000;
  const snapshot = makeSnapshot({
    buckets: BUCKETS.map((name, i) =>
      makeBucket(name, { instanceTypes: TYPES.slice(0, 1), priority: at(['Low', 'Normal', 'High'], i) }),
    ),
    nodes: BUCKETS.flatMap((name, i) => makeNodes(4, inBucket(name, old), 4 * i)),
    pools: [makeOnDemand('l40s', 8), makePool('p5', { nodes: { max: 12 } })],
    queues: [],
  });
  return { snapshot, nowMs: START, made: 0 };
}

/** Counts what the histories met: one that meets nothing proves nothing. */
const met = { steps: 0, moves: 0, busy: 0, requests: 0, costs: 0, same: 0 };

function live(history: readonly Dice[]): void {
  const world = newWorld();
  const memory = new Memory();
  const shuffledMemory = new Memory();
  for (const [step, roll] of history.entries()) {
    const { snapshot } = world;
    const changed = HAPPENINGS[at(WEIGHTED, roll.what)!]!(world, roll);
    world.snapshot = { ...world.snapshot, ...changed };
    const before = JSON.stringify(world.snapshot);
    const fresh = planCapacity(world.snapshot, world.nowMs);
    const remembering = planCapacity(world.snapshot, world.nowMs, { memory });
    assert.deepEqual(remembering, fresh, `step ${step}: ${at(WEIGHTED, roll.what)}`);
    // Lists in any order: now and then, so that this memory has to catch up with several steps at once.
    if (step % 3 === 0) {
      const other = planCapacity(shuffled(world.snapshot, roll.a), world.nowMs, { memory: shuffledMemory });
      assert.deepEqual(other, fresh, `step ${step}: ${at(WEIGHTED, roll.what)}, in another order`);
    }
    assert.equal(JSON.stringify(world.snapshot), before);
    met.steps += 1;
    met.same += Number(snapshot.nodes === world.snapshot.nodes);
    for (const action of fresh.actions) {
      const { type } = action;
      met.moves += Number(type === 'CreateMove');
      met.busy += Number(type === 'CreateMove' && action.why.includes(' busy in '));
      met.costs += Number(type === 'SetDeletionCost');
      met.requests += Number(type === 'RequestNodes');
    }
    if (roll.b % 4 > 0) world.snapshot = written(world.snapshot, fresh.actions, world.nowMs);
  }
}

test('a process that has seen every step decides as one that has just started', () => {
  fc.assert(fc.property(fc.array(dice, { minLength: 30, maxLength: 60, size: 'max' }), live), {
    ...seedOf('look by look'),
    numRuns: 60,
  });
  process.stdout.write(`  look by look met: ${JSON.stringify(met)}\n`);
  for (const [what, count] of Object.entries(met)) assert(count > 5, what);
});
