/** What ended instances and deleted work have left behind: VolumeAttachments, network interfaces, PodGroups. PURE. */
import type { CloudInterface } from '../../../domain/cloud';
import { endOf, endWords, heldBy, instanceOfName, lifeOf } from './machines';
import type { SyncAttachment, SyncNode, SyncPodGroup, SyncPolicy, SyncSnapshot } from './snapshot';
import { carriedOn, carriedOnAll, type Suspicion } from './suspicion';

/** VolumeAttachments to instances that have ended: their volumes cannot be used anywhere else. */
export function attachmentsOfDeadNodes(snapshot: SyncSnapshot): readonly Suspicion[] {
  const nodes = new Map(snapshot.nodes.map((node) => [node.name, node] as const));
  return snapshot.attachments.flatMap((one) => suspectAttachment(one, nodes, snapshot) ?? []);
}

const ATTACHMENT = 'AttachmentOfDeadNode';

function suspectAttachment(
  attachment: SyncAttachment,
  nodes: ReadonlyMap<string, SyncNode>,
  snapshot: SyncSnapshot,
): Suspicion | undefined {
  const { name, uid, nodeName, createdMs: bornMs } = attachment;
  const about = { kind: ATTACHMENT, object: `VolumeAttachment ${name}`, bornMs } as const;
  const instanceId = attachment.instanceId ?? instanceOfName(nodeName, nodes);
  if (instanceId === undefined) {
    // A Node that does not say which machine it is speaks for itself; a name that nobody answers to is all we know.
    const message = `Node ${nodeName} is gone, and nothing says which instance it was: detach the volume by hand if that has ended`;
    return nodes.has(nodeName) ? undefined : { ...about, message };
  }
  if (lifeOf(instanceId, snapshot) === 'Silent') return carriedOn(about, snapshot);
  const end = endOf(instanceId, snapshot, about);
  if (!end) return undefined;
  const stays = whyAttachmentStays(attachment, instanceId, nodes.get(nodeName));
  const said = `${endWords(instanceId)} of node ${nodeName}`;
  if (stays) return { ...about, message: `${said}; the attachment stays: ${stays}` };
  const action = { type: 'DeleteAttachment', finding: ATTACHMENT, object: about.object, name, uid, nodeName } as const;
  return { ...about, message: said, repair: { needs: 'VolumeAttachments', action: { ...action, end, message: said } } };
}

/** Why an attachment to an ended instance is not ours to delete; undefined: it is. `node`: the Node of its name. */
export function whyAttachmentStays(
  { deletedMs, finalizers, nodeName }: SyncAttachment,
  instanceId: string,
  node: SyncNode | undefined,
): string | undefined {
  if (deletedMs !== undefined) return heldBy(finalizers);
  return !node || node.instanceId === instanceId ? undefined : `node ${nodeName} is another machine now`;
}

const INTERFACE = 'InterfaceOfDeadNode';
/** EC2 speaks of an ended instance for about an hour: an older interface whose instance it does not know is a leftover. */
const FORGOTTEN_MS = 60 * 60_000;

/** Free network interfaces of instances that have ended: each holds addresses of the subnet. */
export function interfacesOfDeadNodes(snapshot: SyncSnapshot, policy: SyncPolicy, nowMs: number): readonly Suspicion[] {
  if (!snapshot.cloud) return carriedOnAll(INTERFACE, snapshot);
  const free = snapshot.cloud.interfaces.filter(({ status }) => status === 'available');
  return free.flatMap((one) => suspectInterface(one, snapshot, { policy, nowMs }) ?? []);
}

function suspectInterface(
  one: CloudInterface,
  snapshot: SyncSnapshot,
  moment: { readonly policy: SyncPolicy; readonly nowMs: number },
): Suspicion | undefined {
  const { interfaceId, instanceId, createdMs: bornMs = 0 } = one;
  const about = { kind: INTERFACE, object: interfaceId, bornMs } as const;
  const of = instanceId ?? one.nodeName;
  if (of !== undefined && lifeOf(of, snapshot) === 'Silent') return carriedOn(about, snapshot);
  const said = endOfInterface(one, snapshot, moment);
  if (said === undefined) return undefined;
  const stays = whyInterfaceStays(one);
  if (stays || instanceId === undefined) return { ...about, message: `${said}; the interface stays: ${stays}` };
  const action = { type: 'DeleteInterface', finding: INTERFACE, object: interfaceId, interfaceId, instanceId } as const;
  return { ...about, message: said, repair: { needs: 'NetworkInterfaces', action: { ...action, message: said } } };
}

function whyInterfaceStays({ managed, instanceId, createdMs }: CloudInterface): string | undefined {
  if (managed || instanceId === undefined) return 'EKS made it, and deletes it';
  // Without a time nobody knows whether it is only about to be attached.
  return createdMs === undefined ? 'nothing says how old it is' : undefined;
}

/** What proves that the instance of an interface has ended; undefined: nothing does. */
function endOfInterface(
  { instanceId, nodeName, createdMs }: CloudInterface,
  snapshot: SyncSnapshot,
  { policy, nowMs }: { readonly policy: SyncPolicy; readonly nowMs: number },
): string | undefined {
  const of = instanceId ?? nodeName;
  if (of === undefined) return undefined;
  const life = lifeOf(of, snapshot);
  if (life === 'Silent') return undefined;
  if (life !== 'Absent') return life.state === 'terminated' ? endWords(of) : undefined;
  const ageMs = createdMs === undefined ? 0 : nowMs - createdMs;
  const forgotten = ageMs >= Math.max(FORGOTTEN_MS, policy.olderThanMs);
  return forgotten ? `EC2 does not know instance ${of} any more, for which it was made` : undefined;
}

const POD_GROUP = 'OrphanPodGroup';

/** PodGroups whose owner is proved gone and that no pod belongs to: each keeps its minimum reserved in its queue. */
export function orphanPodGroups(snapshot: SyncSnapshot): readonly Suspicion[] {
  return childlessPodGroups(snapshot).flatMap((group) => suspectPodGroup(group, snapshot) ?? []);
}

/** PodGroups that could be orphans: with an owner that can be asked for, without a pod, in a namespace of ours. */
export function childlessPodGroups({
  podGroups,
  pods,
}: Pick<SyncSnapshot, 'podGroups' | 'pods'>): readonly SyncPodGroup[] {
  const peopled = new Set(pods.flatMap(({ gang }) => gang ?? []));
  return podGroups.filter(
    ({ namespace, name, owners, ignored }) => !ignored && owners.length > 0 && !peopled.has(`${namespace}/${name}`),
  );
}

function suspectPodGroup(
  { namespace, name, uid, owners, createdMs: bornMs, deletedMs }: SyncPodGroup,
  snapshot: SyncSnapshot,
): Suspicion | undefined {
  const object = `PodGroup ${namespace}/${name}`;
  const about = { kind: POD_GROUP, object, bornMs } as const;
  const presence = owners.map((owner) => snapshot.owners.get(owner.uid) ?? 'Unknown');
  if (presence.includes('Present')) return undefined;
  if (presence.includes('Unknown')) return carriedOn(about, snapshot);
  const was = owners
    .map((owner) => `${owner.kind} ${owner.name}`)
    .sort()
    .join(', ');
  const message = `its owner ${was} is gone, and no pod belongs to it`;
  if (deletedMs !== undefined) return { ...about, message: `${message}; its deletion was asked for` };
  const action = { type: 'DeletePodGroup', finding: POD_GROUP, object, namespace, name, uid, owners, message } as const;
  return { ...about, message, repair: { needs: 'PodGroups', action } };
}
