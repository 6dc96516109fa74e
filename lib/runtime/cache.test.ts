import type { KubeObject } from '../domain/kube';
import { NODES } from '../domain/resources';
import { VirtualClock } from '../simulator/virtual-clock';
import { CACHE_TIMES, WatchCache, type WatchCacheOptions } from './cache';
import { NotFound, TooManyRequests, Unavailable } from './errors';
import { MemoryMetrics } from './memory-metrics';
import type { ClusterPort, ObjectPage, WatchListener } from './ports';

const node = (name: string, resourceVersion: string, extra = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, resourceVersion, ...extra },
});

/** A server that does what the test says: each list is answered by the next of `lists`, watches only listen. */
function makeCache(lists: (ObjectPage | Error)[], options: Partial<WatchCacheOptions> = {}) {
  const clock = new VirtualClock(1_000_000);
  const metrics = new MemoryMetrics();
  const watches: { readonly version: string; readonly listener: WatchListener; stopped: boolean }[] = [];
  const listedMs: number[] = [];
  const cluster = {
    list: async () => {
      listedMs.push(clock.now());
      const next = lists.length > 1 ? lists.shift()! : lists[0]!;
      if (next instanceof Error) throw next;
      return next;
    },
    watch: (_: unknown, { resourceVersion }: { resourceVersion: string }, listener: WatchListener) => {
      const watch = { version: resourceVersion, listener, stopped: false };
      watches.push(watch);
      return { stop: () => void (watch.stopped = true) };
    },
  } as unknown as ClusterPort;
  const fatal: string[] = [];
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const cache = new WatchCache({
    ...{ resource: NODES, cluster, clock, random: () => 0.5, log, metrics },
    onFatal: (error) => fatal.push(error.message),
    ...options,
  });
  return { cache, clock, metrics, watches, listedMs, fatal };
}

const page = (resourceVersion: string, ...items: KubeObject[]): ObjectPage => ({ items, resourceVersion });
const names = (cache: WatchCache) => cache.list().map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);

describe('watch cache', () => {
  it('is synced only when every page of the first list is in, however often it takes', async () => {
    const { cache, clock } = makeCache([
      new Unavailable('no', 0),
      { ...page('5', node('a', '1')), continueToken: 'x' },
      new TooManyRequests('later', 4000),
      { ...page('7', node('a', '1')), continueToken: 'x' },
      page('7', node('b', '6')),
    ]);
    cache.start();
    await clock.advance(3000);
    expect([cache.hasSynced(), names(cache)]).toEqual([false, []]);
    await clock.advance(3000);
    expect([cache.hasSynced(), names(cache)]).toEqual([true, ['a@1', 'b@6']]);
  });

  it('waits longer after each failure, and no longer than its limit', async () => {
    const { cache, clock, listedMs } = makeCache([new Unavailable('no', 0)]);
    cache.start();
    await clock.advance(200_000);
    const gaps = listedMs.slice(1).map((ms, i) => ms - listedMs[i]!);
    expect(gaps.slice(0, 4)).toEqual([375, 750, 1500, 3000]);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(CACHE_TIMES.maxRetryMs);
  });

  it('goes on from the last bookmark after an orderly end', async () => {
    const { cache, clock, watches, listedMs } = makeCache([page('5')]);
    cache.start();
    await clock.advance(10);
    watches[0]!.listener.onEvent({ type: 'ADDED', object: node('a', '8') });
    watches[0]!.listener.onEvent({ type: 'BOOKMARK', resourceVersion: '20' });
    watches[0]!.listener.onEnd(undefined);
    await clock.advance(1000);
    expect([watches.map(({ version }) => version), listedMs.length]).toEqual([['5', '20'], 1]);
  });

  it('hears nothing from a watch it has replaced', async () => {
    const { cache, clock, watches } = makeCache([page('5')]);
    cache.start();
    await clock.advance(10);
    watches[0]!.listener.onEnd(new Unavailable('reset', 0));
    await clock.advance(1000);
    watches[0]!.listener.onEvent({ type: 'ADDED', object: node('ghost', '9') });
    watches[0]!.listener.onEnd(new Unavailable('reset', 0));
    await clock.advance(1000);
    expect([names(cache), watches.length]).toEqual([[], 2]);
  });

  it('replaces a silent watch, then proves by a list that the server is there', async () => {
    const { cache, clock, watches, listedMs, metrics, fatal } = makeCache([page('5')]);
    cache.start();
    await clock.advance(CACHE_TIMES.silentAfterMs * 1.3);
    expect([watches.length, watches[0]!.stopped, listedMs.length]).toEqual([2, true, 1]);
    expect(metrics.read('aicluster_cache_seconds_since_heard', { resource: 'nodes' })).toBeGreaterThanOrEqual(100);
    await clock.advance(CACHE_TIMES.silentAfterMs);
    expect([watches.length, listedMs.length]).toEqual([3, 2]);
    await clock.advance(3_600_000);
    expect(fatal).toEqual([]);
  });

  it('lists everything again in time, although its watch is lively, and finds what was missed', async () => {
    const { cache, clock, watches, listedMs } = makeCache([
      page('5', node('a', '1'), node('b', '2')),
      page('9', node('b', '7')),
    ]);
    cache.start();
    for (let minute = 0; minute < 11; minute++) {
      await clock.advance(60_000);
      watches.at(-1)!.listener.onEvent({ type: 'BOOKMARK', resourceVersion: '6' });
    }
    expect([listedMs.length, names(cache)]).toEqual([2, ['b@7']]);
  });

  it('says that it cannot go on when it heard nothing for five minutes, and stops', async () => {
    const { cache, clock, fatal, listedMs } = makeCache([page('5', node('a', '1')), new Unavailable('no', 0)]);
    cache.start();
    await clock.advance(CACHE_TIMES.giveUpAfterMs - 1000);
    expect(fatal).toEqual([]);
    await clock.advance(30_000);
    expect(fatal).toEqual(['heard nothing about nodes (v1) for 300 s; starting over']);
    const lists = listedMs.length;
    await clock.advance(3_600_000);
    expect([fatal.length, listedMs.length, names(cache)]).toEqual([1, lists, ['a@1']]);
  });

  it('takes a resource type that is not installed as empty, looks again, and empties when it is removed', async () => {
    const absent = new NotFound('no such resource', 404);
    const { cache, clock, watches } = makeCache([absent, absent, page('5', node('a', '1')), absent], {
      optional: true,
    });
    cache.start();
    await clock.advance(10);
    expect([cache.hasSynced(), names(cache)]).toEqual([true, []]);
    await clock.advance(CACHE_TIMES.lookAgainMs * 2 + 10);
    expect(names(cache)).toEqual(['a@1']);
    watches[0]!.listener.onEnd(absent);
    await clock.advance(1000);
    expect(names(cache)).toEqual(['a@1']);
    await clock.advance(5000);
    expect(names(cache)).toEqual([]);
  });

  it('does not take an absent resource type for an empty one unless it is optional', async () => {
    const { cache, clock } = makeCache([new NotFound('no such resource', 404)]);
    cache.start();
    await clock.advance(60_000);
    expect(cache.hasSynced()).toBe(false);
  });

  it('takes nothing from a list that comes in after it was stopped', async () => {
    const { cache, clock, watches } = makeCache([page('5', node('a', '1'))]);
    cache.start();
    cache.stop();
    await clock.advance(60_000);
    expect([cache.hasSynced(), names(cache), watches.length]).toEqual([false, [], 0]);
  });

  it('stores pruned copies from lists, events and own writes, and leaves the originals alone', async () => {
    const heavy = (version: string) => node('a', version, { managedFields: [{ manager: 'x' }] });
    const { cache, clock, watches } = makeCache([page('5', heavy('1'))]);
    cache.start();
    await clock.advance(10);
    const original = heavy('6');
    for (const step of [
      () => undefined,
      () => watches[0]!.listener.onEvent({ type: 'MODIFIED', object: original }),
      () => cache.assume(heavy('7')),
    ]) {
      step();
      expect(cache.get('a')!.metadata).not.toHaveProperty('managedFields');
    }
    expect(original.metadata.managedFields).toHaveLength(1);
  });
});
