/** Which replays the preemption benchmark plays, in the order in which they matter, and what each is called. */
import type { Policy, ReplayOptions } from '../lib/simulator/replay';

/** A policy, with or without asking for a checkpoint first. */
export interface Variant {
  readonly name: string;
  readonly policy: Policy;
  readonly ask: boolean;
}

/** As shipped, and as others do it, first; then what tells the choice from the asking. */
export const VARIANTS: readonly Variant[] = [
  { name: 'ours', policy: 'ours', ask: true },
  { name: 'kueue', policy: 'kueue', ask: false },
  { name: 'ours, no ask', policy: 'ours', ask: false },
  { name: 'kueue, ask', policy: 'kueue', ask: true },
  { name: 'oracle', policy: 'oracle', ask: true },
  { name: 'ours-median', policy: 'ours-median', ask: true },
  { name: 'largest', policy: 'largest', ask: false },
  { name: 'random', policy: 'random', ask: false },
  { name: 'min-runtime', policy: 'min-runtime', ask: false },
];

/** Coverage and interval; without coverage the interval means nothing. */
export const CHECKPOINTS: readonly { readonly coverage: number; readonly minutes: number }[] = [
  { coverage: 1, minutes: 60 },
  { coverage: 0, minutes: 60 },
  { coverage: 0.5, minutes: 60 },
  { coverage: 1, minutes: 15 },
  { coverage: 1, minutes: 240 },
  { coverage: 0.5, minutes: 15 },
  { coverage: 0.5, minutes: 240 },
];

/** `--scale-jobs` of the second half of the benchmark: Philly's sizes to those of Acme's Kalos. */
export const SCALE = 20;
const DAYS = 2;

/** One replay of the benchmark. */
export interface Case {
  readonly variant: string;
  readonly options: ReplayOptions;
}

/** What part of the matrix is wanted. */
export interface MatrixBounds {
  readonly nodes: readonly number[];
  readonly seeds: number;
  readonly variants?: readonly string[];
  /** How many rows of CHECKPOINTS. */
  readonly checkpoints?: number;
}

/** All cases within the bounds: seeds vary slowest, so that what is there after an interruption is whole seeds. */
export function casesOf({ nodes, seeds, variants, checkpoints = CHECKPOINTS.length }: MatrixBounds): readonly Case[] {
  const chosen = VARIANTS.filter(({ name }) => variants === undefined || variants.includes(name));
  const sets = Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    nodes.flatMap((count) => [undefined, SCALE].map((scaleJobs) => ({ seed, nodes: count, days: DAYS, scaleJobs }))),
  );
  return sets.flatMap(({ scaleJobs, ...rest }) =>
    CHECKPOINTS.slice(0, checkpoints).flatMap(({ coverage, minutes }) =>
      chosen.map(({ name, policy, ask }) => {
        const scale = scaleJobs === undefined ? {} : { scaleJobs };
        return { variant: name, options: { policy, ask, ...rest, coverage, intervalMs: minutes * 60_000, ...scale } };
      }),
    ),
  );
}
