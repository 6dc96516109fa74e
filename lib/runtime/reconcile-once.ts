/** One piece of work of one controller, and what its outcome means for the queue. */
import type { Controller, ControllerContext } from './controller';
import { AlreadyExists, ApiError, Conflict, LeaseLost, NotFound, TooManyRequests } from './errors';
import type { Verdict } from './queue';

/** Somebody was faster, or the cache has not caught up yet: soon again. */
const SOON: Verdict = { kind: 'backOff', firstMs: 200, maxMs: 10_000 };
/** The world does not work just now. */
const LATER: Verdict = { kind: 'backOff', firstMs: 1000, maxMs: 300_000 };
/** A bug will not go away by itself; the world around it may. */
const TRIPPED: Verdict = { kind: 'backOff', firstMs: 60_000, maxMs: 1_800_000 };

/**
 * Reconciles one key. Never rejects: a bug trips this key of this controller, not the process. `tripped` holds the keys of this
 * controller that are tripped now.
 */
export async function reconcileOnce(
  controller: Controller,
  key: string,
  context: ControllerContext,
  tripped: Set<string>,
): Promise<Verdict> {
  const { metrics, clock } = context;
  const labels = { controller: controller.name };
  const startedMs = clock.now();
  try {
    const { requeueAfterMs } = await controller.reconcile(key, context);
    metrics.count('aicluster_reconciles_total', { ...labels, outcome: 'Done' });
    if (tripped.delete(key)) metrics.gauge('aicluster_controller_degraded', 0, { ...labels, key });
    return { kind: 'done', requeueAfterMs };
  } catch (error) {
    metrics.count('aicluster_reconciles_total', { ...labels, outcome: outcomeName(error) });
    if (!(error instanceof ApiError)) tripped.add(key);
    return verdictOf(error, key, controller.name, context);
  } finally {
    metrics.observe('aicluster_reconcile_seconds', (clock.now() - startedMs) / 1000, labels);
  }
}

function verdictOf(error: unknown, key: string, controller: string, { log, metrics }: ControllerContext): Verdict {
  if (!(error instanceof ApiError)) {
    metrics.gauge('aicluster_controller_degraded', 1, { controller, key });
    metrics.count('aicluster_controller_bugs_total', { controller });
    log.error('controller tripped: a bug', { controller, key, error: stackOf(error) });
    return TRIPPED;
  }
  if (error instanceof LeaseLost) return { kind: 'drop' };
  if (error instanceof Conflict || error instanceof AlreadyExists || error instanceof NotFound) return SOON;
  log.warn('call failed', { controller, key, error: error.message, status: error.status, reason: error.reason });
  if (error instanceof TooManyRequests) return { kind: 'retryAfter', ms: error.retryAfterMs };
  return LATER;
}

function outcomeName(error: unknown): string {
  return error instanceof ApiError ? error.name : 'Bug';
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
