/** Nodes that have to prove themselves, new ones and suspected ones, with node-health played by the test: pools and moves around them. */
import { isTrue } from '../../lib/domain/conditions';
import type { Node } from '../../lib/domain/kube';
import { BUCKET_KEY, MOVE_ANNOTATION, PROBATION_TAINT, RELEASING_TAINT } from '../../lib/domain/node-keys';
import * as r from '../../lib/domain/resources';
import { hasTaint } from '../../lib/domain/taints';
import { nodePhase, toNodeFacts } from '../../lib/fleet';
import { SupplyWorld } from './supply-world';

const MINUTE = 60_000;
const PROBATION = { key: PROBATION_TAINT, effect: 'NoSchedule' } as const;

class ProvingWorld extends SupplyWorld {
  node(name: string): Node {
    return this.get(r.NODES, name) as Node;
  }

  /** node-health's word: on probation, or not any more. */
  probation(name: string, on: boolean): void {
    const others = (this.node(name).spec?.taints ?? []).filter(({ key }) => key !== PROBATION_TAINT);
    this.server.mergePatch(r.NODES, { name }, { spec: { taints: on ? [...others, PROBATION] : others } });
  }

  phase(name: string): string {
    const context = { buckets: new Set(['training']), liveMoves: new Map(), squatted: new Set<string>() };
    return nodePhase(toNodeFacts(this.node(name)), context, this.clock.now());
  }

  initialized(): number {
    return this.server.all(r.NODE_CLAIMS).filter(({ status }) => isTrue(status?.conditions, 'Initialized')).length;
  }

  moved(name: string) {
    return this.get(r.NODE_MOVES, name)?.status;
  }
}

async function makeWorld(validation: 'None' | 'Standard', options: Partial<{ readonly seed: number }> = {}) {
  const world = new ProvingWorld({ seed: 1, ...options });
  world.pool('l40s', { source: 'OnDemand', nodes: { min: 0, max: 20 }, validation });
  world.bucket('training');
  world.start();
  await world.run(5_000);
  world.request('l40s', 3);
  await world.run(2 * MINUTE);
  return world;
}

describe('nodes of a pool with a validation', () => {
  it('register on probation, get no work for as long as nobody proves them, and nothing times out', async () => {
    const world = await makeWorld('Standard');
    world.move('assign', { nodes: world.nodesIn(undefined), to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(12 * 60 * MINUTE);
    const names = world.nodesIn(undefined);
    expect(names.map((name) => world.phase(name))).toEqual(['Probation', 'Probation', 'Probation']);
    expect(world.nodesIn('training')).toEqual([]);
    expect(world.moved('assign').message).toContain('the node is not proved');
    expect(world.initialized()).toBe(0);
    expect(world.condition('l40s')).toBe('Supplied');
    expect(world.size('l40s')).toEqual([3, 3]);
    expect(world.violations).toEqual([]);
  });

  it('go to their bucket one by one as they are proved, and Karpenter counts them as initialized from then on', async () => {
    const world = await makeWorld('Standard');
    const [a, b, c] = world.nodesIn(undefined) as [string, string, string];
    const to = { kind: 'Bucket', bucket: 'training' } as const;
    world.probation(b, false);
    world.move('assign', { nodes: [a, b, c], to });
    await world.run(MINUTE);
    expect(world.nodesIn('training')).toEqual([b]);
    expect(world.initialized()).toBe(1);
    // The others were let go: as long as a move has a node, nobody proves it.
    expect(world.moved('assign')?.finishedAt).toBeDefined();
    for (const name of [a, c]) world.probation(name, false);
    world.move('assign-too', { nodes: [a, c], to });
    await world.run(MINUTE);
    expect(world.nodesIn('training')).toEqual([a, b, c].sort());
    // Again on probation: recorded of Karpenter 1.14.1 that this does not undo it.
    world.probation(a, true);
    await world.run(MINUTE);
    expect(world.initialized()).toBe(3);
    expect(world.violations).toEqual([]);
  });

  it('a pool without a validation has nodes that work at once, and its NodePool says so when that changes', async () => {
    const world = await makeWorld('None');
    expect(world.nodesIn(undefined).map((name) => world.phase(name))).toEqual([
      'Unassigned',
      'Unassigned',
      'Unassigned',
    ]);
    const startup = () => world.get(r.NODE_POOLS, 'l40s')!.spec.template.spec.startupTaints;
    expect(startup()).toEqual([]);
    world.server.mergePatch(r.CAPACITY_POOLS, { name: 'l40s' }, { spec: { validation: 'Quick' } });
    await world.run(MINUTE);
    expect(startup()).toEqual([PROBATION]);
    world.request('l40s', 4);
    await world.run(2 * MINUTE);
    const phases = world.nodesIn(undefined).map((name) => world.phase(name));
    expect(phases.sort()).toEqual(['Probation', 'Unassigned', 'Unassigned', 'Unassigned']);
    expect(world.violations).toEqual([]);
  });
});

describe('a node that works and is suspected', () => {
  async function working(options: Partial<{ readonly seed: number }> = {}) {
    const world = await makeWorld('None', options);
    const names = world.nodesIn(undefined);
    world.move('assign', { nodes: names, to: { kind: 'Bucket', bucket: 'training' } });
    await world.run(MINUTE);
    const [name] = names as [string];
    world.work('train-0', 'training', name);
    await world.run(5_000);
    return { world, name };
  }

  it('is emptied and handed over to node-health in its own bucket, and works there again when it is proved', async () => {
    const { world, name } = await working();
    world.probation(name, true);
    world.move('suspected', { nodes: [name], reason: 'Health', to: { kind: 'Validation' } });
    await world.run(MINUTE);
    expect(world.workOn(name)).toEqual([]);
    expect(world.moved('suspected')).toMatchObject({
      step: 'HandedOver',
      handedOver: 1,
      finishedAt: expect.anything(),
    });
    const { metadata, spec } = world.node(name);
    expect(metadata.annotations?.[MOVE_ANNOTATION]).toBeUndefined();
    expect(metadata.labels).toMatchObject({ [BUCKET_KEY]: 'training', 'volcano.sh/nodegroup-name': 'training' });
    expect(hasTaint(spec?.taints, RELEASING_TAINT)).toBe(false);
    expect(world.phase(name)).toBe('Probation');
    world.probation(name, false);
    await world.run(MINUTE);
    expect(world.phase(name)).toBe('Active');
    expect(world.nodesIn('training')).toHaveLength(3);
    expect(world.violations).toEqual([]);
  });

  it('is not touched by a move to Validation before node-health has put it on probation', async () => {
    const { world, name } = await working();
    world.move('suspected', { nodes: [name], reason: 'Health', to: { kind: 'Validation' } });
    await world.run(10 * MINUTE);
    expect(world.workOn(name)).toHaveLength(1);
    expect(world.moved('suspected').message).toContain('node-health has not put it on probation');
    expect(world.node(name).metadata.annotations?.[MOVE_ANNOTATION]).toBeUndefined();
    world.probation(name, true);
    await world.run(MINUTE);
    expect(world.moved('suspected').step).toBe('HandedOver');
    expect(world.violations).toEqual([]);
  });

  it('is taken over from a move of lower reason, which learns that it lost it', async () => {
    const { world, name } = await working();
    const unguard = world.guard({ app: 'kept' });
    world.work('train-1', 'training', name, { app: 'kept' });
    world.bucket('inference');
    world.move('shift', { nodes: [name], to: { kind: 'Bucket', bucket: 'inference' } });
    await world.run(MINUTE);
    expect(world.node(name).metadata.annotations?.[MOVE_ANNOTATION]).toBe('shift');
    world.probation(name, true);
    world.move('suspected', { nodes: [name], reason: 'Health', to: { kind: 'Validation' } });
    await world.run(MINUTE);
    expect(world.node(name).metadata.annotations?.[MOVE_ANNOTATION]).toBe('suspected');
    expect(world.moved('shift').step).toBe('Aborted');
    unguard();
    await world.run(2 * MINUTE);
    expect(world.moved('suspected').step).toBe('HandedOver');
    expect(world.nodesIn('training')).toContain(name);
    expect(world.violations).toEqual([]);
  });

  it('is replaced by name when it failed: from probation, with whatever check is still on it ended first', async () => {
    const { world, name } = await working();
    world.probation(name, true);
    world.move('suspected', { nodes: [name], reason: 'Health', to: { kind: 'Validation' } });
    await world.run(MINUTE);
    world.move('failed', { nodes: [name], reason: 'Health', to: { kind: 'Replacement' } });
    await world.run(5 * MINUTE);
    const names = world.nodes().map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(3);
    expect(names).not.toContain(name);
    expect(world.moved('failed').step).toBe('HandedOver');
    expect(world.violations).toEqual([]);
  });

  it('whenever the process dies, the move ends, and the node is on probation in its bucket without a claim', async () => {
    let crashes = 0;
    for (let write = 1; write <= 30; write++) {
      const world = new ProvingWorld({ seed: 7, killAt: { write: write + 20, after: write % 2 === 0 } });
      world.pool('l40s', { source: 'OnDemand', nodes: { min: 0, max: 20 } });
      world.bucket('training');
      world.start();
      await world.run(5_000);
      world.request('l40s', 2);
      await world.run(2 * MINUTE);
      const [name] = world.nodesIn(undefined) as [string];
      world.move('assign', { nodes: [name], to: { kind: 'Bucket', bucket: 'training' } });
      await world.run(MINUTE);
      world.work('train-0', 'training', name);
      world.probation(name, true);
      world.move('suspected', { nodes: [name], reason: 'Health', to: { kind: 'Validation' } });
      await world.run(3 * MINUTE);
      expect(world.moved('suspected').step).toBe('HandedOver');
      expect(world.phase(name)).toBe('Probation');
      expect(world.nodesIn('training')).toEqual([name]);
      expect(world.workOn(name)).toEqual([]);
      expect(world.violations).toEqual([]);
      crashes += world.crashes;
    }
    expect(crashes).toBeGreaterThan(10);
  });
});
