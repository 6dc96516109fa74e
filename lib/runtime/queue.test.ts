import * as fc from 'fast-check';
import { VirtualClock } from '../simulator/virtual-clock';
import { WorkQueue, type Verdict, type WorkQueueOptions } from './queue';

const done: Verdict = { kind: 'done' };

function makeQueue(work: WorkQueueOptions['work'], options: Partial<WorkQueueOptions> = {}) {
  const clock = new VirtualClock(1_000_000);
  const queue = new WorkQueue({ clock, random: () => 0.5, work, minIntervalMs: 0, ...options });
  return { clock, queue };
}

/** Resolves its work only when told. */
function gate() {
  const open: Array<(verdict: Verdict) => void> = [];
  return { work: () => new Promise<Verdict>((resolve) => open.push(resolve)), open };
}

describe('work queue', () => {
  it('works once on a key that was added many times before it started', async () => {
    const seen: string[] = [];
    const { clock, queue } = makeQueue(async (key) => (seen.push(key), done));
    for (let i = 0; i < 5; i++) queue.add('a');
    queue.add('b');
    await clock.advance(1000);
    expect(seen).toEqual([]);
    queue.start();
    await clock.advance(1000);
    expect(seen).toEqual(['a', 'b']);
    expect(queue.depth).toBe(0);
  });

  it('never has two workers on one key, and works again on news that came meanwhile', async () => {
    const { work, open } = gate();
    const { clock, queue } = makeQueue(work, { concurrency: 4 });
    queue.start();
    queue.add('a');
    await clock.advance(10);
    queue.add('a');
    queue.add('a');
    await clock.advance(10);
    expect(open).toHaveLength(1);
    open[0]!(done);
    await clock.advance(10);
    expect(open).toHaveLength(2);
    open[1]!(done);
    await clock.advance(60_000);
    expect(open).toHaveLength(2);
  });

  it('backs off exponentially with jitter, news included, and forgets failures after a success', async () => {
    const starts: number[] = [];
    let failing = true;
    const { clock, queue } = makeQueue(async () => {
      starts.push(clock.now());
      return failing ? { kind: 'backOff', firstMs: 1000, maxMs: 4000 } : done;
    });
    queue.start();
    queue.add('a');
    for (let i = 0; i < 120; i++) {
      queue.add('a');
      await clock.advance(100);
    }
    const gaps = starts.slice(1).map((at, i) => at - starts[i]!);
    expect(gaps.slice(0, 4)).toEqual([750, 1500, 3000, 3000]);
    failing = false;
    await clock.advance(10_000);
    failing = true;
    const before = starts.length;
    queue.add('a');
    await clock.advance(800);
    expect(starts.length - before).toBe(2);
  });

  it('comes back when it was told to, not earlier', async () => {
    const starts: number[] = [];
    const { clock, queue } = makeQueue(async () => {
      starts.push(clock.now());
      return starts.length === 1 ? { kind: 'retryAfter', ms: 5000 } : done;
    });
    queue.start();
    queue.add('a');
    await clock.advance(1);
    queue.add('a');
    await clock.advance(60_000);
    expect(starts).toHaveLength(2);
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(5000);
  });

  it('lets news cut a planned second look short', async () => {
    const starts: number[] = [];
    const { clock, queue } = makeQueue(
      async () => (starts.push(clock.now()), { kind: 'done', requeueAfterMs: 60_000 }),
    );
    queue.start();
    queue.add('a');
    await clock.advance(1000);
    queue.add('a');
    await clock.advance(1000);
    expect(starts).toEqual([1_000_000, 1_001_000]);
    await clock.advance(60_000);
    expect(starts).toHaveLength(3);
  });

  it('keeps the least interval between two starts of a key', async () => {
    const starts: number[] = [];
    const { clock, queue } = makeQueue(async () => (starts.push(clock.now()), done), { minIntervalMs: 100 });
    queue.start();
    for (let i = 0; i < 50; i++) {
      queue.add('a');
      await clock.advance(10);
    }
    expect(starts.slice(1).map((at, i) => at - starts[i]!)).toEqual([100, 100, 100, 100, 100]);
  });

  it('refuses keys beyond its bound, and takes them again when there is room', async () => {
    const { clock, queue } = makeQueue(async () => done, { maxKeys: 2 });
    expect([queue.add('a'), queue.add('b'), queue.add('c'), queue.add('a')]).toEqual([true, true, false, true]);
    queue.start();
    await clock.advance(10);
    expect(queue.add('c')).toBe(true);
  });

  it('stops only when the work that runs has ended, and starts nothing after', async () => {
    const { work, open } = gate();
    const { clock, queue } = makeQueue(work);
    queue.start();
    queue.add('a');
    queue.add('b');
    await clock.advance(10);
    let stopped = false;
    void queue.stop().then(() => (stopped = true));
    await clock.advance(10);
    expect(stopped).toBe(false);
    open[0]!(done);
    await clock.advance(10);
    expect(stopped).toBe(true);
    expect(open).toHaveLength(1);
  });

  it('loses no news and never overlaps a key, whatever happens', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), waitMs: fc.integer({ min: 0, max: 300 }) });
    const verdicts: fc.Arbitrary<Verdict> = fc.oneof(
      fc.constant(done),
      fc.constant<Verdict>({ kind: 'done', requeueAfterMs: 500 }),
      fc.constant<Verdict>({ kind: 'backOff', firstMs: 10, maxMs: 1000 }),
      fc.constant<Verdict>({ kind: 'retryAfter', ms: 200 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.array(verdicts, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, outcomes, concurrency) => {
          const running = new Set<string>();
          const unseen = new Set<string>();
          let calls = 0;
          const { clock, queue } = makeQueue(
            async (key) => {
              expect(running.has(key)).toBe(false);
              expect(running.size).toBeLessThan(concurrency);
              running.add(key);
              unseen.delete(key);
              await new Promise<void>((resolve) => void clock.after(30, resolve));
              running.delete(key);
              // After the script everything succeeds, so the queue must run dry.
              return outcomes[calls++] ?? done;
            },
            { concurrency, minIntervalMs: 20 },
          );
          queue.start();
          for (const { key, waitMs } of steps) {
            unseen.add(key);
            queue.add(key);
            await clock.advance(waitMs);
          }
          await clock.advance(60_000);
          expect([...unseen]).toEqual([]);
          expect(queue.depth).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});
