/**
 * The ledger of one piece of work: every time it was started again, and why. PURE.
 *
 * An attempt is Reserved here before anything is written anywhere else. Its number is in the note on a workload that is restarted, and in
 * the name of a copy, so whoever comes after a crash finds what was done. A copy belongs to the ledger of the work it is a copy of: its
 * label names it.
 */
import { ResubmissionSpec, type FailureCause, type ResubmissionStatus } from '../../api';
import { isTrue, setCondition } from '../../domain/conditions';
import { formatTime, parseTime, type KubeObject } from '../../domain/kube';
import { onceEach, shortHash } from '../../fleet';
import { resubmissionNote } from '../../fleet/suspension';
import type { WorkKind } from './pod-templates';
import { kindOfWork, type WorkFacts } from './work';

/** One attempt, as the ledger keeps it. */
export type Attempt = NonNullable<ResubmissionStatus['attempts']>[number];

/** What was found about a failure. */
export interface Cause {
  readonly because: FailureCause;
  /** One word: `NodeGone`, `OOMKilled`. */
  readonly reason: string;
  /** The evidence, in one sentence. */
  readonly message: string;
  /** Nodes that are suspected. */
  readonly nodes: readonly string[];
  /** What containers ended with; the first one's end is what the others followed. */
  readonly exitCodes: readonly { readonly node: string; readonly code: number }[];
}

/** One ledger. */
export interface LedgerState {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly createdAtMs: number;
  readonly deleting: boolean;
  readonly work: ResubmissionSpec['work'];
  readonly status: ResubmissionStatus;
}

/** As many as the schema keeps. */
const KEPT = 20;
const NODES_KEPT = 16;
const LONGEST_NAME = 63;

/** Reads every ledger of a cache's list; a spec that the schema refuses is nobody's ledger. */
export const toLedgers = (objects: readonly KubeObject[]): readonly LedgerState[] =>
  readLedgers(objects).flatMap((ledger) => ledger ?? []);

const readLedgers = onceEach(toLedger, ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);

function toLedger({ metadata, spec, status }: KubeObject): LedgerState | undefined {
  const parsed = ResubmissionSpec.safeParse(spec);
  if (!parsed.success) return undefined;
  const { namespace = '', name, uid = '', resourceVersion = '' } = metadata;
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    uid,
    resourceVersion,
    createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    work: parsed.data.work,
    status: status ?? {},
  };
}

/** Name of the ledger of this work: the one on its label, when it is a copy. Groups of a LeaderWorkerSet have one each. */
export function ledgerNameOf({ kind, name, uid, ledger }: WorkFacts, group?: string): string {
  if (ledger !== undefined) return ledger;
  const hash = shortHash(group === undefined ? uid : `${uid}/${group}`);
  const words = [kind.toLowerCase(), name, ...(group === undefined ? [] : [group])]
    .join('-')
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, LONGEST_NAME - hash.length - 1);
  return `${words}-${hash}`;
}

/** Spec of the ledger of this work. */
export function ledgerSpecOf({ apiVersion, kind, name, uid }: WorkFacts): ResubmissionSpec {
  return { work: { apiVersion, kind: kind === 'VolcanoJob' ? 'Job' : kind, name, uid } };
}

/** Kind of the work of a ledger. */
export function kindOfLedger({ work }: LedgerState): WorkKind | undefined {
  return kindOfWork(work);
}

/** What carries the work now: its newest copy, or the work itself. Without UID where only the copy's name is known. */
export function carrierOf({ work, status }: LedgerState): { readonly name: string; readonly uid?: string } {
  const copy = (status.attempts ?? []).findLast(({ step, copy: name }) => step === 'Done' && name !== undefined)?.copy;
  return copy === undefined ? { name: work.name, uid: work.uid } : { name: copy };
}

/** Whether this object is what carries the work now. */
export function isCarrier(ledger: LedgerState, { name, uid, ledger: label }: WorkFacts): boolean {
  const carrier = carrierOf(ledger);
  if (carrier.name !== name) return false;
  return carrier.uid === undefined ? label === ledger.name : carrier.uid === uid;
}

/** The attempt under way, if any: Done and Refused are final. */
export function openAttempt({ attempts = [] }: ResubmissionStatus): Attempt | undefined {
  const last = attempts.at(-1);
  return last && (last.step === 'Reserved' || last.step === 'Suspended') ? last : undefined;
}

/** Whether it is not started again. */
export function isStopped({ conditions }: ResubmissionStatus): boolean {
  return isTrue(conditions, 'Stopped');
}

/** Number of the newest attempt. */
export function numberOf({ number, attempts = [] }: ResubmissionStatus): number {
  return Math.max(number ?? 0, attempts.at(-1)?.number ?? 0);
}

/** What one attempt notes on the workload that it restarts. */
export function noteOf({ name }: LedgerState, { number }: Pick<Attempt, 'number'>): string {
  return resubmissionNote(name, number);
}

/** The status with the next attempt written down, before anything is done. */
export function reserve(
  { name, status }: LedgerState,
  { how, because, reason, message, nodes, exitCodes }: Cause & Pick<Attempt, 'how'>,
  nowMs: number,
): ResubmissionStatus {
  const number = numberOf(status) + 1;
  const attempt: Attempt = {
    number,
    id: shortHash(`${name}/${number}`),
    how,
    because,
    reason: reason.slice(0, 64),
    at: formatTime(nowMs),
    step: 'Reserved',
    nodes: nodes.slice(0, NODES_KEPT),
    exitCodes: exitCodes.slice(0, NODES_KEPT).map((end) => ({ ...end })),
    message: message.slice(0, 1024),
  };
  const { nextAt: _, ...rest } = status;
  const verb = how === 'Copy' ? 'a copy is made' : 'it is restarted';
  return {
    ...rest,
    attempts: [...(status.attempts ?? []), attempt].slice(-KEPT),
    number,
    counted: (status.counted ?? 0) + (because === 'Infrastructure' ? 0 : 1),
    message: `attempt ${number}: ${message}; ${verb}`.slice(0, 2048),
  };
}

/** The status with this attempt further on. */
export function advance(
  status: ResubmissionStatus,
  number: number,
  change: Partial<Pick<Attempt, 'step' | 'copy' | 'message'>>,
): ResubmissionStatus {
  const attempts = (status.attempts ?? []).map((attempt) =>
    attempt.number === number ? { ...attempt, ...change } : attempt,
  );
  const message = change.message === undefined ? status.message : `attempt ${number}: ${change.message}`.slice(0, 2048);
  return { ...status, attempts, message };
}

/** The status with this attempt given up before anything was done: it costs nothing. */
export function refuse(status: ResubmissionStatus, number: number, message: string): ResubmissionStatus {
  const attempt = status.attempts?.find((one) => one.number === number);
  const cost = attempt === undefined || attempt.because === 'Infrastructure' ? 0 : 1;
  const counted = Math.max(0, (status.counted ?? 0) - cost);
  return { ...advance(status, number, { step: 'Refused', message }), counted };
}

/** The status in which it is not started again, and says why. */
export function stop(
  status: ResubmissionStatus,
  reason: 'Application' | 'Attempts' | 'Person',
  message: string,
  nowMs: number,
): ResubmissionStatus {
  const { nextAt: _, ...rest } = status;
  const stopped = { type: 'Stopped', status: 'True', reason, message } as const;
  return {
    ...rest,
    conditions: setCondition(status.conditions, stopped, nowMs) as ResubmissionStatus['conditions'],
    message: message.slice(0, 2048),
  };
}

/** Attempts written down after this moment. */
export function attemptsSince({ attempts = [] }: ResubmissionStatus, sinceMs: number): readonly Attempt[] {
  return attempts.filter(({ at }) => (parseTime(at) ?? 0) > sinceMs);
}

/** Nodes that this work avoids now: those suspected within this time, the newest first. */
export function avoidedNodes({ attempts = [] }: ResubmissionStatus, sinceMs: number): readonly string[] {
  const nodes = attempts
    .filter(({ at }) => (parseTime(at) ?? 0) > sinceMs)
    .toReversed()
    .flatMap((attempt) => attempt.nodes ?? []);
  return [...new Set(nodes)].slice(0, NODES_KEPT).sort();
}
