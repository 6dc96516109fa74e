/** A small cluster for the tests of cache sync: times are minutes before now. */
import type { CloudInterface, ClusterInstance } from '../../../domain/cloud';
import type {
  SyncAttachment,
  SyncCloud,
  SyncFinding,
  SyncNode,
  SyncPodGroup,
  SyncPolicy,
  SyncSnapshot,
} from './snapshot';

export const NOW_MS = Date.UTC(2026, 10, 26, 12);
export const MINUTE_MS = 60_000;
export const POOL = 'p5-block';
/** The instance of the tests. */
export const ID = 'i-0123456789abcdef0';

/** So many minutes ago. */
export const ago = (minutes: number): number => NOW_MS - minutes * MINUTE_MS;

/** A policy that repairs everything that has been so for an hour. */
export function makePolicy(over: Partial<SyncPolicy> = {}): SyncPolicy {
  const repair = new Set(['Nodes', 'VolumeAttachments', 'NetworkInterfaces', 'PodGroups'] as const);
  return { dryRun: false, olderThanMs: 60 * MINUTE_MS, repair, perHour: 20, ...over };
}

/** A Node of our pool whose kubelet is silent. */
export function makeNode(over: Partial<SyncNode> = {}): SyncNode {
  const about = { name: 'n1', uid: 'node-1', instanceId: ID, pool: POOL };
  return { ...about, ready: false, held: false, createdMs: ago(600), finalizers: [], ...over };
}

/** A VolumeAttachment to the instance. */
export function makeAttachment(over: Partial<SyncAttachment> = {}): SyncAttachment {
  const about = { name: 'csi-1', uid: 'attachment-1', nodeName: 'n1', instanceId: ID };
  return { ...about, createdMs: ago(600), finalizers: ['external-attacher/ebs-csi-aws-com'], ...over };
}

/** A free interface of the VPC CNI's, made for the instance. */
export function makeInterface(over: Partial<CloudInterface> = {}): CloudInterface {
  const about = { interfaceId: 'eni-1', status: 'available', managed: false };
  return { ...about, instanceId: ID, createdMs: ago(600), ...over };
}

/** A PodGroup of a Job. */
export function makePodGroup(over: Partial<SyncPodGroup> = {}): SyncPodGroup {
  const owners = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'train', uid: 'job-1', controller: true }];
  const about = { namespace: 'team', name: 'gang', uid: 'group-1', owners };
  return { ...about, ignored: false, createdMs: ago(600), ...over };
}

/** An instance of our pool. */
export function makeInstance(over: Partial<ClusterInstance> = {}): ClusterInstance {
  const about = { instanceId: ID, instanceType: 'p5.48xlarge', zone: 'us-east-2a', managed: true, efaGroups: [] };
  return { ...about, state: 'running', nodePool: POOL, launchedMs: ago(600), ...over };
}

/** What EC2 says; the state of the instance by its id, `undefined` when it does not know it. */
export function makeCloud(state: string | undefined, over: Partial<SyncCloud> = {}): SyncCloud {
  return { instances: [], interfaces: [], states: new Map([[ID, state]]), ...over };
}

/** Everything, empty but for what is given. */
export function makeSnapshot(over: Partial<SyncSnapshot> = {}): SyncSnapshot {
  const nothing = { nodes: [], claims: [], attachments: [], podGroups: [], pods: [], known: [] };
  return { ...nothing, pools: new Set([POOL]), cloud: undefined, owners: new Map(), doneLastHour: 0, ...over };
}

/** Something that has been found for so many minutes. */
export function makeKnown(kind: SyncFinding['kind'], object: string, minutes: number, message = ''): SyncFinding {
  return { kind, object, sinceMs: ago(minutes), message };
}
