/** A metric cannot exist undocumented, nor be used otherwise than its row says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capacityController } from '../../lib/controllers/capacity/controller';
import { METRIC as MOVES } from '../../lib/controllers/moves/telemetry';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import type { MetricRow } from '../../lib/domain/metrics';
import { CAPACITY_BUCKETS } from '../../lib/domain/resources';
import { ALL_METRICS } from './metrics';
import { makeVolcanoJob, makeWorld } from '../../lib/simulator';
import { blockReservation, smallCluster } from '../simulation/small-cluster';

const MINUTE_MS = 60_000;
const ROOT = join(__dirname, '../..');
const byName = new Map<string, MetricRow>(ALL_METRICS.map((row) => [row.name, row] as const));

/** Names in the source text of the rooms that emit. */
function namesInSources(): ReadonlySet<string> {
  const files = ['lib/runtime', 'lib/controllers'].flatMap((folder) =>
    (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => join(ROOT, folder, file)),
  );
  const names = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/'(aicluster_[a-z_]+)'/g)]);
  return new Set(names.map(([, name]) => name!));
}

describe('metrics', () => {
  it('that are named in the code have a row, each name once', () => {
    expect([...namesInSources()].filter((name) => !byName.has(name))).toEqual([]);
    expect(Object.values(MOVES).filter((name) => !byName.has(name))).toEqual([]);
    expect(byName.size).toBe(ALL_METRICS.length);
  });

  it('are named as Prometheus wants it: a counter ends in _total, times are in seconds, no label is a pod or a node', () => {
    for (const { name, type, labels, help } of ALL_METRICS) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).not.toMatch(/milliseconds|_ms\b|minutes|hours|percent/);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(labels.filter((label) => ['pod', 'node', 'gang', 'namespace', 'uid', 'le'].includes(label))).toEqual([]);
      expect(help).toMatch(/\.$/);
    }
  });

  it('are used by the real controllers as their rows say, and of a bucket that is gone nothing is said', async () => {
    const world = makeWorld({
      seed: 3,
      objects: smallCluster(),
      controllers: [poolsController, capacityController, movesController],
      cloud: { reservations: [blockReservation()], onDemand: { 'g6e.48xlarge': 2 } },
    });
    await world.runUntil(15 * MINUTE_MS);
    world.submit(makeVolcanoJob({ name: 'gang', namespace: 'training', pods: 4, accelerators: 8, runSeconds: 600 }));
    await world.runUntil(25 * MINUTE_MS);
    const { metrics } = world.replicas[0]!;
    const used = [...metrics.used].map(([name, { type, labels }]) => ({ name, type, labels }));
    expect(used.length).toBeGreaterThan(25);
    for (const { name, type, labels } of used) {
      const row = byName.get(name);
      expect([name, row?.type, [...(row?.labels ?? [])].sort()]).toEqual([name, type, labels]);
    }
    const training = (name: string) => metrics.read(`aicluster_capacity_${name}`, { bucket: 'training' });
    expect([training('active_nodes'), training('minimum_nodes'), training('maximum_nodes')]).toEqual([4, 1, 8]);
    expect([training('queue_wait_seconds_count'), training('waiting_since_timestamp_seconds')]).toEqual([1, 0]);
    expect(training('queue_wait_seconds_sum')).toBeGreaterThan(10);
    expect(metrics.read('aicluster_controllers_working', { process: 'controllers' })).toBe(1);
    const end = { pool: 'p5', instance_type: 'p5.48xlarge' };
    expect(metrics.read('aicluster_pools_reservation_end_timestamp_seconds', end)).toBe(Infinity);

    world.server.delete(CAPACITY_BUCKETS, { name: 'training' });
    await world.runUntil(80 * MINUTE_MS);
    const of = (bucket: string) => [...metrics.values.keys()].filter((name) => name.includes(`bucket="${bucket}"`));
    expect(of('training')).toEqual([]);
    expect(of('inference').length).toBeGreaterThan(7);
    await world.stop();
  }, 60_000);
});
