/**
 * The network and the process between one client and the server: latency, watch lag, events that come twice, late or never, dropped
 * watches, refusals, answers lost after the write took effect, and kill -9 between any two writes. All from one seeded stream.
 */
import type { KubeObject } from '../domain/kube';
import { LEASES, type ResourceType } from '../domain/resources';
import { TooManyRequests, Unavailable } from '../runtime/errors';
import type { Clock, ClusterPort, Random, Selection, WatchEvent, WatchHandle, WatchListener } from '../runtime/ports';
import type { ApiServer } from './api-server';
import { NO_FAULTS, type FaultName, type FaultRates } from './fault-rates';
import { Heard } from './heard';

/** Who wants to know. */
export interface FaultWatcher {
  /** A fault was injected. */
  fault?(name: FaultName): void;
  /** Edit this object as somebody else would, now. */
  foreignEdit?(resource: ResourceType, name: { readonly name: string; readonly namespace?: string }): void;
  /** The process has died. */
  crashed?(): void;
  /** A write arrives. */
  writes?(resource: ResourceType | undefined): void;
}

/** What a port works with. */
export interface FaultyPortOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly rates?: Partial<FaultRates>;
  readonly watcher?: FaultWatcher;
  /** The name its writes carry. */
  readonly actor?: string;
}

interface OpenWatch {
  readonly resource: ResourceType;
  silent: boolean;
  held: WatchEvent | undefined;
  readonly listener: WatchListener;
  handle: WatchHandle & { finish(error: Error | undefined): void };
}

/** A client's view of the server, with faults. */
export class FaultyPort implements ClusterPort {
  /** May be changed at any time. */
  rates: FaultRates;
  /** What came through it. */
  readonly heard: Heard;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly watcher: FaultWatcher;
  private dead = false;
  private throttled = { calls: 0, retryAfterMs: 0 };
  private failing = 0;
  private leasesRefusedUntilMs = 0;
  private readonly watches = new Set<OpenWatch>();
  private readonly forced = new Set<FaultName>();

  constructor(
    private readonly server: ApiServer,
    private readonly options: FaultyPortOptions,
  ) {
    this.clock = options.clock;
    this.heard = new Heard(options.clock);
    this.random = options.random;
    this.rates = { ...NO_FAULTS, ...options.rates };
    this.watcher = options.watcher ?? {};
  }

  async list(resource: ResourceType, options?: Parameters<ClusterPort['list']>[1]) {
    const page = await this.call(() => this.server.list(resource, options));
    // A look at some of them tells nothing about the others.
    const whole = !page.continueToken && !options?.fieldSelector && !options?.labelSelector;
    if (whole) this.heard.upTo(resource, Number(page.resourceVersion));
    return page;
  }
  get(resource: ResourceType, name: Parameters<ClusterPort['get']>[1]) {
    return this.call(() => this.server.get(resource, name), resource);
  }
  create(resource: ResourceType, object: KubeObject) {
    return this.write(resource, object.metadata, () => this.server.create(resource, object));
  }
  mergePatch(...args: Parameters<ClusterPort['mergePatch']>) {
    return this.write(args[0], args[1], () => this.server.mergePatch(...args));
  }
  apply(...args: Parameters<ClusterPort['apply']>) {
    return this.write(args[0], args[1].metadata, () => this.server.apply(...args));
  }
  delete(...args: Parameters<ClusterPort['delete']>) {
    return this.write(args[0], args[1], () => this.server.delete(...args));
  }
  evict(...args: Parameters<ClusterPort['evict']>) {
    return this.write(undefined, args[0], () => this.server.evict(...args));
  }

  watch(
    resource: ResourceType,
    options: Selection & { readonly resourceVersion: string },
    listener: WatchListener,
  ): WatchHandle {
    if (this.dead) return { stop: () => undefined };
    const open: OpenWatch = { resource, silent: false, held: undefined, listener, handle: undefined as never };
    this.watches.add(open);
    open.handle = this.server.watch(
      resource,
      { ...options, lagMs: () => this.draw(this.rates.lagMs) },
      {
        onEvent: (event) => this.deliver(open, event),
        onEnd: (error) => {
          this.watches.delete(open);
          if (!open.silent) listener.onEnd(error);
        },
      },
    );
    return {
      stop: () => {
        this.watches.delete(open);
        open.handle.stop();
      },
    };
  }

  /** kill -9: what is under way never answers, watches fall silent, nothing more is sent. */
  kill(): void {
    this.dead = true;
    for (const open of this.watches) open.handle.stop();
    this.watches.clear();
  }

  /** Breaks every open watch. */
  dropWatches(): void {
    for (const open of [...this.watches]) this.breakWatch(open);
  }

  /** Open watches stay open and never deliver anything again. */
  silenceWatches(): void {
    for (const open of this.watches) open.silent = true;
  }

  /** Answers the next calls with 429. */
  throttle(calls: number, retryAfterMs: number): void {
    this.throttled = { calls, retryAfterMs };
  }

  /** Answers the next calls with 500, without performing them. */
  fail(calls: number): void {
    this.failing = calls;
  }

  /** For so long it can neither read nor renew a Lease; everything else goes on: whoever holds one loses it with its hands free. */
  refuseLeases(ms: number): void {
    this.leasesRefusedUntilMs = this.clock.now() + ms;
  }

  /** This happens the next time it can. */
  force(name: FaultName): void {
    this.forced.add(name);
  }

  private happens(name: FaultName): boolean {
    const rate = this.forced.delete(name) ? 1 : this.rates[name];
    if (rate === 0 || this.random() >= rate) return false;
    this.watcher.fault?.(name);
    return true;
  }

  private draw([from, to]: readonly [number, number]): number {
    return to === 0 ? 0 : Math.round(from + this.random() * (to - from));
  }

  private later(ms: number, callback: () => void): void {
    const alive = () => {
      if (!this.dead) callback();
    };
    if (ms <= 0) alive();
    else this.clock.after(ms, alive);
  }

  private call<T>(perform: () => T, resource?: ResourceType): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.dead) return;
      const latencyMs = this.draw(this.rates.latencyMs);
      this.later(latencyMs, () => {
        const answer = this.attempt(perform, resource);
        this.later(latencyMs, () => ('error' in answer ? reject(answer.error) : resolve(answer.value)));
      });
    });
  }

  private attempt<T>(
    perform: () => T,
    resource: ResourceType | undefined,
  ): { readonly value: T } | { readonly error: unknown } {
    try {
      this.refuse(resource);
      return { value: perform() };
    } catch (error) {
      return { error };
    }
  }

  private refuse(resource: ResourceType | undefined): void {
    this.server.requireReachable();
    if (resource?.kind === LEASES.kind && this.clock.now() < this.leasesRefusedUntilMs)
      throw new Unavailable('connection refused', 0, 'ConnectionRefused');
    if (this.throttled.calls > 0) {
      this.throttled.calls--;
      throw new TooManyRequests('the server is busy', this.throttled.retryAfterMs);
    }
    if (this.failing > 0) {
      this.failing--;
      throw new Unavailable('internal error', 500, 'InternalError');
    }
    if (this.happens('throttle')) throw new TooManyRequests('the server is busy', 1000);
    if (this.happens('failBefore')) throw new Unavailable('connection refused', 0, 'ConnectionRefused');
  }

  private write<T>(
    resource: ResourceType | undefined,
    name: { readonly name: string; readonly namespace?: string },
    perform: () => T,
  ): Promise<T> {
    return this.call(() => {
      if (resource && this.happens('foreignEdit')) this.watcher.foreignEdit?.(resource, name);
      const dies = this.happens('crash');
      if (dies && this.random() < 0.5) return this.die();
      this.watcher.writes?.(resource);
      const value = this.server.as(this.options.actor ?? 'client', perform);
      if (dies) return this.die();
      if (this.happens('failAfter')) throw new Unavailable('the answer was lost', 0, 'ConnectionReset');
      return value;
    }, resource);
  }

  private die(): never {
    this.kill();
    this.watcher.crashed?.();
    throw new Unavailable('killed', 0, 'Killed');
  }

  private deliver(open: OpenWatch, event: WatchEvent): void {
    if (!open.silent && this.happens('silence')) open.silent = true;
    if (open.silent) return;
    if (this.happens('dropWatch')) return this.breakWatch(open);
    const late = open.held;
    open.held = undefined;
    open.listener.onEvent(event);
    this.heard.upTo(open.resource, versionOf(event));
    if (event.type === 'BOOKMARK') return;
    if (this.happens('duplicateEvent')) open.listener.onEvent(event);
    if (late) open.listener.onEvent(late);
    if (this.happens('lateEvent')) open.held = event;
  }

  private breakWatch(open: OpenWatch): void {
    this.watches.delete(open);
    open.handle.stop();
    if (!open.silent) open.listener.onEnd(new Unavailable('connection reset by peer', 0, 'ConnectionReset'));
  }
}

function versionOf(event: WatchEvent): number {
  return Number(event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion);
}
