/** Stuck work is freed and killed work comes back once: the real controllers on a simulated cluster whose machines die. */
import { FaultReport, JanitorPolicy, NodeMove } from '../../lib/api';
import { capacityController } from '../../lib/controllers/capacity/controller';
import { movesController } from '../../lib/controllers/moves/controller';
import { makePodJanitorController } from '../../lib/controllers/pod-janitor/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { formatTime, type KubeObject, type Pod } from '../../lib/domain/kube';
import { RESUBMISSION_LABEL, SUSPENDED_BY_ANNOTATION } from '../../lib/domain/pod-keys';
import { FAULT_REPORTS, JOBS, NODE_CLAIMS, NODES, PODS, RESUBMISSIONS, VOLCANO_JOBS } from '../../lib/domain/resources';
import type { Controller } from '../../lib/runtime/controller';
import type { ClusterPort } from '../../lib/runtime/ports';
import { makeVolcanoJob, makeWorld, splitRandom, type World } from '../../lib/simulator';
import { blockReservation, smallCluster } from './small-cluster';
import { breaches } from './storms';

const MINUTE_MS = 60_000;
/** By then the block is up and the work is on it. */
const WORKING_MS = 12 * MINUTE_MS;

/** What was written to who is suspended by whom, from one to the next. */
const handedOver: string[] = [];
beforeEach(() => handedOver.splice(0));

async function makeWorking(seed: number, work: readonly KubeObject[], dying?: () => boolean): Promise<World> {
  const janitor = makePodJanitorController({ clusterName: 'simulated' });
  const world: World = makeWorld({
    seed,
    objects: [...smallCluster(), JanitorPolicy.make('default', { dryRun: false })],
    controllers: [
      poolsController,
      capacityController,
      movesController,
      dying ? mortal(janitor, dying, () => world.replicas[0]!.kill()) : janitor,
    ],
    cloud: { reservations: [blockReservation()] },
  });
  world.server.onChange(({ object, before }) => {
    const [was, is] = [before, object].map((one) => one?.metadata.annotations?.[SUSPENDED_BY_ANNOTATION]);
    if (was !== undefined && is !== undefined && was !== is) handedOver.push(`${was} → ${is}`);
  }, VOLCANO_JOBS);
  await world.runUntil(6 * MINUTE_MS);
  for (const object of work) world.submit(object);
  await world.runUntil(WORKING_MS);
  return world;
}

/** The janitor, which dies before or after writes of its own. */
function mortal(controller: Controller, dying: () => boolean, kill: () => void): Controller {
  const ports = new WeakMap<ClusterPort, ClusterPort>();
  const dead = (): Promise<never> => {
    kill();
    return new Promise(() => undefined);
  };
  const deadly = (cluster: ClusterPort): ClusterPort => {
    const write =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        if (dying()) return dead();
        const answer = await call(...args);
        return dying() ? dead() : answer;
      };
    return {
      list: cluster.list.bind(cluster),
      get: cluster.get.bind(cluster),
      watch: cluster.watch.bind(cluster),
      create: write(cluster.create.bind(cluster)),
      mergePatch: write(cluster.mergePatch.bind(cluster)),
      apply: write(cluster.apply.bind(cluster)),
      delete: write(cluster.delete.bind(cluster)),
      evict: write(cluster.evict.bind(cluster)),
    };
  };
  const reconcile: Controller['reconcile'] = (key, context) => {
    const port = ports.get(context.cluster) ?? deadly(context.cluster);
    ports.set(context.cluster, port);
    return controller.reconcile(key, { ...context, cluster: port });
  };
  return { ...controller, reconcile };
}

/** A gang that nobody but the janitor starts again; with policies Volcano does. */
function makeGang(name: string, pods: number, policies: readonly object[] = []): KubeObject {
  const gang = makeVolcanoJob({ name, namespace: 'training', pods, accelerators: 8 });
  return { ...gang, spec: { ...gang.spec, policies } };
}

const podsOf = (world: World, name: string) =>
  (world.server.all(PODS) as readonly Pod[]).filter(({ metadata }) => metadata.name.startsWith(`${name}-`));
const running = (world: World, name: string) =>
  podsOf(world, name).filter(({ metadata, status }) => status?.phase === 'Running' && !metadata.deletionTimestamp);
const uids = (pods: readonly Pod[]) => new Set(pods.map(({ metadata }) => metadata.uid));
const nodeOf = (pod: Pod | undefined) => pod!.spec!.nodeName!;
const attempts = (world: World): any[] =>
  world.server.all(RESUBMISSIONS).flatMap(({ status }) => status?.attempts ?? []);
const instanceOf = (world: World, node: string) => world.cloud.running().find(({ id }) => id === node)!;
const said = (world: World, reason: string) =>
  world.events.filter(({ kind }) => kind === reason).map(({ object }) => object);

/** Its kubelet is not heard of any more; the machine may run. */
function silence(world: World, name: string): void {
  const { spec, status } = world.server.get(NODES, { name });
  const taints = ['NoSchedule', 'NoExecute'].map((effect) => ({ key: 'node.kubernetes.io/unreachable', effect }));
  const conditions = status.conditions.map((one: any) => (one.type === 'Ready' ? { ...one, status: 'Unknown' } : one));
  world.server.mergePatch(NODES, { name }, { spec: { taints: [...(spec.taints ?? []), ...taints] } });
  world.server.mergePatch(NODES, { name }, { status: { conditions } }, { subresource: 'status' });
}

/** Somebody clears away what is left of a node in Kubernetes. */
function bury(world: World, name: string): void {
  const claims = world.server.all(NODE_CLAIMS).filter(({ status }) => status?.providerID?.endsWith(`/${name}`));
  const left = [...claims.map((claim) => [NODE_CLAIMS, claim.metadata] as const), [NODES, { name }] as const];
  for (const [resource, { name: own }] of left) {
    world.server.mergePatch(resource, { name: own }, { metadata: { finalizers: [] } });
    world.remove(resource, { name: own });
  }
}

/** Pods of each generation of a gang, by how many were made. */
function countStarts(world: World, name: string): () => number {
  const made = new Set<string>();
  world.server.onChange(({ type, object }) => {
    if (type === 'ADDED' && object.metadata.name.startsWith(`${name}-`)) made.add(object.metadata.uid!);
  }, PODS);
  return () => made.size;
}

test('a gang whose node vanishes is started again whole by its owner, and the janitor does not do it once more', async () => {
  const world = await makeWorking(1, [makeGang('gang', 3, [{ event: 'PodEvicted', action: 'RestartJob' }])]);
  const before = running(world, 'gang');
  expect(before).toHaveLength(3);
  const started = countStarts(world, 'gang');
  world.cloud.lose(instanceOf(world, nodeOf(before[0])));
  await world.runUntil(40 * MINUTE_MS);
  expect(running(world, 'gang')).toHaveLength(3);
  expect(started()).toBe(3);
  expect(attempts(world)).toEqual([]);
  expect(breaches(world)).toEqual([]);
});

test('a gang is started again whole, once, when an instance under it is terminated and its Node stays', async () => {
  const world = await makeWorking(2, [makeGang('gang', 3)]);
  const before = running(world, 'gang');
  const [dead] = before.map(nodeOf);
  const started = countStarts(world, 'gang');
  world.cloud.terminate(dead!);
  silence(world, dead!);
  // Two minutes as in halfDeadAfter; then its pods' grace, and nothing more: of the one that is left behind the end is proved already.
  await world.runUntil(WORKING_MS + 3.5 * MINUTE_MS);
  expect(running(world, 'gang')).toHaveLength(3);
  await world.runUntil(40 * MINUTE_MS);
  const after = running(world, 'gang');
  expect(after).toHaveLength(3);
  expect(after.map(nodeOf)).not.toContain(dead);
  expect([...uids(after)].filter((uid) => uids(before).has(uid))).toEqual([]);
  expect(started()).toBe(3);
  expect(attempts(world)).toMatchObject([{ number: 1, how: 'Restart', because: 'Infrastructure', step: 'Done' }]);
  expect(attempts(world)[0].nodes).toEqual([dead]);
  expect(breaches(world)).toEqual([]);
});

test('a pod that terminates on an unreachable node is left alone while its instance runs, and freed when EC2 has ended it', async () => {
  const world = await makeWorking(3, [makeGang('gang', 2, [{ event: 'PodEvicted', action: 'RestartJob' }])]);
  const [pod] = running(world, 'gang');
  const node = nodeOf(pod);
  silence(world, node);
  world.remove(PODS, pod!.metadata as { name: string });
  await world.runUntil(WORKING_MS + 30 * MINUTE_MS);
  const left = world.server.get(PODS, pod!.metadata as { name: string });
  expect([left.metadata.uid, left.status.phase]).toEqual([pod!.metadata.uid, 'Running']);
  expect(said(world, 'Freed')).toEqual([]);
  world.cloud.terminate(node);
  await world.runUntil(WORKING_MS + 50 * MINUTE_MS);
  expect(running(world, 'gang')).toHaveLength(2);
  expect(uids(podsOf(world, 'gang')).has(pod!.metadata.uid!)).toBe(false);
  expect(breaches(world)).toEqual([]);
});

test('a Job that its node has killed comes back as one copy, away from that node', async () => {
  const template = makeGang('x', 1).spec.tasks[0].template;
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'job', namespace: 'training' },
    spec: { backoffLimit: 0, parallelism: 1, completions: 1, template },
  };
  const world = await makeWorking(4, [job]);
  const [pod] = running(world, 'job');
  const node = nodeOf(pod);
  const now = formatTime(world.clock.now());
  const report = FaultReport.make('xid', { node, kind: 'Xid', code: 79, severity: 'Critical', observedAt: now });
  world.server.create(FAULT_REPORTS, { ...report, metadata: { name: 'xid', namespace: 'training' } });
  const terminated = { exitCode: 134, reason: 'Error', startedAt: now, finishedAt: now };
  const containerStatuses = [{ name: 'main', image: 'example.com/work:1', state: { terminated } }];
  const name = pod!.metadata as { name: string };
  world.server.mergePatch(PODS, name, { status: { phase: 'Failed', containerStatuses } }, { subresource: 'status' });
  await world.runUntil(WORKING_MS + 30 * MINUTE_MS);
  const copies = world.server.all(JOBS).filter(({ metadata }) => metadata.labels?.[RESUBMISSION_LABEL] !== undefined);
  expect(copies.map(({ metadata }) => metadata.name)).toEqual(['job-r1']);
  expect(attempts(world)).toMatchObject([
    { number: 1, how: 'Copy', because: 'Infrastructure', reason: 'FaultReported', step: 'Done', nodes: [node] },
  ]);
  const [copied] = running(world, 'job-r1');
  expect(nodeOf(copied)).not.toBe(node);
  expect(breaches(world)).toEqual([]);
});

test('a janitor that dies at every fifth write brings each gang back once for each machine that it loses', async () => {
  const random = splitRandom(5, 'deaths');
  const world = await makeWorking(5, [makeGang('left', 2), makeGang('right', 2)], () => random() < 0.1);
  for (let round = 1; round <= 3; round++) {
    const started = ['left', 'right'].map((name) => countStarts(world, name));
    const dead = ['left', 'right'].map((name) => nodeOf(running(world, name)[0]));
    for (const node of dead) {
      world.cloud.terminate(node);
      silence(world, node);
    }
    await world.runUntil(WORKING_MS + (round - 0.5) * 30 * MINUTE_MS);
    for (const node of dead) bury(world, node);
    await world.runUntil(WORKING_MS + round * 30 * MINUTE_MS);
    expect(started.map((count) => count())).toEqual([2, 2]);
    expect(['left', 'right'].map((name) => running(world, name).length)).toEqual([2, 2]);
  }
  expect(world.replicas[0]!.starts).toBeGreaterThan(5);
  // One that has just begun does not know yet that a machine has ended, and closes an attempt with which nothing was done.
  expect(attempts(world).filter(({ message }) => message === 'it may run again')).toHaveLength(6);
  expect(attempts(world).every(({ step }) => step === 'Done')).toBe(true);
  expect(handedOver).toEqual([]);
  expect(breaches(world)).toEqual([]);
});

test('a gang that a move has in hand is not restarted by the janitor as well, and neither writes over the other', async () => {
  for (const headStartMs of [0, 122_000]) {
    const world = await makeWorking(6, [makeGang('gang', 3)]);
    const before = running(world, 'gang');
    const started = countStarts(world, 'gang');
    const nodes = before.map(nodeOf);
    world.cloud.terminate(nodes[0]!);
    silence(world, nodes[0]!);
    await world.runUntil(WORKING_MS + headStartMs);
    world.submit(NodeMove.make('take', { nodes: nodes.slice(1), to: { kind: 'Bucket', bucket: 'inference' } }));
    await world.runUntil(WORKING_MS + 25 * MINUTE_MS);
    expect(handedOver).toEqual([]);
    expect(running(world, 'gang')).toHaveLength(3);
    expect(started()).toBe(3);
    expect(breaches(world)).toEqual([]);
  }
});
