/**
 * Why work was killed: its node's doing, its own, or it cannot be told. PURE.
 *
 * When one rank dies its mates follow, with exit codes of their own. So ends are counted in rounds: the first to end in a round is what
 * the others followed, and the next round begins with pods that were made after that. One code that begins two rounds on two different
 * nodes is the work's own doing; evidence against a node in the last round is the node's.
 */
import { parseTime } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { hasTaint } from '../../domain/taints';
import type { NodeFacts } from '../../fleet';
import type { Attempt, Cause } from './ledger';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

/** A Critical report this close to the end of a pod is about the same thing. */
export const AROUND_END_MS = 600_000;

/** `status.reason` of pods that their kubelet or the control plane ended, not they themselves. */
const NODE_REASONS: ReadonlySet<string> = new Set([
  'NodeLost',
  'NodeShutdown',
  'Terminated',
  'Evicted',
  'NodeAffinity',
  'UnexpectedAdmissionError',
  'Preempting',
]);
/** SIGKILL and SIGTERM: what a pod ends with when somebody else ends it. As good as no code. */
const BY_SIGNAL: ReadonlySet<number> = new Set([137, 143]);

/** What is known of nodes. */
export type NodeEvidence = Pick<WorkSnapshot, 'nodes' | 'deadSince' | 'faults'>;

interface End {
  readonly pod: WorkPod;
  readonly node: string;
  readonly code: number;
  readonly reason: string;
  readonly finishedMs: number;
}

/** The cause, from the pods of the work and what the ledger says of earlier attempts. */
export function classify(pods: readonly WorkPod[], earlier: readonly Attempt[], evidence: NodeEvidence): Cause {
  const rounds = toRounds(pods.flatMap(endsOf).sort(byTime));
  const last = rounds.at(-1) ?? [];
  const sinceMs = rounds.at(-2)?.[0]?.finishedMs ?? -Infinity;
  const exitCodes = last.map(({ node, code }) => ({ node, code }));
  return (
    byNode(
      pods.filter(({ facts }) => facts.createdAtMs > sinceMs),
      evidence,
      exitCodes,
    ) ??
    byMemory(last, exitCodes) ??
    byRepetition(rounds, earlier, exitCodes) ??
    unknown(last[0], exitCodes)
  );
}

function byTime(a: End, b: End): number {
  return a.finishedMs - b.finishedMs || (a.pod.facts.key < b.pod.facts.key ? -1 : 1);
}

/** The first container of the pod that ended badly. */
function endsOf(pod: WorkPod): End[] {
  const { nodeName: node } = pod.facts;
  if (node === undefined) return [];
  const ends = pod.containers
    .filter(({ state, exitCode = 0 }) => state === 'Terminated' && exitCode !== 0)
    .map(({ exitCode, reason = 'Error', finishedMs = pod.facts.createdAtMs }): End => {
      return { pod, node, code: exitCode!, reason, finishedMs };
    });
  return ends.sort(byTime).slice(0, 1);
}

function toRounds(ends: readonly End[]): readonly (readonly End[])[] {
  const rounds: End[][] = [];
  for (const end of ends) {
    const [first] = rounds.at(-1) ?? [];
    // Times have whole seconds: what was made in the second of the first end is one of its mates.
    if (first && end.pod.facts.createdAtMs <= first.finishedMs) rounds.at(-1)!.push(end);
    else rounds.push([end]);
  }
  return rounds;
}

/** Evidence against nodes comes first: what died with a node died of it, whatever its mates said afterwards. */
function byNode(pods: readonly WorkPod[], evidence: NodeEvidence, exitCodes: Cause['exitCodes']): Cause | undefined {
  const found = pods
    .flatMap((pod) => blame(pod, evidence) ?? [])
    .sort((a, b) => a.rank - b.rank || (a.pod < b.pod ? -1 : 1));
  const [first] = found;
  if (!first) return undefined;
  const others = found.length > 1 ? `, and ${found.length - 1} more of its pods alike` : '';
  const nodes = [...new Set(found.filter(({ suspected }) => suspected).flatMap(({ node }) => node ?? []))].sort();
  return {
    because: 'Infrastructure',
    reason: first.reason,
    message: `pod ${first.pod} ${first.words}${others}`,
    nodes,
    exitCodes,
  };
}

interface Blame {
  readonly pod: string;
  readonly node?: string;
  readonly reason: string;
  readonly words: string;
  /** The node had a part in it: it is avoided. */
  readonly suspected: boolean;
  /** The surest evidence is told first. */
  readonly rank: number;
}

function blame(pod: WorkPod, evidence: NodeEvidence): Blame | undefined {
  const { name, nodeName: node } = pod.facts;
  if (pod.facts.phase === 'Succeeded') return undefined;
  if (node !== undefined && evidence.deadSince.has(node)) {
    const words = `was on node ${node}, which is gone or has ended`;
    return { pod: name, node, reason: 'NodeGone', words, suspected: true, rank: 0 };
  }
  if (!hasFailed(pod)) return undefined;
  return suspicion(pod, evidence) ?? disruption(pod);
}

function hasFailed({ facts, disruption: taken, containers }: WorkPod): boolean {
  if (facts.phase === 'Failed' || taken !== undefined) return true;
  return containers.some(({ state, exitCode = 0 }) => state === 'Terminated' && exitCode !== 0);
}

/** The node is on probation, has failed its checks, or was reported around that time. */
function suspicion(pod: WorkPod, { nodes, faults }: NodeEvidence): Blame | undefined {
  const { name, nodeName: node } = pod.facts;
  const facts = node === undefined ? undefined : nodes.get(node);
  if (node === undefined || !facts) return undefined;
  const told = { pod: name, node, suspected: true, rank: 1 } as const;
  if (isSuspect(facts)) {
    return { ...told, reason: 'NodeSuspected', words: `ended on node ${node}, which is not proved to be healthy` };
  }
  const endMs = endsOf(pod)[0]?.finishedMs;
  const report = faults.find(
    (fault) =>
      fault.node === node &&
      fault.severity === 'Critical' &&
      endMs !== undefined &&
      Math.abs(fault.observedAtMs - endMs) <= AROUND_END_MS,
  );
  if (!report) return undefined;
  const words = `ended on node ${node}, which was reported (${report.kind}) within ten minutes of it`;
  return { ...told, reason: 'FaultReported', words };
}

/** Whether node health doubts the node. */
function isSuspect(node: NodeFacts): boolean {
  return hasTaint(node.taints, PROBATION_TAINT) || node.validated === 'False' || node.verdict?.result === 'Fail';
}

/** Somebody took the pod away: nothing against its node, and nothing against the work. */
function disruption({ facts, disruption: taken, statusReason = '' }: WorkPod): Blame | undefined {
  const { name, nodeName: node } = facts;
  const told = { pod: name, node, suspected: false, rank: 2 } as const;
  if (taken !== undefined) return { ...told, reason: taken, words: `was taken away (${taken})` };
  if (!NODE_REASONS.has(statusReason)) return undefined;
  return { ...told, reason: statusReason, words: `was ended by its node (${statusReason})` };
}

function byMemory(last: readonly End[], exitCodes: Cause['exitCodes']): Cause | undefined {
  const end = last.find(({ reason }) => reason === 'OOMKilled');
  if (!end) return undefined;
  const message = `pod ${end.pod.facts.name} on node ${end.node} used more memory than its limit (OOMKilled)`;
  return { because: 'Application', reason: 'OOMKilled', message, nodes: [], exitCodes };
}

/** The same code began two rounds on two different nodes. */
function byRepetition(
  rounds: readonly (readonly End[])[],
  earlier: readonly Attempt[],
  exitCodes: Cause['exitCodes'],
): Cause | undefined {
  const begins = [
    ...earlier
      .filter(({ because }) => because !== 'Infrastructure')
      .flatMap(({ exitCodes: codes = [] }) => codes.slice(0, 1)),
    ...rounds.flatMap(([first]) => (first ? [{ node: first.node, code: first.code }] : [])),
  ];
  const now = begins.at(-1);
  if (rounds.length === 0 || !now || BY_SIGNAL.has(now.code)) return undefined;
  const before = begins.find(({ node, code }) => code === now.code && node !== now.node);
  if (!before) return undefined;
  const message = `it ended with exit code ${now.code} on node ${before.node} and again on node ${now.node}: it is the work, not a node`;
  return { because: 'Application', reason: 'SameExitCode', message, nodes: [], exitCodes };
}

/** The node of the first to end is avoided: on another one it will be seen whose fault it is. */
function unknown(first: End | undefined, exitCodes: Cause['exitCodes']): Cause {
  if (!first) {
    const message = 'nothing is known of how its pods ended';
    return { because: 'Unknown', reason: 'NoEvidence', message, nodes: [], exitCodes };
  }
  const message = `pod ${first.pod.facts.name} ended with exit code ${first.code} on node ${first.node}, and nothing is known against that node`;
  return { because: 'Unknown', reason: `ExitCode${first.code}`, message, nodes: [first.node], exitCodes };
}

/** When (epoch ms) the newest of these attempts was written down. */
export function newestAtMs(attempts: readonly Attempt[]): number | undefined {
  return attempts.length === 0 ? undefined : Math.max(...attempts.map(({ at }) => parseTime(at) ?? 0));
}
