/**
 * Checkpoints of runs that are over. PURE.
 *
 * The program that reports one may create and patch Checkpoints and nothing else: it knows neither the UID of its workload, so it cannot
 * name an owner, nor when it will not come back. So they end as finished NodeMoves do: seven days after the last report, when nothing of
 * that name is there any more, neither a pod nor a gang that a NodeMove has stopped.
 */
import { formatTime } from '../../domain/kube';
import type { MoveAction } from './actions';
import { isOver } from './gangs';
import type { CheckpointSeen, MovesSnapshot } from './snapshot';

/** A Checkpoint of nobody is kept this long after it was taken. */
export const CHECKPOINT_KEPT_MS = 7 * 24 * 3_600_000;

/** Deletions that are due, and when the next may be. */
export function checkpointEnds(
  { checkpoints, pods, moves }: Pick<MovesSnapshot, 'checkpoints' | 'pods' | 'moves'>,
  nowMs: number,
): { readonly actions: readonly MoveAction[]; readonly moments: readonly number[] } {
  const old = checkpoints.filter(({ takenAtMs }) => takenAtMs + CHECKPOINT_KEPT_MS <= nowMs);
  const moments = checkpoints.map(({ takenAtMs }) => takenAtMs + CHECKPOINT_KEPT_MS).filter((atMs) => atMs > nowMs);
  // Most of the time there is none, and pods are many.
  if (old.length === 0) return { actions: [], moments };
  const known = namesOf({ pods, moves });
  const actions = old.filter(({ gang }) => !known.has(gang)).map(deletion);
  return { actions, moments };
}

/** Every `namespace/name` by which a Checkpoint may call a gang that is still there. */
function namesOf({ pods, moves }: Pick<MovesSnapshot, 'pods' | 'moves'>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { key, gang, workload, ended } of pods) {
    if (ended) continue;
    names.add(key);
    if (gang !== undefined) names.add(gang);
    if (workload) names.add(`${workload.namespace}/${workload.name}`);
  }
  for (const { status } of moves) {
    // `VolcanoJob research/llama`
    for (const gang of status.gangs ?? []) if (!isOver(gang)) names.add(gang.key.slice(gang.key.indexOf(' ') + 1));
  }
  return names;
}

function deletion({ namespace, name, uid, resourceVersion, takenAtMs, gang }: CheckpointSeen): MoveAction {
  const days = CHECKPOINT_KEPT_MS / 86_400_000;
  const why = `taken at ${formatTime(takenAtMs)}, more than ${days} days ago, and there is no ${gang} any more`;
  return { type: 'DeleteCheckpoint', namespace, name, uid, resourceVersion, why };
}
