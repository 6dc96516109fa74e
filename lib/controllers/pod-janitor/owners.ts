/** Owners that can be asked for, and what their absence proves. PURE. */
import type { OwnerReference } from '../../domain/kube';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  JOB_SETS,
  JOBS,
  LEADER_WORKER_SETS,
  POD_GROUPS,
  PODS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  RAY_JOBS,
  REPLICA_SETS,
  STATEFUL_SETS,
  VOLCANO_JOBS,
  type ResourceType,
} from '../../domain/resources';

/**
 * A 404 proves something only where the path is right: a Kind with another plural, or a version that is not served any more, is "not
 * found" as well. So these are asked in the version that we know to be served, whatever the reference says.
 */
const OWNERS: ReadonlyMap<string, ResourceType> = new Map(
  [
    ...[DAEMON_SETS, DEPLOYMENTS, JOBS, PODS, REPLICA_SETS, STATEFUL_SETS, POD_GROUPS, VOLCANO_JOBS],
    ...[JOB_SETS, LEADER_WORKER_SETS, PYTORCH_JOBS, RAY_CLUSTERS, RAY_JOBS],
  ].map((resource) => [`${resource.group} ${resource.kind}`, resource] as const),
);

/** The resource to ask for this owner; undefined: its absence cannot be proved. */
export function resourceOfOwner({ apiVersion, kind }: OwnerReference): ResourceType | undefined {
  return OWNERS.get(`${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''} ${kind}`);
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
