/**
 * Shrinking Deployments empty whole nodes: pods of ReplicaSets say, in Kubernetes' own annotation, how much work their node has. PURE.
 *
 * A ReplicaSet that shrinks removes its pods of least cost first. Left alone it thins out all nodes alike, and none comes free. Cost is
 * the load of the node, so that the emptiest empties first, and below that a number of the node itself, so that of equal nodes one goes
 * before the next begins. It changes only when the load does. A pod alone on its node needs none: absent counts as 0, and it goes
 * before those that share. Costs below a thousand are other people's, and stay.
 */
import { acceleratorsOf, difference, Filing, occupies, sameEntries, type PodFacts } from '../../fleet';
import type { FleetState } from './fleet-state';
import type { CapacityAction, CapacitySnapshot } from './snapshot';

/** Most pods patched in one look; the watch brings the next look. */
const MOST_PATCHES = 32;
/** Room for a number of the node below its load. */
const PER_LOAD = 1000;

type SetDeletionCost = Extract<CapacityAction, { readonly type: 'SetDeletionCost' }>;

/** Costs that are not as they should be, kept current from one look to the next. */
export class DeletionCosts {
  private pods: readonly PodFacts[] = [];
  private namespaceBuckets: ReadonlyMap<string, string> = new Map();
  /** ReplicaSets by UID: whether they have pods on two nodes or more. For the others there is nothing to choose. */
  private readonly spread = new Filing<PodFacts, boolean>({
    valueOf: ({ owner, nodeName, ended }) =>
      owner?.kind === 'ReplicaSet' && nodeName !== undefined && !ended ? owner.uid : undefined,
    compare: (a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)),
    summarise: (pods) => pods.some(({ nodeName }) => nodeName !== pods[0]!.nodeName),
  });
  /** Node → pods whose cost is wrong; nodes without any are absent. */
  private readonly wrong = new Map<string, readonly SetDeletionCost[]>();

  /** Takes the next look. `podsOn`: pods on a node that have not ended. */
  update({ pods, namespaceBuckets }: CapacitySnapshot, podsOn: (node: string) => readonly PodFacts[]): void {
    if (!sameEntries(this.namespaceBuckets, namespaceBuckets)) this.startOver();
    const { removed, added } = difference(this.pods, pods, ({ key }) => key);
    for (const name of this.touched(removed, added)) {
      const work = podsOn(name).filter((pod) => !pod.deleting && occupies(pod, namespaceBuckets));
      const costs = costsOn(name, work, (uid) => this.spread.get(uid) ?? false);
      if (costs.length > 0) this.wrong.set(name, costs);
      else this.wrong.delete(name);
    }
    this.pods = pods;
    this.namespaceBuckets = namespaceBuckets;
  }

  /** The first of them, by bucket, node and pod. */
  plan({ buckets }: FleetState): readonly CapacityAction[] {
    const actions: CapacityAction[] = [];
    if (this.wrong.size === 0) return actions;
    for (const { facts } of buckets.flatMap(({ spec, active }) => (spec ? active : []))) {
      actions.push(...(this.wrong.get(facts.name) ?? []));
      if (actions.length >= MOST_PATCHES) break;
    }
    return actions.slice(0, MOST_PATCHES);
  }

  private startOver(): void {
    this.pods = [];
    this.spread.clear();
    this.wrong.clear();
  }

  /** Nodes on which costs may be others now: pods came or went, or a ReplicaSet of theirs has come to a second node, or left it. */
  private touched(removed: readonly PodFacts[], added: readonly PodFacts[]): ReadonlySet<string> {
    const before = new Map([...removed, ...added].map(({ owner }) => [owner?.uid, this.spread.get(owner?.uid ?? '')]));
    const names = new Set<string>();
    for (const { nodeName } of [...removed, ...added]) if (nodeName !== undefined) names.add(nodeName);
    for (const uid of this.spread.update({ removed, added })) {
      if (this.spread.get(uid) === before.get(uid)) continue;
      for (const { nodeName } of this.spread.items(uid)) names.add(nodeName!);
    }
    return names;
  }
}

function costsOn(
  node: string,
  pods: readonly PodFacts[],
  isSpread: (uid: string) => boolean,
): readonly SetDeletionCost[] {
  const cost = pods.length > 1 ? loadOf(pods) * PER_LOAD + numberOf(node) : 0;
  const wrong = pods.filter(({ owner, deletionCost = 0 }) => {
    return owner !== undefined && isSpread(owner.uid) && deletionCost !== cost && !isForeign(deletionCost);
  });
  const why = `${pods.length} pods work on ${node}`;
  return [...wrong]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ namespace, name, uid }): SetDeletionCost => ({ type: 'SetDeletionCost', namespace, name, uid, cost, why }));
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
