/** What plan.ts decides on: pools, their NodePools, NodeClaims and Nodes, the moves that concern them. Times are epoch ms. */
import type {
  CapacityPoolSpec,
  CapacityPoolStatus,
  FieldError,
  MoveDestination,
  MoveReason,
  MoveStep,
} from '../../api';
import type { KubeObject } from '../../domain/kube';

/** A CapacityPool. Exactly one of `spec` and `errors` is there. */
export interface PoolFacts {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly deletionMs?: number;
  readonly finalizers: readonly string[];
  readonly spec?: CapacityPoolSpec;
  readonly errors?: readonly FieldError[];
  readonly status: CapacityPoolStatus;
}

/** A NodePool of the same name. */
export interface NodePoolFacts {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly replicas: number;
  /** `limits.nodes`; 0 when absent, which no NodePool of ours is. */
  readonly limit: number;
  readonly deleting: boolean;
  /** Whether this controller made it. */
  readonly ours: boolean;
  readonly object: KubeObject;
}

/** A NodeClaim of a NodePool. */
export interface ClaimFacts {
  readonly name: string;
  readonly pool: string;
  readonly nodeName?: string;
  readonly createdMs: number;
  readonly deletionMs?: number;
  /** An instance stands behind it. */
  readonly launched: boolean;
  /** What EC2 answered, when it had no capacity. */
  readonly insufficient?: string;
  /** When Karpenter will cut the drain short. */
  readonly terminationMs?: number;
}

/** A Node of a NodePool. */
export interface SuppliedNode {
  readonly name: string;
  readonly uid: string;
  readonly pool: string;
  readonly providerID?: string;
  readonly createdMs: number;
  readonly deletionMs?: number;
  readonly ready: boolean;
  /** A person said hands off. */
  readonly held: boolean;
  /** The node is in a bucket. */
  readonly inBucket: boolean;
  /** Name of the NodeMove that claims it. */
  readonly claimedBy?: string;
}

/** One node within a move, as moves last reported it. */
export interface MovedNodeFacts {
  readonly name: string;
  readonly step: MoveStep;
  readonly providerID?: string;
}

/** A NodeMove that is not finished. */
export interface MoveFacts {
  readonly name: string;
  readonly uid: string;
  readonly reason: MoveReason;
  readonly to: MoveDestination;
  readonly deadlineMs?: number;
  readonly deleting: boolean;
  /** Names in the spec. */
  readonly wants: readonly string[];
  readonly nodes: readonly MovedNodeFacts[];
  /** The pool whose end made it; only for moves that pools itself made. */
  readonly madeFor?: string;
}

/** What EC2 said about one reservation; `null`: it does not know the id. */
export interface Reading {
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly state: string;
  readonly totalInstances: number;
  readonly startMs?: number;
  readonly endMs?: number;
}

/** Everything, at one moment. Lists are sorted by name. */
export interface PoolsSnapshot {
  readonly pools: readonly PoolFacts[];
  readonly nodePools: ReadonlyMap<string, NodePoolFacts>;
  readonly claims: readonly ClaimFacts[];
  readonly nodes: readonly SuppliedNode[];
  /** Those that are not finished. */
  readonly moves: readonly MoveFacts[];
  /** Names of all, finished ones included. */
  readonly moveNames: ReadonlySet<string>;
  /** Instance (`spec.providerID`) of a node group → until when EC2 is not asked again to end it. */
  readonly askedUntilMs: ReadonlyMap<string, number>;
  /** Fresh answers of EC2, by reservation id. Reservations that were not asked for, or gave no answer, are absent. */
  readonly readings: ReadonlyMap<string, Reading | null>;
}
