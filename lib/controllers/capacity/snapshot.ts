/** What capacity decides on, and what it decides. Plain values, times in epoch milliseconds. PURE. */
import type {
  CapacityBucketSpec,
  CapacityBucketStatus,
  CapacityPoolSpec,
  CapacityPoolStatus,
  FieldError,
} from '../../api';
import type {
  CheckpointFacts,
  DisruptionBudgetFacts,
  MoveFacts,
  NodeFacts,
  NodePhase,
  PodFacts,
  PodGroupFacts,
  VolcanoJobFacts,
} from '../../fleet';
import type { Unit } from './demand';

/** A CapacityBucket; exactly one of `spec` and `errors` is there. */
export interface BucketFacts {
  readonly name: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly deleting: boolean;
  readonly spec?: CapacityBucketSpec;
  readonly errors?: readonly FieldError[];
  readonly status: CapacityBucketStatus;
}

/** A CapacityPool; without `spec` it is invalid, and supplies nothing we may count on. */
export interface PoolFacts {
  readonly name: string;
  readonly resourceVersion: string;
  readonly deleting: boolean;
  readonly spec?: CapacityPoolSpec;
  readonly status: CapacityPoolStatus;
}

/** A Queue of Volcano. */
export interface QueueFacts {
  readonly name: string;
  readonly uid: string;
  /** Carries our label: made for a bucket. */
  readonly ours: boolean;
  readonly spec: QueueSpec;
}

/** The part of a Queue's spec that is ours. */
export interface QueueSpec {
  readonly reclaimable?: boolean;
  readonly capability?: Readonly<Record<string, string | number>>;
  readonly deserved?: Readonly<Record<string, string | number>>;
  readonly affinity?: {
    readonly nodeGroupAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly string[];
      readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly string[];
    };
  };
  /** Whose node groups it has when it names none itself. */
  readonly parent?: string;
}

/** One look at the whole fleet. */
export interface CapacitySnapshot {
  readonly buckets: readonly BucketFacts[];
  readonly pools: readonly PoolFacts[];
  readonly nodes: readonly NodeFacts[];
  readonly pods: readonly PodFacts[];
  readonly podGroups: readonly PodGroupFacts[];
  readonly moves: readonly MoveFacts[];
  /** Absent when Volcano is not installed. */
  readonly queues?: readonly QueueFacts[];
  /** What running work has saved. One that cannot be read is undefined. */
  readonly checkpoints?: readonly (CheckpointFacts | undefined)[];
  readonly budgets?: readonly DisruptionBudgetFacts[];
  /** Absent when Volcano is not installed. */
  readonly volcanoJobs?: readonly VolcanoJobFacts[];
  /** Namespace → bucket, by the namespace's label. */
  readonly namespaceBuckets: ReadonlyMap<string, string>;
}

/** One thing to do. Each carries why; writes to existing objects are locked or idempotent. */
export type CapacityAction =
  | {
      readonly type: 'CreateMove';
      /** Deterministic: the same decision made twice is the same object. */
      readonly name: string;
      readonly nodes: readonly string[];
      /** Bucket that gets the nodes; none: they are given back. */
      readonly bucket?: string;
      /** What the Event is about: the bucket that gets or gives, or the pool of unassigned nodes. */
      readonly regarding: { readonly kind: 'CapacityBucket' | 'CapacityPool'; readonly name: string };
      readonly why: string;
    }
  | { readonly type: 'RequestNodes'; readonly pool: string; readonly nodes: number; readonly why: string }
  | { readonly type: 'ApplyQueue'; readonly name: string; readonly spec: QueueSpec; readonly why: string }
  | { readonly type: 'DeleteQueue'; readonly name: string; readonly uid: string; readonly why: string }
  | {
      readonly type: 'SetDeletionCost';
      readonly namespace: string;
      readonly name: string;
      /** Another pod of this name is none of ours. */
      readonly uid: string;
      readonly cost: number;
      readonly why: string;
    }
  | {
      readonly type: 'WriteStatus';
      readonly bucket: string;
      readonly status: CapacityBucketStatus;
      readonly before: CapacityBucketStatus;
    };

/** What to do now, and when to look again even if nothing happens. */
export interface CapacityPlan {
  readonly actions: readonly CapacityAction[];
  readonly requeueAfterMs?: number;
  readonly seen: Seen;
}

/** What the plan saw on its way, for metrics. */
export interface Seen {
  /** What waits, by bucket. */
  readonly units: ReadonlyMap<string, readonly Unit[]>;
  /** Nodes of the fleet by phase. */
  readonly phases: ReadonlyMap<NodePhase, number>;
}
