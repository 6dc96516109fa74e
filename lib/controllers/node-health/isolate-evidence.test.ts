import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { type PairTest, weigh } from './isolate-evidence';
import { type Place, suspectFabric, toField } from './isolate-field';

const inLeaves = (...leaves: readonly string[]): readonly Place[] => leaves.map((leaf) => ({ leaf }));
const unlabelled = (count: number) => inLeaves(...Array.from({ length: count }, () => 'unknown'));
const tests = (text: string): readonly (readonly PairTest[])[] => [
  text
    .split(' ')
    .filter(Boolean)
    .map((one) => {
      const [a, b, sign] = [Number(one[0]), Number(one[1]), one[2]];
      return { a, b, outcome: sign === '+' ? 'Pass' : sign === '-' ? 'Fail' : 'None' } as const;
    }),
];
const oddsOf = (nodes: number, text: string) => [...weigh(toField(unlabelled(nodes), []).field, tests(text)).bad];

describe('the odds that a node is bad', () => {
  test('fall with every pass by the same factor, whoever the other one was', () => {
    const [a, b, c] = oddsOf(4, '01+ 01+ 23-').map((bad) => bad / (1 - bad));
    const { rates } = weigh(toField(unlabelled(4), []).field, tests('01+ 01+ 23-'));
    expect(a).toBeCloseTo((rates.bad / (1 - rates.bad)) * rates.miss ** 2, 9);
    expect(a).toBe(b);
    expect(c).toBeGreaterThan(a!);
  });

  test('are shared by two that failed together, until one of them passes with somebody else', () => {
    const together = oddsOf(3, '01-');
    expect(together[0]).toBeCloseTo(together[1]!, 9);
    const apart = oddsOf(3, '01- 02+');
    expect(apart[0]).toBeLessThan(together[0]!);
    expect(apart[1]).toBeGreaterThan(together[1]!);
  });

  test('rise little by a failure that somebody else explains', () => {
    const explained = oddsOf(5, '12- 13- 14- 01-')[0]!;
    const unexplained = oddsOf(5, '12+ 13+ 14+ 01-')[0]!;
    expect(explained).toBeLessThan(0.05);
    expect(unexplained).toBeGreaterThan(10 * explained);
  });

  test('do not change by tests without an answer', () => {
    expect(oddsOf(3, '01- 02? 12?')).toEqual(oddsOf(3, '01-'));
  });

  test('property: are those of all possibilities counted out, where failures form no ring', () => {
    const pairs = fc.array(fc.tuple(fc.nat(6), fc.nat(6), fc.boolean()), { maxLength: 12 });
    fc.assert(
      fc.property(pairs, (drawn) => {
        const made = withoutRings(drawn);
        const { bad, rates } = weigh(toField(unlabelled(7), []).field, [made]);
        countedOut(7, made, rates).forEach((expected, node) => expect(bad[node]).toBeCloseTo(expected, 2));
      }),
      { ...seedOf('odds'), numRuns: 200 },
    );
  });
});

describe('the network between nodes', () => {
  const leaves = inLeaves('a', 'a', 'a', 'a', 'b', 'b', 'c', 'c');

  test('is blamed when everything out of one leaf fails and everything else passes', () => {
    const named = toField(leaves, []);
    const { bad } = weigh(named.field, tests('01+ 23+ 45+ 67+ 04- 15- 26- 37- 05- 14- 27- 36- 46+ 57+ 47+ 56+'));
    expect(suspectFabric(named, bad)).toContain('uplink of leaf a');
    expect(Math.max(...bad.subarray(0, 8))).toBeLessThan(0.05);
  });

  test('is not blamed for one bad node', () => {
    const named = toField(leaves, []);
    const { bad } = weigh(named.field, tests('01- 23+ 45+ 67+ 04- 15+ 26+ 37+ 05- 16+ 27+ 34+'));
    expect(suspectFabric(named, bad)).toEqual([]);
    expect(bad[0]).toBeGreaterThan(0.95);
  });

  test('is no part of it where there is one leaf, or none is known', () => {
    expect(toField(inLeaves('a', 'a', 'unknown'), []).field.leaves).toBe(0);
    expect(toField(unlabelled(3), []).field.spines).toBe(0);
  });
});

/** Leaves out tests of a node with itself, and failures that would close a ring. */
function withoutRings(drawn: readonly (readonly [number, number, boolean])[]): readonly PairTest[] {
  const group = Array.from({ length: 7 }, (_, i) => i);
  return drawn.flatMap(([a, b, passes]): PairTest[] => {
    if (a === b) return [];
    if (passes) return [{ a, b, outcome: 'Pass' }];
    if (group[a] === group[b]) return [];
    const [from, to] = [group[a], group[b]!];
    group.forEach((of, i) => (group[i] = of === from ? to : of));
    return [{ a, b, outcome: 'Fail' }];
  });
}

function countedOut(nodes: number, made: readonly PairTest[], rates: { miss: number; flake: number; bad: number }) {
  const sums = new Array<number>(nodes).fill(0);
  let all = 0;
  for (let truth = 0; truth < 2 ** nodes; truth++) {
    const isBad = (node: number) => (truth >> node) & 1;
    let share = 1;
    for (let node = 0; node < nodes; node++) share *= isBad(node) ? rates.bad : 1 - rates.bad;
    for (const { a, b, outcome } of made) {
      const passes = (1 - rates.flake) * rates.miss ** (isBad(a) + isBad(b));
      share *= outcome === 'Pass' ? passes : 1 - passes;
    }
    all += share;
    for (let node = 0; node < nodes; node++) if (isBad(node)) sums[node]! += share;
  }
  return sums.map((sum) => sum / all);
}
