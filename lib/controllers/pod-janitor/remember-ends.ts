/** What was seen of pods that have gone since: a Volcano Job that fails takes its pods with it, and with them what they died of. PURE. */
import { workloadKey, type PodFacts } from '../../fleet';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

/** A pod that died, and when (epoch ms) it was first seen so. */
export interface SeenEnd {
  readonly pod: WorkPod;
  readonly seenAtMs: number;
}

/** By key of their work. May be lost at any moment: that costs time, and at worst an attempt that counts. */
export type SeenEnds = ReadonlyMap<string, readonly SeenEnd[]>;

/** What is older says nothing about a failure that is seen now. */
export const REMEMBERED_MS = 3_600_000;
const MOST_PER_WORK = 64;

/** The memory after this look, given the one before. */
export function rememberEnds(
  before: SeenEnds,
  { works, pods, deadSince }: Pick<WorkSnapshot, 'works' | 'pods' | 'deadSince'>,
  nowMs: number,
): SeenEnds {
  const now = forgetOld(before, works, nowMs);
  for (const pod of pods) {
    const ends = now.get(keyOfWork(pod.facts) ?? '');
    if (!ends || !hasDied(pod, deadSince)) continue;
    ends.set(pod.facts.uid, { pod, seenAtMs: ends.get(pod.facts.uid)?.seenAtMs ?? nowMs });
  }
  return new Map(
    [...now].filter(([, ends]) => ends.size > 0).map(([key, ends]) => [key, [...ends.values()].slice(-MOST_PER_WORK)]),
  );
}

/** By work that still exists, and by UID of the pod. */
function forgetOld(before: SeenEnds, works: WorkSnapshot['works'], nowMs: number): Map<string, Map<string, SeenEnd>> {
  const now = new Map<string, Map<string, SeenEnd>>(works.map(({ key }) => [key, new Map()]));
  for (const [key, ends] of before) {
    for (const end of ends) if (nowMs - end.seenAtMs < REMEMBERED_MS) now.get(key)?.set(end.pod.facts.uid, end);
  }
  return now;
}

/** The work that a pod is of: its workload, or else its PodGroup. */
export function keyOfWork({ workload, gang }: PodFacts): string | undefined {
  if (workload) return workloadKey({ ...workload, group: undefined });
  return gang === undefined ? undefined : `PodGroup ${gang}`;
}

function hasDied({ facts, disruption, containers }: WorkPod, deadSince: ReadonlyMap<string, number>): boolean {
  if (facts.phase === 'Succeeded') return false;
  const died = facts.phase === 'Failed' || disruption !== undefined || deadSince.has(facts.nodeName ?? '');
  return died || containers.some(({ state, exitCode = 0 }) => state === 'Terminated' && exitCode !== 0);
}
