/** A validation as isolate.ts sees it, and back. PURE. */
import type { NodeHealthPolicySpec, NodeValidationSpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import { UNKNOWN_LEAF, type NodeFacts } from '../../fleet';
import { nextRound } from './isolate';
import { awaitedTypes, partnersFor, type FleetNode } from './isolate-partners';
import type { BatchVerdict, IsolationState, NodeVerdict, SearchedNode } from './isolate-state';
import type { Next } from './run';
import type { HealthNode, HealthSnapshot, Round, ValidatedNode, ValidationState } from './snapshot';

/** What a search is made in. */
export interface Searching {
  readonly validation: ValidationState & { readonly spec: NodeValidationSpec };
  readonly snapshot: HealthSnapshot;
  readonly policy: NodeHealthPolicySpec;
  /** Whether another validation has the node. */
  isOthers(node: string): boolean;
  readonly nowMs: number;
}

/** Who is tested together next, or what is known of everybody. */
export function searchNext(left: readonly ValidatedNode[], rounds: readonly Round[], searching: Searching): Next {
  const { nowMs } = searching;
  const next = nextRound(toState(left, rounds, searching), nowMs);
  switch (next.kind) {
    case 'Round':
      return { tests: next.tests };
    case 'Wait':
      return { untilMs: next.untilMs };
    case 'Running':
      // Rounds are settled as a whole before anybody asks.
      return { untilMs: nowMs };
    case 'Verdicts':
      return {
        verdicts: new Map(next.nodes.map((verdict) => [verdict.name, recordOf(verdict)] as const)),
        message: next.batches.flatMap(wordsOf).join('; '),
      };
  }
}

function toState(
  left: readonly ValidatedNode[],
  rounds: readonly Round[],
  { validation, snapshot, policy, isOthers, nowMs }: Searching,
): IsolationState {
  const { name, spec, status } = validation;
  const nodes = left.map((record) => toSearched(record, snapshot));
  const fleet = [...snapshot.nodes.values()]
    .filter(({ facts }) => !spec.nodes.includes(facts.name))
    .map((node) => toFleetNode(node, isOthers(node.facts.name)));
  const first = rounds[0];
  const partnerWaitMs = parseDuration(policy.batch.partnerWait);
  return {
    name,
    nodes,
    partners: partnersFor(
      nodes.map(({ instanceType }) => instanceType),
      fleet,
    ),
    // Quick is for whoever is needed within minutes.
    awaited: spec.level === 'Quick' ? [] : awaitedTypes(fleet),
    partnerWaitMs,
    rounds: rounds.map(({ tests, finishedAt }) => {
      const finishedAtMs = parseTime(finishedAt);
      return { tests, ...(finishedAtMs === undefined ? {} : { finishedAtMs }) };
    }),
    startedAtMs: parseTime(first?.finishedAt) ?? parseTime(status.startedAt) ?? nowMs,
    whole: spec.level !== 'Quick',
  };
}

function toSearched({ name, providerID, bootId }: ValidatedNode, { nodes }: HealthSnapshot): SearchedNode {
  const facts = nodes.get(name)?.facts;
  if (!facts) return { name, instanceType: '', leaf: UNKNOWN_LEAF, gone: true };
  return { name, ...placeOf(facts), gone: facts.providerID !== providerID || facts.bootId !== bootId };
}

function placeOf({ instanceType, leaf, spine }: NodeFacts) {
  return { instanceType, leaf, ...(spine === undefined ? {} : { spine }) };
}

/** A node with nothing on it that has proved itself may help others to. */
export function toFleetNode({ facts, phase, work }: HealthNode, isBusy: boolean): FleetNode {
  const { name, verdict } = facts;
  return {
    ...{ name, ...placeOf(facts) },
    proved: verdict?.result === 'Pass' && verdict.provisional !== true,
    untouchable: (phase !== 'Active' && phase !== 'Unassigned') || isBusy,
    idle: work.length === 0,
  };
}

/** What is recorded of a node that the search has judged. */
function recordOf({ result, reason, passes, fails, failedWith }: NodeVerdict): Partial<ValidatedNode> {
  const tests = `${passes} tests with others passed, ${fails} failed`;
  switch (result) {
    case 'Good':
      return { result: 'Pass', message: tests };
    case 'Provisional':
      return {
        result: 'Pass',
        provisional: true,
        message: 'passed by itself; no partner was free: the test with another is owed',
      };
    case 'Bad':
      return { result: 'Fail', reason: 'pair', message: `${tests}: with ${failedWith.join(', ')}`.slice(0, 1024) };
    case 'Unreliable':
      return { result: 'Unreliable', reason, message: tests };
    case 'Gone':
      return { result: 'Unreliable', reason: 'NoNode', message: 'it went away meanwhile' };
  }
}

function wordsOf({ instanceType, whole, fabricSuspects, partnerSuspects }: BatchVerdict): readonly string[] {
  return [
    ...(fabricSuspects.length > 0 ? [`the network is suspected, no node: ${fabricSuspects.join(', ')}`] : []),
    ...(partnerSuspects.length > 0 ? [`partners that failed, too: ${partnerSuspects.join(', ')}`] : []),
    ...(whole === 'Unreliable' ? [`the run of all ${instanceType} gave no answer`] : []),
  ];
}
