/**
 * In which way a single pod is stuck, and since when: by live objects alone. PURE. A pod is in one state at most; which one is decided by
 * who could end it: first whoever holds its finalizers, then the machine, then the kubelet.
 *
 *  deleting, its time is over:
 *    TerminatingFinalizer  confirmed ended (grace 0), and finalizers keep the object
 *    NodeGone              its Node object is gone, or its instance is terminated: nobody else will end it, deleted or not
 *    TerminatingNodeDown   its node is unreachable, or EC2 says that the instance is stopped
 *    TerminatingNodeUp     its kubelet could answer, and has not ended it
 *  not deleting:
 *    NodeGone              its Node object is gone, or its instance is terminated (one that is stopped may come back)
 *    ImagePull, VolumeAttached, NoAddress   bound, and does not start (starting.ts)
 *    PinnedToGoneNode      not bound, and no node that it may run on exists
 */
import type { JanitorPolicySpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { instanceOfNode, isGone, type Machines } from './node-state';
import type { JanitorPod } from './pod';
import type { PodEvent } from './snapshot';
import { causeOf, type StartCause } from './starting';

/** Ways in which a single pod is stuck. */
export const STUCK_STATES = [
  'TerminatingFinalizer',
  'TerminatingNodeDown',
  'TerminatingNodeUp',
  'NodeGone',
  'NoAddress',
  'VolumeAttached',
  'ImagePull',
  'PinnedToGoneNode',
] as const;
/** A way in which a single pod is stuck. */
export type StuckState = (typeof STUCK_STATES)[number];

/** How a pod is stuck. */
export interface Stuck {
  readonly state: StuckState;
  readonly sinceMs: number;
  /** Until then it is somebody else who is busy. */
  readonly dueMs: number;
  /** Why it does not start, where that is the state. */
  readonly cause?: StartCause;
}

/** When something is stuck, in milliseconds. */
export type StuckTimes = { readonly [K in keyof JanitorPolicySpec['stuck']]: number };

/** The times of a policy. */
export function toStuckTimes({ stuck }: JanitorPolicySpec): StuckTimes {
  const [terminating, vanishedNode] = [parseDuration(stuck.terminating), parseDuration(stuck.vanishedNode)];
  return { terminating, vanishedNode, starting: parseDuration(stuck.starting), unbound: parseDuration(stuck.unbound) };
}

/** What is around a pod. */
export interface Around extends Machines {
  /** See `goneNodes`. */
  readonly goneSince: ReadonlyMap<string, number>;
  readonly events: ReadonlyMap<string, readonly PodEvent[]>;
  readonly times: StuckTimes;
  readonly nowMs: number;
}

/** How this pod is stuck, or is about to be; undefined: it is not. */
export function stuckOf(pod: JanitorPod, around: Around): Stuck | undefined {
  if (pod.facts.deleting) return terminating(pod, around);
  if (pod.facts.ended) return undefined;
  if (pod.facts.nodeName === undefined) return unbound(pod, around);
  return nodeGone(pod, around) ?? notStarting(pod, around);
}

/** A deletion time that cannot be read says nothing about when its grace ends: such a pod is left alone. */
function terminating(pod: JanitorPod, around: Around): Stuck | undefined {
  const { deletionMs, facts, finalizers, deletionGraceSeconds } = pod;
  if (deletionMs === undefined) return undefined;
  const overdue = { sinceMs: deletionMs, dueMs: deletionMs + around.times.terminating };
  if (finalizers.length > 0 && deletionGraceSeconds === 0) return { state: 'TerminatingFinalizer', ...overdue };
  if (facts.nodeName === undefined) return undefined;
  const node = around.nodes.get(facts.nodeName);
  const gone = nodeGone(pod, around);
  if (!node) return gone;
  // A new process counts anew since when the machine is gone; since when the pod is overdue is on the pod.
  if (gone) {
    const [sinceMs, dueMs] = [Math.min(gone.sinceMs, overdue.sinceMs), Math.min(gone.dueMs, overdue.dueMs)];
    return { ...gone, sinceMs, dueMs };
  }
  const stopped = instanceOfNode(node.name, around)?.state === 'stopped';
  return { state: node.unreachable || stopped ? 'TerminatingNodeDown' : 'TerminatingNodeUp', ...overdue };
}

function nodeGone({ facts, deletionMs = 0 }: JanitorPod, around: Around): Stuck | undefined {
  if (facts.nodeName === undefined || !isGone(facts.nodeName, around)) return undefined;
  const sinceMs = around.goneSince.get(facts.nodeName) ?? around.nowMs;
  // A deletion that is under way keeps its grace, whatever became of the node.
  return { state: 'NodeGone', sinceMs, dueMs: Math.max(sinceMs + around.times.vanishedNode, deletionMs) };
}

function notStarting(pod: JanitorPod, { events, times, nowMs }: Around): Stuck | undefined {
  if (pod.facts.phase !== 'Pending') return undefined;
  const cause = causeOf(pod, events.get(pod.facts.uid) ?? [], nowMs);
  if (!cause) return undefined;
  const sinceMs = pod.scheduledMs ?? pod.facts.startedAtMs ?? pod.facts.createdAtMs;
  return { state: cause.state, sinceMs, dueMs: sinceMs + times.starting, cause };
}

function unbound({ facts, pinnedTo = [] }: JanitorPod, { goneSince, times }: Around): Stuck | undefined {
  if (facts.gated || pinnedTo.length === 0 || !pinnedTo.every((name) => goneSince.has(name))) return undefined;
  // The last of them to go.
  const sinceMs = Math.max(...pinnedTo.map((name) => goneSince.get(name)!));
  return { state: 'PinnedToGoneNode', sinceMs, dueMs: sinceMs + times.unbound };
}
