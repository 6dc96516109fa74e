import * as fc from 'fast-check';
import { seedOf } from '../../test/seed';
import { Filing } from './filing';
import { difference, onceEach } from './lists';

interface Item {
  readonly key: string;
  readonly file: string;
}
const keyOf = ({ key }: Item) => key;
const compare = (a: Item, b: Item) => (a.key < b.key ? -1 : Number(a.key > b.key));

interface Step {
  readonly put: readonly (readonly [number, string])[];
  readonly drop: readonly number[];
  readonly sorted: boolean;
}

/** Lists one after the other, each made from the one before: some items stay the same object, some are replaced, come or go. */
const history: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    put: fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.constantFrom('a', 'b', 'c')), { maxLength: 6 }),
    drop: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 6 }),
    sorted: fc.boolean(),
  }),
  { maxLength: 12 },
);
function* lists(steps: readonly Step[]): Iterable<readonly Item[]> {
  const items = new Map<string, Item>();
  for (const { put, drop, sorted } of steps) {
    for (const [key, file] of put) items.set(`${key}`, { key: `${key}`, file });
    for (const key of drop) items.delete(`${key}`);
    yield sorted ? [...items.values()].sort(compare) : [...items.values()];
  }
}

describe('lists that mostly stay as they were', () => {
  test('what was removed and added makes the one list of the other, in any order', () => {
    fc.assert(
      fc.property(history, (steps) => {
        let before: readonly Item[] = [];
        for (const after of lists(steps)) {
          const { removed, added } = difference(before, after, keyOf);
          const left = new Set(before);
          removed.forEach((item) => left.delete(item));
          added.forEach((item) => left.add(item));
          expect([...left].sort(compare)).toEqual([...after].sort(compare));
          expect([...left].every((item) => after.includes(item))).toBe(true);
          before = after;
        }
      }),
      seedOf('difference of lists'),
    );
  });

  test('of sorted lists nothing is named that did not change', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((key) => ({ key, file: '' }) as Item) as [Item, Item, Item, Item];
    const other = { ...b };
    expect(difference([a, b, d], [a, other, c, d], keyOf)).toEqual({ removed: [b], added: [other, c] });
    expect(difference([a, b], [a, b], keyOf)).toEqual({ removed: [], added: [] });
  });

  test('an item is read once for as long as it stays in a sorted list, and results keep their places', () => {
    fc.assert(
      fc.property(history, (steps) => {
        let reads = 0;
        const readAll = onceEach((item: Item) => ({ item, number: reads++ }), keyOf);
        let before: readonly Item[] = [];
        let known: readonly { item: Item }[] = [];
        for (const after of lists(steps.map((step) => ({ ...step, sorted: true })))) {
          const readsBefore = reads;
          const results = readAll(after);
          expect(results.map(({ item }) => item)).toEqual(after);
          expect(reads - readsBefore).toBe(after.filter((item) => !before.includes(item)).length);
          for (const result of results) if (before.includes(result.item)) expect(known).toContain(result);
          expect(readAll(after)).toBe(results);
          [before, known] = [after, results];
        }
      }),
      seedOf('reading lists'),
    );
  });
});

test('files hold what a filing made at once would hold, and only those that changed are named', () => {
  const make = () =>
    new Filing<Item, string>({
      valueOf: ({ file }) => (file === 'c' ? undefined : file),
      compare,
      summarise: (items, value) => `${value}: ${items.map(keyOf).join(' ')}`,
    });
  fc.assert(
    fc.property(history, (steps) => {
      const filing = make();
      let before: readonly Item[] = [];
      for (const after of lists(steps)) {
        const held = new Map(filing.summaries());
        const changed = filing.update(difference(before, after, keyOf));
        const fresh = make();
        fresh.update(difference([], after, keyOf));
        expect(new Map(filing.summaries())).toEqual(new Map(fresh.summaries()));
        for (const [value, summary] of filing.summaries())
          if (summary !== held.get(value)) expect(changed).toContain(value);
        for (const value of held.keys()) if (filing.get(value) === undefined) expect(changed).toContain(value);
        before = after;
      }
    }),
    seedOf('filing'),
  );
});
