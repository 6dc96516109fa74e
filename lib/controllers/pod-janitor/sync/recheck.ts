/** The last look, right before something is deleted: everything read live, judged again. PURE. Undefined: it may be done. */
import type { KubeObject, Node } from '../../../domain/kube';
import { FOREIGN_KEYS } from '../../../domain/node-keys';
import { saysIgnore } from '../reading';
import type { DeleteAttachment, DeleteNode, DeletePodGroup, EndOfInstance } from './actions';
import { whyAttachmentStays } from './leftovers';
import { instanceOfName } from './machines';
import { whyNodeStays } from './nodes';
import { toSyncAttachment, toSyncNode } from './reading';
import type { Presence } from '../owners';

/** What EC2 said just now, by the id; undefined: it does not know it. */
export type LiveState = string | undefined;

/** Why this Node is not to be deleted after all. */
export function recheckNode(
  action: DeleteNode,
  live: Node,
  moment: { readonly state: LiveState; readonly pools: ReadonlySet<string> },
): string | undefined {
  const node = toSyncNode(live);
  if (node.uid !== action.uid) return 'another Node has its name now';
  if (node.instanceId !== action.end.instanceId)
    return `it is of ${node.instanceId ? `instance ${node.instanceId}` : 'no instance'} now`;
  return whyNodeStays(node, moment) ?? notEnded(action.end, moment.state);
}

/** Why this VolumeAttachment is not to be deleted after all. `node`: the Node of its name, undefined when there is none. */
export function recheckAttachment(
  action: DeleteAttachment,
  live: KubeObject,
  { node, state }: { readonly node: Node | undefined; readonly state: LiveState },
): string | undefined {
  const attachment = toSyncAttachment(live);
  const { instanceId } = action.end;
  if (attachment.uid !== action.uid) return 'another VolumeAttachment has its name now';
  if (attachment.nodeName !== action.nodeName) return `it is for node ${attachment.nodeName} now`;
  const behind = node && toSyncNode(node);
  const of = attachment.instanceId ?? instanceOfName(action.nodeName, new Map(behind ? [[behind.name, behind]] : []));
  if (of !== instanceId) return `it is of ${of ? `instance ${of}` : 'no instance'} now`;
  return whyAttachmentStays(attachment, instanceId, behind) ?? notEnded(action.end, state);
}

function notEnded({ instanceId, said }: EndOfInstance, state: LiveState): string | undefined {
  if (state === 'terminated') return undefined;
  if (state === undefined) return said === 'Remembered' ? undefined : `EC2 does not know instance ${instanceId} now`;
  return `instance ${instanceId} is ${state}`;
}

/** Why this PodGroup is not to be deleted after all. `presence`: what a live GET of each of its owners came to, in their order. */
export function recheckPodGroup(
  action: DeletePodGroup,
  live: KubeObject,
  { presence, pods }: { readonly presence: readonly Presence[]; readonly pods: readonly KubeObject[] },
): string | undefined {
  const { uid, deletionTimestamp, ownerReferences = [] } = live.metadata;
  if (uid !== action.uid) return 'another PodGroup has its name now';
  if (saysIgnore(live)) return 'a person has said hands off';
  if (deletionTimestamp !== undefined) return 'its deletion was asked for';
  const decided = new Set(action.owners.map((owner) => owner.uid));
  const same = ownerReferences.length === decided.size && ownerReferences.every((owner) => decided.has(owner.uid));
  if (!same) return 'it has another owner now';
  const there = action.owners.find((_, i) => presence[i] !== 'Absent');
  if (there) return `${there.kind} ${there.name} may be there`;
  const member = pods.find(({ metadata }) => metadata.annotations?.[FOREIGN_KEYS.gangName] === action.name);
  return member ? `pod ${member.metadata.name} belongs to it` : undefined;
}
