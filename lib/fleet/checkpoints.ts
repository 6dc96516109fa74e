/** Checkpoint objects → what a gang would lose if it were stopped now. PURE. */
import { keyOf, parseTime, type KubeObject, type ObjectMeta } from '../domain/kube';
import { onceEach } from './lists';
import { once } from './memo';
import type { RunningGang } from './running-gangs';

/** Facts about one Checkpoint. */
export interface CheckpointFacts {
  /** `namespace/gang`: the workload or PodGroup it is of. */
  readonly gang: string;
  /** When (epoch ms) the state it holds was. */
  readonly takenAtMs: number;
  /** How long (ms) writing it took, when reported. */
  readonly tookMs?: number;
  /** How long (ms) the gang needs after its restart to be where the checkpoint was, when reported. */
  readonly restartMs?: number;
  /** How often (ms) it reports, on the average since its first report; absent while there was only one. */
  readonly everyMs?: number;
}

/** Reads one Checkpoint. The same object gives the same facts object; undefined when its time cannot be read. */
export const toCheckpointFacts: (checkpoint: KubeObject) => CheckpointFacts | undefined = once(readCheckpoint);

/** Reads every Checkpoint of a cache's list. Those that did not change since the last list keep their facts objects. */
export const toCheckpointFactsList: (checkpoints: readonly KubeObject[]) => readonly (CheckpointFacts | undefined)[] =
  onceEach(readCheckpoint, keyOf);

/** The newest checkpoint by `namespace/gang`. */
export function newestCheckpoints(
  checkpoints: readonly (CheckpointFacts | undefined)[],
): ReadonlyMap<string, CheckpointFacts> {
  const newest = new Map<string, CheckpointFacts>();
  for (const checkpoint of checkpoints) {
    if (!checkpoint) continue;
    const known = newest.get(checkpoint.gang);
    if (!known || checkpoint.takenAtMs > known.takenAtMs) newest.set(checkpoint.gang, checkpoint);
  }
  return newest;
}

/** What a gang has reported: under the name of its workload, or of its PodGroup. */
export function checkpointOf(
  { namespace, workload, podGroup, members }: Pick<RunningGang, 'namespace' | 'workload' | 'podGroup' | 'members'>,
  newest: ReadonlyMap<string, CheckpointFacts>,
): CheckpointFacts | undefined {
  const names = [workload?.name, podGroup, members.length === 1 ? members[0]!.name : undefined];
  for (const name of names) {
    const found = name === undefined ? undefined : newest.get(`${namespace}/${name}`);
    if (found) return found;
  }
  return undefined;
}

function readCheckpoint({ metadata, spec = {} }: KubeObject): CheckpointFacts | undefined {
  const takenAtMs = parseTime(spec.takenAt);
  if (takenAtMs === undefined || !spec.gang) return undefined;
  const ms = (seconds: unknown) => (typeof seconds === 'number' ? seconds * 1000 : undefined);
  return {
    gang: `${metadata.namespace ?? ''}/${spec.gang}`,
    takenAtMs,
    tookMs: ms(spec.durationSeconds),
    restartMs: ms(spec.restartSeconds),
    everyMs: intervalOf(metadata, takenAtMs),
  };
}

/** Each report is a new generation of the object. Pauses between them count, too: rather too long than too short. */
function intervalOf({ creationTimestamp, generation = 1 }: ObjectMeta, takenAtMs: number): number | undefined {
  const firstMs = parseTime(creationTimestamp);
  return firstMs === undefined || generation <= 1 ? undefined : Math.max(0, takenAtMs - firstMs) / (generation - 1);
}
