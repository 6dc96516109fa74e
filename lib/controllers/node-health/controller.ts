/** node-health: nodes, validations, check pods, moves, reports and the policy → one look at the health of the fleet. */
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  EVENTS,
  FAULT_REPORTS,
  NAMESPACES,
  NODE_HEALTH_POLICIES,
  NODE_MOVES,
  NODE_VALIDATIONS,
  NODES,
  PODS,
} from '../../domain/resources';
import type { Controller, ControllerContext, Outcome } from '../../runtime/controller';
import { applyAll } from './apply-all';
import { NODE_EVENTS_NAMESPACE } from './faults';
import { healthFigures } from './figures';
import { readStatuses } from './instance-statuses';
import { CHECKS_INDEX, observeHealth } from './observe';
import { planNodeHealth, type HealthOutcome } from './plan';
import type { HealthSnapshot } from './snapshot';
import { METRIC } from './telemetry';

const fleet = () => ['fleet'];

/** What the process was started with. */
export interface NodeHealthSettings {
  /** Images of the checks where the policy names none. */
  readonly images: HealthSnapshot['images'];
  /** Namespaces whose FaultReports are a person's. */
  readonly personNamespaces: readonly string[];
}

/** What the Deployment says: `CHECK_IMAGE`, `NEURON_CHECK_IMAGE`. Reports in the controllers' own namespace are a person's. */
export function toHealthSettings(
  env: Readonly<Record<string, string | undefined>>,
  namespace: string,
): NodeHealthSettings {
  const image = (name: string) => {
    const value = env[name];
    if (!value) throw new Error(`${name} is not set: it names the image that checks run in`);
    return value;
  };
  return {
    images: { nvidia: image('CHECK_IMAGE'), neuron: image('NEURON_CHECK_IMAGE') },
    personNamespaces: [namespace],
  };
}

/** Makes the controller. */
export function makeNodeHealthController({ images, personNamespaces }: NodeHealthSettings): Controller {
  const persons = new Set(personNamespaces);
  return {
    name: 'node-health',
    watches: [
      { resource: NODES, keys: fleet },
      // What is said of Nodes is said there.
      { resource: EVENTS, keys: fleet, selection: { namespace: NODE_EVENTS_NAMESPACE } },
      { resource: NODE_VALIDATIONS, keys: fleet },
      { resource: NODE_HEALTH_POLICIES, keys: fleet },
      { resource: FAULT_REPORTS, keys: fleet },
      { resource: NODE_MOVES, keys: fleet },
      { resource: PODS, keys: fleet, indexes: { [CHECKS_INDEX]: ({ metadata }) => [metadata.namespace ?? ''] } },
      { resource: NAMESPACES, keys: fleet },
      { resource: CAPACITY_POOLS, keys: fleet },
      { resource: CAPACITY_BUCKETS, keys: fleet },
    ],
    reconcile: async (_key, context) => {
      const nowMs = context.clock.now();
      const cloud = readStatuses(context, nowMs);
      const snapshot = observeHealth(context, { images, personNamespaces: persons, cloudFaults: cloud.faults }, nowMs);
      const plan = planNodeHealth(snapshot, nowMs);
      tellFigures(snapshot, plan, context);
      const againAfterMs = await applyAll(plan.actions, context, nowMs);
      const waits = [plan.requeueAfterMs, cloud.againMs - nowMs, againAfterMs];
      const next = Math.min(...waits.filter((ms) => ms !== undefined));
      return (Number.isFinite(next) ? { requeueAfterMs: Math.max(0, next) } : {}) satisfies Outcome;
    },
  };
}

function tellFigures(snapshot: HealthSnapshot, plan: HealthOutcome, { metrics }: ControllerContext): void {
  for (const { name, series } of healthFigures(snapshot, plan)) metrics.gauges(name, series);
  metrics.gauge(METRIC.tripped, Number(plan.tripped));
}
