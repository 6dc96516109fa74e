/** The store below the API server: every object, one counter of resource versions, and what changed since when. */
import type { KubeObject } from '../domain/kube';
import { keyOf } from '../domain/kube';
import { resourceName, type ResourceType } from '../domain/resources';
import type { Ownership } from './field-ownership';

/** One committed change. `before` is absent for ADDED. */
export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: ResourceType;
  readonly object: KubeObject;
  readonly before?: KubeObject;
  readonly version: number;
  readonly atMs: number;
  /** Who wrote it: the name of a process outside, or nothing for the cluster's own components. */
  readonly actor?: string;
}

/** Called synchronously after every commit. */
export type ChangeListener = (change: Change) => void;

/** All objects of one resource type. */
export interface Table {
  readonly resource: ResourceType;
  readonly objects: Map<string, KubeObject>;
  readonly ownership: Map<string, Ownership>;
  /** Newest last. */
  changes: Change[];
  /** Watches from before this version are answered with 410. */
  forgottenVersion: number;
  /** Sorted; undefined after an object has come or gone. */
  keys: readonly string[] | undefined;
  /** Sorted by key; undefined after any change, so that the same array means that nothing has changed. */
  sorted: readonly KubeObject[] | undefined;
}

/** Objects by resource type, with history. */
export class ObjectStore {
  /** Who is writing now. */
  actor: string | undefined;
  private version = 0;
  private readonly untold: Change[] = [];
  private telling = false;
  private readonly tables = new Map<string, Table>();
  private readonly listeners: ChangeListener[] = [];
  private readonly tableListeners = new Map<string, ChangeListener[]>();

  constructor(
    private readonly now: () => number,
    /** How long a change can still be watched from. */
    private readonly historyMs: number,
  ) {}

  /** The resource version of the newest change. */
  get currentVersion(): number {
    return this.version;
  }

  /** The table of a resource type; made when it is asked for the first time. */
  table(resource: ResourceType): Table {
    const name = resourceName(resource);
    let table = this.tables.get(name);
    if (!table) {
      table = {
        resource,
        objects: new Map(),
        ownership: new Map(),
        changes: [],
        forgottenVersion: 0,
        keys: undefined,
        sorted: undefined,
      };
      this.tables.set(name, table);
    }
    return table;
  }

  /** Every table there is. */
  allTables(): Iterable<Table> {
    return this.tables.values();
  }

  /** Calls the listener after every change, or only after those of one resource type. */
  onChange(listener: ChangeListener, resource?: ResourceType): void {
    if (!resource) return void this.listeners.push(listener);
    const name = resourceName(resource);
    this.tableListeners.set(name, [...(this.tableListeners.get(name) ?? []), listener]);
  }

  /** Every object of the type, sorted by key. The same array for as long as nothing changes. */
  sorted(resource: ResourceType): readonly KubeObject[] {
    const table = this.table(resource);
    table.keys ??= [...table.objects.keys()].sort();
    table.sorted ??= table.keys.map((key) => table.objects.get(key)!);
    return table.sorted;
  }

  /** Stores an object under the next resource version and tells everybody. */
  put(resource: ResourceType, object: KubeObject): KubeObject {
    const table = this.table(resource);
    const key = keyOf(object);
    const before = table.objects.get(key);
    const version = ++this.version;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    table.objects.set(key, stored);
    if (!before) table.keys = undefined;
    table.sorted = undefined;
    const type = before ? 'MODIFIED' : 'ADDED';
    this.record(table, { type, resource, object: stored, before, version, atMs: this.now(), actor: this.actor });
    return stored;
  }

  /** Removes an object; its last state carries the version of the deletion, as on the wire. */
  remove(resource: ResourceType, key: string): void {
    const table = this.table(resource);
    const before = table.objects.get(key);
    if (!before) return;
    const version = ++this.version;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
    table.objects.delete(key);
    table.ownership.delete(key);
    table.keys = undefined;
    table.sorted = undefined;
    this.record(table, { type: 'DELETED', resource, object, before, version, atMs: this.now(), actor: this.actor });
  }

  /** Forgets history, as etcd does when it is compacted: older watches get 410. */
  forgetHistory(): void {
    for (const table of this.tables.values()) {
      table.changes = [];
      table.forgottenVersion = this.version;
    }
  }

  private record(table: Table, change: Change): void {
    table.changes.push(change);
    const oldest = this.now() - this.historyMs;
    if (table.changes.length > 64 && table.changes[table.changes.length >> 1]!.atMs < oldest) {
      const kept = table.changes.findIndex(({ atMs }) => atMs >= oldest);
      table.forgottenVersion = table.changes[kept - 1]!.version;
      table.changes = table.changes.slice(kept);
    }
    this.untold.push(change);
    this.tell();
  }

  /** Tells changes one after the other, also those that a listener makes meanwhile: everybody hears them in the same order. */
  private tell(): void {
    if (this.telling) return;
    this.telling = true;
    try {
      for (let change = this.untold.shift(); change; change = this.untold.shift()) {
        for (const listener of this.tableListeners.get(resourceName(change.resource)) ?? []) listener(change);
        for (const listener of this.listeners) listener(change);
      }
    } finally {
      this.telling = false;
    }
  }
}
