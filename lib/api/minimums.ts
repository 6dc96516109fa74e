/** Whether the minimums of all buckets can be met at once. Pure: for synth, for `aicluster check`. */

/** A bucket, as far as its minimum is concerned. */
export interface MinimumBucket {
  readonly name: string;
  readonly instanceTypes: readonly string[];
  readonly min: number;
}

/** Buckets whose minimums ask for more nodes than there can be. */
export interface UnmetMinimums {
  /** The buckets that can use nothing but these types, sorted by name. */
  readonly buckets: readonly MinimumBucket[];
  readonly instanceTypes: readonly string[];
  readonly needed: number;
  readonly available: number;
}

/**
 * Every set of instance types for which the buckets confined to it need more than there is (Hall's condition), smallest first.
 * `available` gives the most nodes of some types together; undefined when that is not known.
 */
export function unmetMinimums(
  buckets: readonly MinimumBucket[],
  available: (instanceTypes: readonly string[]) => number | undefined,
): UnmetMinimums[] {
  const asking = buckets.filter(({ min }) => min > 0);
  const found = new Map<string, UnmetMinimums>();
  for (const types of unionsOf(asking.map(({ instanceTypes }) => instanceTypes))) {
    const inside = asking.filter(({ instanceTypes }) => instanceTypes.every((type) => types.has(type)));
    const needed = inside.reduce((sum, { min }) => sum + min, 0);
    const have = available([...types]);
    const names = inside.map(({ name }) => name).sort();
    if (have === undefined || needed <= have || found.has(names.join())) continue;
    const sorted = [...inside].sort((a, b) => (a.name < b.name ? -1 : 1));
    found.set(names.join(), { buckets: sorted, instanceTypes: [...types], needed, available: have });
  }
  return [...found.values()];
}

/** Every union of some of the lists, smallest first: enough for Hall's condition, and few, because instance types are few. */
function unionsOf(lists: readonly (readonly string[])[]): Set<string>[] {
  const unions = new Map<string, Set<string>>();
  for (const list of lists) {
    for (const union of [new Set<string>(), ...unions.values()]) {
      const larger = new Set([...union, ...list]);
      unions.set([...larger].sort().join(), larger);
    }
  }
  return [...unions.values()].sort((a, b) => a.size - b.size);
}
