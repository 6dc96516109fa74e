/** One HTML page with curves: two days of 64 nodes under each policy, beside each other. */
import { linesChart } from '../lib/cli/report/charts';
import { htmlPage, legend, PALETTE, section } from '../lib/cli/report/page';
import { playReplay, type Replay, type ReplayTraces } from '../lib/simulator/replay';
import { SCALE, VARIANTS } from './preemption-matrix';

const NODES = 64;
const SHOWN = ['ours', 'ours, no ask', 'kueue', 'largest', 'random', 'min-runtime', 'oracle'];

/** Plays them and draws them. */
export function toPage(traces: ReplayTraces): string {
  const parts = [undefined, SCALE].flatMap((scaleJobs) =>
    [1, 0.5, 0].map((coverage) => part(traces, coverage, scaleJobs)),
  );
  const intro = `<header><h1>What taking nodes costs, by policy</h1><p class="sub">Two days on ${NODES} nodes, seed 1, checkpoints every hour. The table over seeds is docs/benchmarks/preemption.md.</p></header>`;
  return htmlPage('What taking nodes costs, by policy', [intro, ...parts]);
}

function part(traces: ReplayTraces, coverage: number, scaleJobs: number | undefined): string {
  const scale = scaleJobs === undefined ? {} : { scaleJobs };
  const rest = { seed: 1, nodes: NODES, days: 2, coverage, intervalMs: 3_600_000, ...scale };
  const replays = VARIANTS.filter(({ name }) => SHOWN.includes(name)).map(
    ({ name, policy, ask }) => [name, thinned(playReplay(traces, { policy, ask, ...rest }))] as const,
  );
  const lost = seriesOf(replays, ({ gpuHoursLost }) => gpuHoursLost);
  const times = replays[0]![1].samples.map(({ t }) => t);
  const [, ours] = replays.find(([name]) => name === 'ours')!;
  const bucket = [
    { name: 'nodes that requests need', color: PALETTE[5]!, values: ours.samples.map(({ demand }) => demand) },
    { name: 'pods that serve (ours)', color: PALETTE[0]!, values: ours.samples.map(({ serving }) => serving) },
  ];
  const sizes = scaleJobs === undefined ? 'sizes as in the trace' : `sizes × ${scaleJobs}`;
  return section(
    `${100 * coverage} % of jobs write checkpoints, ${sizes}`,
    'GPU-hours lost since the beginning; below, what inference needs and has.',
    linesChart(lost, { times, label: 'GPU-hours lost by policy' }),
    legend(lost),
    linesChart(bucket, { times, height: 160, label: 'Demand and supply of inference' }),
    legend(bucket),
  );
}

/** A sample every twenty minutes is all that a curve shows. */
function thinned(replay: Replay): Replay {
  return { ...replay, samples: replay.samples.filter((_, i) => i % 2 === 0) };
}

function seriesOf(replays: readonly (readonly [string, Replay])[], of: (sample: Replay['samples'][number]) => number) {
  return replays.map(([name, { samples }], i) => ({
    name,
    color: PALETTE[i % PALETTE.length]!,
    values: samples.map(of),
  }));
}
