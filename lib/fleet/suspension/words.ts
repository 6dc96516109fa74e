/** The words of suspending and resuming a workload: who asks, what to write, what came of it. PURE. */
import type { KubeObject } from '../../domain/kube';
import { SUSPENDED_BY_ANNOTATION } from '../../domain/pod-keys';
import type { ResourceType } from '../../domain/resources';
import type { WorkloadRef } from '../workloads';

/** Who asks, and when. */
export interface Ask {
  /** Name of the NodeMove, or `Resubmission/<name>/<number>`: what is noted on the workload. */
  readonly by: string;
  readonly nowMs: number;
  /** When (epoch ms) the gang gave way. */
  readonly gaveWayAtMs: number;
  /** Only these pods, by their labels, would have to go if the others run on without them; absent: all of them go. */
  readonly surplus?: readonly Readonly<Record<string, string>>[];
}

/** One write. Patches are sent under the resourceVersion that was read. */
export type WorkloadWrite =
  | { readonly verb: 'Patch'; readonly patch: WorkloadPatch; readonly subresource?: 'status' }
  | { readonly verb: 'Create'; readonly resource: ResourceType; readonly object: KubeObject }
  | {
      readonly verb: 'Delete';
      readonly resource: ResourceType;
      readonly name: { readonly name: string; readonly namespace?: string };
    };

/** A merge patch of a workload. */
export interface WorkloadPatch {
  readonly metadata?: { readonly annotations: Readonly<Record<string, string | null>> };
  readonly spec?: object;
  readonly status?: object;
}

/**
 * What came of it. Resumed: nothing of ours holds it any more; Gone: it is not there; Wait: somebody else has stopped it; Evict: it
 * cannot be suspended; Surplus: the pods above its minimum can go alone.
 */
export type WorkloadOutcome = 'Resumed' | 'Gone' | 'Wait' | 'Evict' | 'Surplus';

/** What to write now, in this order, and what it comes to. */
export interface Answer {
  readonly writes: readonly WorkloadWrite[];
  readonly outcome?: WorkloadOutcome;
  /** The workload that makes this one, and that is to be asked instead: nothing was written. As in `workloadKey`. */
  readonly maker?: string;
  /** Ask again after this long: the operator has to act first. */
  readonly againMs?: number;
}

/** Suspends and resumes workloads of one kind. */
export interface GangAdapter {
  readonly resource: ResourceType;
  suspend(workload: KubeObject, ask: Ask): Answer;
  resume(workload: KubeObject, ask: Ask): Answer;
}

/** Annotation patch that says who suspends. */
export const note = (by: string | null) => ({ annotations: { [SUSPENDED_BY_ANNOTATION]: by } });

/** Whether whoever asks has put its name on the workload. */
export function isOurs({ metadata }: KubeObject, { by }: Pick<Ask, 'by'>): boolean {
  return metadata.annotations?.[SUSPENDED_BY_ANNOTATION] === by;
}

/** Before the names of those who ask and are no NodeMove: a NodeMove has no slash in its name. */
const RESUBMISSION = 'Resubmission/';

/** What an attempt of the pod janitor notes on the workload that it restarts. */
export function resubmissionNote(ledger: string, number: number): string {
  return `${RESUBMISSION}${ledger}/${number}`;
}

/** The attempt that a note names; undefined when it names a NodeMove. */
export function parseResubmissionNote(
  by: string | undefined,
): { readonly ledger: string; readonly number: number } | undefined {
  const [ledger = '', number = ''] = by?.startsWith(RESUBMISSION) ? by.slice(RESUBMISSION.length).split('/') : [];
  return ledger !== '' && /^\d+$/.test(number) ? { ledger, number: Number(number) } : undefined;
}

/** The Kind of whoever asks. */
export function kindOfAsker({ by }: Pick<Ask, 'by'>): 'NodeMove' | 'Resubmission' {
  return by.startsWith(RESUBMISSION) ? 'Resubmission' : 'NodeMove';
}

/** Whether the other one of the two who may is at it: neither writes over the note of the other. */
export function isTheOthers({ metadata }: KubeObject, ask: Pick<Ask, 'by'>): boolean {
  const by = metadata.annotations?.[SUSPENDED_BY_ANNOTATION];
  return by !== undefined && kindOfAsker({ by }) !== kindOfAsker(ask);
}

/** What is asked of one workload. */
export interface WorkloadAct extends Omit<Ask, 'nowMs'> {
  readonly act: 'Suspend' | 'Resume';
  /** The gang, as in the records of whoever asks. */
  readonly key: string;
  readonly workload: WorkloadRef;
  /** What the surplus pods have, when there are any. */
  readonly surplusAccelerators?: number;
}

/** What came of all of them. */
export interface WorkloadReport {
  readonly outcomes: ReadonlyMap<string, WorkloadOutcome>;
  /** Gang → the workload that makes its workload, and that is to be asked instead. */
  readonly makers: ReadonlyMap<string, string>;
  /** Gang → why the API server or a webhook refuses. */
  readonly refused: ReadonlyMap<string, string>;
  readonly againMs?: number;
  /** The first failure that the queue has to know of. */
  readonly failure?: unknown;
}
