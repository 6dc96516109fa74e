/** Why a gang can be placed nowhere, whatever room there is: its bucket, its queue, or its namespace is the wrong one. PURE. */
import { outOfReach, toQueues } from '../../controllers/capacity/reach';
import { BUCKET_KEY } from '../../domain/node-keys';
import type { Fleet } from './fleet';

/** A gang, as far as this depends on it. */
export interface Wanting {
  readonly label: string;
  readonly namespace: string;
  readonly bucket?: string;
  readonly queue?: string;
}

/** The reasons, each with the way out. */
export function noWayFor(fleet: Fleet, wanting: Wanting): readonly string[] {
  const { label, namespace, bucket, queue } = wanting;
  if (bucket === undefined) return [withoutBucket(label, namespace)];
  const found = fleet.state.buckets.find(({ name }) => name === bucket);
  if (!found) return [`${label} is of bucket ${bucket}, ${goneWords(fleet, bucket, namespace)}`];
  if (found.facts.deleting) return [`${label} is of bucket ${bucket}, which is being deleted and gets no nodes`];
  const queueWords = outOfReach({ label, bucket, queue }, toQueues(fleet.snapshot.queues));
  const entitled = mayUse(fleet, bucket).includes(namespace);
  return [...(queueWords ? [queueWords] : []), ...(entitled ? [] : [mayNotWords(namespace, bucket)])];
}

/** Namespaces that may use the bucket: those labelled with it, and its guests. */
export function mayUse({ snapshot, state }: Fleet, bucket: string): readonly string[] {
  const labelled = labelledWith(snapshot, bucket);
  const guests = state.buckets.find(({ name }) => name === bucket)?.spec?.namespaces ?? [];
  return [...new Set([...labelled, ...guests])].sort();
}

/** Namespaces with the label of a bucket. */
export function labelledWith({ namespaceBuckets }: Fleet['snapshot'], bucket: string): readonly string[] {
  return [...namespaceBuckets].flatMap(([name, own]) => (own === bucket ? [name] : [])).sort();
}

/** As the admission policy says it, to whoever submits. */
function mayNotWords(namespace: string, bucket: string): string {
  return `namespace ${namespace} may not use bucket ${bucket}, so no more of its pods are admitted: label the namespace ${BUCKET_KEY}=${bucket}, or add it to spec.namespaces of the bucket (kubectl edit cbkt ${bucket})`;
}

function withoutBucket(label: string, namespace: string): string {
  return `${label} is of no bucket: label namespace ${namespace} ${BUCKET_KEY}=BUCKET, or the pods of the workload if the bucket admits the namespace, and submit it again`;
}

function goneWords({ snapshot, state }: Fleet, bucket: string, namespace: string): string {
  const now = snapshot.namespaceBuckets.get(namespace);
  if (now !== undefined && now !== bucket) {
    return `which does not exist; namespace ${namespace} belongs to bucket ${now} now: submit it again`;
  }
  const names = state.buckets.map(({ name }) => name).sort();
  return `which does not exist: label namespace ${namespace} ${BUCKET_KEY}= one of ${names.join(', ') || 'the buckets you will make'}, and submit it again`;
}
