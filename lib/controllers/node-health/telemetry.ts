/** Words that node-health says to the outside: metrics, Event reasons, condition types. */
import { metricNames, type MetricRow } from '../../domain/metrics';

/** From a quick check of half a minute to a deep one of three hours. */
const ROUND_SECONDS = [30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10_800, 14_400];

/** The metrics, all prefixed with the controller. */
export const METRICS = {
  nodes: {
    name: 'aicluster_health_nodes',
    type: 'gauge',
    labels: ['phase'],
    help: 'Nodes of the fleet by what they are to node health: Probation, Validating, Suspect, Quarantined, Rebooted, Proved.',
  },
  waiting: {
    name: 'aicluster_health_waiting_since_timestamp_seconds',
    type: 'gauge',
    labels: ['phase'],
    help: 'Since when (Unix time) the node that waits longest for a verdict, with no work on it, has been on probation (Probation) or in its validation (Validating); absent while none is.',
  },
  validations: {
    name: 'aicluster_health_validations',
    type: 'gauge',
    labels: ['step'],
    help: 'Validations under way, by step.',
  },
  verdicts: {
    name: 'aicluster_health_verdicts_total',
    type: 'counter',
    labels: ['result'],
    help: 'Verdicts written on nodes, by result: Pass, Fail, Unreliable.',
  },
  rounds: {
    name: 'aicluster_health_round_seconds',
    type: 'histogram',
    labels: ['check'],
    help: 'How long rounds of checks took, by check.',
    buckets: ROUND_SECONDS,
  },
  held: {
    name: 'aicluster_health_held_back',
    type: 'gauge',
    labels: ['brake'],
    help: 'Nodes that should leave and may not, by the brake that holds them back.',
  },
  tripped: {
    name: 'aicluster_health_breaker_tripped',
    type: 'gauge',
    labels: [],
    help: '1 while the breaker is tripped: nothing is removed until a person resets it.',
  },
  faults: {
    name: 'aicluster_health_faults',
    type: 'gauge',
    labels: ['source'],
    help: 'Faults known now, by who says so: Agent, Ec2, Check, Person, Workload.',
  },
  actions: {
    name: 'aicluster_health_actions_total',
    type: 'counter',
    labels: ['type', 'result'],
    help: 'Actions taken, by type and result.',
  },
  evidence: {
    name: 'aicluster_health_evidence_writes_total',
    type: 'counter',
    labels: ['result'],
    help: 'Writes of evidence into the model bucket, by result.',
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Metric names. */
export const METRIC = metricNames(METRICS);

/** Condition types of the NodeHealthPolicy. */
export const CONDITION = { accepted: 'Accepted', tripped: 'Tripped' } as const;

/** Event reasons on Nodes, NodeValidations and the NodeHealthPolicy. */
export const EVENT = {
  closed: 'PutOnProbation',
  passed: 'Validated',
  failed: 'ValidationFailed',
  unreliable: 'ValidationUnreliable',
  leaves: 'LeavesWork',
  rebooted: 'RebootRequested',
  rebootUnknown: 'RebootUnknown',
  rebootNotSent: 'RebootNotSent',
  replaced: 'ReplacementRequested',
  roundDone: 'RoundFinished',
  validated: 'ValidationFinished',
  tripped: 'BreakerTripped',
  reset: 'BreakerReset',
} as const;
