/**
 * Does one repair, if it is still right: everything it was decided on is read live first, and the delete carries UID and resourceVersion
 * of what was read. A read that fails rejects, and nothing is deleted.
 */
import type { KubeObject, Node, OwnerReference } from '../../../domain/kube';
import { NODES, POD_GROUPS, PODS, VOLUME_ATTACHMENTS, type ResourceType } from '../../../domain/resources';
import { Conflict, ifThere, NotFound } from '../../../runtime/errors';
import type { CloudPort, ClusterPort } from '../../../runtime/ports';
import type { DeleteAttachment, DeleteNode, DeletePodGroup, SyncAction, SyncOutcome } from './actions';
import { presenceOf404, resourceOfOwner, type Presence } from '../owners';
import { recheckAttachment, recheckNode, recheckPodGroup, type LiveState } from './recheck';

/** What it is done with. */
export interface SyncPorts {
  readonly cluster: ClusterPort;
  readonly cloud: CloudPort;
  /** Name of the cluster in the tags of EC2. */
  readonly clusterName: string;
  /** Names of our CapacityPools. */
  readonly pools: ReadonlySet<string>;
}

/** Does it. Rejects with what reading or deleting came to; `Ambiguous` counts as done. */
export async function applySync(action: SyncAction, ports: SyncPorts): Promise<SyncOutcome> {
  switch (action.type) {
    case 'DeleteNode':
      return deleteNode(action, ports);
    case 'DeleteAttachment':
      return deleteAttachment(action, ports);
    case 'DeletePodGroup':
      return deletePodGroup(action, ports);
    case 'DeleteInterface': {
      const owner = { cluster: ports.clusterName, instanceId: action.instanceId };
      const { outcome, why } = await ports.cloud.deleteNetworkInterface(action.interfaceId, owner);
      return { outcome, ...(why ? { why } : {}) };
    }
  }
}

async function deleteNode(action: DeleteNode, { cluster, cloud, pools }: SyncPorts): Promise<SyncOutcome> {
  const live = await ifThere(cluster.get(NODES, { name: action.name }));
  if (!live) return GONE;
  const state = await stateOf(cloud, action.end.instanceId);
  return remove(cluster, NODES, live, recheckNode(action, live as Node, { state, pools }));
}

async function deleteAttachment(action: DeleteAttachment, { cluster, cloud }: SyncPorts): Promise<SyncOutcome> {
  const live = await ifThere(cluster.get(VOLUME_ATTACHMENTS, { name: action.name }));
  if (!live) return GONE;
  const node = (await ifThere(cluster.get(NODES, { name: action.nodeName }))) as Node | undefined;
  const state = await stateOf(cloud, action.end.instanceId);
  return remove(cluster, VOLUME_ATTACHMENTS, live, recheckAttachment(action, live, { node, state }));
}

async function deletePodGroup(action: DeletePodGroup, { cluster }: SyncPorts): Promise<SyncOutcome> {
  const { namespace, name, owners } = action;
  const live = await ifThere(cluster.get(POD_GROUPS, { namespace, name }));
  if (!live) return GONE;
  const pods = await listPods(cluster, namespace);
  // Last: whoever takes the group over after this writes to it, and its version is another.
  const presence: Presence[] = [];
  for (const owner of owners) presence.push(await askOwner(cluster, namespace, owner));
  return remove(cluster, POD_GROUPS, live, recheckPodGroup(action, live, { presence, pods }));
}

const GONE: SyncOutcome = { outcome: 'AlreadyGone' };

/** Whether an owner is there, by a live GET. One of the same name and another UID may have taken over what it owned. */
export async function askOwner(cluster: ClusterPort, namespace: string, owner: OwnerReference): Promise<Presence> {
  const resource = resourceOfOwner(owner);
  if (!resource) return 'Unknown';
  try {
    await cluster.get(resource, { name: owner.name, namespace });
    return 'Present';
  } catch (error) {
    if (error instanceof NotFound) return presenceOf404(owner, error.message);
    throw error;
  }
}

async function stateOf(cloud: CloudPort, instanceId: string): Promise<LiveState> {
  const statuses = await cloud.readInstanceStatus([instanceId]);
  return statuses.find((status) => status.instanceId === instanceId)?.state;
}

async function listPods(cluster: ClusterPort, namespace: string): Promise<readonly KubeObject[]> {
  const pods: KubeObject[] = [];
  let continueToken: string | undefined;
  do {
    const page = await cluster.list(PODS, { namespace, continueToken });
    pods.push(...page.items);
    continueToken = page.continueToken;
  } while (continueToken);
  return pods;
}

async function remove(
  cluster: ClusterPort,
  resource: ResourceType,
  { metadata }: KubeObject,
  why: string | undefined,
): Promise<SyncOutcome> {
  if (why) return { outcome: 'Refused', why };
  const { name, namespace, uid, resourceVersion } = metadata;
  try {
    await cluster.delete(resource, { name, ...(namespace ? { namespace } : {}) }, { uid, resourceVersion });
    return { outcome: 'Done' };
  } catch (error) {
    if (error instanceof NotFound) return GONE;
    if (error instanceof Conflict) return { outcome: 'Refused', why: `it has changed meanwhile: ${error.message}` };
    throw error;
  }
}
