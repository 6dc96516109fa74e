/** Medians of the fleet: what a measurement is compared with where no source gives a number. PURE. */
import { healthThresholds, findInstanceType, type HealthCheck } from '../../catalog';
import type { Measurements } from './measurements';

/** What a median is of. Two runs are comparable when all of it is the same. */
export interface MedianKey {
  readonly type: string;
  readonly check: HealthCheck;
  readonly nodes: number;
  readonly algorithm: string;
  readonly measurement: string;
}

/** A median, and of how many nodes it is. */
export interface Median {
  readonly value: number;
  readonly nodes: number;
}

/** Medians by key. */
export type Medians = ReadonlyMap<string, Median>;

/** One node's measurements as a sample. */
export interface Sample {
  readonly type: string;
  readonly measured: Measurements;
}

/** Fewer nodes than these have no median worth comparing with: one of three that is bad would be a third of it. */
export const LEAST_FOR_MEDIAN = 4;

/** The key as text. */
export function medianKey({ type, check, nodes, algorithm, measurement }: MedianKey): string {
  return `${type}/${check}/${nodes}/${algorithm}/${measurement}`;
}

/** The key of one of a node's measurements. */
export function keyOf(type: string, measurement: string, { check, nodes = 1, algorithm }: Measurements): string {
  return medianKey({ type, check, nodes, algorithm, measurement });
}

/** Medians of these samples. Only of what is judged by a median. */
export function mediansOf(samples: readonly Sample[]): Medians {
  const values = new Map<string, number[]>();
  for (const { type, measured } of samples) {
    for (const measurement of compared(type, measured)) {
      const key = keyOf(type, measurement, measured);
      const all = values.get(key) ?? [];
      all.push(measured.values.get(measurement)!);
      values.set(key, all);
    }
  }
  return new Map([...values.entries()].map(([key, all]) => [key, { value: middle(all), nodes: all.length }]));
}

/** The fleet's medians, and the batch's own where the fleet has none worth the name: so a fleet's first batch is compared with itself. */
export function withBatch(fleet: Medians, batch: Medians): Medians {
  const worthwhile = [...fleet.entries()].filter(([, { nodes }]) => nodes >= LEAST_FOR_MEDIAN);
  return new Map([...fleet.entries(), ...batch.entries(), ...worthwhile]);
}

function compared(type: string, { values, nodes = 1, algorithm }: Measurements): string[] {
  const known = findInstanceType(type);
  if (!known) return [];
  return healthThresholds(known, { nodes, algorithm })
    .filter((row) => row.belowMedianPercent !== undefined || row.aboveMedianPercent !== undefined)
    .map((row) => row.measurement)
    .filter((measurement) => values.has(measurement));
}

/** Lower median: of two it is the worse, so that half of a pair is not compared with the other half. */
function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}
