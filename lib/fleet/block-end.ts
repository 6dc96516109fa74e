/** When the nodes of a Capacity Block must begin to leave. */

/** EC2 begins to end a block's instances 30 minutes before the block ends; ten more are ours to be late with. */
export const EC2_LEAD_MS = 40 * 60_000;
/** What a drain takes beyond the grace of its pods: two scheduler cycles, the last look, clocks that differ. */
export const DRAIN_SLACK_MS = 10 * 60_000;

/** Assumed 95th percentile of the time from asking for a checkpoint to having it, until checkpoints are measured. */
export const CHECKPOINT_P95_MS = 10 * 60_000;

/** When nodes begin to leave: end − (40 min + 95th percentile of checkpoints + grace of pods + 10 min). */
export function blockLeaveAtMs(endMs: number, graceMs: number, checkpointMs = CHECKPOINT_P95_MS): number {
  return endMs - EC2_LEAD_MS - checkpointMs - graceMs - DRAIN_SLACK_MS;
}
