import { CapacityPool, type CapacityPoolSpec } from '../../api';
import { formatTime } from '../../domain/kube';
import type { PoolAction } from './actions';
import { POOL_FINALIZER } from './departure';
import { renderNodePool } from './node-pool';
import { planPools } from './plan';
import type { ClaimFacts, MoveFacts, NodePoolFacts, PoolFacts, PoolsSnapshot, Reading, SuppliedNode } from './snapshot';

const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;
const block = CapacityPool.make('p5', {
  instanceType: 'p5.48xlarge',
  source: 'Block',
  reservationId: 'cr-0a',
  availabilityZone: 'us-east-2a',
  nodeClassRef: { name: 'p5' },
}).spec as CapacityPoolSpec;
const onDemand = CapacityPool.make('p5', {
  instanceType: 'p5.48xlarge',
  source: 'OnDemand',
  nodes: { min: 1, max: 6 },
  nodeClassRef: { name: 'p5' },
}).spec as CapacityPoolSpec;
const reading: Reading = {
  instanceType: 'p5.48xlarge',
  availabilityZone: 'us-east-2a',
  state: 'active',
  totalInstances: 4,
  startMs: NOW - HOUR,
  endMs: NOW + 100 * HOUR,
};

const poolFacts = (overrides: Partial<PoolFacts> = {}): PoolFacts => ({
  name: 'p5',
  uid: 'u',
  resourceVersion: '5',
  generation: 1,
  finalizers: [POOL_FINALIZER],
  spec: onDemand,
  status: { observedGeneration: 1 },
  ...overrides,
});
const nodePool = (replicas: number, limit: number, spec = onDemand, ours = true): NodePoolFacts => {
  const object = renderNodePool('p5', spec, { replicas, limit }, '8');
  return { name: 'p5', uid: 'np', resourceVersion: '8', replicas, limit, deleting: false, ours, object };
};
const claim = (i: number, overrides: Partial<ClaimFacts> = {}): ClaimFacts => ({
  name: `c${i}`,
  pool: 'p5',
  nodeName: `n${i}`,
  createdMs: NOW - HOUR,
  launched: true,
  ...overrides,
});
const node = (i: number, overrides: Partial<SuppliedNode> = {}): SuppliedNode => ({
  name: `n${i}`,
  uid: `uid-${i}`,
  pool: 'p5',
  providerID: `aws:///z/i-${i}`,
  createdMs: NOW - HOUR,
  ready: true,
  held: false,
  inBucket: false,
  ...overrides,
});
const many = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const emptied = (i: number, overrides: Partial<MoveFacts> = {}): MoveFacts => ({
  name: 'm',
  uid: 'um',
  reason: 'Capacity',
  to: 'Release',
  deleting: false,
  wants: [`n${i}`],
  nodes: [{ name: `n${i}`, step: 'Empty', providerID: `aws:///z/i-${i}` }],
  ...overrides,
});
const snapshot = (overrides: Partial<PoolsSnapshot> = {}): PoolsSnapshot => ({
  pools: [poolFacts()],
  nodePools: new Map([['p5', nodePool(3, 3)]]),
  claims: many(3, (i) => claim(i)),
  nodes: many(3, (i) => node(i)),
  moves: [],
  moveNames: new Set(),
  askedUntilMs: new Map(),
  readings: new Map(),
  ...overrides,
});

const actions = (seen: PoolsSnapshot, nowMs = NOW) => planPools(seen, nowMs).actions;
const ofType = <T extends PoolAction['type']>(seen: PoolsSnapshot, type: T, nowMs = NOW) =>
  actions(seen, nowMs).filter((action): action is Extract<PoolAction, { type: T }> => action.type === type);
const supplied = (seen: PoolsSnapshot, nowMs = NOW) => {
  const [write] = ofType(seen, 'WriteStatus', nowMs);
  return write?.status.conditions?.find(({ type }) => type === 'Supplied');
};
const asked = (requested: number) => [poolFacts({ status: { observedGeneration: 1, requested } })];

describe('an on-demand pool', () => {
  it('takes its finalizer before anything else', () => {
    const seen = snapshot({ pools: [poolFacts({ finalizers: [] })], nodePools: new Map() });
    expect(actions(seen).map(({ type }) => type)).toEqual(['SetFinalizers']);
  });

  it.each([
    [0, 1],
    [4, 4],
    [9, 6],
  ])('asked for %d grows to %d, within its bounds', (requested, replicas) => {
    const seen = snapshot({ pools: asked(requested), nodePools: new Map(), claims: [], nodes: [] });
    expect(ofType(seen, 'ApplyNodePool')[0]?.size).toEqual({ replicas, limit: replicas });
  });

  it('is applied over exactly the NodePool that was seen', () => {
    const [apply] = ofType(snapshot({ pools: asked(5) }), 'ApplyNodePool');
    expect(apply?.object.metadata.resourceVersion).toBe('8');
  });

  it('says the same thing twice: with its own status written nothing is left to do', () => {
    const seen = snapshot({ pools: asked(3) });
    const [write] = ofType(seen, 'WriteStatus');
    expect(write?.status).not.toHaveProperty('requested');
    const status = { ...write!.status, requested: 3 };
    expect(actions(snapshot({ pools: [poolFacts({ status })] }), NOW + 60_000)).toEqual([]);
  });
});

describe('a named removal', () => {
  const claimed = [node(0), node(1, { claimedBy: 'm' }), node(2)];

  it('lowers the limit and deletes nothing yet', () => {
    const seen = snapshot({ pools: asked(2), nodes: claimed, moves: [emptied(1)] });
    expect(ofType(seen, 'ApplyNodePool')[0]?.size).toEqual({ replicas: 3, limit: 2 });
    expect(ofType(seen, 'DeleteNode')).toEqual([]);
  });

  it('then deletes exactly that instance', () => {
    const seen = snapshot({
      pools: asked(2),
      nodePools: new Map([['p5', nodePool(3, 2)]]),
      nodes: claimed,
      moves: [emptied(1)],
    });
    expect(ofType(seen, 'ApplyNodePool')).toEqual([]);
    expect(ofType(seen, 'DeleteNode')).toEqual([
      expect.objectContaining({ node: 'n1', uid: 'uid-1', providerID: 'aws:///z/i-1', move: 'm', replace: false }),
    ]);
  });

  it('then lowers the replicas when Node and NodeClaim are gone', () => {
    const seen = snapshot({
      pools: asked(2),
      nodePools: new Map([['p5', nodePool(3, 2)]]),
      nodes: [node(0), node(2)],
      claims: [claim(0), claim(2)],
    });
    expect(ofType(seen, 'ApplyNodePool')[0]?.size).toEqual({ replicas: 2, limit: 2 });
  });

  it.each([
    ['another instance has the name', [node(1, { claimedBy: 'm', providerID: 'aws:///z/i-9' })], emptied(1)],
    ['the claim is not this move', [node(1, { claimedBy: 'other' })], emptied(1)],
    ['a person holds the node', [node(1, { claimedBy: 'm', held: true })], emptied(1)],
    ['the move is being deleted', [node(1, { claimedBy: 'm' })], emptied(1, { deleting: true })],
    [
      'the node is not empty yet',
      [node(1, { claimedBy: 'm' })],
      emptied(1, { nodes: [{ name: 'n1', step: 'Draining' }] }),
    ],
  ])('does not happen when %s', (_, nodes, move) => {
    const seen = snapshot({ pools: asked(2), nodePools: new Map([['p5', nodePool(3, 2)]]), nodes, moves: [move] });
    expect(ofType(seen, 'DeleteNode')).toEqual([]);
  });

  it('for Replacement deletes the Node and leaves the numbers alone', () => {
    const seen = snapshot({ pools: asked(3), nodes: claimed, moves: [emptied(1, { to: 'Replacement' })] });
    expect(ofType(seen, 'ApplyNodePool')).toEqual([]);
    expect(ofType(seen, 'DeleteNode')).toEqual([expect.objectContaining({ node: 'n1', replace: true })]);
  });

  it('whose drain hangs past its grace is cut short once', () => {
    const draining = claim(1, { deletionMs: NOW - HOUR - 120_000 });
    const cut = (terminationMs?: number) =>
      ofType(snapshot({ claims: [{ ...draining, terminationMs }] }), 'CutDrainShort').map(({ claim }) => claim);
    expect(cut()).toEqual(['c1']);
    expect(cut(NOW + HOUR)).toEqual(['c1']);
    expect(cut(NOW - 1_000)).toEqual([]);
  });
});

describe('a block', () => {
  const pool = (window = {}) => poolFacts({ spec: block, status: { observedGeneration: 1, window } });
  const asRead = (changes: Partial<Reading> | null, overrides: Partial<PoolsSnapshot> = {}) =>
    snapshot({
      pools: [pool({ state: 'active', instances: 4, readAt: formatTime(NOW) })],
      nodePools: new Map([['p5', nodePool(4, 4, block)]]),
      claims: many(4, (i) => claim(i)),
      nodes: many(4, (i) => node(i)),
      readings: new Map([['cr-0a', changes && { ...reading, ...changes }]]),
      ...overrides,
    });

  it.each([
    ['Supplied', {}],
    ['BlockNotStarted', { state: 'scheduled', startMs: NOW + HOUR }],
    ['BlockEnding', { endMs: NOW + 125 * 60_000 }],
    ['BlockEnded', { state: 'expired' }],
    ['ReservationMismatch', { instanceType: 'p4d.24xlarge' }],
    ['ReservationNotFound', null],
  ] as const)('says %s', (reason, changes) => {
    expect(supplied(asRead(changes))?.reason).toBe(reason);
  });

  it('keeps everything when EC2 suddenly does not know it, or says another type', () => {
    for (const changes of [null, { instanceType: 'p4d.24xlarge' }]) {
      expect(ofType(asRead(changes), 'ApplyNodePool')).toEqual([]);
    }
  });

  it('asks every node to leave ahead of the end, once, and takes it back when the block is extended', () => {
    const ending = asRead({ endMs: NOW + 125 * 60_000 });
    const moves = ofType(ending, 'CreateMove');
    expect(moves.map(({ node, reason }) => [node, reason])).toEqual(many(4, (i) => [`n${i}`, 'BlockEnd']));
    const made = { moveNames: new Set(moves.map(({ name }) => name)) };
    expect(ofType({ ...ending, ...made }, 'CreateMove')).toEqual([]);
    const live = moves.map(({ name, node }) =>
      emptied(0, { name, uid: name, reason: 'BlockEnd', wants: [node], nodes: [], madeFor: 'p5' }),
    );
    const extended = asRead({ endMs: NOW + 50 * HOUR }, { moves: live });
    expect(ofType(extended, 'DeleteMove').map(({ move }) => move)).toEqual(moves.map(({ name }) => name));
  });

  it('goes to zero in time', () => {
    const ended = asRead({ endMs: NOW + 119 * 60_000 });
    expect(ofType(ended, 'ApplyNodePool')[0]?.size).toEqual({ replicas: 0, limit: 0 });
  });
});

describe('a name that is taken', () => {
  it('is said, and the foreign NodePool is not touched', () => {
    const seen = snapshot({ nodePools: new Map([['p5', nodePool(3, 3, onDemand, false)]]), moves: [emptied(1)] });
    expect(actions(seen).map(({ type }) => type)).toEqual(['WriteStatus']);
    const [write] = ofType(seen, 'WriteStatus');
    expect(write?.status.conditions?.find(({ type }) => type === 'Accepted')).toMatchObject({
      status: 'False',
      reason: 'NameTaken',
    });
  });
});

describe('a deleted CapacityPool', () => {
  const deleted = (nodes: readonly SuppliedNode[], sinceMs: number) =>
    snapshot({
      pools: [poolFacts({ deletionMs: NOW - sinceMs })],
      nodePools: new Map([['p5', nodePool(3, 0)]]),
      nodes,
    });

  it('keeps its NodePool while a node is in a bucket, for five minutes at most', () => {
    const working = [node(0, { inBucket: true }), node(1)];
    expect(ofType(deleted(working, 60_000), 'DeleteNodePool')).toEqual([]);
    expect(ofType(deleted(working, 300_000), 'DeleteNodePool')).toHaveLength(1);
    expect(ofType(deleted([node(0)], 1_000), 'DeleteNodePool')).toHaveLength(1);
  });

  it('asks its nodes to leave while one is in a bucket; with none there they go with the NodePool, and no move looks for them', () => {
    expect(ofType(deleted([node(0, { inBucket: true }), node(1)], 1_000), 'CreateMove')).toHaveLength(2);
    expect(ofType(deleted([node(0), node(1)], 1_000), 'CreateMove')).toEqual([]);
  });

  it('goes when its NodePool is gone, and never makes one', () => {
    const gone = snapshot({ pools: [poolFacts({ deletionMs: NOW })], nodePools: new Map() });
    expect(actions(gone).map(({ type }) => type)).toEqual(['WriteStatus', 'SetFinalizers']);
  });
});
