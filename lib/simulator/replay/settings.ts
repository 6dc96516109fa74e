/**
 * What a replay assumes, each number with where it is from. Whatever is only assumed says so; every policy gets the same. PURE.
 */
import { CapacityBucket, CapacityPool, type CapacityBucketSpec, type CapacityPoolSpec } from '../../api';
import { RESTART_SECONDS } from '../../fleet/cost';

/** One second, minute, hour, day in milliseconds. */
export const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Accelerators of one p5.48xlarge, as in lib/catalog. */
export const GPUS_PER_NODE = 8;

/** How long the steps of a move take; the rest of a replay is events of the traces. */
export const TIMES = {
  /** Between two decisions, at least: as long as the default `demandFor`, so nothing that counts is seen later than it may be believed. */
  betweenPlansMs: 30 * SECOND_MS,
  /** A NodeMove is seen, and its nodes are claimed and tainted: one watch event and one patch a node. */
  claimMs: 1 * SECOND_MS,
  /** Two scheduler cycles and the rounding of the taint's time, before a node is believed to be empty (moves/steps.ts). */
  settleMs: 3 * SECOND_MS,
  /** Writing a checkpoint that was asked for: 2.3 TB of BLOOM in 40 s (stas00/ml-engineering, training/fault-tolerance). */
  checkpointMs: 40 * SECOND_MS,
  /** From SIGTERM to the end of a training pod: all of Kubernetes' default terminationGracePeriodSeconds. */
  graceMs: 30 * SECOND_MS,
  /** The last look and the patch that swaps labels and taints. */
  swapMs: 1 * SECOND_MS,
  /** Volcano binds 1.7 s after the patch that makes room (recorded run, own measurement); period 1 s. */
  bindMs: 2 * SECOND_MS,
  /** From bound to running without image pull: the pod start SLO of Kubernetes (kubernetes/community, sig-scalability/slos). */
  podStartMs: 5 * SECOND_MS,
  /** Assumed: an inference pod loads its model from local disk before it serves. */
  modelLoadMs: 60 * SECOND_MS,
  /** What the planner assumes of gangs that report none, with its reasons in lib/fleet/cost.ts. */
  restartMs: RESTART_SECONDS * SECOND_MS,
} as const;

/** The inference Deployment and its autoscaler. Defaults of Kubernetes' HorizontalPodAutoscaler where it has them. */
export const INFERENCE = {
  /** Load is known and acted on so often. */
  binMs: 60 * SECOND_MS,
  /** Share of a node's capacity that the autoscaler aims at. Assumed. */
  target: 0.85,
  /** `--horizontal-pod-autoscaler-tolerance`: a smaller change of the ratio is no reason to scale. */
  tolerance: 0.1,
  /** `--horizontal-pod-autoscaler-downscale-stabilization`. */
  stabilizationMs: 5 * MINUTE_MS,
  /** Requests that one node serves at once without slowing down. Assumed; it sets the unit of request-seconds only. */
  requestsPerNode: 64,
  /** Assumed, of the order that Splitwise (ISCA 2024) reports for a 70B model on H100: only their ratio matters here. */
  secondsPerContextToken: 84e-6,
  secondsPerGeneratedToken: 28e-3,
  /** Share of the cluster that inference needs at its peak and at night. */
  peakShare: 0.45,
  baseShare: 0.15,
  /** Hour of the day at which it needs least; a replay starts there. */
  quietestHour: 4,
} as const;

/** Training work offered, as a share of what the nodes that inference leaves could do: a queue is always there. */
export const TRAINING_LOAD = 1.15;
/** KAI's minruntime has no default but 0; Meta preempts a job only after 2 h (arXiv 2410.21680). */
export const MIN_RUNTIME_MS = 2 * HOUR_MS;
/** Age that a job has at most when a replay begins: since yesterday's peak, which took nodes last. Assumed. */
export const MOST_AGE_MS = 12 * HOUR_MS;
/** Largest job of Acme's LLM cluster Kalos. */
export const MOST_SCALED_GPUS = 1024;
/** Nodes below one leaf switch. Assumed. */
export const NODES_PER_LEAF = 16;
/** When a replay begins. The date means nothing. */
export const EPOCH_MS = Date.UTC(2026, 0, 5, INFERENCE.quietestHour);

/** Who chooses the gangs that give way. */
export const POLICIES = ['ours', 'ours-median', 'kueue', 'largest', 'random', 'min-runtime', 'oracle'] as const;
export type Policy = (typeof POLICIES)[number];

/** One replay. */
export interface ReplayOptions {
  readonly policy: Policy;
  readonly seed: number;
  readonly nodes: number;
  readonly days: number;
  /** Ask a gang that writes checkpoints for one before it is ended. */
  readonly ask: boolean;
  /** Share of jobs that write checkpoints, and how often. */
  readonly coverage: number;
  readonly intervalMs: number;
  /** Multiplies the sizes of jobs. */
  readonly scaleJobs?: number;
}

/** The two buckets, with the proportions of blueprints/ai-cluster.ts (training: 4 to 14 of a block of 16 nodes). */
export function bucketSpecs(nodes: number): Readonly<Record<'inference' | 'training', CapacityBucketSpec>> {
  const least = Math.max(1, Math.floor(nodes / 8));
  const trainingMin = Math.max(1, Math.floor(nodes / 4));
  // The defaults are for a block of 16 nodes; a larger block moves more at once.
  const moves = { perHour: Math.max(60, nodes), inFlight: Math.max(8, Math.floor(nodes / 8)) };
  const spec = (name: string, priority: string, min: number, max: number) =>
    CapacityBucket.make(name, {
      priority,
      nodes: { min, max },
      instanceTypes: ['p5.48xlarge'],
      moves,
    } as never).spec as CapacityBucketSpec;
  return {
    inference: spec('inference', 'High', least, nodes - trainingMin),
    training: spec('training', 'Normal', trainingMin, nodes - least),
  };
}

/** The Capacity Block that all nodes are from. */
export function poolSpec(nodes: number): CapacityPoolSpec {
  return CapacityPool.make('p5', {
    instanceType: 'p5.48xlarge',
    source: 'Block',
    reservationId: 'cr-0123456789abcdef0',
    availabilityZone: 'us-east-2a',
    nodes: { max: nodes },
    nodeClassRef: { name: 'p5' },
  } as never).spec as CapacityPoolSpec;
}
