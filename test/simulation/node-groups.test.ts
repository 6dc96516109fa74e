/**
 * Failed nodes of a managed node group: rebooted once, measured again, and then their instance is ended and the group makes another. The
 * real controllers, EC2 and the group played by the simulator; Karpenter's nodes beside them are none of EC2's business.
 */
import { CapacityBucket, CapacityPool, NodeHealthPolicy } from '../../lib/api';
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { makeNodeHealthController } from '../../lib/controllers/node-health/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import type { KubeObject } from '../../lib/domain/kube';
import { PROBATION_TAINT, REBOOT_ANNOTATION } from '../../lib/domain/node-keys';
import { NODE_HEALTH_POLICIES, NODE_MOVES, NODE_VALIDATIONS, NODES } from '../../lib/domain/resources';
import { hasTaint } from '../../lib/domain/taints';
import { makeVolcanoJob, makeWorld, type World } from '../../lib/simulator';
import { AILMENT } from '../../lib/simulator/check-pods';
import { blockReservation, smallCluster } from './small-cluster';
import { breaches } from './storms';

const MINUTE_MS = 60_000;
const GROUP_NODES = 5;

const nodeHealth = makeNodeHealthController({
  images: { nvidia: 'example.com/checks:1', neuron: 'example.com/checks-neuron:1' },
  personNamespaces: ['aicluster-system'],
});

/** The small cluster, its block behind a managed node group of five. */
function grouped(objects: KubeObject[]): KubeObject[] {
  const own = [
    CapacityPool.make('p5', {
      ...{ instanceType: 'p5.48xlarge', source: 'Block', reservationId: 'cr-0abc', availabilityZone: 'us-east-2a' },
      ...{ nodeGroup: 'p5-block', nodes: { max: GROUP_NODES }, validation: 'Standard' },
    }),
    CapacityPool.make('l40s', {
      ...{ instanceType: 'g6e.48xlarge', source: 'OnDemand', validation: 'Standard' },
      ...{ nodes: { max: 3 }, nodeClassRef: { name: 'l40s' } },
    }),
    CapacityBucket.make('batch', {
      ...{ priority: 'Low', nodes: { max: 6 }, instanceTypes: ['g6e.48xlarge'] },
      hysteresis: { demandFor: '10s', idleFor: '60m' },
    }),
    NodeHealthPolicy.make('default', { remediation: { dryRun: false } }),
    ...['aicluster-validation', 'aicluster-system'].map((name) => ({
      ...{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    })),
    {
      ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'aicluster-validation' } },
      value: -1000,
    },
  ];
  const replaced = new Set(own.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  return [...objects.filter(({ kind, metadata }) => !replaced.has(`${kind} ${metadata.name}`)), ...own];
}

/** The first node of each of these types has a bad GPU. */
function makeGrouped(seed: number, bad: readonly string[] = ['p5.48xlarge']): World {
  const world = makeWorld({
    ...{ seed, objects: grouped(smallCluster()), cloud: { reservations: [blockReservation()] } },
    controllers: [poolsController, capacityController, movesController, nodeHealth],
  });
  const left = new Set(bad);
  world.server.onChange(({ type, object }) => {
    if (type !== 'ADDED' || !left.delete(object.metadata.labels?.['node.kubernetes.io/instance-type'] ?? '')) return;
    world.server.mergePatch(NODES, object.metadata, { metadata: { annotations: { [AILMENT]: 'bad-gpu' } } });
  }, NODES);
  return world;
}

const groupNodes = (world: World) =>
  world.server.all(NODES).filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === 'p5-block');
const isOpen = ({ spec }: KubeObject) => !hasTaint(spec.taints, PROBATION_TAINT);
const badOne = (world: World) =>
  world.events.find(({ kind, object }) => kind === 'ValidationFailed' && object.startsWith('Node i-'))!.object.slice(5);
const said = (world: World, reason: string) =>
  world.events.filter(({ kind }) => kind === reason).map(({ object }) => object);
const calls = (world: World, change: string) =>
  world.cloud.instanceCalls.filter((call) => call.change === change).map(({ ids }) => ids);
const replacements = (world: World) =>
  world.server.all(NODE_MOVES).filter(({ spec }) => spec.to.kind === 'Replacement');
const attempt = (world: World, name: string) =>
  JSON.parse(world.server.find(NODES, { name })?.metadata.annotations?.[REBOOT_ANNOTATION] ?? '{}');

async function runUntil(world: World, holds: () => boolean, minutes = 120): Promise<void> {
  for (let i = 0; i < minutes * 4 && !holds(); i++) await world.advance(MINUTE_MS / 4);
  expect(holds()).toBe(true);
}

test('one that failed is rebooted once, measured as deeply again, fails again, and is ended by its id; the group makes another', async () => {
  const world = makeGrouped(1);
  await runUntil(world, () => calls(world, 'Reboot').length > 0);
  const bad = badOne(world);
  expect(calls(world, 'Terminate')).toEqual([]);
  await runUntil(world, () => groupNodes(world).length === GROUP_NODES && groupNodes(world).every(isOpen));
  expect(calls(world, 'Reboot')).toEqual([[bad]]);
  expect(calls(world, 'Terminate')).toEqual([[bad]]);
  expect(said(world, 'ValidationFailed')).toEqual([`Node ${bad}`, `Node ${bad}`]);
  const again = world.server.all(NODE_VALIDATIONS).filter(({ spec }) => spec.reason === 'Reboot');
  expect(again.map(({ spec }) => [spec.nodes, spec.level])).toEqual([[[bad], 'Standard']]);
  expect(world.server.find(NODES, { name: bad })).toBeUndefined();
  expect(replacements(world).map(({ status }) => status.step)).toEqual(['HandedOver']);
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('one that a reboot has mended works, and is not ended', async () => {
  const world = makeGrouped(2);
  world.cloud.onReboot(({ id }) =>
    world.server.mergePatch(NODES, { name: id }, { metadata: { annotations: { [AILMENT]: null } } }),
  );
  await runUntil(world, () => groupNodes(world).length === GROUP_NODES && groupNodes(world).every(isOpen));
  await world.advance(40 * MINUTE_MS);
  expect(calls(world, 'Reboot')).toEqual([[badOne(world)]]);
  expect(calls(world, 'Terminate')).toEqual([]);
  expect(replacements(world)).toEqual([]);
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('of a dry run and of a tripped breaker EC2 hears nothing', async () => {
  const world = makeGrouped(3);
  world.server.mergePatch(NODE_HEALTH_POLICIES, { name: 'default' }, { spec: { remediation: { dryRun: true } } });
  await world.runUntil(60 * MINUTE_MS);
  const { message } = world.server.get(NODE_HEALTH_POLICIES, { name: 'default' }).status;
  expect(message).toContain(`${badOne(world)}: dry run: it would be rebooted, because gpu.ecc`);
  expect(world.cloud.instanceCalls).toEqual([]);
}, 60_000);

test('while EC2 throttles nothing is counted and little is asked; afterwards it is rebooted once', async () => {
  const world = makeGrouped(4);
  await runUntil(world, () => groupNodes(world).length === GROUP_NODES);
  world.cloud.faults = { throttle: 1, unavailable: 0 };
  const rebooted: string[] = [];
  world.cloud.onReboot(({ id }) => void rebooted.push(id));
  await runUntil(world, () => calls(world, 'Reboot').length > 0);
  await world.advance(10 * MINUTE_MS);
  const asked = calls(world, 'Reboot').length;
  expect(asked).toBeGreaterThan(1);
  expect(asked).toBeLessThanOrEqual(21);
  const bad = badOne(world);
  expect(attempt(world, bad)).toMatchObject({ why: expect.stringMatching(/^Rate exceeded/) });
  expect([rebooted, replacements(world)]).toEqual([[], []]);
  world.cloud.faults = { throttle: 0, unavailable: 0 };
  await runUntil(world, () => replacements(world).length > 0);
  expect(rebooted).toEqual([bad]);
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('a lost answer counts as an attempt, and so does one that the process did not live to hear: neither is repeated', async () => {
  const world = makeGrouped(5);
  await runUntil(world, () => groupNodes(world).length === GROUP_NODES);
  world.cloud.faults = { throttle: 0, unavailable: 0, ambiguous: 1 };
  world.cloud.onReboot(() => world.replicas.forEach((replica) => replica.kill()));
  await runUntil(world, () => groupNodes(world).length === GROUP_NODES && groupNodes(world).every(isOpen), 180);
  const bad = said(world, 'ValidationFailed')[0]!.slice(5);
  expect(calls(world, 'Reboot')).toEqual([[bad]]);
  expect(calls(world, 'Terminate')).toEqual([[bad]]);
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('an instance that is gone before anybody asks for its end is replaced all the same, and nobody else is', async () => {
  const world = makeGrouped(6);
  await runUntil(world, () => replacements(world).length > 0);
  const bad = badOne(world);
  const others = groupNodes(world).flatMap(({ metadata: { name } }) => (name === bad ? [] : [name]));
  world.cloud.terminate(bad);
  await runUntil(world, () => groupNodes(world).length === GROUP_NODES && groupNodes(world).every(isOpen));
  expect(
    calls(world, 'Terminate')
      .flat()
      .every((id) => id === bad),
  ).toBe(true);
  expect(groupNodes(world).map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(others));
  expect(breaches(world)).toEqual([]);
}, 60_000);

test("Karpenter's nodes are replaced by their Node, and never named to EC2", async () => {
  const world = makeGrouped(7, ['g6e.48xlarge']);
  for (const name of ['one', 'two'])
    world.submit(makeVolcanoJob({ name, namespace: 'batch', pods: 1, accelerators: 8, runSeconds: 3 * 3600 }));
  await runUntil(world, () => replacements(world).some(({ status }) => status?.finishedAt), 180);
  expect(said(world, 'ValidationFailed')).toEqual([`Node ${replacements(world)[0]!.spec.nodes[0]}`]);
  expect(world.cloud.instanceCalls).toEqual([]);
  expect(breaches(world)).toEqual([]);
}, 60_000);
