/** What a search by name is told and what it answers: the words shared by its parts. */
import type { Place } from './isolate-field';

/** A node of the batch. */
export interface SearchedNode extends Place {
  readonly name: string;
  readonly instanceType: string;
  /** Its Node is gone, or it is another machine or another boot now: it is not tested any more and gets no verdict. */
  readonly gone?: boolean;
}

/** A proved node from outside the batch that is idle, and may be a partner. */
export interface Partner extends Place {
  readonly name: string;
  readonly instanceType: string;
}

/** What is tested: two nodes, or all that passed. */
export type Check = 'Pair' | 'Whole';

/** One test as recorded in the status of a NodeValidation. Checks of one node are not part of the search. */
export interface RecordedTest {
  readonly nodes: readonly string[];
  readonly check: Check | 'OneNode';
  /** Unset: still running. Unreliable and Lost are not answers. */
  readonly result?: 'Pass' | 'Fail' | 'Unreliable' | 'Lost';
}

/** Tests that ran beside each other. */
export interface RecordedRound {
  readonly tests: readonly RecordedTest[];
  /** Epoch ms. */
  readonly finishedAtMs?: number;
}

/** Everything a search is decided from. */
export interface IsolationState {
  /** Of the NodeValidation; the lot is drawn from it. */
  readonly name: string;
  readonly nodes: readonly SearchedNode[];
  /** Offered now. May be others than before; one that was used stays in the evidence. */
  readonly partners: readonly Partner[];
  readonly rounds: readonly RecordedRound[];
  /** Instance types of which a partner works now: it may come any moment. */
  readonly awaited: readonly string[];
  /** How long a partner is waited for, in milliseconds. */
  readonly partnerWaitMs: number;
  /** Epoch ms when the search began. */
  readonly startedAtMs: number;
  /** Whether all that passed are run together in the end. */
  readonly whole: boolean;
}

/** A test to be started. */
export interface PlannedTest {
  readonly nodes: readonly string[];
  readonly check: Check;
}

/** Why a node has its verdict. */
export type VerdictReason =
  'Passed' | 'FailedWithTrusted' | 'NoPartner' | 'NoAnswer' | 'Undecided' | 'FabricSuspect' | 'MostOfBatch' | 'Gone';

/** What the search says about one node. Provisional: nothing speaks against it, but a pair test is owed. */
export interface NodeVerdict {
  readonly name: string;
  readonly result: 'Good' | 'Bad' | 'Unreliable' | 'Provisional' | 'Gone';
  readonly reason: VerdictReason;
  /** Answered tests. */
  readonly passes: number;
  readonly fails: number;
  /** With whom it failed. */
  readonly failedWith: readonly string[];
}

/** What the search says about all nodes of one instance type together. */
export interface BatchVerdict {
  readonly instanceType: string;
  /** Rounds of pairs. */
  readonly rounds: number;
  /** The run of all that passed; unset when there was none. */
  readonly whole?: 'Pass' | 'Fail' | 'Unreliable';
  /** Parts of the network that explain failures better than nodes do; `whole batch` when only that fails. */
  readonly fabricSuspects: readonly string[];
  /** Partners from outside that failed so often that they should prove themselves again. */
  readonly partnerSuspects: readonly string[];
}

/** What is to be done next. */
export type NextRound =
  /** Tests of the last round have no result yet. */
  | { readonly kind: 'Running'; readonly tests: readonly RecordedTest[] }
  /** Start these tests: no two of them share a node. */
  | { readonly kind: 'Round'; readonly tests: readonly PlannedTest[] }
  /** A partner will be free. */
  | { readonly kind: 'Wait'; readonly untilMs: number }
  | { readonly kind: 'Verdicts'; readonly nodes: readonly NodeVerdict[]; readonly batches: readonly BatchVerdict[] };
