/** Nodes taken from running work: from whom, in which order, at which cost, and which rule says no. */
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { toDisruptionBudgetFacts, type MoveFacts, type PodFacts } from '../../fleet';
import { inBucket, makeMoveFacts, makePodFacts } from '../../fleet/testing';
import { planCapacity } from './plan';
import type { CapacityAction, CapacitySnapshot } from './snapshot';
import { carriedOut, makeBucket, makeGang, makeNodes, makeOnDemand, makePool, makeSnapshot, written } from './testing';

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-23T12:00:00Z');
const LONG_AGO = NOW - 60 * MINUTE;

type CreateMove = Extract<CapacityAction, { type: 'CreateMove' }>;
const movesOf = (snapshot: CapacitySnapshot, nowMs = NOW) =>
  planCapacity(snapshot, nowMs).actions.filter((action): action is CreateMove => action.type === 'CreateMove');
const textOf = (snapshot: CapacitySnapshot, nowMs = NOW) =>
  movesOf(snapshot, nowMs).map(({ bucket, nodes }) => `${bucket}: ${[...nodes].sort().join(', ')}`);
const whyNotOf = (snapshot: CapacitySnapshot, bucket: string) => {
  const found = planCapacity(snapshot, NOW).actions.find((one) => one.type === 'WriteStatus' && one.bucket === bucket);
  return found?.type === 'WriteStatus' ? found.status.whyNot : undefined;
};

const high = (spec: object = {}) => makeBucket('inference', { priority: 'High', nodes: { max: 64 }, ...spec });
const training = (spec: object = {}) =>
  makeBucket('training', { nodes: { max: 64 }, ...spec, moves: { inFlight: 64, ...(spec as any).moves } });
const on = (pods: readonly PodFacts[], first: number): PodFacts[] =>
  pods.map((pod, i) => ({ ...pod, nodeName: `p5-${first + i}`, phase: 'Running', startedAtMs: pod.createdAtMs }));
/** A running gang on nodes of its own from `first` on. */
const runs = (name: string, size: number, first: number, more: Partial<PodFacts> = {}) => {
  const { pods, podGroup } = makeGang(name, size, { createdAtMs: LONG_AGO, ...more });
  return { pods: on(pods, first), podGroups: [{ ...podGroup, phase: 'Running' as const }] };
};
const waits = (name: string, size: number, more: Partial<PodFacts> = {}, oneLeaf = false) => {
  const { pods, podGroup } = makeGang(name, size, { createdAtMs: LONG_AGO, bucket: 'inference', ...more });
  return { pods, podGroups: [{ ...podGroup, oneLeaf }] };
};
/** Everything of `parts` in one snapshot. */
const fleet = (nodes: number, parts: readonly ReturnType<typeof waits>[], more: Partial<CapacitySnapshot> = {}) =>
  makeSnapshot({
    buckets: [high(), training()],
    pools: [makePool('p5', { nodes: { max: 64 } })],
    nodes: makeNodes(nodes, inBucket('training', LONG_AGO)),
    pods: parts.flatMap(({ pods }) => pods),
    podGroups: parts.flatMap(({ podGroups }) => podGroups),
    ...more,
  });
const saved = (name: string, minutesAgo: number) => ({ gang: `default/${name}`, takenAtMs: NOW - minutesAgo * MINUTE });
const budget = (allowed: number, matchLabels: object) =>
  toDisruptionBudgetFacts({
    metadata: { namespace: 'default', name: 'keep' },
    spec: { selector: { matchLabels } },
    status: { disruptionsAllowed: allowed },
  } as any);

describe('who gives way', () => {
  test('the gang that has saved its state a moment ago, and the NodeMove says at which cost', () => {
    const parts = [runs('old', 2, 0), runs('saved', 2, 2), waits('llm', 2)];
    const snapshot = fleet(4, parts, { checkpoints: [saved('saved', 12), saved('old', 40), undefined] });
    expect(movesOf(snapshot)).toMatchObject([
      {
        bucket: 'inference',
        nodes: ['p5-2', 'p5-3'],
        why: 'for gang default/llm of inference: 2 busy in training at 4.5 accelerator-hours (PodGroup default/saved: 16 accelerators, 12 min since its checkpoint)',
      },
    ]);
  });

  test('unassigned nodes first, then idle ones, then only as many busy ones as are lacking, in one NodeMove', () => {
    const nodes = [...makeNodes(4, inBucket('training', LONG_AGO)), ...makeNodes(1, {}, 4)];
    const [move, ...others] = movesOf(fleet(0, [runs('old', 1, 0), runs('two', 2, 1), waits('llm', 3)], { nodes }));
    expect(others).toEqual([]);
    expect(move!.nodes).toEqual(['p5-4', 'p5-3', 'p5-0']);
    expect(move!.why).toMatch(/1 unassigned, 1 idle in training, 1 busy in training at 8.7 accelerator-hours/);
  });

  test('nobody of an equal or a higher bucket', () => {
    for (const priority of ['Normal', 'Low']) {
      const snapshot = fleet(2, [runs('old', 2, 0), waits('llm', 2)], { buckets: [high({ priority }), training()] });
      expect(textOf(snapshot)).toEqual([]);
      expect(whyNotOf(snapshot, 'inference')).toContain('2 busy in training kept: its priority Normal is not lower');
    }
  });

  test('nobody, when it would not be enough', () => {
    const snapshot = fleet(2, [runs('old', 2, 0), waits('llm', 3)]);
    expect(textOf(snapshot)).toEqual([]);
    expect(whyNotOf(snapshot, 'inference')).toBe(
      'gang default/llm needs 3 more p5.48xlarge: 0 unassigned, 2 busy in training takeable at about 16 accelerator-hours',
    );
  });

  test('nobody, while a pool can be asked; but before one that EC2 has just refused', () => {
    const types = ['p5.48xlarge', 'g6e.48xlarge'];
    const of = (status: object) =>
      fleet(2, [runs('old', 2, 0), waits('llm', 2)], {
        buckets: [high({ instanceTypes: types }), training()],
        pools: [makePool('p5'), makeOnDemand('l40s', 4, {}, status)],
      });
    expect(textOf(of({}))).toEqual([]);
    const refused = { backOff: { failures: 1, until: '2026-11-23T12:10:00Z' } };
    expect(textOf(of(refused))).toEqual(['inference: p5-0, p5-1']);
  });

  test('a minimum is met by running work of lower buckets, as far as that goes, and below their minimum at last', () => {
    const of = (spec: object) =>
      fleet(3, [runs('old', 3, 0)], { buckets: [high({ nodes: { min: 2, max: 9 } }), training(spec)] });
    expect(textOf(of({}))).toEqual(['inference: p5-0, p5-1']);
    expect(textOf(of({ nodes: { min: 3, max: 9 } }))).toEqual(['inference: p5-0, p5-1']);
    expect(textOf(of({ moves: { inFlight: 1 } }))).toEqual(['inference: p5-0']);
  });

  test('a gang that must lie in one leaf takes the leaf that costs least', () => {
    const nodes = [
      ...makeNodes(2, { ...inBucket('training', LONG_AGO), leaf: 'leaf-a' }),
      ...makeNodes(2, { ...inBucket('training', LONG_AGO), leaf: 'leaf-b' }, 2),
      ...makeNodes(2, { ...inBucket('training', LONG_AGO), leaf: 'unknown' }, 4),
    ];
    const parts = [runs('a', 2, 0), runs('b', 2, 2), runs('c', 2, 4), waits('llm', 2, {}, true)];
    const more = { nodes, checkpoints: [saved('b', 1), saved('c', 0), saved('a', 30)] };
    expect(textOf(fleet(0, parts, more))).toEqual(['inference: p5-2, p5-3']);
    expect(textOf(fleet(0, [...parts.slice(0, 3), waits('llm', 3, {}, true)], more))).toEqual([]);
  });

  test('pods that wait one by one are served together: one large gang instead of four small ones', () => {
    const small = [4, 5, 6, 7].map((i) => runs(`small-${i}`, 1, i));
    const pods = [0, 1, 2, 3].map((i) =>
      makePodFacts({ name: `web-${i}`, bucket: 'inference', createdAtMs: LONG_AGO }),
    );
    const checkpoints = [saved('large', 1), ...[4, 5, 6, 7].map((i) => saved(`small-${i}`, 2))];
    const snapshot = fleet(8, [runs('large', 4, 0), ...small, { pods, podGroups: [] }], { checkpoints });
    expect(textOf(snapshot)).toEqual(['inference: p5-0, p5-1, p5-2, p5-3']);
  });

  test('another policy can be put in its place', () => {
    const parts = [runs('old', 2, 0), runs('saved', 2, 2), waits('llm', 2)];
    const snapshot = fleet(4, parts, { checkpoints: [saved('saved', 1)] });
    const chooseVictims = () => ({ nodes: ['p5-0', 'p5-1'], cost: 0, gangs: [] });
    expect(planCapacity(snapshot, NOW, { chooseVictims }).actions).toContainEqual(
      expect.objectContaining({ type: 'CreateMove', nodes: ['p5-0', 'p5-1'] }),
    );
  });
});

describe('what is going already', () => {
  const parts = [runs('cheap', 4, 0), runs('dear', 4, 4), waits('llm', 2)];
  const checkpoints = [saved('cheap', 1), saved('dear', 50)];
  const first = fleet(8, parts, { checkpoints });

  test('the next one takes the other nodes of the gang that gives way, and stops nobody else', () => {
    const later = written(first, planCapacity(first, NOW).actions, NOW);
    const next = waits('next', 2);
    const snapshot = {
      ...later,
      pods: [...later.pods, ...next.pods],
      podGroups: [...later.podGroups, ...next.podGroups],
      checkpoints: [saved('cheap', 1), saved('dear', 0)],
    };
    expect(movesOf(snapshot)).toMatchObject([
      {
        nodes: ['p5-2', 'p5-3'],
        why: expect.stringContaining(
          'at 0 accelerator-seconds (PodGroup default/cheap: 16 accelerators, giving way already)',
        ),
      },
    ]);
  });

  test('also within one plan', () => {
    const next = waits('next', 2, { createdAtMs: LONG_AGO + 1 });
    const both = fleet(8, [...parts, next], { checkpoints: [saved('cheap', 5), saved('dear', 5)] });
    expect(textOf(both)).toEqual(['inference: p5-0, p5-1', 'inference: p5-2, p5-3']);
  });

  test('what waits beside work that goes asks for its node in the same plan', () => {
    const requests = { cpu: 1, memory: 2 ** 30, pods: 1, 'nvidia.com/gpu': 4 };
    const half = runs('half', 1, 0, { requests });
    const beside = makePodFacts({ name: 'beside', requests, createdAtMs: LONG_AGO });
    const nodes = [
      ...makeNodes(1, inBucket('training', LONG_AGO)),
      ...makeNodes(1, { pool: 'l40s', instanceType: 'g6e.48xlarge' }),
    ];
    const buckets = [high(), training({ instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'] })];
    const snapshot = fleet(0, [half, waits('llm', 1), { pods: [beside], podGroups: [] }], {
      buckets,
      nodes,
      pools: [makePool('p5', { nodes: { max: 1 } }), makeOnDemand('l40s', 1)],
    });
    expect(textOf(snapshot)).toEqual(['inference: p5-0', 'training: l40s-0']);
    expect(textOf(written(snapshot, planCapacity(snapshot, NOW).actions, NOW))).toEqual([]);
  });
});

describe('brakes', () => {
  const burst = [runs('old', 2, 0), waits('llm', 2)];

  test('minHold, and the plan comes back when it is over', () => {
    const nodes = makeNodes(2, inBucket('training', NOW - 4 * MINUTE));
    const snapshot = fleet(0, burst, { nodes });
    expect(textOf(snapshot)).toEqual([]);
    expect(whyNotOf(snapshot, 'inference')).toContain('2 busy in training held until 12:06Z (minHold 10m)');
    expect(planCapacity(snapshot, NOW).requeueAfterMs).toBe(6 * MINUTE);
    expect(textOf(snapshot, NOW + 6 * MINUTE)).toEqual(['inference: p5-0, p5-1']);
  });

  test('coolDown of the gang', () => {
    const gave: MoveFacts = makeMoveFacts({
      createdAtMs: NOW - 20 * MINUTE,
      finishedAtMs: NOW - 15 * MINUTE,
      nodes: [],
      gangs: [{ key: 'PodGroup default/old', step: 'Resumed', gaveWayAtMs: NOW - 18 * MINUTE }],
    });
    const snapshot = fleet(2, burst, { moves: [gave] });
    expect(textOf(snapshot)).toEqual([]);
    expect(whyNotOf(snapshot, 'inference')).toContain('2 busy in training cooling down until 12:12Z (coolDown 30m)');
    expect(textOf(snapshot, NOW + 12 * MINUTE)).toEqual(['inference: p5-0, p5-1']);
  });

  test('perHour, inFlight and the minimum', () => {
    const of = (spec: object) => fleet(2, burst, { buckets: [high(), training(spec)] });
    expect(textOf(of({ moves: { inFlight: 1 } }))).toEqual([]);
    expect(whyNotOf(of({ moves: { inFlight: 1 } }), 'inference')).toContain(
      '1 busy in training takeable at about 16 accelerator-hours, 1 busy in training wait: no more than 1 at once (inFlight)',
    );
    expect(textOf(of({ moves: { perHour: 1 } }))).toEqual([]);
    expect(textOf(of({ nodes: { min: 1, max: 9 } }))).toEqual([]);
    expect(whyNotOf(of({ nodes: { min: 1, max: 9 } }), 'inference')).toContain(
      '1 busy in training kept for its minimum of 1',
    );
    expect(textOf(of({ moves: { perHour: 2 } }))).toEqual(['inference: p5-0, p5-1']);
  });

  test('a PodDisruptionBudget that forbids it', () => {
    const labelled = runs('old', 2, 0, { labels: { app: 'old' } });
    const of = (allowed: number) =>
      fleet(2, [labelled, waits('llm', 2)], { budgets: [budget(allowed, { app: 'old' })] });
    expect(textOf(of(1))).toEqual([]);
    expect(whyNotOf(of(1), 'inference')).toContain('2 busy in training kept by PodDisruptionBudget default/keep');
    expect(textOf(of(2))).toEqual(['inference: p5-0, p5-1']);
  });

  test('a PodDisruptionBudget counts what is taken together, and what is going already', () => {
    const web = [0, 1, 2].map((i) => runs(`web-${i}`, 1, i, { labels: { app: 'web' } }));
    const of = (size: number, moves: readonly MoveFacts[] = []) =>
      fleet(3, [...web, waits('llm', size)], { budgets: [budget(2, { app: 'web' })], moves });
    expect(textOf(of(2))).toEqual(['inference: p5-0, p5-1']);
    expect(textOf(of(3))).toEqual([]);
    const going = makeMoveFacts({ bucket: 'other', nodes: [{ name: 'p5-2', step: 'Draining' }] });
    expect(textOf(of(2, [going]))).toEqual([]);
    expect(textOf(of(1, [going]))).toEqual(['inference: p5-0']);
  });

  test('nodes of a bucket that is being deleted are not taken', () => {
    const snapshot = fleet(2, burst, { buckets: [high(), { ...training(), deleting: true }] });
    expect(textOf(snapshot)).toEqual([]);
  });
});

test('whatever is taken from running work starts the gang it was taken for', () => {
  const size = fc.integer({ min: 1, max: 4 });
  const work = fc.record({ size, minutes: fc.nat({ max: 60 }), share: fc.constantFrom(8, 8, 4) });
  fc.assert(
    fc.property(
      fc.array(work, { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 3 }),
      fc.record({ inFlight: fc.constantFrom(2, 6, 64), min: fc.nat({ max: 3 }) }),
      (works, wants, free, { inFlight, min }) => {
        let first = 0;
        const running = works.map(({ size, share }, i) => {
          const part = runs(`g${i}`, size, first, { requests: { cpu: 1, pods: 1, 'nvidia.com/gpu': share } });
          // Every other gang of halves shares its nodes with the next one.
          if (share === 8 || i % 2 === 1) first += size;
          return part;
        });
        const nodes = Math.max(
          first,
          ...running.flatMap(({ pods }) => pods.map(({ nodeName }) => Number(nodeName!.slice(3)) + 1)),
        );
        const gangs = wants.map((count, i) => waits(`w${i}`, count, { createdAtMs: LONG_AGO + i }));
        let snapshot = fleet(nodes, [...running, ...gangs], {
          buckets: [high(), training({ nodes: { min, max: 64 }, moves: { inFlight } })],
          nodes: [...makeNodes(nodes, inBucket('training', LONG_AGO)), ...makeNodes(free, {}, 100)],
          checkpoints: works.map(({ minutes }, i) => saved(`g${i}`, minutes)),
        });
        const moves = movesOf(snapshot).filter(({ bucket }) => bucket === 'inference');
        const given = moves.flatMap((move) => move.nodes).length;
        const started = gangs.filter((_, i) => moves.some(({ why }) => why.startsWith(`for gang default/w${i} `)));
        expect(given).toBe(started.reduce((sum, { pods }) => sum + pods.length, 0));
        // Once they are there and the gangs have been placed, nobody asks for anything.
        snapshot = carriedOut(written(snapshot, planCapacity(snapshot, NOW).actions, NOW), NOW);
        const taken = new Set(moves.flatMap((move) => move.nodes));
        const pods = snapshot.pods.filter((pod) => pod.nodeName === undefined || !taken.has(pod.nodeName));
        const again = movesOf({ ...snapshot, pods }).filter(({ bucket }) => bucket === 'inference');
        for (const { why } of again)
          expect(started.some(({ pods: [pod] }) => why.includes(`${pod!.gang} `))).toBe(false);
      },
    ),
    { numRuns: 300, ...seedOf('taken for a gang') },
  );
});
