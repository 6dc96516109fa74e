/**
 * pools and moves under random histories: a wire that loses answers, repeats and delays events, and kills the process between any two
 * writes, while capacity changes its mind, schedulers bind late, instances die, and people cordon, hold and abort. Nothing is timed;
 * the invariants of SupplyWorld are checked at every change, and when the faults stop everything must come to rest.
 */
import fc from 'fast-check';
import { formatTime, type Node } from '../../lib/domain/kube';
import { HOLD_ANNOTATION, BUCKET_KEY } from '../../lib/domain/node-keys';
import * as r from '../../lib/domain/resources';
import { toNodeFacts } from '../../lib/fleet';
import { seedOf } from '../seed';
import type { FaultRates } from '../../lib/simulator/fault-rates';
import { SupplyWorld } from './supply-world';

const MINUTE = 60_000;
const RUNS = Number(process.env.HISTORIES ?? 8);
const BUCKETS = ['training', 'inference', 'batch'];

const FAULTS: Partial<FaultRates> = {
  latencyMs: [0, 60],
  lagMs: [0, 400],
  dropWatch: 0.01,
  duplicateEvent: 0.02,
  lateEvent: 0.02,
  throttle: 0.01,
  failBefore: 0.01,
  failAfter: 0.02,
  crash: 0.02,
};

/** Three reserved instances: a full pool, whose slots are taken for minutes after an instance ended. EC2 itself is moody. */
const CLOUD = {
  reservations: [
    {
      id: 'cr-0a',
      kind: 'OnDemand' as const,
      instanceType: 'p5.48xlarge',
      availabilityZone: 'us-east-2a',
      totalInstances: 3,
    },
  ],
  throttle: 0.1,
  unavailable: 0.1,
};

/** What an operation sees when it happens. */
interface Scene {
  readonly world: SupplyWorld;
  readonly pick: number;
  /** A node that nobody is ending; absent when there is none. */
  readonly node: Node | undefined;
  readonly bucket: string;
  readonly requested: number;
  /** A name nothing had before. */
  readonly fresh: string;
}

const NOWHERE = { name: '', bucket: undefined, unschedulable: true, taints: [] };

/** Decided on what is seen now, bound up to a cycle and a half later. */
function bindLate({ world, node, pick, fresh }: Scene): void {
  const { name, bucket, unschedulable, taints } = node ? toNodeFacts(node) : NOWHERE;
  if (bucket === undefined || unschedulable || taints.some(({ key }) => key !== BUCKET_KEY)) return;
  world.clock.after(pick * 1.5, () => world.get(r.NODES, name) && world.work(fresh, bucket, name));
}

/** What somebody other than the controllers does. */
const OPERATIONS = {
  assign: ({ world, node, bucket, fresh }: Scene) => {
    if (node) world.move(fresh, { nodes: [node.metadata.name], to: { kind: 'Bucket', bucket } });
  },
  /** Capacity writes twice: the move and its lower request, in this order or in the other. */
  release: ({ world, node, pick, requested, fresh }: Scene) => {
    const lower = () => world.request('l40s', Math.max(0, requested - 1));
    if (pick % 2) lower();
    else world.clock.after(pick * 10, lower);
    if (node) world.move(fresh, { nodes: [node.metadata.name], to: { kind: 'Release' } });
  },
  replace: ({ world, node, fresh }: Scene) => {
    if (node) world.move(fresh, { nodes: [node.metadata.name], reason: 'Health', to: { kind: 'Replacement' } });
  },
  abort: ({ world, pick }: Scene) => {
    const move = pickOf(world.liveMoves(), pick);
    if (move) world.server.delete(r.NODE_MOVES, move.metadata);
  },
  request: ({ world, pick }: Scene) => world.request('l40s', pick % 8),
  bind: bindLate,
  /** The same while the node is taken: the case the two scheduler cycles are for. */
  race: (scene: Scene) => {
    bindLate(scene);
    const { world, node, bucket, fresh } = scene;
    if (node) world.move(`${fresh}-race`, { nodes: [node.metadata.name], to: { kind: 'Bucket', bucket } });
  },
  finish: ({ world, pick }: Scene) => {
    const pod = pickOf(world.server.all(r.PODS), pick);
    if (pod) world.server.delete(r.PODS, pod.metadata);
  },
  lose: ({ world, pick }: Scene) => {
    const instance = pickOf(world.cloud.running(), pick);
    if (instance && pick % 3 === 0) world.cloud.lose(instance);
  },
  cordon: ({ world, node }: Scene) => {
    const unschedulable = node?.spec?.unschedulable ? null : true;
    if (node) world.server.mergePatch(r.NODES, node.metadata, { spec: { unschedulable } });
  },
  hold: ({ world, node }: Scene) => {
    const hold = node?.metadata.annotations?.[HOLD_ANNOTATION] ? null : 'me';
    if (node) world.annotate(node, { [HOLD_ANNOTATION]: hold });
  },
  beat: ({ world, node }: Scene) => {
    if (node) world.annotate(node, { beat: formatTime(world.clock.now()) });
  },
  wait: () => undefined,
};

type Name = keyof typeof OPERATIONS;

/** One operation about the `pick`-th candidate, and how long nothing else happens then. */
const operation = fc.record({
  op: fc.constantFrom(
    ...(Object.keys(OPERATIONS) as Name[]),
    ...(['assign', 'release', 'race', 'race', 'finish'] as const),
  ),
  pick: fc.nat(1000),
  waitMs: fc.constantFrom(0, 20, 200, 1000, 3000, 10_000, 60_000, 300_000),
});

let made = 0;
const counts: Record<string, number> = {};

function pickOf<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % Math.max(1, items.length)];
}

function act(world: SupplyWorld, { op, pick }: { readonly op: Name; readonly pick: number }): void {
  counts[op] = (counts[op] ?? 0) + 1;
  OPERATIONS[op]({
    world,
    pick,
    node: pickOf(
      world.nodes().filter(({ metadata }) => metadata.deletionTimestamp === undefined),
      pick,
    ),
    bucket: BUCKETS[pick % BUCKETS.length]!,
    requested: world.get(r.CAPACITY_POOLS, 'l40s')?.status?.requested ?? 0,
    fresh: `move-${made++}`,
  });
}

/** People let go, work ends, capacity asks for what there is; the wire is good. */
async function comeToRest(world: SupplyWorld): Promise<void> {
  await world.run(2_000);
  world.port?.kill();
  for (const pod of world.server.all(r.PODS)) world.server.delete(r.PODS, pod.metadata, { gracePeriodSeconds: 0 });
  for (const node of world.nodes()) {
    const patch = { metadata: { annotations: { [HOLD_ANNOTATION]: null } }, spec: { unschedulable: null } };
    world.server.mergePatch(r.NODES, node.metadata, patch);
  }
  world.start({});
  await world.run(30 * MINUTE);
  world.request('l40s', 5);
  await world.run(30 * MINUTE);
}

function unrest(world: SupplyWorld): string[] {
  const [replicas, limit] = world.size('l40s');
  const nodes = world.nodesOf('l40s').length;
  const sized = nodes >= 5 && replicas === nodes && limit === 5;
  const reserved = `${world.nodesOf('p5').length} nodes of ${world.size('p5')}`;
  return [
    ...world.liveMoves().map(({ metadata, status }) => `${metadata.name} is not finished: ${status?.message}`),
    ...world.nodes().flatMap((node) => stillMarked(node)),
    ...(sized ? [] : [`replicas ${replicas}, limit ${limit}, ${nodes} nodes for 5`]),
    ...(reserved === '3 nodes of 3,3' ? [] : [`the reservation has ${reserved}: ${world.condition('p5')}`]),
  ];
}

function stillMarked(node: Node): string[] {
  const { name, claim, bucket, bucketTaint, nodegroup, taints } = toNodeFacts(node);
  if (claim) return [`${name} still carries the claim of ${claim}`];
  const agree = taints.length === 1 && bucket === bucketTaint && bucket === nodegroup;
  return agree ? [] : [`${name}: ${bucket}, taints ${taints.map(({ key }) => key)}`];
}

describe('random histories of supply and moves', () => {
  it(`break no invariant, and come to rest (${RUNS} histories)`, async () => {
    const { seed } = seedOf('supply histories');
    let steps = 0;
    let crashes = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(operation, { minLength: 40, maxLength: 120 }),
        async (worldSeed, operations) => {
          const world = new SupplyWorld({ seed: worldSeed, rates: FAULTS, cloud: CLOUD });
          world.pool('l40s', { source: 'OnDemand', nodes: { min: 0, max: 8 } });
          world.pool('p5', { source: 'Reservation', reservationId: 'cr-0a', availabilityZone: 'us-east-2a' });
          for (const bucket of BUCKETS) world.bucket(bucket);
          world.start();
          await world.run(2_000);
          world.request('l40s', 5);
          await world.run(30_000);
          for (const next of operations) {
            act(world, next);
            await world.run(next.waitMs);
          }
          await comeToRest(world);
          steps += world.changes;
          crashes += world.crashes;
          expect([...world.violations, ...unrest(world)]).toEqual([]);
        },
      ),
      { numRuns: RUNS, seed, endOnFailure: process.env.SHRINK !== 'yes' },
    );
    console.info(`${RUNS} histories, ${steps} changes, ${crashes} crashes, operations ${JSON.stringify(counts)}`);
  }, 600_000);
});
