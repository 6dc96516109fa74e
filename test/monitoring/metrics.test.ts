/** A metric cannot exist undocumented, nor be used otherwise than its row says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capacityController } from '../../lib/controllers/capacity/controller';
import { METRIC as MOVES } from '../../lib/controllers/moves/telemetry';
import { movesController } from '../../lib/controllers/moves/controller';
import { makeInvariantsController } from '../../lib/controllers/invariants/controller';
import { makePodJanitorController } from '../../lib/controllers/pod-janitor/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import type { MetricRow } from '../../lib/domain/metrics';
import { stop } from '../../lib/controllers/pod-janitor/ledger';
import type { KubeObject } from '../../lib/domain/kube';
import { CONTROLLERS_NAMESPACE } from '../../lib/domain/namespaces';
import { CAPACITY_BUCKETS, RESUBMISSIONS } from '../../lib/domain/resources';
import { SHIPPED_CONFIG_MAP, SHIPPED_KEY } from '../../lib/domain/shipped';
import { InvariantPolicy, JanitorPolicy, Resubmission } from '../../lib/api';
import { ALL_METRICS, METRIC_TABLES } from './metrics';
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

  it('are used by the janitor and the invariants as their rows say, when something is wrong with everything', async () => {
    const world = makeWorld({
      seed: 3,
      objects: [...smallCluster(), ...wrongWithEverything()],
      controllers: [
        makePodJanitorController({ clusterName: 'ai' }),
        makeInvariantsController({ namespace: CONTROLLERS_NAMESPACE }),
      ],
    });
    const status = stop({}, 'Application', 'it ran out of memory', 0);
    const ledger = { name: 'job-llama-0', namespace: 'training' };
    world.server.mergePatch(RESUBMISSIONS, ledger, { status }, { subresource: 'status' });
    await world.runUntil(10 * MINUTE_MS);
    const { metrics } = world.replicas[0]!;
    const used = [...metrics.used].filter(([name]) => /^aicluster_(janitor|invariants)_/.test(name));
    for (const [name, { type, labels }] of used) {
      const row = byName.get(name);
      expect([name, row?.type, [...(row?.labels ?? [])].sort()]).toEqual([name, type, labels]);
    }
    const rows = [...METRIC_TABLES['pod-janitor']!, ...METRIC_TABLES['invariants']!].map(({ name }) => name);
    const names = used.map(([name]) => name);
    // Nobody fights here, and what is missing nobody of ours may make.
    const silent = ['aicluster_invariants_conflicts', 'aicluster_invariants_repairs_total'];
    expect(rows.filter((name) => !names.includes(name))).toEqual(silent);
    const gone = { rule: 'admission-policies-unmodified', severity: 'Critical' };
    expect(metrics.read('aicluster_invariants_findings', gone)).toBe(1);
    expect(metrics.read('aicluster_invariants_shipped_objects')).toBe(1);
    expect(metrics.read('aicluster_janitor_stuck', { state: 'TerminatingFinalizer' })).toBe(1);
    expect(metrics.read('aicluster_janitor_stopped_work', { reason: 'Application' })).toBe(1);
    await world.stop();
  }, 60_000);
});

/** A policy that is gone, a pod on a node that never was, work that was given up. */
function wrongWithEverything(): KubeObject[] {
  const policy = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' };
  const shipped = [{ ...policy, metadata: { name: 'aicluster-guard-entry' }, spec: {} }];
  const work = { apiVersion: 'batch/v1', kind: 'Job', name: 'llama', uid: 'u' };
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'lost', uid: 'u2', controller: true };
  const finalizers = ['example.com/keeps-it'];
  const pod = { name: 'lost', namespace: 'training', finalizers, ownerReferences: [owner] };
  return [
    JanitorPolicy.make('default', {}),
    InvariantPolicy.make('default', {}),
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { [SHIPPED_KEY]: JSON.stringify(shipped) } },
      metadata: { name: SHIPPED_CONFIG_MAP, namespace: CONTROLLERS_NAMESPACE },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: pod },
      spec: { nodeName: 'i-0123456789abcdef0', containers: [{ name: 'rank' }] },
      status: { phase: 'Running' },
    },
    Resubmission.make('job-llama-0', { work }, { namespace: 'training' }),
  ];
}
