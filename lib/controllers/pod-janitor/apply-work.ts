/**
 * Does one action about work. The ledger comes first: whatever is done to a workload was written there before, and an action is void when
 * the ledger is another by now. Everything can be done again: create is the lock.
 */
import type { ResubmissionStatus } from '../../api';
import { jsonEqual } from '../../domain/json-equal';
import type { KubeObject } from '../../domain/kube';
import { RESUBMISSION_LABEL } from '../../domain/pod-keys';
import { apiVersionOf, RESUBMISSIONS } from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { AlreadyExists, Conflict, Forbidden, ifThere, Invalid, NotFound, TooManyRequests } from '../../runtime/errors';
import { applyWorkloadActs, type WorkloadVoice } from '../apply-workloads';
import { cloneWork, copyName } from './clone';
import { isStopped } from './ledger';
import type { WorkKind } from './pod-templates';
import { afterRestart } from './restart';
import { afterCopy, copyOutcome, type CopyResult } from './resubmit';
import { EVENT, METRIC } from './telemetry';
import { RESOURCE_OF, kindOfWork } from './work';
import type { LedgerAt, WorkAction } from './work-actions';

type Of<T extends WorkAction['type']> = Extract<WorkAction, { readonly type: T }>;

const VOICE: WorkloadVoice = {
  metric: METRIC.actions,
  eventOf: ({ act, by }) => ({
    reason: act === 'Suspend' ? EVENT.suspended : EVENT.resumed,
    message: act === 'Suspend' ? `stopped, to be started again whole: ${by}` : `started again: ${by}`,
  }),
};

/** Does it; returns after how long it has to be asked again. Rejects with what the API server said. */
export async function applyWorkAction(action: WorkAction, context: ControllerContext): Promise<number | undefined> {
  const { metrics } = context;
  try {
    const againMs = await apply(action, context);
    metrics.count(METRIC.actions, { type: action.type, result: 'Done' });
    return againMs;
  } catch (error) {
    metrics.count(METRIC.actions, { type: action.type, result: (error as Error).name });
    throw error;
  }
}

async function apply(action: WorkAction, context: ControllerContext): Promise<number | undefined> {
  switch (action.type) {
    case 'CreateLedger':
      return createLedger(action, context);
    case 'WriteLedger':
      return writeLedger(action.ledger, action.status, context);
    case 'RestartWork':
      return restart(action, context);
    case 'EvictGang':
      return evict(action, context);
    case 'CopyWork':
      return copy(action, context);
    case 'DeleteLedger':
      await context.cluster.delete(
        RESUBMISSIONS,
        { namespace: action.namespace, name: action.name },
        { uid: action.uid, resourceVersion: action.resourceVersion },
      );
      return undefined;
  }
}

async function createLedger({ namespace, name, spec }: Of<'CreateLedger'>, { cluster, cache }: ControllerContext) {
  const { kind } = RESUBMISSIONS;
  const ledger = { apiVersion: apiVersionOf(RESUBMISSIONS), kind, metadata: { namespace, name }, spec };
  try {
    cache(RESUBMISSIONS).assume(await cluster.create(RESUBMISSIONS, ledger));
  } catch (error) {
    if (!(error instanceof AlreadyExists)) throw error;
  }
  return undefined;
}

async function writeLedger(
  { namespace, name, resourceVersion, status: before }: LedgerAt,
  status: ResubmissionStatus,
  context: ControllerContext,
) {
  if (jsonEqual(before, status)) return undefined;
  // Fields that went are null, or a merge would keep them.
  const gone = Object.fromEntries(
    Object.keys(before)
      .filter((key) => !(key in status))
      .map((key) => [key, null] as const),
  );
  const patch = { metadata: { resourceVersion }, status: { ...gone, ...status } };
  const written = await context.cluster.mergePatch(RESUBMISSIONS, { namespace, name }, patch, {
    subresource: 'status',
  });
  context.cache(RESUBMISSIONS).assume(written);
  tell(before, status, written, context);
  return undefined;
}

/** What is new in the story of the ledger, as an Event on it. */
function tell(
  before: ResubmissionStatus,
  status: ResubmissionStatus,
  regarding: KubeObject,
  { events }: ControllerContext,
): void {
  const { attempts = [], message = '' } = status;
  const said = { regarding, action: 'Resubmit', message };
  const [last, old] = [attempts.at(-1), before.attempts?.at(-1)];
  if (isStopped(status) && !isStopped(before)) events.record({ ...said, type: 'Warning', reason: EVENT.stopped });
  else if (last && (last.number !== old?.number || last.step !== old.step))
    events.record({ ...said, type: 'Normal', reason: `Attempt${last.step}` });
}

/** Void when the ledger has changed since. */
async function requireCurrent({ namespace, name, resourceVersion }: LedgerAt, { cluster }: ControllerContext) {
  const live = await cluster.get(RESUBMISSIONS, { namespace, name });
  if (live.metadata.resourceVersion === resourceVersion) return;
  throw new Conflict(`Resubmission ${namespace}/${name} has changed`, 409, 'Conflict');
}

async function restart(action: Of<'RestartWork'>, context: ControllerContext) {
  await requireCurrent(action.ledger, context);
  const report = await applyWorkloadActs([action.act], context, VOICE);
  if (report.failure !== undefined) throw report.failure;
  const status = afterRestart(action.ledger.status, action, report, context.clock.now());
  await writeLedger(action.ledger, status, context);
  return report.againMs;
}

/** A budget that forbids a pod is asked again in a while. */
const BUDGET_RETRY_MS = 10_000;

async function evict({ ledger, pods, message }: Of<'EvictGang'>, context: ControllerContext) {
  await requireCurrent(ledger, context);
  let againMs: number | undefined;
  for (const { namespace, name, uid } of pods) {
    try {
      await context.cluster.evict({ namespace, name }, { uid });
    } catch (error) {
      if (error instanceof TooManyRequests) againMs = BUDGET_RETRY_MS;
      else if (!(error instanceof NotFound || error instanceof Conflict)) throw error;
    }
  }
  context.log.info(message, { ledger: `${ledger.namespace}/${ledger.name}`, pods: pods.length });
  return againMs;
}

async function copy(action: Of<'CopyWork'>, context: ControllerContext) {
  const { ledger } = action;
  await requireCurrent(ledger, context);
  const result = await makeCopy(action, context);
  await writeLedger(ledger, afterCopy(ledger.status, action, result, context.clock.now()), context);
  return undefined;
}

async function makeCopy(action: Of<'CopyWork'>, context: ControllerContext): Promise<CopyResult> {
  const { ledger, kind, sources, ask } = action;
  const { namespace } = ledger;
  const there = await find(kind, namespace, copyName(ask.original, ask), context);
  if (isCopy(there, ask.ledger)) return { outcome: 'Copied' };
  const live = await Promise.all(sources.map((source) => find(source.kind, namespace, source.name, context)));
  const outcome = copyOutcome(action, live);
  if (outcome !== 'Copy') return { outcome };
  try {
    for (const object of cloneWork(kind, live as readonly KubeObject[], ask)) {
      if (!(await create(object, ask.ledger, context))) return { outcome: 'Taken' };
    }
    return { outcome: 'Copied' };
  } catch (error) {
    if (error instanceof Invalid || error instanceof Forbidden) return { outcome: 'Refused', why: error.message };
    throw error;
  }
}

function isCopy(object: KubeObject | undefined, ledger: string): boolean {
  return object?.metadata.labels?.[RESUBMISSION_LABEL] === ledger;
}

/** Whether it is there now, and ours. */
async function create(object: KubeObject, ledger: string, context: ControllerContext): Promise<boolean> {
  const kind = kindOfWork(object)!;
  try {
    await context.cluster.create(RESOURCE_OF[kind], object);
    return true;
  } catch (error) {
    if (!(error instanceof AlreadyExists)) throw error;
    const { namespace = '', name } = object.metadata;
    return isCopy(await find(kind, namespace, name, context), ledger);
  }
}

function find(kind: WorkKind, namespace: string, name: string, { cluster }: ControllerContext) {
  return ifThere(cluster.get(RESOURCE_OF[kind], { namespace, name }));
}
