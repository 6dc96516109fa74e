/** What moves does about nodes that no move has: edits by hand, orphans, stray taints and claims, squatters; and about Checkpoints of nobody. */
import {
  BUCKET_KEY,
  HOLD_ANNOTATION,
  MOVE_ANNOTATION,
  NODEGROUP_LABEL,
  RELEASING_TAINT,
} from '../../lib/domain/node-keys';
import * as r from '../../lib/domain/resources';
import { formatTime, type Node } from '../../lib/domain/kube';
import { SupplyWorld } from './supply-world';

const MINUTE = 60_000;

/** Two nodes, the first in bucket training, the second in none. */
async function makeWorld() {
  const world = new SupplyWorld({ seed: 5, handEdits: true });
  world.pool('l40s', { source: 'OnDemand', nodes: { min: 2, max: 20 } });
  world.bucket('training');
  world.bucket('inference');
  world.start();
  await world.run(MINUTE);
  const [name] = world.nodesIn(undefined) as [string];
  world.move('assign', { nodes: [name], to: { kind: 'Bucket', bucket: 'training' } });
  await world.run(10_000);
  const node = () => world.get(r.NODES, name) as Node;
  const edit = (patch: object) => world.server.mergePatch(r.NODES, { name }, patch);
  return { world, name, node, edit };
}

const events = (world: SupplyWorld, reason: string) =>
  world.server.all(r.EVENTS).filter((event) => event.reason === reason).length;

describe('a bucket label changed by hand', () => {
  it('is set back twice, then reported as a Conflict and left alone', async () => {
    const { world, node, edit } = await makeWorld();
    const steal = { metadata: { labels: { [BUCKET_KEY]: 'inference', [NODEGROUP_LABEL]: 'inference' } } };
    for (const expected of ['training', 'training', 'inference']) {
      edit(steal);
      await world.run(5_000);
      expect(node().metadata.labels?.[BUCKET_KEY]).toBe(expected);
    }
    expect(events(world, 'NodeKeysSetBack')).toBeGreaterThan(0);
    expect(events(world, 'Conflict')).toBe(1);
    await world.run(61 * MINUTE);
    expect(node().metadata.labels?.[BUCKET_KEY]).toBe('training');
  });

  it('takes labels and taints of others along untouched', async () => {
    const { world, node, edit } = await makeWorld();
    const theirs = { key: 'example.com/theirs', effect: 'NoSchedule' as const };
    edit({
      metadata: { labels: { team: 'blue', [BUCKET_KEY]: null } },
      spec: { taints: [...node().spec!.taints!, theirs] },
    });
    await world.run(5_000);
    expect(node().metadata.labels).toMatchObject({ team: 'blue', [BUCKET_KEY]: 'training' });
    expect(node().spec?.taints).toContainEqual(theirs);
  });

  it('stays as it is while a person holds the node', async () => {
    const { world, node, edit } = await makeWorld();
    edit({ metadata: { labels: { [BUCKET_KEY]: 'inference' }, annotations: { [HOLD_ANNOTATION]: 'me' } } });
    await world.run(MINUTE);
    expect(node().metadata.labels?.[BUCKET_KEY]).toBe('inference');
  });
});

describe('what a dead move left', () => {
  it('a releasing taint without a move goes after a minute', async () => {
    const { world, node, edit } = await makeWorld();
    edit({ spec: { taints: [...node().spec!.taints!, { key: RELEASING_TAINT, effect: 'NoSchedule' }] } });
    await world.run(50_000);
    expect(node().spec?.taints?.map(({ key }) => key)).toContain(RELEASING_TAINT);
    await world.run(20_000);
    expect(node().spec?.taints?.map(({ key }) => key)).toEqual([BUCKET_KEY]);
  });

  it('a claim of a move that does not exist goes at once', async () => {
    const { world, node, edit } = await makeWorld();
    edit({ metadata: { annotations: { [MOVE_ANNOTATION]: 'nobody' } } });
    await world.run(5_000);
    expect(node().metadata.annotations?.[MOVE_ANNOTATION]).toBeUndefined();
    expect(node().metadata.labels?.[BUCKET_KEY]).toBe('training');
  });
});

describe('pods', () => {
  it('of another bucket are evicted, with the UID they had', async () => {
    const { world, name } = await makeWorld();
    world.work('squatter', 'inference', name);
    await world.run(10_000);
    expect(world.workOn(name)).toEqual([]);
    expect(events(world, 'SquatterEvicted')).toBe(1);
  });

  it('of another bucket stay while a PodDisruptionBudget says so, and that is reported', async () => {
    const { world, name } = await makeWorld();
    const budgets = {
      group: 'policy',
      version: 'v1',
      plural: 'poddisruptionbudgets',
      kind: 'PodDisruptionBudget',
      namespaced: true,
    };
    const metadata = { name: 'keep', namespace: 'default' };
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'kept' } } };
    world.server.create(budgets, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec });
    world.work('squatter', 'inference', name, { app: 'kept' });
    await world.run(30_000);
    expect(world.workOn(name)).toHaveLength(1);
    expect(events(world, 'EvictionBlocked')).toBeGreaterThan(0);
    world.server.delete(budgets, metadata);
    await world.run(30_000);
    expect(world.workOn(name)).toEqual([]);
  });
});

describe('moves that cannot be', () => {
  it('a node that does not exist is Lost after a minute; one of another type is Aborted with the types', async () => {
    const { world, name } = await makeWorld();
    const spec = { nodes: { max: 3 }, instanceTypes: ['g6e.48xlarge'] };
    world.server.create(r.CAPACITY_BUCKETS, {
      apiVersion: 'aicluster.dev/v1alpha1',
      kind: 'CapacityBucket',
      metadata: { name: 'small' },
      spec,
    });
    world.move('nowhere', { nodes: ['no-such-node'], to: { kind: 'Bucket', bucket: 'training' } });
    world.move('misfit', { nodes: [name], to: { kind: 'Bucket', bucket: 'small' } });
    await world.run(2 * MINUTE);
    expect(world.get(r.NODE_MOVES, 'nowhere')?.status).toMatchObject({ step: 'Lost' });
    expect(world.get(r.NODE_MOVES, 'misfit')?.status.message).toContain(
      'bucket small takes g6e.48xlarge, the node is p5.48xlarge',
    );
  });

  it('a cordon waits; finished moves are history for seven days', async () => {
    const { world, name, edit } = await makeWorld();
    edit({ spec: { unschedulable: true } });
    world.move('take', { nodes: [name], to: { kind: 'Bucket', bucket: 'inference' } });
    await world.run(MINUTE);
    expect(world.get(r.NODE_MOVES, 'take')?.status.message).toContain('the node is cordoned');
    edit({ spec: { unschedulable: null } });
    await world.run(MINUTE);
    expect(world.nodesIn('inference')).toEqual([name]);
    await world.run(7 * 24 * 60 * MINUTE + MINUTE);
    expect(world.get(r.NODE_MOVES, 'take')).toBeUndefined();
  });
});

describe('a Checkpoint', () => {
  it('of a run that is over goes seven days later; that of a run that is still there stays', async () => {
    const { world, name } = await makeWorld();
    const report = (gang: string) =>
      world.server.create(r.CHECKPOINTS, {
        apiVersion: 'aicluster.dev/v1alpha1',
        kind: 'Checkpoint',
        metadata: { name: gang, namespace: 'default' },
        spec: { gang, takenAt: formatTime(world.clock.now()) },
      });
    world.work('alive', 'training', name);
    for (const gang of ['alive', 'over']) report(gang);
    const left = () => world.server.all(r.CHECKPOINTS).map(({ metadata }) => metadata.name);
    await world.run(7 * 24 * 60 * MINUTE - MINUTE);
    expect(left()).toEqual(['alive', 'over']);
    await world.run(2 * MINUTE);
    expect(left()).toEqual(['alive']);
  });
});
