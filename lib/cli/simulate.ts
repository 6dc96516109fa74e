/** `aicluster simulate`: replay traces of jobs and requests, with the real decisions, and count what taking nodes costs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { nearest } from '../domain/nearest';
import {
  CsvError,
  parseJobs,
  parseRequests,
  playReplay,
  POLICIES,
  type Policy,
  type Replay,
  type ReplayOptions,
} from '../simulator/replay';
import { EXIT, UsageError, type Output } from './output';
import { renderReplay, replayLines } from './simulate-text';

const HELP = `Usage: aicluster simulate --jobs FILE --requests FILE [options]

Replays a trace of training jobs and a trace of inference requests on a block of p5.48xlarge nodes in
virtual time. The plan that runs in the cluster decides which nodes inference takes from running
training, and when they go back; --policy says who chooses the gangs that give way. The same files
and options give the same figures.

  --jobs FILE       CSV with the columns timestamp, duration (s), num_gpus; others are ignored
  --requests FILE   CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens; others are ignored
  --nodes N         nodes of the block, 8 GPUs each, 8 to 2048 (default: 64)
  --policy P        ours         least cost: work since the last checkpoint, restart, what is left idle
                    ours-median  the same, but a gang that never reported a checkpoint is taken to lose what
                                 the median of those that do would lose (ours: all since its start)
                    kueue        lowest priority, newest first, until it is enough; then fill back
                    largest      most GPUs first
                    random       any, by the seed
                    min-runtime  only gangs that ran 2 h, newest first (KAI)
                    oracle       least cost, knowing what each gang will really lose
                    (default: ours)
  --seed S          which days (default: 1)
  --days D          virtual days, 1 to 14 (default: 2)
  --checkpoints COVERAGE:MINUTES
                    share of jobs that write checkpoints, and how often: 50:60, 100:15, 0:60.
                    Above 1 it is a percentage, up to 1 a share (default: 100:60)
  --scale-jobs K    multiplies the sizes of jobs; 20 brings the Philly trace to those of LLM clusters
  --ask, --no-ask   ask gangs for a checkpoint before they are ended (default: ours asks, others do not)
  --report FILE     writes one HTML file with curves
  --json            the last line is {policy, seed, nodes, inference, training, movesPerDay, utilisation, …}

Where to get traces, and how to read the figures: docs/guides/simulate.md.

Exit codes: 0 replayed, 2 it could not be: an option, a file, a column or a value in it is wrong.

Examples:
  aicluster simulate --jobs philly.csv --requests azure-conv.csv --nodes 64 --policy ours
  aicluster simulate --jobs philly.csv --requests azure-conv.csv --policy kueue --checkpoints 50:60 --json
  aicluster simulate --jobs philly.csv --requests azure-conv.csv --scale-jobs 20 --report replay.html`;

/** What was asked for. */
interface SimulateArguments {
  readonly jobs: string;
  readonly requests: string;
  readonly options: ReplayOptions;
  readonly report?: string;
  readonly json: boolean;
}

/** Runs the command; returns its exit code. */
export function simulateCommand(args: readonly string[], out: Output): number {
  const parsed = parseSimulateArguments(args);
  if (!parsed) {
    out.stdout(HELP);
    return EXIT.ok;
  }
  const { jobs, requests, options, report, json } = parsed;
  const traces = readTraces(jobs, requests);
  if (!json) {
    out.stderr(
      `replaying ${options.days} days on ${options.nodes} nodes: ${traces.jobs.jobs.length} jobs in ${basename(jobs)}, ` +
        `${traces.requests.requests} requests in ${basename(requests)} …`,
    );
  }
  const replay = playReplay(traces, options);
  if (report !== undefined) writeReport(resolve(report), replay);
  if (json) out.stdout(JSON.stringify(replay.result));
  else for (const line of replayLines(replay.result)) out.stdout(line);
  if (!json && report !== undefined) out.stdout(`report: ${resolve(report)}`);
  return EXIT.ok;
}

const OPTIONS = {
  jobs: { type: 'string' },
  requests: { type: 'string' },
  nodes: { type: 'string', default: '64' },
  policy: { type: 'string', default: 'ours' },
  seed: { type: 'string', default: '1' },
  days: { type: 'string', default: '2' },
  checkpoints: { type: 'string', default: '100:60' },
  'scale-jobs': { type: 'string' },
  ask: { type: 'boolean' },
  report: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const;

function parseSimulateArguments(args: readonly string[]): SimulateArguments | undefined {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, allowNegative: true });
  if (values.help) return undefined;
  const { report, json } = values;
  const policy = parsePolicy(values.policy);
  return {
    jobs: requireFile('jobs', values.jobs),
    requests: requireFile('requests', values.requests),
    options: {
      policy,
      nodes: wholeNumber('nodes', values.nodes, 8, 2048),
      seed: wholeNumber('seed', values.seed, 0, 2 ** 32 - 1),
      days: wholeNumber('days', values.days, 1, 14),
      ask: values.ask ?? policy.startsWith('ours'),
      ...parseCheckpoints(values.checkpoints),
      ...(values['scale-jobs'] === undefined ? {} : { scaleJobs: parseScale(values['scale-jobs']) }),
    },
    json,
    ...(report === undefined ? {} : { report }),
  };
}

function parsePolicy(text: string): Policy {
  const policy = POLICIES.find((name) => name === text);
  if (policy) return policy;
  throw new UsageError(
    `--policy ${text} is none of ${POLICIES.join(', ')}; did you mean ${nearest(text, POLICIES, 1)[0]}?`,
  );
}

function requireFile(option: string, path: string | undefined): string {
  if (path !== undefined) return path;
  throw new UsageError(`--${option} FILE is missing; see aicluster simulate --help`);
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`--${option} ${text} is not a whole number from ${min} to ${max}`);
}

function parseScale(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 1024) return value;
  throw new UsageError(`--scale-jobs ${text} is not a number above 0, up to 1024`);
}

function parseCheckpoints(text: string): Pick<ReplayOptions, 'coverage' | 'intervalMs'> {
  const match = /^(\d+(?:\.\d+)?)%?:(\d+(?:\.\d+)?)$/.exec(text);
  const [coverage, minutes] = match ? [Number(match[1]), Number(match[2])] : [NaN, NaN];
  if (coverage <= 100 && minutes >= 1 && minutes <= 10_080) {
    return { coverage: coverage > 1 ? coverage / 100 : coverage, intervalMs: Math.round(minutes * 60_000) };
  }
  throw new UsageError(
    `--checkpoints ${text} is not COVERAGE:MINUTES, with a coverage from 0 to 100 and 1 minute at least; for example 50:60`,
  );
}

function readTraces(jobs: string, requests: string) {
  try {
    return { jobs: parseJobs(readText(jobs), jobs), requests: parseRequests(readText(requests), requests) };
  } catch (error) {
    if (error instanceof CsvError) throw new UsageError(error.message);
    throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`'${path}' cannot be read: ${(error as Error).message}`);
  }
}

function writeReport(path: string, replay: Replay): void {
  try {
    writeFileSync(path, renderReplay(replay));
  } catch (error) {
    throw new UsageError(`the report cannot be written to '${path}': ${(error as Error).message}`);
  }
}
