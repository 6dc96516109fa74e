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

/** Items of lists that are (mostly) sorted by `keyOf`; in any other order the difference is as right, only larger. */
export function difference<T extends object>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (item: T) => string,
): Difference<T> {
  const removed: T[] = [];
  const added: T[] = [];
  if (before === after) return { removed, added };
  let b = 0;
  for (const item of after) {
    while (b < before.length && before[b] !== item && keyOf(before[b]!) <= keyOf(item)) removed.push(before[b++]!);
    if (b < before.length && before[b] === item) b += 1;
    else added.push(item);
  }
  for (; b < before.length; b++) removed.push(before[b]!);
  return { removed, added };
}

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
    const { items: before, results: found } = known;
    let b = 0;
    const results = items.map((item) => {
      while (b < before.length && before[b] !== item && keyOf(before[b]!) <= keyOf(item)) b += 1;
      return b < before.length && before[b] === item ? found[b++]! : read(item);
    });
    known = { items, results };
    return results;
  };
}

/** Keys under which two maps hold different values. */
export function unlikeEntries<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}

/** Whether two maps hold the same. */
export function sameEntries<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  return a === b || (a.size === b.size && unlikeEntries(a, b).length === 0);
}
