/**
 * One training job while it is replayed, and its ledger. PURE but for its own state.
 *
 * Progress is time that its work went on. Kept progress is what a restart begins with: the state of the last checkpoint. The ledger
 * holds to the millisecond: time held = progress kept since the replay began + time lost, where lost is what a restart repeats, what a
 * restart itself takes, and the time between SIGTERM and the end of the pods.
 */
import type { PodFacts, PodGroupFacts } from '../../fleet';
import type { ReplayJob } from './jobs';
import type { Seat } from './nodes';
import { EPOCH_MS, TIMES } from './settings';

/** How a job that writes checkpoints writes them. */
export interface CheckpointRule {
  readonly intervalMs: number;
}

/** A stretch of time during which a gang holds its GPUs. */
interface Run {
  readonly startedAtMs: number;
  /** From when on its work makes progress. */
  readonly workFromMs: number;
  /** Since when its GPUs count in this replay. */
  readonly heldFromMs: number;
  /** Progress it began with. */
  readonly baseMs: number;
}

/** A job in the replay. */
export class Gang {
  readonly gpus: number;
  /** Where it waits since; of a running one: since when it had waited. */
  queuedAtMs: number;
  waitedMs = 0;
  heldMs = 0;
  keptMs = 0;
  lostMs = 0;
  preemptions = 0;
  /** When its work was done. */
  doneAtMs: number | undefined;
  /** When its pods were last gone after it gave way. */
  goneAtMs: number | undefined;
  state: 'Unborn' | 'Waiting' | 'Running' | 'Ending' | 'Done' = 'Unborn';
  seats: readonly Seat[] = [];
  pods: readonly PodFacts[] = [];
  podGroup!: PodGroupFacts;
  /** When the state of its newest checkpoint was, in virtual time; undefined: it has reported none. */
  private reportedAtMs: number | undefined;
  /** Progress in that checkpoint. */
  private savedMs = 0;
  private run: Run | undefined;
  /** Progress when this replay began, and then what the ledger has counted as kept. */
  private countedMs: number;

  constructor(
    readonly job: ReplayJob,
    private readonly rule: CheckpointRule,
  ) {
    this.gpus = job.gpus;
    this.queuedAtMs = job.submitMs;
    this.countedMs = job.elapsedMs;
  }

  get name(): string {
    return this.job.name;
  }

  get startedAtMs(): number {
    return this.run!.startedAtMs;
  }

  /** Its GPUs are its own from now on; returns when it will be done if nothing stops it. */
  start(nowMs: number): number {
    this.waitedMs += nowMs - this.queuedAtMs;
    const restartMs = this.preemptions > 0 ? TIMES.restartMs : 0;
    this.run = { startedAtMs: nowMs, workFromMs: nowMs + restartMs, heldFromMs: nowMs, baseMs: this.savedMs };
    this.state = 'Running';
    return nowMs + restartMs + this.job.durationMs - this.savedMs;
  }

  /** It has run before the replay begins; returns when it will be done. */
  startBefore(): number {
    const startedAtMs = EPOCH_MS - this.job.elapsedMs;
    this.run = { startedAtMs, workFromMs: startedAtMs, heldFromMs: EPOCH_MS, baseMs: 0 };
    this.state = 'Running';
    return startedAtMs + this.job.durationMs;
  }

  /** All its work is done. */
  finish(nowMs: number): void {
    this.close(this.job.durationMs, nowMs);
    this.state = 'Done';
    this.doneAtMs = nowMs;
  }

  /** SIGTERM: what it has not saved is lost from here on. */
  endSoon(nowMs: number): void {
    this.look(nowMs);
    this.state = 'Ending';
  }

  /** Its pods are gone; it waits again once it is resumed. */
  gone(nowMs: number): void {
    this.close(this.job.checkpoints ? this.savedMs : 0, nowMs);
    if (!this.job.checkpoints) this.savedMs = 0;
    this.preemptions += 1;
    this.goneAtMs = nowMs;
  }

  /** A checkpoint that was asked for then is there now. */
  answer(askedAtMs: number): void {
    this.save(this.progressAt(askedAtMs), askedAtMs);
  }

  /** Its newest checkpoint as it has reported it: when that state was. */
  checkpointAtMs(nowMs: number): number | undefined {
    if (this.state === 'Running') this.look(nowMs);
    return this.reportedAtMs;
  }

  /** What it would lose if it were told to end now, in milliseconds of all its GPUs. */
  lossAt(nowMs: number): number {
    this.look(nowMs);
    return this.progressAt(nowMs) - (this.job.checkpoints ? this.savedMs : 0);
  }

  /** How long it would still run if nothing stopped it. */
  remainingMs(nowMs: number): number {
    return this.job.durationMs - this.progressAt(nowMs);
  }

  /** Closes the books at the end of the replay. */
  settle(endMs: number): void {
    if (this.state === 'Waiting') this.waitedMs += endMs - this.queuedAtMs;
    if (this.state === 'Running') this.close(this.progressAt(endMs), endMs);
    if (this.state === 'Ending' && this.run) this.close(this.job.checkpoints ? this.savedMs : 0, endMs);
  }

  private close(progressMs: number, nowMs: number): void {
    const heldMs = nowMs - this.run!.heldFromMs;
    const keptMs = progressMs - this.countedMs;
    this.heldMs += heldMs;
    this.keptMs += keptMs;
    this.lostMs += heldMs - keptMs;
    this.countedMs = progressMs;
    this.run = undefined;
  }

  private progressAt(nowMs: number): number {
    const { workFromMs, baseMs } = this.run!;
    return baseMs + Math.max(0, nowMs - workFromMs);
  }

  /** Writes down the last periodic checkpoint before now. */
  private look(nowMs: number): void {
    if (!this.job.checkpoints || !this.run) return;
    const { intervalMs } = this.rule;
    const { workFromMs, baseMs } = this.run;
    const firstMs = workFromMs + Math.ceil(this.job.phase * intervalMs);
    if (nowMs < firstMs) return;
    const atMs = firstMs + Math.floor((nowMs - firstMs) / intervalMs) * intervalMs;
    this.save(baseMs + atMs - workFromMs, atMs);
  }

  private save(progressMs: number, atMs: number): void {
    if (progressMs < this.savedMs) return;
    this.savedMs = progressMs;
    this.reportedAtMs = atMs;
  }
}
