/**
 * Shrinking Deployments empty whole nodes: pods of ReplicaSets say, in Kubernetes' own annotation, how much work their node has. PURE.
 *
 * A ReplicaSet that shrinks removes its pods of least cost first. Left alone it thins out all nodes alike, and none comes free. Cost is
 * the load of the node, so that the emptiest empties first, and below that a number of the node itself, so that of equal nodes one goes
 * before the next begins. It changes only when the load does. A pod alone on its node needs none: absent counts as 0, and it goes
 * before those that share. Costs below a thousand are other people's, and stay.
 */
import { acceleratorsOf, occupies, type PodFacts } from '../../fleet';
import type { FleetState } from './fleet-state';
import type { CapacityAction, CapacitySnapshot } from './snapshot';

/** Most pods patched in one look; the watch brings the next look. */
const MOST_PATCHES = 32;
/** Room for a number of the node below its load. */
const PER_LOAD = 1000;

/** The costs that are not as they should be, by node and pod. */
export function planDeletionCosts({ buckets }: FleetState, snapshot: CapacitySnapshot): readonly CapacityAction[] {
  const spread = spreadSets(snapshot.pods);
  if (spread.size === 0) return [];
  const work = workByNode(snapshot);
  const actions: CapacityAction[] = [];
  for (const { facts } of buckets.flatMap(({ spec, active }) => (spec ? active : []))) {
    actions.push(...costsOn(facts.name, work.get(facts.name) ?? [], spread));
    if (actions.length >= MOST_PATCHES) break;
  }
  return actions.slice(0, MOST_PATCHES);
}

function workByNode({ pods, namespaceBuckets }: CapacitySnapshot): ReadonlyMap<string, PodFacts[]> {
  const work = new Map<string, PodFacts[]>();
  for (const pod of pods) {
    if (pod.deleting || !occupies(pod, namespaceBuckets)) continue;
    const on = work.get(pod.nodeName!);
    if (on) on.push(pod);
    else work.set(pod.nodeName!, [pod]);
  }
  return work;
}

function costsOn(node: string, pods: readonly PodFacts[], spread: ReadonlySet<string>): readonly CapacityAction[] {
  const cost = pods.length > 1 ? loadOf(pods) * PER_LOAD + numberOf(node) : 0;
  const wrong = pods.filter(({ owner, deletionCost = 0 }) => {
    return owner !== undefined && spread.has(owner.uid) && deletionCost !== cost && !isForeign(deletionCost);
  });
  const why = `${pods.length} pods work on ${node}`;
  return [...wrong]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ namespace, name, uid }) => ({ type: 'SetDeletionCost', namespace, name, uid, cost, why }));
}

/** ReplicaSets with pods on two nodes or more, by UID: for the others there is nothing to choose. */
function spreadSets(pods: readonly PodFacts[]): ReadonlySet<string> {
  const first = new Map<string, string>();
  const spread = new Set<string>();
  for (const { owner, nodeName, ended } of pods) {
    if (owner?.kind !== 'ReplicaSet' || nodeName === undefined || ended) continue;
    const known = first.get(owner.uid);
    if (known === undefined) first.set(owner.uid, nodeName);
    else if (known !== nodeName) spread.add(owner.uid);
  }
  return spread;
}

/** Accelerators in use; a pod without any counts as one. */
function loadOf(pods: readonly PodFacts[]): number {
  let load = 0;
  for (const pod of pods) load += Math.max(1, Math.ceil(acceleratorsOf(pod)));
  return load;
}

function isForeign(cost: number): boolean {
  return cost !== 0 && cost < PER_LOAD;
}

/** Below PER_LOAD, always the same for one name. */
function numberOf(name: string): number {
  let value = 0;
  for (let i = 0; i < name.length; i++) value = (Math.imul(value, 31) + name.charCodeAt(i)) >>> 0;
  return value % PER_LOAD;
}
