/** Events in the order of their time; equal times in the order they were put in, so that a replay is the same every time. */
interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap of things to do. */
export class EventQueue {
  private readonly heap: Entry[] = [];
  private order = 0;
  private now: number;

  constructor(startMs: number) {
    this.now = startMs;
  }

  /** Virtual time. */
  get nowMs(): number {
    return this.now;
  }

  /** Does this at that time, or now when that has passed. */
  at(atMs: number, run: () => void): void {
    this.heap.push({ atMs: Math.max(atMs, this.now), order: this.order++, run });
    this.rise(this.heap.length - 1);
  }

  /** Does this so much later. */
  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Plays everything before the end; time stands at the end afterwards. */
  playUntil(endMs: number): void {
    while (this.heap.length > 0 && this.heap[0]!.atMs < endMs) {
      const { atMs, run } = this.pop();
      this.now = atMs;
      run();
    }
    this.now = endMs;
  }

  private pop(): Entry {
    const first = this.heap[0]!;
    const last = this.heap.pop()!;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.sink(0);
    }
    return first;
  }

  private rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(this.heap[at]!, this.heap[parent]!)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private sink(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.heap.length) return;
      const right = left + 1;
      const child = right < this.heap.length && isBefore(this.heap[right]!, this.heap[left]!) ? right : left;
      if (!isBefore(this.heap[child]!, this.heap[at]!)) return;
      this.swap(at, child);
      at = child;
    }
  }

  private swap(a: number, b: number): void {
    [this.heap[a], this.heap[b]] = [this.heap[b]!, this.heap[a]!];
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
