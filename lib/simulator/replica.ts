/**
 * One replica of the controllers' Deployment: the real controllers through the real runner, behind the permissions they declare, on a
 * network with faults. It may be killed between any two writes; a new one starts some seconds later and knows nothing.
 */
import { CONTROLLERS_NAMESPACE } from '../domain/namespaces';
import { PERMISSIONS, permissionsOf, RUNTIME_PERMISSIONS } from '../domain/permissions';
import type { ResourceType } from '../domain/resources';
import type { Controller } from '../runtime/controller';
import { declaredPort } from '../runtime/declared-port';
import { LeaseLeadership } from '../runtime/lease';
import { MemoryMetrics } from '../runtime/memory-metrics';
import type { Clock, ClusterPort, Log } from '../runtime/ports';
import { runControllers, type Runner } from '../runtime/run-controllers';
import type { ApiServer } from './api-server';
import type { CloudModel } from './cloud';
import type { FaultName, FaultRates } from './fault-rates';
import { FaultyPort, type FaultWatcher } from './faults';
import { between, splitRandom } from './random';

/** The name under which their writes are known. */
export const CONTROLLERS_ACTOR = 'aicluster';
/** How long the kubelet takes to start a process again. */
const RESTART_MS = [500, 12_000] as const;

/** What a replica runs with. */
export interface ReplicaOptions {
  readonly name: string;
  readonly seed: number;
  readonly server: ApiServer;
  readonly clock: Clock;
  readonly controllers: readonly Controller[];
  readonly cloud: CloudModel;
  /** Rates of faults at this moment. */
  rates(): FaultRates;
  readonly foreignEdit?: FaultWatcher['foreignEdit'];
  /** Whether a verb that is not declared is refused. */
  readonly fenced: boolean;
  /** A line for people: warnings, errors, restarts. */
  say(level: 'info' | 'warn' | 'error' | 'fault', message: string, fields?: Readonly<Record<string, unknown>>): void;
  fault(name: FaultName | 'restart'): void;
  /** A write of this replica arrives. */
  writes?(resource: ResourceType | undefined): void;
}

interface Incarnation {
  readonly number: number;
  readonly port: FaultyPort;
  readonly runner: Runner;
  alive: boolean;
}

/** A replica. */
export class Replica {
  readonly metrics = new MemoryMetrics();
  private current: Incarnation | undefined;
  private count = 0;
  private stopped = false;

  constructor(private readonly options: ReplicaOptions) {}

  /** How often it was started. */
  get starts(): number {
    return this.count;
  }

  /** Whether its controllers are working. */
  working(): boolean {
    return this.current?.runner.working() ?? false;
  }

  /** Since when (epoch ms) its process has known of this version of a resource type; Infinity: it does not. */
  knowsSince(resource: ResourceType, version: number): number {
    return this.current?.port.heard.since(resource, version) ?? Infinity;
  }

  /** Starts the process. */
  start(): void {
    const { options } = this;
    const number = ++this.count;
    const random = splitRandom(options.seed, `${options.name}/${number}`);
    const watcher: FaultWatcher = {
      fault: (name) => options.fault(name),
      foreignEdit: options.foreignEdit,
      writes: (resource) => options.writes?.(resource),
      crashed: () => this.die('kill -9', port),
    };
    const port: FaultyPort = new FaultyPort(options.server, {
      clock: options.clock,
      random: splitRandom(options.seed, `${options.name}/${number}/network`),
      rates: options.rates(),
      watcher,
      actor: CONTROLLERS_ACTOR,
    });
    const clock = this.mortalClock(number);
    const log = this.log();
    const cluster = this.declared(port);
    const leadership = new LeaseLeadership({
      cluster,
      clock,
      random,
      log,
      namespace: CONTROLLERS_NAMESPACE,
      name: 'aicluster-capacity',
      identity: options.name,
    });
    const runner = runControllers({
      controllers: options.controllers,
      cluster,
      cloud: options.cloud.port(),
      clusterName: options.cloud.cluster,
      clock,
      random,
      log,
      metrics: this.metrics,
      leadership,
      narrow: (controller, inner) => this.narrowed(controller, inner),
      onFatal: (error) => this.die(error.message, port),
    });
    this.current = { number, port, runner, alive: true };
    runner.start();
  }

  /** New rates of faults for the running process. */
  setRates(rates: FaultRates): void {
    if (this.current) this.current.port.rates = rates;
  }

  /** The next call or event goes wrong in this way. */
  force(name: FaultName): void {
    this.current?.port.force(name);
  }

  /** Breaks or silences what is open now. */
  disturb(how: 'dropWatches' | 'silenceWatches'): void {
    this.current?.port[how]();
  }

  /** For so long it cannot renew its lease, and can do everything else. */
  refuseLeases(ms: number): void {
    this.current?.port.refuseLeases(ms);
  }

  /** kill -9; the kubelet starts it again after a while. */
  kill(): void {
    if (this.current) this.die('kill -9', this.current.port);
  }

  /** Ends it in order, for good. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.current?.runner.stop();
    this.current?.port.kill();
  }

  private die(why: string, port: FaultyPort): void {
    const dying = this.current;
    if (!dying?.alive || dying.port !== port) return;
    dying.alive = false;
    port.kill();
    this.current = undefined;
    this.options.fault('restart');
    this.options.say('fault', `${this.options.name} ended: ${why}`);
    if (this.stopped) return;
    const random = splitRandom(this.options.seed, `${this.options.name}/${dying.number}/restart`);
    this.options.clock.after(between(random, ...RESTART_MS), () => {
      if (!this.current && !this.stopped) this.start();
    });
  }

  /** The timers of a dead process never fire. */
  private mortalClock(number: number): Clock {
    const { clock } = this.options;
    const alive = () => this.count === number && this.current !== undefined;
    return {
      now: () => clock.now(),
      after: (ms, callback) => clock.after(ms, () => alive() && callback()),
    };
  }

  private declared(port: ClusterPort): ClusterPort {
    if (!this.options.fenced) return port;
    return declaredPort(port, PERMISSIONS.flatMap(permissionsOf));
  }

  private narrowed(controller: string, port: ClusterPort): ClusterPort {
    if (!this.options.fenced) return port;
    const own = PERMISSIONS.flatMap(({ controllers }) => controllers).filter((one) => one.controller === controller);
    const declared = [...RUNTIME_PERMISSIONS.cluster, ...own.flatMap(({ cluster }) => cluster)];
    return declaredPort(port, declared);
  }

  private log(): Log {
    const { say } = this.options;
    return {
      info: (message, fields) => say('info', message, fields),
      warn: (message, fields) => say('warn', message, fields),
      error: (message, fields) => say('error', message, fields),
    };
  }
}
