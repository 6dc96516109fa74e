/** Parts of objects the API server treats apart: what apply merges, what has owners, what a generation counts, status at birth. */
import { formatTime, type KubeObject } from '../domain/kube';
import { NODES, PODS, resourceName, type ResourceType } from '../domain/resources';
import type { ObjectName } from '../runtime/ports';

/** What apply merges: for a subresource only that, otherwise everything but it and what identifies the object. */
export function applyConfig(object: KubeObject, subresource: 'status' | undefined): object {
  if (subresource) return { status: object.status };
  const { apiVersion: _, kind: __, status: ___, metadata, ...rest } = object;
  const { labels, annotations, finalizers, ownerReferences } = metadata;
  const kept = Object.fromEntries(
    Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(([, value]) => value !== undefined),
  );
  return Object.keys(kept).length > 0 ? { ...rest, metadata: kept } : rest;
}

/** The parts of an object whose fields have owners. */
export function owned(object: KubeObject): object {
  const { labels, annotations, finalizers, ownerReferences } = object.metadata;
  const { apiVersion: _, kind: __, ...rest } = object;
  return { ...rest, metadata: { labels, annotations, finalizers, ownerReferences } };
}

/** Everything but metadata and status: what a generation counts. */
export function withoutMeta(object: KubeObject): object {
  const { metadata: _, status: __, ...rest } = object;
  return rest;
}

/** The status as a member to spread, nothing when there is none. */
export function statusOf(object: KubeObject): object {
  return object.status === undefined ? {} : { status: object.status };
}

/** Name and namespace, nothing else. */
export function nameOf({ metadata }: KubeObject): ObjectName {
  return metadata.namespace ? { name: metadata.name, namespace: metadata.namespace } : { name: metadata.name };
}

/** Status at birth: kubelets register Nodes with theirs, pods begin Pending, others begin without. */
export function initialStatus(resource: ResourceType, object: KubeObject, hasStatus: boolean): object {
  const name = resourceName(resource);
  if (name === resourceName(NODES) || !hasStatus) return statusOf(object);
  return name === resourceName(PODS) ? { status: { phase: 'Pending' } } : { status: undefined };
}

/** What a write made of an object, with everything a writer may not touch as it was: identity, deletion, generation, status. */
export function keepFixed(live: KubeObject, wanted: KubeObject, hasStatus: boolean): KubeObject {
  const { metadata, status, ...rest } = wanted;
  return {
    ...rest,
    ...(hasStatus ? statusOf(live) : statusOf({ ...wanted, status })),
    metadata: {
      ...metadata,
      name: live.metadata.name,
      namespace: live.metadata.namespace,
      uid: live.metadata.uid,
      creationTimestamp: live.metadata.creationTimestamp,
      deletionTimestamp: live.metadata.deletionTimestamp,
      deletionGracePeriodSeconds: live.metadata.deletionGracePeriodSeconds,
      generation: live.metadata.generation,
      resourceVersion: live.metadata.resourceVersion,
      managedFields: undefined,
    },
    apiVersion: live.apiVersion,
    kind: live.kind,
  };
}

/** The object marked as deleting: pods end within their grace period, others when their finalizers are gone. */
export function beginDeletion(live: KubeObject, nowMs: number, graceSeconds: number): KubeObject {
  const generation = (live.metadata.generation ?? 1) + (live.kind === PODS.kind ? 0 : 1);
  const deletionTimestamp = formatTime(nowMs + graceSeconds * 1000);
  return {
    ...live,
    metadata: { ...live.metadata, generation, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds },
  };
}
