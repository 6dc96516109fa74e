/** The words of suspending and resuming a workload: who asks, what to write, what came of it. PURE. */
import type { KubeObject } from '../../domain/kube';
import { SUSPENDED_BY_ANNOTATION } from '../../domain/pod-keys';
import type { ResourceType } from '../../domain/resources';
import type { WorkloadRef } from '../../fleet';

/** Who asks, and when. */
export interface Ask {
  /** Name of the NodeMove. */
  readonly move: string;
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
export const note = (move: string | null) => ({ annotations: { [SUSPENDED_BY_ANNOTATION]: move } });

/** Whether this NodeMove has put its name on the workload. */
export function isOurs({ metadata }: KubeObject, { move }: Ask): boolean {
  return metadata.annotations?.[SUSPENDED_BY_ANNOTATION] === move;
}

/** What is asked of one workload. */
export interface WorkloadAct extends Omit<Ask, 'nowMs'> {
  readonly act: 'Suspend' | 'Resume';
  /** The gang, as in the status of the move. */
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
