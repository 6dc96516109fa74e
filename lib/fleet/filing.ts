/**
 * Items of a list filed by one value of theirs, with a summary of each file: what is on every node, who is in every gang. Kept
 * current by what changed between two lists, so that a look costs what changed and not what there is. Files and summaries are
 * replaced, never changed: who holds one may go on using it.
 */
import type { Difference } from './lists';

/** How items are filed. */
export interface FilingRules<T, S> {
  /** The file an item belongs in; undefined: in none. */
  valueOf(item: T): string | undefined;
  /** Order within a file. Total, so that a file does not depend on its history. */
  compare(a: T, b: T): number;
  /** What is known of a file. Must not depend on anything else. */
  summarise(items: readonly T[], value: string): S;
}

interface FileOf<T, S> {
  readonly items: readonly T[];
  readonly summary: S;
}

/** So many items are put into their places one by one; more are sorted. */
const MOST_PUT_IN = 16;

/** Where an item belongs in a sorted file. */
function placeOf<T>(item: T, items: readonly T[], compare: (a: T, b: T) => number): number {
  let at = 0;
  for (let end = items.length; at < end;) {
    const middle = (at + end) >>> 1;
    if (compare(items[middle]!, item) <= 0) at = middle + 1;
    else end = middle;
  }
  return at;
}

/** Files by value. */
export class Filing<T extends object, S> {
  private readonly files = new Map<string, FileOf<T, S>>();

  constructor(private readonly rules: FilingRules<T, S>) {}

  /** Takes items out and puts items in; returns the values of the files that changed. */
  update({ removed, added }: Difference<T>): ReadonlySet<string> {
    const changes = new Map<string, { readonly out: Set<T>; readonly into: T[] }>();
    const changeOf = (item: T) => {
      const value = this.rules.valueOf(item);
      if (value === undefined) return undefined;
      let change = changes.get(value);
      if (!change) changes.set(value, (change = { out: new Set(), into: [] }));
      return change;
    };
    for (const item of removed) changeOf(item)?.out.add(item);
    for (const item of added) changeOf(item)?.into.push(item);
    for (const [value, { out, into }] of changes) this.refile(value, out, into);
    return new Set(changes.keys());
  }

  /** Takes everything out. */
  clear(): void {
    this.files.clear();
  }

  /** The summary of a file; undefined when nothing is filed there. */
  get(value: string): S | undefined {
    return this.files.get(value)?.summary;
  }

  /** The items of a file. */
  items(value: string): readonly T[] {
    return this.files.get(value)?.items ?? [];
  }

  /** Values of files with something in them, in no particular order. */
  values(): Iterable<string> {
    return this.files.keys();
  }

  /** Summaries by value, in no particular order. */
  *summaries(): Iterable<readonly [string, S]> {
    for (const [value, { summary }] of this.files) yield [value, summary];
  }

  private refile(value: string, out: ReadonlySet<T>, into: readonly T[]): void {
    const { compare, summarise } = this.rules;
    const before = this.items(value);
    const items = before.filter((item) => !out.has(item));
    if (into.length > MOST_PUT_IN) items.push(...into);
    else for (const item of into) items.splice(placeOf(item, items, compare), 0, item);
    if (items.length === 0) this.files.delete(value);
    else {
      if (into.length > MOST_PUT_IN) items.sort(compare);
      this.files.set(value, { items, summary: summarise(items, value) });
    }
  }
}
