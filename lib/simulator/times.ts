/** How fast everything in a simulated cluster is. */
import type { KarpenterTimes } from './karpenter-context';
import type { KubeletTimes } from './kubelet';

/** How fast the cluster is; ranges are [from, to] in milliseconds. */
export interface WorldTimes extends KarpenterTimes, KubeletTimes {
  /** From a scheduler's decision to the pod being bound. */
  readonly bindMs: readonly [number, number];
  /** From a Command being taken by Volcano to its being carried out. */
  readonly volcanoOrderMs: number;
}

/** Times of a cluster on EC2: minutes for a node, seconds for a pod. */
export const CLOUD_TIMES: WorldTimes = {
  launchMs: [2_000, 8_000],
  bootMs: [60_000, 150_000],
  registerMs: [900, 1_100],
  terminateMs: [30_000, 90_000],
  refusedMs: 5_000,
  missedEnd: 0.25,
  missedDeletion: 0.5,
  nodeReadyMs: 20_000,
  podStartMs: 3_000,
  podStopMs: 5_000,
  failedForMs: 0,
  checkMs: { 'one-node': 60_000, pair: 30_000, whole: 60_000 },
  bindMs: [20, 300],
  volcanoOrderMs: 10,
};
