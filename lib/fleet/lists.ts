/**
 * Lists that mostly stay as they were from one look to the next. Caches hand out a new list after a change, but the same object for
 * whatever did not change, so two lists are compared by identity: tens of thousands of comparisons cost less than reading a hundred
 * objects. What is remembered here is the last list and what was made of it; a result depends on the list alone.
 */

/** What one list has that another does not. An item that moved may be in both. */
export interface Difference<T> {
  readonly removed: readonly T[];
  readonly added: readonly T[];
}

/** Lists by what they were made from: the list before, and how it differs. Asked for again and again within one look. */
const origins = new WeakMap<
  readonly unknown[],
  { readonly before: readonly unknown[]; readonly by: Difference<any> }
>();

/** Items of lists that are (mostly) sorted by `keyOf`; in any other order the difference is as right, only larger. */
export function difference<T extends object>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (item: T) => string,
): Difference<T> {
  if (before === after) return SAME;
  const origin = origins.get(after);
  if (origin?.before === before) return origin.by as Difference<T>;
  const removed: T[] = [];
  const added: T[] = [];
  walk(before, after, keyOf, {
    onRemoved: (at) => removed.push(before[at]!),
    onAdded: (at) => added.push(after[at]!),
    onSame: () => undefined,
  });
  return remember(before, after, { removed, added });
}

function remember<T>(before: readonly T[], after: readonly T[], by: Difference<T>): Difference<T> {
  // One step back and no more: each list would keep the one before it, and all of history with it.
  origins.delete(before);
  origins.set(after, { before, by });
  return by;
}

const SAME: Difference<never> = { removed: [], added: [] };

/**
 * `read` for every item of a list, computed once per item for as long as it stays in the list. Without a weak map: the collector
 * looks at those last and in one go, and tens of thousands of entries make that a pause people notice.
 */
export function onceEach<T extends object, R>(
  read: (item: T) => R,
  keyOf: (item: T) => string,
): (items: readonly T[]) => readonly R[] {
  let known: { readonly items: readonly T[]; readonly results: readonly R[] } = { items: [], results: [] };
  return (items) => {
    if (items === known.items) return known.results;
    const before = known.results;
    // As long as it will be: tens of thousands pushed one by one leave twice that behind.
    const results = new Array<R>(items.length);
    let filled = 0;
    const by = { removed: [] as R[], added: [] as R[] };
    walk(known.items, items, keyOf, {
      onRemoved: (at) => by.removed.push(before[at]!),
      onAdded: (at) => {
        const result = read(items[at]!);
        results[filled++] = result;
        by.added.push(result);
      },
      onSame: (from, to) => {
        for (let at = from; at < to; at++) results[filled++] = before[at]!;
      },
    });
    known = { items, results };
    remember(before, results, by);
    return results;
  };
}

interface Steps {
  /** The item at this place of the old list is not there any more. */
  onRemoved(at: number): void;
  /** The item at this place of the new list is new. */
  onAdded(at: number): void;
  /** Items of the old list from here to there (exclusive) come next in the new one. */
  onSame(from: number, to: number): void;
}

/** Goes through both lists side by side. */
function walk<T extends object>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (item: T) => string,
  { onRemoved, onAdded, onSame }: Steps,
): void {
  let b = 0;
  for (let a = 0; a < after.length;) {
    const from = b;
    while (b < before.length && a < after.length && before[b] === after[a]) {
      a += 1;
      b += 1;
    }
    if (b > from) onSame(from, b);
    if (a === after.length) break;
    if (b < before.length && keyOf(before[b]!) <= keyOf(after[a]!)) onRemoved(b++);
    else onAdded(a++);
  }
  for (; b < before.length; b++) onRemoved(b);
}

/** Keys under which two maps hold different values. */
export function unlikeEntries<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}

/** Whether two maps hold the same. */
export function sameEntries<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  return a === b || (a.size === b.size && unlikeEntries(a, b).length === 0);
}
