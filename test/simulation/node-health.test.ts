/** Nodes are proved before they work: the real controllers, check pods played by the simulator's kubelets. */
import { CapacityBucket, CapacityPool, NodeHealthPolicy } from '../../lib/api';
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { makeNodeHealthController } from '../../lib/controllers/node-health/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { formatTime, parseTime, type KubeObject } from '../../lib/domain/kube';
import { PROBATION_TAINT } from '../../lib/domain/node-keys';
import {
  CAPACITY_POOLS,
  NODE_HEALTH_POLICIES,
  NODE_POOLS,
  NODE_VALIDATIONS,
  NODES,
  PODS,
} from '../../lib/domain/resources';
import { hasTaint } from '../../lib/domain/taints';
import { makeVolcanoJob, makeWorld, type World } from '../../lib/simulator';
import { AILMENT, SERIAL, type Ailment } from '../../lib/simulator/check-pods';
import { BLOCK_NODES, blockReservation, ON_DEMAND_MAX, smallCluster } from './small-cluster';
import { breaches } from './storms';

const MINUTE_MS = 60_000;

const nodeHealth = makeNodeHealthController({
  images: { nvidia: 'example.com/checks:1', neuron: 'example.com/checks-neuron:1' },
  personNamespaces: ['aicluster-system'],
});

/** The small cluster with probation in both pools. Idle nodes of batch, whose work runs on demand alone, stay for half an hour. */
function proving(objects: KubeObject[]): KubeObject[] {
  const onDemand = CapacityPool.make('l40s', {
    ...{ instanceType: 'g6e.48xlarge', source: 'OnDemand', validation: 'Standard' },
    nodes: { max: ON_DEMAND_MAX },
    nodeClassRef: { name: 'l40s' },
  });
  const batch = CapacityBucket.make('batch', {
    ...{ priority: 'Low', nodes: { max: 6 }, instanceTypes: ['g6e.48xlarge'] },
    moves: { perHour: 120, inFlight: 8, minHold: '1m', coolDown: '5m' },
    hysteresis: { demandFor: '10s', idleFor: '30m' },
  });
  const replaced = [onDemand, batch].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  const pool = CapacityPool.make('p5', {
    instanceType: 'p5.48xlarge',
    source: 'Block',
    reservationId: 'cr-0abc',
    availabilityZone: 'us-east-2a',
    nodeClassRef: { name: 'p5' },
    validation: 'Standard',
  });
  return [
    ...objects.filter(({ kind, metadata }) => ![...replaced, 'CapacityPool p5'].includes(`${kind} ${metadata.name}`)),
    ...[pool, onDemand, batch],
    NodeHealthPolicy.make('default', { remediation: { dryRun: false }, batch: { partnerWait: '10m' } }),
    ...['aicluster-validation', 'aicluster-system'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    })),
    {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'aicluster-validation' },
      value: -1000,
    },
  ];
}

function makeProving(seed: number, ailments: readonly (Ailment | undefined)[] = []): World {
  const world = makeWorld({
    seed,
    objects: proving(smallCluster()),
    controllers: [poolsController, capacityController, movesController, nodeHealth],
    cloud: { reservations: [blockReservation()] },
  });
  const left = [...ailments];
  world.server.onChange(({ type, object }) => {
    if (type !== 'ADDED' || object.metadata.labels?.['node.kubernetes.io/instance-type'] !== 'p5.48xlarge') return;
    const ailment = left.shift();
    if (ailment) world.server.mergePatch(NODES, object.metadata, { metadata: { annotations: { [AILMENT]: ailment } } });
  }, NODES);
  return world;
}

const p5Nodes = (world: World) =>
  world.server.all(NODES).filter(({ metadata }) => metadata.labels?.['karpenter.sh/nodepool'] === 'p5');
const onProbation = (world: World) => p5Nodes(world).filter(({ spec }) => hasTaint(spec.taints, PROBATION_TAINT));
const said = (world: World, reason: string) =>
  world.events.filter(({ kind }) => kind === reason).map(({ object }) => object);

test('a healthy block is proved in its first minutes, and then goes to its buckets', async () => {
  const world = makeProving(1);
  await world.runUntil(30 * MINUTE_MS);
  expect(p5Nodes(world)).toHaveLength(BLOCK_NODES);
  expect(onProbation(world)).toEqual([]);
  expect(world.nodes().byBucket).toMatchObject({ inference: 2, training: 1 });
  expect(said(world, 'Validated')).toHaveLength(BLOCK_NODES);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('of a block with a bad GPU and a check that hangs the one is replaced, and the other is tried twice and left to a person', async () => {
  const world = makeProving(2, ['bad-gpu', undefined, 'hang']);
  await world.runUntil(3 * 60 * MINUTE_MS);
  expect(p5Nodes(world)).toHaveLength(BLOCK_NODES);
  expect(onProbation(world)).toHaveLength(1);
  expect(said(world, 'ValidationFailed')).toHaveLength(1);
  expect(said(world, 'ReplacementRequested')).toHaveLength(1);
  expect(said(world, 'ValidationUnreliable')).toHaveLength(2);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('of a block with a slow link the one that is slow with everybody is found by pairs, and nobody else', async () => {
  const world = makeProving(6, [undefined, undefined, undefined, 'slow-link']);
  await world.runUntil(60 * MINUTE_MS);
  const rounds = world.server.all(NODE_VALIDATIONS).map(({ status }) => status.rounds.length);
  expect(Math.max(...rounds)).toBeLessThanOrEqual(7);
  const slow = world.server
    .all(NODE_VALIDATIONS)
    .flatMap(({ status }) => status.nodes.filter(({ reason }: any) => reason === 'pair'));
  expect(said(world, 'ValidationFailed')).toEqual([`Node ${slow[0].name}`]);
  // All the others, and the one that came in its place.
  expect(said(world, 'Validated')).toHaveLength(BLOCK_NODES);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('nothing is removed in a dry run, and the policy says what would be', async () => {
  const world = makeProving(3, ['bad-gpu']);
  world.server.mergePatch(NODE_HEALTH_POLICIES, { name: 'default' }, { spec: { remediation: { dryRun: true } } });
  await world.runUntil(60 * MINUTE_MS);
  expect(onProbation(world)).toHaveLength(1);
  expect(said(world, 'ReplacementRequested')).toEqual([]);
  const policy = world.server.get(NODE_HEALTH_POLICIES, { name: 'default' });
  expect(policy.status.message).toMatch(/^i-\w+: dry run: it would be replaced, because gpu\.ecc/);
  expect(policy.status.nodes).toMatchObject({ passed: BLOCK_NODES - 1, failed: 1 });
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('a node that reboots is closed, leaves its work with a checkpoint, is proved again and comes back to its bucket', async () => {
  const world = makeProving(4);
  world.submit(
    makeVolcanoJob({ name: 'gang', namespace: 'training', pods: 2, accelerators: 8, runSeconds: 20 * 3600 }),
  );
  await world.runUntil(40 * MINUTE_MS);
  const [pod] = world.server.all(PODS).filter(({ metadata }) => metadata.namespace === 'training');
  const name = pod!.spec.nodeName as string;
  const nodeInfo = { ...world.server.get(NODES, { name }).status.nodeInfo, bootID: 'another' };
  world.server.mergePatch(NODES, { name }, { status: { nodeInfo } }, { subresource: 'status', manager: 'kubelet' });
  await world.runUntil(90 * MINUTE_MS);
  expect(said(world, 'LeavesWork')).toEqual([`Node ${name}`]);
  expect(said(world, 'Validated').filter((node) => node === `Node ${name}`)).toHaveLength(2);
  const { metadata, spec } = world.server.get(NODES, { name });
  expect([metadata.labels?.['aicluster.dev/bucket'], hasTaint(spec.taints, PROBATION_TAINT)]).toEqual([
    'training',
    false,
  ]);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('when a third of the block turns bad at once nothing is removed any more until a person says so', async () => {
  const world = makeProving(5);
  await world.runUntil(30 * MINUTE_MS);
  const names = p5Nodes(world)
    .slice(0, 4)
    .map(({ metadata }) => metadata.name);
  for (const name of names) breakAgentCondition(world, name, 'NetworkingReady');
  await world.runUntil(90 * MINUTE_MS);
  const tripped = () =>
    world.server
      .get(NODE_HEALTH_POLICIES, { name: 'default' })
      .status.conditions.find(({ type }: any) => type === 'Tripped');
  expect(tripped()).toMatchObject({ status: 'True', reason: 'TooManyTurnedBad' });
  expect(said(world, 'BreakerTripped')).toHaveLength(1);
  expect(said(world, 'ReplacementRequested')).toEqual([]);
  world.server.mergePatch(
    NODE_HEALTH_POLICIES,
    { name: 'default' },
    { metadata: { annotations: { 'aicluster.dev/reset': 'alice' } } },
  );
  await world.runUntil(95 * MINUTE_MS);
  expect(tripped()).toMatchObject({ status: 'False' });
  expect(said(world, 'BreakerTripped')).toHaveLength(1);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('a lone newcomer among nodes that all work passes provisionally, works, and makes up for the test with a partner when both are idle', async () => {
  const world = makeProving(7);
  const job = (name: string, runSeconds: number) =>
    world.submit(makeVolcanoJob({ name, namespace: 'batch', pods: 1, accelerators: 8, runSeconds }));
  const onDemand = () =>
    world.server.all(NODES).filter(({ metadata }) => metadata.labels?.['karpenter.sh/nodepool'] === 'l40s');
  const verdict = ({ metadata }: KubeObject) => JSON.parse(metadata.annotations?.['aicluster.dev/verdict'] ?? '{}');
  job('first', 3 * 3600);
  job('second', 3 * 3600);
  await world.runUntil(40 * MINUTE_MS);
  expect(onDemand().map(verdict)).toEqual([0, 1].map(() => expect.not.objectContaining({ provisional: true })));
  const before = new Set(onDemand().map(({ metadata }) => metadata.name));

  job('third', 2 * 3600);
  await world.runUntil(80 * MINUTE_MS);
  const newcomer = onDemand().find(({ metadata }) => !before.has(metadata.name))!;
  expect(verdict(newcomer)).toMatchObject({ result: 'pass', provisional: true });
  const proved = world.server.get(NODE_VALIDATIONS, { name: verdict(newcomer).validation });
  const waitedMs = parseTime(proved.status.finishedAt)! - parseTime(proved.status.rounds[0].finishedAt)!;
  expect(waitedMs / MINUTE_MS).toBeCloseTo(10, 0);
  const [pod] = world.server.all(PODS).filter(({ metadata }) => metadata.name.startsWith('third'));
  expect(pod!.spec.nodeName).toBe(newcomer.metadata.name);

  await world.runUntil(195 * MINUTE_MS);
  const settled = world.server.get(NODES, newcomer.metadata);
  expect(hasTaint(settled.spec.taints, PROBATION_TAINT)).toBe(false);
  expect(verdict(settled)).toMatchObject({ result: 'pass' });
  expect(verdict(settled)).not.toHaveProperty('provisional');
  const second = world.server.get(NODE_VALIDATIONS, { name: verdict(settled).validation });
  expect(second.spec).toMatchObject({ reason: 'Debt', level: 'Quick', nodes: [newcomer.metadata.name] });
  const partners = second.status.rounds.flatMap(({ tests }: any) => tests.flatMap(({ nodes }: any) => nodes));
  expect(partners.some((name: string) => before.has(name))).toBe(true);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('a condemned GPU that comes back in another instance is recognised: unreliable, never replaced again, left to a person', async () => {
  const world = makeProving(8);
  const serials = ['the-same-board', 'the-same-board'];
  const seen: string[] = [];
  world.server.onChange(({ type, object }) => {
    if (type !== 'ADDED' || object.metadata.labels?.['node.kubernetes.io/instance-type'] !== 'p5.48xlarge') return;
    // The first of the block, and the one that comes in its place.
    if (seen.length > 0 && seen.length < BLOCK_NODES) return void seen.push(object.metadata.name);
    const serial = serials.shift();
    seen.push(object.metadata.name);
    if (serial === undefined) return;
    const ailment = serials.length === 1 ? { [AILMENT]: 'bad-gpu' } : {};
    world.server.mergePatch(NODES, object.metadata, { metadata: { annotations: { [SERIAL]: serial, ...ailment } } });
  }, NODES);
  await world.runUntil(3 * 60 * MINUTE_MS);
  const [first, again] = [seen[0]!, seen[BLOCK_NODES]!];
  expect(said(world, 'ValidationFailed')).toEqual([`Node ${first}`]);
  expect(said(world, 'ReplacementRequested')).toEqual([`Node ${first}`]);
  expect(new Set(said(world, 'ValidationUnreliable'))).toEqual(new Set([`Node ${again}`]));
  const records = world.server.all(NODE_VALIDATIONS).flatMap(({ status }) => status.nodes);
  const [record] = records.filter(({ name }: any) => name === again);
  expect(record).toMatchObject({ result: 'Unreliable', reason: 'gpu.serial' });
  expect(record.message).toMatch(/^gpu\.serial: accelerator the-same-board-0 failed on .* has come back/);
  // Tried as often as the policy says, and there it stands.
  expect(onProbation(world).map(({ metadata }) => metadata.name)).toEqual([again]);
  expect(p5Nodes(world)).toHaveLength(BLOCK_NODES);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('a node of a type that the catalog does not have is left to a person, and all others are proved', async () => {
  const world = makeProving(9);
  let strange: string | undefined;
  world.server.onChange(({ type, object }) => {
    if (type !== 'ADDED' || strange !== undefined || object.metadata.labels?.['karpenter.sh/nodepool'] !== 'p5') return;
    strange = object.metadata.name;
    const labels = { 'node.kubernetes.io/instance-type': 'p9.48xlarge' };
    world.server.mergePatch(NODES, object.metadata, { metadata: { labels } });
  }, NODES);
  await world.runUntil(60 * MINUTE_MS);
  expect(onProbation(world).map(({ metadata }) => metadata.name)).toEqual([strange]);
  const validated = world.server
    .get(NODES, { name: strange! })
    .status.conditions.find(({ type }: any) => type === 'AiClusterValidated');
  expect(validated).toMatchObject({ status: 'Unknown', reason: 'Unreliable' });
  expect(validated.message).toMatch(/type p9\.48xlarge is not in the catalog .* CapacityPool p5 /);
  expect(said(world, 'ValidationUnreliable')).toEqual([`Node ${strange}`]);
  expect(said(world, 'Validated')).toHaveLength(BLOCK_NODES - 1);
  expect(said(world, 'ReplacementRequested')).toEqual([]);
  expect(breaches(world)).toEqual([]);
}, 120_000);

test('a pool whose nodes nobody could prove says so before it costs anything', async () => {
  const world = makeProving(10);
  const pool = CapacityPool.make('p9', {
    ...{ instanceType: 'p9.48xlarge', source: 'OnDemand', validation: 'Standard' },
    nodes: { min: 1, max: 2 },
    nodeClassRef: { name: 'l40s' },
  });
  world.server.create(CAPACITY_POOLS, pool);
  await world.runUntil(5 * MINUTE_MS);
  const accepted = world.server
    .get(CAPACITY_POOLS, { name: 'p9' })
    .status.conditions.find(({ type }: any) => type === 'Accepted');
  expect(accepted).toMatchObject({ status: 'False', reason: 'Invalid' });
  expect(accepted.message).toMatch(/^spec\.validation: Standard needs an instance type .* p9\.48xlarge is not in it\./);
  expect(world.server.all(NODE_POOLS).map(({ metadata }) => metadata.name)).not.toContain('p9');
  expect(breaches(world)).toEqual([]);
}, 120_000);

function breakAgentCondition(world: World, name: string, type: string): void {
  const conditions = world.server.get(NODES, { name }).status.conditions.filter((one: any) => one.type !== type);
  const broken = { type, status: 'False', reason: 'InterfaceNotUp', lastTransitionTime: formatTime(world.clock.now()) };
  world.server.mergePatch(
    NODES,
    { name },
    { status: { conditions: [...conditions, broken] } },
    { subresource: 'status', manager: 'agent' },
  );
}
