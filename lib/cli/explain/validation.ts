/** The validation that a node is in, and what it waits for. PURE. */
import type {
  CheckPodFacts,
  HealthNode,
  Round,
  ValidatedNode,
  ValidationState,
} from '../../controllers/node-health/snapshot';
import { devicesByMs } from '../../controllers/node-health/batches';
import { FREE_WITHIN_MS } from '../../controllers/node-health/turns';
import { parseDuration } from '../../domain/duration';
import { formatTime, parseTime } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { taintedAtMs } from '../../domain/taints';
import type { HealthLook } from './health';
import { counted, since, until } from './words';

/** A validation that is not over, or is about to be made. */
export interface UnderWay {
  /** Absent: it waits to be proved together with others. */
  readonly validation?: string;
  readonly level?: string;
  readonly reason?: string;
  /** With how many nodes. */
  readonly nodes: number;
  readonly step?: string;
  readonly round?: number;
  readonly since?: string;
  /** What is known of the node already. */
  readonly soFar?: string;
  readonly waitsFor: readonly string[];
}

/** Check pods that are named one by one. */
const MOST_PODS = 6;

/** The validation that has the node, or the batch that is collected; undefined when nothing is under way. */
export function underWay(node: HealthNode, look: HealthLook, nowMs: number): UnderWay | undefined {
  const { name } = node.facts;
  const open = look.snapshot.validations.find(
    ({ spec, status, deleting }) => spec?.nodes.includes(name) && !deleting && status.finishedAt === undefined,
  );
  if (!open) return collected(node, look, nowMs);
  const { spec, status } = open;
  const round = status.rounds?.at(-1);
  return {
    ...{ validation: open.name, level: spec!.level, reason: spec!.reason, nodes: spec!.nodes.length },
    ...(status.step ? { step: status.step } : {}),
    ...(round ? { round: round.number } : {}),
    ...soFar(status.nodes?.find((one) => one.name === name)),
    ...(status.startedAt ? { since: status.startedAt } : {}),
    waitsFor: round ? waitsInRound(open, round, look, nowMs) : [waitsToBegin(open, look, nowMs)],
  };
}

function soFar(record: ValidatedNode | undefined): Pick<UnderWay, 'soFar'> {
  if (!record?.result) return record?.message ? { soFar: record.message } : {};
  const { result, reason, message } = record;
  return { soFar: `${result}${reason ? ` (${reason})` : ''}${message ? `: ${message}` : ''}` };
}

/** On probation and in no validation: newcomers are collected for a while. */
function collected({ facts, phase, work }: HealthNode, { policy }: HealthLook, nowMs: number): UnderWay | undefined {
  if (phase !== 'Probation' || work.length > 0) return undefined;
  const addedMs = taintedAtMs(facts.taints, PROBATION_TAINT);
  const ripeMs = (addedMs ?? facts.createdAtMs) + parseDuration(policy.batch.window);
  return { nodes: 1, waitsFor: [whatFor({ ripeMs, devicesMs: devicesByMs(facts) ?? 0 }, nowMs)] };
}

function whatFor(
  { ripeMs, devicesMs }: { readonly ripeMs: number; readonly devicesMs: number },
  nowMs: number,
): string {
  if (nowMs < devicesMs)
    return `its accelerators, which its kubelet does not name yet, until ${until(devicesMs, nowMs)}`;
  if (nowMs < ripeMs) return `others to be proved with, until ${until(ripeMs, nowMs)}`;
  return 'the node-health controller: it makes the validation (kubectl get nval)';
}

function waitsToBegin({ spec, status, createdMs }: ValidationState, { snapshot }: HealthLook, nowMs: number): string {
  if (status.message) return status.message.replace(/^waits: /, '');
  const busy = spec!.nodes.filter((name) => (snapshot.nodes.get(name)?.work.length ?? 0) > 0);
  if (busy.length === 0) return 'its nodes to be free';
  const names = busy.slice(0, 8).join(', ');
  return `work on ${names} to end; from ${until(createdMs + FREE_WITHIN_MS, nowMs)} it goes on without them`;
}

function waitsInRound(
  { name }: ValidationState,
  round: Round,
  { snapshot: { checkPods }, policy }: HealthLook,
  nowMs: number,
): readonly string[] {
  const finishedMs = parseTime(round.finishedAt);
  if (finishedMs !== undefined) {
    const waitedMs = finishedMs + parseDuration(policy.batch.partnerWait);
    return nowMs < waitedMs
      ? [`the next round, or a free partner until ${until(waitedMs, nowMs)}`]
      : ['the next round'];
  }
  const left = round.tests.filter(({ result }) => result === undefined);
  const pods = [...checkPods.values()].filter(({ validation, ended }) => validation === name && !ended);
  const words = pods.map((pod) => podWords(pod, nowMs)).sort();
  return [
    `${counted(left.length, 'test')} of round ${round.number}, begun ${formatTime(parseTime(round.startedAt) ?? nowMs)}`,
    ...words.slice(0, MOST_PODS),
    ...(words.length > MOST_PODS ? [`${words.length - MOST_PODS} more check pods`] : []),
  ];
}

function podWords({ name, ranSinceMs, waiting, bound }: CheckPodFacts, nowMs: number): string {
  const pod = `check pod aicluster-validation/${name}`;
  if (ranSinceMs !== undefined) return `${pod}: runs ${since(ranSinceMs, nowMs)}`;
  return `${pod}: ${waiting ?? (bound ? 'its container is being made' : 'not on its node yet')}`;
}
