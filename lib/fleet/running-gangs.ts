/**
 * What is lost together when a node is taken: running gangs, and pods that are alone. PURE.
 *
 * A gang is a PodGroup with minMember above 1, or the pods of a workload whose operator restarts all of them together. Pods of a
 * Deployment are alone, though Volcano gives them a PodGroup (of minMember 1); so are pods of a plain Job without one.
 */
import { isAccelerator } from './amounts';
import { Filing } from './filing';
import type { PodGroupFacts } from './gangs';
import { difference } from './lists';
import type { PodFacts } from './pods';
import { workloadKey, type WorkloadRef } from './workloads';

/** Pods that run, and that are lost together. */
export interface RunningGang {
  /** `VolcanoJob research/llama`, `PodGroup web/pg-1`, `Pod web/api-0`. Stable over restarts, but for pods alone. */
  readonly key: string;
  readonly namespace: string;
  /** The object to suspend and resume; absent for pods alone and PodGroups of unknown owners: those are evicted. */
  readonly workload?: WorkloadRef;
  /** Name of its PodGroup. */
  readonly podGroup?: string;
  /** Bound, not ended, not being deleted; sorted by name. */
  readonly members: readonly PodFacts[];
  /** Fewer members cannot run; what is above is surplus, if losing it does not restart the others. 1 for pods alone. */
  readonly minMember: number;
  /** Accelerators of all members. */
  readonly accelerators: number;
  /** When (epoch ms) its youngest member was made. */
  readonly createdAtMs: number;
  /** When (epoch ms) its youngest member started: before that there is nothing to lose. */
  readonly startedAtMs: number;
}

/** Running gangs by key, sorted by key. `pods`: all pods; those that are not bound, have ended or are part of their node are skipped. */
export function toRunningGangs(
  podGroups: readonly PodGroupFacts[],
  pods: readonly PodFacts[],
): ReadonlyMap<string, RunningGang> {
  const gangs = new RunningGangs();
  gangs.update(podGroups, pods);
  return new Map([...gangs.keys()].sort().map((key) => [key, gangs.get(key)!] as const));
}

/** Running gangs, kept current from one look to the next; a gang is the same object for as long as nothing about it changes. */
export class RunningGangs {
  private pods: readonly PodFacts[] = [];
  private podGroups: readonly PodGroupFacts[] = [];
  /** PodGroup → pods that must start together. */
  private readonly minMembers = new Map<string, number>();
  private readonly gangs = new Filing<PodFacts, RunningGang>({
    valueOf: (pod) => (runs(pod) ? this.keyOf(pod) : undefined),
    compare: byName,
    summarise: (pods, key) => toGang(key, pods, this.minMembers),
  });
  private readonly byPodGroup = new Filing<PodFacts, readonly PodFacts[]>({
    valueOf: (pod) => (runs(pod) ? pod.gang : undefined),
    compare: byName,
    summarise: (pods) => pods,
  });

  /** Takes the next look; returns pods that stayed as they are and may belong to another gang now. */
  update(podGroups: readonly PodGroupFacts[], pods: readonly PodFacts[]): readonly PodFacts[] {
    const changed = this.changedPodGroups(podGroups);
    const { removed, added } = difference(this.pods, pods, ({ key }) => key);
    this.byPodGroup.update({ removed, added });
    // Pods of a PodGroup whose minMember is another now may belong to another gang, or to none.
    const gone = new Set(removed);
    const fresh = new Set(added);
    const again = [...changed.keys()].flatMap((key) => this.byPodGroup.items(key)).filter((pod) => !fresh.has(pod));
    this.gangs.update({ removed: [...gone, ...again], added: [] });
    for (const [key, minMember] of changed) {
      if (minMember === undefined) this.minMembers.delete(key);
      else this.minMembers.set(key, minMember);
    }
    this.gangs.update({ removed: [], added: [...again, ...added] });
    this.pods = pods;
    this.podGroups = podGroups;
    return again;
  }

  /** The gang under this key, if any of it runs. */
  get(key: string): RunningGang | undefined {
    return this.gangs.get(key);
  }

  /** Keys of all gangs, in no particular order. */
  keys(): Iterable<string> {
    return this.gangs.values();
  }

  /** All gangs, in no particular order. */
  *all(): Iterable<RunningGang> {
    for (const [, gang] of this.gangs.summaries()) yield gang;
  }

  /** The key of the gang this pod is lost with. */
  keyOf(pod: PodFacts): string {
    return keyOfPod(pod, pod.gang === undefined ? 1 : (this.minMembers.get(pod.gang) ?? 1));
  }

  /** PodGroups whose minMember is not what it was; undefined: it is gone. */
  private changedPodGroups(podGroups: readonly PodGroupFacts[]): ReadonlyMap<string, number | undefined> {
    const { removed, added } = difference(this.podGroups, podGroups, ({ key }) => key);
    const changed = new Map<string, number | undefined>(removed.map(({ key }) => [key, undefined] as const));
    for (const { key, minMember } of added) changed.set(key, minMember);
    for (const [key, minMember] of changed) if (this.minMembers.get(key) === minMember) changed.delete(key);
    return changed;
  }
}

/** Accelerators that a pod holds. */
export function acceleratorsOf({ requests }: PodFacts): number {
  let count = 0;
  for (const resource in requests) if (isAccelerator(resource)) count += requests[resource]!;
  return count;
}

/** Whether the gang under this key is in the namespace; read from the key, where only that is asked. */
export function isGangOf(namespace: string, key: string): boolean {
  const from = key.indexOf(' ') + 1;
  return key.startsWith(namespace, from) && key[from + namespace.length] === '/';
}

function runs(pod: PodFacts): boolean {
  return pod.nodeName !== undefined && !pod.ended && !pod.deleting && !pod.system;
}

/** The key of the gang this pod is lost with. */
export function gangKey(pod: PodFacts, groups: ReadonlyMap<string, PodGroupFacts>): string {
  return keyOfPod(pod, pod.gang === undefined ? 1 : (groups.get(pod.gang)?.minMember ?? 1));
}

function keyOfPod({ workload, gang, key }: PodFacts, minMember: number): string {
  if (workload && (workload.kind !== 'Job' || minMember > 1)) return workloadKey(workload);
  return minMember > 1 ? `PodGroup ${gang}` : `Pod ${key}`;
}

function byName(a: PodFacts, b: PodFacts): number {
  return a.name.length - b.name.length || (a.name < b.name ? -1 : Number(a.name > b.name));
}

function toGang(key: string, members: readonly PodFacts[], minMembers: ReadonlyMap<string, number>): RunningGang {
  const first = members[0]!;
  const alone = key.startsWith('Pod ');
  const minMember = first.gang === undefined ? undefined : minMembers.get(first.gang);
  return {
    key,
    namespace: first.namespace,
    workload: alone ? undefined : first.workload,
    podGroup: first.gang?.slice(first.namespace.length + 1),
    members,
    minMember: alone ? 1 : (minMember ?? members.length),
    accelerators: members.reduce((sum, pod) => sum + acceleratorsOf(pod), 0),
    createdAtMs: Math.max(...members.map(({ createdAtMs }) => createdAtMs)),
    startedAtMs: Math.max(...members.map(({ startedAtMs, createdAtMs }) => startedAtMs ?? createdAtMs)),
  };
}
