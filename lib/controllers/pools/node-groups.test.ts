/** A CapacityPool whose nodes a managed node group of EKS makes: which nodes those are, what it says of them, and who is ended. */
import { CapacityPool } from '../../api';
import { findCondition } from '../../domain/conditions';
import { formatTime, type KubeObject } from '../../domain/kube';
import { CAPACITY_POOLS, NODES, resourceName, type ResourceType } from '../../domain/resources';
import { blockLeaveAtMs } from '../../fleet';
import type { AssumingCache } from '../../runtime/controller';
import type { PoolAction } from './actions';
import { LAUNCH_PATIENCE_MS } from './back-off';
import { observePools } from './observe';
import { planPools } from './plan';
import type { MoveFacts, PoolFacts, PoolsSnapshot, SuppliedNode } from './snapshot';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const BLOCK = {
  instanceType: 'p5.48xlarge',
  source: 'Block',
  reservationId: 'cr-0abc',
  availabilityZone: 'us-east-2a',
  nodeGroup: 'p5-block',
} as const;
const WINDOW = { state: 'active', instances: 3, readAt: formatTime(NOW) };

const pool = (status: object = {}, spec: object = {}): PoolFacts => ({
  ...{ name: 'p5', uid: 'u', resourceVersion: '1', generation: 1, finalizers: [] },
  ...{ spec: CapacityPool.make('p5', { ...BLOCK, ...spec }).spec!, status: { observedGeneration: 1, ...status } },
});
const node = (name: string, over: Partial<SuppliedNode> = {}): SuppliedNode => ({
  ...{ name, uid: `uid-${name}`, pool: 'p5', providerID: `aws:///z/i-${name}`, createdMs: NOW, ready: true },
  ...{ held: false, inBucket: false, ...over },
});
const move = (names: readonly string[], over: Partial<MoveFacts> = {}): MoveFacts => ({
  ...{ name: 'm', uid: 'm', resourceVersion: '1', reason: 'Health', to: 'Replacement', deleting: false, wants: names },
  nodes: names.map((name) => ({ name, step: 'Empty', providerID: `aws:///z/i-${name}` })),
  ...over,
});
const plan = (over: Partial<PoolsSnapshot> = {}, nowMs = NOW) =>
  planPools(
    {
      ...{
        pools: [pool({ window: WINDOW })],
        nodePools: new Map(),
        claims: [],
        moves: [],
        moveNames: new Set<string>(),
      },
      ...{ nodes: ['a', 'b', 'c'].map((name) => node(name)), askedUntilMs: new Map(), readings: new Map() },
      ...over,
    },
    nowMs,
  );
const ended = (actions: readonly PoolAction[]) =>
  actions.flatMap((action) => (action.type === 'EndInstances' ? [action.nodes.map((one) => one.node)] : []));
const status = (actions: readonly PoolAction[]) => {
  const written = actions.find((action) => action.type === 'WriteStatus')!.status;
  const { reason, message } = findCondition(written.conditions, 'Supplied')!;
  return { ...written, reason, message };
};

describe('a pool of a managed node group', () => {
  it('has no NodePool and needs no finalizer: only its status is written', () => {
    const { actions } = plan();
    expect(actions.map(({ type }) => type)).toEqual(['WriteStatus']);
    expect(status(actions)).toMatchObject({ desired: 3, nodes: 3, ready: 3, limit: 3, reason: 'Supplied' });
  });

  it('should have all of its reservation, or as many as nodes.max says, and says how far the group is', () => {
    const few = [node('a'), node('b', { ready: false })];
    expect(status(plan({ nodes: few }).actions)).toMatchObject({
      ...{ desired: 3, reason: 'Launching', shortSince: formatTime(NOW) },
      message: expect.stringMatching(/^2 of 3 nodes since .*: node group p5-block makes them/),
    });
    const smaller = pool({ window: WINDOW }, { nodes: { max: 2 } });
    expect(status(plan({ nodes: few, pools: [smaller] }).actions)).toMatchObject({ desired: 2, reason: 'Joining' });
  });

  it('is not counted on any more when the group has made nothing for long', () => {
    const short = pool({ window: WINDOW, shortSince: formatTime(NOW - LAUNCH_PATIENCE_MS) });
    const { actions } = plan({ nodes: [node('a')], pools: [short] });
    expect(status(actions)).toMatchObject({ reason: 'InsufficientCapacity', desired: 3 });
  });

  it('asks its nodes to leave before the end of the block, and leaves the end itself to EKS', () => {
    const end = formatTime(NOW + 60_000 - blockLeaveAtMs(0, 3_600_000));
    const ending = pool({ window: { ...WINDOW, end } });
    const { actions } = plan({ pools: [ending] });
    expect(actions.filter(({ type }) => type === 'CreateMove')).toHaveLength(3);
    const released = move(['a'], { to: 'Release', reason: 'BlockEnd' });
    const nodes = [node('a', { claimedBy: 'm' })];
    expect(ended(plan({ pools: [ending], nodes, moves: [released] }).actions)).toEqual([]);
  });

  it('goes without a trace when it is deleted: the nodes are those of the group', () => {
    const { actions } = plan({ pools: [{ ...pool({ window: WINDOW }), deletionMs: NOW }] });
    expect(actions.map(({ type }) => type)).toEqual(['WriteStatus']);
  });
});

describe('nodes that a move has emptied for replacement', () => {
  const claimed = ['a', 'b', 'c'].map((name) => node(name, { claimedBy: 'm' }));

  it('are ended together, those alone that the move has emptied and still claims, as the instance that they were', () => {
    const moves = [move(['a', 'b', 'c'])];
    expect(ended(plan({ nodes: claimed, moves }).actions)).toEqual([['a', 'b', 'c']]);
    const [a, b, c] = claimed;
    const others = [a!, { ...b!, claimedBy: 'another' }, { ...c!, providerID: 'aws:///z/i-x' }];
    expect(ended(plan({ nodes: others, moves }).actions)).toEqual([['a']]);
  });

  it('are left alone while a person holds them, and when they are going', () => {
    const nodes = [node('a', { claimedBy: 'm', held: true }), node('b', { claimedBy: 'm', deletionMs: NOW })];
    expect(ended(plan({ nodes, moves: [move(['a', 'b'])] }).actions)).toEqual([]);
  });

  it('are not asked for again before their time, and then are', () => {
    const askedUntilMs = new Map([['aws:///z/i-a', NOW + 60_000]]);
    const over = { nodes: claimed, moves: [move(['a'])], askedUntilMs };
    const { actions, requeueAfterMs } = plan(over);
    expect([ended(actions), requeueAfterMs]).toEqual([[], 60_000]);
    expect(ended(plan(over, NOW + 60_000).actions)).toEqual([['a']]);
  });
});

describe('the nodes of a pool', () => {
  const object = (name: string, labels: Readonly<Record<string, string>>): KubeObject => ({
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { providerID: `aws:///z/i-${name}` } },
  });
  const observed = (pools: readonly KubeObject[], nodes: readonly KubeObject[]) => {
    const lists = new Map([
      [resourceName(CAPACITY_POOLS), pools],
      [resourceName(NODES), nodes],
    ]);
    const cache = (resource: ResourceType) =>
      ({ list: () => lists.get(resourceName(resource)) ?? [] }) as unknown as AssumingCache;
    const snapshot = observePools({ cache }, { readings: new Map(), askedUntilMs: new Map() });
    return snapshot.nodes.map(({ name, pool: of }) => `${name} of ${of}`);
  };
  const [POOL, GROUP, NODE_POOL] = ['aicluster.dev/pool', 'eks.amazonaws.com/nodegroup', 'karpenter.sh/nodepool'];

  it('are those of its node group that carry its name, and no other', () => {
    const nodes = [
      object('own', { [POOL!]: 'p5', [GROUP!]: 'p5-block' }),
      object('without-group', { [POOL!]: 'p5' }),
      object('of-another-group', { [POOL!]: 'p5', [GROUP!]: 'system' }),
      object('without-pool', { [GROUP!]: 'p5-block' }),
      object('of-karpenter', { [POOL!]: 'p5', [NODE_POOL!]: 'p5' }),
    ];
    expect(observed([CapacityPool.make('p5', BLOCK)], nodes)).toEqual(['own of p5']);
  });

  it("are those of its NodePool when it is Karpenter's, whatever a node group calls itself", () => {
    const { nodeGroup: _, ...karpenters } = BLOCK;
    const nodes = [
      object('own', { [POOL!]: 'p5', [NODE_POOL!]: 'p5' }),
      object('of-a-group', { [POOL!]: 'p5', [GROUP!]: 'p5-block' }),
    ];
    const made = CapacityPool.make('p5', { ...karpenters, nodeClassRef: { name: 'p5' } });
    expect(observed([made], nodes)).toEqual(['own of p5']);
  });
});
