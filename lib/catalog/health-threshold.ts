/** The shape of one expectation of a health check: what is measured, what a healthy node reads, and who says so. */
import type { HealthSourceKey } from './health-sources';

/** How deeply nodes are proved: about a minute, ten minutes, an hour. Each includes the one before. */
export const HEALTH_LEVELS = ['Quick', 'Standard', 'Deep'] as const;
export type HealthLevel = (typeof HEALTH_LEVELS)[number];

/** What a check runs on: a node by itself, two of them, a whole batch. */
export const HEALTH_CHECKS = ['OneNode', 'Pair', 'Whole'] as const;
export type HealthCheck = (typeof HEALTH_CHECKS)[number];

/** What the scripts measure only when they are asked to. */
export const HEALTH_EXTRAS = ['efa', 'nvme', 'shared'] as const;
export type HealthExtra = (typeof HEALTH_EXTRAS)[number];

/** What may bring a node back that failed, mildest first. What is done is decided elsewhere; a reset can be a reboot, a reboot a replacement. */
export const HEALTH_REMEDIES = ['Reset', 'Reboot', 'Replace'] as const;
export type HealthRemedy = (typeof HEALTH_REMEDIES)[number];

/** What a healthy node reads. Limits are absolute; percentages are against the median of the fleet's nodes of the same type. */
export interface HealthBounds {
  readonly min?: number;
  readonly max?: number;
  readonly belowMedianPercent?: number;
  readonly aboveMedianPercent?: number;
}

/** One expectation. */
export interface HealthThreshold extends HealthBounds {
  /** Name of the measurement, as the check scripts print it and NodeHealthPolicy overrides it: `gpu.hbm.gb_s`. */
  readonly measurement: string;
  /** The part of the script that measures it; its errors carry this name. */
  readonly part: string;
  readonly unit: string;
  /** What it is, in a few words. */
  readonly meaning: string;
  /** From which level on it is measured. */
  readonly level: HealthLevel;
  /** Checks that prove nothing without it: when it is missing there, nothing can be said of the node. */
  readonly requiredIn: readonly HealthCheck[];
  /** Measured only when asked for. */
  readonly extra?: HealthExtra;
  /**
   * Fail: the node is not given to work, and its remedy is due. Unreliable: not given to work, and not blamed, because what is missing may as
   * well be somebody else's. Note: it passes, and the verdict says it.
   */
  readonly breach: 'Fail' | 'Unreliable' | 'Note';
  readonly remedy: HealthRemedy;
  readonly source: HealthSourceKey;
  /** What is uncertain about the number, or how it follows from the source. */
  readonly note?: string;
}

/** What a threshold of a collective is keyed by, beside the type. */
export interface CollectiveKey {
  readonly nodes: number;
  /** As the measurements name it: allreduce, allgather, … */
  readonly collective: string;
  readonly messageBytes: number;
  /** Value of NCCL_ALGO, lower case; `auto` lets the tuner choose. */
  readonly algorithm: string;
}
