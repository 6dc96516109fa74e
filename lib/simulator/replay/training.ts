/**
 * The training bucket: gangs wait first in, first out, and start whole or not at all; what fits goes ahead of what does not (Volcano with
 * the actions allocate and backfill, as we ship it). Pods are packed: small ones onto nodes in use, whole-node ones onto empty nodes.
 */
import type { EventQueue } from './event-queue';
import { jobPodFacts, podGroupFacts } from './fleet-facts';
import { Gang, type CheckpointRule } from './gang';
import type { ReplayJob } from './jobs';
import type { Nodes, Seat } from './nodes';
import { GPUS_PER_NODE, TIMES } from './settings';

/** Gangs, waiting and running. */
export class Training {
  readonly gangs: readonly Gang[];
  private waiting: Gang[] = [];
  private readonly placed = new Set<Gang>();
  private planned = false;

  constructor(
    private readonly events: EventQueue,
    private readonly nodes: Nodes,
    jobs: readonly ReplayJob[],
    rule: CheckpointRule,
  ) {
    const restored = placeFirst(jobs, nodes);
    this.gangs = jobs.map((job) => new Gang(restored.has(job) ? job : remaining(job), rule));
    for (const gang of this.gangs) {
      const seats = restored.get(gang.job);
      if (seats) this.begin(gang, seats, gang.startBefore());
      else events.at(gang.job.submitMs, () => this.queue(gang));
    }
  }

  /** Called when gangs have come, started or gone. */
  onChange: (change: 'Queued' | 'Started' | 'Gone') => void = () => undefined;

  /** Whether anything waits. */
  get waits(): boolean {
    return this.waiting.length > 0;
  }

  /** GPUs of all gangs that run or wait. */
  get gpusAsked(): number {
    return [...this.placed, ...this.waiting].reduce((sum, { gpus }) => sum + gpus, 0);
  }

  /** Gangs that hold nodes, in the order they started. */
  running(): Iterable<Gang> {
    return this.placed;
  }

  /**
   * Gangs that a decision looks at: all that run, and of those that wait the oldest, as many as fill `fillGpus` GPUs. Gangs larger than
   * that are looked at, too, and do not count. A bucket cannot lose more than `inFlight` nodes at once, so what waits behind gangs
   * that fill these changes no decision, but it would make each as slow as the queue is long.
   */
  seen(fillGpus: number): readonly Gang[] {
    const seen = [...this.placed];
    let gpus = 0;
    for (const gang of this.waiting) {
      if (gpus >= fillGpus) break;
      seen.push(gang);
      if (gang.gpus <= fillGpus) gpus += gang.gpus;
    }
    return seen;
  }

  /** Gangs with a pod on this node. */
  on(node: string): readonly Gang[] {
    return [...this.placed].filter(({ seats }) => seats.some((seat) => seat.node.facts.name === node));
  }

  /** The gang waits (again) from now on. */
  queue(gang: Gang): void {
    const { nowMs } = this.events;
    gang.state = 'Waiting';
    gang.queuedAtMs = nowMs;
    gang.pods = podSizes(gang.gpus).map((gpus, i) =>
      jobPodFacts(gang.name, { name: `${gang.name}-${i}`, gpus, createdAtMs: nowMs }),
    );
    gang.podGroup = podGroupFacts(gang.name, gang.pods.length, nowMs, false);
    this.waiting.push(gang);
    this.scheduleSoon();
    this.onChange('Queued');
  }

  /** SIGTERM to all of it; its GPUs are free when its pods are gone. */
  end(gang: Gang, whenGone: () => void): void {
    gang.endSoon(this.events.nowMs);
    gang.pods = gang.pods.map((pod) => ({ ...pod, deleting: true }));
    this.events.after(TIMES.graceMs, () => {
      gang.gone(this.events.nowMs);
      this.leave(gang);
      whenGone();
      // Resumed once the nodes are handed over.
      this.events.after(TIMES.swapMs, () => this.queue(gang));
    });
  }

  /** Looks for room soon: a scheduler binds in cycles. */
  scheduleSoon(): void {
    if (this.planned || this.waiting.length === 0) return;
    this.planned = true;
    this.events.after(TIMES.bindMs, () => {
      this.planned = false;
      this.schedule();
    });
  }

  /** Closes the books of every gang. */
  settle(endMs: number): void {
    for (const gang of this.gangs) gang.settle(endMs);
  }

  private schedule(): void {
    const before = this.waiting.length;
    const { nowMs } = this.events;
    const left: Gang[] = [];
    for (const gang of this.waiting) {
      const seats = this.nodes.hasRoom('training') ? seatsFor(gang.gpus, this.nodes) : undefined;
      if (seats) this.begin(gang, seats, gang.start(nowMs));
      else left.push(gang);
    }
    this.waiting = left;
    if (left.length < before) this.onChange('Started');
  }

  private begin(gang: Gang, seats: readonly Seat[], doneAtMs: number): void {
    for (const seat of seats) this.nodes.sit(seat);
    const { startedAtMs } = gang;
    gang.seats = seats;
    gang.pods = seats.map(({ node, gpus }, i) =>
      jobPodFacts(gang.name, {
        name: `${gang.name}-${i}`,
        gpus,
        createdAtMs: gang.queuedAtMs,
        nodeName: node.facts.name,
        startedAtMs,
      }),
    );
    gang.podGroup = podGroupFacts(gang.name, seats.length, gang.queuedAtMs, true);
    this.placed.add(gang);
    const run = gang.preemptions;
    this.events.at(doneAtMs, () => {
      if (gang.state !== 'Running' || gang.preemptions !== run) return;
      gang.finish(this.events.nowMs);
      this.leave(gang);
    });
  }

  private leave(gang: Gang): void {
    for (const seat of gang.seats) this.nodes.stand(seat);
    gang.seats = [];
    gang.pods = [];
    this.placed.delete(gang);
    this.scheduleSoon();
    this.onChange('Gone');
  }
}

/** Pods of a gang: whole nodes, and one pod with the rest. */
export function podSizes(gpus: number): readonly number[] {
  const sizes = Array<number>(Math.floor(gpus / GPUS_PER_NODE)).fill(GPUS_PER_NODE);
  return gpus % GPUS_PER_NODE === 0 ? sizes : [...sizes, gpus % GPUS_PER_NODE];
}

/** Where all pods of a gang can be put now; undefined: not all of them can. */
function seatsFor(gpus: number, nodes: Nodes): readonly Seat[] | undefined {
  const sizes = podSizes(gpus);
  const whole = sizes.filter((size) => size === GPUS_PER_NODE).length;
  if (nodes.emptyCount('training') < whole) return undefined;
  const seats: Seat[] = [];
  for (const size of sizes) {
    const node = nodes.bestFit('training', size);
    if (!node) break;
    const seat = { node, gpus: size };
    nodes.sit(seat);
    seats.push(seat);
  }
  for (const seat of seats) nodes.stand(seat);
  return seats.length === sizes.length ? seats : undefined;
}

/** Jobs that run when the replay begins, the oldest first, as far as there is room. */
function placeFirst(jobs: readonly ReplayJob[], nodes: Nodes): ReadonlyMap<ReplayJob, readonly Seat[]> {
  const running = jobs.filter(({ elapsedMs }) => elapsedMs > 0).sort((a, b) => b.elapsedMs - a.elapsedMs);
  const placed = new Map<ReplayJob, readonly Seat[]>();
  for (const job of running) {
    const seats = seatsFor(job.gpus, nodes);
    if (!seats) continue;
    for (const seat of seats) nodes.sit(seat);
    placed.set(job, seats);
  }
  for (const seats of placed.values()) for (const seat of seats) nodes.stand(seat);
  return placed;
}

/** A job that found no room when the replay began: what was left of it waits like any other. */
function remaining(job: ReplayJob): ReplayJob {
  return job.elapsedMs === 0 ? job : { ...job, durationMs: job.durationMs - job.elapsedMs, elapsedMs: 0 };
}
