/**
 * Deleting a CapacityBucket releases its nodes first. PURE.
 *
 * A finalizer holds the bucket while nodes carry it; upkeep releases idle ones at once (no new pods, then unassigned). Running work is
 * left to end. After 5 minutes the bucket goes anyway, so that `cdk destroy` never hangs on a job that runs for weeks; its nodes stay
 * closed to new pods and become unassigned one by one as their work ends. Without controllers nobody takes the finalizer off: delete
 * buckets before the controllers, or `kubectl patch cbkt NAME --type merge -p '{"metadata":{"finalizers":null}}'`.
 */
import { BUCKET_KEY } from '../../domain/node-keys';
import type { MoveAction } from './actions';
import { BUCKET_FINALIZER, type BucketState, type MovesSnapshot } from './snapshot';
import { bucketOf } from './upkeep';

/** How long the nodes of a deleted bucket may take to empty. CloudFormation waits 15 minutes in all. */
export const BUCKET_PATIENCE_MS = 5 * 60_000;

/** Finalizers of all buckets, and when to look again. */
export function bucketEnds(snapshot: MovesSnapshot, nowMs: number): { actions: MoveAction[]; moments: number[] } {
  const actions: MoveAction[] = [];
  const moments: number[] = [];
  for (const bucket of snapshot.buckets.values()) {
    const held = bucket.finalizers.includes(BUCKET_FINALIZER);
    if (bucket.deletionMs === undefined) {
      if (!held)
        actions.push(setFinalizers(bucket, [...bucket.finalizers, BUCKET_FINALIZER], 'its nodes go before it'));
      continue;
    }
    if (!held) continue;
    const left = [...snapshot.nodes.values()].filter((node) => bucketOf(node) === bucket.name).length;
    const patienceEndsMs = bucket.deletionMs + BUCKET_PATIENCE_MS;
    moments.push(patienceEndsMs);
    if (left > 0 && nowMs < patienceEndsMs) continue;
    const why = [
      left === 0 ? 'all its nodes are released' : `${left} nodes still run its work and follow when that ends`,
      ...strandedNamespaces(bucket.name, snapshot),
    ].join('; ');
    actions.push(
      setFinalizers(
        bucket,
        bucket.finalizers.filter((name) => name !== BUCKET_FINALIZER),
        why,
      ),
    );
  }
  return { actions, moments };
}

/** Namespaces that nobody serves when the bucket is gone. */
function strandedNamespaces(bucket: string, { namespaceBuckets }: MovesSnapshot): readonly string[] {
  const names = [...namespaceBuckets].flatMap(([name, own]) => (own === bucket ? [name] : [])).sort();
  if (names.length === 0) return [];
  const shown = names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '');
  return [
    `label ${BUCKET_KEY}=${bucket} of namespaces ${shown} names no bucket any more: label them with another, or their pods are refused`,
  ];
}

function setFinalizers(bucket: BucketState, finalizers: readonly string[], why: string): MoveAction {
  const { name, resourceVersion } = bucket;
  return { type: 'SetFinalizers', of: 'CapacityBucket', name, resourceVersion, finalizers, why };
}
