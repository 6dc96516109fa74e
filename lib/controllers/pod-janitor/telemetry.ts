/** Words that the pod janitor says to the outside: metrics, condition types. */
import { metricNames, type MetricRow } from '../../domain/metrics';

/** The metrics, all prefixed with the process. */
export const METRICS = {
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
