/** What plan.ts decides on: moves, nodes, what occupies them, buckets. Times are epoch ms. */
import { GROUP } from '../../domain/node-keys';
import type { FieldError, NodeMoveSpec, NodeMoveStatus } from '../../api';
import type { CheckpointFacts, DisruptionBudgetFacts, NodeFacts, PodFacts, RunningGang } from '../../fleet';

/** A NodeMove. Exactly one of `spec` and `errors` is there. */
export interface MoveState {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly createdMs: number;
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
  readonly spec?: NodeMoveSpec;
  readonly errors?: readonly FieldError[];
  readonly status: NodeMoveStatus;
}

/** Holds a CapacityBucket until its nodes are released. */
export const BUCKET_FINALIZER = `${GROUP}/nodes`;

/** A CapacityBucket, as far as moves cares. */
export interface BucketState {
  readonly name: string;
  readonly resourceVersion: string;
  readonly deletionMs?: number;
  readonly finalizers: readonly string[];
  readonly instanceTypes: readonly string[];
  /** Longest (ms) its gangs are waited for after they were asked for a checkpoint. */
  readonly checkpointTimeoutMs: number;
}

/** Work that moves may have to stop. Only gangs on nodes of moves that are under way, and those that such a move has recorded. */
export interface GangsSeen {
  /** By key, sorted. */
  readonly running: ReadonlyMap<string, RunningGang>;
  /** Gang → its pods that are bound somewhere and have not ended, ending ones too. */
  readonly bound: ReadonlyMap<string, readonly PodFacts[]>;
  /** Newest checkpoint by `namespace/gang`. */
  readonly checkpoints: ReadonlyMap<string, CheckpointFacts>;
  readonly budgets: readonly DisruptionBudgetFacts[];
}

/** No work to stop. */
export const NO_GANGS: GangsSeen = { running: new Map(), bound: new Map(), checkpoints: new Map(), budgets: [] };

/** How often the keys of a node have been set back, and when last. */
export interface SetBacks {
  readonly count: number;
  readonly lastMs: number;
}

/** A Checkpoint, as an object that may be deleted. */
export interface CheckpointSeen {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** `namespace/gang`. */
  readonly gang: string;
  readonly takenAtMs: number;
}

/** Everything, at one moment. */
export interface MovesSnapshot {
  /** Sorted by name. */
  readonly moves: readonly MoveState[];
  readonly movesByName: ReadonlyMap<string, MoveState>;
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /** Work by node name, sorted by key; nodes without work are absent. */
  readonly work: ReadonlyMap<string, readonly PodFacts[]>;
  /** Pods of other buckets by node name, sorted by key. */
  readonly squatters: ReadonlyMap<string, readonly PodFacts[]>;
  readonly buckets: ReadonlyMap<string, BucketState>;
  readonly gangs: GangsSeen;
  /** Every pod. */
  readonly pods: readonly PodFacts[];
  readonly checkpoints: readonly CheckpointSeen[];
  /** Namespace → the bucket its label names. */
  readonly namespaceBuckets: ReadonlyMap<string, string>;
  /** By node name; absent: never set back. */
  readonly setBacks: ReadonlyMap<string, SetBacks>;
}

/** What can be tuned. */
export interface MovesSettings {
  /** Most nodes that may be on their way out of buckets at once, in the whole fleet; the end of a block is not counted. */
  readonly inFlight: number;
}

/** How moves behaves unless told otherwise. */
export const DEFAULT_SETTINGS: MovesSettings = { inFlight: 64 };
