/**
 * `npm run -s bench:preemption -- --jobs FILE --requests FILE [--nodes 64,128,256] [--seeds 5] [--variants ours,kueue]
 * [--checkpoints 7] [--share 1/2] [--html FILE]`: the matrix of docs/benchmarks/preemption.md.
 *
 * What was played stays in .cache/preemption, with a word for what the code that played it decides: an interrupted run goes on where it
 * was, replays of code that decides otherwise are left out. `--share 1/2` and `--share 2/2` beside each other use two cores. The page and the figures are written
 * whenever a process is done, from everything that is there.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseJobs, parseRequests, playReplay, type ReplayTraces } from '../lib/simulator/replay';
import { rowsOf, type Played, type Row } from './preemption-figures';
import { casesOf, SCALE, type Case, type MatrixBounds } from './preemption-matrix';
import { toPage } from './preemption-page';
import { toMarkdown } from './preemption-text';

const ROOT = join(__dirname, '..');
const CACHE = join(ROOT, '.cache/preemption');

function main(): void {
  const { values } = parseArgs({
    options: {
      jobs: { type: 'string' },
      requests: { type: 'string' },
      nodes: { type: 'string', default: '64,128,256' },
      seeds: { type: 'string', default: '5' },
      variants: { type: 'string' },
      checkpoints: { type: 'string' },
      share: { type: 'string', default: '1/1' },
      html: { type: 'string' },
    },
  });
  if (!values.jobs || !values.requests) throw new Error('--jobs FILE and --requests FILE: see docs/guides/simulate.md');
  const traces: ReplayTraces = {
    jobs: parseJobs(readFileSync(values.jobs, 'utf8'), values.jobs),
    requests: parseRequests(readFileSync(values.requests, 'utf8'), values.requests),
  };
  const bounds: MatrixBounds = {
    nodes: values.nodes.split(',').map(Number),
    seeds: Number(values.seeds),
    // Names of variants contain commas.
    ...(values.variants ? { variants: values.variants.split(/,(?! )/) } : {}),
    ...(values.checkpoints ? { checkpoints: Number(values.checkpoints) } : {}),
  };
  const code = wordOfCode(traces);
  play(casesOf(bounds), traces, { code, share: values.share });
  write(rowsOf(readPlayed(code)));
  if (values.html) writeFileSync(values.html, toPage(traces));
}

/** What this code decides, as a short word: equal for code that differs in nothing that these replays show. */
function wordOfCode(traces: ReplayTraces): string {
  const hash = createHash('sha256');
  for (const policy of ['ours', 'kueue', 'random'] as const) {
    for (const scaleJobs of [1, SCALE]) {
      const options = {
        policy,
        ask: true,
        seed: 9,
        nodes: 40,
        days: 1,
        coverage: 0.5,
        intervalMs: 3_600_000,
        scaleJobs,
      };
      const { result, samples, decisions } = playReplay(traces, options);
      hash.update(JSON.stringify([{ ...result, plans: 0 }, samples, decisions]));
    }
  }
  return hash.digest('hex').slice(0, 12);
}

function play(
  cases: readonly Case[],
  traces: ReplayTraces,
  run: { readonly code: string; readonly share: string },
): void {
  const [part, parts] = run.share.split('/').map(Number) as [number, number];
  const own = cases.filter((_, i) => i % parts === part - 1);
  const known = new Set(readPlayed(run.code).map(({ key }) => key));
  mkdirSync(CACHE, { recursive: true });
  own.forEach(({ variant, options }, i) => {
    const key = JSON.stringify(options);
    if (known.has(key)) return;
    const { result } = playReplay(traces, options);
    const played: Played = { key, code: run.code, variant, result };
    appendFileSync(join(CACHE, `played-${part}-of-${parts}.jsonl`), `${JSON.stringify(played)}\n`);
    if (i % 20 === 0) process.stderr.write(`${i + 1} of ${own.length}\n`);
  });
}

function readPlayed(code: string): readonly Played[] {
  if (!existsSync(CACHE)) return [];
  const lines = readdirSync(CACHE)
    .sort()
    .flatMap((name) => readFileSync(join(CACHE, name), 'utf8').split('\n'));
  const played = lines.filter(Boolean).map((line) => JSON.parse(line) as Played);
  return [...new Map(played.filter((one) => one.code === code).map((one) => [one.key, one] as const)).values()];
}

const ABOUT = [
  'Replays of two days of the Philly trace (training jobs) and of the Azure LLM conversation trace of 2023 (requests, stretched to days)',
  'on a Capacity Block of p5.48xlarge nodes, with the real `planCapacity` deciding; only the choice of victims differs. Written by',
  '`npm run -s bench:preemption`; what is replayed, what is assumed and how to repeat it: [simulate](../guides/simulate.md).',
  '',
  '`ours` is what ships: least cost, and gangs that report checkpoints are asked for one first. `no ask` shows the choice alone; `kueue, ask`',
  'the asking alone. `ours-median` takes a gang that never reported a checkpoint to lose what the median of those that do would lose,',
  'where `ours` takes all since its start ([0010](../decisions/0010-who-reports-nothing-may-lose-all.md)). `oracle` knows what each gang will really lose. Cost / optimum compares each choice with the least it could have cost at that',
  'instant as the planner knew it: an oracle of one decision, not of the future.',
  '',
  'Sizes × 20: a gang of hundreds of GPUs that has not saved its state outweighs everything else. On 64 nodes it cannot outlive the peak of',
  'inference, so whoever spares it longest loses most: one seed can decide a mean. Look at *not worse on* beside it.',
  '',
  'What is not in the tables was not played: the whole matrix is 1,890 replays, and the command goes on where it stopped.',
  '',
  'Curves of one seed: [preemption.html](preemption.html), one file that loads nothing.',
  '',
  'Intervals: percentile bootstrap over seeds (10,000 resamples), paired by seed in differences. Few seeds: read them as a sign of spread.',
];

function write(rows: readonly Row[]): void {
  const folder = join(ROOT, 'docs/benchmarks');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'preemption.md'), toMarkdown(rows, ABOUT));
  const lines = rows.map((row) =>
    JSON.stringify(row, (_, value) => (typeof value === 'number' ? shortened(value) : value)),
  );
  writeFileSync(join(folder, 'preemption.json'), `[\n${lines.join(',\n')}\n]\n`);
}

/** Five significant digits. */
function shortened(value: number): number {
  return Number(value.toPrecision(5));
}

main();
