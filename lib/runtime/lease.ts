/**
 * One leader at a time, by a Lease of coordination.k8s.io, as client-go elects its own: the holder renews, others take over when they
 * saw no renewal for the whole lease duration by their own clock. Differences on purpose: holding ends by our clock, before anyone may
 * take over, and whoever takes over from another waits until the calls of the former leader are over too.
 */
import { formatMicroTime, parseTime, type KubeObject } from '../domain/kube';
import { LEASES } from '../domain/resources';
import { AlreadyExists, Conflict, ifThere, LeaseLost, NotFound } from './errors';
import type { Leadership } from './fence';
import type { Clock, ClusterPort, Log, Random } from './ports';

/** How patient leaders and candidates are. */
export interface LeaseTimes {
  /** Others may take over after this long without a renewal. @default 15 s */
  readonly durationMs: number;
  /** We count as the holder this long after the renewal we sent last. @default 10 s */
  readonly holdMs: number;
  /** Renewals and attempts come this often. @default 2 s */
  readonly retryMs: number;
  /** The longest call: a former leader's may land this long after it lost the lease. @default 15 s */
  readonly longestCallMs: number;
}

/** The times used in production. */
export const LEASE_TIMES: LeaseTimes = { durationMs: 15_000, holdMs: 10_000, retryMs: 2000, longestCallMs: 15_000 };

/** Which lease, and who asks for it. */
export interface LeaseOptions {
  /** Not fenced: the lease guards all other writes. */
  readonly cluster: ClusterPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Unique among all that ask for it, and the same after a restart in place: the pod's name. */
  readonly identity: string;
  readonly times?: Partial<LeaseTimes>;
}

/** On the Lease: before this time its holder writes nothing else. Outlives a crash of the holder and a lost answer. */
const WRITE_AFTER = 'aicluster.dev/write-after';

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}
type Lease = KubeObject<LeaseSpec>;
type Callbacks = Parameters<Leadership['start']>[0];

/** Seeks the lease, renews it, and says when it is lost. */
export class LeaseLeadership implements Leadership {
  private readonly times: LeaseTimes;
  private callbacks: Callbacks | undefined;
  /** resourceVersion of our latest write; undefined while it is not ours. */
  private version: string | undefined;
  private renewedMs = -Infinity;
  /** What we saw of another holder, and when we saw it first. */
  private seen = '';
  private seenMs = 0;
  private anotherHadIt = false;
  private ended = false;
  private writing: Promise<unknown> = Promise.resolve();
  private cancel: () => void = () => undefined;

  constructor(private readonly options: LeaseOptions) {
    this.times = { ...LEASE_TIMES, ...options.times };
  }

  start(callbacks: Callbacks): void {
    this.callbacks = callbacks;
    this.turn();
  }

  held(): boolean {
    return this.version !== undefined && !this.ended && this.options.clock.now() - this.renewedMs < this.times.holdMs;
  }

  async release(): Promise<void> {
    this.ended = true;
    this.cancel();
    await this.writing.catch(() => undefined);
    if (this.version === undefined) return;
    const { cluster, log, clock } = this.options;
    const spec = { holderIdentity: '', leaseDurationSeconds: 1, renewTime: formatMicroTime(clock.now()) };
    const patch = { metadata: { resourceVersion: this.version }, spec };
    this.version = undefined;
    await cluster.mergePatch(LEASES, this.place, patch).then(
      () => log.info('lease released', { lease: this.options.name }),
      (error: Error) => log.warn('lease not released; it will run out', { error: error.message }),
    );
  }

  private get place(): { readonly name: string; readonly namespace: string } {
    return { name: this.options.name, namespace: this.options.namespace };
  }

  private turn(): void {
    this.writing = this.version === undefined ? this.seek() : this.renew();
    void this.writing
      .catch((error: Error) => this.options.log.warn('lease not reached', { error: error.message }))
      .then(() => this.nextTurn());
  }

  private nextTurn(): void {
    if (this.ended) return;
    if (this.version !== undefined && !this.held()) return this.lose('it could not be renewed in time');
    const wait = this.times.retryMs * (0.8 + 0.4 * this.options.random());
    this.cancel = this.options.clock.after(wait, () => this.turn());
  }

  private async renew(): Promise<void> {
    const sentMs = this.options.clock.now();
    const patch = { metadata: { resourceVersion: this.version }, spec: { renewTime: formatMicroTime(sentMs) } };
    // A renewal that hangs must not keep us from noticing that the time to hold is over.
    const cancelAlarm = this.options.clock.after(this.times.holdMs - (sentMs - this.renewedMs), () => this.checkHeld());
    try {
      const lease = await this.options.cluster.mergePatch(LEASES, this.place, patch);
      this.version = this.version && lease.metadata.resourceVersion;
      this.renewedMs = sentMs;
    } catch (error) {
      if (error instanceof Conflict || error instanceof NotFound) await this.readAgain();
      else throw error;
    } finally {
      cancelAlarm();
    }
  }

  /** Somebody wrote the lease: a person's annotation is harmless, another holder is not. */
  private async readAgain(): Promise<void> {
    const lease = await this.read();
    if (lease?.spec?.holderIdentity === this.options.identity) this.version = lease.metadata.resourceVersion;
    else this.lose(`it is held by ${lease?.spec?.holderIdentity || 'nobody'} now`);
  }

  private checkHeld(): void {
    if (this.version !== undefined && !this.ended && !this.held()) this.lose('it could not be renewed in time');
  }

  private async seek(): Promise<void> {
    const lease = await this.read();
    const holder = lease?.spec?.holderIdentity ?? '';
    const fromAnother = holder !== '' && holder !== this.options.identity;
    this.anotherHadIt ||= fromAnother;
    if (fromAnother && !this.ranOut(lease!)) return;
    await this.take(lease, this.waitFor(lease, fromAnother)).catch((error: Error) => {
      // Another candidate was faster.
      if (!(error instanceof Conflict || error instanceof AlreadyExists)) throw error;
    });
  }

  /** Whether nothing moved in the lease for its whole duration, by our own clock: clocks of others are not to be trusted. */
  private ranOut({ metadata, spec }: Lease): boolean {
    const now = this.options.clock.now();
    if (this.seen !== metadata.resourceVersion) {
      this.seen = metadata.resourceVersion!;
      this.seenMs = now;
    }
    return now - this.seenMs >= Math.max(this.times.durationMs, (spec?.leaseDurationSeconds ?? 0) * 1000);
  }

  /** What a former leader sent before it noticed may still land; one that released, or was ourselves, sends nothing. */
  private waitFor(lease: Lease | undefined, fromAnother: boolean): number {
    if (fromAnother) return this.times.durationMs + this.times.longestCallMs;
    if (lease?.spec?.holderIdentity !== this.options.identity) return 0;
    const writeAfterMs = parseTime(lease.metadata.annotations?.[WRITE_AFTER]) ?? 0;
    return Math.max(0, writeAfterMs - this.options.clock.now());
  }

  private async take(lease: Lease | undefined, waitMs: number): Promise<void> {
    const { cluster, clock, identity, log, name } = this.options;
    const sentMs = clock.now();
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.times.durationMs / 1000),
      acquireTime: formatMicroTime(sentMs),
      renewTime: formatMicroTime(sentMs),
      leaseTransitions: (lease?.spec?.leaseTransitions ?? 0) + (lease ? 1 : 0),
    };
    const annotations = { [WRITE_AFTER]: formatMicroTime(sentMs + waitMs) };
    const about = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    const written = lease
      ? await cluster.mergePatch(LEASES, this.place, {
          metadata: { resourceVersion: lease.metadata.resourceVersion, annotations },
          spec,
        })
      : await cluster.create(LEASES, { ...about, metadata: { ...this.place, annotations }, spec });
    if (this.ended) return;
    this.version = written.metadata.resourceVersion;
    this.renewedMs = sentMs;
    log.info('lease acquired', { lease: name, identity, waitMs });
    clock.after(waitMs, () => {
      if (this.held()) this.callbacks?.onAcquired(this.anotherHadIt);
    });
  }

  private async read(): Promise<Lease | undefined> {
    return (await ifThere(this.options.cluster.get(LEASES, this.place))) as Lease | undefined;
  }

  private lose(why: string): void {
    if (this.ended) return;
    this.ended = true;
    this.version = undefined;
    this.cancel();
    this.callbacks?.onLost(
      new LeaseLost(`lease ${this.options.namespace}/${this.options.name} is lost: ${why}`, 0, 'LeaseLost'),
    );
  }
}
