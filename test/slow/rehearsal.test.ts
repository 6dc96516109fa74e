/** `npm start` as a newcomer runs it: the built command line, the reference blueprint, the real controllers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLI = join(__dirname, '../../dist/bin/aicluster.js');

interface Rehearsal {
  readonly seed: number;
  readonly steps: number;
  readonly violations: readonly unknown[];
  readonly nodes: { readonly total: number; readonly byBucket: Readonly<Record<string, number>> };
  readonly events: readonly {
    readonly t: number;
    readonly kind: string;
    readonly object: string;
    readonly message: string;
  }[];
  readonly report: string | null;
}

describe('a rehearsal of the reference cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const report = join(folder, 'report.html');
  const rehearse = (...args: string[]): Rehearsal => {
    const out = execFileSync(process.execPath, [CLI, 'rehearse', '--json', ...args], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    });
    return JSON.parse(out.trimEnd().split('\n').at(-1)!) as Rehearsal;
  };
  const day = rehearse('--seed', '7', '--report', report);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('violates no invariant', () => {
    expect(day.violations).toEqual([]);
    expect(day.steps).toBeGreaterThan(10_000);
  });

  it('tells the story: nodes join, get a bucket, take work, change bucket, and leave with their block', () => {
    const told = (kind: string, pattern: RegExp) =>
      day.events.some((event) => event.kind === kind && pattern.test(event.message));
    expect(told('NodeAssigned', /unassigned → inference/)).toBe(true);
    expect(told('NodeAssigned', /unassigned → training/)).toBe(true);
    expect(told('GangRunning', /runs in training/)).toBe(true);
    expect(told('NodeAssigned', /(training|batch) → inference|(inference|batch) → training/)).toBe(true);
    expect(told('NodeLeaving', /leaves/)).toBe(true);
    expect(told('Fault', /kill -9/)).toBe(true);
  });

  it('writes the report it names', () => {
    expect(day.report).toBe(report);
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>[\s\S]*Demand against supply/);
  });

  it('can be saved, and explained like a cluster', () => {
    const saved = join(folder, 'day.json');
    rehearse('--seed', '7', '--hours', '12', '--save', saved, '--save-at', '10.6');
    const run = (...args: string[]) => spawnSync(process.execPath, [CLI, 'explain', ...args], { encoding: 'utf8' });
    const { status, stdout } = run('bucket', 'training', '--file', saved);
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/^CapacityBucket training: [\s\S]*Why not more[\s\S]*What would help/),
    ]);
    const json = JSON.parse(run('bucket', 'inference', '--file', saved, '--json').stdout);
    expect(json).toMatchObject({ at: expect.stringMatching(/^2026-11-02T10:3/), bucket: 'inference', minimum: 3 });
    expect(run('bucket', 'trainin', '--file', saved)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean training'),
    });
    expect(run('bucket', 'x', '--kubeconfig', '/nowhere')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('/nowhere'),
    });
  });

  it('plays the same day again from the same seed, and another from another', () => {
    const again = rehearse('--seed', '7');
    expect(again.events).toEqual(day.events);
    expect(again.steps).toBe(day.steps);
    expect(rehearse('--seed', '8', '--hours', '6').events).not.toEqual(rehearse('--seed', '7', '--hours', '6').events);
  });
});
