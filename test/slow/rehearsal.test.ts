/** `npm start` as a newcomer runs it: the built command line, the reference blueprint, the real controllers. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KubeObject } from '../../lib/domain/kube';

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
    // A step is a change that somebody decided; renewals of leases, nine of ten writes of a quiet day, are none.
    expect(day.steps).toBeGreaterThan(3_000);
  });

  it('finds the bad node before anything works on it, and nobody else; it is replaced, and what comes is proved, too', () => {
    const bad = day.events.find(({ kind, message }) => kind === 'Fault' && /memory errors/.test(message))!.object;
    const about = (object: string, kind: string) =>
      day.events.filter((event) => event.object === object && event.kind === kind);
    const [failed, replaced] = [about(bad, 'ValidationFailed'), about(bad, 'ReplacementRequested')];
    expect(failed).toEqual([expect.objectContaining({ message: expect.stringContaining('gpu.ecc') })]);
    expect(replaced).toHaveLength(1);
    expect(about(bad, 'NodeAssigned')).toEqual([]);
    expect(day.events.filter(({ kind }) => kind === 'ValidationFailed')).toEqual(failed);
    expect(day.events.filter(({ kind }) => kind === 'ReplacementRequested')).toEqual(replaced);
    // The next of its pool to become Ready came in its place.
    const next = day.events.find(
      ({ kind, t, message }) => kind === 'NodeReady' && t > replaced[0]!.t && message === 'a node of p5 is Ready',
    )!;
    const [proved] = about(next.object, 'Validated');
    expect(proved?.message).toMatch(/: Pass/);
    for (const assigned of day.events.filter(({ kind }) => kind === 'NodeAssigned')) {
      const before = about(assigned.object, 'Validated').filter(({ t }) => t <= assigned.t);
      expect([assigned.object, before.length > 0]).toEqual([assigned.object, true]);
    }
    const page = readFileSync(report, 'utf8');
    expect(page).toContain('Nodes proved');
    expect(page).toMatch(new RegExp(`${bad.replace('Node ', '')}: Fail: gpu\\.ecc[^<]*replacement asked for at`));
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

  it('takes what costs least from running work when a burst finds nothing free, and says why', () => {
    const made = day.events.find(({ kind, message }) => kind === 'MoveMade' && /busy in training/.test(message));
    expect(made?.message).toMatch(
      /for waiting pods of inference: .*accelerator-hours \(VolcanoJob training\/.*since its checkpoint/,
    );
    const about = day.events.filter(({ object }) => object === made!.object).map(({ kind }) => kind);
    expect(about).toEqual(expect.arrayContaining(['GangAsked', 'GangCheckpointed', 'GangSuspending', 'GangResumed']));
    expect(readFileSync(report, 'utf8')).toContain('Taken from running work');
  });

  it('writes the report it names', () => {
    expect(day.report).toBe(report);
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>[\s\S]*Demand against supply/);
  });

  it('can be saved, and explained like a cluster', () => {
    const saved = join(folder, 'day.json');
    rehearse('--seed', '7', '--hours', '12', '--save', saved, '--save-at', '10.6');
    const run = (...args: string[]) => spawnSync(process.execPath, [CLI, 'explain', ...args], { encoding: 'utf8' });
    const early = join(folder, 'early.json');
    rehearse('--seed', '7', '--hours', '12', '--save', early, '--save-at', '0.2');
    const bad = day.events.find(({ kind, message }) => kind === 'Fault' && /memory errors/.test(message))!.object;
    const found = run('node', bad.replace('Node ', ''), '--file', early).stdout;
    expect(found).toContain(`${bad}: Quarantined`);
    expect(found).toContain('decided by gpu.ecc.volatile.uncorrected.count');
    expect(found).toMatch(/held back by Quarantine: a reserved node stands in quarantine .* \(in \d+m\d*s?\)/);
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

  it('is not looked for where no kubeconfig is', () => {
    const env = { PATH: process.env['PATH'], HOME: folder };
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'explain', 'node', 'n1'], { encoding: 'utf8', env });
    expect([status, stderr]).toEqual([2, expect.stringMatching(/there is no kubeconfig: .*--kubeconfig FILE/)]);
  });

  it('is explained from an API server as from its file, by kubeconfig and context', async () => {
    const saved = join(folder, 'served.json');
    rehearse('--seed', '7', '--hours', '3', '--save', saved);
    const { items } = JSON.parse(readFileSync(saved, 'utf8')) as { items: readonly KubeObject[] };
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const plural = new URL(request.url!, 'http://localhost').pathname.split('/').at(-1)!;
      asked.push(`${request.method} ${plural}`);
      const found = items.filter(({ kind }) => `${kind.toLowerCase()}s` === plural);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: found }));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening).unref());
    const kubeconfig = join(folder, 'kubeconfig');
    const { port } = server.address() as AddressInfo;
    const cluster = (name: string, url: string) => ({
      name,
      cluster: { server: url, 'insecure-skip-tls-verify': true },
    });
    const context = (name: string) => ({ name, context: { cluster: name, user: 'me' } });
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        'current-context': 'other',
        clusters: [cluster('other', 'http://127.0.0.1:9'), cluster('rehearsed', `http://127.0.0.1:${port}`)],
        contexts: [context('other'), context('rehearsed')],
        users: [{ name: 'me', user: {} }],
      }),
    );
    const run = (...args: string[]) => promisify(execFile)(process.execPath, [CLI, 'explain', ...args]);
    const name = ['bucket', 'inference', '--json'];
    const live = JSON.parse((await run(...name, '--kubeconfig', kubeconfig, '--context', 'rehearsed')).stdout);
    const fromFile = JSON.parse((await run(...name, '--file', saved)).stdout);
    const stable = ({ owned, demand, byPhase, conditions }: any) => ({ owned, demand, byPhase, conditions });
    expect(stable(live)).toEqual(stable(fromFile));
    expect(live.owned).toBeGreaterThan(0);
    expect(asked.every((line) => line.startsWith('GET '))).toBe(true);
    const wrong = run(...name, '--kubeconfig', kubeconfig, '--context', 'nowhere');
    await expect(wrong).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no context 'nowhere'; there are: other, rehearsed"),
    });
    const down = run(...name, '--kubeconfig', kubeconfig);
    await expect(down).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/cannot be listed/) });
  });

  it('plays the same day again from the same seed, and another from another', () => {
    const again = rehearse('--seed', '7');
    expect(again.events).toEqual(day.events);
    expect(again.steps).toBe(day.steps);
    expect(rehearse('--seed', '8', '--hours', '6').events).not.toEqual(rehearse('--seed', '7', '--hours', '6').events);
  });
});
