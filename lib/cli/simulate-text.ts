/** A replay for people: lines for a terminal, and the page with curves. */
import type { Replay, ReplayResult } from '../simulator/replay';
import { renderReport, type Sample } from './report/page';

/** What a terminal shows. */
export function replayLines(result: ReplayResult): readonly string[] {
  const { inference, training, jobs, decisions, checkpoints } = result;
  const missed = inference.requestSeconds === 0 ? 0 : inference.missRequestSeconds / inference.requestSeconds;
  const gap =
    decisions.costOverOptimum === null ? 'no choice had a cost' : `${decisions.costOverOptimum} × the optimum`;
  return [
    `policy ${result.policy}${result.ask ? ', asking for checkpoints' : ''}; seed ${result.seed}, ${result.nodes} nodes, ${result.days} days`,
    `${percent(checkpoints.coverage)} of jobs write checkpoints every ${checkpoints.minutes} minutes`,
    '',
    `inference   ${percent(missed, 3)} of request-seconds without capacity (${number(inference.missRequestSeconds)} of ${number(inference.requestSeconds)})`,
    `training    ${number(training.gpuHoursLost)} GPU-hours lost, ${number(training.gpuHoursDone)} done`,
    `            ${result.preemptions} gangs gave way; queue wait p50 ${clock(training.queueWaitSeconds.p50)}, p95 ${clock(training.queueWaitSeconds.p95)}`,
    `            ${jobs.finished} of ${jobs.played} jobs finished, ${jobs.meanGpus} GPUs each on average`,
    `            left out: ${jobs.impossible} larger than the bucket may be, ${jobs.empty} of the trace that ran for no time or without a GPU`,
    `fleet       ${result.movesPerDay} nodes moved a day; ${percent(result.utilisation, 1)} of GPU time held, ${percent(result.usefulUtilisation, 1)} of it for work that was kept`,
    `choices     ${decisions.count} from running work, cost ${gap} (${decisions.exact} solved exactly)`,
  ];
}

/** The page. */
export function renderReplay({ result, samples, decisions }: Replay): string {
  const { policy, ask, seed, nodes, days, plans } = result;
  return renderReport({
    title: `${days} days on ${nodes} nodes, policy ${policy}${ask ? ' with asking' : ''}`,
    seed,
    steps: plans,
    violations: [],
    samples: samples.map(({ t, inference, training, moving, demand, trainingDemand, busyGpus }): Sample => ({
      t,
      byBucket: { inference, training },
      unassigned: moving,
      demand: { inference: Math.round(demand * 10) / 10, training: trainingDemand },
      gpus: { total: nodes * 8, busy: busyGpus },
    })),
    events: decisions.map(({ sinceStartMs, nodes: taken, cost, gangs, optimum }) => ({
      t: sinceStartMs,
      kind: 'Taken',
      object: `${taken} nodes`,
      message:
        `from ${gangs} gangs, at ${number(cost / 3600)} GPU-hours` +
        (optimum ? ` (optimum ${number(optimum.cost / 3600)}${optimum.exact ? '' : ' at least'})` : ''),
    })),
  });
}

function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}

function number(value: number): string {
  const digits = Math.abs(value) < 100 ? 1 : 0;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

function clock(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
