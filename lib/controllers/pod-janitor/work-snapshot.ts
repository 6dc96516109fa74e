/** What gangs and resubmission are decided on. PURE. */
import type { FaultKind, FaultSeverity } from '../../api';
import type { CheckpointFacts, MoveFacts, NodeFacts, PodFacts, PodGroupFacts } from '../../fleet';
import type { LedgerState } from './ledger';
import type { SeenEnds } from './remember-ends';
import type { WorkFacts } from './work';

/** One container, as its kubelet last told it. */
export interface WorkContainer {
  readonly state: 'Waiting' | 'Running' | 'Terminated';
  readonly reason?: string;
  readonly exitCode?: number;
  readonly finishedMs?: number;
}

/** A pod, as far as gangs and resubmission look at it: a JanitorPod is one. */
export interface WorkPod {
  readonly facts: PodFacts;
  /** A person said on the pod: hands off. */
  readonly ignored: boolean;
  readonly containers: readonly WorkContainer[];
  /** `status.reason`: `NodeLost`, `Evicted`, … */
  readonly statusReason?: string;
  /** Reason of its DisruptionTarget condition, where that is True. */
  readonly disruption?: string;
  /** When its conditions said that it had ended: it was taken (DisruptionTarget), or is not ready any more. */
  readonly endedMs?: number;
  /** When its deletion should have ended. */
  readonly deletionMs?: number;
  /** The only nodes it may run on. */
  readonly pinnedTo?: readonly string[];
}

/** What somebody saw on a node. */
export interface FaultSeen {
  /** The node it is counted against. */
  readonly node?: string;
  /** Node health has understood it, and counts it against that node. */
  readonly counted?: boolean;
  /** `namespace/name`. */
  readonly pod?: string;
  readonly kind: FaultKind;
  readonly severity: FaultSeverity;
  readonly observedAtMs: number;
}

/** One look at all work. */
export interface WorkSnapshot {
  /** Workloads of every kind that is installed, PodGroups without an owner among them. */
  readonly works: readonly WorkFacts[];
  readonly pods: readonly WorkPod[];
  readonly podGroups: readonly PodGroupFacts[];
  /** The newest Checkpoint by `namespace/gang`. */
  readonly checkpoints: ReadonlyMap<string, CheckpointFacts>;
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /** Node → its label `kubernetes.io/hostname`, where that is not its name. */
  readonly hostnames: ReadonlyMap<string, string>;
  /** Nodes whose Node object is gone, or whose instance is proved to have ended → since when (epoch ms) that is known. */
  readonly deadSince: ReadonlyMap<string, number>;
  readonly faults: readonly FaultSeen[];
  readonly ledgers: readonly LedgerState[];
  readonly moves: readonly MoveFacts[];
  /** Namespace → bucket. */
  readonly namespaceBuckets: ReadonlyMap<string, string>;
  /** Namespaces whose label or annotation says: hands off. */
  readonly ignoredNamespaces: ReadonlySet<string>;
  /** Pods that have died, those that have gone since too: what `rememberEnds` gave for this look. */
  readonly remembered: SeenEnds;
}
