/**
 * When work comes back, and as what: the limits of the policy, the back-off, and the copy of what has ended. PURE.
 *
 * A failure of the infrastructure costs nothing, but twenty a day are enough: then something else is wrong. Everything else waits, twice as
 * long each time, and ends at the limit.
 */
import { parseDuration } from '../../domain/duration';
import { parseTime, type KubeObject } from '../../domain/kube';
import { hashText, seededRandom } from '../../domain/seeded-random';
import type { JanitorPolicySpec, ResubmissionStatus } from '../../api';
import { copyName } from './clone';
import {
  advance,
  attemptsSince,
  avoidedNodes,
  carrierOf,
  refuse,
  stop,
  type Attempt,
  type Cause,
  type LedgerState,
} from './ledger';
import type { WorkKind } from './pod-templates';
import { ledgerAt, write } from './restart';
import { kindOfWork, toWorkFacts, type WorkFacts } from './work';
import type { WorkAction } from './work-actions';
import type { WorkPod } from './work-snapshot';

const DAY_MS = 24 * 3_600_000;
/** Failures of the infrastructure that one piece of work is brought back from within a day. */
export const FREE_A_DAY = 20;

type Resubmitting = JanitorPolicySpec['resubmission'];

/** What is decided about the next attempt: not before `atMs`, or never. */
export type Due =
  | { readonly atMs: number; readonly message: string }
  | { readonly stop: 'Application' | 'Attempts'; readonly message: string };

/** When the next attempt may be made. */
export function dueOf(ledger: LedgerState, cause: Cause, policy: Resubmitting, nowMs: number): Due {
  const { status } = ledger;
  if (cause.because === 'Application')
    return { stop: 'Application', message: `${cause.message}; it is not started again` };
  if (cause.because === 'Infrastructure') return freeOf(status, cause, nowMs);
  const counted = status.counted ?? 0;
  // Counted from when this failure was first seen, and written down: by then the caches know more of it, too.
  const atMs = parseTime(status.nextAt) ?? nowMs + backOffMs(ledger, counted, policy.backOff);
  if (counted < policy.attempts || atMs > nowMs) return { atMs, message: cause.message };
  const message = `${cause.message}; it was started again ${counted} times for causes like that, and is not any more`;
  return { stop: 'Attempts', message };
}

function freeOf(status: ResubmissionStatus, cause: Cause, nowMs: number): Due {
  const free = attemptsSince(status, nowMs - DAY_MS).filter(
    ({ because, step }) => because === 'Infrastructure' && step !== 'Refused',
  );
  if (free.length < FREE_A_DAY) return { atMs: nowMs, message: cause.message };
  const atMs = (parseTime(free[0]!.at) ?? nowMs) + DAY_MS;
  return { atMs, message: `${cause.message}; ${FREE_A_DAY} times within a day is enough` };
}

/** Doubles with each attempt that counts; between half of it and all of it, by lot, so that what died together does not come together. */
function backOffMs({ uid }: LedgerState, counted: number, { min, max }: Resubmitting['backOff']): number {
  const longestMs = parseDuration(max);
  const waitMs = Math.min(longestMs, parseDuration(min) * 2 ** counted);
  const lot = seededRandom(hashText(`${uid}/${counted}`))();
  return Math.round(waitMs * (0.5 + lot / 2));
}

/** What the copy of an attempt is made from. */
export interface CopyInput {
  readonly ledger: LedgerState;
  readonly attempt: Attempt;
  readonly kind: WorkKind;
  readonly work: WorkFacts | undefined;
  /** Of a gang of bare pods. */
  readonly members: readonly WorkPod[];
  readonly deadSince: ReadonlyMap<string, number>;
  readonly hostnames: ReadonlyMap<string, string>;
  readonly policy: Resubmitting;
  readonly nowMs: number;
}

/** The next step of a copy; undefined: something is waited for. */
export function stepCopy(input: CopyInput): WorkAction | undefined {
  return input.attempt.step === 'Suspended' ? endOld(input) : copy(input);
}

function copy(input: CopyInput): WorkAction {
  const { ledger, attempt, kind, work, members, hostnames, policy, nowMs } = input;
  const { name, uid } = work ?? carrierOf(ledger);
  const pods = kind === 'PodGroup' ? members : [];
  const nodes = avoidedNodes(ledger.status, nowMs - parseDuration(policy.avoidFor));
  return {
    type: 'CopyWork',
    ledger: ledgerAt(ledger),
    number: attempt.number,
    kind,
    sources: [
      { kind, name, uid },
      ...pods.map(({ facts }) => ({ kind: 'Pod', name: facts.name, uid: facts.uid }) as const),
    ],
    ask: {
      ...{ ledger: ledger.name, original: ledger.work.name, uid: ledger.work.uid, number: attempt.number },
      avoid: nodes.map((node) => hostnames.get(node) ?? node).sort(),
    },
    replaces: pods.some((pod) => runs(pod, input)),
  };
}

function runs({ facts }: WorkPod, { deadSince }: CopyInput): boolean {
  return !facts.ended && !deadSince.has(facts.nodeName ?? '');
}

/** The copy is there: what still runs of the old gang ends, all together. */
function endOld(input: CopyInput): WorkAction | undefined {
  const { ledger, attempt, members } = input;
  const old = members.filter((pod) => runs(pod, input)).map(({ facts }) => facts);
  if (old.length === 0)
    return write(
      ledger,
      advance(ledger.status, attempt.number, { step: 'Done', message: 'its copy runs in its place' }),
    );
  const pods = old.filter(({ deleting }) => !deleting);
  if (pods.length === 0) return undefined;
  const message = `attempt ${attempt.number} of Resubmission ${ledger.name}: a copy of the gang takes its place`;
  return { type: 'EvictGang', ledger: ledgerAt(ledger), number: attempt.number, pods, message };
}

/** What the live sources of a copy come to: Copy them, or why not. */
export function copyOutcome(
  { kind, ledger, sources }: Pick<Extract<WorkAction, { readonly type: 'CopyWork' }>, 'kind' | 'ledger' | 'sources'>,
  live: readonly (KubeObject | undefined)[],
): 'Copy' | 'SourceGone' | 'NotFailed' {
  const same = sources.every(({ uid, kind: of }, at) => {
    const object = live[at];
    if (!object || kindOfWork(object) !== of) return false;
    return uid === undefined ? toWorkFacts(object)?.ledger === ledger.name : object.metadata.uid === uid;
  });
  if (!same) return 'SourceGone';
  // Bare pods may still seem to run: it is their node that is gone.
  return kind === 'Pod' || kind === 'PodGroup' || toWorkFacts(live[0]!)?.phase === 'Failed' ? 'Copy' : 'NotFailed';
}

/** How a copy went. Taken: its name is somebody else's; Refused: the API server or a webhook did not take it. */
export interface CopyResult {
  readonly outcome: 'Copied' | 'SourceGone' | 'NotFailed' | 'Taken' | 'Refused';
  readonly why?: string;
}

/** The status after a copy was tried. */
export function afterCopy(
  status: ResubmissionStatus,
  {
    number,
    ask,
    replaces,
    ledger,
  }: Pick<Extract<WorkAction, { readonly type: 'CopyWork' }>, 'number' | 'ask' | 'replaces' | 'ledger'>,
  { outcome, why = '' }: CopyResult,
  nowMs: number,
): ResubmissionStatus {
  const name = copyName(ask.original, ask);
  switch (outcome) {
    case 'Copied': {
      const step = replaces ? 'Suspended' : 'Done';
      return advance(status, number, { step, copy: name, message: `it runs again as ${ledger.namespace}/${name}` });
    }
    case 'SourceGone': {
      const message = 'it was deleted before it was copied';
      return stop(refuse(status, number, message), 'Person', message, nowMs);
    }
    case 'NotFailed':
      return refuse(status, number, 'it has not failed after all');
    case 'Taken':
      return refuse(status, number, `the name ${name} is taken by something else`);
    case 'Refused':
      return advance(status, number, { message: `refused, and tried again: ${why}`.slice(0, 1024) });
  }
}
