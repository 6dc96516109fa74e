/** What one look at the health of the fleet is decided on: plain values, times in epoch milliseconds. */
import type {
  FaultReportStatus,
  MoveDestination,
  MoveStep,
  NodeHealthPolicySpec,
  NodeHealthPolicyStatus,
  NodeValidationSpec,
  NodeValidationStatus,
  ValidationLevel,
} from '../../api';
import type { NodeFacts, NodePhase, PolicyState as PolicyOf } from '../../fleet';
import type { Demand } from './aging';
import type { Fault } from './faults';
import type { BrakePool } from './removals';

/** A round of a validation, and one test of it, as recorded. */
export type Round = NonNullable<NodeValidationStatus['rounds']>[number];
export type Test = Round['tests'][number];
/** A node of a validation, as recorded. */
export type ValidatedNode = NonNullable<NodeValidationStatus['nodes']>[number];

/** A NodeValidation. */
export interface ValidationState {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly createdMs: number;
  readonly deleting: boolean;
  /** Absent when the object cannot be understood. */
  readonly spec?: NodeValidationSpec;
  readonly status: NodeValidationStatus;
}

/** A check pod, as far as its test needs to know it. */
export interface CheckPodFacts {
  readonly name: string;
  readonly uid: string;
  readonly validation: string;
  readonly test: string;
  readonly deleting: boolean;
  readonly createdMs: number;
  /** When its container began to run. */
  readonly ranSinceMs?: number;
  /** Whether it was bound to its node. */
  readonly bound: boolean;
  readonly ended: boolean;
  /** When its container ended. */
  readonly endedMs?: number;
  /** What it wrote into its termination message; untrusted. */
  readonly message?: string;
  /** Why its container does not run, in the kubelet's words: `ImagePullBackOff`. */
  readonly waiting?: string;
  /** Why the whole pod ended, in the kubelet's words: `DeadlineExceeded`, `Evicted`, `Preempting`. */
  readonly reason?: string;
}

/** The pool of a node, as far as health needs it. */
export interface PoolHealth extends BrakePool {
  /** How deeply its new nodes are proved; absent: not at all. */
  readonly level?: ValidationLevel;
}

/** A NodeMove for the health of nodes, past or live. */
export interface HealthMove {
  readonly name: string;
  readonly to: MoveDestination;
  readonly createdMs: number;
  readonly finishedMs?: number;
  /** CapacityPool of its node, as noted when it was made. */
  readonly pool?: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly step: MoveStep;
    readonly providerID?: string;
    readonly from?: string;
    readonly sinceMs?: number;
  }[];
}

/** A node of the fleet, and what it is to us now. */
export interface HealthNode {
  readonly facts: NodeFacts;
  readonly phase: NodePhase;
  /** Keys of pods that work on it; check pods are none. */
  readonly work: readonly string[];
  /** Nothing on it ends by itself: Deployments, StatefulSets. Waiting for the end of that is waiting for ever. */
  readonly endless?: true;
}

/** A FaultReport, as it is recorded. */
export interface ReportState {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly createdMs: number;
  readonly status: FaultReportStatus;
  /** Why it says nothing about a node. */
  readonly refused?: string;
}

/** The policy, and what is kept in its status. */
export interface PolicyState extends PolicyOf<NodeHealthPolicySpec, NodeHealthPolicyStatus> {
  /** A person's word that the breaker may be closed again. */
  readonly reset?: string;
}

/** Everything. */
export interface HealthSnapshot {
  /** Absent: nobody has said how far we may go, so nothing is removed. */
  readonly policy?: PolicyState;
  readonly nodes: ReadonlyMap<string, HealthNode>;
  readonly validations: readonly ValidationState[];
  /** By name. */
  readonly checkPods: ReadonlyMap<string, CheckPodFacts>;
  readonly moves: readonly HealthMove[];
  readonly moveNames: ReadonlySet<string>;
  readonly pools: ReadonlyMap<string, PoolHealth>;
  /** Bucket → nodes it keeps at least. */
  readonly minimums: ReadonlyMap<string, number>;
  readonly faults: readonly Fault[];
  readonly reports: readonly ReportState[];
  /** `namespace/owner` → how many nodes it runs on. */
  readonly runsOn: ReadonlyMap<string, number>;
  /** Where work waits for nodes: nobody is proved again for age there. */
  readonly demand: Demand;
  readonly images: { readonly nvidia: string; readonly neuron: string };
}
