/** What plan.ts decides on: moves, nodes, what occupies them, buckets. Times are epoch ms. */
import type { FieldError, NodeMoveSpec, NodeMoveStatus } from '../../api';
import type { NodeFacts, PodFacts } from '../../fleet';

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

/** A CapacityBucket, as far as moves cares. */
export interface BucketState {
  readonly name: string;
  readonly resourceVersion: string;
  readonly deletionMs?: number;
  readonly finalizers: readonly string[];
  readonly instanceTypes: readonly string[];
}

/** How often the keys of a node have been set back, and when last. */
export interface SetBacks {
  readonly count: number;
  readonly lastMs: number;
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
