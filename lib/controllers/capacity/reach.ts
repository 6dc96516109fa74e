/**
 * Which gangs can never reach the nodes of their bucket, because their queue does not lead there. PURE.
 *
 * Volcano keeps the pods of a queue on the node groups of that queue, and our steering keeps them on the nodes of their bucket: a gang
 * in another bucket's queue fits nowhere, whatever room there is. No nodes are taken from anybody for it, and it is said.
 */
import type { Unit } from './demand';
import type { QueueFacts, QueueSpec } from './snapshot';

/** Queues by name; absent when Volcano is not installed. */
export type Queues = ReadonlyMap<string, QueueFacts> | undefined;

/** Ancestors are looked at so far: a circle of parents is somebody's mistake, not ours to hang on. */
const MOST_ANCESTORS = 16;

/** Queues by name. */
export function toQueues(queues: readonly QueueFacts[] | undefined): Queues {
  return queues && new Map(queues.map((queue) => [queue.name, queue] as const));
}

/** Whether a Queue with the name of this bucket was made by somebody else, for other nodes: it is not ours to change. */
export function isTaken(bucket: string, queues: Queues): boolean {
  const queue = queues?.get(bucket);
  return queue !== undefined && !queue.ours && !groupsOf(queue, queues).includes(bucket);
}

/** Why the queue of a unit does not lead to the nodes of its bucket; undefined when it does. */
export function outOfReach(
  { label, queue, bucket }: Pick<Unit, 'label' | 'queue' | 'bucket'>,
  queues: Queues,
): string | undefined {
  if (queue === undefined || !queues) return undefined;
  if (queue === bucket) {
    return isTaken(bucket, queues) ? `${label} waits in ${takenWords(bucket)}` : undefined;
  }
  const found = queues.get(queue);
  if (found && groupsOf(found, queues).includes(bucket)) return undefined;
  const why = found ? `which does not lead to nodes of ${bucket}` : 'which does not exist';
  return `${label} is in queue ${queue}, ${why}, and its pods may run on no others: submit it again, in queue ${bucket}`;
}

/** For people: whose queue it is, and what to do about it. */
export function takenWords(bucket: string): string {
  return `queue ${bucket}, which somebody else made and which does not lead to nodes of ${bucket}: delete it (kubectl delete queues.scheduling.volcano.sh ${bucket}) or hand it over (kubectl label queues.scheduling.volcano.sh ${bucket} aicluster.dev/bucket=${bucket})`;
}

/** Node groups of a queue: its own, else those of its nearest ancestor that has any. */
function groupsOf(queue: QueueFacts, queues: Queues): readonly string[] {
  let at: QueueFacts | undefined = queue;
  for (let i = 0; at && i < MOST_ANCESTORS; i++) {
    const own = ownGroups(at.spec);
    if (own.length > 0) return own;
    at = queues?.get(at.spec.parent ?? '');
  }
  return [];
}

function ownGroups({ affinity }: QueueSpec): readonly string[] {
  const {
    requiredDuringSchedulingIgnoredDuringExecution: required = [],
    preferredDuringSchedulingIgnoredDuringExecution: preferred = [],
  } = affinity?.nodeGroupAffinity ?? {};
  return [...required, ...preferred];
}
