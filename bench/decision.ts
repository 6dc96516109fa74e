/** Time of one whole capacity decision: from warm caches to a plan. Fresh processes, so that the first decision is a cold one. */
import { buildSync } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_FLAGS } from '../lib/charts/controllers-pod';
import type { DecisionOrder, DecisionResult } from './decision-run';
import { toFigure, type Figure } from './figures';

/** Fleets: a gang for every five nodes, four pods a node. */
const SIZES = [
  { nodes: 100, buckets: 4 },
  { nodes: 1_000, buckets: 10 },
  { nodes: 10_000, buckets: 20 },
];
const PROCESSES = 5;
const ROUNDS = { warmUp: 20, rounds: 60 };

/** Every size, in several processes with a seed each. */
export function decisionBench(root: string): Figure[] {
  const folder = mkdtempSync(join(tmpdir(), 'bench-decision-'));
  try {
    const program = bundle(root, folder);
    return SIZES.flatMap((size) => figuresOf(size, program));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As build.mjs bundles the controllers that ship, so that the same code is measured. */
function bundle(root: string, folder: string): string {
  const outfile = join(folder, 'decision.js');
  const how = {
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minify: true,
    keepNames: true,
  } as const;
  buildSync({ entryPoints: [join(root, 'bench/decision-run.ts')], outfile, ...how, logLevel: 'warning' });
  return outfile;
}

function figuresOf({ nodes, buckets }: (typeof SIZES)[number], program: string): Figure[] {
  const size = { nodes, buckets, gangs: nodes / 5, pods: nodes * 4 };
  const results = Array.from({ length: PROCESSES }, (_, i) => runOnce(program, { ...size, seed: i + 1, ...ROUNDS }));
  const warm = results.flatMap((result) => result.warm);
  const cold = results.map((result) => result.cold);
  const rows = [
    ['warm', warm.map(({ ms }) => ms), WARM_NOTE],
    ['warm, processor', warm.map(({ processorMs }) => processorMs), `${PROCESSOR_NOTE}; ${WARM_NOTE}`],
    ['cold', cold.map(({ ms }) => ms), COLD_NOTE],
    ['cold, processor', cold.map(({ processorMs }) => processorMs), `${PROCESSOR_NOTE}; ${COLD_NOTE}`],
  ] as const;
  return rows.map(([measure, values, note]) =>
    toFigure('decision', 'ms', values, { ...size, measure, seeds: `1 to ${PROCESSES}`, note }),
  );
}

const PROCESSOR_NOTE =
  'processor time of the deciding thread: the figure to compare on a machine that does other things too';
const WARM_NOTE =
  `observe from caches and plan, nothing written; ${ROUNDS.warmUp} decisions before it; between two decisions 2 s pass: kubelets ` +
  'report, pods and a gang are replaced, moves are carried out; no scheduler runs, so what waits goes on waiting';
const COLD_NOTE =
  'the first decision of a process whose caches have just been filled: every object is read for the first time';

function runOnce(program: string, order: DecisionOrder): DecisionResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...NODE_FLAGS, program, JSON.stringify(order)], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`the decision benchmark failed:\n${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as DecisionResult;
}
