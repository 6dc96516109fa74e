/** Words that the pod janitor says to the outside: metrics, Event reasons, condition types. */
import { metricNames, type MetricRow } from '../../domain/metrics';

/** The metrics, all prefixed with the process. */
export const METRICS = {
  stuck: {
    name: 'aicluster_janitor_stuck',
    type: 'gauge',
    labels: ['state'],
    help: 'Pods and gangs that are stuck now, by state; Ended: work that has ended in failure and is still there.',
  },
  stuckSince: {
    name: 'aicluster_janitor_stuck_since_timestamp_seconds',
    type: 'gauge',
    labels: ['state'],
    help: 'Since when (Unix time) the pod or gang that is stuck longest in this state is stuck; absent while none is.',
  },
  resubmissions: {
    name: 'aicluster_janitor_resubmissions',
    type: 'gauge',
    labels: ['step'],
    help: 'Resubmissions by how far they are: UnderWay, Waiting (not before their nextAt), Stopped (not started again), Idle.',
  },
  stopped: {
    name: 'aicluster_janitor_stopped_work',
    type: 'gauge',
    labels: ['reason'],
    help: 'Work that is not started again, by reason: Application, Attempts, Person. For as long as its ledger is kept.',
  },
  stoppedAt: {
    name: 'aicluster_janitor_work_stopped_timestamp_seconds',
    type: 'gauge',
    labels: ['reason'],
    help: 'When (Unix time) work was last stopped for this reason; absent while no ledger says so.',
  },
  differences: {
    name: 'aicluster_janitor_differences',
    type: 'gauge',
    labels: ['kind'],
    help: 'What Kubernetes and EC2 disagree about, by kind of finding.',
  },
  differentSince: {
    name: 'aicluster_janitor_different_since_timestamp_seconds',
    type: 'gauge',
    labels: ['kind'],
    help: 'Since when (Unix time) the oldest difference of this kind is known; absent while there is none.',
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
