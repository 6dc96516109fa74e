/** What one look at single pods is decided on: plain values, times in epoch milliseconds. */
import type { JanitorMemory } from './memory';
import type { InstanceState, NodeState } from './node-state';
import type { JanitorPod } from './pod';

/** A PersistentVolumeClaim. */
export interface ClaimState {
  /** `namespace/name`. */
  readonly key: string;
  readonly modes: readonly string[];
}

/** A VolumeAttachment: which node has which volume. */
export interface AttachmentState {
  readonly name: string;
  readonly node: string;
  /** Name of the PersistentVolume. */
  readonly volume: string;
  readonly attached: boolean;
}

/**
 * An Event about a pod. Tenants may write Events in their own namespaces and say in them what they like: an Event may explain why a pod
 * does not start, and is never a reason to end one.
 */
export interface PodEvent {
  /** Of the pod. */
  readonly podUid: string;
  readonly reason: string;
  readonly message: string;
  /** When it was last seen. */
  readonly atMs: number;
}

/** Everything about single pods. */
export interface JanitorSnapshot {
  /** Every pod, those that are nobody's business too: which images run where counts. */
  readonly pods: readonly JanitorPod[];
  readonly nodes: ReadonlyMap<string, NodeState>;
  readonly instances: ReadonlyMap<string, InstanceState>;
  /** Namespace → its bucket, as `toNamespaceBuckets` reads it. */
  readonly namespaceBuckets: ReadonlyMap<string, string>;
  /** Namespaces on which a person said: hands off. */
  readonly ignoredNamespaces: ReadonlySet<string>;
  /** UIDs of owners on which a person said so. */
  readonly ignoredOwners: ReadonlySet<string>;
  readonly claims: ReadonlyMap<string, ClaimState>;
  /** Keys of pods that are known to hold a Lease. Nobody watches all Leases: they are read live right before a pod is freed without proof. */
  readonly leaders: ReadonlySet<string>;
  /** By the UID of their pod. */
  readonly events: ReadonlyMap<string, readonly PodEvent[]>;
  readonly attachments: readonly AttachmentState[];
  /** `namespace/name` of the FaultReports that are there. */
  readonly reports: ReadonlySet<string>;
  /** What this process remembers: what the look before gave. */
  readonly memory: JanitorMemory;
}
