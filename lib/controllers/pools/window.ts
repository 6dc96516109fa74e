/**
 * The window of a Capacity Block or reservation, and what it asks of the pool. PURE.
 *
 * EC2 terminates the instances of a block from 30 minutes before its end, and Karpenter drains them from 40 minutes before. We are
 * earlier: the pool goes to 0 replicas at end − (40 min + checkpoint + grace + 10 min), and the moves that give running work time
 * to leave are made one checkpoint before that. A block can be extended under the same id, so the window is read again every
 * 5 minutes and everything here follows from the last reading: an end that moves away undoes itself.
 */
import type { CapacityPoolSpec, CapacityPoolStatus } from '../../api';
import { parseDuration } from '../../domain/duration';
import { formatTime, parseTime } from '../../domain/kube';
import { blockLeaveAtMs, CHECKPOINT_P95_MS } from '../../fleet';
import type { PoolFacts, Reading } from './snapshot';

/** How often a window is read from EC2. */
export const READ_EVERY_MS = 5 * 60_000;
/** How often it is read when the start has come and EC2 does not say `active` yet. */
export const READ_AT_START_EVERY_MS = 30_000;
/** So long after a start that did not come true it is read as seldom as any other. */
const AFTER_START_MS = 3_600_000;
/** The end is announced this long ahead, longest first. */
export const ANNOUNCE_MS = [24 * 3_600_000, 2 * 3_600_000] as const;

/** EC2's words for a reservation that gives no instances any more. */
const OVER = new Set(['expired', 'cancelled', 'failed', 'payment-failed', 'unsupported']);
/** Our word for a reservation EC2 does not know; EC2 has no such state. */
export const NOT_FOUND = 'not-found';

/** `status.window` of a CapacityPool. */
export type Window = NonNullable<CapacityPoolStatus['window']>;

/** What the window means for the pool now. */
export type WindowPhase = 'Unread' | 'NotFound' | 'NotStarted' | 'Active' | 'Ending' | 'Ended' | 'None';

/** The window this pool's status holds, unless it belongs to an older spec. */
export function knownWindow(pool: PoolFacts): Window | undefined {
  return pool.status.observedGeneration === pool.generation ? pool.status.window : undefined;
}

/** When the nodes of the pool must start to leave, and when replicas go to 0. Undefined without an end. */
export function endTimes(spec: CapacityPoolSpec, window: Window | undefined) {
  const endMs = parseTime(window?.end);
  if (endMs === undefined) return undefined;
  const zeroMs = blockLeaveAtMs(endMs, parseDuration(spec.terminationGracePeriod));
  return { endMs, zeroMs, movesMs: zeroMs - CHECKPOINT_P95_MS };
}

/** What the window means now. `None`: an OnDemand pool, which has no window. */
export function windowPhase(spec: CapacityPoolSpec, window: Window | undefined, nowMs: number): WindowPhase {
  if (spec.source === 'OnDemand') return 'None';
  if (!window?.state) return 'Unread';
  const { zeroMs, movesMs } = endTimes(spec, window) ?? { zeroMs: Infinity, movesMs: Infinity };
  if (OVER.has(window.state) || nowMs >= zeroMs) return 'Ended';
  if (window.state === NOT_FOUND) return 'NotFound';
  if (window.state !== 'active') return 'NotStarted';
  return nowMs >= movesMs ? 'Ending' : 'Active';
}

/** Most nodes the pool can have: `nodes.max`, but never more than the reservation holds. Undefined while that is unknown. */
export function nodeLimit(spec: CapacityPoolSpec, window: Window | undefined): number | undefined {
  if (spec.source === 'OnDemand') return spec.nodes.max;
  if (window?.instances === undefined) return undefined;
  return Math.min(spec.nodes.max ?? window.instances, window.instances);
}

/** The status after an answer of EC2. An id it no longer knows keeps its last numbers: one wrong answer must not end a pool. */
export function afterReading(before: Window | undefined, reading: Reading | null, nowMs: number): Window {
  const readAt = formatTime(nowMs);
  if (reading === null) return { ...before, state: NOT_FOUND, readAt };
  return {
    ...(reading.startMs === undefined ? {} : { start: formatTime(reading.startMs) }),
    ...(reading.endMs === undefined ? {} : { end: formatTime(reading.endMs) }),
    state: reading.state,
    instances: reading.totalInstances,
    readAt,
  };
}

/** When the window of this pool is to be read next; undefined for pools without one. */
export function nextReadMs(pool: PoolFacts): number | undefined {
  return pool.spec?.reservationId === undefined ? undefined : nextWindowReadMs(knownWindow(pool));
}

/** When a window is to be read next: at once when it never was, often around a start that EC2 has not confirmed. */
export function nextWindowReadMs(window: Window | undefined): number {
  const readAtMs = parseTime(window?.readAt);
  if (!window || readAtMs === undefined) return 0;
  const startMs = parseTime(window.start);
  const nextMs = readAtMs + READ_EVERY_MS;
  if (startMs === undefined || window.state === 'active' || readAtMs >= startMs + AFTER_START_MS) return nextMs;
  return readAtMs < startMs ? Math.min(startMs, nextMs) : readAtMs + READ_AT_START_EVERY_MS;
}

/** Reservations whose window is to be read now, sorted, each once. */
export function dueReservations(pools: readonly PoolFacts[], nowMs: number): string[] {
  const due = pools.filter((pool) => pool.deletionMs === undefined && (nextReadMs(pool) ?? Infinity) <= nowMs);
  return [...new Set(due.map((pool) => pool.spec!.reservationId!))].sort();
}
