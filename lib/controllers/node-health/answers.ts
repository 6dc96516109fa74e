/**
 * What the check pods of a test come to: an answer of each of its nodes, or what is missing and until when it is waited for. PURE.
 *
 * A node that went away, or whose pod somebody else ended, is Lost: that says nothing of it. A pod that cannot start, hangs, or ends without
 * a word is Unreliable: never healthy, never a reason to replace. What a message says is judged elsewhere.
 */
import type { NodeValidationStatus } from '../../api';
import { parseTime } from '../../domain/kube';
import type { NodeFacts } from '../../fleet';
import { checkPodName, type CheckName } from './check-pod';
import type { CheckPodFacts, Round, Test, ValidatedNode } from './snapshot';

/** What one member of a test came to: a message, or why there is none. */
export type Answer =
  | { readonly kind: 'Message'; readonly node: string; readonly text: string }
  | { readonly kind: 'Lost' | 'Unreliable'; readonly node: string; readonly why: string };

/** A test whose members have all answered, or will not. */
export interface Settled {
  readonly test: Test;
  readonly answers: readonly Answer[];
}

/** How long a test may take. */
export interface RunTimes {
  /** Until its container runs, pull of the image included. */
  readonly startMs: number;
  /** From then on. */
  readonly runMs: number;
}

/** A check pod that should be there. */
export interface WantedPod {
  readonly test: Test;
  readonly check: CheckName;
  readonly rank: number;
  readonly node: NodeFacts;
}

/** What answers are read from. */
export interface AnswersInput {
  readonly validation: { readonly name: string; readonly status: NodeValidationStatus };
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  readonly pods: ReadonlyMap<string, CheckPodFacts>;
  readonly times: RunTimes;
  readonly nowMs: number;
}

/** An image that cannot be pulled is tried so long. */
const IMAGE_PATIENCE_MS = 3 * 60_000;
/** Waiting reasons of a container that will not run by waiting (kubelet, pkg/kubelet/images and kuberuntime). */
const STUCK = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
]);

const CHECK_NAMES: Readonly<Record<Test['check'], CheckName>> = { OneNode: 'one-node', Pair: 'pair', Whole: 'whole' };

/** With so many answers, and of half of all tests, a round knows how long its check takes. */
const LEAST_ANSWERS = 3;
/** The last ones get this many times as long as the slowest answer took, and at least so long. */
const PATIENCE = { times: 3, leastMs: 2 * 60_000 };

/** How long a check of this round may run: as the policy says, and no longer than its peers let expect. One that hangs holds up nobody. */
export function waitedFor({ validation, pods, times }: AnswersInput, { tests }: Round): RunTimes {
  const members = tests.flatMap(({ name, nodes }) =>
    nodes.map((_, rank) => pods.get(checkPodName(validation.name, name, rank))),
  );
  const tookMs = members.flatMap((pod) =>
    pod?.message !== undefined && pod.endedMs !== undefined && pod.ranSinceMs !== undefined
      ? [pod.endedMs - pod.ranSinceMs]
      : [],
  );
  if (tookMs.length < LEAST_ANSWERS || tookMs.length * 2 < members.length) return times;
  return { ...times, runMs: Math.min(times.runMs, Math.max(PATIENCE.leastMs, PATIENCE.times * Math.max(...tookMs))) };
}

/** A test: settled, or what is wanted of it and when to look again. */
export interface TestState {
  readonly settled?: Settled;
  readonly wanted: readonly WantedPod[];
  readonly untilMs: number;
}

/** Where a test is. */
export function stateOf(input: AnswersInput, round: Round, test: Test): TestState {
  const members = test.nodes.map((node, rank) => memberOf(input, round, { test, node, rank }));
  const answers = members.flatMap(({ answer }) => (answer ? [answer] : []));
  // With one member lost the others wait for nobody.
  const over = answers.length === members.length || answers.some(({ kind }) => kind === 'Lost');
  const untilMs = Math.min(...members.flatMap(({ answer, untilMs: memberMs }) => (answer ? [] : [memberMs])));
  if (!over) return { wanted: members.flatMap(({ wanted }) => (wanted ? [wanted] : [])), untilMs };
  return { settled: { test, answers }, wanted: [], untilMs };
}

interface Member {
  readonly answer?: Answer;
  readonly wanted?: WantedPod;
  readonly untilMs: number;
}

interface MemberOf {
  readonly test: Test;
  readonly node: string;
  readonly rank: number;
}

function memberOf(input: AnswersInput, round: Round, { test, node: name, rank }: MemberOf): Member {
  const { nowMs, times, validation } = input;
  const startedMs = parseTime(round.startedAt) ?? nowMs;
  const startByMs = startedMs + times.startMs;
  const node = input.nodes.get(name);
  const gone = goneOf(
    node,
    validation.status.nodes?.find((one) => one.name === name),
  );
  if (gone) return { answer: { kind: 'Lost', node: name, why: gone }, untilMs: nowMs };
  const pod = input.pods.get(checkPodName(validation.name, test.name, rank));
  if (!pod || pod.deleting)
    return absent(
      name,
      { nowMs, startByMs },
      pod ? undefined : { test, check: CHECK_NAMES[test.check], rank, node: node! },
    );
  if (pod.ended) return { answer: endedOf(name, pod), untilMs: nowMs };
  return waitingOf(name, pod, { nowMs, startByMs, times });
}

/** Why what was begun on this node cannot be ended: another instance or another boot has its name. */
function goneOf(node: NodeFacts | undefined, known: ValidatedNode | undefined): string | undefined {
  if (!node) return 'the node is gone';
  if (node.deletedAtMs !== undefined) return 'the node is being removed';
  if (known?.providerID !== undefined && known.providerID !== node.providerID) return `it is ${node.providerID} now`;
  return known?.bootId !== undefined && known.bootId !== node.bootId ? 'it was rebooted meanwhile' : undefined;
}

function absent(
  node: string,
  { nowMs, startByMs }: { nowMs: number; startByMs: number },
  wanted: WantedPod | undefined,
): Member {
  if (nowMs < startByMs) return { ...(wanted ? { wanted } : {}), untilMs: startByMs };
  return { answer: { kind: 'Lost', node, why: 'its check pod is gone' }, untilMs: nowMs };
}

function endedOf(node: string, { message, reason }: CheckPodFacts): Answer {
  if (message) return { kind: 'Message', node, text: message };
  // Somebody else ended it: that says nothing of the node.
  if (reason === 'Preempting' || reason === 'Evicted' || reason === 'NodeShutdown' || reason === 'Terminated') {
    return { kind: 'Lost', node, why: `its check pod was ended: ${reason}` };
  }
  return { kind: 'Unreliable', node, why: `its check pod ended without a word${reason ? `: ${reason}` : ''}` };
}

function waitingOf(
  node: string,
  pod: CheckPodFacts,
  { nowMs, startByMs, times }: { nowMs: number; startByMs: number; times: RunTimes },
): Member {
  const out = (why: string): Member => ({ answer: { kind: 'Unreliable', node, why }, untilMs: nowMs });
  if (pod.ranSinceMs !== undefined) {
    const untilMs = pod.ranSinceMs + times.runMs;
    return nowMs < untilMs ? { untilMs } : out(`the check hangs: no answer within ${Math.round(times.runMs / 1000)} s`);
  }
  const stuck = pod.waiting !== undefined && STUCK.has(pod.waiting);
  const untilMs = stuck ? Math.min(startByMs, pod.createdMs + IMAGE_PATIENCE_MS) : startByMs;
  if (nowMs < untilMs) return { untilMs };
  if (stuck) return out(`its check pod cannot start: ${pod.waiting}`);
  return out(
    !pod.bound ? 'its check pod was not scheduled: are its accelerators there?' : 'its check pod does not start',
  );
}
