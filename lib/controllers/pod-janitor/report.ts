/** What the status of the JanitorPolicy says. PURE. */
import type { JanitorPolicyStatus } from '../../api';
import { setCondition } from '../../domain/conditions';
import { formatTime, parseTime } from '../../domain/kube';
import type { PolicyState } from './observe';
import type { PodFinding } from './plan-pods';
import type { SyncFinding } from './sync/snapshot';
import { CONDITION } from './telemetry';
import type { WorkFinding } from './work-actions';

const HOUR_MS = 3_600_000;
/** Repairs of cache sync whose times are kept: more within an hour are not made. */
export const MOST_REPAIRS = 128;

/** What is said. */
export interface Told {
  readonly pods: readonly PodFinding[];
  readonly work: readonly WorkFinding[];
  /** Absent: it was not compared in this look. */
  readonly sync?: { readonly findings: readonly SyncFinding[]; readonly found: number; readonly repairs: number };
  /** Things that are done to pods and work after this is written. */
  readonly acts: number;
  readonly nowMs: number;
}

/** The status to write before anything is done: whoever comes after a crash finds there what was about to be done. */
export function statusOf({ generation, errors, status: before }: PolicyState, told: Told): JanitorPolicyStatus {
  const { nowMs, acts, sync } = told;
  const accepted = errors === undefined;
  const condition = {
    type: CONDITION.accepted,
    status: accepted ? 'True' : 'False',
    reason: accepted ? 'Valid' : 'Invalid',
    message: (errors?.join('; ') ?? 'the policy is understood').slice(0, 1024),
  } as const;
  const acted = recent(before.acted, nowMs);
  return {
    ...before,
    observedGeneration: generation,
    conditions: setCondition(before.conditions, condition, nowMs),
    stuck: countStates(told),
    acted: acts > 0 ? withActs(acted, acts, nowMs) : acted,
    doneLastHour: acts + acted.reduce((sum, { count }) => sum + count, 0),
    message: messageOf(told),
    ...(sync ? syncFields(before, sync, nowMs) : {}),
  };
}

const MINUTE_MS = 60_000;

type Acted = NonNullable<JanitorPolicyStatus['acted']>;

function recent(acted: Acted = [], nowMs: number): Acted {
  return acted.filter(({ at }) => (parseTime(at) ?? 0) > nowMs - HOUR_MS);
}

/** One entry for a minute, with the time of its last act: a busy hour of looks twice a second has as many as any other. */
function withActs(acted: Acted, acts: number, nowMs: number): Acted {
  const last = acted.at(-1);
  const isThisMinute = Math.floor((parseTime(last?.at) ?? 0) / MINUTE_MS) === Math.floor(nowMs / MINUTE_MS);
  const [earlier, count] = isThisMinute ? [acted.slice(0, -1), last!.count] : [acted, 0];
  return [...earlier, { at: formatTime(nowMs), count: count + acts }];
}

/** When something was done last, by any process. */
export function lastActedMs({ acted = [] }: JanitorPolicyStatus): number | undefined {
  const times = acted.flatMap(({ at }) => parseTime(at) ?? []);
  return times.length > 0 ? Math.max(...times) : undefined;
}

/** Repairs of cache sync within the last hour. */
export function repairsLastHour({ repaired = [] }: JanitorPolicyStatus, nowMs: number): readonly string[] {
  return repaired.filter((at) => (parseTime(at) ?? 0) > nowMs - HOUR_MS);
}

function syncFields(before: JanitorPolicyStatus, { findings, repairs }: NonNullable<Told['sync']>, nowMs: number) {
  const times = Array.from({ length: repairs }, () => formatTime(nowMs));
  return {
    findings: findings.map(({ kind, object, sinceMs, message }) => ({
      kind,
      object,
      since: formatTime(sinceMs),
      message,
    })),
    repaired: [...repairsLastHour(before, nowMs), ...times].slice(-MOST_REPAIRS),
  };
}

function countStates({ pods, work }: Told): NonNullable<JanitorPolicyStatus['stuck']> {
  const counts = new Map<string, number>();
  for (const { state } of [...pods, ...work]) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([state, count]) => ({ state, count }));
}

/** The longest stuck, in sentences. */
function messageOf({ pods, work, sync }: Told): string {
  const lines = [
    ...work.map(({ key, state, message }) => `${key}: ${state}: ${message}`),
    ...pods.map(({ pod, state, words, waits }) => `Pod ${pod}: ${state}: ${words}${waits ? `; ${waits}` : ''}`),
  ];
  const more = lines.length > 5 ? ` and ${lines.length - 5} more` : '';
  const found =
    sync && sync.found > sync.findings.length ? `; ${sync.found} disagreements, ${sync.findings.length} shown` : '';
  return `${lines.slice(0, 5).join('; ')}${more}${found}`.slice(0, 2048);
}
