/**
 * The contents of a watch cache: objects by key, indexes, and the rule that no object ever goes back in resourceVersion, whether news
 * comes from a list, a watch (twice, or late) or our own writes. Deletions are remembered until the next list for the same reason.
 */
import { keyOf, type KubeObject } from '../domain/kube';
import { compareVersions, newerVersion } from './resource-version';

/** What happened to one object: `next` is undefined when it is gone, `previous` when it is new. */
export interface Change {
  readonly next: KubeObject | undefined;
  readonly previous: KubeObject | undefined;
}

/** Object → the values under which an index finds it. */
export type IndexFunction = (object: KubeObject) => readonly string[];

/** Objects of one resource type, by `namespace/name`. */
export class ObjectStore {
  private readonly objects = new Map<string, KubeObject>();
  private readonly deleted = new Map<string, string>();
  private readonly indexes = new Map<string, Map<string, Set<string>>>();
  /** resourceVersion of the latest list: what is neither stored nor remembered as deleted did not exist then. */
  private floor = '0';
  /** Objects in the order of their keys, kept up to date change by change; undefined until somebody asks, and after a list. */
  private sorted: { readonly keys: string[]; objects: KubeObject[]; lent: boolean } | undefined;

  constructor(private readonly indexFunctions: Readonly<Record<string, IndexFunction>> = {}) {
    for (const name of Object.keys(indexFunctions)) this.indexes.set(name, new Map());
  }

  /** The object under this key. */
  get(key: string): KubeObject | undefined {
    return this.objects.get(key);
  }

  /** How many objects there are. */
  get size(): number {
    return this.objects.size;
  }

  /** Every object, sorted by key. Callers share the array, and it never changes: after a change there is another. */
  list(): readonly KubeObject[] {
    this.sorted ??= this.sort();
    this.sorted.lent = true;
    return this.sorted.objects;
  }

  /** Objects the index finds under `value`, sorted by key. */
  byIndex(index: string, value: string): readonly KubeObject[] {
    const values = this.indexes.get(index);
    if (!values)
      throw new Error(`no index "${index}" here; there are: ${[...this.indexes.keys()].join(', ') || 'none'}`);
    return [...(values.get(value) ?? [])].sort().map((key) => this.objects.get(key)!);
  }

  /** Stores an object unless something as new is known already; says what changed. */
  put(object: KubeObject): Change | undefined {
    const key = keyOf(object);
    const previous = this.objects.get(key);
    const known = previous ? versionOf(previous) : (this.deleted.get(key) ?? this.floor);
    if (compareVersions(versionOf(object), known) <= 0) return undefined;
    this.deleted.delete(key);
    this.set(key, object, previous);
    return { next: object, previous };
  }

  /** Removes an object unless a newer one of that name is known; says what changed. */
  remove(object: KubeObject): Change | undefined {
    const key = keyOf(object);
    const version = versionOf(object);
    const previous = this.objects.get(key);
    if (previous && compareVersions(version, versionOf(previous)) < 0) return undefined;
    this.deleted.set(key, newerVersion(version, this.deleted.get(key) ?? '0'));
    if (!previous) return undefined;
    this.unset(key, previous);
    return { next: undefined, previous };
  }

  /**
   * Takes a complete list. Objects that are missing in it were deleted unseen, except those we wrote ourselves after it was made.
   * A list older than the one before means that the server's history was reset (etcd restored): then the list alone counts.
   */
  replace(items: readonly KubeObject[], listVersion: string): readonly Change[] {
    const reset = compareVersions(listVersion, this.floor) < 0;
    if (reset) this.deleted.clear();
    const changes: Change[] = [];
    const listed = new Set<string>();
    // Many changes at once: sorting is cheaper than putting each into its place.
    this.sorted = undefined;
    for (const item of items) {
      listed.add(keyOf(item));
      const change = this.takeListed(item, reset);
      if (change) changes.push(change);
    }
    for (const [key, object] of [...this.objects]) {
      if (listed.has(key) || (!reset && compareVersions(versionOf(object), listVersion) > 0)) continue;
      this.unset(key, object);
      changes.push({ next: undefined, previous: object });
    }
    for (const [key, version] of [...this.deleted]) {
      if (compareVersions(version, listVersion) <= 0) this.deleted.delete(key);
    }
    this.floor = listVersion;
    return changes;
  }

  private takeListed(item: KubeObject, reset: boolean): Change | undefined {
    const key = keyOf(item);
    const previous = this.objects.get(key);
    const order = compareVersions(versionOf(item), previous ? versionOf(previous) : (this.deleted.get(key) ?? '0'));
    if (order === 0 || (order < 0 && !reset)) return undefined;
    this.set(key, item, previous);
    return { next: item, previous };
  }

  private set(key: string, object: KubeObject, previous: KubeObject | undefined): void {
    this.objects.set(key, object);
    this.reindex(key, previous, object);
    const place = this.placeOf(key);
    if (!place) return;
    if (previous) place.objects[place.at] = object;
    else {
      place.keys.splice(place.at, 0, key);
      place.objects.splice(place.at, 0, object);
    }
  }

  private unset(key: string, previous: KubeObject): void {
    this.objects.delete(key);
    this.reindex(key, previous, undefined);
    const place = this.placeOf(key);
    place?.keys.splice(place.at, 1);
    place?.objects.splice(place.at, 1);
  }

  private sort() {
    const keys = [...this.objects.keys()].sort();
    return { keys, objects: keys.map((key) => this.objects.get(key)!), lent: false };
  }

  /** Where a key is, or belongs, in the sorted arrays; what was handed out is copied before it changes. */
  private placeOf(key: string) {
    const { sorted } = this;
    if (!sorted) return undefined;
    if (sorted.lent) {
      sorted.objects = [...sorted.objects];
      sorted.lent = false;
    }
    let at = 0;
    for (let end = sorted.keys.length; at < end;) {
      const middle = (at + end) >>> 1;
      if (sorted.keys[middle]! < key) at = middle + 1;
      else end = middle;
    }
    return { ...sorted, at };
  }

  private reindex(key: string, previous: KubeObject | undefined, next: KubeObject | undefined): void {
    for (const [name, values] of this.indexes) {
      const valuesOf = this.indexFunctions[name]!;
      for (const value of previous ? valuesOf(previous) : []) {
        const keys = values.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values.delete(value);
      }
      for (const value of next ? valuesOf(next) : []) {
        const keys = values.get(value);
        if (keys) keys.add(key);
        else values.set(value, new Set([key]));
      }
    }
  }
}

function versionOf(object: KubeObject): string {
  return object.metadata.resourceVersion ?? '0';
}

/** Whether the answer to one of our writes is the last anyone will see of the object: its last finalizer is gone. */
export function isGone({ metadata }: KubeObject): boolean {
  if (metadata.deletionTimestamp === undefined || metadata.finalizers?.length) return false;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}
