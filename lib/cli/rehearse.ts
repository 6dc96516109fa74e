/** `aicluster rehearse`: synthesize a cluster and play it, with the real controllers, in virtual time. */
import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { controllersOf, type ProcessName } from '../controllers/processes';
import type { KubeObject } from '../domain/kube';
import { NODE_MOVES, NODE_VALIDATIONS } from '../domain/resources';
import type { TimelineEntry, World } from '../simulator';
import { readAssembly } from './assembly';
import { writeObjects } from './objects';
import { EXIT, UsageError, type Output } from './output';
import { formatClock } from './report/charts';
import { renderReport, type Sample } from './report/page';
import { toProvings } from './report/provings';
import { toTakings } from './report/takings';
import { play } from './rehearsal/play';
import { synthesizeReference } from './rehearsal/synthesize';

/** The processes that are played: all of them. */
const REHEARSED: readonly ProcessName[] = ['capacity', 'health', 'janitor'];

/** What the processes of the cluster would be started with; no check runs its image here. */
const SURROUNDINGS = {
  env: { CHECK_IMAGE: 'rehearsed', NEURON_CHECK_IMAGE: 'rehearsed', CLUSTER_NAME: 'simulated' },
  namespace: 'aicluster-system',
};

const HELP = `Usage: aicluster rehearse [--assembly DIR] [--seed N] [--hours H] [--report FILE] [--save FILE]
                          [--all] [--json]

Plays a day of a cluster in memory: the Kubernetes objects of a synthesized assembly, the controllers that
would run in it, models of Karpenter, Volcano, kubelets and EC2, and people who submit work.
No AWS account, no cluster; the same seed plays the same day again.

  --assembly DIR  output folder of cdk synth (default: the reference blueprint, synthesized now)
  --seed N        which day (default: 1)
  --hours H       virtual hours (default: 24)
  --report FILE   writes one HTML file with charts
  --save FILE     writes every Kubernetes object as it stands, as a v1 List: read it with aicluster explain --file FILE
  --save-at H     the virtual hour to save at, for example 10.5 (default: the end)
  --all           prints every event; without it only the ones that tell the story
  --json          the last line is {seed, steps, violations, nodes, events, report}

Exit codes: 0 played, 1 an invariant was violated, 2 it could not be played.

Examples:
  aicluster rehearse --report report.html
  cdk synth --quiet && aicluster rehearse --assembly cdk.out --seed 7 --json | tail -1 | jq .nodes
  aicluster rehearse --hours 12 --save day.json --save-at 10.5 && aicluster explain bucket training --file day.json`;

/** Kinds of events that tell the story to a person; the others are in --json, in --all and in the report. */
const STORY = new Set([
  'People',
  'Fault',
  'PoolScaled',
  'NodeAssigned',
  'NodeLeaving',
  'MoveMade',
  'ValidationFinished',
  'ValidationFailed',
  'ReplacementRequested',
  'BreakerTripped',
  'GangAsked',
  'GangSuspending',
  'GangResumed',
  'GangRunning',
  'GangWaiting',
  'JobFailed',
  'AttemptReserved',
  'AttemptDone',
  'FreedByJanitor',
  'InvariantBroken',
  'NoCapacity',
  'BlockEnding',
  'BlockEnded',
]);

interface RehearseArguments {
  readonly assembly?: string;
  readonly seed: number;
  readonly hours: number;
  readonly report?: string;
  readonly save?: string;
  readonly saveAtHours: number;
  readonly all: boolean;
  readonly json: boolean;
}

/** Runs the command; returns its exit code. */
export async function rehearseCommand(args: readonly string[], out: Output): Promise<number> {
  const parsed = parseRehearseArguments(args);
  if (!parsed) {
    out.stdout(HELP);
    return EXIT.ok;
  }
  if (!parsed.json)
    out.stderr(parsed.assembly ? `reading ${parsed.assembly} …` : 'synthesizing the reference cluster …');
  const folder = parsed.assembly ?? (await synthesizeReference(join(__dirname, 'app.js')));
  try {
    const world = await playFolder(folder, parsed, out);
    return finish(world, parsed, out);
  } finally {
    if (!parsed.assembly) rmSync(folder, { recursive: true, force: true });
  }
}

function parseRehearseArguments(args: readonly string[]): RehearseArguments | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      assembly: { type: 'string' },
      seed: { type: 'string', default: '1' },
      hours: { type: 'string', default: '24' },
      report: { type: 'string' },
      save: { type: 'string' },
      'save-at': { type: 'string' },
      all: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const hours = wholeNumber('hours', values.hours, 24 * 31);
  return {
    ...values,
    seed: wholeNumber('seed', values.seed, 2 ** 32 - 1),
    hours,
    saveAtHours: saveAtOf(values, hours),
  };
}

function saveAtOf(values: { readonly save?: string; readonly 'save-at'?: string }, hours: number): number {
  const text = values['save-at'];
  if (text === undefined) return hours;
  if (values.save === undefined) throw new UsageError('--save-at says when to save, and --save FILE where: give both');
  const at = Number(text);
  if (at > 0 && at <= hours) return at;
  throw new UsageError(`--save-at ${text} is not an hour of this rehearsal: more than 0, at most ${hours}`);
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new UsageError(`--${option} ${text} is not a whole number from 1 to ${max}`);
}

async function playFolder(folder: string, wanted: RehearseArguments, out: Output): Promise<World> {
  const { seed, hours, all, json, save } = wanted;
  const assembly = readAssembly(folder);
  if (!json)
    out.stdout(
      `${assembly.objects.length} objects in ${assembly.templates.length} templates; seed ${seed}, ${hours} hours\n`,
    );
  return play({
    assembly,
    controllers: REHEARSED.flatMap((name) => controllersOf(name, SURROUNDINGS)),
    seed,
    hours,
    ...(save !== undefined && {
      saveAtMs: wanted.saveAtHours * 3_600_000,
      onSave: (objects: readonly KubeObject[]) => writeObjects(save, objects),
    }),
    onEvent: (entry) => {
      if (!json && (all || STORY.has(entry.kind))) out.stdout(toLine(entry));
    },
    onProgress: (elapsedMs, world) => {
      if (!json && elapsedMs % (6 * 3_600_000) === 0) out.stdout(`${summaryOf(elapsedMs, world)}\n`);
    },
  });
}

/** PodGroups are named after the UID of their Job, which tells nobody anything. */
const UID_SUFFIX = /-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

function toLine({ t, kind, object, message }: TimelineEntry): string {
  const line = `${formatClock(t, true)}  ${kind.padEnd(14)} ${object.replace(UID_SUFFIX, '').padEnd(34)} ${message}`;
  return line.replace(UID_SUFFIX, '');
}

function summaryOf(elapsedMs: number, world: World): string {
  const { total, byBucket } = world.nodes();
  const each = Object.entries(byBucket).map(([bucket, nodes]) => `${bucket} ${nodes}`);
  return `\n── ${formatClock(elapsedMs)}  ${total} nodes: ${each.join(', ')}`;
}

function finish(world: World, { seed, report, json, hours }: RehearseArguments, out: Output): number {
  const reportPath = report === undefined ? null : resolve(report);
  if (reportPath) writeReport(reportPath, world, `The reference day: ${hours} hours, rehearsed`, seed);
  const { steps, violations, events } = world;
  if (json) {
    out.stdout(JSON.stringify({ seed, steps, violations, nodes: world.nodes(), events, report: reportPath }));
  } else {
    for (const { t, object, message } of violations)
      out.stdout(`VIOLATION ${formatClock(t, true)} ${object}: ${message}`);
    out.stdout(`${steps} steps, ${events.length} events, ${violations.length} violations`);
    if (reportPath) out.stdout(`report: ${reportPath}`);
  }
  return violations.length === 0 ? EXIT.ok : EXIT.findings;
}

function writeReport(path: string, world: World, title: string, seed: number): void {
  const samples: Sample[] = world.samples.map(
    ({ t, nodesByBucket: { unassigned = 0, ...byBucket }, buckets, accelerators }) => ({
      t,
      byBucket,
      unassigned,
      demand: Object.fromEntries(Object.entries(buckets).map(([name, { demand }]) => [name, demand])),
      gpus: { total: accelerators.total, busy: accelerators.used },
    }),
  );
  const { steps, violations, events } = world;
  const moves = world.server.all(NODE_MOVES);
  const takings = toTakings(moves, world.startMs);
  const provings = toProvings(world.server.all(NODE_VALIDATIONS), moves, world.startMs);
  try {
    writeFileSync(path, renderReport({ title, seed, steps, violations, samples, events, takings, provings }));
  } catch (error) {
    throw new UsageError(`the report cannot be written to '${path}': ${(error as Error).message}`);
  }
}
