/** The search among the nodes of one instance type, by name: pairs until everybody stands, then all that passed together. */
import { hashText } from '../../domain/seeded-random';
import { UNKNOWN_LEAF } from '../../fleet';
import type { PairTest } from './isolate-evidence';
import { type NamedField, toField } from './isolate-field';
import { planStep, type Search, type Step } from './isolate-search';
import type { IsolationState, Partner, PlannedTest, RecordedTest, SearchedNode } from './isolate-state';

/** Runs of the whole batch: one, one more after a failure, and as many that gave no answer. */
const WHOLE = { fails: 2, unanswered: 2 };
/** Two nodes were a whole batch already when they were a pair. */
const LEAST_WHOLE = 3;

/** Nodes of one instance type by name and index, and what was found so far. */
export interface Batch {
  readonly instanceType: string;
  readonly nodes: readonly SearchedNode[];
  /** Names by index: the batch, then partners. */
  readonly names: readonly string[];
  readonly named: NamedField;
  readonly search: Search;
  readonly step: Step;
  readonly whole: WholeRuns;
}

/** What is to be done with one batch. */
export type BatchStep =
  | { readonly kind: 'Tests'; readonly tests: readonly PlannedTest[] }
  | { readonly kind: 'Wait'; readonly untilMs: number }
  | { readonly kind: 'Over' };

interface WholeRuns {
  readonly passed: boolean;
  readonly fails: number;
  readonly unanswered: number;
  /** Rounds of pairs before the first that failed. */
  readonly pairsBefore: number;
  /** Who was in that one. */
  readonly members: readonly string[];
}

/** Builds a batch from what is recorded. */
export function toBatch(state: IsolationState, instanceType: string): Batch {
  const nodes = state.nodes.filter((node) => node.instanceType === instanceType).sort(byName);
  const own = new Set(nodes.map(({ name }) => name));
  const rounds = state.rounds.map(({ tests }) => tests.filter((test) => test.nodes.some((name) => own.has(name))));
  const offered = state.partners.filter((one) => one.instanceType === instanceType && !own.has(one.name));
  const partners = partnersOf(offered, own, rounds);
  const named = toField(nodes, partners);
  const names = [...nodes, ...partners].map(({ name }) => name);
  const pairs = toPairs(rounds, names);
  const whole = wholeRuns(rounds);
  const here = Uint8Array.from([
    ...nodes.map(({ gone }) => (gone ? 0 : 1)),
    ...partners.map((partner) => (offered.includes(partner) ? 1 : 0)),
  ]);
  const search: Search = {
    field: named.field,
    seed: hashText(`${state.name}/${instanceType}`),
    rounds: pairs,
    here,
    ...(whole.fails > 0
      ? { secondLook: { afterRounds: whole.pairsBefore, nodes: indicesOf(whole.members, names) } }
      : {}),
  };
  return { instanceType, nodes, names, named, search, step: planStep(search), whole };
}

/** Those offered and those that were used before, of which the place may not be known any more. */
function partnersOf(
  offered: readonly Partner[],
  own: ReadonlySet<string>,
  rounds: readonly (readonly RecordedTest[])[],
): readonly Partner[] {
  const known = new Map(offered.map((one) => [one.name, one]));
  for (const name of rounds.flat().flatMap(({ nodes }) => nodes)) {
    if (!own.has(name) && !known.has(name)) known.set(name, { name, instanceType: '', leaf: UNKNOWN_LEAF });
  }
  return [...known.values()].sort(byName);
}

/** Rounds in which pairs were tested. What cannot have been (a node twice in a round, or with itself) is left out. */
function toPairs(
  rounds: readonly (readonly RecordedTest[])[],
  names: readonly string[],
): readonly (readonly PairTest[])[] {
  const index = new Map(names.map((name, i) => [name, i]));
  const pairs = rounds.map((tests) => {
    const used = new Set<number>();
    return tests.flatMap(({ check, nodes, result }): PairTest[] => {
      const [a, b] = nodes.map((name) => index.get(name));
      if (check !== 'Pair' || nodes.length !== 2 || a === undefined || b === undefined || a === b) return [];
      if (used.has(a) || used.has(b)) return [];
      used.add(a).add(b);
      return [{ a, b, outcome: result === 'Pass' || result === 'Fail' ? result : 'None' }];
    });
  });
  return pairs.filter((round) => round.length > 0);
}

function indicesOf(some: readonly string[], names: readonly string[]): readonly number[] {
  return some.map((name) => names.indexOf(name)).filter((index) => index >= 0);
}

function wholeRuns(rounds: readonly (readonly RecordedTest[])[]): WholeRuns {
  let runs: WholeRuns = { passed: false, fails: 0, unanswered: 0, pairsBefore: 0, members: [] };
  let pairs = 0;
  for (const tests of rounds) {
    if (tests.some(({ check }) => check === 'Pair')) pairs += 1;
    const whole = tests.find(({ check }) => check === 'Whole');
    if (whole?.result === 'Pass') runs = { ...runs, passed: true };
    else if (whole?.result === 'Fail')
      runs = {
        ...runs,
        fails: runs.fails + 1,
        ...(runs.fails === 0 ? { pairsBefore: pairs, members: whole.nodes } : {}),
      };
    else if (whole) runs = { ...runs, unanswered: runs.unanswered + 1 };
  }
  return runs;
}

/** The next tests of a batch, or that it waits for a partner, or that it is over. */
export function stepOf(batch: Batch, state: IsolationState, nowMs: number): BatchStep {
  const { names, whole, step } = batch;
  if (whole.passed || whole.fails >= WHOLE.fails) return { kind: 'Over' };
  const tests = step.pairs.map(([a, b]): PlannedTest => ({ nodes: [names[a]!, names[b]!], check: 'Pair' }));
  if (tests.length > 0) return { kind: 'Tests', tests };
  const untilMs = partnerWaitedFor(batch, state, nowMs);
  if (untilMs !== undefined) return { kind: 'Wait', untilMs };
  const members = batch.nodes.filter(({ gone }, i) => !gone && step.standing[i] === 'Good').map(({ name }) => name);
  if (!state.whole || members.length < LEAST_WHOLE || whole.unanswered >= WHOLE.unanswered) return { kind: 'Over' };
  return { kind: 'Tests', tests: [{ nodes: members, check: 'Whole' }] };
}

/** Until when a partner is waited for that could help somebody and may come any moment. */
function partnerWaitedFor({ instanceType, search, step }: Batch, state: IsolationState, nowMs: number) {
  if (!step.wanting) return undefined;
  if (search.field.batch === 0) return undefined;
  const waitedMs = (state.rounds.at(-1)?.finishedAtMs ?? state.startedAtMs) + state.partnerWaitMs;
  return state.awaited.includes(instanceType) && nowMs < waitedMs ? waitedMs : undefined;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
