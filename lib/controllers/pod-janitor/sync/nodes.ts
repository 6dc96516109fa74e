/** Nodes, NodeClaims and instances that do not agree; pods on nodes that are not there. PURE. */
import type { ClusterInstance } from '../../../domain/cloud';
import { endOf, endWords, heldBy, lifeOf } from './machines';
import type { SyncClaim, SyncNode, SyncPolicy, SyncSnapshot } from './snapshot';
import { carriedOn, carriedOnAll, type About, type Suspicion } from './suspicion';

/** Nodes whose instance has ended, or is unknown to EC2. */
export function nodesWithoutInstance(
  snapshot: SyncSnapshot,
  { olderThanMs }: SyncPolicy,
  nowMs: number,
): readonly Suspicion[] {
  return snapshot.nodes.flatMap((node) => suspectNode(node, snapshot, nowMs - node.createdMs >= olderThanMs) ?? []);
}

const NODE = 'NodeWithoutInstance';

function suspectNode(node: SyncNode, snapshot: SyncSnapshot, old: boolean): Suspicion | undefined {
  const { name, uid, instanceId, createdMs: bornMs } = node;
  if (instanceId === undefined) return undefined;
  const about = { kind: NODE, object: `Node ${name}`, bornMs } as const;
  const end = endOf(instanceId, snapshot, about);
  if (!end) return unproved(instanceId, about, { snapshot, old });
  const stays = whyNodeStays(node, snapshot);
  const message = `${endWords(instanceId)}${stays ? `; the Node stays: ${stays}` : ''}`;
  if (stays) return { ...about, message };
  const action = { type: 'DeleteNode', finding: NODE, object: about.object, name, uid, end, message } as const;
  return { ...about, message, repair: { needs: 'Nodes', action } };
}

function unproved(
  instanceId: string,
  about: About,
  { snapshot, old }: { readonly snapshot: SyncSnapshot; readonly old: boolean },
): Suspicion | undefined {
  const life = lifeOf(instanceId, snapshot);
  if (life === 'Silent') return carriedOn(about, snapshot);
  // EC2 may not know yet what is a minute old.
  if (life !== 'Absent' || !old) return undefined;
  const message = `EC2 does not know instance ${instanceId}, and has not said that it ended: look whether it is of another account or region, and delete the Node if it is nowhere`;
  return { ...about, message };
}

/** Why a Node without instance is not ours to delete; undefined: it is. */
export function whyNodeStays(node: SyncNode, { pools }: Pick<SyncSnapshot, 'pools'>): string | undefined {
  if (node.held) return 'a person has said hands off';
  if (node.deletedMs !== undefined) return heldBy(node.finalizers);
  if (node.ready) return 'somebody still says in its name that it is Ready';
  if (node.pool === undefined || !pools.has(node.pool)) return 'it is of no CapacityPool';
  return undefined;
}

/** NodeClaims that were to be deleted long ago, whose instance has ended: what holds them is somebody else's finalizer. */
export function claimsWithoutInstance(
  snapshot: SyncSnapshot,
  { olderThanMs }: SyncPolicy,
  nowMs: number,
): readonly Suspicion[] {
  return snapshot.claims.flatMap((claim): readonly Suspicion[] => {
    const { name, instanceId, createdMs: bornMs, deletedMs, finalizers } = claim;
    if (instanceId === undefined || deletedMs === undefined || nowMs - deletedMs < olderThanMs) return [];
    const about = { kind: NODE, object: `NodeClaim ${name}`, bornMs } as const;
    if (lifeOf(instanceId, snapshot) === 'Silent') return [carriedOn(about, snapshot) ?? []].flat();
    if (!endOf(instanceId, snapshot, about)) return [];
    return [{ ...about, message: `${endWords(instanceId)}; the NodeClaim stays: ${heldBy(finalizers)}` }];
  });
}

/** Instances of our pools that run, and have been given time enough to join. They cost money, and are Karpenter's to end. */
export function instancesWithoutNode(
  snapshot: SyncSnapshot,
  { olderThanMs }: SyncPolicy,
  nowMs: number,
): readonly Suspicion[] {
  const { nodes, claims, cloud, pools } = snapshot;
  if (!cloud) return carriedOnAll('InstanceWithoutNode', snapshot);
  const joined = new Set(nodes.flatMap(({ name, instanceId }) => (instanceId ? [name, instanceId] : [name])));
  const claimed = new Map(claims.flatMap((claim) => (claim.instanceId ? [[claim.instanceId, claim] as const] : [])));
  return cloud.instances
    .filter(({ state }) => state === 'running' || state === 'pending')
    .filter(({ nodePool, launchedMs }) => pools.has(nodePool ?? '') && nowMs - launchedMs >= olderThanMs)
    .filter(({ instanceId, privateDnsName = '' }) => !joined.has(instanceId) && !joined.has(privateDnsName))
    .map((one) => ({
      ...{ kind: 'InstanceWithoutNode' as const, object: one.instanceId, bornMs: one.launchedMs },
      message: wordsOf(one, claimed.get(one.instanceId)),
    }));
}

function wordsOf({ instanceId, state, nodePool }: ClusterInstance, claim: SyncClaim | undefined): string {
  const is = `${state} for pool ${nodePool}, and no Node has it`;
  if (!claim)
    return `${is}; no NodeClaim knows it either: if nothing needs it, end it (aws ec2 terminate-instances --instance-ids ${instanceId})`;
  const ending = claim.deletedMs === undefined ? '' : ', whose deletion was asked for';
  return `${is}; it is of NodeClaim ${claim.name}${ending}: kubectl describe nodeclaim ${claim.name} says why it has not joined`;
}

/** Names of pods that a message gives. */
const NAMED = 3;

/** Pods bound to nodes that are not there, node by node. Freeing them is the business of their stuck states. */
export function podsOnNoNode({ nodes, pods }: SyncSnapshot): readonly Suspicion[] {
  const there = new Set(nodes.map(({ name }) => name));
  const byNode = new Map<string, string[]>();
  for (const { key, nodeName, ended, watched } of pods) {
    if (nodeName === undefined || ended || !watched || there.has(nodeName)) continue;
    byNode.set(nodeName, [...(byNode.get(nodeName) ?? []), key]);
  }
  return [...byNode]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([node, keys]) => {
      const named = [...keys].sort().slice(0, NAMED).join(', ');
      const more = keys.length > NAMED ? ` and ${keys.length - NAMED} more` : '';
      const message = `there is no such Node, and pods are bound to it: ${named}${more}`;
      return { kind: 'PodOnNoNode' as const, object: `Node ${node}`, bornMs: 0, message };
    });
}
