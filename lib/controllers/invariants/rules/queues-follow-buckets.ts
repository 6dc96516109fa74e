import type { KubeObject } from '../../../domain/kube';
import { CAPACITY_BUCKETS, QUEUES } from '../../../domain/resources';
import { refOf, type Rule } from '../rule';

/** Volcano schedules the gangs of a bucket by a queue of its name, bound to its node group. */
export const queuesFollowBuckets: Rule = {
  id: 'queues-follow-buckets',
  protects: 'gangs of a bucket are scheduled on its nodes: without its queue, or bound elsewhere, they wait for ever',
  sees: 'a Queue of the name of each CapacityBucket, bound to the node group of that name',
  severity: 'Critical',
  owner: 'capacity',
  source: 'own',
  atSynth: false,
  check: (state) => {
    // Without Volcano nobody needs queues.
    if (state.objects(QUEUES).length === 0) return [];
    return state.objects(CAPACITY_BUCKETS).flatMap(({ metadata: { name, deletionTimestamp } }) => {
      // Volcano's own queues are not ours, whatever a bucket is called.
      if (deletionTimestamp !== undefined || name === 'default' || name === 'root') return [];
      const message = wrongWith(name, state.get(QUEUES, name));
      const object = refOf(QUEUES, { metadata: { name } });
      return message === undefined ? [] : [{ object, message, fields: ['affinity'] }];
    });
  },
};

function wrongWith(bucket: string, queue: KubeObject | undefined): string | undefined {
  if (!queue) return `bucket ${bucket} has no queue: capacity makes it; is Volcano's webhook up?`;
  const groups: readonly string[] =
    queue.spec?.affinity?.nodeGroupAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  if (groups.length === 1 && groups[0] === bucket) return undefined;
  const bound = groups.length === 0 ? 'no node group' : `node group ${groups.join(', ')}`;
  return `it is bound to ${bound}, not to ${bucket}: its gangs land elsewhere`;
}
