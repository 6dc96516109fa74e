/** Words that invariants says to the outside: metrics, Event reasons, condition types. */
import { metricNames, type MetricRow } from '../../domain/metrics';

/** The metrics, all prefixed with the controller. */
export const METRICS = {
  findings: {
    name: 'aicluster_invariants_findings',
    type: 'gauge',
    labels: ['rule', 'severity'],
    help: 'Objects that break a rule now, by rule and severity: Critical, Warning, Info.',
  },
  conflicts: {
    name: 'aicluster_invariants_conflicts',
    type: 'gauge',
    labels: ['rule'],
    help: 'Findings that were put right as often as the policy allows and are wrong again: somebody else keeps changing them.',
  },
  repairs: {
    name: 'aicluster_invariants_repairs_total',
    type: 'counter',
    labels: ['rule', 'result'],
    help: 'Repairs of what the enforcer owns, by rule and result.',
  },
  rules: {
    name: 'aicluster_invariants_rules',
    type: 'gauge',
    labels: [],
    help: 'Rules that are looked at.',
  },
  shipped: {
    name: 'aicluster_invariants_shipped_objects',
    type: 'gauge',
    labels: [],
    help: 'Admission policies, bindings and PriorityClasses that are compared with what was deployed; 0: nobody knows what was.',
  },
  looked: {
    name: 'aicluster_invariants_last_look_timestamp_seconds',
    type: 'gauge',
    labels: [],
    help: 'When (Unix time) all rules were last looked at.',
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Metric names. */
export const METRIC = metricNames(METRICS);

/** Condition types of the InvariantPolicy. */
export const CONDITION = { accepted: 'Accepted', kept: 'InvariantsKept' } as const;

/** Event reasons on the InvariantPolicy and on what breaks a rule. */
export const EVENT = {
  broken: 'InvariantBroken',
  conflict: 'InvariantConflict',
  repaired: 'InvariantRepaired',
} as const;
