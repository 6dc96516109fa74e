/** The runtime's own metrics; those of a controller are in its telemetry.ts. */
import type { MetricRow } from '../domain/metrics';

type Row = readonly [name: string, type: MetricRow['type'], labels: readonly string[], help: string];

const ROWS: readonly Row[] = [
  ['aicluster_cache_objects', 'gauge', ['resource'], 'Objects in the watch cache at its last list.'],
  [
    'aicluster_cache_seconds_since_heard',
    'gauge',
    ['resource'],
    'Seconds since the last event, bookmark or list of a resource type. Above 100 the watch is replaced, at 300 the process starts over.',
  ],
  [
    'aicluster_cache_silences_total',
    'counter',
    ['resource'],
    'Watches that were replaced because they brought nothing.',
  ],
  ['aicluster_cache_watch_ends_total', 'counter', ['resource', 'reason'], 'Watches that ended, by reason.'],
  ['aicluster_controller_bugs_total', 'counter', ['controller'], 'Errors of a controller that are bugs of ours.'],
  [
    'aicluster_controller_degraded',
    'gauge',
    ['controller', 'key'],
    '1 while a key of a controller is tripped by a bug.',
  ],
  [
    'aicluster_controllers_working',
    'gauge',
    ['process'],
    '1 in the replica of a process whose controllers work: it has the lease and full caches. 0 in the others.',
  ],
  ['aicluster_events_dropped_total', 'counter', [], 'Events not written because there were too many.'],
  ['aicluster_queue_depth', 'gauge', ['controller'], 'Keys waiting for a controller or at work.'],
  ['aicluster_queue_refusals_total', 'counter', ['controller'], 'Keys refused because the queue was full.'],
  ['aicluster_reconcile_seconds', 'histogram', ['controller'], 'Duration of one reconcile.'],
  ['aicluster_reconciles_total', 'counter', ['controller', 'outcome'], 'Reconciles, by outcome.'],
];

/** The table. */
export const RUNTIME_METRICS: readonly MetricRow[] = ROWS.map(([name, type, labels, help]) => ({
  name,
  type,
  labels,
  help,
}));
