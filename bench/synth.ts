/** Time and memory of synthesizing the reference blueprint, as a whole process, with the validator off. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toFigure, type Figure } from './figures';

const RUNS = 9;

/** Runs the CDK app again and again; `/usr/bin/env` time would need a tool, so the child reports its own peak memory. */
export function synthBench(root: string): Figure[] {
  const seconds: number[] = [];
  const rssMb: number[] = [];
  const app = join(root, 'dist/bin/app.js');
  const script = `require(${JSON.stringify(app)}); process.on('exit', () => process.stderr.write('maxRSS=' + process.resourceUsage().maxRSS))`;
  for (let run = 0; run <= RUNS; run++) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-synth-'));
    const started = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: root,
      env: { ...process.env, CDK_OUTDIR: folder, CDK_VALIDATION: 'false' },
      encoding: 'utf8',
    });
    const took = Number(process.hrtime.bigint() - started) / 1e9;
    rmSync(folder, { recursive: true, force: true });
    if (status !== 0) throw new Error(`synth failed:\n${stderr}`);
    // The first run fills the file cache of the machine and is not counted.
    if (run === 0) continue;
    seconds.push(took);
    rssMb.push(Number(/maxRSS=(\d+)/.exec(stderr)?.[1]) / 1024);
  }
  const note = 'whole process: node start, require, construct, synth; validator off; two stacks';
  return [
    toFigure('synth', 's', seconds, { measure: 'time', note }),
    toFigure('synth', 'MB', rssMb, { measure: 'peak resident memory', note }),
  ];
}
