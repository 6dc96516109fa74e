/** Owners that can be asked for, and what their absence proves. PURE. */
import type { OwnerReference } from '../../domain/kube';
import { DAEMON_SETS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, type ResourceType } from '../../domain/resources';
import { RESOURCE_OF } from './work';

/**
 * A 404 proves something only where the path is right: a Kind with another plural, or a version that is not served any more, is "not
 * found" as well. So these are asked in the version that we know to be served, whatever the reference says.
 */
const OWNERS: readonly ResourceType[] = [
  ...Object.values(RESOURCE_OF),
  ...[DAEMON_SETS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS],
];

/** The resource to ask for this owner; undefined: its absence cannot be proved. */
export function resourceOfOwner({ apiVersion, kind }: OwnerReference): ResourceType | undefined {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  return OWNERS.find((owner) => owner.group === group && owner.kind === kind);
}

/** What a live GET of an owner came to. Unknown: it was not asked, or the answer does not speak of it. */
export type Presence = 'Present' | 'Absent' | 'Unknown';

/**
 * What a 404 proves. One that does not name the object is the answer of a path that is not served: its CRD is gone, or not there yet, and
 * a server that has just started serves less than it did. Kubernetes' own garbage collector waits then, and so do we.
 */
export function presenceOf404(owner: OwnerReference, message: string): Presence {
  return message.includes(`"${owner.name}" not found`) ? 'Absent' : 'Unknown';
}
