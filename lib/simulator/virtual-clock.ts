/**
 * Time that passes only when told to: timers fire in order of their due time (ties in the order they were set), and every promise
 * chain that a timer started runs to its end before the next one fires.
 */
import type { Clock } from '../runtime/ports';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** A Clock on virtual time. */
export class VirtualClock implements Clock {
  private readonly heap: Timer[] = [];
  private nextOrder = 0;
  private fired = 0;

  constructor(private nowMs = 0) {}

  now(): number {
    return this.nowMs;
  }

  /** Timers fired so far. */
  get timersFired(): number {
    return this.fired;
  }

  after(ms: number, callback: () => void): () => void {
    const delayMs = Number.isFinite(ms) ? Math.max(0, ms) : Number.MAX_SAFE_INTEGER - this.nowMs;
    const timer: Timer = { atMs: this.nowMs + delayMs, order: this.nextOrder++, callback };
    push(this.heap, timer);
    return () => {
      timer.callback = undefined;
    };
  }

  /** Lets time pass to `untilMs`, firing what falls due on the way. */
  async runUntil(untilMs: number): Promise<void> {
    await drainPromises();
    for (let next = this.nextDue(); next && next.atMs <= untilMs; next = this.nextDue()) {
      pop(this.heap);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.fired++;
      next.callback!();
      await drainPromises();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  /** Lets this much time pass. */
  async advance(ms: number): Promise<void> {
    await this.runUntil(this.nowMs + ms);
  }

  private nextDue(): Timer | undefined {
    while (this.heap[0] && !this.heap[0].callback) pop(this.heap);
    return this.heap[0];
  }
}

/**
 * Resolves when no promise chain can go on without a timer. `setImmediate` is the one place where the simulator touches the host's
 * event loop: the host empties its whole queue of promise reactions before it runs an immediate, so nothing is left half done.
 */
export function drainPromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function before(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(timer, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
