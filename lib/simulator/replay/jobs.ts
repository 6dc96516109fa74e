/**
 * Training jobs of a trace → the jobs of one replay: a window of the trace chosen by the seed, sizes shifted if asked, as many jobs as
 * keep the cluster busy, and which of them write checkpoints. PURE; the same trace and seed give the same jobs.
 *
 * The window lies in the middle 70 % of the trace, because traces begin and end thin. Jobs that were running when it opens run when the
 * replay begins, with the age they had, or with MOST_AGE_MS: without ages what is taken first by age would be unrealistically young; but
 * the trace is of a cluster where nobody took nodes, and a gang of hundreds of GPUs that ran there for a week would not have outlived
 * yesterday's peak here.
 *
 * Load: offered work (clipped to the window) is brought to TRAINING_LOAD of what the nodes left by inference can do. Jobs are sorted by
 * work and sampled systematically, each as often as the factor says, so that thinning keeps the mix of sizes; further copies of a job
 * are submitted up to half an hour away from it.
 *
 * `scaleJobs` K shifts sizes to the shape of LLM clusters (Acme's Kalos: 26.8 GPUs on average, 1,024 at most; Philly: 1.3): every size is
 * multiplied by K and by one of 1/4, 1/2, 1, 2, chosen by the seed; up to 8 GPUs it stays below a node, above it fills whole nodes.
 * K = 20 brings Philly's average to about 27. Durations and submit times stay; the sampling above thins the jobs accordingly.
 */
import type { Random } from '../../runtime/ports';
import { splitRandom } from '../random';
import { parseCsv, parseMoment, parseNumber, CsvError } from './csv';
import {
  DAY_MS,
  EPOCH_MS,
  GPUS_PER_NODE,
  HOUR_MS,
  MOST_AGE_MS,
  MOST_SCALED_GPUS,
  type ReplayOptions,
} from './settings';

/** A job as the trace has it. */
export interface TraceJob {
  readonly submitMs: number;
  readonly durationMs: number;
  readonly gpus: number;
}

/** A trace of jobs, by submit time. */
export interface JobTrace {
  readonly jobs: readonly TraceJob[];
  /** Jobs that ran for no time or without a GPU: nothing to replay. */
  readonly empty: number;
}

/** A job of one replay; times in virtual epoch milliseconds. */
export interface ReplayJob {
  readonly name: string;
  readonly gpus: number;
  readonly submitMs: number;
  /** Work in all. */
  readonly durationMs: number;
  /** How long it has run when the replay begins; 0: it is submitted later. */
  readonly elapsedMs: number;
  readonly checkpoints: boolean;
  /** Share of an interval until its first checkpoint. */
  readonly phase: number;
}

/** The jobs of one replay, and what was left out. */
export interface ReplayJobs {
  readonly jobs: readonly ReplayJob[];
  /** Jobs of the window larger than the training bucket may ever be. */
  readonly impossible: number;
  /** Jobs of the trace that ran for no time or without a GPU. */
  readonly empty: number;
  /** How often each job of the window was taken. */
  readonly factor: number;
}

const COLUMNS = ['timestamp', 'duration', 'num_gpus'] as const;
/** Share of the trace at either end where no window lies. */
const EDGE = 0.15;
const SPREAD = [1 / 4, 1 / 2, 1, 2] as const;

/** Reads jobs: `timestamp` (submit time), `duration` in seconds, `num_gpus`. */
export function parseJobs(text: string, file: string): JobTrace {
  let empty = 0;
  const jobs: TraceJob[] = [];
  for (const { line, values } of parseCsv(text, file, COLUMNS)) {
    const [timestamp, duration, gpus] = values as [string, string, string];
    const submitMs = parseMoment(timestamp, { file, line, column: COLUMNS[0] });
    const seconds = parseNumber(duration, 0, { file, line, column: COLUMNS[1] });
    const wanted = Math.ceil(parseNumber(gpus, 0, { file, line, column: COLUMNS[2] }));
    const durationMs = Math.round(seconds) * 1000;
    if (durationMs === 0 || wanted === 0) empty += 1;
    else jobs.push({ submitMs, durationMs, gpus: wanted });
  }
  if (jobs.length === 0) throw new CsvError(`${file}: has no job that runs for a while on a GPU`);
  return { jobs: jobs.sort((a, b) => a.submitMs - b.submitMs), empty };
}

type Choice = Pick<ReplayOptions, 'seed' | 'days' | 'coverage' | 'scaleJobs'>;

/** The jobs of one replay. `roomGpuMs`: GPU time that training is offered; `mostGpus`: a larger job can never run. */
export function chooseJobs(
  trace: JobTrace,
  options: Choice,
  { roomGpuMs, mostGpus }: { readonly roomGpuMs: number; readonly mostGpus: number },
): ReplayJobs {
  const windowMs = options.days * DAY_MS;
  const startMs = windowStart(trace.jobs, windowMs, splitRandom(options.seed, 'window'));
  const inside = inWindow(scaled(trace.jobs, options), startMs, windowMs);
  const possible = inside.filter(({ gpus }) => gpus <= mostGpus);
  const workOf = (job: TraceJob) => clippedWork(job, startMs, windowMs);
  const offered = possible.reduce((sum, job) => sum + workOf(job), 0);
  const factor = offered === 0 ? 0 : roomGpuMs / offered;
  const bySize = [...possible].sort(
    (a, b) => workOf(a) - workOf(b) || a.submitMs - b.submitMs || a.durationMs - b.durationMs || a.gpus - b.gpus,
  );
  const drafts = copies(bySize, factor, { startMs, windowMs, random: splitRandom(options.seed, 'copies') });
  drafts.sort((a, b) => a.submitMs - b.submitMs || b.elapsedMs - a.elapsedMs || a.gpus - b.gpus);
  const random = splitRandom(options.seed, 'checkpoints');
  const jobs = drafts.map((draft, i): ReplayJob => {
    // Drawn for every job, so that a job that writes checkpoints at 50 % does so at 100 % too.
    const [drawn, phase] = [random(), random()];
    return { ...draft, name: `job-${String(i).padStart(5, '0')}`, checkpoints: drawn < options.coverage, phase };
  });
  return { jobs, impossible: inside.length - possible.length, empty: trace.empty, factor };
}

function windowStart(jobs: readonly TraceJob[], windowMs: number, random: Random): number {
  const first = jobs[0]!.submitMs;
  const span = jobs.at(-1)!.submitMs - first;
  const room = span * (1 - 2 * EDGE) - windowMs;
  return room <= 0 ? first : first + Math.round(span * EDGE + random() * room);
}

function inWindow(jobs: readonly TraceJob[], startMs: number, windowMs: number): readonly TraceJob[] {
  return jobs.filter(({ submitMs, durationMs }) => submitMs < startMs + windowMs && submitMs + durationMs > startMs);
}

function scaled(jobs: readonly TraceJob[], { seed, scaleJobs }: Choice): readonly TraceJob[] {
  if (scaleJobs === undefined) return jobs;
  const random = splitRandom(seed, 'sizes');
  return jobs.map((job) => {
    const gpus = job.gpus * scaleJobs * SPREAD[Math.floor(random() * SPREAD.length)]!;
    return { ...job, gpus: gpus <= GPUS_PER_NODE ? Math.max(1, Math.round(gpus)) : wholeNodes(gpus) };
  });
}

function wholeNodes(gpus: number): number {
  return Math.min(MOST_SCALED_GPUS, Math.ceil(gpus / GPUS_PER_NODE) * GPUS_PER_NODE);
}

/** GPU time that the job can hold within the window. */
function clippedWork({ submitMs, durationMs, gpus }: TraceJob, startMs: number, windowMs: number): number {
  const from = Math.max(submitMs, startMs);
  return gpus * Math.max(0, Math.min(submitMs + durationMs, startMs + windowMs) - from);
}

type Draft = Omit<ReplayJob, 'name' | 'checkpoints' | 'phase'>;

function copies(
  jobs: readonly TraceJob[],
  factor: number,
  { startMs, windowMs, random }: { readonly startMs: number; readonly windowMs: number; readonly random: Random },
): Draft[] {
  const drafts: Draft[] = [];
  let due = random();
  for (const { submitMs, durationMs, gpus } of jobs) {
    due += factor;
    for (let copy = 0; due >= 1; copy++, due -= 1) {
      const jitterMs = copy === 0 ? 0 : Math.round((random() - 0.5) * HOUR_MS);
      if (submitMs < startMs) {
        const elapsedMs = copy === 0 ? startMs - submitMs : Math.round(random() * durationMs);
        drafts.push({ gpus, submitMs: EPOCH_MS, ...aged(elapsedMs, durationMs) });
      } else {
        const atMs = Math.min(Math.max(submitMs - startMs + jitterMs, 0), windowMs - 1000);
        drafts.push({ gpus, durationMs, submitMs: EPOCH_MS + Math.floor(atMs / 1000) * 1000, elapsedMs: 0 });
      }
    }
  }
  return drafts;
}

/** What is left to do stays; what was done before is cut off at MOST_AGE_MS. Whole seconds, at least one of them still to come. */
function aged(elapsedMs: number, durationMs: number): Pick<ReplayJob, 'elapsedMs' | 'durationMs'> {
  const leftMs = Math.max(1000, durationMs - Math.floor(elapsedMs / 1000) * 1000);
  const ageMs = Math.min(durationMs - leftMs, MOST_AGE_MS);
  return { elapsedMs: ageMs, durationMs: ageMs + leftMs };
}
