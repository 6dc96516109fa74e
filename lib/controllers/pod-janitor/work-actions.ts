/**
 * What gangs and resubmission can do. PURE.
 *
 * Whoever applies Restart, Evict or Copy reads the ledger live first: with another resourceVersion than `ledger.resourceVersion` the
 * decision is void (a Conflict: look again). Each may be done again and again: workloads are asked through their adapters, which read
 * what is there; evictions name the UID; a copy that is there already and carries the label is the copy.
 */
import type { JanitorPolicySpec, ResubmissionSpec, ResubmissionStatus } from '../../api';
import type { PodFacts } from '../../fleet';
import type { WorkloadAct } from '../../fleet/suspension';
import type { CloneAsk } from './clone';
import type { GangState } from './gang-states';
import type { WorkKind } from './pod-templates';

/** A ledger as it was when something was decided on it. */
export interface LedgerAt {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** Before. */
  readonly status: ResubmissionStatus;
}

/** An action. */
export type WorkAction =
  | {
      /** Create is the lock: AlreadyExists is as good as done. */
      readonly type: 'CreateLedger';
      readonly namespace: string;
      readonly name: string;
      readonly spec: ResubmissionSpec;
      readonly message: string;
    }
  | {
      /** Server-side apply of the status, with the resourceVersion; the answer is assumed. */
      readonly type: 'WriteLedger';
      readonly ledger: LedgerAt;
      readonly status: ResubmissionStatus;
    }
  | {
      /** `applyWorkloadActs`, then `afterRestart`, then the status as WriteLedger does when it has changed. */
      readonly type: 'RestartWork';
      readonly ledger: LedgerAt;
      readonly number: number;
      readonly act: WorkloadAct;
    }
  | {
      /** Eviction API with the UID, all of them; a budget that forbids one is asked again. */
      readonly type: 'EvictGang';
      readonly ledger: LedgerAt;
      readonly number: number;
      readonly pods: readonly PodFacts[];
      readonly message: string;
    }
  | {
      /**
       * Live GET of the copy: when it is there and carries the label, it was made before (Copied), whatever has become of its sources.
       * Else live GET of the sources, `copyOutcome`, `cloneWork`, creates in that order, `afterCopy`, the status as WriteLedger does.
       */
      readonly type: 'CopyWork';
      readonly ledger: LedgerAt;
      readonly number: number;
      readonly kind: WorkKind;
      /** The work first; then, for a gang of bare pods, the pods. Without UID: whatever has the name and the label of the ledger. */
      readonly sources: readonly { readonly kind: WorkKind; readonly name: string; readonly uid?: string }[];
      readonly ask: CloneAsk;
      /** Pods of it still run elsewhere: they end once the copy is there. */
      readonly replaces: boolean;
    }
  | {
      readonly type: 'DeleteLedger';
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
    };

/** Something that is so, whether anything is done about it or not: for counts, Events and statuses. */
export interface WorkFinding {
  /** A state of gangs; Ended: work that has ended in failure. */
  readonly state: GangState | 'Ended';
  /** `Job research/llama`. */
  readonly key: string;
  readonly namespace: string;
  readonly sinceMs?: number;
  /** What is wrong, and what is done about it or why nothing is. */
  readonly message: string;
}

/** What one look comes to. */
export interface WorkPlan {
  readonly actions: readonly WorkAction[];
  readonly findings: readonly WorkFinding[];
  /** Moments (epoch ms) at which something falls due although nothing happens. */
  readonly moments: readonly number[];
  /** `namespace/name` of bare pods that are copied first: they must not be deleted before. */
  readonly holds: ReadonlySet<string>;
}

/** What work is planned with. */
export type WorkPolicy = Pick<JanitorPolicySpec, 'dryRun' | 'excludeNamespaces' | 'gangs' | 'resubmission' | 'stuck'>;
