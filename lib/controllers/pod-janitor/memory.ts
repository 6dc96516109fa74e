/**
 * What the process remembers from one look to the next. PURE: planPods is given it and gives the next one.
 *
 * All of it may be lost at any moment. What that costs is time, never a pod: since when a node is gone begins anew; what was said is said
 * once more; and of what was done to pods within the last minute nobody knows, so nothing more is done until that minute is over.
 * Why it is not read from Events instead: those are written as well as possible, merged, dropped when there are too many, and gone with
 * their namespace. A budget must not depend on them. A janitor that crashes as soon as it acts does nothing at all in the end, and that is
 * the right way round. Whoever knows when a janitor last acted (a status that is written BEFORE it acts) can spare the wait.
 */
import type { PodAction } from './actions';
import { MINUTE_MS } from './budgets';
import { isGone, type Machines } from './node-state';
import type { JanitorPod } from './pod';

/** One thing done to a pod, or said of it. */
export interface Deed {
  readonly atMs: number;
  readonly kind: 'Act' | 'Say';
  /** Which action on which pod: the same for the same once more. */
  readonly about: string;
  /** UID of the pod's owner, or of the pod. */
  readonly owner: string;
  readonly namespace: string;
}

/** What is remembered. */
export interface JanitorMemory {
  /** Of the last minutes, oldest first. */
  readonly deeds: readonly Deed[];
  /** Nodes that pods name and that are gone: since when this process has seen that. */
  readonly goneSince: ReadonlyMap<string, number>;
  /** What was said of pods that are still stuck: it is said once. */
  readonly said: ReadonlySet<string>;
  /** Nothing is done to pods before. */
  readonly openAtMs: number;
}

/**
 * The memory of a process that has just started (or has just won the lease). `lastActedMs`: when a janitor last acted, from something that
 * is written before acting; undefined: nobody knows, and it may have been a moment ago.
 */
export function freshMemory(startedMs: number, lastActedMs?: number): JanitorMemory {
  const openAtMs = Math.min(startedMs, lastActedMs ?? startedMs) + MINUTE_MS;
  return { deeds: [], goneSince: new Map(), said: new Set(), openAtMs };
}

/** An attempt is made again after so long: our cache may not have heard yet, or a live look found it was not so. */
export const AGAIN_MS: Readonly<Record<'ForceDelete' | 'RemoveFinalizer', number>> = {
  ForceDelete: 30_000,
  // Its owner is asked for: one that lives will not be gone within the minute.
  RemoveFinalizer: 300_000,
};
const KEPT_MS = Math.max(MINUTE_MS, ...Object.values(AGAIN_MS));

/** Names the same action on the same pod. */
export function aboutOf(action: PodAction): string {
  switch (action.type) {
    case 'ForceDelete':
      return `ForceDelete ${action.uid}`;
    case 'RemoveFinalizer':
      return `RemoveFinalizer ${action.uid} ${action.finalizer}`;
    case 'ReportFault':
      return `ReportFault ${action.namespace}/${action.report}`;
    case 'Say':
      return `Say ${action.uid} ${action.reason}`;
  }
}

/** Since when nodes are gone that pods are bound or pinned to; a node that came back is forgotten. */
export function goneNodes(
  { goneSince }: JanitorMemory,
  pods: readonly JanitorPod[],
  machines: Machines,
  nowMs: number,
): ReadonlyMap<string, number> {
  const hostnames = new Set([...machines.nodes.values()].map(({ hostname }) => hostname));
  const now = new Map<string, number>();
  for (const { facts, pinnedTo = [] } of pods) {
    const bound = facts.nodeName !== undefined && (facts.deleting || !facts.ended) ? [facts.nodeName] : [];
    const names = facts.nodeName === undefined ? pinnedTo.filter((name) => !hostnames.has(name)) : bound;
    for (const name of names) if (isGone(name, machines)) now.set(name, goneSince.get(name) ?? nowMs);
  }
  return now;
}

/** Deeds of the look that began at `lookMs` are done by now: a minute's budget counts from then, or slow calls would meet quick ones in it. */
export function doneBy(memory: JanitorMemory, lookMs: number, nowMs: number): JanitorMemory {
  const deeds = memory.deeds.map((deed) => (deed.atMs === lookMs ? { ...deed, atMs: nowMs } : deed));
  return { ...memory, deeds };
}

/** The deeds that still count. */
export function recentDeeds({ deeds }: JanitorMemory, nowMs: number): readonly Deed[] {
  return deeds.filter(({ atMs }) => atMs > nowMs - KEPT_MS);
}
