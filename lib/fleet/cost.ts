/** What stopping running work costs: the work since its last checkpoint, and its restart. PURE. */
import { checkpointOf, type CheckpointFacts } from './checkpoints';
import type { RunningGang } from './running-gangs';
import type { VolcanoJobFacts } from './volcano-jobs';

/**
 * From pods that are bound to work that goes on, when nobody has reported it: start, NCCL's first round over all nodes, reading
 * weights and optimizer state, compiling. Reading is the part that is known: the 2.3 TB of BLOOM were written in 40 s
 * (stas00/ml-engineering, fault tolerance), on a slower file system it is minutes. Too much spares gangs which have just saved
 * their state, too little those which save often; five minutes is what a person would guess.
 */
export const RESTART_SECONDS = 300;

/** Owners whose pods begin anew whenever they begin: there is no progress to lose. */
const WITHOUT_PROGRESS: ReadonlySet<string> = new Set(['ReplicaSet', 'StatefulSet']);

/** What a loss is counted from. */
export type LossSince = 'checkpoint' | 'start' | 'assumed checkpoint' | 'nothing';

/** What each accelerator of a gang loses when it is stopped. */
export interface Loss {
  /** Restart included. */
  readonly seconds: number;
  /** Of these, work that has to be done again. */
  readonly workSeconds: number;
  readonly since: LossSince;
}

/** What the fleet has reported, and what is assumed of gangs that have not. */
export interface CheckpointRecord {
  /** By `namespace/gang`. */
  readonly newest: ReadonlyMap<string, CheckpointFacts>;
  /** Median age (ms) of the checkpoints of gangs that run; absent: nobody has reported any. */
  readonly medianAgeMs?: number;
}

/** Whether its pods have work in progress at all. */
export function hasProgress({ workload, members }: RunningGang): boolean {
  return workload !== undefined || !members.every(({ owner }) => owner && WITHOUT_PROGRESS.has(owner.kind));
}

/** The record, with the median over gangs that run: those of gangs that have ended only grow older. */
export function toCheckpointRecord(
  newest: ReadonlyMap<string, CheckpointFacts>,
  gangs: Iterable<RunningGang>,
  nowMs: number,
): CheckpointRecord {
  const ages: number[] = [];
  if (newest.size > 0) {
    for (const gang of gangs) {
      const found = hasProgress(gang) ? checkpointOf(gang, newest) : undefined;
      if (found) ages.push(nowMs - clamp(found.takenAtMs, gang.startedAtMs, nowMs));
    }
  }
  return { newest, medianAgeMs: median(ages) };
}

/**
 * What a gang loses. A checkpoint in the future counts as now, one from before its start as its start. Unknown: the start, or the
 * fleet's median if that is later, so that who reports is never worse off for it than who does not report and has just begun.
 */
export function lossOf(gang: RunningGang, { newest, medianAgeMs }: CheckpointRecord, nowMs: number): Loss {
  const found = checkpointOf(gang, newest);
  const restartSeconds = found?.restartMs === undefined ? RESTART_SECONDS : found.restartMs / 1000;
  if (!hasProgress(gang)) return { seconds: restartSeconds, workSeconds: 0, since: 'nothing' };
  const startMs = Math.min(gang.startedAtMs, nowMs);
  const assumedMs = medianAgeMs === undefined ? startMs : nowMs - medianAgeMs;
  const fromMs = clamp(found?.takenAtMs ?? assumedMs, startMs, nowMs);
  const workSeconds = (nowMs - fromMs) / 1000;
  const word = found ? 'checkpoint' : 'assumed checkpoint';
  return { seconds: workSeconds + restartSeconds, workSeconds, since: fromMs === startMs ? 'start' : word };
}

/** Members a gang can lose without being stopped. Operators other than Volcano restart all of their pods when one fails. */
export function surplusOf(gang: RunningGang, volcanoJobs: ReadonlyMap<string, VolcanoJobFacts>): number {
  const { workload, members, minMember } = gang;
  const spare = Math.max(0, members.length - minMember);
  if (spare === 0 || workload === undefined) return spare;
  if (workload.kind !== 'VolcanoJob') return 0;
  const job = volcanoJobs.get(`${workload.namespace}/${workload.name}`);
  return job && !job.stopsWhole ? spare : 0;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** The middle of them, the lower of two; undefined for none. */
export function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
