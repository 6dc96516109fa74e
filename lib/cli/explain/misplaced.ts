/** Why a node is in no bucket it could work for: its keys contradict each other, or its bucket is gone. PURE. */
import { BUCKET_KEY, NODEGROUP_LABEL, SET_BACK_ANNOTATION, UNASSIGNED_TAINT } from '../../domain/node-keys';
import { hasTaint } from '../../domain/taints';
import type { KubeObject } from '../../domain/kube';
import type { NodeFacts } from '../../fleet';
import type { Fleet } from './fleet';

/** One sentence for people with the way out; undefined when the keys agree and the bucket is there to stay. */
export function misplacedWords({ state }: Fleet, facts: NodeFacts, { metadata }: KubeObject): string | undefined {
  const { name, bucket, nodegroup, bucketTaint, taints } = facts;
  const unassigned = hasTaint(taints, UNASSIGNED_TAINT);
  const values = [bucket, nodegroup, bucketTaint].map((value) => value ?? 'none');
  if (new Set(values).size > 1 || unassigned !== (bucket === undefined)) {
    const [label, group, taint] = values;
    const said = `label ${BUCKET_KEY}=${label}, label ${NODEGROUP_LABEL}=${group} and taint ${BUCKET_KEY}=${taint} contradict each other`;
    const note: string | undefined = metadata.annotations?.[SET_BACK_ANNOTATION];
    const undo = `undo the edit, or move it: a NodeMove of node ${name}`;
    if (!note) return `${said}: the controllers set them back; to move a node, make a NodeMove`;
    const [count, lastAt] = note.split('@');
    return `${said}: changed by hand ${count} times, last at ${lastAt}; after the third time they are left alone for an hour: ${undo}`;
  }
  if (bucket === undefined) return undefined;
  const found = state.buckets.find((one) => one.name === bucket);
  if (found && !found.facts.deleting) return undefined;
  return `bucket ${bucket} ${found ? 'is being deleted' : 'does not exist'}: nothing new comes here, and the node is free for others when its work has ended (aicluster explain bucket ${bucket})`;
}
