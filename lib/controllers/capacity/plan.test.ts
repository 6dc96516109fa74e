import type { MoveFacts } from '../../fleet';
import { inBucket, makeMoveFacts, makePodFacts } from '../../fleet/testing';
import { planCapacity } from './plan';
import type { CapacityAction, CapacitySnapshot } from './snapshot';
import { carriedOut, makeBucket, makeGang, makeNodes, makeOnDemand, makePool, makeSnapshot, written } from './testing';

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-23T12:00:00Z');
const LONG_AGO = NOW - 60 * MINUTE;

type CreateMove = Extract<CapacityAction, { type: 'CreateMove' }>;
const movesOf = (actions: readonly CapacityAction[]) =>
  actions.filter((action): action is CreateMove => action.type === 'CreateMove');
/** `bucket: node, node` of every move, sorted. */
const movesText = (snapshot: CapacitySnapshot, nowMs = NOW) =>
  movesOf(planCapacity(snapshot, nowMs).actions)
    .map(({ bucket = 'release', nodes }) => `${bucket}: ${nodes.join(', ')}`)
    .sort();
const statusOf = (snapshot: CapacitySnapshot, bucket: string, nowMs = NOW) => {
  const { actions } = planCapacity(snapshot, nowMs);
  const found = actions.find((action) => action.type === 'WriteStatus' && action.bucket === bucket);
  return found?.type === 'WriteStatus' ? found.status : undefined;
};
const requestsOf = (snapshot: CapacitySnapshot, nowMs = NOW) =>
  Object.fromEntries(
    planCapacity(snapshot, nowMs).actions.flatMap((action) =>
      action.type === 'RequestNodes' ? [[action.pool, action.nodes] as const] : [],
    ),
  );
const condition = (snapshot: CapacitySnapshot, bucket: string, type: string) =>
  statusOf(snapshot, bucket)?.conditions?.find((one) => one.type === type);

const training = (nodes: object, more: object = {}) =>
  makeBucket('training', { nodes: { max: 16, ...nodes }, ...more });
const inference = (nodes: object, more: object = {}) =>
  makeBucket('inference', { priority: 'High', nodes: { max: 16, ...nodes }, ...more });
const batch = (nodes: object, more: object = {}) =>
  makeBucket('batch', { priority: 'Low', nodes: { max: 16, ...nodes }, ...more });
const idleIn = (bucket: string, count: number, assignedAtMs = LONG_AGO, first = 0) =>
  makeNodes(count, inBucket(bucket, assignedAtMs), first);
const gang = (name: string, size: number, overrides = {}) => {
  const { pods, podGroup } = makeGang(name, size, { createdAtMs: LONG_AGO, ...overrides });
  return { pods, podGroups: [podGroup] };
};

describe('minimums', () => {
  test('six unassigned nodes go to the minimums, by priority', () => {
    const snapshot = makeSnapshot({ buckets: [inference({ min: 2 }), training({ min: 4 })], nodes: makeNodes(6) });
    expect(movesText(snapshot)).toEqual(['inference: p5-0, p5-1', 'training: p5-2, p5-3, p5-4, p5-5']);
  });

  test('what no minimum and no demand asks for stays unassigned', () => {
    const snapshot = makeSnapshot({ buckets: [training({ min: 1 })], nodes: makeNodes(4) });
    expect(movesText(snapshot)).toEqual(['training: p5-0']);
  });

  test('with too few nodes the higher priority is served first, and the lower says what it lacks', () => {
    const snapshot = makeSnapshot({ buckets: [inference({ min: 3 }), training({ min: 4 })], nodes: makeNodes(5) });
    expect(movesText(snapshot)).toEqual(['inference: p5-0, p5-1, p5-2', 'training: p5-3, p5-4']);
    expect(statusOf(snapshot, 'training')?.whyNot).toBe('minimum 4 lacks 2 nodes (p5.48xlarge: 0 unassigned)');
    expect(condition(snapshot, 'training', 'MinimumMet')).toMatchObject({ status: 'False', reason: 'NotEnoughNodes' });
  });

  test('minimums go by priority: idle nodes of a lower bucket meet one, below its own minimum if nothing else can be had', () => {
    const nodes = idleIn('training', 4);
    const of = (min: number) => makeSnapshot({ buckets: [inference({ min }), training({ min: 3 })], nodes });
    expect(movesOf(planCapacity(of(1), NOW).actions)).toMatchObject([
      { bucket: 'inference', nodes: ['p5-0'], why: 'for the minimum of 1 of inference: 1 idle in training' },
    ]);
    expect(movesText(of(2))).toEqual(['inference: p5-0, p5-1']);
  });

  test("a lower bucket's minimum is not touched for a minimum that can be bought", () => {
    const types = ['p5.48xlarge', 'g6e.48xlarge'];
    const snapshot = makeSnapshot({
      buckets: [inference({ min: 2 }, { instanceTypes: types }), training({ min: 3 })],
      pools: [makePool('p5'), makeOnDemand('l40s', 4)],
      nodes: idleIn('training', 3),
    });
    expect(movesText(snapshot)).toEqual([]);
    expect(requestsOf(snapshot)).toEqual({ l40s: 2 });
  });

  test('an equal or higher bucket is never brought below its minimum', () => {
    const snapshot = makeSnapshot({ buckets: [batch({ min: 2 }), training({ min: 4 })], nodes: idleIn('training', 4) });
    expect(movesText(snapshot)).toEqual([]);
  });
});

describe('gangs', () => {
  test('a waiting gang gets all its nodes', () => {
    const snapshot = makeSnapshot({ buckets: [training({})], nodes: makeNodes(6), ...gang('llama', 4) });
    expect(movesText(snapshot)).toEqual(['training: p5-0, p5-1, p5-2, p5-3']);
  });

  test('a gang that cannot be completed gets none, and the bucket says why', () => {
    const snapshot = makeSnapshot({
      buckets: [training({})],
      nodes: makeNodes(3),
      pools: [makePool('p5', { nodes: { max: 8 } })],
      ...gang('llama', 4),
    });
    expect(movesText(snapshot)).toEqual([]);
    expect(statusOf(snapshot, 'training')?.whyNot).toBe('gang default/llama needs 4 more p5.48xlarge: 3 unassigned');
    expect(condition(snapshot, 'training', 'DemandMet')).toMatchObject({ status: 'False', reason: 'Waiting' });
  });

  test('a smaller gang behind one that cannot start is served', () => {
    const large = gang('large', 6);
    const small = gang('small', 2, { createdAtMs: LONG_AGO + 1 });
    const snapshot = makeSnapshot({
      buckets: [training({})],
      nodes: makeNodes(3),
      pools: [makePool('p5', { nodes: { max: 8 } })],
      pods: [...large.pods, ...small.pods],
      podGroups: [...large.podGroups, ...small.podGroups],
    });
    expect(movesText(snapshot)).toEqual(['training: p5-0, p5-1']);
  });

  test('its own idle nodes count first', () => {
    const snapshot = makeSnapshot({
      buckets: [training({})],
      nodes: [...idleIn('training', 3), ...makeNodes(3, {}, 3)],
      ...gang('llama', 4),
    });
    expect(movesText(snapshot)).toEqual(['training: p5-3']);
  });

  test('demand younger than demandFor does not count yet, and the loop comes back when it does', () => {
    const snapshot = makeSnapshot({
      buckets: [training({})],
      nodes: makeNodes(4),
      ...gang('llama', 4, { createdAtMs: NOW - 10_000 }),
    });
    expect(movesText(snapshot)).toEqual([]);
    expect(planCapacity(snapshot, NOW).requeueAfterMs).toBe(20_000);
    expect(movesText(snapshot, NOW + 20_000)).toHaveLength(1);
  });

  test('a gang is not split over the maximum', () => {
    const snapshot = makeSnapshot({
      buckets: [training({ max: 5 })],
      nodes: [...idleIn('training', 3), ...makeNodes(8, {}, 3)],
      pods: [
        ...gang('a', 3).pods.map((pod, i) => ({ ...pod, nodeName: `p5-${i}`, phase: 'Running' as const })),
        ...gang('b', 4).pods,
      ],
      podGroups: [...gang('a', 3).podGroups, ...gang('b', 4).podGroups],
    });
    expect(movesText(snapshot)).toEqual([]);
    expect(statusOf(snapshot, 'training')?.whyNot).toBe(
      'gang default/b needs 4 more p5.48xlarge: the bucket may own 2 more (maximum 5)',
    );
    expect(statusOf(snapshot, 'training')).toMatchObject({ active: 3, demand: 7 });
  });

  test('a gang larger than the maximum is reported, not counted', () => {
    const snapshot = makeSnapshot({ buckets: [training({ max: 2 })], nodes: makeNodes(8), ...gang('llama', 4) });
    expect(movesText(snapshot)).toEqual([]);
    expect(statusOf(snapshot, 'training')).toMatchObject({
      demand: 0,
      whyNot: "gang default/llama needs 4 nodes at least, the bucket's maximum is 2",
    });
    expect(condition(snapshot, 'training', 'DemandMet')).toMatchObject({ status: 'False', reason: 'Impossible' });
  });

  test('a need for another type is reported, not counted', () => {
    const { pods, podGroups } = gang('llama', 2, { needs: { accelerators: ['a100'] } });
    const snapshot = makeSnapshot({ buckets: [training({})], nodes: makeNodes(8), pods, podGroups });
    expect(statusOf(snapshot, 'training')).toMatchObject({
      demand: 0,
      whyNot: 'gang default/llama asks for more than, or something else than, p5.48xlarge',
    });
  });

  test('a PodGroup that waits for Volcano without pods counts; that of a suspended job does not', () => {
    const { podGroup } = makeGang('llama', 2, { createdAtMs: LONG_AGO });
    const group = { ...podGroup, minResources: { 'nvidia.com/gpu': 16, cpu: 2, pods: 2 } };
    const of = (overrides: object) =>
      makeSnapshot({ buckets: [training({})], nodes: makeNodes(4), podGroups: [{ ...group, ...overrides }] });
    expect(movesText(of({ phase: 'Pending' }))).toEqual(['training: p5-0, p5-1']);
    expect(movesText(of({ phase: 'Inqueue' }))).toEqual([]);
    expect(movesText(of({ phase: 'Pending', everPlaced: true }))).toEqual([]);
  });

  test('a gang that must lie in one leaf gets one leaf, or nothing', () => {
    const nodes = [
      ...makeNodes(3, { leaf: 'leaf-a' }),
      ...makeNodes(4, { leaf: 'leaf-b' }, 3),
      ...makeNodes(9, { leaf: 'unknown' }, 7),
    ];
    const hard = (size: number) => {
      const { pods, podGroup } = makeGang('llama', size, { createdAtMs: LONG_AGO });
      return makeSnapshot({ buckets: [training({})], nodes, pods, podGroups: [{ ...podGroup, oneLeaf: true }] });
    };
    expect(movesText(hard(4))).toEqual(['training: p5-3, p5-4, p5-5, p5-6']);
    expect(movesText(hard(5))).toEqual([]);
    expect(statusOf(hard(5), 'training')?.whyNot).toContain('in one network leaf');
  });

  test('pods of a Deployment are packed, eight of one GPU to a node', () => {
    const pods = Array.from({ length: 10 }, (_, i) =>
      makePodFacts({
        name: `web-${i}`,
        createdAtMs: LONG_AGO,
        requests: { cpu: 1, memory: 2 ** 30, pods: 1, 'nvidia.com/gpu': 1 },
      }),
    );
    const snapshot = makeSnapshot({ buckets: [training({})], nodes: makeNodes(4), pods });
    expect(movesText(snapshot)).toEqual(['training: p5-0, p5-1']);
    expect(statusOf(snapshot, 'training')).toMatchObject({ demand: 2, target: 2 });
  });
});

describe('taking idle nodes', () => {
  const burst = (size: number) => gang('burst', size, { bucket: 'inference' });

  test('a waiting higher bucket takes idle nodes of a lower one at once, above its minimum', () => {
    const snapshot = makeSnapshot({
      buckets: [inference({}), training({ min: 2 })],
      nodes: idleIn('training', 4),
      ...burst(2),
    });
    expect(movesText(snapshot)).toEqual(['inference: p5-0, p5-1']);
  });

  test('but not below its minimum', () => {
    const snapshot = makeSnapshot({
      buckets: [inference({}), training({ min: 3 })],
      nodes: idleIn('training', 4),
      ...burst(2),
    });
    expect(movesText(snapshot)).toEqual([]);
    expect(statusOf(snapshot, 'inference')?.whyNot).toBe(
      'gang default/burst needs 2 more p5.48xlarge: 0 unassigned, 1 takeable in training, 3 idle in training kept for its minimum of 3',
    );
  });

  test('nor before minHold, and says until when', () => {
    const snapshot = makeSnapshot({
      buckets: [inference({}), training({})],
      nodes: idleIn('training', 2, NOW - 5 * MINUTE),
      ...burst(2),
    });
    expect(movesText(snapshot)).toEqual([]);
    expect(statusOf(snapshot, 'inference')?.whyNot).toBe(
      'gang default/burst needs 2 more p5.48xlarge: 0 unassigned, 2 idle in training held until 12:05Z (minHold 10m)',
    );
    expect(planCapacity(snapshot, NOW).requeueAfterMs).toBe(5 * MINUTE);
    expect(movesText(snapshot, NOW + 5 * MINUTE)).toEqual(['inference: p5-0, p5-1']);
  });

  test('nor those its own pods are about to use', () => {
    const own = gang('own', 1, { createdAtMs: NOW });
    const wants = burst(2);
    const snapshot = makeSnapshot({
      buckets: [inference({}), training({})],
      nodes: idleIn('training', 2),
      pods: [...own.pods, ...wants.pods],
      podGroups: [...own.podGroups, ...wants.podGroups],
    });
    expect(movesText(snapshot)).toEqual([]);
  });

  test('nor more than perHour and inFlight allow', () => {
    const bounded = training({}, { moves: { perHour: 60, inFlight: 1 } });
    const snapshot = makeSnapshot({ buckets: [inference({}), bounded], nodes: idleIn('training', 4), ...burst(2) });
    expect(movesText(snapshot)).toEqual([]);
    const gone: MoveFacts = makeMoveFacts({
      createdAtMs: NOW - 30 * MINUTE,
      finishedAtMs: NOW - 29 * MINUTE,
      bucket: 'inference',
      nodes: [{ name: 'p5-9', step: 'HandedOver', from: 'training' }],
    });
    const hourly = training({}, { moves: { perHour: 2 } });
    const later = makeSnapshot({
      buckets: [inference({}), hourly],
      nodes: idleIn('training', 4),
      moves: [gone],
      ...burst(2),
    });
    expect(movesText(later)).toEqual([]);
    expect(planCapacity({ ...later, buckets: [inference({}), training({})] }, NOW).actions).toContainEqual(
      expect.objectContaining({ type: 'CreateMove' }),
    );
  });

  test.each(['batch', 'equal'])('a %s bucket takes nothing of an equal or higher one before it is surplus', (name) => {
    const taker = makeBucket(name, { priority: name === 'batch' ? 'Low' : 'Normal', nodes: { max: 9 } });
    const wants = gang('want', 2, { bucket: name });
    const snapshot = makeSnapshot({ buckets: [training({}), taker], nodes: idleIn('training', 3), ...wants });
    expect(movesText(snapshot)).toEqual([]);
    expect(statusOf(snapshot, name)?.whyNot).toContain('not surplus for 5m yet');
    // The surplus is remembered in the giver's status, and given once it is old enough.
    const remembered = written(snapshot, planCapacity(snapshot, NOW).actions, NOW);
    expect(planCapacity(remembered, NOW).requeueAfterMs).toBe(5 * MINUTE);
    expect(movesText(remembered, NOW + 5 * MINUTE - 1)).toEqual([]);
    expect(movesText(remembered, NOW + 5 * MINUTE)).toEqual([`${name}: p5-0, p5-1`]);
  });

  test.each([
    ['held', { held: true }],
    ['cordoned', { unschedulable: true }],
    ['leaving', { deletedAtMs: NOW }],
    ['claimed', { claim: 'someone' }],
    ['not Ready', { ready: false }],
  ])('a node that is %s is never taken', (_, odd) => {
    const nodes = [...makeNodes(1, odd), ...makeNodes(1, { ...inBucket('training', LONG_AGO), ...odd }, 1)];
    const snapshot = makeSnapshot({ buckets: [inference({ min: 2 }), training({})], nodes });
    expect(movesText(snapshot)).toEqual([]);
  });

  test('a node with a pod of another bucket on it is never taken', () => {
    const squatter = makePodFacts({ name: 'late', bucket: 'batch', nodeName: 'p5-0' });
    const snapshot = makeSnapshot({
      buckets: [inference({ min: 1 }), training({}), batch({})],
      nodes: idleIn('training', 1),
      pods: [squatter],
    });
    expect(movesText(snapshot)).toEqual([]);
  });
});

describe('on-demand pools', () => {
  const l40s = { instanceTypes: ['g6e.48xlarge'] };
  const pools = [makeOnDemand('l40s', 4)];

  it('nothing is bought on demand for a minimum that the paid block is about to meet', () => {
    const requestsWith = (status: object) => {
      const block = { ...makePool('p5', { nodes: { max: 6 } }), status };
      const minimum = makeBucket('inference', {
        nodes: { min: 3, max: 20 },
        instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'],
      });
      const { actions } = planCapacity(makeSnapshot({ buckets: [minimum], pools: [block, ...pools] }), NOW);
      return actions.flatMap((action) => (action.type === 'RequestNodes' ? [action.nodes] : []));
    };
    const supplied = (reason: string) => ({
      observedGeneration: 1,
      desired: 6,
      conditions: [{ type: 'Supplied', status: 'False', reason, lastTransitionTime: '2026-01-01T00:00:00Z' }],
    });
    expect(requestsWith({})).toEqual([0]);
    expect(requestsWith(supplied('Launching'))).toEqual([0]);
    expect(requestsWith(supplied('BlockNotStarted'))).toEqual([3]);
    expect(requestsWith(supplied('InsufficientCapacity'))).toEqual([3]);
  });
  const l40sNodes = (count: number, overrides: object = {}) =>
    makeNodes(count, { pool: 'l40s', instanceType: 'g6e.48xlarge', ...overrides });

  test('is asked for what a gang lacks, in all', () => {
    const snapshot = makeSnapshot({ buckets: [training({}, l40s)], pools, ...gang('g', 3) });
    expect(requestsOf(snapshot)).toEqual({ l40s: 3 });
  });

  test('nodes that have come are set aside until the gang is complete', () => {
    const snapshot = makeSnapshot({ buckets: [training({}, l40s)], pools, nodes: l40sNodes(2), ...gang('g', 3) });
    expect(movesText(snapshot)).toEqual([]);
    expect(requestsOf(snapshot)).toEqual({ l40s: 3 });
    expect(movesText({ ...snapshot, nodes: l40sNodes(3) })).toEqual(['training: l40s-0, l40s-1, l40s-2']);
  });

  test('nodes that join are waited for, not bought twice', () => {
    const snapshot = makeSnapshot({
      buckets: [training({}, l40s)],
      pools,
      nodes: l40sNodes(3, { ready: false }),
      ...gang('g', 3),
    });
    expect(requestsOf(snapshot)).toEqual({ l40s: 3 });
  });

  test('is not asked beyond its maximum', () => {
    const snapshot = makeSnapshot({ buckets: [training({}, l40s)], pools, ...gang('g', 5) });
    expect(requestsOf(snapshot)).toEqual({ l40s: 0 });
    expect(statusOf(snapshot, 'training')?.whyNot).toBe(
      'gang default/g needs 5 × g6e.48xlarge at least, all pools together can have 4',
    );
  });

  test('surplus is given back by name, after idleFor, down to the minimum, and the request falls with it', () => {
    const nodes = l40sNodes(3, inBucket('training', LONG_AGO));
    const first = makeSnapshot({ buckets: [training({ min: 1 }, l40s)], pools, nodes });
    const { actions } = planCapacity(first, NOW);
    expect(movesOf(actions)).toEqual([]);
    expect(requestsOf(first)).toEqual({ l40s: 3 });
    const later = written(first, actions, NOW);
    expect(movesText(later, NOW + 5 * MINUTE)).toEqual(['release: l40s-0, l40s-1']);
    expect(requestsOf(later, NOW + 5 * MINUTE)).toEqual({ l40s: 1 });
  });

  test('an unassigned node nobody wants is given back; a reserved one never', () => {
    const buckets = [training({}, l40s)];
    const nodes = [...l40sNodes(1, { createdAtMs: NOW - 5 * MINUTE }), ...makeNodes(1)];
    const snapshot = makeSnapshot({ buckets, pools: [...pools, makePool('p5')], nodes });
    expect(movesText(snapshot)).toEqual(['release: l40s-0']);
  });

  test('falls back to the next type while EC2 has none', () => {
    const two = training({}, { instanceTypes: ['g6e.48xlarge', 'g5.48xlarge'] });
    const backOff = { backOff: { failures: 1, until: '2026-11-23T12:10:00Z' } };
    const both = [makeOnDemand('l40s', 4, {}, backOff), makeOnDemand('a10g', 4, { instanceType: 'g5.48xlarge' })];
    const snapshot = makeSnapshot({ buckets: [two], pools: both, ...gang('g', 2) });
    expect(requestsOf(snapshot)).toEqual({ a10g: 2, l40s: 0 });
    expect(requestsOf({ ...snapshot, pools: both.slice(0, 1) })).toEqual({ l40s: 2 });
  });
});

describe('status', () => {
  test('an invalid spec is not accepted, names the field, and moves nothing', () => {
    const broken = {
      ...training({}),
      spec: undefined,
      errors: [{ path: 'spec.nodes', message: 'min (4) must not be greater than max (2)' }],
    };
    const snapshot = makeSnapshot({
      buckets: [broken],
      nodes: [...makeNodes(2), ...idleIn('training', 2, LONG_AGO, 2)],
    });
    expect(movesText(snapshot)).toEqual([]);
    expect(condition(snapshot, 'training', 'Accepted')).toMatchObject({
      status: 'False',
      message: 'spec.nodes: min (4) must not be greater than max (2)',
    });
    expect(statusOf(snapshot, 'training')).toMatchObject({ owned: 2, active: 2 });
  });

  test('counts by phase and by type', () => {
    const nodes = [
      ...idleIn('training', 2),
      ...makeNodes(1, { ...inBucket('training'), unschedulable: true }, 2),
      ...makeNodes(1, {}, 3),
    ];
    const moves = [makeMoveFacts({ nodes: [{ name: 'p5-3', step: 'Claimed' }] })];
    const pods = [makePodFacts({ nodeName: 'p5-0' })];
    expect(statusOf(makeSnapshot({ buckets: [training({})], nodes, moves, pods }), 'training')).toMatchObject({
      owned: 3,
      active: 2,
      idle: 1,
      arriving: 1,
      demand: 1,
      target: 1,
      byPhase: { Active: 2, Cordoned: 1 },
      byType: [{ instanceType: 'p5.48xlarge', active: 2, demand: 1, target: 1 }],
    });
  });

  test('is written once: nothing changes by time alone', () => {
    let snapshot = makeSnapshot({
      buckets: [training({ min: 2 })],
      nodes: idleIn('training', 3),
      queues: [],
      ...gang('huge', 9),
    });
    snapshot = written(snapshot, planCapacity(snapshot, NOW).actions, NOW);
    for (const minutes of [0, 1, 30]) {
      expect(planCapacity(snapshot, NOW + minutes * MINUTE).actions).toEqual([]);
    }
  });
});

describe('a story', () => {
  test('inference takes idle training nodes for a burst, and training gets them back afterwards', () => {
    const buckets = [inference({ min: 1 }), training({ min: 1 })];
    let snapshot = makeSnapshot({ buckets, nodes: makeNodes(4) });
    let nowMs = NOW;
    const settle = () => {
      for (let i = 0; i < 3; i++) {
        snapshot = carriedOut(written(snapshot, planCapacity(snapshot, nowMs).actions, nowMs), nowMs);
      }
    };
    const owners = () => {
      const count: Record<string, number> = {};
      for (const { bucket = 'none' } of snapshot.nodes) count[bucket] = (count[bucket] ?? 0) + 1;
      return count;
    };
    settle();
    expect(owners()).toEqual({ inference: 1, training: 1, none: 2 });
    snapshot = { ...snapshot, ...gang('llama', 3, { createdAtMs: nowMs - MINUTE }) };
    settle();
    expect(owners()).toEqual({ inference: 1, training: 3 });
    // The gang ends; a burst comes.
    nowMs += 30 * MINUTE;
    snapshot = { ...snapshot, ...gang('burst', 3, { bucket: 'inference', createdAtMs: nowMs - MINUTE }) };
    settle();
    expect(owners()).toEqual({ inference: 3, training: 1 });
    // The burst ends; the next gang waits until the nodes are surplus.
    nowMs += 30 * MINUTE;
    snapshot = { ...snapshot, ...gang('llama', 3, { createdAtMs: nowMs - MINUTE }) };
    settle();
    expect(owners()).toEqual({ inference: 3, training: 1 });
    nowMs += 5 * MINUTE;
    settle();
    expect(owners()).toEqual({ inference: 1, training: 3 });
  });
});
