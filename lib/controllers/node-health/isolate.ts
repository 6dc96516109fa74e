/**
 * Finds the bad nodes of a batch by tests that run beside each other on disjoint nodes.
 *
 * Everything is decided anew from the rounds that are recorded in the status of a NodeValidation: whoever leads next goes on, and the same
 * rounds give the same next one. Each instance type is a batch of its own, all in the same rounds:
 *
 * 1. Pairs by lot, inside leaves first, then across. A failure makes both suspects.
 * 2. While others have their next pairing, suspects are tested with partners that passed. What the tests say together is weighed in
 *    `isolate-evidence.ts`; when a node is good or bad enough is in `isolate-search.ts`.
 * 3. All that passed run together. If that fails twice, with one more pairing of everybody between, the network is suspected: no node.
 *
 * Rounds are bounded: 8 of pairs, 3 more after a failed run of the whole, 3 of those. A node nobody can be found for passes provisionally.
 */
import { batchVerdict, nodeVerdicts } from './isolate-verdicts';
import { stepOf, toBatch } from './isolate-batch';
import type { IsolationState, NextRound } from './isolate-state';

/** What a search does next. */
export function nextRound(state: IsolationState, nowMs: number): NextRound {
  const running = (state.rounds.at(-1)?.tests ?? []).filter(({ result }) => result === undefined);
  if (running.length > 0) return { kind: 'Running', tests: running };
  const types = [...new Set(state.nodes.map(({ instanceType }) => instanceType))].sort();
  const batches = types.map((type) => toBatch(state, type));
  const steps = batches.map((batch) => stepOf(batch, state, nowMs));
  const tests = steps.flatMap((step) => (step.kind === 'Tests' ? step.tests : []));
  if (tests.length > 0) return { kind: 'Round', tests };
  const waits = steps.flatMap((step) => (step.kind === 'Wait' ? [step.untilMs] : []));
  if (waits.length > 0) return { kind: 'Wait', untilMs: Math.min(...waits) };
  const nodes = batches.flatMap((batch) => nodeVerdicts(batch)).sort((a, b) => (a.name < b.name ? -1 : 1));
  return { kind: 'Verdicts', nodes, batches: batches.map(batchVerdict) };
}
