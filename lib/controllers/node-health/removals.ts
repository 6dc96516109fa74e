/** The words of the brakes: nodes, wanted removals, the removals there were, and the answers. PURE. */
import type { NodePhase } from '../../fleet';
import type { Groups } from './brake-counts';
import type { Breaker } from './breaker';
import type { Severity } from './severity';

/** A node of the fleet, as far as brakes look at it. */
export interface BrakeNode {
  readonly name: string;
  /** `spec.providerID`: what attempts are counted by, because names come back with other machines. */
  readonly providerID?: string;
  readonly pool: string;
  /** Managed node group that made it; absent for Karpenter's nodes. */
  readonly nodeGroup?: string;
  readonly bucket?: string;
  readonly leaf: string;
  readonly zone?: string;
  readonly phase: NodePhase;
  /** It was closed, or is to be, and what works there goes on. */
  readonly working?: true;
  readonly createdAtMs: number;
}

/** A pool of the fleet, as far as brakes look at it. */
export interface BrakePool {
  readonly name: string;
  readonly instanceType: string;
  readonly source: 'Block' | 'Reservation' | 'OnDemand';
  /** Who makes its nodes. Only instances of a node group may be rebooted or terminated by us; Auto Mode's are EC2's managed instances. */
  readonly path: 'Karpenter' | 'NodeGroup';
  /** For path NodeGroup: which one. */
  readonly nodeGroup?: string;
  /** While it lies ahead EC2 has no capacity. */
  readonly backOffUntilMs?: number;
  /** Nodes it should have and has not. */
  readonly missing: number;
  /** When its nodes leave because the block ends. */
  readonly leaveAtMs?: number;
}

/** What a removal does. Validation: leave work to be measured. Reboot: of a node group's instance. Replacement: another machine. */
export type RemovalKind = 'Validation' | 'Reboot' | 'Replacement';

/** A removal that the rest of node-health wants. */
export interface WantedRemoval {
  readonly node: string;
  /**
   * What is known: reports are suspicions, only a failed validation is a failure, and unreliable is neither. Asked: nothing is said against
   * it, a person wants to know.
   */
  readonly because: 'Suspected' | 'Asked' | 'Failed' | 'Unreliable';
  readonly severity: Severity;
  /** When the oldest thing it rests on was seen. */
  readonly evidenceMs: number;
  /** One sentence. */
  readonly why: string;
  /** For `Failed`: which NodeValidation, and which checks failed there. */
  readonly validation?: string;
  readonly failedChecks?: readonly string[];
}

/** How a removal ended. NotSent: certainly nothing happened (throttled, refused, lease lost). Ambiguous: nobody knows. */
export type RemovalOutcome = 'Pending' | 'Done' | 'Failed' | 'Ambiguous' | 'NotSent';

/** A removal that was reserved, whatever became of it. Reserved BEFORE the call, so that a crash or a time-out cannot hide one. */
export interface PastRemoval {
  readonly node: string;
  readonly providerID?: string;
  readonly pool: string;
  readonly bucket?: string;
  readonly leaf: string;
  readonly kind: RemovalKind;
  readonly atMs: number;
  readonly outcome: RemovalOutcome;
  /** When the node was back at work, or another in its place. Absent: not yet. */
  readonly endedAtMs?: number;
  /** For `NotSent`: why, and when it may be tried again. */
  readonly inVain?: { readonly why: string; readonly untilMs: number };
}

/** How many nodes of one NodeValidation failed which check. */
export interface BatchFailures {
  readonly nodes: number;
  readonly failed: ReadonlyMap<string, number>;
}

/** Settings of the policy, in numbers. */
export interface BrakeSettings {
  readonly dryRun: boolean;
  /** Most nodes away for their health at once, in the whole fleet. */
  readonly maxNodes: number;
  /** The same for one bucket and one leaf, in percent of its nodes. */
  readonly maxPercent: number;
  /** Below so many nodes percentages say nothing. */
  readonly minPopulation: number;
  /** Most nodes removed within any hour. */
  readonly perHour: number;
  /** Tries at the same machine. */
  readonly attempts: number;
}

/** Everything brakes look at. */
export interface BrakeFacts {
  readonly nodes: readonly BrakeNode[];
  readonly pools: readonly BrakePool[];
  /** Bucket → nodes it keeps at least. */
  readonly minimums: ReadonlyMap<string, number>;
  readonly wanted: readonly WantedRemoval[];
  readonly history: readonly PastRemoval[];
  /** NodeValidation → what failed there. */
  readonly batches: ReadonlyMap<string, BatchFailures>;
  readonly breaker: Breaker;
  /** Zones that a zonal shift has traffic moved away from. */
  readonly shiftedZones: ReadonlySet<string>;
  readonly settings: BrakeSettings;
  readonly nowMs: number;
}

/** Names of the brakes: labels of metrics and reasons of Events. */
export type Brake =
  | 'Unreliable'
  | 'NotInFleet'
  | 'NotInPool'
  | 'Held'
  | 'Cordoned'
  | 'Leaving'
  | 'Moving'
  | 'Joining'
  | 'ZonalShift'
  | 'OldEvidence'
  | 'ChecksFault'
  | 'Breaker'
  | 'Attempts'
  | 'Pending'
  | 'Quarantine'
  | 'BackOff'
  | 'SlotMissing'
  | 'BlockEnds'
  | 'BucketMinimum'
  | 'AtOnce'
  | 'PerHour'
  | 'DryRun';

/** Why not. */
export interface Objection {
  readonly brake: Brake;
  /** One sentence. */
  readonly why: string;
  /** When it may be asked again; absent: when something else changes. */
  readonly untilMs?: number;
  /** Only a person can go on. */
  readonly person?: true;
}

/** The answer for one node. */
export type Ruling =
  | {
      readonly node: string;
      readonly allowed: true;
      readonly kind: RemovalKind;
      /** 1 for the first try at this machine; to be reserved before anything is sent. */
      readonly attempt: number;
      readonly why: string;
    }
  | ({ readonly node: string; readonly allowed: false } & Objection);

/** One removal under examination; what rules look at. */
export interface Examined {
  readonly wanted: WantedRemoval;
  readonly node: BrakeNode;
  readonly pool: BrakePool | undefined;
  readonly kind: RemovalKind;
  /** Removals of this very machine, oldest first. */
  readonly before: readonly PastRemoval[];
}

/** What is left to spend; changes while rulings are made. */
export interface Spent {
  readonly groups: Groups;
  /** Bucket → nodes at work now. */
  readonly usable: Map<string, number>;
  /** Pools that lose a slot in this very look. */
  readonly replacing: Set<string>;
}

/** Whether its bucket has it: also one that is closed already and still works, or a brake would hold for one look only. */
export function isAtWork({ bucket, phase, working }: BrakeNode): boolean {
  return bucket !== undefined && (phase === 'Active' || working === true);
}

/** What a machine is known by: its instance, because names come back with other machines. */
export function machineOf({ node, providerID }: { readonly node: string; readonly providerID?: string }): string {
  return providerID ?? node;
}

/** Whether a removal was of this very machine. */
export function sameMachine(one: PastRemoval, node: BrakeNode): boolean {
  if (one.providerID !== undefined && node.providerID !== undefined) return one.providerID === node.providerID;
  return one.node === node.name;
}

/** Tries at a machine that count: everything that may have happened. Leaving work to be measured is no try. */
export function attemptsAt(before: readonly PastRemoval[]): number {
  return before.filter(({ kind, outcome }) => kind !== 'Validation' && outcome !== 'NotSent').length;
}
