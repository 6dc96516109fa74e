/**
 * When EC2 has no capacity: ask again later, and later each time. PURE.
 *
 * Karpenter retries a static pool in a tight loop (a NodeClaim is created, refused and deleted within a second). While a pool backs
 * off, its `limits.nodes` is what stands now, so that Karpenter creates nothing; `replicas` keeps the wish.
 */
import type { CapacityPoolStatus } from '../../api';
import { formatTime, parseTime } from '../../domain/kube';
import type { ClaimFacts } from './snapshot';

/** First pause; each failure doubles it. */
export const BACK_OFF_BASE_MS = 60_000;
/** Longest pause. A slot of a block is free again 5 to 10 minutes after its instance ended. */
export const BACK_OFF_CAP_MS = 15 * 60_000;
/** A pool that wants nodes and has launched none of the missing for this long counts as refused, even if nobody said why. */
export const LAUNCH_PATIENCE_MS = 10 * 60_000;
/** How long an old refused NodeClaim may take to try again after a pause. */
export const RETRY_MS = 60_000;

/** `status.backOff` of a CapacityPool. */
export type BackOff = NonNullable<CapacityPoolStatus['backOff']>;

/** What is known about the launches of a pool. */
export interface Launches {
  readonly claims: readonly ClaimFacts[];
  /** Nothing is missing. */
  readonly complete: boolean;
  /** Since when something is missing. */
  readonly shortSinceMs: number | undefined;
}

/** Whether a refusal is in sight that the last pause has not already paid for. */
function refused(launches: Launches, pausedUntilMs: number, nowMs: number): boolean {
  const fresh = launches.claims.some(
    (claim) =>
      (claim.insufficient !== undefined || (claim.deletionMs !== undefined && !claim.launched)) &&
      (claim.createdMs >= pausedUntilMs || nowMs >= pausedUntilMs + RETRY_MS),
  );
  const waitingSinceMs = Math.max(launches.shortSinceMs ?? Infinity, pausedUntilMs);
  return fresh || nowMs - waitingSinceMs >= LAUNCH_PATIENCE_MS;
}

/** The next `status.backOff`. It stays, with `until` in the past, until the pool is complete: that remembers the failures. */
export function nextBackOff(before: BackOff | undefined, launches: Launches, nowMs: number): BackOff | undefined {
  if (launches.complete) return undefined;
  const untilMs = parseTime(before?.until) ?? 0;
  if (nowMs < untilMs || !refused(launches, untilMs, nowMs)) return before;
  const failures = Math.min((before?.failures ?? 0) + 1, 1000);
  const pauseMs = Math.min(BACK_OFF_CAP_MS, BACK_OFF_BASE_MS * 2 ** Math.min(failures - 1, 10));
  return { failures, until: formatTime(nowMs + pauseMs) };
}

/** Whether no growth may be asked for now. */
export function isBackingOff(backOff: BackOff | undefined, nowMs: number): boolean {
  return (parseTime(backOff?.until) ?? 0) > nowMs;
}
