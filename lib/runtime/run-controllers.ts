/**
 * Runs controllers: one shared cache for each resource type, one queue for each controller, work only while the lease is ours. The
 * same code runs in the cluster, in the simulator on virtual time, and in tests: it knows no other time than its clock.
 */
import { keyOf, type KubeObject } from '../domain/kube';
import { resourceName, type ResourceType } from '../domain/resources';
import { WatchCache, type CacheTimes } from './cache';
import type { Controller, ControllerContext, ControllerWatch, EventRecorder, Metrics } from './controller';
import { LeaseLost } from './errors';
import { eventRecorder } from './events';
import { fencedPorts, soleLeader, type Fence, type Leadership } from './fence';
import type { Change, IndexFunction } from './object-store';
import type { Clock, CloudPort, ClusterPort, EvidencePort, Log, Random } from './ports';
import { WorkQueue, type Verdict } from './queue';
import { reconcileOnce } from './reconcile-once';
import { ownedIndexes, ownView, watchesByResource, type OwnedWatch } from './shared-caches';

/** What the controllers of one process run with. */
export interface RunnerOptions {
  readonly controllers: readonly Controller[];
  readonly cluster: ClusterPort;
  readonly cloud: CloudPort;
  /** Where evidence of node health goes. @default nowhere */
  readonly evidence?: EvidencePort | undefined;
  /** Name of the EKS cluster, as tags of instances say it. @default unknown: no instance is ended or rebooted */
  readonly clusterName?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told once when this process should end: its lease is lost or a cache cannot catch up. */
  readonly onFatal: (error: Error) => void;
  /** Who may write. @default this process, always */
  readonly leadership?: Leadership;
  /** What runs these controllers, as metrics name it. @default controllers */
  readonly process?: string;
  /** Reporting controller of Events. @default aicluster.dev/controllers */
  readonly component?: string;
  /** Reporting instance of Events: the pod. @default the component */
  readonly instance?: string;
  /** How objects of a resource type are made smaller before they are cached. @default managedFields are dropped */
  readonly prune?: (resource: ResourceType) => ((object: KubeObject) => KubeObject) | undefined;
  readonly cacheTimes?: Partial<CacheTimes>;
  /** Narrows the port of one controller, as the simulator does with its permissions. @default the port as it is */
  readonly narrow?: (controller: string, port: ClusterPort) => ClusterPort;
  /** Keys of one controller worked on at the same time. @default 4 */
  readonly concurrency?: number;
  /** Least time between two starts of the same key of one controller. @default 100 ms */
  readonly minIntervalMs?: number;
}

/** Running controllers. */
export interface Runner {
  start(): void;
  /** Finishes writes in flight, gives the lease back, stops caches. Resolves within about 4 s of the clock. */
  stop(): Promise<void>;
  /** Whether every cache has its first list: what `/readyz` says, leader or not. */
  ready(): boolean;
  /** Whether the controllers are working: the lease is ours and caches are synced. */
  working(): boolean;
}

/** Longest time an ending process waits for work and writes in flight. */
const STOP_WITHIN_MS = 3500;
/** A queue that refused keys is filled again from the caches after this long. */
const REFILL_MS = 60_000;

interface Running {
  readonly controller: Controller;
  readonly queue: WorkQueue;
  refilling: boolean;
}

/** Makes a runner; nothing happens before `start`. */
export function runControllers(options: RunnerOptions): Runner {
  return new ControllerRunner(options);
}

class ControllerRunner implements Runner {
  private readonly caches = new Map<string, WatchCache>();
  private readonly running: readonly Running[];
  private readonly fence: Fence;
  private readonly leadership: Leadership;
  private readonly events: EventRecorder;
  private acquired = false;
  private active = false;
  private stopped = false;

  constructor(private readonly options: RunnerOptions) {
    this.leadership = options.leadership ?? soleLeader();
    this.fence = fencedPorts(options, () => this.leadership.held());
    const component = options.component ?? 'aicluster.dev/controllers';
    this.events = eventRecorder({
      ...options,
      cluster: this.fence.port,
      reportingController: component,
      reportingInstance: options.instance ?? component,
    });
    for (const [name, watches] of watchesByResource(options.controllers)) {
      this.caches.set(name, this.makeCache(watches));
    }
    this.running = options.controllers.map((controller) => this.prepare(controller));
  }

  start(): void {
    this.tellWhetherWorking(0);
    for (const cache of this.caches.values()) cache.start();
    this.leadership.start({
      onAcquired: (afterAnother) => this.takeOver(afterAnother),
      onLost: (error) => this.fail(error),
    });
  }

  /** A watch that fell silent while we stood by has not told us what the former leader did: everything is read anew. */
  private takeOver(afterAnother: boolean): void {
    this.acquired = true;
    this.options.log.info('lease is ours', { afterAnother });
    if (afterAnother) for (const cache of this.caches.values()) cache.freshen();
    this.activate();
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.active = false;
    const writesDone = this.fence.close();
    const workDone = this.running.map(({ queue }) => queue.stop());
    await this.within(Promise.all([writesDone, ...workDone]), STOP_WITHIN_MS);
    // A write still in flight may land later: then the lease must run out instead of being handed over.
    if (this.fence.inFlight() === 0) await this.within(this.leadership.release(), STOP_WITHIN_MS / 4);
    for (const cache of this.caches.values()) cache.stop();
  }

  ready(): boolean {
    return [...this.caches.values()].every((cache) => cache.hasSynced());
  }

  working(): boolean {
    return this.active;
  }

  private makeCache(watches: readonly OwnedWatch[]): WatchCache {
    const { resource, selection } = watches[0]!.watch;
    return new WatchCache({
      ...this.options,
      ...{ resource, selection },
      indexes: Object.assign({}, ...watches.map(ownedIndexes)) as Record<string, IndexFunction>,
      optional: watches.every(({ watch }) => watch.optional === true),
      prune: this.options.prune?.(resource),
      times: this.options.cacheTimes,
      onChange: (change) => this.spread(watches, change),
      onSynced: () => this.activate(),
      onFatal: (error) => this.fail(error),
    });
  }

  private prepare(controller: Controller): Running {
    const context = this.contextOf(controller);
    const { clock, random } = this.options;
    const tripped = new Set<string>();
    const work = async (key: string): Promise<Verdict> => {
      const verdict = await reconcileOnce(controller, key, context, tripped);
      this.options.metrics.gauge('aicluster_queue_depth', queue.depth, { controller: controller.name });
      return verdict;
    };
    const { concurrency = 4, minIntervalMs } = this.options;
    const queue = new WorkQueue({ clock, random, work, concurrency, minIntervalMs });
    return { controller, queue, refilling: false };
  }

  private contextOf(controller: Controller): ControllerContext {
    const { clock, random, metrics, log, narrow, evidence, clusterName } = this.options;
    const views = new Map(
      controller.watches.map(({ resource }) => {
        const name = resourceName(resource);
        return [name, ownView(this.caches.get(name)!, controller.name)];
      }),
    );
    return {
      cluster: narrow ? narrow(controller.name, this.fence.port) : this.fence.port,
      cache: (resource) => {
        const view = views.get(resourceName(resource));
        if (view) return view;
        throw new Error(`${controller.name} reads ${resourceName(resource)} and does not watch it: add it there`);
      },
      events: this.events,
      cloud: this.fence.cloud,
      ...(evidence ? { evidence } : {}),
      ...(clusterName ? { clusterName } : {}),
      clock,
      random,
      metrics,
      log,
    };
  }

  /** Work starts once the lease is ours and every cache is synced and fresh, with a look at everything there is. */
  private activate(): void {
    if (this.active || this.stopped || !this.acquired) return;
    if (![...this.caches.values()].every((cache) => cache.isFresh())) return;
    this.active = true;
    this.tellWhetherWorking(1);
    this.options.log.info('controllers are working', { controllers: this.running.map((one) => one.controller.name) });
    for (const one of this.running) {
      this.fill(one);
      one.queue.start();
    }
  }

  private tellWhetherWorking(value: 0 | 1): void {
    const { metrics, process = 'controllers' } = this.options;
    metrics.gauge('aicluster_controllers_working', value, { process });
  }

  private fill({ controller, queue }: Running): void {
    for (const watch of controller.watches) {
      for (const object of this.caches.get(resourceName(watch.resource))!.list()) {
        for (const key of this.keysOf(controller, watch, object)) queue.add(key);
      }
    }
  }

  private spread(watches: readonly OwnedWatch[], { next, previous }: Change): void {
    if (!this.active) return;
    for (const { controller, watch } of watches) {
      const one = this.running.find((candidate) => candidate.controller === controller)!;
      const before = previous ? this.keysOf(controller, watch, previous) : [];
      const after = next ? this.keysOf(controller, watch, next) : [];
      for (const key of new Set([...before, ...after])) {
        if (!one.queue.add(key)) this.refillLater(one);
      }
    }
  }

  private keysOf(controller: Controller, watch: ControllerWatch, object: KubeObject): readonly string[] {
    try {
      return watch.keys(object);
    } catch (error) {
      const { log, metrics } = this.options;
      metrics.count('aicluster_controller_bugs_total', { controller: controller.name });
      log.error('no keys for an object: a bug', {
        controller: controller.name,
        object: keyOf(object),
        error: String(error),
      });
      return [];
    }
  }

  private refillLater(one: Running): void {
    const { clock, metrics, log } = this.options;
    metrics.count('aicluster_queue_refusals_total', { controller: one.controller.name });
    if (one.refilling) return;
    one.refilling = true;
    log.warn('queue is full; looking at everything again later', { controller: one.controller.name });
    clock.after(REFILL_MS, () => {
      one.refilling = false;
      if (this.active) this.fill(one);
    });
  }

  private fail(error: Error): void {
    if (this.stopped) return;
    this.active = false;
    if (error instanceof LeaseLost) void this.fence.close();
    for (const { queue } of this.running) void queue.stop();
    this.options.onFatal(error);
  }

  private within(work: Promise<unknown>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(ms, resolve);
      const done = (): void => (cancel(), resolve());
      work.then(done, done);
    });
  }
}
