/** Objects of Kubernetes → what is compared. PURE. */
import { isTrue } from '../../../domain/conditions';
import { instanceIdOf } from '../../../domain/instance-id';
import { parseTime, type KubeObject, type Node, type ObjectMeta } from '../../../domain/kube';
import { HOLD_ANNOTATION, POOL_LABEL } from '../../../domain/node-keys';
import { once, type PodFacts } from '../../../fleet';
import { isInstanceId } from './machines';
import type { SyncAttachment, SyncClaim, SyncNode, SyncPod, SyncPodGroup } from './snapshot';

function timesOf({ creationTimestamp, deletionTimestamp, finalizers = [] }: ObjectMeta) {
  // What says nothing of its deletion in words that we can read is being deleted all the same.
  const deletedMs = deletionTimestamp === undefined ? undefined : (parseTime(deletionTimestamp) ?? 0);
  return {
    createdMs: parseTime(creationTimestamp) ?? 0,
    ...(deletedMs === undefined ? {} : { deletedMs }),
    finalizers,
  };
}

const behind = (providerID: string | undefined) => {
  const instanceId = instanceIdOf(providerID);
  return instanceId ? { instanceId } : {};
};

/** Reads a Node. */
export const toSyncNode: (node: Node) => SyncNode = once(readNode);

function readNode({ metadata, spec, status }: Node): SyncNode {
  const pool = metadata.labels?.[POOL_LABEL];
  return {
    ...{ name: metadata.name, uid: metadata.uid ?? '', ...behind(spec?.providerID), ...timesOf(metadata) },
    ready: isTrue(status?.conditions, 'Ready'),
    ...(pool ? { pool } : {}),
    held: metadata.annotations?.[HOLD_ANNOTATION] !== undefined,
  };
}

/** Reads a NodeClaim. */
export const toSyncClaim: (claim: KubeObject) => SyncClaim = once(readClaim);

function readClaim({ metadata, status }: KubeObject): SyncClaim {
  return { name: metadata.name, ...behind(status?.providerID), ...timesOf(metadata) };
}

/**
 * Where the CSI attacher notes whom it attached to, so that it can detach when the Node is gone (kubernetes-csi/external-attacher,
 * csi_handler.go). For the EBS driver that is the instance.
 */
const NODE_ID_ANNOTATION = 'csi.alpha.kubernetes.io/node-id';

/** Reads a VolumeAttachment. */
export const toSyncAttachment: (attachment: KubeObject) => SyncAttachment = once(readAttachment);

function readAttachment({ metadata, spec }: KubeObject): SyncAttachment {
  const noted = metadata.annotations?.[NODE_ID_ANNOTATION] ?? '';
  return {
    ...{ name: metadata.name, uid: metadata.uid ?? '', nodeName: spec?.nodeName ?? '', ...timesOf(metadata) },
    ...(isInstanceId(noted) ? { instanceId: noted } : {}),
  };
}

/** Reads a PodGroup. `ignored`: its namespace is none of ours, or a person said hands off. */
export function toSyncPodGroup(group: KubeObject, ignored: boolean): SyncPodGroup {
  return { ...readGroup(group), ignored };
}

const readGroup = once(({ metadata }: KubeObject) => {
  const { name, namespace = '', uid = '', ownerReferences: owners = [] } = metadata;
  const { finalizers: _, ...times } = timesOf(metadata);
  return { namespace, name, uid, owners, ...times };
});

/** What of a pod is compared. `watched`: its namespace is one of ours. */
export function toSyncPod({ key, nodeName, gang, ended }: PodFacts, watched: boolean): SyncPod {
  return { key, ...(nodeName ? { nodeName } : {}), ...(gang ? { gang } : {}), ended, watched };
}
