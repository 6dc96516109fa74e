/**
 * A restart in place: the workload is suspended, its old pods end, it is resumed. PURE.
 *
 *   Reserved   in the ledger; the workload is asked to stop until it has, with our note on it, and none of its pods is left. It is never
 *              asked to go on
 *   Suspended  nothing of it runs any more, or there was nothing to restart; it is asked to go on until our note is off. It is never asked
 *              to stop
 *   Done       it may run again
 *   Refused    nothing was done: somebody else stopped it, it is gone
 *
 * So each attempt stops once and lets go once, whatever a cache shows meanwhile: the step between is written down before the other order
 * is given. What has no suspension is evicted, all members at once, and its own controller makes them anew. Killed between any two writes:
 * the ledger says how far it was meant to be, the note on the workload how far it is. A record is closed only after the workload was read
 * live and asked to go on, so no gang stays suspended because a cache was behind.
 */
import { parseTime } from '../../domain/kube';
import type { ResubmissionStatus } from '../../api';
import type { WorkloadRef } from '../../fleet';
import type { WorkloadAct, WorkloadOutcome, WorkloadReport } from '../../fleet/suspension';
import type { StuckGang } from './gang-states';
import { advance, carrierOf, noteOf, refuse, stop, type Attempt, type LedgerState } from './ledger';
import type { WorkKind } from './pod-templates';
import type { WorkFacts } from './work';
import type { LedgerAt, WorkAction } from './work-actions';
import type { WorkPod } from './work-snapshot';

/** What the next step is decided on. */
export interface RestartInput {
  readonly ledger: LedgerState;
  readonly attempt: Attempt;
  readonly kind: WorkKind;
  /** As the caches show it; undefined: not there. */
  readonly work: WorkFacts | undefined;
  /** Key of the gang. */
  readonly key: string;
  /** Its pods, those that have ended too. */
  readonly members: readonly WorkPod[];
  /** What is wrong with it now. */
  readonly stuck: StuckGang | undefined;
  /** Why nobody of ours may touch it now. */
  readonly handsOff: string | undefined;
  readonly nowMs: number;
}

/** The next step; undefined: something is waited for. */
export function stepRestart(input: RestartInput): WorkAction | undefined {
  const { attempt, work } = input;
  if (attempt.step === 'Suspended') return ask(input, 'Resume');
  const noSuspension = input.kind === 'PodGroup' || input.kind === 'LeaderWorkerSet' || work?.evicted === true;
  return noSuspension ? evict(input) : suspend(input);
}

/** What a record says that was closed before anything was stopped. */
const NOTHING = 'there was nothing to restart any more';

function suspend(input: RestartInput): WorkAction | undefined {
  const { ledger, attempt, work, members, stuck, handsOff } = input;
  const letGo = (message: string) =>
    write(ledger, advance(ledger.status, attempt.number, { step: 'Suspended', message }));
  if (work?.suspendedBy === noteOf(ledger, attempt)) {
    const stopped = work.phase === 'Suspended' && members.every(({ facts }) => facts.ended);
    return stopped ? letGo('its old pods are gone, and it is let go') : ask(input, 'Suspend');
  }
  return stuck && work?.phase === 'Live' && handsOff === undefined ? ask(input, 'Suspend') : letGo(handsOff ?? NOTHING);
}

function ask(input: RestartInput, verb: WorkloadAct['act']): WorkAction {
  const { ledger, attempt, kind, work, key, nowMs } = input;
  const { name, uid } = work ?? carrierOf(ledger);
  const workload: WorkloadRef = { kind: kind as WorkloadRef['kind'], namespace: ledger.namespace, name, uid };
  const gaveWayAtMs = parseTime(attempt.at) ?? nowMs;
  const act: WorkloadAct = { act: verb, key, workload, by: noteOf(ledger, attempt), gaveWayAtMs };
  return { type: 'RestartWork', ledger: ledgerAt(ledger), number: attempt.number, act };
}

/** Its pods as they were when the attempt was written down, all together. */
function evict({ ledger, attempt, members, handsOff }: RestartInput): WorkAction | undefined {
  const { number } = attempt;
  const thenMs = parseTime(attempt.at) ?? 0;
  const old = members.filter(({ facts }) => !facts.ended && facts.createdAtMs <= thenMs);
  if (old.length === 0) {
    return write(ledger, advance(ledger.status, number, { step: 'Done', message: 'its old pods are gone' }));
  }
  if (handsOff !== undefined) {
    return write(ledger, refuse(ledger.status, number, handsOff));
  }
  const pods = old.map(({ facts }) => facts).filter(({ deleting }) => !deleting);
  if (pods.length === 0) return undefined;
  const message = `attempt ${number} of Resubmission ${ledger.name}: all its pods end together, and are made anew`;
  return { type: 'EvictGang', ledger: ledgerAt(ledger), number, pods, message };
}

/** The ledger as an action names it. */
export function ledgerAt({ namespace, name, resourceVersion, status }: LedgerState): LedgerAt {
  return { namespace, name, resourceVersion, status };
}

/** Writes this status. */
export function write(ledger: LedgerState, status: ResubmissionStatus): WorkAction {
  return { type: 'WriteLedger', ledger: ledgerAt(ledger), status };
}

/** The status after the workload was asked: what it answered, said before anything else is done. */
export function afterRestart(
  status: ResubmissionStatus,
  { number, act: { act, key } }: Pick<Extract<WorkAction, { readonly type: 'RestartWork' }>, 'number' | 'act'>,
  { outcomes, makers, refused }: Pick<WorkloadReport, 'outcomes' | 'makers' | 'refused'>,
  nowMs: number,
): ResubmissionStatus {
  const why = refused.get(key);
  if (why !== undefined) return advance(status, number, { message: `refused, and asked again: ${why}`.slice(0, 1024) });
  const maker = makers.get(key);
  if (maker !== undefined) return refuse(status, number, `${maker} makes it`);
  const outcome = outcomes.get(key);
  if (act === 'Resume') return afterResume(status, number, outcome, nowMs);
  if (outcome === 'Wait') {
    const message = 'somebody else has stopped it, or it has ended: it is left to them';
    return refuse(status, number, message);
  }
  if (outcome === undefined)
    return advance(status, number, { message: 'it is stopped, and its old pods are waited for' });
  const message = 'it cannot be suspended any more';
  return refuse(status, number, message);
}

function afterResume(
  status: ResubmissionStatus,
  number: number,
  outcome: WorkloadOutcome | undefined,
  nowMs: number,
): ResubmissionStatus {
  if (outcome === 'Gone') {
    const message = 'it was deleted';
    return stop(refuse(status, number, message), 'Person', message, nowMs);
  }
  if (outcome !== 'Resumed') return status;
  const before = status.attempts?.find((attempt) => attempt.number === number)?.message;
  return advance(status, number, { step: 'Done', message: before === NOTHING ? NOTHING : 'it may run again' });
}
