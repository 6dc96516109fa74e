/** What must hold of every write of ours to a node: foreign keys stay, and the node is in one bucket or in none. */
import type { Node } from '../domain/kube';
import { BUCKET_KEY, NODE_KEYS, NODEGROUP_LABEL, UNASSIGNED_TAINT } from '../domain/node-keys';
import { hasTaint } from '../domain/taints';
import { toNodeFacts } from '../fleet';

type Breach = (invariant: string, object: string, message: string) => void;

const OUR_KEYS = new Set(NODE_KEYS.filter(({ owner }) => owner === 'moves').map(({ key }) => key));

/** A write of ours changes no label, taint or annotation that is not ours. */
export function keepsForeignKeys(node: Node, before: Node, breach: Breach): void {
  const object = `Node ${node.metadata.name}`;
  for (const field of ['labels', 'annotations'] as const) {
    const [is, was] = [node.metadata[field] ?? {}, before.metadata[field] ?? {}];
    for (const key of new Set([...Object.keys(is), ...Object.keys(was)])) {
      if (!OUR_KEYS.has(key) && is[key] !== was[key])
        breach('foreign keys stay', object, `${field} ${key}: ${was[key]} → ${is[key]}`);
    }
  }
  const foreign = ({ spec }: Node) =>
    (spec?.taints ?? [])
      .filter(({ key }) => !OUR_KEYS.has(key))
      .map(({ key, value, effect }) => `${key}=${value ?? ''}:${effect}`)
      .sort()
      .join(' ');
  if (foreign(node) !== foreign(before))
    breach('foreign keys stay', object, `taints ${foreign(before)} → ${foreign(node)}`);
}

/** Bucket by label, by taint and by node group, and whether the node says that it has none. */
function placeOf(node: Node): string {
  const { bucket, nodegroup, taints } = toNodeFacts(node);
  const bucketTaints = taints.filter(({ key }) => key === BUCKET_KEY).map(({ value }) => value);
  const unassigned = hasTaint(taints, UNASSIGNED_TAINT);
  return `label ${bucket}, taint ${bucketTaints}, ${NODEGROUP_LABEL} ${nodegroup}, unassigned ${unassigned}`;
}

/** A write of ours that changes a node's place leaves it in one bucket by label, taint and node group, or in none and saying so. */
export function isConsistent(node: Node, before: Node, breach: Breach): void {
  const bucket = node.metadata.labels?.[BUCKET_KEY];
  const wanted = `label ${bucket}, taint ${bucket ?? ''}, ${NODEGROUP_LABEL} ${bucket}, unassigned ${bucket === undefined}`;
  if (placeOf(node) === wanted || placeOf(node) === placeOf(before)) return;
  breach('no node in two buckets', `Node ${node.metadata.name}`, `${placeOf(before)} → ${placeOf(node)}`);
}
