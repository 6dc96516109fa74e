import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { seededRandom } from '../../domain/seeded-random';
import { nextRound } from './isolate';
import { RULE } from './isolate-search';
import type { IsolationState, NextRound, Partner, PlannedTest, RecordedRound, SearchedNode } from './isolate-state';

const MINUTE = 60_000;
const START = 1_000_000;
const node = (name: string, rest: Partial<SearchedNode> = {}): SearchedNode => ({
  name,
  instanceType: 'p5.48xlarge',
  leaf: 'unknown',
  ...rest,
});
const nodes = (count: number, rest: Partial<SearchedNode> = {}) =>
  Array.from({ length: count }, (_, i) => node(`n${String(i).padStart(3, '0')}`, rest));
const partner = (name: string, rest: Partial<Partner> = {}): Partner => ({ ...node(name), ...rest });
const stateOf = (batch: readonly SearchedNode[], rest: Partial<IsolationState> = {}): IsolationState => ({
  name: 'new-nodes-1',
  nodes: batch,
  partners: [],
  rounds: [],
  startedAtMs: START,
  awaited: [],
  partnerWaitMs: 15 * MINUTE,
  whole: false,
  ...rest,
});

type Answer = NonNullable<RecordedRound['tests'][number]['result']>;
type Truth = (test: PlannedTest, round: number) => Answer;
/** Fails when one of these is in the test. */
const badOnes =
  (...bad: readonly string[]): Truth =>
  ({ nodes: tested }) =>
    tested.some((name) => bad.includes(name)) ? 'Fail' : 'Pass';

interface Played {
  readonly state: IsolationState;
  readonly last: NextRound;
}

/** Plays a search to its end; `before` may change the state before each round. */
function play(
  first: IsolationState,
  truth: Truth,
  before: (state: IsolationState, round: number) => IsolationState = (s) => s,
): Played {
  let state = first;
  for (let round = 0; round < 40; round++) {
    state = before(state, round);
    const next = nextRound(state, START);
    if (next.kind !== 'Round') return { state, last: next };
    const tests = next.tests.map((test) => ({ ...test, result: truth(test, round) }));
    state = { ...state, rounds: [...state.rounds, { tests, finishedAtMs: START }] };
  }
  throw new Error('forty rounds and no end');
}

function verdicts({ last }: Played) {
  if (last.kind !== 'Verdicts') throw new Error(`no verdicts but ${last.kind}`);
  return last;
}
/** `Good: a b, Bad: c`. */
function summary(played: Played): string {
  const all = verdicts(played).nodes;
  const results = [...new Set(all.map(({ result }) => result))];
  const named = (result: string) => all.filter((one) => one.result === result).map(({ name }) => name);
  return results.map((result) => `${result}: ${named(result).join(' ')}`).join(', ');
}
const resultOf = (played: Played, name: string) => verdicts(played).nodes.find((one) => one.name === name)!;

describe('a search among good nodes without noise', () => {
  test.each([2, 3, 4, 5, 16, 63, 64])(
    'calls all %i good, in two rounds of pairs or three where the number is odd',
    (count) => {
      const played = play(stateOf(nodes(count)), badOnes());
      expect(verdicts(played).nodes.every(({ result }) => result === 'Good')).toBe(true);
      expect(played.state.rounds.length).toBeLessThanOrEqual(count % 2 === 0 ? 2 : 3);
    },
  );

  test('ends with a run of all that passed', () => {
    const played = play(stateOf(nodes(6), { whole: true }), badOnes());
    expect(played.state.rounds.at(-1)!.tests).toEqual([
      { nodes: nodes(6).map(({ name }) => name), check: 'Whole', result: 'Pass' },
    ]);
    expect(verdicts(played).batches[0]).toMatchObject({ whole: 'Pass', rounds: 2, fabricSuspects: [] });
  });
});

describe('a bad node', () => {
  test.each([3, 4, 5, 7, 8, 16, 33, 64])('is found among %i', (count) => {
    const played = play(stateOf(nodes(count)), badOnes('n001'));
    expect(verdicts(played).nodes.filter(({ result }) => result !== 'Good')).toMatchObject([
      { name: 'n001', result: 'Bad' },
    ]);
  });

  test('is said with whom it failed', () => {
    const bad = resultOf(play(stateOf(nodes(8)), badOnes('n003')), 'n003');
    expect(bad).toMatchObject({ result: 'Bad', reason: 'FailedWithTrusted', passes: 0, fails: 3 });
    expect(bad.failedWith).toHaveLength(3);
  });

  test('of two that fail together is not known; a partner that was proved before settles it', () => {
    const alone = play(stateOf(nodes(2)), badOnes('n000'));
    expect(summary(alone)).toBe('Unreliable: n000 n001');
    expect(resultOf(alone, 'n000').reason).toBe('Undecided');
    const helped = play(
      stateOf(nodes(2), { partners: [partner('p1'), partner('p2'), partner('p3')] }),
      badOnes('n000'),
    );
    expect(summary(helped)).toBe('Bad: n000, Good: n001');
  });

  test('may be found with partners that come and go between rounds', () => {
    const played = play(stateOf(nodes(2)), badOnes('n000'), (state, round) => ({
      ...state,
      partners: round === 0 ? [] : [partner(`p${round}`), partner(`q${round}`)],
    }));
    expect(summary(played)).toBe('Bad: n000, Good: n001');
  });
});

describe('a newcomer alone', () => {
  const lone = nodes(1);

  test('passes provisionally when nobody can be its partner, as the first node of a fleet', () => {
    const { last } = play(stateOf(lone), badOnes());
    expect(last).toMatchObject({ kind: 'Verdicts', nodes: [{ result: 'Provisional', reason: 'NoPartner' }] });
  });

  test('is tested twice with idle proved nodes', () => {
    const played = play(stateOf(lone, { partners: [partner('p1'), partner('p2')] }), badOnes());
    expect(summary(played)).toBe('Good: n000');
    expect(new Set(played.state.rounds.flatMap(({ tests }) => tests.flatMap((test) => test.nodes))).size).toBe(3);
  });

  test('that is bad is found out by three of them', () => {
    const partners = [partner('p1'), partner('p2'), partner('p3')];
    expect(summary(play(stateOf(lone, { partners }), badOnes('n000')))).toBe('Bad: n000');
  });

  test('waits for one of those that work now, and not for ever', () => {
    const busy = stateOf(lone, { awaited: ['p4d.24xlarge', 'p5.48xlarge'], partnerWaitMs: 5 * MINUTE });
    expect(nextRound(busy, START + MINUTE)).toEqual({ kind: 'Wait', untilMs: START + 5 * MINUTE });
    expect(nextRound({ ...busy, partners: [partner('p1')] }, START + MINUTE)).toMatchObject({ kind: 'Round' });
    expect(nextRound(busy, START + 5 * MINUTE)).toMatchObject({ nodes: [{ result: 'Provisional' }] });
    expect(nextRound({ ...busy, awaited: ['p4d.24xlarge'] }, START)).toMatchObject({ kind: 'Verdicts' });
  });

  test('has no partner in a node of another type', () => {
    const { last } = play(stateOf(lone, { partners: [partner('p1', { instanceType: 'p4d.24xlarge' })] }), badOnes());
    expect(last).toMatchObject({ nodes: [{ result: 'Provisional' }] });
  });
});

describe('what goes wrong on the way', () => {
  test('a node lost in the middle gets no verdict, and no test more', () => {
    const played = play(stateOf(nodes(8)), badOnes('n005'), (state, round) => ({
      ...state,
      nodes: state.nodes.map((one) => (one.name === 'n002' && round >= 1 ? { ...one, gone: true } : one)),
    }));
    expect(summary(played)).toBe('Good: n000 n001 n003 n004 n006 n007, Gone: n002, Bad: n005');
    expect(played.state.rounds.slice(1).flatMap(({ tests }) => tests.flatMap((test) => test.nodes))).not.toContain(
      'n002',
    );
  });

  test('a lost test is no answer: it is made again', () => {
    const played = play(stateOf(nodes(6)), (test, round) => (round === 0 ? 'Lost' : badOnes()(test, round)));
    expect(verdicts(played).nodes).toMatchObject(nodes(6).map(() => ({ result: 'Good', passes: 2 })));
  });

  test('a node whose tests never answer is unreliable, and those beside it are not', () => {
    const played = play(stateOf(nodes(8)), ({ nodes: tested }) => (tested.includes('n004') ? 'Unreliable' : 'Pass'));
    expect(verdicts(played).nodes.filter(({ result }) => result !== 'Good')).toMatchObject([
      { name: 'n004', result: 'Unreliable', reason: 'NoAnswer' },
    ]);
  });

  test('when everything is lost all the time it ends, with nobody called good or bad', () => {
    const played = play(stateOf(nodes(9), { whole: true }), () => 'Lost');
    expect(new Set(verdicts(played).nodes.map(({ result }) => result))).toEqual(new Set(['Unreliable']));
  });

  test('a record that cannot be true is left out: a node twice in a round, with itself, or of three in a pair', () => {
    const failed = (...tested: readonly string[]) => ({ nodes: tested, check: 'Pair', result: 'Fail' }) as const;
    const tests = [
      failed('n000', 'n001'),
      failed('n000', 'n002'),
      failed('n003', 'n003'),
      failed('n002', 'n003', 'n001'),
    ];
    const cleaned = stateOf(nodes(4), { rounds: [{ tests: tests.slice(0, 1) }] });
    expect(nextRound(stateOf(nodes(4), { rounds: [{ tests }] }), START)).toEqual(nextRound(cleaned, START));
  });

  test('tests that run are waited for', () => {
    const tests = [
      { nodes: ['n000', 'n001'], check: 'Pair', result: 'Pass' },
      { nodes: ['n002', 'n003'], check: 'Pair' },
    ] as const;
    expect(nextRound(stateOf(nodes(4), { rounds: [{ tests }] }), START)).toEqual({
      kind: 'Running',
      tests: [tests[1]],
    });
  });

  test('a check that fails on most of a batch is not the fault of the nodes', () => {
    const bad = nodes(16).slice(0, 9);
    const played = play(stateOf(nodes(16)), badOnes(...bad.map(({ name }) => name)));
    expect(verdicts(played).nodes.filter(({ result }) => result === 'Bad')).toEqual([]);
  });

  test('a check that fails on everybody is not the fault of the nodes', () => {
    const played = play(stateOf(nodes(16), { whole: true }), () => 'Fail');
    expect(new Set(verdicts(played).nodes.map(({ result }) => result))).toEqual(new Set(['Unreliable']));
  });

  test('a bad partner from outside makes nobody bad, and is named', () => {
    const partners = ['p1', 'p2', 'p3', 'p4'].map((name) => partner(name));
    const played = play(stateOf(nodes(3), { partners }), badOnes('p1', 'n000'));
    expect(summary(played)).toBe('Bad: n000, Good: n001 n002');
    const only = play(stateOf(nodes(5), { partners: [partner('p1')] }), badOnes('p1'));
    expect(verdicts(only).nodes.every(({ result }) => result === 'Good')).toBe(true);
    expect(verdicts(only).batches[0]!.partnerSuspects).toEqual(['p1']);
  });
});

describe('the network', () => {
  const labelled = Array.from({ length: 32 }, (_, i) =>
    node(`n${String(i).padStart(3, '0')}`, { leaf: `leaf-${i >> 3}` }),
  );
  const leafOf = (name: string) => labelled.find((one) => one.name === name)!.leaf;
  const inside = ({ nodes: [a, b] }: { readonly nodes: readonly string[] }) => leafOf(a!) === leafOf(b!);

  test('pairs are made inside leaves first, then across', () => {
    const { rounds } = play(stateOf(labelled), badOnes()).state;
    expect(rounds.map(({ tests }) => tests.filter(inside).length)).toEqual([16, 0]);
  });

  test('nodes without a label are paired all the same', () => {
    const mixed = [...labelled.slice(0, 5), ...nodes(9).slice(5)];
    expect(verdicts(play(stateOf(mixed), badOnes())).nodes.every(({ result }) => result === 'Good')).toBe(true);
  });

  test('everything out of a leaf fails: the way out of it is suspected and no node', () => {
    const played = play(stateOf(labelled), ({ nodes: [a, b] }) =>
      inside({ nodes: [a!, b!] }) || (leafOf(a!) !== 'leaf-2' && leafOf(b!) !== 'leaf-2') ? 'Pass' : 'Fail',
    );
    expect(verdicts(played).nodes.filter(({ result }) => result === 'Bad')).toEqual([]);
    expect(verdicts(played).batches[0]!.fabricSuspects).toContain('uplink of leaf leaf-2');
  });

  test('only the whole batch fails: everybody is paired once more, then the fabric is suspected and no node', () => {
    const played = play(stateOf(labelled, { whole: true }), ({ check }) => (check === 'Whole' ? 'Fail' : 'Pass'));
    expect(played.state.rounds.map(({ tests }) => tests[0]!.check)).toEqual(['Pair', 'Pair', 'Whole', 'Pair', 'Whole']);
    expect(verdicts(played).nodes.every(({ result }) => result === 'Good')).toBe(true);
    expect(verdicts(played).batches[0]).toMatchObject({ whole: 'Fail', fabricSuspects: ['whole batch'] });
  });

  test('a bad node that all pairs missed is found when the whole batch fails', () => {
    const truth: Truth = (test, round) => (round < 2 ? 'Pass' : badOnes('n007')(test, round));
    const played = play(stateOf(labelled, { whole: true }), truth);
    expect(resultOf(played, 'n007').result).toBe('Bad');
    expect(verdicts(played).batches[0]).toMatchObject({ whole: 'Pass', fabricSuspects: [] });
  });
});

describe('several instance types', () => {
  const mixed = [
    ...nodes(5),
    ...nodes(4).map((one) => ({ ...one, name: `t${one.name}`, instanceType: 'trn2.48xlarge' })),
  ];

  test('are tested in the same rounds and never with each other', () => {
    const played = play(stateOf(mixed, { whole: true }), badOnes('tn001'));
    expect(summary(played)).toBe('Good: n000 n001 n002 n003 n004 tn000 tn002 tn003, Bad: tn001');
    for (const { tests } of played.state.rounds)
      for (const test of tests) expect(new Set(test.nodes.map((name) => name.startsWith('t'))).size).toBe(1);
    expect(verdicts(played).batches.map(({ instanceType }) => instanceType)).toEqual(['p5.48xlarge', 'trn2.48xlarge']);
  });
});

describe('properties', () => {
  const answers: readonly Answer[] = ['Pass', 'Fail', 'Unreliable', 'Lost'];
  const situation = fc.record({
    count: fc.integer({ min: 1, max: 24 }),
    leaves: fc.integer({ min: 0, max: 3 }),
    types: fc.integer({ min: 1, max: 2 }),
    partners: fc.integer({ min: 0, max: 4 }),
    whole: fc.boolean(),
    seed: fc.nat(),
    /** How often each answer is given, whoever is tested. */
    weights: fc.tuple(fc.nat(20), fc.nat(6), fc.nat(3), fc.nat(3)),
    bad: fc.nat(3),
  });

  function begin({
    count,
    leaves,
    types,
    partners,
    whole,
    seed,
  }: { [K in 'count' | 'leaves' | 'types' | 'partners' | 'seed']: number } & { whole: boolean }) {
    const place = (i: number) => ({
      leaf: leaves === 0 ? 'unknown' : `l${i % leaves}`,
      instanceType: i % types === 0 ? 'p5.48xlarge' : 'trn2.48xlarge',
    });
    const batch = Array.from({ length: count }, (_, i) => node(`n${i}`, place(i)));
    const offered = Array.from({ length: partners }, (_, i) => partner(`p${i}`, place(i)));
    return stateOf(batch, { partners: offered, whole, name: `v-${seed}` });
  }

  test('no test shares a node with another of its round, rounds are bounded, and the same state gives the same round', () => {
    fc.assert(
      fc.property(situation, (drawn) => {
        const random = seededRandom(drawn.seed);
        const bad = new Set(Array.from({ length: drawn.bad }, () => `n${Math.floor(random() * drawn.count)}`));
        const truth: Truth = ({ nodes: tested }) => {
          const lot = random() * (drawn.weights.reduce((a, b) => a + b, 1) + 0);
          const at = drawn.weights.findIndex((_, i) => lot < drawn.weights.slice(0, i + 1).reduce((a, b) => a + b, 0));
          const answer = answers[at] ?? 'Pass';
          return answer === 'Pass' && tested.some((name) => bad.has(name)) ? 'Fail' : answer;
        };
        const played = play(begin(drawn), truth, (state) => {
          const next = nextRound(deepFrozen(state), START);
          const other = { ...state, nodes: [...state.nodes].reverse(), partners: [...state.partners].reverse() };
          expect(nextRound(other, START)).toEqual(next);
          const used = next.kind === 'Round' ? next.tests.flatMap((test) => test.nodes) : [];
          expect(new Set(used).size).toBe(used.length);
          const gone = random() < 0.1 ? Math.floor(random() * drawn.count) : -1;
          const left = state.nodes.map((one, i) => (i === gone ? { ...one, gone: true } : one));
          return { ...state, nodes: left, partners: state.partners.filter(() => random() < 0.9) };
        });
        for (const type of ['p5.48xlarge', 'trn2.48xlarge'])
          expect(pairRounds(played.state, type)).toBeLessThanOrEqual(RULE.rounds + RULE.secondLook);
        expect(played.state.rounds.length).toBeLessThanOrEqual(RULE.rounds + RULE.secondLook + 3);
        expectConfirmed(played);
      }),
      { ...seedOf('search'), numRuns: 200 },
    );
  });

  test('with no bad node and no noise nobody is called bad, whatever is lost', () => {
    fc.assert(
      fc.property(situation, (drawn) => {
        const random = seededRandom(drawn.seed);
        const played = play(begin(drawn), () => (random() < 0.2 ? 'Lost' : 'Pass'));
        expect(verdicts(played).nodes.filter(({ result }) => result === 'Bad')).toEqual([]);
      }),
      { ...seedOf('all good'), numRuns: 100 },
    );
  });

  function pairRounds({ nodes: batch, rounds }: IsolationState, type: string): number {
    const own = new Set(batch.filter(({ instanceType }) => instanceType === type).map(({ name }) => name));
    const isOwn = ({ check, nodes: tested }: RecordedRound['tests'][number]) =>
      check === 'Pair' && tested.some((name) => own.has(name));
    return rounds.filter(({ tests }) => tests.some(isOwn)).length;
  }

  /** Who is called bad failed three times at least, with two at least who are not called bad themselves; who is good passed twice. */
  function expectConfirmed(played: Played): void {
    const bad = new Set(verdicts(played).nodes.flatMap(({ name, result }) => (result === 'Bad' ? [name] : [])));
    for (const { name, result } of verdicts(played).nodes) {
      const own = played.state.rounds
        .flatMap(({ tests }) => tests)
        .filter(({ check, nodes: tested }) => check === 'Pair' && tested.includes(name));
      const failed = own.filter((test) => test.result === 'Fail');
      const trusted = new Set(
        failed.flatMap((test) => test.nodes.filter((other) => other !== name && !bad.has(other))),
      );
      if (result === 'Bad') expect([failed.length >= 3, trusted.size >= 2]).toEqual([true, true]);
      if (result === 'Good') expect(own.filter((test) => test.result === 'Pass').length).toBeGreaterThanOrEqual(2);
    }
  }
});

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFrozen(inner);
  }
  return value;
}
