/** The figures of one replay. PURE. */
import type { Deciding, Decision } from './deciding';
import type { Gang } from './gang';
import type { ReplayJobs } from './jobs';
import { DAY_MS, GPUS_PER_NODE, HOUR_MS, SECOND_MS, type Policy, type ReplayOptions } from './settings';
import type { Cluster } from './snapshot-of';

/** What `aicluster simulate --json` prints. */
export interface ReplayResult {
  readonly policy: Policy;
  readonly seed: number;
  readonly nodes: number;
  readonly days: number;
  readonly ask: boolean;
  readonly checkpoints: { readonly coverage: number; readonly minutes: number };
  readonly scaleJobs: number | null;
  readonly inference: { readonly missRequestSeconds: number; readonly requestSeconds: number };
  readonly training: {
    /** Repeated work, restarts, and time between SIGTERM and the end, of gangs that gave way. */
    readonly gpuHoursLost: number;
    /** Progress that was kept. */
    readonly gpuHoursDone: number;
    /** Time that GPUs were held: done and lost. */
    readonly gpuHoursHeld: number;
    /** Of each job, all its waits together; of those still waiting at the end: so far. */
    readonly queueWaitSeconds: { readonly p50: number; readonly p95: number };
    readonly gpuHoursWaited: number;
  };
  readonly movesPerDay: number;
  /** GPU time held by pods of either bucket, of all there is. */
  readonly utilisation: number;
  /** The same without what was lost. */
  readonly usefulUtilisation: number;
  readonly jobs: {
    readonly played: number;
    readonly finished: number;
    readonly impossible: number;
    readonly empty: number;
    readonly meanGpus: number;
  };
  readonly preemptions: number;
  readonly decisions: {
    readonly count: number;
    /** Cost of all choices over the least they could have cost, as the planner knew it; null: there was none, or it was 0. */
    readonly costOverOptimum: number | null;
    /** Choices whose optimum is exact; of the others it is a lower bound. */
    readonly exact: number;
  };
  readonly plans: number;
}

interface Played {
  readonly options: ReplayOptions;
  readonly chosen: ReplayJobs;
  readonly deciding: Deciding;
}

/** Adds it all up. */
export function summarize(
  { training, inference, moving }: Cluster,
  { options, chosen, deciding }: Played,
): ReplayResult {
  const { policy, seed, nodes, days, ask, coverage, intervalMs, scaleJobs } = options;
  const { gangs } = training;
  const gpuHours = (of: (gang: Gang) => number) => gangs.reduce((sum, gang) => sum + gang.gpus * of(gang), 0) / HOUR_MS;
  const heldHours = gpuHours(({ heldMs }) => heldMs);
  const servedHours = (inference.heldMs * GPUS_PER_NODE) / HOUR_MS;
  const allHours = (nodes * GPUS_PER_NODE * days * DAY_MS) / HOUR_MS;
  return {
    policy,
    seed,
    nodes,
    days,
    ask,
    checkpoints: { coverage, minutes: intervalMs / 60_000 },
    scaleJobs: scaleJobs ?? null,
    inference: {
      missRequestSeconds: round(inference.missRequestSeconds, 1),
      requestSeconds: round(inference.requestSeconds, 1),
    },
    training: {
      gpuHoursLost: round(
        gpuHours(({ lostMs }) => lostMs),
        1e3,
      ),
      gpuHoursDone: round(
        gpuHours(({ keptMs }) => keptMs),
        1e3,
      ),
      gpuHoursHeld: round(heldHours, 1e3),
      queueWaitSeconds: waits(gangs),
      gpuHoursWaited: round(
        gpuHours(({ waitedMs }) => waitedMs),
        1e3,
      ),
    },
    movesPerDay: round(moving.handedOver / days, 10),
    utilisation: round((heldHours + servedHours) / allHours, 1e5),
    usefulUtilisation: round((gpuHours(({ keptMs }) => keptMs) + servedHours) / allHours, 1e5),
    jobs: {
      played: gangs.length,
      finished: gangs.filter(({ state }) => state === 'Done').length,
      impossible: chosen.impossible,
      empty: chosen.empty,
      meanGpus: round(gangs.reduce((sum, { gpus }) => sum + gpus, 0) / Math.max(1, gangs.length), 100),
    },
    preemptions: moving.preempted,
    decisions: gapOf(deciding.decisions),
    plans: deciding.plans,
  };
}

function waits(gangs: readonly Gang[]): { readonly p50: number; readonly p95: number } {
  const sorted = gangs.map(({ waitedMs }) => waitedMs / SECOND_MS).sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0, 1);
  return { p50: at(0.5), p95: at(0.95) };
}

function gapOf(decisions: readonly Decision[]): ReplayResult['decisions'] {
  const known = decisions.filter(({ optimum }) => optimum !== undefined);
  const cost = known.reduce((sum, one) => sum + one.cost, 0);
  const least = known.reduce((sum, { optimum }) => sum + optimum!.cost, 0);
  return {
    count: decisions.length,
    costOverOptimum: least > 0 ? round(cost / least, 1e4) : null,
    exact: known.filter(({ optimum }) => optimum!.exact).length,
  };
}

/** To so many parts of one: figures that are printed the same on every machine. */
function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}
