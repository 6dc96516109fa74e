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
export type LossSince = 'checkpoint' | 'start' | 'nothing';

/** What each accelerator of a gang loses when it is stopped. */
export interface Loss {
  /** Restart included. */
  readonly seconds: number;
  /** Of these, work that has to be done again. */
  readonly workSeconds: number;
  readonly since: LossSince;
}

/** Whether its pods have work in progress at all. */
function hasProgress({ workload, members }: RunningGang): boolean {
  return workload !== undefined || !members.every(({ owner }) => owner && WITHOUT_PROGRESS.has(owner.kind));
}

/**
 * What a gang loses. A checkpoint in the future counts as now, one from before its start as its start. Unknown: since its start,
 * because that is what may be lost (docs/decisions/0010).
 */
export function lossOf(gang: RunningGang, newest: ReadonlyMap<string, CheckpointFacts>, nowMs: number): Loss {
  const found = checkpointOf(gang, newest);
  const restartSeconds = found?.restartMs === undefined ? RESTART_SECONDS : found.restartMs / 1000;
  if (!hasProgress(gang)) return { seconds: restartSeconds, workSeconds: 0, since: 'nothing' };
  const startMs = Math.min(gang.startedAtMs, nowMs);
  const fromMs = found ? Math.min(nowMs, Math.max(startMs, found.takenAtMs)) : startMs;
  const workSeconds = (nowMs - fromMs) / 1000;
  return { seconds: workSeconds + restartSeconds, workSeconds, since: fromMs === startMs ? 'start' : 'checkpoint' };
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

/** The middle of them, the lower of two; undefined for none. */
export function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
