/** Closed nodes whose work never ends, and persons who ask for much: nothing is forgotten, and no bucket loses all it has. */
import { NodeValidation } from '../../lib/api';
import { formatTime } from '../../lib/domain/kube';
import { BUCKET_KEY, PROBATION_TAINT } from '../../lib/domain/node-keys';
import { CAPACITY_BUCKETS, NODE_HEALTH_POLICIES, NODE_VALIDATIONS, NODES, PODS } from '../../lib/domain/resources';
import { hasTaint } from '../../lib/domain/taints';
import { Forbidden } from '../../lib/runtime/errors';
import { makeDeployment, makeWorld, type World } from '../../lib/simulator';
import { CONTROLLERS, provingCluster } from './proving-cluster';
import { blockReservation } from './small-cluster';
import { breaches } from './storms';

const MINUTE_MS = 60_000;

/** Every p5 is proved, and a service works on so many nodes of inference. */
async function makeServing(seed: number, replicas: number): Promise<World> {
  const world = makeWorld({
    seed,
    objects: [...provingCluster()],
    controllers: CONTROLLERS,
    times: { podStartMs: 500, checkMs: { 'one-node': 2_000, pair: 1_000, whole: 2_000 } },
    cloud: { reservations: [blockReservation()] },
  });
  await world.advance(20 * MINUTE_MS);
  world.submit(makeDeployment({ name: 'web', namespace: 'inference', replicas, accelerators: 8 }));
  await world.advance(10 * MINUTE_MS);
  expect(serving(world)).toHaveLength(replicas);
  return world;
}

const serving = (world: World): string[] =>
  world.server
    .all(PODS)
    .filter(({ metadata, spec }) => metadata.namespace === 'inference' && spec.nodeName)
    .map(({ spec }) => spec.nodeName as string);
const isClosed = (world: World, name: string) =>
  hasTaint(world.server.get(NODES, { name }).spec.taints, PROBATION_TAINT);
const policy = (world: World) => world.server.get(NODE_HEALTH_POLICIES, { name: 'default' });
const said = (world: World, reason: string, name: string) =>
  world.events.filter(({ kind, object }) => kind === reason && object === `Node ${name}`).length;

function agentSays(world: World, name: string, status: 'True' | 'False'): void {
  const type = 'NetworkingReady';
  const { conditions } = world.server.get(NODES, { name }).status;
  const lastTransitionTime = formatTime(world.clock.now());
  const others = conditions.filter((one: { type: string }) => one.type !== type);
  const patch = { status: { conditions: [...others, { type, status, reason: 'Told', lastTransitionTime }] } };
  world.server.mergePatch(NODES, { name }, patch, { subresource: 'status', manager: 'agent' });
}

test('a service node that was closed, and whose suspicion a reset of the breaker made forgotten, is proved again and serves on', async () => {
  const world = await makeServing(1, 3);
  const [name] = serving(world) as [string];
  // No node may be away, so the suspicion closes it and goes no further.
  world.server.mergePatch(NODE_HEALTH_POLICIES, { name: 'default' }, { spec: { remediation: { maxNodes: 0 } } });
  agentSays(world, name, 'False');
  await world.advance(2 * MINUTE_MS);
  expect(isClosed(world, name)).toBe(true);
  expect(policy(world).status.message).toContain(`${name}: 0 nodes of fleet are away`);

  world.server.mergePatch(
    NODE_HEALTH_POLICIES,
    { name: 'default' },
    { metadata: { annotations: { 'aicluster.dev/reset': 'alice' } }, spec: { remediation: { maxNodes: 8 } } },
  );
  await world.advance(20 * MINUTE_MS);
  expect(said(world, 'LeavesWork', name)).toBe(1);
  expect(said(world, 'Validated', name)).toBe(2);
  expect(isClosed(world, name)).toBe(false);
  expect(serving(world)).toHaveLength(3);
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('a person who asks for all nodes of a bucket has them proved a few at a time, and the bucket keeps its minimum', async () => {
  const world = await makeServing(2, 5);
  world.server.mergePatch(CAPACITY_BUCKETS, { name: 'inference' }, { spec: { nodes: { min: 3 } } });
  const nodes = world.server
    .all(NODES)
    .filter(({ metadata }) => metadata.labels?.[BUCKET_KEY] === 'inference')
    .map(({ metadata }) => metadata.name);
  world.submit(NodeValidation.make('all', { nodes, level: 'Quick' }));
  let least = Infinity;
  world.server.onChange(() => {
    least = Math.min(least, nodes.filter((name) => !isClosed(world, name)).length);
  }, NODES);
  // Its leaves are small: of one with two nodes the second waits for an hour.
  await world.advance(90 * MINUTE_MS);
  expect(least).toBeGreaterThanOrEqual(3);
  expect(least).toBeLessThan(nodes.length);
  const validations = world.server.all(NODE_VALIDATIONS).filter(({ spec }) => spec.reason === 'Person');
  expect(validations.length).toBeGreaterThan(1);
  expect(validations.every(({ status }) => status.step === 'Done')).toBe(true);
  const passed = validations.flatMap(({ status }) => status.nodes.filter(({ result }: any) => result === 'Pass'));
  expect(passed.map(({ name }) => name).sort()).toEqual([...nodes].sort());
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('a person whose turn comes after hours has the node proved then', async () => {
  const world = await makeServing(4, 5);
  world.server.mergePatch(CAPACITY_BUCKETS, { name: 'inference' }, { spec: { nodes: { min: 5 } } });
  const [name] = serving(world) as [string];
  world.submit(NodeValidation.make('patient', { nodes: [name], level: 'Deep' }));
  const patient = () => world.server.get(NODE_VALIDATIONS, { name: 'patient' }).status;
  await world.advance(150 * MINUTE_MS);
  expect(patient().message).toContain(`waits: ${name}: bucket inference has`);
  world.server.mergePatch(CAPACITY_BUCKETS, { name: 'inference' }, { spec: { nodes: { min: 3 } } });
  await world.advance(30 * MINUTE_MS);
  expect(patient()).toMatchObject({ step: 'Done', nodes: [{ name, result: 'Pass' }] });
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('and all at once when that is what is asked for', async () => {
  const world = await makeServing(3, 5);
  const nodes = [...new Set(serving(world))];
  world.submit(NodeValidation.make('all', { nodes, level: 'Quick', atOnce: true }));
  await world.advance(20_000);
  expect(nodes.filter((name) => !isClosed(world, name))).toEqual([]);
  await world.advance(20 * MINUTE_MS);
  expect(nodes.filter((name) => isClosed(world, name))).toEqual([]);
  expect(breaches(world)).toEqual([]);
}, 60_000);

test('a cluster that refuses every check pod keeps nobody from closing the next suspected node at once', async () => {
  const world = await makeServing(5, 3);
  const [first, second] = [...new Set(serving(world))] as [string, string];
  const refusedMs: number[] = [];
  world.server.admit(({ operation, object }) => {
    if (operation !== 'CREATE' || object.metadata.namespace !== 'aicluster-validation') return object;
    refusedMs.push(world.clock.now());
    throw new Forbidden('no privileged pods here', 403, 'Forbidden');
  });
  // A check pod that cannot be made is waited for.
  world.server.mergePatch(NODE_HEALTH_POLICIES, { name: 'default' }, { spec: { timeouts: { start: '30m' } } });
  agentSays(world, first, 'False');
  await world.advance(6 * MINUTE_MS);
  expect(refusedMs.length).toBeGreaterThan(20);
  expect(refusedMs.length).toBeLessThan(40);
  expect(isClosed(world, first)).toBe(true);
  agentSays(world, second, 'False');
  await world.advance(15_000);
  expect(isClosed(world, second)).toBe(true);
}, 60_000);
