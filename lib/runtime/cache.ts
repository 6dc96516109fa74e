/**
 * A watch cache for one resource type. Lists in pages, watches from there, and trusts nothing: a dropped watch is opened again with
 * jitter, a silent one is replaced, a 410 or every tenth minute lists again and finds what was missed. Our own writes are assumed, so
 * that the next decision sees them before the watch does. A cache that hears nothing for minutes says so, and the process ends: a
 * controller must not decide on an old picture.
 */
import type { KubeObject } from '../domain/kube';
import { apiVersionOf, resourceName, type ResourceType } from '../domain/resources';
import type { AssumingCache, Metrics } from './controller';
import { Expired, NotFound, TooManyRequests } from './errors';
import { isGone, ObjectStore, type Change, type IndexFunction } from './object-store';
import type { Clock, ClusterPort, Log, ObjectPage, Random, Selection, WatchEvent, WatchHandle } from './ports';
import { withoutManagedFields } from './prune';
import { newerVersion } from './resource-version';

/** How patient a cache is. */
export interface CacheTimes {
  /** A watch that delivers nothing for this long, bookmarks included, is replaced. @default 100 s; servers send a bookmark a minute */
  readonly silentAfterMs: number;
  /** The whole list is read again this often. @default 10 min */
  readonly relistEveryMs: number;
  /** Nothing heard for this long is fatal. @default 5 min */
  readonly giveUpAfterMs: number;
  /** First wait after a failure; doubles with each further one. @default 500 ms */
  readonly retryMs: number;
  /** Longest wait after a failure. @default 30 s */
  readonly maxRetryMs: number;
  /** A resource type whose CRD is not installed is looked for this often. @default 1 min */
  readonly lookAgainMs: number;
}

/** The times used in production. */
export const CACHE_TIMES: CacheTimes = {
  silentAfterMs: 100_000,
  relistEveryMs: 600_000,
  giveUpAfterMs: 300_000,
  retryMs: 500,
  maxRetryMs: 30_000,
  lookAgainMs: 60_000,
};

/** Objects on one page of a list: a pod is 10 kB of JSON, and a page is in memory twice while it is parsed. */
const PAGE = 200;

/** What a cache is about and whom it tells. */
export interface WatchCacheOptions {
  readonly resource: ResourceType;
  readonly cluster: ClusterPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly selection?: Selection;
  readonly indexes?: Readonly<Record<string, IndexFunction>>;
  /** The resource type may be absent: a 404 is then an empty, synced cache. @default false */
  readonly optional?: boolean;
  /** Makes a smaller copy of an object before it is stored. @default managedFields are dropped */
  readonly prune?: (object: KubeObject) => KubeObject;
  readonly times?: Partial<CacheTimes>;
  /** Told of each change, own writes included. Must not throw. */
  readonly onChange?: (change: Change) => void;
  /** Told when the first list is in, and when one is that was asked for by `freshen`. */
  readonly onSynced?: () => void;
  /** Told once when the cache cannot catch up any more. */
  readonly onFatal?: (error: Error) => void;
}

/** Cache of one resource type, kept current by list and watch. */
export class WatchCache implements AssumingCache {
  private readonly store: ObjectStore;
  private readonly times: CacheTimes;
  private readonly name: string;
  private synced = false;
  /** What there was when `freshen` was called is known. */
  private fresh = false;
  private running = false;
  private failures = 0;
  private silences = 0;
  private heardMs = 0;
  private listedMs = 0;
  private position = '0';
  private watch: WatchHandle | undefined;
  /** Numbers the attempts: what a former list or watch still brings is not ours any more. */
  private attempt = 0;
  private cancelNext: () => void = () => undefined;
  private cancelCheck: () => void = () => undefined;

  constructor(private readonly options: WatchCacheOptions) {
    this.store = new ObjectStore(options.indexes);
    this.times = { ...CACHE_TIMES, ...options.times };
    this.name = resourceName(options.resource);
  }

  get(key: string): KubeObject | undefined {
    return this.store.get(key);
  }

  list(): readonly KubeObject[] {
    return this.store.list();
  }

  byIndex(index: string, value: string): readonly KubeObject[] {
    return this.store.byIndex(index, value);
  }

  hasSynced(): boolean {
    return this.synced;
  }

  assume(object: KubeObject): void {
    this.tell(isGone(object) ? this.store.remove(object) : this.store.put(this.prune(object)));
  }

  /** Whether the first list is in, and one that was asked for by `freshen`. */
  isFresh(): boolean {
    return this.fresh;
  }

  /** Reads the whole list again, whatever the watch has told or kept silent about. The contents stay readable meanwhile. */
  freshen(): void {
    this.fresh = false;
    if (this.running) void this.relist();
  }

  /** Seconds since the server last said anything: an event, a bookmark or a list. */
  secondsSinceHeard(): number {
    return (this.options.clock.now() - this.heardMs) / 1000;
  }

  /** Starts to list and watch. */
  start(): void {
    if (this.running) return;
    this.running = true;
    this.heardMs = this.options.clock.now();
    void this.relist();
    this.checkLater();
  }

  /** Stops; nothing is told any more. The contents stay readable. */
  stop(): void {
    this.running = false;
    this.endAttempt();
    this.cancelCheck();
  }

  private endAttempt(): number {
    this.cancelNext();
    this.watch?.stop();
    this.watch = undefined;
    this.attempt += 1;
    return this.attempt;
  }

  private async relist(): Promise<void> {
    const attempt = this.endAttempt();
    try {
      const { items, version } = await this.readPages(attempt);
      if (attempt !== this.attempt) return;
      this.failures = 0;
      this.takeList(items, version);
      this.openWatch();
    } catch (error) {
      if (attempt === this.attempt) this.listFailed(error as Error);
    }
  }

  private async readPages(attempt: number): Promise<{ items: KubeObject[]; version: string }> {
    const { cluster, resource, selection } = this.options;
    const items: KubeObject[] = [];
    let page: ObjectPage | undefined;
    do {
      page = await cluster.list(resource, { ...selection, limit: PAGE, continueToken: page?.continueToken });
      for (const item of page.items) items.push(this.prune(item));
    } while (page.continueToken && attempt === this.attempt);
    return { items, version: page.resourceVersion };
  }

  private takeList(items: readonly KubeObject[], version: string): void {
    this.heard();
    this.listedMs = this.heardMs;
    this.position = version;
    const wasFresh = this.fresh;
    this.synced = true;
    this.fresh = true;
    for (const change of this.store.replace(items, version)) this.tell(change);
    this.options.metrics.gauge('aicluster_cache_objects', this.store.size, { resource: this.name });
    if (!wasFresh) this.options.onSynced?.();
  }

  private listFailed(error: Error): void {
    // A server that is just starting may not serve what it served before: what we hold is let go of only after several 404s.
    if (error instanceof NotFound && this.options.optional && (this.store.size === 0 || this.failures >= 3)) {
      this.failures = 0;
      this.takeList([], this.position);
      this.next(this.times.lookAgainMs, () => void this.relist());
      return;
    }
    this.options.log.warn('list failed', { resource: this.name, error: error.message });
    this.retry(error, () => void this.relist());
  }

  private openWatch(): void {
    const attempt = this.endAttempt();
    const { cluster, resource, selection } = this.options;
    const mine = (): boolean => attempt === this.attempt;
    this.watch = cluster.watch(
      resource,
      { ...selection, resourceVersion: this.position },
      {
        onEvent: (event) => {
          if (mine()) this.take(event);
        },
        onEnd: (error) => {
          if (mine()) this.watchEnded(error);
        },
      },
    );
  }

  private take(event: WatchEvent): void {
    this.heard();
    this.failures = 0;
    if (event.type === 'BOOKMARK') {
      this.position = newerVersion(event.resourceVersion, this.position);
      return;
    }
    this.position = newerVersion(event.object.metadata.resourceVersion ?? '0', this.position);
    this.tell(event.type === 'DELETED' ? this.store.remove(event.object) : this.store.put(this.prune(event.object)));
  }

  private watchEnded(error: Error | undefined): void {
    this.watch = undefined;
    this.options.metrics.count('aicluster_cache_watch_ends_total', {
      resource: this.name,
      reason: error?.name ?? 'closed',
    });
    if (!error) return this.next(this.options.random() * this.times.retryMs, () => this.openWatch());
    this.options.log.warn('watch ended', { resource: this.name, error: error.message });
    // A 404 means that the resource type itself went away; only a list tells what is left.
    const lost = error instanceof Expired || error instanceof NotFound;
    this.retry(error, lost ? () => void this.relist() : () => this.openWatch());
  }

  private retry(error: Error, again: () => void): void {
    const wait = Math.min(this.times.retryMs * 2 ** this.failures, this.times.maxRetryMs);
    this.failures += 1;
    const asked = error instanceof TooManyRequests ? error.retryAfterMs : 0;
    this.next(Math.max(asked, wait / 2) + (this.options.random() * wait) / 2, again);
  }

  private next(ms: number, action: () => void): void {
    this.cancelNext();
    this.cancelNext = this.options.clock.after(ms, action);
  }

  private heard(): void {
    this.heardMs = this.options.clock.now();
    this.silences = 0;
  }

  private checkLater(): void {
    const every = Math.min(this.times.silentAfterMs, this.times.giveUpAfterMs) / 4;
    this.cancelCheck = this.options.clock.after(every, () => {
      this.check();
      if (this.running) this.checkLater();
    });
  }

  /** The watch dog: says how fresh we are, replaces a silent watch, lists again in time, gives up. */
  private check(): void {
    const silentMs = this.options.clock.now() - this.heardMs;
    this.options.metrics.gauge('aicluster_cache_seconds_since_heard', silentMs / 1000, { resource: this.name });
    if (silentMs >= this.times.giveUpAfterMs) return this.giveUp(silentMs);
    if (!this.watch) return;
    if (this.options.clock.now() - this.listedMs >= this.times.relistEveryMs) return void this.relist();
    if (silentMs < this.times.silentAfterMs * (this.silences + 1)) return;
    this.silences += 1;
    this.options.log.warn('watch is silent', { resource: this.name, seconds: silentMs / 1000 });
    this.options.metrics.count('aicluster_cache_silences_total', { resource: this.name });
    // The second time in a row a list must prove that the server is there at all.
    if (this.silences > 1) void this.relist();
    else this.openWatch();
  }

  private giveUp(silentMs: number): void {
    this.stop();
    const seconds = Math.round(silentMs / 1000);
    const message = `heard nothing about ${this.name} (${apiVersionOf(this.options.resource)}) for ${seconds} s; starting over`;
    this.options.log.error(message);
    this.options.onFatal?.(new Error(message));
  }

  private prune(object: KubeObject): KubeObject {
    return this.options.prune ? this.options.prune(object) : withoutManagedFields(object);
  }

  private tell(change: Change | undefined): void {
    if (change) this.options.onChange?.(change);
  }
}
