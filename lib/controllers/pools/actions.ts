/** What pools can do, one call each. Every action carries its reason and what it was decided on. */
import type { CapacityPoolStatus, MoveReason } from '../../api';
import type { KubeObject } from '../../domain/kube';
import type { Size } from './sizing';

/** Node that may be deleted only if it is still exactly this one. */
export interface DeleteNode {
  readonly type: 'DeleteNode';
  readonly pool: string;
  readonly node: string;
  readonly uid: string;
  readonly providerID: string;
  /** The NodeMove that must still claim it. */
  readonly move: string;
  readonly replace: boolean;
  readonly why: string;
}

/** An emptied node of a managed node group; its instance may be ended only if it is still exactly this one. */
export type EmptiedInstance = Pick<DeleteNode, 'node' | 'uid' | 'providerID' | 'move'>;

/** An action on behalf of one pool. */
export type PoolAction =
  | {
      readonly type: 'SetFinalizers';
      readonly pool: string;
      readonly resourceVersion: string;
      readonly finalizers: readonly string[];
      readonly why: string;
    }
  | {
      readonly type: 'ApplyNodePool';
      readonly pool: string;
      readonly object: KubeObject;
      readonly size: Size;
      readonly before: Size | undefined;
      readonly why: string;
    }
  | { readonly type: 'DeleteNodePool'; readonly pool: string; readonly uid: string; readonly why: string }
  | DeleteNode
  | {
      /** Ends the instances of these nodes in EC2; the node group makes others. */
      readonly type: 'EndInstances';
      readonly pool: string;
      readonly nodeGroup: string;
      readonly nodes: readonly EmptiedInstance[];
      readonly why: string;
    }
  | {
      readonly type: 'CutDrainShort';
      readonly pool: string;
      readonly claim: string;
      readonly atMs: number;
      readonly why: string;
    }
  | {
      readonly type: 'CreateMove';
      readonly pool: string;
      readonly name: string;
      readonly node: string;
      readonly reason: MoveReason;
      readonly deadlineMs: number;
      readonly why: string;
    }
  | {
      readonly type: 'DeleteMove';
      readonly pool: string;
      readonly move: string;
      readonly uid: string;
      readonly why: string;
    }
  | {
      readonly type: 'WriteStatus';
      readonly pool: string;
      readonly resourceVersion: string;
      /** Everything pools owns of the status; `requested` is capacity's and never in it. */
      readonly status: CapacityPoolStatus;
      readonly before: CapacityPoolStatus;
    };

/** What one look at the pools comes to. */
export interface PoolsPlan {
  /** In order; when one fails, the later ones of the same pool are left for the next look. */
  readonly actions: readonly PoolAction[];
  /** Look again after this long even if nothing happens. */
  readonly requeueAfterMs: number | undefined;
}
