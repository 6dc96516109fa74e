/** Words that the pod janitor says to the outside: metrics, Event reasons, condition types. */
import { metricNames, type MetricRow } from '../../domain/metrics';

/** The metrics, all prefixed with the process. */
export const METRICS = {
  stuck: {
    name: 'aicluster_janitor_stuck',
    type: 'gauge',
    labels: ['state'],
    help: 'Pods, gangs and ended work that are stuck now, by state.',
  },
  stuckSince: {
    name: 'aicluster_janitor_stuck_since_timestamp_seconds',
    type: 'gauge',
    labels: [],
    help: 'Since when (Unix time) the pod that is stuck longest is stuck; absent while none is.',
  },
  stopped: {
    name: 'aicluster_janitor_stopped_work',
    type: 'gauge',
    labels: ['reason'],
    help: 'Work that is not started again, by reason: Application, Attempts, Person. For as long as its ledger is kept.',
  },
  differences: {
    name: 'aicluster_janitor_differences',
    type: 'gauge',
    labels: ['kind'],
    help: 'What Kubernetes and EC2 disagree about, by kind of finding.',
  },
  actions: {
    name: 'aicluster_janitor_actions_total',
    type: 'counter',
    labels: ['type', 'result'],
    help: 'Actions taken, by type and result.',
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Metric names. */
export const METRIC = metricNames(METRICS);

/** Condition types of the JanitorPolicy. */
export const CONDITION = { accepted: 'Accepted' } as const;

/** Event reasons on pods, workloads and Resubmissions. */
export const EVENT = {
  freed: 'FreedByJanitor',
  finalizer: 'FinalizerRemoved',
  suspended: 'RestartBegun',
  resumed: 'RestartDone',
  stopped: 'NotStartedAgain',
} as const;
