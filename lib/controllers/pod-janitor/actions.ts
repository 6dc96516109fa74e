/** What the janitor can do about single pods, one call each but for ForceDelete, which says how the pod ended before it goes. */
import type { FaultKind } from '../../api';
import type { OwnerReference } from '../../domain/kube';
import type { Death } from './death';
import type { StuckState } from './stuck';

/** An action. `pod` is `namespace/name`. Whoever applies it looks at everything live once more first: see recheck.ts. */
export type PodAction =
  | {
      readonly type: 'ForceDelete';
      readonly pod: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly node: string;
      readonly state: StuckState;
      readonly sinceMs: number;
      readonly proof: Death;
      /**
       * Whether its status must be written first (phase Failed, DisruptionTarget), so that owners count it as what it is: a pod that
       * was lost, and no failure of its program. A pod that had ended by itself keeps its own word.
       */
      readonly endFirst: boolean;
      readonly message: string;
    }
  | {
      readonly type: 'RemoveFinalizer';
      readonly pod: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly state: StuckState;
      readonly sinceMs: number;
      readonly finalizer: string;
      /** Every one of them must be gone, by a live GET, before the finalizer is taken off. Never empty. */
      readonly owners: readonly OwnerReference[];
      readonly message: string;
    }
  | {
      readonly type: 'ReportFault';
      /** Name of the FaultReport: the same for the same node, pod and state, so that create is the lock. */
      readonly report: string;
      /** The pod's: node-health believes a workload's report by the node of its pod, and no more than that. */
      readonly namespace: string;
      /** Its name, without the namespace. */
      readonly pod: string;
      readonly node: string;
      readonly kind: FaultKind;
      readonly observedMs: number;
      readonly message: string;
    }
  | {
      /** An Event about the pod. */
      readonly type: 'Say';
      readonly pod: string;
      readonly uid: string;
      /** PascalCase, stable. */
      readonly reason: string;
      readonly message: string;
    };
