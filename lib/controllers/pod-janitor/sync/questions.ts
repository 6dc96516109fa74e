/** Whom to ask before comparing: instances by their id, and owners by a live GET. PURE. */
import {
  apiVersionOf,
  JOB_SETS,
  JOBS,
  LEADER_WORKER_SETS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  RAY_JOBS,
  VOLCANO_JOBS,
} from '../../../domain/resources';
import { DEPLOYMENTS, PODS, REPLICA_SETS, type ResourceType } from '../../../domain/resources';
import type { OwnerReference } from '../../../domain/kube';
import { childlessPodGroups } from './leftovers';
import { instanceOfName } from './machines';
import type { Presence, SyncNode, SyncPolicy, SyncSnapshot } from './snapshot';

/** What the caches and the lists of EC2 know before anybody is asked by name. */
export type SyncSurvey = Omit<SyncSnapshot, 'cloud' | 'owners' | 'known' | 'doneLastHour'> & {
  readonly cloud: Pick<NonNullable<SyncSnapshot['cloud']>, 'instances' | 'interfaces'>;
};

/** An owner to ask for. */
export interface OwnerQuestion {
  readonly resource: ResourceType;
  readonly namespace: string;
  readonly owner: OwnerReference;
}

/** Owners asked for in one look: a GET each, and there is always a next look. */
const MOST_OWNERS = 50;
const MINUTE_MS = 60_000;

/** Instances that a Node, a NodeClaim, an attachment or an interface names and that the list does not show alive. */
export function instancesToAsk({
  nodes,
  claims,
  attachments,
  cloud,
}: Pick<SyncSurvey, 'nodes' | 'claims' | 'attachments' | 'cloud'>): readonly string[] {
  const byName = new Map(nodes.map((node) => [node.name, node] as const));
  const alive = new Set(cloud.instances.filter(({ state }) => state === 'running').map(({ instanceId }) => instanceId));
  const named = [
    ...nodes.map(({ instanceId }) => instanceId),
    ...claims.filter(({ deletedMs }) => deletedMs !== undefined).map(({ instanceId }) => instanceId),
    ...attachments.map(({ instanceId, nodeName }) => instanceId ?? instanceOfName(nodeName, byName)),
    ...cloud.interfaces.map(({ instanceId, nodeName = '' }) => instanceId ?? instanceOfName(nodeName, NOBODY)),
  ];
  return [...new Set(named.flatMap((id) => id ?? []))].filter((id) => !alive.has(id)).sort();
}

const NOBODY: ReadonlyMap<string, SyncNode> = new Map();

/** Owners of PodGroups that have no pods and are old enough; others of them minute by minute when there are more than one look asks for. */
export function ownersToAsk(
  survey: Pick<SyncSurvey, 'podGroups' | 'pods'>,
  { olderThanMs }: SyncPolicy,
  nowMs: number,
): readonly OwnerQuestion[] {
  const all = childlessPodGroups(survey)
    .filter(({ createdMs }) => nowMs - createdMs >= olderThanMs)
    .flatMap(({ namespace, owners }) =>
      owners.flatMap((owner) => {
        const resource = resourceOfOwner(owner);
        return resource ? [{ resource, namespace, owner }] : [];
      }),
    );
  const from = all.length > MOST_OWNERS ? (Math.floor(nowMs / MINUTE_MS) * MOST_OWNERS) % all.length : 0;
  return [...all.slice(from), ...all.slice(0, from)].slice(0, MOST_OWNERS);
}

/** What may own a PodGroup and can be asked for. */
const OWNERS: readonly ResourceType[] = [
  ...[JOBS, VOLCANO_JOBS, JOB_SETS, LEADER_WORKER_SETS, RAY_CLUSTERS, RAY_JOBS, PYTORCH_JOBS],
  ...[PODS, REPLICA_SETS, DEPLOYMENTS],
];

/** The resource to ask for this owner, in exactly the version it names; undefined: its absence cannot be proved. */
export function resourceOfOwner({ apiVersion, kind }: OwnerReference): ResourceType | undefined {
  return OWNERS.find((resource) => apiVersionOf(resource) === apiVersion && resource.kind === kind);
}

/**
 * What a 404 proves. One that does not name the object is the answer of a path that is not served: its CRD is gone, or not there yet, and
 * a server that has just started serves less than it did. Kubernetes' own garbage collector waits then, and so do we.
 */
export function presenceOf404(owner: OwnerReference, message: string): Presence {
  return message.includes(`"${owner.name}" not found`) ? 'Absent' : 'Unknown';
}
