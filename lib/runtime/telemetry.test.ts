import { EVENTS } from '../domain/resources';
import type { KubeObject } from '../domain/kube';
import { ApiServer } from '../simulator/api-server';
import { seededRandom } from '../simulator/random';
import { VirtualClock } from '../simulator/virtual-clock';
import { eventRecorder } from './events';
import { openHttpDoor } from './http';
import { MemoryMetrics } from './memory-metrics';
import { PrometheusMetrics } from './prometheus';

const node: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a', uid: 'u1', resourceVersion: '5' } };
const news = {
  regarding: node,
  type: 'Normal',
  reason: 'NodeAssigned',
  action: 'Assign',
  message: 'to bucket x',
} as const;

function makeRecorder() {
  const clock = new VirtualClock(1_700_000_000_000);
  const server = new ApiServer({ clock, random: seededRandom(1) });
  const metrics = new MemoryMetrics();
  const warned: string[] = [];
  const log = { info: () => undefined, warn: (message: string) => void warned.push(message), error: () => undefined };
  const about = { reportingController: 'aicluster.dev/capacity', reportingInstance: 'pod-1' };
  const recorder = eventRecorder({ cluster: server.port(), clock, random: seededRandom(2), log, metrics, ...about });
  const written = () => server.all(EVENTS);
  return { clock, server, metrics, recorder, written, warned };
}

describe('events', () => {
  it('say who did what to whom and why, in the namespace Kubernetes wants', async () => {
    const { clock, recorder, written } = makeRecorder();
    recorder.record(news);
    recorder.record({
      ...news,
      regarding: { ...node, kind: 'Pod', metadata: { name: 'p', namespace: 'n', uid: 'u2' } },
    });
    await clock.advance(10);
    expect(written().map(({ metadata }) => metadata.namespace)).toEqual(['default', 'n']);
    expect(written()[0]).toMatchObject({
      reason: 'NodeAssigned',
      action: 'Assign',
      note: 'to bucket x',
      type: 'Normal',
      reportingController: 'aicluster.dev/capacity',
      reportingInstance: 'pod-1',
      eventTime: '2023-11-14T22:13:20.000000Z',
      regarding: { apiVersion: 'v1', kind: 'Node', name: 'a', uid: 'u1', resourceVersion: '5' },
    });
  });

  it('grow into a series instead of many, written once a minute, and begin anew after a pause', async () => {
    const { clock, recorder, written } = makeRecorder();
    for (let second = 0; second < 150; second++) {
      recorder.record(news);
      await clock.advance(1000);
    }
    expect(written().map(({ series }) => series?.count)).toEqual([121]);
    await clock.advance(400_000);
    recorder.record(news);
    await clock.advance(10);
    expect(written()).toHaveLength(2);
  });

  it('do not flood: what is too much is counted and dropped', async () => {
    const { clock, recorder, written, metrics } = makeRecorder();
    for (let i = 0; i < 200; i++) recorder.record({ ...news, message: `number ${i}` });
    await clock.advance(10);
    expect([written().length, metrics.read('aicluster_events_dropped_total')]).toEqual([50, 150]);
    await clock.advance(10_000);
    recorder.record({ ...news, message: 'later' });
    await clock.advance(10);
    expect(written()).toHaveLength(51);
  });

  it('that cannot be written are logged and never thrown', async () => {
    const { clock, recorder, server, warned } = makeRecorder();
    server.admit(() => {
      throw new Error('no events today');
    });
    recorder.record(news);
    await clock.advance(10);
    expect(warned).toEqual(['event not recorded']);
  });
});

describe('metrics', () => {
  /** What a store shows of one name: `labels value`. */
  const shown = {
    prometheus: async (metrics: PrometheusMetrics, name: string) =>
      (await metrics.text()).split('\n').filter((line) => new RegExp(`^${name}[ {]`).test(line)),
    memory: async (metrics: MemoryMetrics, name: string) =>
      [...metrics.values].filter(([key]) => new RegExp(`^${name}($|\\{)`).test(key)).map((pair) => pair.join(' ')),
  };
  const stores = [
    ['of Prometheus', () => new PrometheusMetrics(), shown.prometheus],
    ['in memory', () => new MemoryMetrics(), shown.memory],
  ] as const;

  it.each(stores)('%s forget what is not there any more', async (_, make, show) => {
    const metrics = make();
    const read = (name: string) => (show as (store: unknown, name: string) => Promise<string[]>)(metrics, name);
    metrics.gauges('level', [
      { labels: { bucket: 'a' }, value: 1 },
      { labels: { bucket: 'b' }, value: Infinity },
    ]);
    metrics.gauges('level', [{ labels: { bucket: 'b' }, value: 3 }]);
    expect(await read('level')).toEqual(['level{bucket="b"} 3']);
    metrics.gauges('level', []);
    expect(await read('level')).toEqual([]);
    metrics.gauges('alone', [{ labels: {}, value: 5 }]);
    expect(await read('alone')).toEqual(['alone 5']);
    metrics.gauges('alone', []);
    expect(await read('alone')).toEqual([]);
    for (const bucket of ['a', 'b']) {
      metrics.observe('wait_seconds', 2, { bucket });
      metrics.count('done_total', { bucket });
    }
    metrics.forget('wait_seconds', { bucket: 'a' });
    metrics.forget('done_total', { bucket: 'a' });
    metrics.forget('never_used', { bucket: 'a' });
    expect(await read('wait_seconds_count')).toEqual(['wait_seconds_count{bucket="b"} 1']);
    expect(await read('done_total')).toEqual(['done_total{bucket="b"} 1']);
  });

  it('know their help, labels and bounds from the table, before and after their first use', async () => {
    const row = {
      name: 'wait_seconds',
      type: 'histogram',
      labels: ['bucket'],
      help: 'How long.',
      buckets: [60],
    } as const;
    const metrics = new PrometheusMetrics([row, { ...row, name: 'since', type: 'gauge', help: 'Since when.' }]);
    metrics.gauges('since', []);
    metrics.gauges('since', [{ labels: { bucket: 'a' }, value: 7 }]);
    metrics.observe('wait_seconds', 61, { bucket: 'a' });
    const text = await metrics.text();
    expect(text).toContain('# HELP wait_seconds How long.\n');
    expect(text).toContain('since{bucket="a"} 7\n');
    expect(text).toContain('wait_seconds_bucket{le="60",bucket="a"} 0\n');
  });

  it('appear at /metrics with their labels, next to health', async () => {
    const metrics = new PrometheusMetrics();
    metrics.count('aicluster_things_total', { kind: 'x' });
    metrics.count('aicluster_things_total', { kind: 'x' }, 2);
    metrics.gauge('aicluster_level', 7);
    metrics.observe('aicluster_reconcile_seconds', 0.2, { controller: 'moves' });
    let ready = false;
    const door = await openHttpDoor({ port: 0, host: '127.0.0.1', ready: () => ready, metrics });
    const get = (path: string) => fetch(`http://127.0.0.1:${door.port}${path}`);
    const text = await (await get('/metrics')).text();
    expect(text).toContain('aicluster_things_total{kind="x"} 3\n');
    expect(text).toContain('aicluster_level 7\n');
    expect(text).toContain('aicluster_reconcile_seconds_bucket{le="0.25",controller="moves"} 1\n');
    expect(text).toContain('process_resident_memory_bytes');
    const statuses = [await get('/healthz'), await get('/readyz'), await get('/else')].map(({ status }) => status);
    ready = true;
    expect([...statuses, (await get('/readyz')).status]).toEqual([200, 503, 404, 200]);
    await door.close();
  });

  it('in memory refuse labels that Prometheus could not show', () => {
    const metrics = new MemoryMetrics();
    metrics.gauge('level', 1, { a: 'x' });
    expect(() => metrics.gauge('level', 1, { b: 'x' })).toThrow('metric level has the labels a, not b');
    expect(metrics.read('level', { a: 'x' })).toBe(1);
  });
});
