/** What must hold of every write of ours to a node: foreign keys stay, and the node is in one bucket or in none. */
import type { Node } from '../domain/kube';
import { BUCKET_KEY, NODE_KEYS, NODEGROUP_LABEL, UNASSIGNED_TAINT } from '../domain/node-keys';
import { hasTaint } from '../domain/taints';
import { toNodeFacts } from '../fleet';

type Breach = (invariant: string, object: string, message: string) => void;

/** Whose key it is; keys of persons and of others are nobody's of ours. */
const OWNERS = new Map(
  NODE_KEYS.filter(({ owner }) => owner !== 'person').map(({ key, owner }) => [key, owner] as const),
);

/** A write of ours changes labels, taints and annotations of one owner, and nobody else's. */
export function keepsForeignKeys(node: Node, before: Node, breach: Breach): void {
  const changes = [
    ...changedEntries(node, before, 'labels'),
    ...changedEntries(node, before, 'annotations'),
    ...changedTaints(node, before),
  ];
  const owners = new Set(changes.map(({ key }) => OWNERS.get(key) ?? 'foreign'));
  if (!owners.has('foreign') && owners.size <= 1) return;
  for (const { key, change } of changes) breach('foreign keys stay', `Node ${node.metadata.name}`, `${key}: ${change}`);
}

interface Change {
  readonly key: string;
  readonly change: string;
}

function changedEntries(node: Node, before: Node, field: 'labels' | 'annotations'): readonly Change[] {
  const [is, was] = [node.metadata[field] ?? {}, before.metadata[field] ?? {}];
  return [...new Set([...Object.keys(is), ...Object.keys(was)])]
    .filter((key) => is[key] !== was[key])
    .map((key) => ({ key, change: `${field}: ${was[key]} → ${is[key]}` }));
}

function changedTaints(node: Node, before: Node): readonly Change[] {
  const textOf = ({ spec }: Node, key: string) =>
    (spec?.taints ?? [])
      .filter((taint) => taint.key === key)
      .map(({ value, effect }) => `${value ?? ''}:${effect}`)
      .sort()
      .join(' ');
  const keys = [...(node.spec?.taints ?? []), ...(before.spec?.taints ?? [])].map(({ key }) => key);
  return [...new Set(keys)]
    .filter((key) => textOf(node, key) !== textOf(before, key))
    .map((key) => ({ key, change: `taint ${textOf(before, key) || 'none'} → ${textOf(node, key) || 'none'}` }));
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
