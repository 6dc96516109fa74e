/**
 * What is lost together when a node is taken: running gangs, and pods that are alone. PURE.
 *
 * A gang is a PodGroup with minMember above 1, or the pods of a workload whose operator restarts all of them together. Pods of a
 * Deployment are alone, though Volcano gives them a PodGroup (of minMember 1); so are pods of a plain Job without one.
 */
import { isAccelerator } from './amounts';
import type { PodGroupFacts } from './gangs';
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
  /** When (epoch ms) its youngest member started: before that there is nothing to lose. */
  readonly startedAtMs: number;
}

/** Running gangs by key, sorted by key. `pods`: all pods; those that are not bound, have ended or are part of their node are skipped. */
export function toRunningGangs(
  podGroups: readonly PodGroupFacts[],
  pods: readonly PodFacts[],
): ReadonlyMap<string, RunningGang> {
  const groups = new Map(podGroups.map((group) => [group.key, group] as const));
  const members = new Map<string, PodFacts[]>();
  for (const pod of pods) {
    if (!runs(pod)) continue;
    const key = gangKey(pod, groups);
    const known = members.get(key);
    if (known) known.push(pod);
    else members.set(key, [pod]);
  }
  return new Map([...members.keys()].sort().map((key) => [key, toGang(key, members.get(key)!, groups)] as const));
}

/** Accelerators that a pod holds. */
export function acceleratorsOf({ requests }: PodFacts): number {
  let count = 0;
  for (const resource in requests) if (isAccelerator(resource)) count += requests[resource]!;
  return count;
}

function runs(pod: PodFacts): boolean {
  return pod.nodeName !== undefined && !pod.ended && !pod.deleting && !pod.system;
}

/** The key of the gang this pod is lost with. */
export function gangKey(pod: PodFacts, groups: ReadonlyMap<string, PodGroupFacts>): string {
  const { workload, gang } = pod;
  const minMember = gang === undefined ? 1 : (groups.get(gang)?.minMember ?? 1);
  if (workload && (workload.kind !== 'Job' || minMember > 1)) return workloadKey(workload);
  return minMember > 1 ? `PodGroup ${gang}` : `Pod ${pod.key}`;
}

function toGang(key: string, pods: PodFacts[], groups: ReadonlyMap<string, PodGroupFacts>): RunningGang {
  const members = pods.sort((a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
  const first = members[0]!;
  const alone = key.startsWith('Pod ');
  const group = first.gang === undefined ? undefined : groups.get(first.gang);
  return {
    key,
    namespace: first.namespace,
    workload: alone ? undefined : first.workload,
    podGroup: first.gang?.slice(first.namespace.length + 1),
    members,
    minMember: alone ? 1 : (group?.minMember ?? members.length),
    accelerators: members.reduce((sum, pod) => sum + acceleratorsOf(pod), 0),
    startedAtMs: Math.max(...members.map(({ startedAtMs, createdAtMs }) => startedAtMs ?? createdAtMs)),
  };
}
