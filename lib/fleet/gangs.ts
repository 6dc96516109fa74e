/**
 * Gangs: pods that start together or not at all.
 *
 * A gang is a PodGroup of Volcano and the pods that name it. Keyed on the name, because a restarted vcjob deletes its PodGroup
 * and makes another under the same name. What its status says goes stale (Unschedulable stays True on a running one), so
 * members are counted here. A Deployment's PodGroup has minMember 1 and the resources of one pod, so need is read from pods
 * wherever there are any. Without pods only a PodGroup that was never placed counts: with Volcano's enqueue gate its pods come
 * later; but the PodGroup of a suspended Job has no pods either, and it has been placed before or is Inqueue.
 */
import { isTrue } from '../domain/conditions';
import { keyOf as objectKey, parseTime, type KubeObject } from '../domain/kube';
import { toAmounts, type Amounts } from './amounts';
import { Filing } from './filing';
import { difference, onceEach } from './lists';
import { once } from './memo';
import type { PodFacts } from './pods';

/** Facts about one PodGroup. */
export interface PodGroupFacts {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  /** Pods that must start together; at least 1. */
  readonly minMember: number;
  /** What minMember pods ask for in all. */
  readonly minResources: Amounts;
  /** Volcano's queue, which has the name of the bucket. */
  readonly queue?: string;
  readonly phase: 'Pending' | 'Inqueue' | 'Running' | 'Unknown' | 'Completed';
  /** Whether it was ever placed. Never taken back by Volcano. */
  readonly everPlaced: boolean;
  /** Must lie in one network leaf: hard topology at the lowest tier. */
  readonly oneLeaf: boolean;
  readonly createdAtMs: number;
}

/** A gang and its members that have not ended, sorted by name. */
export interface Gang {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly queue?: string;
  readonly minMember: number;
  readonly minResources: Amounts;
  readonly oneLeaf: boolean;
  /** Bound to a node and not being deleted. */
  readonly placed: readonly PodFacts[];
  /** Waiting for a node. */
  readonly waiting: readonly PodFacts[];
  /** No pods yet, but it will have them: need is minMember and minResources. */
  readonly podless: boolean;
  readonly createdAtMs: number;
}

/** Reads one PodGroup. The same object gives the same facts object. */
export const toPodGroupFacts: (podGroup: KubeObject) => PodGroupFacts = once(readPodGroup);

/** Reads every PodGroup of a cache's list. PodGroups that did not change since the last list keep their facts objects. */
export const toPodGroupFactsList: (podGroups: readonly KubeObject[]) => readonly PodGroupFacts[] = onceEach(
  readPodGroup,
  objectKey,
);

/**
 * Gangs, kept current from one look to the next. Pods that name a PodGroup which is not there are a gang with minMember 1: their
 * PodGroup is being remade.
 */
export class Gangs {
  private podGroups: readonly PodGroupFacts[] = [];
  private pods: readonly PodFacts[] = [];
  private readonly groups = new Map<string, PodGroupFacts>();
  private readonly members = new Filing<PodFacts, readonly PodFacts[]>({
    valueOf: ({ gang, ended, deleting }) => (ended || deleting ? undefined : gang),
    compare: byName,
    summarise: (pods) => pods,
  });

  /** Takes the next look; returns the keys of gangs that changed, came or went. */
  update(podGroups: readonly PodGroupFacts[], pods: readonly PodFacts[]): ReadonlySet<string> {
    const changed = new Set(this.members.update(difference(this.pods, pods, keyOf)));
    const { removed, added } = difference(this.podGroups, podGroups, keyOf);
    for (const { key } of removed) this.groups.delete(key);
    for (const group of added) this.groups.set(group.key, group);
    for (const { key } of [...removed, ...added]) changed.add(key);
    this.podGroups = podGroups;
    this.pods = pods;
    return changed;
  }

  /** The gang under this key; undefined when there is none. */
  get(key: string): Gang | undefined {
    const group = this.groups.get(key);
    const members = this.members.items(key);
    return group || members.length > 0 ? toGang(key, group, members) : undefined;
  }
}

const keyOf = ({ key }: { readonly key: string }) => key;

/** Stands for a PodGroup that is being remade. */
const REMADE = { queue: undefined, minMember: 1, minResources: {}, oneLeaf: false, createdAtMs: 0 } as const;

function toGang(key: string, group: PodGroupFacts | undefined, members: readonly PodFacts[]): Gang {
  const { queue, minMember, minResources, oneLeaf, createdAtMs } = group ?? REMADE;
  return {
    key,
    namespace: key.slice(0, key.indexOf('/')),
    queue,
    minMember,
    minResources,
    oneLeaf,
    placed: members.filter(({ nodeName }) => nodeName !== undefined),
    waiting: members.filter(({ nodeName }) => nodeName === undefined),
    podless: group !== undefined && members.length === 0 && awaitsPods(group),
    createdAtMs,
  };
}

/** Whether a PodGroup without pods stands for pods that are still to come. */
function awaitsPods(group: PodGroupFacts): boolean {
  return group.phase === 'Pending' && !group.everPlaced;
}

function byName(a: PodFacts, b: PodFacts): number {
  // Length first, so that worker-10 comes after worker-9.
  return a.name.length - b.name.length || (a.name < b.name ? -1 : Number(a.name > b.name));
}

function readPodGroup({ metadata, spec = {}, status = {} }: KubeObject): PodGroupFacts {
  const namespace = metadata.namespace ?? '';
  return {
    key: `${namespace}/${metadata.name}`,
    namespace,
    minMember: Math.max(1, Number(spec.minMember) || 1),
    minResources: toAmounts(spec.minResources),
    queue: spec.queue,
    phase: status.phase ?? 'Pending',
    everPlaced: isTrue(status.conditions, 'Scheduled'),
    oneLeaf: isOneLeaf(spec.networkTopology),
    createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
  };
}

/** Hard topology at the lowest tier, which is the default. */
function isOneLeaf(topology: { readonly mode?: string; readonly highestTierAllowed?: number } | undefined): boolean {
  return topology?.mode === 'hard' && (topology.highestTierAllowed ?? 1) <= 1;
}
