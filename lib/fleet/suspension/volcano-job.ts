/**
 * Volcano Jobs are suspended by the Command AbortJob and resumed by ResumeJob. PURE.
 *
 * A Command is deleted before it is carried out, so the only proof that it was is the phase of the Job. The annotations say how far we
 * were, whatever died in between:
 *
 *   suspended-by + retries   AbortJob was sent, or is about to be: send it until the Job is Aborted
 *   suspended-by alone       retries are given back; ResumeJob was sent, or is about to be: send it until the Job is not Aborted
 *   neither                  nothing of ours holds it
 *
 * Abort costs no retry, ResumeJob adds one: one is taken off before (never below 0), so however often a Job is moved it never comes
 * nearer to its maxRetry than one.
 */
import type { KubeObject } from '../../domain/kube';
import { RETRIES_ANNOTATION, SUSPENDED_BY_ANNOTATION } from '../../domain/pod-keys';
import { apiVersionOf, VOLCANO_COMMANDS, VOLCANO_JOBS } from '../../domain/resources';
import {
  isOurs,
  isTheOthers,
  kindOfAsker,
  note,
  type Answer,
  type Ask,
  type GangAdapter,
  type WorkloadWrite,
} from './words';

/** An order that was not seen to be carried out within this time is taken back rather than waited for. */
export const ORDER_MS = 60_000;
/** The job controller acts within this time. */
const SOON_MS = 1_000;

const ABORTED = ['Aborting', 'Aborted'];
const OVER = ['Completing', 'Completed', 'Terminating', 'Terminated', 'Failed'];

const phaseOf = ({ status }: KubeObject): string => status?.state?.phase ?? 'Pending';
const retriesOf = ({ status }: KubeObject): number => Number(status?.retryCount ?? 0);

/** Suspends and resumes Volcano Jobs. */
export const volcanoJobAdapter: GangAdapter = {
  resource: VOLCANO_JOBS,

  suspend(job: KubeObject, ask: Ask): Answer {
    const phase = phaseOf(job);
    if (isOurs(job, ask)) {
      return ABORTED.includes(phase) ? { writes: [] } : { writes: [order(job, 'AbortJob', ask)], againMs: SOON_MS };
    }
    if (ABORTED.includes(phase) || OVER.includes(phase) || isTheOthers(job, ask))
      return { writes: [], outcome: 'Wait' };
    if (ask.surplus && runsOnWithout(job, ask.surplus)) return { writes: [], outcome: 'Surplus' };
    const annotations = { [SUSPENDED_BY_ANNOTATION]: ask.by, [RETRIES_ANNOTATION]: String(retriesOf(job)) };
    return {
      writes: [{ verb: 'Patch', patch: { metadata: { annotations } } }, order(job, 'AbortJob', ask)],
      againMs: SOON_MS,
    };
  },

  resume(job: KubeObject, ask: Ask): Answer {
    const phase = phaseOf(job);
    if (!isOurs(job, ask)) return { writes: [], outcome: 'Resumed' };
    if (OVER.includes(phase)) return { writes: [free()], outcome: 'Resumed' };
    if (phase === 'Aborting') return { writes: [], againMs: SOON_MS };
    if (phase === 'Aborted') return { writes: [...refund(job), order(job, 'ResumeJob', ask)], againMs: SOON_MS };
    if (!(RETRIES_ANNOTATION in (job.metadata.annotations ?? {}))) return { writes: [free()], outcome: 'Resumed' };
    return ask.nowMs < ask.gaveWayAtMs + ORDER_MS
      ? // The order to abort may still be carried out: only an Aborted Job can be resumed for sure.
        { writes: [order(job, 'AbortJob', ask)], againMs: SOON_MS }
      : { writes: [takenBack(job, 'AbortJob'), free()], outcome: 'Resumed' };
  },
};

function free(): WorkloadWrite {
  return {
    verb: 'Patch',
    patch: { metadata: { annotations: { ...note(null).annotations, [RETRIES_ANNOTATION]: null } } },
  };
}

/** Gives the retry back that ResumeJob will take, then says so by taking the note of it off. */
function refund(job: KubeObject): WorkloadWrite[] {
  const before = job.metadata.annotations?.[RETRIES_ANNOTATION];
  if (before === undefined) return [];
  const retryCount = Math.max(0, (Number(before) || 0) - 1);
  const patch = { metadata: { annotations: { [RETRIES_ANNOTATION]: null } } };
  const noted: WorkloadWrite = { verb: 'Patch', patch };
  return retriesOf(job) > retryCount
    ? [{ verb: 'Patch', patch: { status: { retryCount } }, subresource: 'status' }, noted]
    : [noted];
}

/** The same order has the same name for as long as it waits: it cannot wait twice. */
function orderName(job: KubeObject, action: 'AbortJob' | 'ResumeJob') {
  return { name: `aicluster-${action.toLowerCase()}-${job.metadata.uid}`, namespace: job.metadata.namespace };
}

function order(job: KubeObject, action: 'AbortJob' | 'ResumeJob', ask: Ask): WorkloadWrite {
  const { name, uid = '' } = job.metadata;
  const target = { apiVersion: apiVersionOf(VOLCANO_JOBS), kind: VOLCANO_JOBS.kind, name, uid, controller: true };
  const object: KubeObject = {
    apiVersion: apiVersionOf(VOLCANO_COMMANDS),
    kind: VOLCANO_COMMANDS.kind,
    metadata: { ...orderName(job, action), ownerReferences: [target] },
    action,
    target,
    reason: kindOfAsker(ask),
    message: `${action}: a ${kindOfAsker(ask)} of eks-ai-cluster`,
  };
  return { verb: 'Create', resource: VOLCANO_COMMANDS, object };
}

function takenBack(job: KubeObject, action: 'AbortJob' | 'ResumeJob'): WorkloadWrite {
  return { verb: 'Delete', resource: VOLCANO_COMMANDS, name: orderName(job, action) };
}

interface Task {
  readonly name?: string;
  readonly replicas?: number;
  readonly minAvailable?: number;
  readonly policies?: readonly Policy[];
}
interface Policy {
  readonly event?: string;
  readonly events?: readonly string[];
  readonly action?: string;
}

/** Events that the eviction of a pod is. */
const LOSS = ['*', 'PodEvicted', 'PodFailed', 'TaskFailed', 'TaskCompleted'];

/** Whether the Job loses nothing but these pods: no policy answers to their end, and every task keeps its own minimum. */
function runsOnWithout({ spec }: KubeObject, surplus: readonly Readonly<Record<string, string>>[]): boolean {
  const tasks: readonly Task[] = spec?.tasks ?? [];
  const policies: readonly Policy[] = [...(spec?.policies ?? []), ...tasks.flatMap((task) => task.policies ?? [])];
  if (policies.some(({ event = '', events = [] }) => [event, ...events].some((one) => LOSS.includes(one))))
    return false;
  return tasks.every(({ name, replicas = 1, minAvailable = replicas }) => {
    const leaving = surplus.filter((labels) => labels['volcano.sh/task-spec'] === name).length;
    return replicas - leaving >= minAvailable;
  });
}
