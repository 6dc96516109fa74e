/**
 * Work queue: a key is pending at most once, is worked on by one worker at a time, and comes back later after a failure. News about a
 * key cuts a planned second look short, but never a back-off: what failed a moment ago would only fail again.
 */
import type { Clock, Random } from './ports';

/** How a key wants to be seen again after one piece of work. */
export type Verdict =
  /** Done; look again after `requeueAfterMs` if given. */
  | { readonly kind: 'done'; readonly requeueAfterMs?: number }
  /** Failed: exponential back-off between these bounds, with jitter. */
  | { readonly kind: 'backOff'; readonly firstMs: number; readonly maxMs: number }
  /** Told when to come back. */
  | { readonly kind: 'retryAfter'; readonly ms: number }
  /** Do not come back by itself. */
  | { readonly kind: 'drop' };

/** What a queue works with. */
export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Works on one key. Must not reject. */
  readonly work: (key: string) => Promise<Verdict>;
  /** Keys worked on at the same time. @default 1 */
  readonly concurrency?: number;
  /** Least time between two starts of the same key, so that a burst of events costs one piece of work. @default 100 ms */
  readonly minIntervalMs?: number;
  /** Most keys known at once; further ones are refused. @default 50,000 */
  readonly maxKeys?: number;
}

interface KeyState {
  /** When it may run next, epoch ms; undefined while nothing is planned. */
  dueMs: number | undefined;
  /** No earlier than this, whatever news comes. */
  notBeforeMs: number;
  failures: number;
  running: boolean;
  ready: boolean;
  cancel: () => void;
}

/** Keys waiting for work. */
export class WorkQueue {
  private readonly keys = new Map<string, KeyState>();
  private readonly ready: string[] = [];
  private readonly idle: Array<() => void> = [];
  private active = 0;
  private started = false;
  private dispatching = false;
  private readonly concurrency: number;
  private readonly minIntervalMs: number;
  private readonly maxKeys: number;

  constructor(private readonly options: WorkQueueOptions) {
    this.concurrency = options.concurrency ?? 1;
    this.minIntervalMs = options.minIntervalMs ?? 100;
    this.maxKeys = options.maxKeys ?? 50_000;
  }

  /** Keys that are known: waiting, ready or at work. */
  get depth(): number {
    return this.keys.size;
  }

  /** Asks for work on this key as soon as it may run. False when the queue is full and the key was refused. */
  add(key: string): boolean {
    const state = this.stateOf(key);
    if (!state) return false;
    this.plan(key, state, this.options.clock.now());
    return true;
  }

  /** Starts working. Keys added before wait until then. */
  start(): void {
    this.started = true;
    this.dispatch();
  }

  /** Starts nothing new; resolves when no work is running any more. */
  stop(): Promise<void> {
    this.started = false;
    for (const state of this.keys.values()) state.cancel();
    this.keys.clear();
    this.ready.length = 0;
    return this.active === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve));
  }

  private stateOf(key: string): KeyState | undefined {
    const known = this.keys.get(key);
    if (known) return known;
    if (this.keys.size >= this.maxKeys) return undefined;
    const state: KeyState = {
      dueMs: undefined,
      notBeforeMs: 0,
      failures: 0,
      running: false,
      ready: false,
      cancel: () => undefined,
    };
    this.keys.set(key, state);
    return state;
  }

  /** Plans a run at `atMs`; an earlier plan wins. While the key is at work this is remembered for afterwards. */
  private plan(key: string, state: KeyState, atMs: number): void {
    const dueMs = Math.max(atMs, state.notBeforeMs);
    if (state.dueMs !== undefined && state.dueMs <= dueMs) return;
    state.dueMs = dueMs;
    if (!state.running) this.arm(key, state);
  }

  private arm(key: string, state: KeyState): void {
    state.cancel();
    if (state.dueMs === undefined || state.ready) return;
    const waitMs = state.dueMs - this.options.clock.now();
    if (waitMs <= 0) return this.makeReady(key, state);
    state.cancel = this.options.clock.after(waitMs, () => this.makeReady(key, state));
  }

  private makeReady(key: string, state: KeyState): void {
    state.ready = true;
    this.ready.push(key);
    this.dispatch();
  }

  /** Work begins in a microtask, so that all events of one delivery become one piece of work. */
  private dispatch(): void {
    if (this.dispatching || !this.started) return;
    this.dispatching = true;
    void Promise.resolve().then(() => {
      this.dispatching = false;
      while (this.started && this.active < this.concurrency && this.ready.length > 0)
        void this.run(this.ready.shift()!);
    });
  }

  private async run(key: string): Promise<void> {
    const state = this.keys.get(key)!;
    Object.assign(state, { ready: false, running: true, dueMs: undefined });
    state.notBeforeMs = this.options.clock.now() + this.minIntervalMs;
    this.active += 1;
    const verdict = await this.options.work(key);
    this.active -= 1;
    state.running = false;
    if (this.started) {
      this.settle(key, state, verdict);
      this.dispatch();
    } else if (this.active === 0) {
      for (const resolve of this.idle.splice(0)) resolve();
    }
  }

  private settle(key: string, state: KeyState, verdict: Verdict): void {
    const now = this.options.clock.now();
    const newsMs = state.dueMs;
    state.dueMs = undefined;
    const waitMs = this.waitAfter(state, verdict);
    // A failure holds back news as well; success lets the earlier of news and second look win.
    if (waitMs !== undefined && verdict.kind !== 'done') state.notBeforeMs = Math.max(state.notBeforeMs, now + waitMs);
    if (newsMs !== undefined) this.plan(key, state, newsMs);
    if (waitMs !== undefined) this.plan(key, state, now + waitMs);
    if (state.dueMs === undefined) this.forgetLater(key, state);
  }

  /** The key stays known for its least interval, so that news right after the work does not start it again at once. */
  private forgetLater(key: string, state: KeyState): void {
    const forget = (): void => {
      if (this.keys.get(key) === state && state.dueMs === undefined) this.keys.delete(key);
    };
    const waitMs = state.notBeforeMs - this.options.clock.now();
    if (waitMs <= 0) forget();
    else state.cancel = this.options.clock.after(waitMs, forget);
  }

  private waitAfter(state: KeyState, verdict: Verdict): number | undefined {
    switch (verdict.kind) {
      case 'done':
        state.failures = 0;
        return verdict.requeueAfterMs;
      case 'retryAfter':
        return verdict.ms + this.options.random() * 100;
      case 'backOff': {
        const limit = Math.min(verdict.firstMs * 2 ** state.failures, verdict.maxMs);
        state.failures += 1;
        return limit / 2 + (this.options.random() * limit) / 2;
      }
      case 'drop':
        return undefined;
    }
  }
}
