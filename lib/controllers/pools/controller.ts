/** pools: CapacityPools, NodePools, NodeClaims, Nodes and NodeMoves → one look at the whole supply. */
import { CAPACITY_POOLS, NODE_CLAIMS, NODE_MOVES, NODE_POOLS, NODES } from '../../domain/resources';
import type { Controller, ControllerContext, Outcome } from '../../runtime/controller';
import { ApiError, Conflict, LeaseLost, TooManyRequests } from '../../runtime/errors';
import type { CloudPort } from '../../runtime/ports';
import { applyPoolAction, isGone } from './apply';
import { toFigures } from './figures';
import { askedUntilMs, nextAskMs } from './apply-instances';
import { observePools, toPoolFacts } from './observe';
import { planPools } from './plan';
import type { PoolAction } from './actions';
import type { Reading } from './snapshot';
import { METRIC } from './telemetry';
import { dueReservations } from './window';

/** EC2 takes at most this many ids in one call. */
const BATCH = 100;
/** After a failed read the next one waits this long, unless EC2 says longer. */
const READ_RETRY_MS = 30_000;
/** Somebody was faster: look again this soon. */
const CONFLICT_RETRY_MS = 500;

const fleet = () => ['fleet'];

/** Supplies nodes: the only controller that makes or removes them. */
export const poolsController: Controller = {
  name: 'pools',
  watches: [
    { resource: CAPACITY_POOLS, keys: fleet },
    { resource: NODE_POOLS, keys: fleet },
    { resource: NODE_CLAIMS, keys: fleet },
    { resource: NODES, keys: fleet },
    { resource: NODE_MOVES, keys: fleet },
  ],
  reconcile: reconcilePools,
};

async function reconcilePools(_key: string, context: ControllerContext): Promise<Outcome> {
  const nowMs = context.clock.now();
  const { readings, retryMs } = await readDue(context, nowMs);
  const snapshot = observePools(context, { readings, askedUntilMs: askedUntilMs(context.cloud) });
  const { actions, requeueAfterMs } = planPools(snapshot, nowMs);
  for (const [name, series] of toFigures(snapshot, actions)) context.metrics.gauges(name, series);
  const conflicts = await applyAll(actions, context);
  // What was asked of EC2 just now: when that is due again.
  const askMs = nextAskMs(context.cloud, nowMs);
  const waits = [requeueAfterMs, retryMs, conflicts ? CONFLICT_RETRY_MS : undefined, askMs && askMs - nowMs];
  const next = Math.min(...waits.filter((ms) => ms !== undefined));
  return Number.isFinite(next) ? { requeueAfterMs: next } : {};
}

/** When each cloud may be asked again after a failure. Lost with the process, and rebuilt by the next failure. */
const pausedUntilMs = new WeakMap<CloudPort, number>();

/** Reads the windows that are due. A failure keeps the last known windows. */
async function readDue(context: ControllerContext, nowMs: number) {
  const { cache, cloud, log, metrics } = context;
  const readings = new Map<string, Reading | null>();
  const ids = dueReservations(cache(CAPACITY_POOLS).list().map(toPoolFacts), nowMs);
  if (ids.length === 0) return { readings };
  const pausedMs = (pausedUntilMs.get(cloud) ?? 0) - nowMs;
  if (pausedMs > 0) return { readings, retryMs: pausedMs };
  try {
    for (let from = 0; from < ids.length; from += BATCH) {
      await readBatch(cloud, ids.slice(from, from + BATCH), readings);
    }
    metrics.count(METRIC.reads, { result: 'Done' });
    return { readings };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const retryMs = Math.max(READ_RETRY_MS, error instanceof TooManyRequests ? error.retryAfterMs : 0);
    pausedUntilMs.set(cloud, nowMs + retryMs);
    metrics.count(METRIC.reads, { result: error.name });
    log.warn('reservations not read: the last known windows count', { error: error.message, retryMs });
    return { readings, retryMs };
  }
}

async function readBatch(cloud: CloudPort, ids: readonly string[], readings: Map<string, Reading | null>) {
  const answers = new Map((await cloud.readReservations(ids)).map((answer) => [answer.id, answer] as const));
  for (const id of ids) readings.set(id, answers.get(id) ?? null);
}

/** Does the actions; a pool whose action fails waits for the next look, the others go on. Returns whether somebody was faster. */
async function applyAll(actions: readonly PoolAction[], context: ControllerContext): Promise<boolean> {
  const failed = new Set<string>();
  let conflicts = false;
  let first: unknown;
  for (const action of actions) {
    if (failed.has(action.pool)) continue;
    try {
      await applyPoolAction(action, context);
    } catch (error) {
      if (error instanceof LeaseLost || !(error instanceof ApiError)) throw error;
      if (isGone(error, action)) continue;
      failed.add(action.pool);
      context.metrics.count(METRIC.actions, { type: action.type, result: error.name });
      if (error instanceof Conflict) conflicts = true;
      else first ??= error;
    }
  }
  if (first) throw first;
  return conflicts;
}
