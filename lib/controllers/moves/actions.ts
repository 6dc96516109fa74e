/** What moves can do, one call each (a swap looks at the pods live before and after it, a status at what it is about to say). */
import type { NodeMoveStatus } from '../../api';
import type { PodFacts } from '../../fleet';
import type { NodePatch } from './patches';
import type { WorkloadAct } from '../../fleet/suspension';

/** An action. `node`, `move` or `bucket` name the object it is about. */
export type MoveAction =
  | {
      readonly type: 'PatchNode';
      readonly verb: 'Claim' | 'Unclaim' | 'Taint' | 'Untaint' | 'SetBack' | 'Conflict';
      readonly node: string;
      readonly patch: NodePatch;
      readonly why: string;
    }
  | {
      /** Live list, and only when nothing works there the swap; then the list again, squatters are evicted. */
      readonly type: 'HandOver';
      readonly node: string;
      /** Bucket the node is in afterwards; undefined: unassigned. */
      readonly bucket: string | undefined;
      /** The node stays in its bucket, on probation. */
      readonly toValidation?: true;
      readonly patch: NodePatch;
      readonly why: string;
    }
  | {
      /** Takes a claim off whose move is gone or finished; the move is read live first. */
      readonly type: 'DropClaim';
      readonly node: string;
      readonly move: string;
      readonly patch: NodePatch;
      readonly why: string;
    }
  | {
      readonly type: 'Evict';
      readonly node: string;
      readonly pod: PodFacts;
      /** Its gang gives way to a move; absent: it is on a node of another bucket. */
      readonly gang?: string;
      readonly why: string;
    }
  | { readonly type: 'AskCheckpoint'; readonly pod: PodFacts; readonly askedAt: string; readonly why: string }
  | {
      readonly type: 'WriteStatus';
      readonly move: string;
      readonly resourceVersion: string;
      readonly status: NodeMoveStatus;
      readonly before: NodeMoveStatus;
      /** Nodes that are Empty if a live list agrees; their step is set in the same write. */
      readonly confirm: readonly string[];
      /** Workloads to suspend or resume; what comes of it is said in the same write. */
      readonly workloads: readonly WorkloadAct[];
    }
  | {
      readonly type: 'SetFinalizers';
      readonly of: 'NodeMove' | 'CapacityBucket';
      readonly name: string;
      readonly resourceVersion: string;
      readonly finalizers: readonly string[];
      readonly why: string;
    }
  | {
      readonly type: 'DeleteCheckpoint';
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly why: string;
    }
  | { readonly type: 'DeleteMove'; readonly move: string; readonly uid: string; readonly resourceVersion: string };

/** What one look comes to. */
export interface MovesPlan {
  readonly actions: readonly MoveAction[];
  /** Look again after this long even if nothing happens. */
  readonly requeueAfterMs: number | undefined;
  /** Nodes taken from buckets and not handed over yet. */
  readonly inFlight: number;
}
