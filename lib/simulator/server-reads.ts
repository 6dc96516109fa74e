/** The reading half of the API server: live reads, lists in pages from one snapshot, watches with history, and being down. */
import { keyOf, type KubeObject } from '../domain/kube';
import { resourceName, type ResourceType } from '../domain/resources';
import { Expired, Unavailable } from '../runtime/errors';
import type { Clock, ObjectName, ObjectPage, Random, Selection, WatchHandle, WatchListener } from '../runtime/ports';
import { notFound } from './api-refusals';
import { ObjectStore, type ChangeListener } from './object-store';
import { toMatcher } from './selectors';
import { ServedKinds } from './served-kinds';
import { WatchStream } from './watch-stream';

/** How a server behaves. */
export interface ApiServerOptions {
  readonly clock: Clock;
  readonly random?: Random;
  /** How long a watch can go back, in milliseconds. Default: 5 minutes, as etcd is compacted. */
  readonly historyMs?: number;
  /** Resource types served beside the usual ones. */
  readonly resources?: readonly ResourceType[];
}

const DEFAULT_PAGE = 500;

/** Everything that reads. */
export class ServerReads {
  readonly store: ObjectStore;
  readonly kinds: ServedKinds;
  readonly clock: Clock;
  private readonly streams = new Set<{ readonly resource: string; readonly stream: WatchStream }>();
  private readonly snapshots = new Map<string, readonly KubeObject[]>();
  private down = false;

  constructor(options: ApiServerOptions) {
    this.clock = options.clock;
    this.kinds = new ServedKinds(options.resources);
    this.store = new ObjectStore(() => this.clock.now(), options.historyMs ?? 300_000);
    this.store.onChange((change) => {
      const name = resourceName(change.resource);
      for (const { resource, stream } of this.streams) if (resource === name) stream.offer(change);
    });
  }

  /** Does something in the name of somebody outside: its changes carry that name. */
  as<T>(actor: string, work: () => T): T {
    const before = this.store.actor;
    this.store.actor = actor;
    try {
      return work();
    } finally {
      this.store.actor = before;
    }
  }

  /** Calls the listener right after every change, or every change of one resource type. */
  onChange(listener: ChangeListener, resource?: ResourceType): void {
    this.store.onChange(listener, resource);
  }

  /** Every object of the type, sorted by key. The same array for as long as nothing changes. */
  all(resource: ResourceType): readonly KubeObject[] {
    return this.store.sorted(resource);
  }

  /** Every object of every type, types by name, objects by key. */
  everything(): readonly KubeObject[] {
    const tables = [...this.store.allTables()].map(({ resource }) => resource);
    return tables
      .sort((a, b) => (resourceName(a) < resourceName(b) ? -1 : 1))
      .flatMap((resource) => this.all(resource));
  }

  /** The object, or undefined. */
  find(resource: ResourceType, name: ObjectName): KubeObject | undefined {
    return this.store.table(resource).objects.get(keyOf({ metadata: name }));
  }

  /** The object; throws NotFound. */
  get(resource: ResourceType, name: ObjectName): KubeObject {
    this.requireServed(resource);
    const object = this.find(resource, name);
    if (!object) throw notFound(resource, name);
    return object;
  }

  list(
    resource: ResourceType,
    options: Selection & { readonly limit?: number; readonly continueToken?: string } = {},
  ): ObjectPage {
    this.requireServed(resource);
    const limit = options.limit || DEFAULT_PAGE;
    const [version, start] = options.continueToken
      ? options.continueToken.split(':')
      : [String(this.store.currentVersion), '0'];
    const snapshotName = `${resourceName(resource)}@${version}`;
    const all = options.continueToken ? this.snapshots.get(snapshotName) : this.all(resource);
    if (!all) throw new Expired('The provided continue parameter is too old', 410, 'Expired');
    const selected =
      options.namespace || options.labelSelector || options.fieldSelector ? all.filter(toMatcher(options)) : all;
    const from = Number(start);
    const items = selected.slice(from, from + limit);
    if (from + limit >= selected.length) return { items, resourceVersion: version! };
    this.snapshots.set(snapshotName, all);
    return { items, resourceVersion: version!, continueToken: `${version}:${from + limit}` };
  }

  watch(
    resource: ResourceType,
    options: Selection & { readonly resourceVersion: string; readonly lagMs?: () => number },
    listener: WatchListener,
  ): WatchHandle & { finish(error: Error | undefined): void } {
    const source = { store: this.store, clock: this.clock, lagMs: options.lagMs ?? (() => 0) };
    const entry: { resource: string; stream: WatchStream } = {
      resource: resourceName(resource),
      stream: new WatchStream(source, resource, options, {
        onEvent: (event) => listener.onEvent(event),
        onEnd: (error) => {
          this.streams.delete(entry);
          listener.onEnd(error);
        },
      }),
    };
    this.streams.add(entry);
    if (this.down) entry.stream.finish(new Unavailable('connection refused', 0, 'ConnectionRefused'));
    return {
      stop: () => {
        this.streams.delete(entry);
        entry.stream.stop();
      },
      finish: (error) => entry.stream.finish(error),
    };
  }

  /** Refuses connections for a while; every watch breaks. With `forget` watches from before are answered with 410 afterwards. */
  restart(options: { readonly downMs: number; readonly forget?: boolean }): void {
    this.down = true;
    this.endWatches(new Unavailable('connection reset by peer', 0, 'ConnectionReset'));
    if (options.forget) this.forgetHistory(false);
    this.clock.after(options.downMs, () => {
      this.down = false;
    });
  }

  /** Compacts history away: continue tokens and older watches are answered 410, open watches end so. */
  forgetHistory(endWatches = true): void {
    this.store.forgetHistory();
    this.snapshots.clear();
    if (endWatches) this.endWatches(new Expired('The resourceVersion is too old', 410, 'Expired'));
  }

  private endWatches(error: Error): void {
    for (const { stream } of [...this.streams]) stream.finish(error);
  }

  /** Throws for what the server does not serve. */
  protected requireServed(resource: ResourceType): void {
    this.kinds.require(resource);
  }

  /** Throws while the server is down. Clients outside ask; the models inside are the cluster, and go on. */
  requireReachable(): void {
    if (this.down) throw new Unavailable('connection refused', 0, 'ConnectionRefused');
  }
}
