/** How the API server words its refusals. */
import type { KubeObject } from '../domain/kube';
import { resourceName, type ResourceType } from '../domain/resources';
import { Conflict, Invalid, NotFound } from '../runtime/errors';
import type { ObjectName } from '../runtime/ports';

/** 404. */
export function notFound(resource: ResourceType, { name }: ObjectName): NotFound {
  return new NotFound(`${resourceName(resource)} "${name}" not found`, 404, 'NotFound');
}

/** 409 of a resourceVersion lock. */
export function modified(resource: ResourceType, { name }: ObjectName): Conflict {
  const message = `Operation cannot be fulfilled on ${resourceName(resource)} "${name}": the object has been modified; please apply your changes to the latest version and try again`;
  return new Conflict(message, 409, 'Conflict');
}

/** Throws the 422 of a patch whose `metadata.uid` is another object's: the field is immutable. */
export function requireSame(resource: ResourceType, { metadata }: KubeObject, uid: string | undefined): void {
  if (uid === undefined || uid === metadata.uid) return;
  const message = `${resource.kind} "${metadata.name}" is invalid: metadata.uid: Invalid value: "${uid}": field is immutable`;
  throw new Invalid(message, 422, 'Invalid');
}

/** Throws the 409 of a delete or an eviction whose preconditions do not hold. */
export function checkPreconditions(
  resource: ResourceType,
  live: KubeObject,
  asked: { readonly uid?: string; readonly resourceVersion?: string },
): void {
  const { name, uid, resourceVersion } = live.metadata;
  const refuse = (what: string, wanted: string, is: string | undefined): never => {
    const message = `Operation cannot be fulfilled on ${resourceName(resource)} "${name}": the ${what} in the precondition (${wanted}) does not match the ${what} in record (${is})`;
    throw new Conflict(message, 409, 'Conflict');
  };
  if (asked.uid && asked.uid !== uid) refuse('UID', asked.uid, uid);
  if (asked.resourceVersion && asked.resourceVersion !== resourceVersion) {
    refuse('ResourceVersion', asked.resourceVersion, resourceVersion);
  }
}

/** 409 of a server-side apply without force. */
export function applyConflict(conflicts: readonly { readonly manager: string; readonly field: string }[]): Conflict {
  const list = conflicts.map(({ manager, field }) => `conflict with "${manager}": ${field}`).join(', ');
  return new Conflict(`Apply failed with ${conflicts.length} conflict(s): ${list}`, 409, 'Conflict');
}
