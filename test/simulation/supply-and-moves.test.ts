/** pools and moves together, on models of Karpenter, kubelets and EC2: the stories of a node's life. */
import * as r from '../../lib/domain/resources';
import { START_MS, SupplyWorld } from './supply-world';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function makeWorld(requested: number, options: Partial<ConstructorParameters<typeof SupplyWorld>[0]> = {}) {
  const world = new SupplyWorld({ seed: 1, ...options });
  world.pool('l40s', { source: 'OnDemand', nodes: { min: 0, max: 20 } });
  world.bucket('training');
  world.bucket('inference');
  world.start();
  await world.run(5_000);
  world.request('l40s', requested);
  await world.run(2 * MINUTE);
  return world;
}

describe('an on-demand pool', () => {
  it('grows to what capacity asks for, with nodes in no bucket', async () => {
    const world = await makeWorld(4);
    expect(world.size('l40s')).toEqual([4, 4]);
    expect(world.nodesIn(undefined)).toHaveLength(4);
    expect(world.condition('l40s')).toBe('Supplied');
    expect(world.violations).toEqual([]);
  });

  it('gives nodes to buckets, and shrinks by exactly the node that was chosen', async () => {
    const world = await makeWorld(4);
    const [a, b, c, d] = world.nodesIn(undefined) as [string, string, string, string];
    world.move('assign', { nodes: [a, b], to: { kind: 'Bucket', bucket: 'training' } });
    world.move('assign-more', { nodes: [c, d], to: { kind: 'Bucket', bucket: 'inference' } });
    await world.run(20_000);
    expect(world.nodesIn('training')).toEqual([a, b].sort());
    expect(world.get(r.NODE_MOVES, 'assign')?.status).toMatchObject({ step: 'HandedOver', handedOver: 2 });
    world.move('release', { nodes: [b], to: { kind: 'Release' } });
    world.request('l40s', 3);
    await world.run(2 * MINUTE);
    expect(world.nodes().map(({ metadata }) => metadata.name)).toEqual([a, c, d].sort());
    expect(world.size('l40s')).toEqual([3, 3]);
    expect(world.get(r.NODE_MOVES, 'release')?.status).toMatchObject({ step: 'HandedOver' });
    expect(world.violations).toEqual([]);
  });

  it('replaces a node by name and nothing else', async () => {
    const world = await makeWorld(3);
    const [a, b, c] = world.nodesIn(undefined) as [string, string, string];
    world.move('replace', { nodes: [b], reason: 'Health', to: { kind: 'Replacement' } });
    await world.run(3 * MINUTE);
    const names = world.nodes().map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining([a, c]));
    expect(names).not.toContain(b);
    expect(world.violations).toEqual([]);
  });

  it('backs off when EC2 has no capacity, says so, and grows when there is some', async () => {
    const world = await makeWorld(2, { cloud: { onDemand: { 'p5.48xlarge': 2 } } });
    world.request('l40s', 4);
    await world.run(4 * MINUTE);
    expect(world.condition('l40s')).toBe('InsufficientCapacity');
    expect(world.get(r.CAPACITY_POOLS, 'l40s')?.status.backOff.failures).toBeGreaterThan(0);
    world.cloud.setOnDemand('p5.48xlarge', 10);
    await world.run(20 * MINUTE);
    expect(world.nodes()).toHaveLength(4);
    expect(world.condition('l40s')).toBe('Supplied');
    expect(world.get(r.CAPACITY_POOLS, 'l40s')?.status.backOff).toBeUndefined();
    expect(world.violations).toEqual([]);
  });

  it('goes in order when it is deleted: idle nodes by name, then the NodePool, then itself', async () => {
    const world = await makeWorld(3);
    world.mayEnd.add('l40s');
    world.server.delete(r.CAPACITY_POOLS, { name: 'l40s' });
    await world.run(2 * MINUTE);
    expect(world.get(r.NODE_POOLS, 'l40s')).toBeUndefined();
    expect(world.get(r.CAPACITY_POOLS, 'l40s')).toBeUndefined();
  });
});

describe('a node that changes hands', () => {
  it('waits for pods that land late, and is never handed over under them', async () => {
    const world = await makeWorld(1);
    const [node] = world.nodes().map(({ metadata }) => metadata.name) as [string];
    world.move('assign', { nodes: [node], to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(10_000);
    world.move('take', { nodes: [node], to: { kind: 'Bucket', bucket: 'inference' } });
    await world.run(500);
    const free = world.guard({ app: 'late' });
    world.work('late', 'training', node, { app: 'late' });
    await world.run(MINUTE);
    expect(world.nodesIn('training')).toEqual([node]);
    expect(world.get(r.NODE_MOVES, 'take')?.status.message).toContain('waiting for default/late to end');
    free();
    await world.run(10_000);
    expect(world.nodesIn('inference')).toEqual([node]);
    expect(world.violations).toEqual([]);
  });

  it('stays where it is when its move is deleted', async () => {
    const world = await makeWorld(1);
    const [node] = world.nodes().map(({ metadata }) => metadata.name) as [string];
    world.move('assign', { nodes: [node], to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(10_000);
    world.guard({ app: 'busy' });
    world.work('busy', 'training', node, { app: 'busy' });
    world.move('take', { nodes: [node], to: { kind: 'Bucket', bucket: 'inference' } });
    await world.run(10_000);
    world.server.delete(r.NODE_MOVES, { name: 'take' });
    await world.run(10_000);
    expect(world.get(r.NODE_MOVES, 'take')).toBeUndefined();
    const live = world.nodes()[0]!;
    expect(live.metadata.annotations?.['aicluster.dev/move']).toBeUndefined();
    expect(live.spec?.taints?.map(({ key }) => key)).toEqual(['aicluster.dev/bucket']);
    expect(world.violations).toEqual([]);
  });

  it('goes to the higher reason when two moves want it', async () => {
    const world = await makeWorld(1);
    const [node] = world.nodes().map(({ metadata }) => metadata.name) as [string];
    world.move('assign', { nodes: [node], to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(10_000);
    world.guard({ app: 'busy' });
    world.work('busy', 'training', node, { app: 'busy' });
    world.move('a-capacity', { nodes: [node], to: { kind: 'Bucket', bucket: 'inference' } });
    await world.run(10_000);
    world.move('b-health', { nodes: [node], reason: 'Health', to: { kind: 'Replacement' } });
    await world.run(10_000);
    expect(world.get(r.NODE_MOVES, 'a-capacity')?.status).toMatchObject({ step: 'Aborted' });
    expect(world.get(r.NODE_MOVES, 'b-health')?.status).toMatchObject({ step: 'CheckpointRequested' });
    expect(world.violations).toEqual([]);
  });

  it('is released before its bucket goes, and the bucket never waits for running work', async () => {
    const world = await makeWorld(2);
    const [a, b] = world.nodes().map(({ metadata }) => metadata.name) as [string, string];
    world.move('assign', { nodes: [a, b], to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(10_000);
    world.work('busy', 'training', b);
    world.server.delete(r.CAPACITY_BUCKETS, { name: 'training' });
    await world.run(10_000);
    expect(world.nodesIn('training')).toEqual([b]);
    expect(world.get(r.CAPACITY_BUCKETS, 'training')).toBeDefined();
    await world.run(5 * MINUTE);
    expect(world.get(r.CAPACITY_BUCKETS, 'training')).toBeUndefined();
    world.server.delete(r.PODS, { namespace: 'default', name: 'busy' });
    await world.run(10_000);
    expect(world.nodesIn(undefined).sort()).toEqual([a, b].sort());
    expect(world.violations).toEqual([]);
  });
});

describe('a Capacity Block', () => {
  const block = (startMs: number, endMs: number) => ({
    id: 'cr-0abc',
    kind: 'CapacityBlock' as const,
    instanceType: 'p5.48xlarge',
    availabilityZone: 'us-east-2a',
    totalInstances: 4,
    startMs,
    endMs,
  });

  it('is empty before its start, full while it runs, announced, left in time, and undone when it is extended', async () => {
    const startMs = START_MS + HOUR;
    const endMs = START_MS + 30 * HOUR;
    const world = new SupplyWorld({ seed: 2, cloud: { reservations: [block(startMs, endMs)] } });
    world.pool('p5', {
      source: 'Block',
      reservationId: 'cr-0abc',
      availabilityZone: 'us-east-2a',
      nodes: { min: 0, max: 9 },
    });
    world.bucket('training');
    world.start();
    await world.run(50 * MINUTE);
    expect(world.condition('p5')).toBe('BlockNotStarted');
    expect(world.size('p5')).toEqual([0, 0]);
    await world.run(15 * MINUTE);
    expect(world.nodes()).toHaveLength(4);
    expect(world.condition('p5', 'WithinReservation')).toBe('LargerThanReservation');
    expect(world.condition('p5')).toBe('Supplied');
    const [first] = world.nodesIn(undefined) as [string];
    world.move('assign', { nodes: [first], to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(6 * HOUR);
    expect(world.condition('p5', 'EndAnnounced')).toBe('EndsWithin24h');
    const free = world.guard({ app: 'busy' });
    world.work('busy', 'training', first, { app: 'busy' });
    await world.clock.runUntil(endMs - 76 * MINUTE - 5 * MINUTE + 7 * MINUTE);
    expect(world.condition('p5', 'EndAnnounced')).toBe('EndsWithin2h');
    expect(world.condition('p5')).toBe('BlockEnding');
    expect(world.nodes().map(({ metadata }) => metadata.name)).toEqual([first]);
    world.cloud.setReservation(block(startMs, endMs + 24 * HOUR));
    await world.run(30 * MINUTE);
    expect(world.nodes()).toHaveLength(4);
    expect(world.nodesIn('training')).toEqual([first]);
    expect(world.server.all(r.NODE_MOVES).filter(({ status }) => !status?.finishedAt)).toEqual([]);
    free();
    world.mayEnd.add('p5');
    await world.clock.runUntil(endMs + 24 * HOUR - 45 * MINUTE);
    expect(world.nodes()).toHaveLength(0);
    expect(world.size('p5')).toEqual([0, 0]);
    expect(world.violations).toEqual([]);
  });
});

describe('kill -9 before or after any single write', () => {
  /** Grow, assign, change hands, release one, replace one: what is left, whatever the names. */
  async function story(killAt?: { readonly write: number; readonly after: boolean }) {
    const world = await makeWorld(4, { killAt });
    const [a, b, c, d] = world.nodesIn(undefined) as [string, string, string, string];
    world.move('assign', { nodes: [a, b], to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(15_000);
    world.move('take', { nodes: [a], to: { kind: 'Bucket', bucket: 'inference' } });
    world.move('release', { nodes: [b], to: { kind: 'Release' } });
    world.move('replace', { nodes: [c], reason: 'Health', to: { kind: 'Replacement' } });
    world.request('l40s', 3);
    await world.run(5 * MINUTE);
    const nodes = world.nodes().map(({ metadata }) => metadata.name);
    const kept = { a: nodes.includes(a), b: nodes.includes(b), c: nodes.includes(c), d: nodes.includes(d) };
    const moves = ['assign', 'take', 'release', 'replace'].map((name) => world.get(r.NODE_MOVES, name)?.status?.step);
    const end = {
      nodes: nodes.length,
      kept,
      size: world.size('l40s'),
      inference: world.nodesIn('inference').length,
      moves,
    };
    return { end, writes: world.writes, violations: world.violations, crashes: world.crashes };
  }

  it('comes to the same end', async () => {
    const { end, writes } = await story();
    expect(end).toEqual({
      nodes: 3,
      kept: { a: true, b: false, c: false, d: true },
      size: [3, 3],
      inference: 1,
      moves: ['HandedOver', 'HandedOver', 'HandedOver', 'HandedOver'],
    });
    for (let write = 1; write <= writes; write++) {
      for (const after of [false, true]) {
        const killed = await story({ write, after });
        expect({ write, after, ...killed, writes: 0 }).toEqual({
          write,
          after,
          end,
          writes: 0,
          violations: [],
          crashes: 1,
        });
      }
    }
    console.info(`${writes} writes, ${2 * writes} kills`);
  }, 300_000);
});

describe('a redeploy', () => {
  it('that changes a label of a CapacityPool moves no field of its NodePool, nor of a Node', async () => {
    const world = await makeWorld(3);
    world.bucket('batch');
    await world.run(10_000);
    const versions = () =>
      [world.get(r.NODE_POOLS, 'l40s')!, ...world.nodes()].map(({ metadata }) => metadata.resourceVersion);
    const before = versions();
    const labels = { metadata: { labels: { release: '2' } } };
    world.server.mergePatch(r.CAPACITY_POOLS, { name: 'l40s' }, labels);
    world.server.mergePatch(r.CAPACITY_BUCKETS, { name: 'batch' }, labels);
    await world.run(2 * MINUTE);
    expect(versions()).toEqual(before);
  });
});
