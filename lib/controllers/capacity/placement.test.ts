import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { makeNodeFacts } from '../../fleet/testing';
import type { NodeState } from './fleet-state';
import { Shelf } from './placement';
import { maturedSurplus, nextStairs, type Stair } from './surplus';

const state = (name: string, leaf: string): NodeState => ({
  facts: makeNodeFacts({ name, leaf }),
  phase: 'Unassigned',
  used: {},
  overhead: {},
  gangs: [],
  busy: false,
  releasing: false,
  free: 8,
});
/** `a2 b3` are two nodes in leaf a and three in leaf b. */
const shelf = (text: string) =>
  new Shelf(
    text.split(' ').flatMap((leaf) => {
      const [name, size] = [leaf.slice(0, -1), Number(leaf.slice(-1))];
      return Array.from({ length: size }, (_, i) => state(`${name}-${i}`, name));
    }),
  );
const taken = (text: string, count: number, preference: object = {}) =>
  shelf(text)
    .take(count, {}, { wholeLeaves: true, near: new Set(), ...preference })
    .map(({ facts }) => facts.name)
    .join(' ');

describe('which of several equal nodes', () => {
  test.each([
    ['the smallest leaf that holds all', 'a5 b3 c4', 3, 'b-0 b-1 b-2'],
    ['by name among equal leaves', 'b2 a2', 2, 'a-0 a-1'],
    ['the largest leaf first when none holds all', 'a2 b3', 4, 'b-0 b-1 b-2 a-0'],
    ['nodes without a leaf last', 'unknown9 a2', 3, 'a-0 a-1 unknown-0'],
    ['all there are when there are too few', 'a1', 3, 'a-0'],
  ])('%s', (_, text, count, names) => expect(taken(text, count)).toBe(names));

  test('a leaf the taker is in already, among equals', () => {
    expect(taken('a2 b2', 2, { near: new Set(['b']) })).toBe('b-0 b-1');
  });

  test('by leaf and name where topology does not matter', () => {
    expect(taken('b3 a1', 2, { wholeLeaves: false })).toBe('a-0 b-0');
  });

  test('nothing is lost or made', () => {
    const leaves = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'unknown'), fc.integer({ min: 1, max: 5 })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(leaves, fc.nat({ max: 12 }), fc.option(fc.constantFrom('a', 'b')), (parts, count, leaf) => {
        const nodes = parts.flatMap(([name, size], p) =>
          Array.from({ length: size }, (_, i) => state(`${name}-${p}-${i}`, name)),
        );
        const one = new Shelf(nodes);
        const filter = { leaf: leaf ?? undefined };
        const fitting = one.countOf(filter);
        const took = one.take(count, filter, { wholeLeaves: true, near: new Set() });
        expect(took).toHaveLength(Math.min(count, fitting));
        expect(one.count).toBe(nodes.length - took.length);
        expect(new Set([...took, ...one.nodes()])).toEqual(new Set(nodes));
      }),
      seedOf('shelf'),
    );
  });
});

describe('the memory of surplus', () => {
  const START = Date.parse('2026-11-23T12:00:00Z');

  test('says the least surplus of the whole time, as a list of every second would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 40 }),
        fc.nat({ max: 20 }),
        (history, seconds) => {
          let stairs: readonly Stair[] = [];
          history.forEach((nodes, i) => (stairs = nextStairs(stairs, nodes, START + i * 1000)));
          const nowMs = START + (history.length - 1) * 1000;
          const window = history.slice(-seconds - 1);
          const truth = window.length <= seconds ? 0 : Math.min(...window);
          expect(maturedSurplus(stairs, seconds * 1000, nowMs)).toBe(truth);
        },
      ),
      { numRuns: 1000, ...seedOf('stairs') },
    );
  });

  test('is bounded, and then only ever too careful', () => {
    let stairs: readonly Stair[] = [];
    for (let i = 0; i < 30; i++) stairs = nextStairs(stairs, i, START + i * 1000);
    expect(stairs).toHaveLength(8);
    expect(maturedSurplus(stairs, 10_000, START + 29_000)).toBeLessThanOrEqual(19);
    expect(stairs.at(-1)).toMatchObject({ nodes: 29 });
  });

  test('does not change by time alone', () => {
    const stairs = nextStairs([], 3, START);
    expect(nextStairs(stairs, 3, START + 3_600_000)).toEqual(stairs);
  });
});
