/** From replays to figures: means over seeds, and differences to Kueue's order with intervals. */
import { seededRandom } from '../lib/simulator/random';
import type { ReplayResult } from '../lib/simulator/replay';

/** One replay that was played. */
export interface Played {
  readonly key: string;
  /** What the code that played it decides. */
  readonly code: string;
  readonly variant: string;
  readonly result: ReplayResult;
}

/** An estimate and its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** One variant under one set of circumstances. */
export interface Row {
  readonly scaleJobs: number | null;
  readonly nodes: number;
  readonly coverage: number;
  readonly minutes: number;
  readonly variant: string;
  readonly seeds: number;
  readonly gpuHoursLost: Estimate;
  readonly missShare: number;
  readonly movesPerDay: number;
  readonly utilisation: number;
  readonly usefulUtilisation: number;
  readonly queueWaitP50: number;
  readonly queueWaitP95: number;
  readonly preemptions: number;
  readonly costOverOptimum: number | null;
  /** Against Kueue's order as it is (no asking), same seeds. */
  readonly against?: Comparison;
}

/** What a variant has over Kueue's order. Misses, moves and utilisation: the difference of means. */
export interface Comparison {
  /** 1 − lost / lost by Kueue, sums over seeds; bootstrap over seeds. */
  readonly savedShare: Estimate;
  /** Seeds on which no more was lost than by Kueue, and how many there are. */
  readonly seedsNotWorse: number;
  readonly seeds: number;
  readonly missShare: Estimate;
  readonly movesPerDay: Estimate;
  readonly utilisation: Estimate;
  readonly usefulUtilisation: Estimate;
}

const RESAMPLES = 10_000;
const BASELINE = 'kueue';

/** Rows by circumstances and variant, in the order of the cases. */
export function rowsOf(played: readonly Played[]): readonly Row[] {
  const groups = new Map<string, Played[]>();
  for (const one of played) {
    const key = `${circumstances(one)} ${one.variant}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((group) => {
    const { variant } = group[0]!;
    const baseline = groups.get(`${circumstances(group[0]!)} ${BASELINE}`) ?? [];
    const row = toRow(
      variant,
      group.map(({ result }) => result),
    );
    const pairs = group.flatMap(({ result }) => {
      const other = baseline.find((one) => one.result.seed === result.seed);
      return other ? [[result, other.result] as const] : [];
    });
    return variant === BASELINE || pairs.length === 0 ? row : { ...row, against: compare(pairs) };
  });
}

function circumstances({ result: { scaleJobs, nodes, checkpoints } }: Played): string {
  return [scaleJobs ?? 'as is', nodes, checkpoints.coverage, checkpoints.minutes].join(' ');
}

function toRow(variant: string, results: readonly ReplayResult[]): Row {
  const first = results[0]!;
  const mean = (of: (result: ReplayResult) => number) =>
    results.reduce((sum, one) => sum + of(one), 0) / results.length;
  const gaps = results.flatMap(({ decisions: { costOverOptimum } }) => costOverOptimum ?? []);
  return {
    scaleJobs: first.scaleJobs,
    nodes: first.nodes,
    coverage: first.checkpoints.coverage,
    minutes: first.checkpoints.minutes,
    variant,
    seeds: results.length,
    gpuHoursLost: bootstrap(
      results,
      mean2(({ training }) => training.gpuHoursLost),
    ),
    missShare: mean(missShareOf),
    movesPerDay: mean(({ movesPerDay }) => movesPerDay),
    utilisation: mean(({ utilisation }) => utilisation),
    usefulUtilisation: mean(({ usefulUtilisation }) => usefulUtilisation),
    queueWaitP50: mean(({ training }) => training.queueWaitSeconds.p50),
    queueWaitP95: mean(({ training }) => training.queueWaitSeconds.p95),
    preemptions: mean(({ preemptions }) => preemptions),
    costOverOptimum: gaps.length > 0 ? gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length : null,
  };
}

type Pair = readonly [ReplayResult, ReplayResult];

function compare(pairs: readonly Pair[]): Comparison {
  const lost = ({ training }: ReplayResult) => training.gpuHoursLost;
  const saved = (sample: readonly Pair[]) => {
    const others = sample.reduce((sum, [, other]) => sum + lost(other), 0);
    return others === 0 ? 0 : 1 - sample.reduce((sum, [own]) => sum + lost(own), 0) / others;
  };
  const difference = (of: (result: ReplayResult) => number) =>
    bootstrap(pairs, (sample) => sample.reduce((sum, [own, other]) => sum + of(own) - of(other), 0) / sample.length);
  return {
    savedShare: bootstrap(pairs, saved),
    seedsNotWorse: pairs.filter(([own, other]) => lost(own) <= lost(other)).length,
    seeds: pairs.length,
    missShare: difference(missShareOf),
    movesPerDay: difference(({ movesPerDay }) => movesPerDay),
    utilisation: difference(({ utilisation }) => utilisation),
    usefulUtilisation: difference(({ usefulUtilisation }) => usefulUtilisation),
  };
}

function missShareOf({ inference }: ReplayResult): number {
  return inference.requestSeconds === 0 ? 0 : inference.missRequestSeconds / inference.requestSeconds;
}

function mean2(of: (result: ReplayResult) => number) {
  return (sample: readonly ReplayResult[]) => sample.reduce((sum, one) => sum + of(one), 0) / sample.length;
}

/** Percentile bootstrap over seeds, with a seed of its own: the same replays give the same interval. */
function bootstrap<T>(items: readonly T[], of: (sample: readonly T[]) => number): Estimate {
  const random = seededRandom(1);
  const values = Array.from({ length: RESAMPLES }, () =>
    of(items.map(() => items[Math.floor(random() * items.length)]!)),
  ).sort((a, b) => a - b);
  return {
    value: of(items),
    low: values[Math.floor(0.025 * RESAMPLES)]!,
    high: values[Math.ceil(0.975 * RESAMPLES) - 1]!,
  };
}
