/**
 * The alerts, as data: each asks for a person, and each has a page in docs/runbooks under its name. Expressions take the maximum over
 * pods, because while the lease changes hands two replicas may both have spoken within five minutes.
 */
import type { Alert } from './alert';
import { JANITOR_ALERTS } from './janitor-alerts';

/** Prefix of the names of our alerts. */
export const ALERT_PREFIX = 'AiCluster';

const DAY = 86_400;
const HOUR = 3600;

const CAPACITY_AND_HEALTH: readonly Alert[] = [
  {
    name: 'BlockEndsWithoutSuccessor',
    severity: 'warning',
    // +Inf, a reservation without an end, is a successor too.
    expr: [
      `(min by (pool, instance_type) (aicluster_pools_reservation_end_timestamp_seconds) - time() > 0 < ${DAY})`,
      'unless on (instance_type)',
      `count by (instance_type) (aicluster_pools_reservation_end_timestamp_seconds - time() > ${DAY})`,
    ].join(' '),
    for: '15m',
    summary: 'The reservation of pool {{ $labels.pool }} ends soon and nothing of its type follows',
    description:
      'It ends in {{ $value | humanizeDuration }}, and no other pool of {{ $labels.instance_type }} has a reservation beyond tomorrow. Its nodes begin to leave up to an hour and a half earlier.',
  },
  {
    name: 'BreakerTripped',
    severity: 'critical',
    expr: 'max(aicluster_health_breaker_tripped) > 0',
    for: '1m',
    summary: 'So many nodes turned bad at once that node-health has stopped removing any',
    description:
      'The breaker is tripped ({{ $value }}). Nodes are still measured; none is closed, emptied or replaced until a person resets it.',
  },
  {
    name: 'BucketBelowMinimum',
    severity: 'warning',
    expr: 'max by (bucket) (aicluster_capacity_minimum_nodes) - max by (bucket) (aicluster_capacity_active_nodes) > 0',
    for: '30m',
    summary: 'Bucket {{ $labels.bucket }} is below its minimum',
    description: 'It has lacked {{ $value }} of its minimum of usable nodes for half an hour.',
  },
  {
    name: 'CacheStale',
    severity: 'warning',
    expr: 'max by (resource) (aicluster_cache_seconds_since_heard) > 150',
    for: '2m',
    summary: 'The controllers hear nothing about {{ $labels.resource }}',
    description:
      'The API server has sent no event, bookmark or list for {{ $value | humanizeDuration }}. After five minutes the process starts over.',
  },
  {
    name: 'ControllerDegraded',
    severity: 'critical',
    expr: 'max by (controller) (aicluster_controller_degraded) > 0',
    for: '5m',
    summary: 'The controller {{ $labels.controller }} has stopped over a bug',
    description:
      'An error that is a bug of ours has tripped {{ $labels.controller }} ({{ $value }}); it tries again later, and the others go on.',
  },
  {
    name: 'ControllersDown',
    severity: 'critical',
    expr: 'absent(aicluster_controllers_working{process="capacity"})',
    for: '5m',
    summary: 'No replica of aicluster-capacity can be scraped',
    description:
      'For five minutes 0 replicas of aicluster-capacity have said anything. Work that runs goes on; no node changes hands, none is supplied.',
  },
  {
    name: 'DecisionSlow',
    severity: 'warning',
    expr: 'histogram_quantile(0.99, sum by (le) (rate(aicluster_capacity_decision_seconds_bucket[10m]))) > 0.5',
    for: '15m',
    summary: 'Decisions of the capacity controller are slow',
    description:
      'The slowest of a hundred takes {{ $value | humanizeDuration }}; 0.1 s is what it takes for 10,000 nodes.',
  },
  {
    name: 'DemandUnmet',
    severity: 'warning',
    expr: `time() - min by (bucket) (aicluster_capacity_waiting_since_timestamp_seconds) > ${HOUR}`,
    for: '5m',
    summary: 'Work of bucket {{ $labels.bucket }} has waited for an hour',
    description: 'Its oldest gang or pod has waited for a node for {{ $value | humanizeDuration }}.',
  },
  {
    name: 'EvidenceNotWritten',
    severity: 'warning',
    expr: 'sum by (result) (increase(aicluster_health_evidence_writes_total{result!="Done"}[1h])) > 0',
    for: '5m',
    summary: 'Evidence of node health does not reach the model bucket ({{ $labels.result }})',
    description:
      '{{ $value | humanize }} files within the hour. Verdicts stand all the same, in NodeValidations, which are kept for seven days only.',
  },
  {
    name: 'GangSuspendedLong',
    severity: 'warning',
    expr: `time() - min(aicluster_capacity_suspended_since_timestamp_seconds) > ${HOUR / 2}`,
    for: '5m',
    summary: 'A gang that gave way is still suspended',
    description:
      'Its pods were ended {{ $value | humanizeDuration }} ago. A gang may run again as soon as its nodes are handed over, which takes minutes.',
  },
  {
    name: 'MoveStuck',
    severity: 'warning',
    expr: `time() - min by (reason) (aicluster_capacity_oldest_move_timestamp_seconds) > ${1.5 * HOUR}`,
    for: '5m',
    summary: 'A NodeMove of reason {{ $labels.reason }} does not end',
    description: 'The oldest has been under way for {{ $value | humanizeDuration }}.',
  },
  {
    name: 'NodeHealthIsDown',
    severity: 'critical',
    expr: 'absent(aicluster_controllers_working{process="health"})',
    for: '5m',
    summary: 'No replica of aicluster-health can be scraped',
    description:
      'For five minutes 0 replicas of aicluster-health have said anything. New nodes wait on probation, and nobody finds or replaces a bad one.',
  },
  {
    name: 'NodeKeysInConflict',
    severity: 'warning',
    expr: 'max(aicluster_capacity_fleet_nodes{phase="Orphan"}) > 0',
    for: '15m',
    summary: 'Labels and taints of nodes contradict each other',
    description: '{{ $value }} nodes are Orphan: nobody counts them, and nobody dares to use them.',
  },
  {
    name: 'NodesHeldBackLong',
    severity: 'warning',
    // Holds and cordons are somebody's word already. A dry run is nobody's: it is the default, and a bad node costs as much as a good one.
    expr: 'max by (brake) (aicluster_health_held_back{brake!~"Cordoned|Held"}) > 0',
    for: '120m',
    summary: 'Bad nodes should leave, and the brake {{ $labels.brake }} keeps them',
    description:
      'It has held nodes back for two hours, {{ $value }} of them now. Those that failed take no work; those that are suspected go on with theirs.',
  },
  {
    name: 'NodesOnProbationLong',
    severity: 'warning',
    // One test may take three hours at level Deep, its image 20 minutes; a node that nobody tests should be in a batch within a minute.
    expr: [
      `time() - min by (phase) (aicluster_health_waiting_since_timestamp_seconds{phase="Probation"}) > ${HOUR}`,
      `time() - min by (phase) (aicluster_health_waiting_since_timestamp_seconds{phase="Validating"}) > ${6 * HOUR}`,
    ].join(' or '),
    for: '15m',
    summary: 'A node in phase {{ $labels.phase }} gets no verdict',
    description: 'It has waited for {{ $value | humanizeDuration }}, with no work on it.',
  },
  {
    name: 'NodesUnreliable',
    severity: 'warning',
    expr: 'max(aicluster_health_nodes{phase="Suspect"}) > 0',
    for: '60m',
    summary: 'Of some nodes nothing can be said: they are left to a person',
    description:
      '{{ $value }} nodes are on probation with the verdict Unreliable. That is neither healthy nor a reason to replace them.',
  },
  {
    name: 'NoLeader',
    severity: 'critical',
    expr: 'max by (process) (aicluster_controllers_working) == 0',
    for: '5m',
    summary: 'Replicas of aicluster-{{ $labels.process }} run, and none of them works',
    description:
      'The replica that works most says {{ $value }}: none has the lease and full caches. That is as if they were down.',
  },
  {
    name: 'PoolBackingOff',
    severity: 'warning',
    expr: 'max by (pool) (aicluster_pools_launch_failures) >= 5',
    for: '15m',
    summary: 'EC2 has no capacity for pool {{ $labels.pool }}',
    description: 'It has refused {{ $value }} times in a row, and is asked again every 15 minutes.',
  },
];

/** The alerts, sorted by name. */
export const ALERTS: readonly Alert[] = [...CAPACITY_AND_HEALTH, ...JANITOR_ALERTS].sort((a, b) =>
  a.name.localeCompare(b.name),
);

/** Name of the runbook of an alert: `BucketBelowMinimum` → `bucket-below-minimum`. */
export function runbookOf({ name }: Pick<Alert, 'name'>): string {
  return name.replace(/(?!^)([A-Z])/g, '-$1').toLowerCase();
}

/** Groups of rules as Prometheus reads them. `runbooks`: where the runbooks are, with a slash at the end. */
export function ruleGroups(runbooks: string): object[] {
  const rules = ALERTS.map((alert) => ({
    alert: ALERT_PREFIX + alert.name,
    expr: alert.expr,
    for: alert.for,
    labels: { severity: alert.severity },
    annotations: {
      summary: alert.summary,
      description: alert.description,
      runbook_url: `${runbooks}${runbookOf(alert)}.md`,
    },
  }));
  return [{ name: 'aicluster', rules }];
}
