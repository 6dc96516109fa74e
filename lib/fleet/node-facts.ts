/** What controllers know about one Node, as plain values: no client types, times in epoch milliseconds. */
import type { Taint } from '../domain/kube';
import type { Amounts } from './amounts';

/** The last verdict of node health, as its annotation tells it. Every field may be missing: what cannot be read is no evidence. */
export interface VerdictFacts {
  readonly timeMs?: number;
  readonly level?: 'Quick' | 'Standard' | 'Deep';
  /** Boot id of the machine that was proved. */
  readonly bootId?: string;
  /** Serial numbers of its accelerators. */
  readonly serials?: readonly string[];
  readonly result?: 'Pass' | 'Fail' | 'Unreliable';
  /** Passed by itself; the test with a partner is owed. */
  readonly provisional?: true;
  /** Name of the NodeValidation. */
  readonly validation?: string;
}

/** An attempt to mend a node by a reboot, as its annotation tells it. */
export interface RebootFacts {
  /** When it was decided, before anything was sent. */
  readonly atMs: number;
  /** The boot that it was to end. */
  readonly bootId?: string;
  /** Certainly nothing was sent, and it is not tried again before this. */
  readonly notBeforeMs?: number;
  /** Why nothing was sent. */
  readonly why?: string;
}

/** Facts about one Node. */
export interface NodeFacts {
  readonly name: string;
  readonly uid: string;
  /** Of the Node object these facts were read from: lock of every write decided on them. */
  readonly resourceVersion: string;
  /** Instance behind the node; the identity that destructive calls are checked against. */
  readonly providerID?: string;
  /** CapacityPool that made it. Nodes without one are none of ours. */
  readonly pool?: string;
  /** EKS managed node group that made it; absent for Karpenter's nodes. */
  readonly nodeGroup?: string;
  /** EC2 instance type; '' when the label is missing. */
  readonly instanceType: string;
  readonly zone?: string;
  /** Network leaf, `unknown` without a label. */
  readonly leaf: string;
  /** The switch above the leaf, where a label says. */
  readonly spine?: string | undefined;
  readonly ready: boolean;
  /** When it stopped being Ready, if its kubelet or its controller says so. */
  readonly notReadySinceMs?: number | undefined;
  /** Cordoned. */
  readonly unschedulable: boolean;
  /** When its deletion was asked for. */
  readonly deletedAtMs?: number;
  readonly taints: readonly Taint[];
  /** Value of the bucket label. */
  readonly bucket?: string;
  /** Value of the bucket taint. */
  readonly bucketTaint?: string;
  /** Value of Volcano's node group label. */
  readonly nodegroup?: string;
  /** Name of the NodeMove in the claim annotation. */
  readonly claim?: string;
  /** A person said: hands off. */
  readonly held: boolean;
  readonly bootId?: string;
  readonly verdict?: VerdictFacts;
  /** The last reboot that was to mend it. */
  readonly reboot?: RebootFacts;
  /** Status of the condition AiClusterValidated. */
  readonly validated?: 'True' | 'False' | 'Unknown';
  /** Since when EKS says that the accelerators are broken; it replaces the node ten minutes later. */
  readonly acceleratorsBrokenSinceMs?: number;
  readonly createdAtMs: number;
  /** When it entered its bucket. */
  readonly assignedAtMs?: number;
  /** What pods may use in all: cores, bytes, pods, devices. */
  readonly allocatable: Amounts;
}
