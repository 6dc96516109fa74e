/** What is wrong with a deletion, in words; asked at the moment at which it happens. */
import type { SyncAction } from '../../../lib/controllers/pod-janitor/sync/actions';
import type { SyncPolicy } from '../../../lib/controllers/pod-janitor/sync/snapshot';
import type { KubeObject, Node } from '../../../lib/domain/kube';
import { FOREIGN_KEYS, HOLD_ANNOTATION, POOL_LABEL } from '../../../lib/domain/node-keys';
import { PODS, VOLCANO_JOBS } from '../../../lib/domain/resources';
import type { Interface } from './ec2';
import { isReady, NAMESPACE, POOL, type Truth } from './truth';

/** The rules. Every deletion is held to all of them. */
export const RULES = {
  aliveNode: 'no Node is deleted whose instance may still run',
  readyNode: 'no Node is deleted that somebody says is Ready',
  heldNode: 'no Node is deleted on which a person said hands off',
  foreignNode: 'no Node is deleted that is of no CapacityPool',
  aliveVolume: 'no VolumeAttachment is deleted while the instance that has the volume may still write to it',
  usedInterface: 'no network interface is deleted that is attached',
  aliveInterface: 'no network interface is deleted whose instance may still run',
  ownedGroup: 'no PodGroup is deleted whose owner is there, the first one or whoever has taken it over',
  peopledGroup: 'no PodGroup is deleted that a pod belongs to',
  unnamed: 'nothing is deleted that the policy does not name, and nothing at all in a dry run',
  tooSoon: 'nothing is deleted that every look since olderThan has not found, of the same UID',
  budget: 'no more is deleted within an hour than the policy allows',
} as const;
export type Rule = keyof typeof RULES;

const NEEDS: Readonly<Record<SyncAction['type'], string>> = {
  DeleteNode: 'Nodes',
  DeleteAttachment: 'VolumeAttachments',
  DeleteInterface: 'NetworkInterfaces',
  DeletePodGroup: 'PodGroups',
};

/** What an object's deletion breaks. */
export function breachesOf(object: KubeObject, truth: Truth): Rule[] {
  if (object.kind === 'Node') return breachesOfNode(object as Node, truth);
  if (object.kind === 'VolumeAttachment') {
    return truth.ec2.hasEnded(truth.attachedTo.get(object.metadata.uid!)!) ? [] : ['aliveVolume'];
  }
  return object.kind === 'PodGroup' ? breachesOfGroup(object, truth) : ['unnamed'];
}

function breachesOfNode(node: Node, { ec2 }: Truth): Rule[] {
  const { annotations = {}, labels = {} } = node.metadata;
  return [
    ...(ec2.hasEnded(node.spec!.providerID!.split('/').at(-1)!) ? [] : (['aliveNode'] as const)),
    ...(isReady(node) ? (['readyNode'] as const) : []),
    ...(annotations[HOLD_ANNOTATION] === undefined ? [] : (['heldNode'] as const)),
    ...(labels[POOL_LABEL] === POOL ? [] : (['foreignNode'] as const)),
  ];
}

function breachesOfGroup({ metadata }: KubeObject, { server }: Truth): Rule[] {
  const [reference] = metadata.ownerReferences!;
  const named = server.find(VOLCANO_JOBS, { namespace: NAMESPACE, name: reference!.name });
  const pods = server.all(PODS).filter((pod) => pod.metadata.annotations?.[FOREIGN_KEYS.gangName] === metadata.name);
  return [
    ...(named?.metadata.uid === reference!.uid ? (['ownedGroup'] as const) : []),
    ...(pods.length > 0 ? (['peopledGroup'] as const) : []),
  ];
}

/** What an interface's deletion breaks. */
export function breachesOfInterface({ attached, instanceId }: Interface, { ec2 }: Truth): Rule[] {
  return [
    ...(attached ? (['usedInterface'] as const) : []),
    ...(ec2.hasEnded(instanceId) ? [] : (['aliveInterface'] as const)),
  ];
}

/** Whether the policy of the look allows it. */
export function isNamed({ type }: SyncAction, policy: SyncPolicy): boolean {
  return !policy.dryRun && [...policy.repair].includes(NEEDS[type] as never);
}
