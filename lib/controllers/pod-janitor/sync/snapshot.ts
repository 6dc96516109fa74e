/** What one comparison is decided on: Kubernetes, EC2, and what was found before. Plain values, times in epoch milliseconds. */
import type { OwnerReference } from '../../../domain/kube';
import type { Presence } from '../owners';
import type { CloudInterface, ClusterInstance } from '../../../domain/cloud';

/** What can be found. */
export type SyncKind =
  | 'NodeWithoutInstance'
  | 'InstanceWithoutNode'
  | 'AttachmentOfDeadNode'
  | 'InterfaceOfDeadNode'
  | 'OrphanPodGroup'
  | 'PodOnNoNode';

/** What may be repaired, as the JanitorPolicy names it. */
export type SyncRepair = 'VolumeAttachments' | 'NetworkInterfaces' | 'PodGroups' | 'Nodes';

/** Something found, as it stands in the status of the JanitorPolicy: what is remembered of it is only this. */
export interface SyncFinding {
  readonly kind: SyncKind;
  /** Kind, namespace and name, or the id in EC2. */
  readonly object: string;
  /** Since when every look has found it. */
  readonly sinceMs: number;
  readonly message: string;
}

/** What the policy says of this. */
export interface SyncPolicy {
  readonly dryRun: boolean;
  readonly olderThanMs: number;
  readonly repair: ReadonlySet<SyncRepair>;
  readonly perHour: number;
}

/** A Node. */
export interface SyncNode {
  readonly name: string;
  readonly uid: string;
  /** Absent: not in EC2, or not said yet. */
  readonly instanceId?: string;
  /** Somebody says so, within the last minute. */
  readonly ready: boolean;
  /** The CapacityPool that made it. Nodes without one are none of ours. */
  readonly pool?: string;
  /** A person said: hands off. */
  readonly held: boolean;
  readonly createdMs: number;
  readonly deletedMs?: number;
  readonly finalizers: readonly string[];
}

/** A NodeClaim of Karpenter's. */
export interface SyncClaim {
  readonly name: string;
  readonly instanceId?: string;
  readonly createdMs: number;
  readonly deletedMs?: number;
  readonly finalizers: readonly string[];
}

/** A VolumeAttachment. */
export interface SyncAttachment {
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string;
  /** The instance that its driver will detach from, as the attachment itself says. */
  readonly instanceId?: string;
  readonly createdMs: number;
  readonly deletedMs?: number;
  readonly finalizers: readonly string[];
}

/** A PodGroup of Volcano's. */
export interface SyncPodGroup {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly owners: readonly OwnerReference[];
  /** A person said: hands off; or its namespace is none of ours. */
  readonly ignored: boolean;
  readonly createdMs: number;
  readonly deletedMs?: number;
}

/** A Pod. */
export interface SyncPod {
  /** `namespace/name`. */
  readonly key: string;
  readonly nodeName?: string;
  /** Its PodGroup, `namespace/name`. */
  readonly gang?: string;
  readonly ended: boolean;
  /** Of a namespace of ours: pods of others are nobody's finding. */
  readonly watched: boolean;
}

/** What EC2 said, all of it within one look. */
export interface SyncCloud {
  /** Every instance of the cluster. */
  readonly instances: readonly ClusterInstance[];
  /** Interfaces that hang on no instance. */
  readonly interfaces: readonly CloudInterface[];
  /** State of every instance that was asked for by its id; undefined: EC2 does not know it. */
  readonly states: ReadonlyMap<string, string | undefined>;
}

/** Everything. */
export interface SyncSnapshot {
  readonly nodes: readonly SyncNode[];
  readonly claims: readonly SyncClaim[];
  readonly attachments: readonly SyncAttachment[];
  readonly podGroups: readonly SyncPodGroup[];
  readonly pods: readonly SyncPod[];
  /** Names of our CapacityPools, which are those of their NodePools. */
  readonly pools: ReadonlySet<string>;
  /** Undefined: EC2 did not answer, or was not asked. Nothing is found then that needs its word. */
  readonly cloud: SyncCloud | undefined;
  /** By the UID of the owner. */
  readonly owners: ReadonlyMap<string, Presence>;
  /** What the look before found, from the status. */
  readonly known: readonly SyncFinding[];
  /** Repairs within the last hour, those without an answer included. */
  readonly doneLastHour: number;
}
