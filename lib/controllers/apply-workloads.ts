/**
 * Suspends and resumes workloads, for moves and for the pod janitor: each is read live, then written to under the resourceVersion that
 * was read.
 */
import type { KubeObject } from '../domain/kube';
import type { ControllerContext } from '../runtime/controller';
import { AlreadyExists, Conflict, Forbidden, ifThere, Invalid, NotFound } from '../runtime/errors';
import {
  ADAPTERS,
  type Answer,
  type Ask,
  type GangAdapter,
  type WorkloadAct,
  type WorkloadOutcome,
  type WorkloadReport,
  type WorkloadWrite,
} from '../fleet/suspension';

const CONFLICT_RETRY_MS = 500;
/** What a webhook refuses now it may accept later; a person will have to look. */
const REFUSED_RETRY_MS = 30_000;

/** How whoever asks tells of it. */
export interface WorkloadVoice {
  /** Counter of what was done, by type and result. */
  readonly metric: string;
  /** The Event on the workload itself, where its owner looks. */
  eventOf(act: WorkloadAct): { readonly reason: string; readonly message: string };
}

/** Does all acts, one after the other; one that fails does not stop the others. */
export async function applyWorkloadActs(
  acts: readonly WorkloadAct[],
  context: ControllerContext,
  voice: WorkloadVoice,
): Promise<WorkloadReport> {
  const outcomes = new Map<string, WorkloadOutcome>();
  const refused = new Map<string, string>();
  const makers = new Map<string, string>();
  let againMs = Infinity;
  let failure: unknown;
  for (const act of acts) {
    try {
      const done = await applyOne(act, context, voice);
      put(makers, act.key, done.maker);
      put(outcomes, act.key, done.outcome);
      againMs = Math.min(againMs, done.againMs ?? Infinity);
    } catch (error) {
      context.metrics.count(voice.metric, { type: act.act, result: (error as Error).name });
      if (error instanceof Conflict) againMs = Math.min(againMs, CONFLICT_RETRY_MS);
      else if (error instanceof Invalid || error instanceof Forbidden) {
        context.log.warn(`${act.act} refused`, { gang: act.key, why: error.message });
        refused.set(act.key, error.message);
        againMs = Math.min(againMs, REFUSED_RETRY_MS);
      } else failure ??= error;
    }
  }
  return { outcomes, makers, refused, failure, ...(Number.isFinite(againMs) ? { againMs } : {}) };
}

function put<T>(into: Map<string, T>, key: string, value: T | undefined): void {
  if (value !== undefined) into.set(key, value);
}

async function applyOne(act: WorkloadAct, context: ControllerContext, voice: WorkloadVoice): Promise<Answer> {
  const adapter = ADAPTERS[act.workload.kind];
  const workload = adapter && (await read(adapter, act, context));
  if (!adapter || !workload) return { writes: [], outcome: act.act === 'Suspend' ? 'Evict' : 'Gone' };
  const ask: Ask = { ...act, nowMs: context.clock.now() };
  const answer = act.act === 'Suspend' ? adapter.suspend(workload, ask) : adapter.resume(workload, ask);
  let live = workload;
  for (const write of answer.writes) live = (await send(write, live, adapter, context)) ?? live;
  if (answer.writes.length > 0) say(act, live, context, voice);
  return answer;
}

/** The workload, if its kind is installed and it is the one whose pods we saw. */
async function read(
  { resource }: GangAdapter,
  { workload }: WorkloadAct,
  { cluster }: ControllerContext,
): Promise<KubeObject | undefined> {
  const { name, namespace, uid } = workload;
  const live = await ifThere(cluster.get(resource, { name, namespace }));
  return uid === undefined || uid === live?.metadata.uid ? live : undefined;
}

async function send(
  write: WorkloadWrite,
  live: KubeObject,
  { resource }: GangAdapter,
  { cluster }: ControllerContext,
): Promise<KubeObject | undefined> {
  switch (write.verb) {
    case 'Patch': {
      const { name, namespace, resourceVersion } = live.metadata;
      const patch = { ...write.patch, metadata: { ...write.patch.metadata, resourceVersion } };
      const options = write.subresource ? { subresource: write.subresource } : undefined;
      return cluster.mergePatch(resource, { name, namespace }, patch, options);
    }
    case 'Create':
      await cluster.create(write.resource, write.object).catch((error: unknown) => {
        if (!(error instanceof AlreadyExists)) throw error;
      });
      return undefined;
    case 'Delete':
      await cluster.delete(write.resource, write.name).catch((error: unknown) => {
        if (!(error instanceof NotFound)) throw error;
      });
      return undefined;
  }
}

function say(
  act: WorkloadAct,
  regarding: KubeObject,
  { events, metrics, log }: ControllerContext,
  voice: WorkloadVoice,
): void {
  metrics.count(voice.metric, { type: act.act, result: 'Done' });
  log.info(act.act, { gang: act.key, by: act.by });
  events.record({ regarding, type: 'Normal', action: act.act, ...voice.eventOf(act) });
}
