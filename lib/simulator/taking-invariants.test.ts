/** What is checked about taking running work must be able to fail; and what chaos relies on in the models must be so. */
import { CapacityBucket, KINDS, NodeMove } from '../api';
import type { KubeObject } from '../domain/kube';
import { BUCKET_KEY, NODEGROUP_LABEL, POOL_LABEL } from '../domain/node-keys';
import { CAPACITY_BUCKETS, DEPLOYMENTS, NODE_MOVES, PODS, VOLCANO_JOBS } from '../domain/resources';
import { Chaos } from './chaos';
import { CONTROLLERS_ACTOR } from './replica';
import { RUN_SECONDS } from './kubelet';
import { makeVolcanoJob, podSpec } from './work';
import { makeDisruptionBudget } from './work-of-others';
import { makeWorld, type World } from './world';

const TYPE = 'p5.48xlarge';

function node(name: string): KubeObject {
  const amounts = { cpu: '192', pods: '110', 'nvidia.com/gpu': '8' };
  const labels = {
    [POOL_LABEL]: 'p5',
    [BUCKET_KEY]: 'training',
    [NODEGROUP_LABEL]: 'training',
    'node.kubernetes.io/instance-type': TYPE,
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: { taints: [{ key: BUCKET_KEY, value: 'training', effect: 'NoSchedule' }] },
    status: { allocatable: amounts, capacity: amounts },
  };
}

/** Two nodes of bucket training, a pod alone on each; buckets above, equal and below. */
async function working(pods: readonly KubeObject[] = [pod('a'), pod('b')]): Promise<World> {
  const bucket = (name: string, priority: 'High' | 'Normal' | 'Low') =>
    CapacityBucket.make(name, {
      priority,
      nodes: { max: 9 },
      instanceTypes: [TYPE],
      moves: { inFlight: 1 } as never,
    });
  const world = makeWorld({
    seed: 1,
    objects: [
      ...KINDS.map((kind) => kind.crd()),
      bucket('training', 'Normal'),
      bucket('inference', 'High'),
      bucket('equal', 'Normal'),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'training', labels: { [BUCKET_KEY]: 'training' } } },
      node('n0'),
      node('n1'),
    ],
    controllers: [],
    times: { nodeReadyMs: 100, podStartMs: 100, bindMs: [0, 0] },
    graceMs: 0,
    staleMs: 1_000,
  });
  await world.advance(1_000);
  for (const one of pods) world.submit(one);
  await world.advance(10_000);
  return world;
}

function pod(name: string, annotations: Readonly<Record<string, string>> = {}): KubeObject {
  const metadata = { name, namespace: 'training', labels: { app: 'web' }, annotations };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(8) };
}

const take = (world: World, nodes: readonly string[], bucket?: string) =>
  world.server.as(CONTROLLERS_ACTOR, () => {
    const to = bucket ? ({ kind: 'Bucket', bucket } as const) : ({ kind: 'Release' } as const);
    world.submit(NodeMove.make('take', { nodes: [...nodes], to }));
  });
const stop = (world: World, gaveWayAt: string) =>
  world.server.as(CONTROLLERS_ACTOR, () => {
    const gangs = [{ key: 'Pod training/a', step: 'Suspending', how: 'Suspend', gaveWayAt }];
    world.server.mergePatch(NODE_MOVES, { name: 'take' }, { status: { gangs } }, { subresource: 'status' });
  });
const names = ({ violations }: World) => violations.map(({ invariant }) => invariant);

test('running work is taken for a higher bucket; for an equal one, or for nobody, that is caught', async () => {
  for (const [bucket, caught] of [
    ['inference', []],
    ['equal', ['nothing is taken from an equal or higher bucket']],
    [undefined, ['nothing is taken from an equal or higher bucket']],
  ] as const) {
    const world = await working();
    take(world, ['n0'], bucket);
    expect([bucket, names(world)]).toEqual([bucket, caught]);
  }
});

test('more nodes under way than the bucket allows are caught', async () => {
  const world = await working();
  take(world, ['n0', 'n1'], 'inference');
  expect(names(world)).toEqual(['no budget of moves is exceeded']);
});

test('a gang that is stopped against a disruption budget, or twice, is caught', async () => {
  const world = await working();
  world.submit(makeDisruptionBudget('web', 'training', { minAvailable: 2, labels: { app: 'web' } }));
  await world.advance(5_000);
  take(world, ['n0'], 'inference');
  stop(world, '2026-11-02T00:01:00Z');
  expect(names(world)).toEqual(['no disruption budget is violated']);
  world.remove(PODS, { name: 'a', namespace: 'training' });
  await world.advance(60_000);
  stop(world, '2026-11-02T00:02:00Z');
  expect(names(world).slice(1)).toEqual(['a gang is stopped once']);
});

test('a pod that has ended makes room for one that waits', async () => {
  const world = await working([pod('a', { [RUN_SECONDS]: '30' }), pod('b'), pod('c')]);
  const bound = () => world.server.find(PODS, { name: 'c', namespace: 'training' })?.spec.nodeName;
  expect(bound()).toBeUndefined();
  await world.advance(60_000);
  expect(bound()).toBe('n0');
});

test('work that waits while nodes are open is caught, and so is a bucket that does not say why', async () => {
  const world = await working([pod('a')]);
  const spec = { ...podSpec(8), schedulerName: 'nobody' };
  world.submit({ ...pod('b'), spec });
  world.server.mergePatch(CAPACITY_BUCKETS, { name: 'training' }, { status: { active: 2 } }, { subresource: 'status' });
  await world.advance(11 * 60_000);
  world.checkSettled();
  expect(names(world)).toEqual(['what waits is told why', 'what fits is served']);
});

test('whoever stops his own job lets it go on, even if he changes his mind at once', async () => {
  const world = await working([makeVolcanoJob({ name: 'gang', namespace: 'training', pods: 1, accelerators: 8 })]);
  const only = ['stopped by its user'];
  const chaos = new Chaos(world, { everyMs: [10, 10], namespaces: ['training'], only });
  chaos.start();
  await world.advance(11);
  chaos.stop();
  chaos.makeAmends();
  await world.advance(60_000);
  const phase = () => world.server.find(VOLCANO_JOBS, { name: 'gang', namespace: 'training' })?.status.state.phase;
  expect(phase()).not.toBe('Aborted');
  expect(world.counters.get('Active × stopped by its user')).toBe(1);
});

test('what people changed of buckets is taken back, even of one that was deleted and made anew in between', async () => {
  const world = await working([]);
  const specs = () => world.server.all(CAPACITY_BUCKETS).map(({ metadata, spec }) => [metadata.name, spec]);
  const before = specs();
  const only = ['priority changed', 'bounds edited', 'bucket deleted'];
  const chaos = new Chaos(world, { everyMs: [1_000, 5_000], namespaces: ['training'], only });
  chaos.start();
  await world.advance(20 * 60_000);
  chaos.stop();
  expect(specs()).not.toEqual(before);
  chaos.makeAmends();
  await world.advance(60_000);
  expect(specs()).toEqual(before);
});

test('in a burst the highest bucket wants more than is idle, and lower ones fill what it leaves', async () => {
  const world = await working([]);
  const chaos = new Chaos(world, { everyMs: [1_000, 1_000], namespaces: ['inference', 'training'], maxGang: 2 });
  const replicas = () => world.server.find(DEPLOYMENTS, { name: 'burst', namespace: 'inference' })?.spec.replicas;
  chaos.start({ only: ['burst'], everyMs: [1_000, 1_000] });
  await world.advance(1_500);
  expect(replicas()).toBeGreaterThan(2);
  await world.advance(110_000);
  chaos.stop();
  expect(replicas()).toBe(0);
  expect(world.server.all(PODS).some(({ metadata }) => metadata.namespace === 'training')).toBe(true);
});
