/**
 * One validation, from the first check to the last verdict. PURE: from what is recorded and what its pods came to, the next status.
 *
 *   OneNode   every machine by itself; who does not pass here never meets another
 *   Pairs     rounds of disjoint pairs, until it is known who is bad (isolate.ts)
 *   Whole     all that are left, once: what only shows at scale is the fabric's fault, and blames nobody
 *   Done      a verdict for every node
 *
 * A round is settled when each of its tests has an answer or is out of time, and is judged as a whole: a check that fails on most of a batch
 * is the check's fault. Its results go into the status in ONE write, and only then its pods may go; so a crash costs a second look.
 */
import type { NodeValidationSpec, NodeValidationStatus } from '../../api';
import { formatTime } from '../../domain/kube';
import type { NodeFacts } from '../../fleet';
import { isMeasurable, UNKNOWN_TYPE, unknownTypeText } from './measurable';
import { stateOf, waitedFor, type RunTimes, type Settled, type WantedPod } from './answers';
import type { CheckPodFacts, Round, Test, ValidatedNode, ValidationState } from './snapshot';

/** The verdict on one test. */
export interface Judged {
  readonly result: NonNullable<Test['result']>;
  readonly message?: string;
  /** What is to be remembered of its nodes: serial numbers, reason, the short of what was measured. */
  readonly nodes?: ReadonlyMap<string, Partial<ValidatedNode>>;
}

/** A test to be made. */
export interface Planned {
  readonly check: Test['check'];
  readonly nodes: readonly string[];
}

/** What the search for bad nodes says: more to test, a time to wait for, or who is what. */
export type Next =
  | { readonly tests: readonly Planned[] }
  | { readonly untilMs: number }
  | { readonly verdicts: ReadonlyMap<string, Partial<ValidatedNode>>; readonly message?: string };

/** What a run is stepped with. */
export interface RunInput {
  readonly validation: ValidationState & { readonly spec: NodeValidationSpec };
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  readonly pods: ReadonlyMap<string, CheckPodFacts>;
  readonly times: RunTimes;
  /** Whether the node is on probation and nothing works there: asked when the run begins. */
  isFree(node: string): boolean;
  /** Nodes that are proved in another validation → which; asked when the run begins. */
  readonly elsewhere: ReadonlyMap<string, string>;
  /** Judges all tests of one round. */
  judge(round: readonly Settled[]): readonly Judged[];
  /** Who is tested together next. Asked only between rounds. */
  search(nodes: readonly ValidatedNode[], rounds: readonly Round[]): Next;
  readonly nowMs: number;
}

/** Where the run is now, and what to do about it. */
export interface RunStep {
  /** Absent: nothing new. */
  readonly status?: NodeValidationStatus;
  readonly pods: readonly WantedPod[];
  /** Answers of a round that is settled now: the evidence. */
  readonly settled?: readonly Settled[];
  /** Look again at this moment. */
  readonly againMs?: number;
}

/** The next step of a run. */
export function stepRun(input: RunInput): RunStep {
  const { status } = input.validation;
  const round = status.rounds?.at(-1);
  if (status.finishedAt !== undefined) return { pods: [] };
  if (!round) return { status: begun(input), pods: [] };
  return round.finishedAt === undefined ? within(input, round) : between(input);
}

function begun({ validation, nodes, isFree, elsewhere, nowMs }: RunInput): NodeValidationStatus {
  const present = validation.spec.nodes.map((name): ValidatedNode => {
    const node = nodes.get(name);
    if (!node) return { name, result: 'Unreliable', reason: 'NoNode', message: 'there is no such node' };
    const known = { name, providerID: node.providerID, bootId: node.bootId };
    const other = elsewhere.get(name);
    if (other !== undefined) return { ...known, ...notFree(`it waits for its turn in NodeValidation ${other}`) };
    if (isFree(name)) return isMeasurable(node) ? known : { ...known, ...unmeasured(node) };
    return { ...known, ...notFree('it works, or is not on probation') };
  });
  const open = present.filter(({ result }) => result === undefined);
  const begins = { step: 'OneNode' as const, startedAt: formatTime(nowMs), nodes: present };
  const status = { ...saying(validation.status, ''), ...begins };
  return open.length === 0
    ? done(status, nowMs, 'none of the nodes can be measured')
    : {
        ...status,
        rounds: [
          newRound(
            1,
            open.map(({ name }): Planned => ({ check: 'OneNode', nodes: [name] })),
            nowMs,
          ),
        ],
      };
}

function notFree(message: string): Partial<ValidatedNode> {
  return { result: 'Unreliable', reason: 'NotFree', message };
}

/** With these words for people. What is not said any more is said to be nothing: a status is merged into the one before. */
function saying(status: NodeValidationStatus, message: string): NodeValidationStatus {
  return message === '' && status.message === undefined ? status : { ...status, message };
}

function unmeasured(node: NodeFacts): Partial<ValidatedNode> {
  return { result: 'Unreliable', reason: UNKNOWN_TYPE, message: unknownTypeText(node) };
}

function newRound(number: number, planned: readonly Planned[], nowMs: number): Round {
  const tests = planned.map(({ check, nodes }, i): Test => ({ name: `r${number}-${i}`, check, nodes: [...nodes] }));
  return { number, startedAt: formatTime(nowMs), tests };
}

/** A round under way: what is missing of its pods, or, with every test settled, its results. */
function within(given: RunInput, round: Round): RunStep {
  const input = { ...given, times: waitedFor(given, round) };
  const states = round.tests.map((test) => stateOf(input, round, test));
  const settled = states.flatMap((state) => (state.settled ? [state.settled] : []));
  if (settled.length === states.length) return settle(input, round, settled);
  const againMs = Math.min(...states.flatMap(({ settled: over, untilMs }) => (over ? [] : [untilMs])));
  return { pods: states.flatMap(({ wanted }) => wanted), againMs };
}

/** All answers are in: results, and what the nodes are remembered by. */
function settle(input: RunInput, round: Round, settled: readonly Settled[]): RunStep {
  const { status } = input.validation;
  const judged = input.judge(settled);
  const tests = settled.map(({ test }, i): Test => {
    const { result, message } = judged[i]!;
    return { ...test, result, ...(message ? { message: message.slice(0, 256) } : {}) };
  });
  const learned = new Map(judged.flatMap(({ nodes }) => [...(nodes ?? [])]));
  const nodes = (status.nodes ?? []).map((node) => ({ ...node, ...learned.get(node.name) }));
  const finished: Round = { ...round, tests, finishedAt: formatTime(input.nowMs) };
  return {
    pods: [],
    settled,
    status: { ...status, nodes, rounds: [...(status.rounds ?? []).slice(0, -1), finished] },
  };
}

/** Between two rounds: who is left, and what is tested next. */
function between({ validation: { status }, search, nowMs }: RunInput): RunStep {
  const rounds = status.rounds ?? [];
  const nodes = status.step === 'OneNode' ? afterOneNode(status) : (status.nodes ?? []);
  const left = nodes.filter(({ result }) => result === undefined);
  if (left.length === 0) return { pods: [], status: done({ ...status, nodes }, nowMs) };
  const next = search(left, rounds);
  if ('verdicts' in next) {
    const judged = nodes.map((node) =>
      node.result === undefined ? { ...node, ...next.verdicts.get(node.name) } : node,
    );
    return { pods: [], status: done({ ...status, nodes: judged }, nowMs, next.message) };
  }
  if ('untilMs' in next) {
    const message = `waits for a partner to be tested with, until ${formatTime(next.untilMs)} at the latest`;
    return { pods: [], againMs: next.untilMs, status: { ...status, nodes, message } };
  }
  const round = newRound(rounds.length + 1, next.tests, nowMs);
  const step = next.tests.some(({ check }) => check === 'Pair') ? ('Pairs' as const) : ('Whole' as const);
  return { pods: [], status: { ...saying(status, ''), nodes, step, rounds: [...rounds, round] } };
}

/** Who did not pass by itself has its verdict now. */
function afterOneNode({ nodes = [], rounds = [] }: NodeValidationStatus): ValidatedNode[] {
  const tests = new Map((rounds[0]?.tests ?? []).map((test) => [test.nodes[0], test] as const));
  return nodes.map((node): ValidatedNode => {
    const test = tests.get(node.name);
    if (!test || test.result === 'Pass' || node.result !== undefined) return node;
    const result = test.result === 'Fail' ? 'Fail' : 'Unreliable';
    return { reason: test.result, ...node, result, message: node.message ?? test.message };
  });
}

function done(status: NodeValidationStatus, nowMs: number, message?: string): NodeValidationStatus {
  const nodes = (status.nodes ?? []).map((node): ValidatedNode =>
    node.result === undefined ? { ...node, result: 'Unreliable', reason: 'NoVerdict' } : node,
  );
  const count = (result: ValidatedNode['result']) => nodes.filter((node) => node.result === result).length;
  const [passed, failed, unreliable] = [count('Pass'), count('Fail'), count('Unreliable')];
  const summary = `${passed} passed, ${failed} failed, ${unreliable} unreliable`;
  return {
    ...status,
    ...{ step: 'Done', nodes, passed, failed, unreliable, finishedAt: formatTime(nowMs) },
    message: (message ? `${summary}: ${message}` : summary).slice(0, 2048),
  };
}
