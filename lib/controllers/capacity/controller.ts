/** capacity: buckets, pools, nodes, pods and gangs → one look at the whole fleet. */
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  CHECKPOINTS,
  DISRUPTION_BUDGETS,
  NAMESPACES,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
  QUEUES,
  VOLCANO_JOBS,
} from '../../domain/resources';
import type { Controller, ControllerContext, Metrics, Outcome } from '../../runtime/controller';
import { ApiError, LeaseLost, NotFound } from '../../runtime/errors';
import type { ClusterPort } from '../../runtime/ports';
import { applyCapacityAction } from './apply';
import { toFigures, type Look } from './figures';
import { Memory } from './memory';
import { observeCapacity } from './observe';
import { planCapacity } from './plan';
import { followWaits, NO_WAITS, type Waits } from './queue-wait';
import type { CapacityAction } from './snapshot';
import { METRIC } from './telemetry';

/** Volcano's CRDs were not there: looked for again after this long. */
const WITHOUT_VOLCANO_MS = 60_000;

const fleet = () => ['fleet'];

/** Decides which nodes should change bucket, and how many on-demand nodes there should be. */
export const capacityController: Controller = {
  name: 'capacity',
  watches: [
    { resource: CAPACITY_BUCKETS, keys: fleet },
    { resource: CAPACITY_POOLS, keys: fleet },
    { resource: NODE_MOVES, keys: fleet },
    { resource: NODES, keys: fleet },
    { resource: PODS, keys: fleet },
    { resource: NAMESPACES, keys: fleet },
    { resource: DISRUPTION_BUDGETS, keys: fleet },
    { resource: CHECKPOINTS, keys: fleet },
    { resource: POD_GROUPS, keys: fleet, optional: true },
    { resource: QUEUES, keys: fleet, optional: true },
    { resource: VOLCANO_JOBS, keys: fleet, optional: true },
  ],
  reconcile: reconcileCapacity,
};

/** Until when (epoch ms) each cluster is taken to be without Volcano. Lost with the process, and found again by the next apply. */
const withoutVolcanoUntilMs = new WeakMap<ClusterPort, number>();

/** What the last look at each cluster left behind. */
const memories = new WeakMap<ClusterPort, Memory>();

async function reconcileCapacity(_key: string, context: ControllerContext): Promise<Outcome> {
  const { clock, cluster, metrics } = context;
  const nowMs = clock.now();
  const absentUntilMs = withoutVolcanoUntilMs.get(cluster) ?? 0;
  const memory = memories.get(cluster) ?? new Memory();
  memories.set(cluster, memory);
  const snapshot = observeCapacity(context, absentUntilMs <= nowMs);
  const { actions, requeueAfterMs, seen } = planCapacity(snapshot, nowMs, { memory });
  metrics.observe(METRIC.decision, (clock.now() - nowMs) / 1000);
  show(metrics, { snapshot, actions, seen, nowMs });
  await applyAll(actions, context, nowMs);
  const waits = [requeueAfterMs, absentUntilMs > nowMs ? absentUntilMs - nowMs : undefined];
  const next = Math.min(...waits.filter((ms) => ms !== undefined));
  return Number.isFinite(next) ? { requeueAfterMs: next } : {};
}

/** What waits, by process: lost with it, so that a new leader counts what it has seen waiting itself. */
const waitingIn = new WeakMap<Metrics, Waits>();

/** Metrics of one look: all of them each time, so that a new leader says everything at once and of a bucket that is gone nothing. */
function show(metrics: Metrics, look: Look): void {
  for (const [name, series] of toFigures(look)) metrics.gauges(name, series);
  const before = waitingIn.get(metrics) ?? NO_WAITS;
  const { waits, placed, gone } = followWaits(before, look.seen.units, look.snapshot, look.nowMs);
  for (const { bucket, seconds } of placed) metrics.observe(METRIC.queueWait, seconds, { bucket });
  for (const bucket of gone) metrics.forget(METRIC.queueWait, { bucket });
  waitingIn.set(metrics, waits);
}

/** Does the actions; one that fails does not keep the others, then the first failure decides when to look again. */
async function applyAll(actions: readonly CapacityAction[], context: ControllerContext, nowMs: number): Promise<void> {
  const failures: ApiError[] = [];
  for (const action of actions) {
    if (isAboutQueues(action) && (withoutVolcanoUntilMs.get(context.cluster) ?? 0) > nowMs) continue;
    try {
      await applyCapacityAction(action, context);
    } catch (error) {
      if (!isOutcome(error)) throw error;
      context.metrics.count(METRIC.actions, { type: action.type, result: error.name });
      // Gone: whatever it was about is not there any more, and the watch will say so.
      if (!(error instanceof NotFound)) failures.push(error);
      else if (isAboutQueues(action)) withoutVolcanoUntilMs.set(context.cluster, nowMs + WITHOUT_VOLCANO_MS);
    }
  }
  if (failures[0]) throw failures[0];
}

/** Whether the world said no; anything else is a bug, or the end of our lease. */
function isOutcome(error: unknown): error is ApiError {
  return error instanceof ApiError && !(error instanceof LeaseLost);
}

function isAboutQueues({ type }: CapacityAction): boolean {
  return type === 'ApplyQueue' || type === 'DeleteQueue';
}
