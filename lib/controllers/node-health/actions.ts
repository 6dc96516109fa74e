/** What node-health can do, one call each (a verdict: condition, then annotation and taint; a settled round: evidence, then status). */
import type { FaultReportStatus, NodeHealthPolicyStatus, NodeValidationSpec, NodeValidationStatus } from '../../api';
import type { Condition, KubeObject, Taint } from '../../domain/kube';
import type { Settled } from './answers';

/** A merge patch of a Node. */
export interface NodePatch {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string | null>>;
  };
  readonly spec?: { readonly taints: readonly Taint[] };
}

/** Ask EC2 to reboot the instance of a failed node of a managed node group; nothing works on it, and nothing lands there. */
export interface RebootAction {
  readonly type: 'Reboot';
  readonly node: string;
  readonly resourceVersion: string;
  readonly providerID: string;
  /** The boot that is to end. */
  readonly bootId?: string;
  readonly nodeGroup: string;
  readonly atMs: number;
  readonly why: string;
}

/** An action of its own call. `node`, `validation`, `pod` or `move` name the object it is about. */
export type ObjectAction =
  | { readonly type: 'Close'; readonly node: string; readonly patch: NodePatch; readonly why: string }
  | {
      readonly type: 'WriteVerdict';
      readonly node: string;
      readonly result: 'Pass' | 'Fail' | 'Unreliable';
      readonly condition: Pick<Condition, 'status' | 'reason' | 'message'>;
      readonly patch: NodePatch;
      readonly why: string;
    }
  | {
      readonly type: 'CreateMove';
      readonly name: string;
      readonly node: string;
      /** The CapacityPool of the node: it may be gone when the move is counted. */
      readonly labels: Readonly<Record<string, string>>;
      readonly to: 'Validation' | 'Replacement';
      readonly deadlineMs?: number;
      readonly why: string;
    }
  | {
      readonly type: 'CreateValidation';
      readonly name: string;
      readonly spec: NodeValidationSpec;
      readonly why: string;
    }
  | {
      readonly type: 'WriteValidation';
      readonly validation: string;
      readonly resourceVersion: string;
      readonly status: NodeValidationStatus;
      readonly before: NodeValidationStatus;
      /** The answers of the round that these results are from. */
      readonly evidence?: readonly Settled[];
    }
  | { readonly type: 'DeleteValidation'; readonly validation: string; readonly uid: string }
  | { readonly type: 'CreatePod'; readonly validation: string; readonly pod: KubeObject }
  | { readonly type: 'DeletePod'; readonly pod: string; readonly uid: string }
  | {
      readonly type: 'WritePolicy';
      readonly resourceVersion: string;
      readonly status: NodeHealthPolicyStatus;
      readonly before: NodeHealthPolicyStatus;
    }
  | {
      readonly type: 'WriteReport';
      /** `namespace/name`. */
      readonly report: string;
      readonly resourceVersion: string;
      readonly status: FaultReportStatus;
    }
  | { readonly type: 'DeleteReport'; readonly report: string; readonly uid: string };

/** An action. Reboots are sent together. */
export type HealthAction = ObjectAction | RebootAction;

/** What one look comes to. */
export interface HealthPlan {
  readonly actions: readonly HealthAction[];
  /** Look again after this long even if nothing happens. */
  readonly requeueAfterMs: number | undefined;
}
