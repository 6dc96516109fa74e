/** Whom to ask before comparing: instances by their id, and owners by a live GET. PURE. */
import type { ResourceType } from '../../../domain/resources';
import type { OwnerReference } from '../../../domain/kube';
import { resourceOfOwner } from '../owners';
import { childlessPodGroups } from './leftovers';
import { instanceOfName } from './machines';
import type { SyncNode, SyncPolicy, SyncSnapshot } from './snapshot';

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
