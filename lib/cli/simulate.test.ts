import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from './main';

const JOBS = [
  'cluster,num_gpus,duration,timestamp,gpu_time',
  ...Array.from({ length: 1500 }, (_, i) => `a,${[1, 8, 2, 16, 1000][i % 5]},${(i % 7) * 1800},${i * 400},?`),
].join('\n');
const REQUESTS = [
  'GeneratedTokens,TIMESTAMP,ContextTokens',
  ...Array.from({ length: 1800 }, (_, i) => `${100 + (i % 50)},${i * 2},${i % 900}`),
].join('\n');

describe('aicluster simulate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const files = () => ['--jobs', file('jobs.csv', JOBS), '--requests', file('requests.csv', REQUESTS)];

  async function run(...args: string[]) {
    const lines = { stdout: [] as string[], stderr: [] as string[] };
    const code = await main(['simulate', ...args], {
      stdout: (line) => lines.stdout.push(line),
      stderr: (line) => lines.stderr.push(line),
    });
    return { code, stdout: lines.stdout, stderr: lines.stderr.join('\n') };
  }

  it('ends its output with one line of figures', async () => {
    const args = [...files(), '--nodes', '16', '--policy', 'kueue', '--seed', '4', '--days', '1', '--json'];
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const number = expect.any(Number);
    expect(JSON.parse(stdout.at(-1)!)).toMatchObject({
      policy: 'kueue',
      seed: 4,
      nodes: 16,
      ask: false,
      inference: { missRequestSeconds: number, requestSeconds: number },
      training: { gpuHoursLost: number, gpuHoursDone: number, queueWaitSeconds: { p50: number, p95: number } },
      movesPerDay: number,
      utilisation: number,
      jobs: { impossible: expect.any(Number), empty: expect.any(Number) },
    });
    expect((await run(...args)).stdout).toEqual(stdout);
  });

  it('asks for checkpoints under our policy unless told not to, under others only when told to', async () => {
    const asks = async (...args: string[]) =>
      JSON.parse((await run(...files(), '--nodes', '8', '--days', '1', '--json', ...args)).stdout.at(-1)!).ask;
    expect(await asks()).toBe(true);
    expect(await asks('--no-ask')).toBe(false);
    expect(await asks('--policy', 'largest', '--ask')).toBe(true);
  });

  it.each([
    ['50:15', 0.5],
    ['0.5:15', 0.5],
    ['50%:15', 0.5],
    ['100:15', 1],
    ['1:15', 1],
    ['0:15', 0],
  ])('reads --checkpoints %s', async (text, coverage) => {
    const { stdout } = await run(...files(), '--nodes', '8', '--days', '1', '--checkpoints', text, '--json');
    expect(JSON.parse(stdout.at(-1)!).checkpoints).toEqual({ coverage, minutes: 15 });
  });

  it('speaks to people, and writes a page with curves', async () => {
    const report = join(folder, 'report.html');
    const { code, stdout } = await run(...files(), '--nodes', '16', '--days', '1', '--report', report);
    expect(code).toBe(0);
    expect(stdout.join('\n')).toMatch(/GPU-hours lost[\s\S]*queue wait p50[\s\S]*nodes moved a day[\s\S]*report: /);
    expect(readFileSync(report, 'utf8')).toMatch(/1 days on 16 nodes, policy ours with asking[\s\S]*<svg/);
  });

  it.each([
    [['--policy', 'kueu'], /--policy kueu is none of .*did you mean kueue\?/],
    [['--nodes', '7'], /--nodes 7 is not a whole number from 8 to 2048/],
    [['--seed', ''], /--seed {2}is not a whole number/],
    [['--checkpoints', '101:60'], /--checkpoints 101:60 is not COVERAGE:MINUTES/],
    [['--checkpoints', '50'], /for example 50:60/],
    [['--scale-jobs', '0'], /--scale-jobs 0 is not a number above 0/],
    [['--report', '/nowhere/at/all.html'], /the report cannot be written/],
  ])('%j fails with what is wrong', async (args, message) => {
    const { code, stderr } = await run(...files(), '--nodes', '8', '--days', '1', ...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });

  it('names the file, the column and what is there when a column is missing', async () => {
    const jobs = file('other.csv', 'when,num_gpus,duration\n0,1,60\n');
    const { code, stderr } = await run('--jobs', jobs, '--requests', file('requests.csv', REQUESTS));
    expect(code).toBe(2);
    expect(stderr).toBe(
      `aicluster simulate: ${jobs}: has no column timestamp; its columns are when, num_gpus, duration`,
    );
  });

  it('names the file and the line of a bad value', async () => {
    const requests = file('bad.csv', 'TIMESTAMP,ContextTokens,GeneratedTokens\n0,1,1\n1,many,1\n');
    const { code, stderr } = await run('--jobs', file('jobs.csv', JOBS), '--requests', requests);
    expect(code).toBe(2);
    expect(stderr).toMatch(/bad\.csv: line 3, column ContextTokens: 'many' is not a number/);
  });

  it('says which file is missing', async () => {
    expect((await run('--jobs', 'x.csv')).stderr).toMatch(/--requests FILE is missing/);
    const { code, stderr } = await run('--jobs', join(folder, 'nothing.csv'), '--requests', 'x.csv');
    expect({ code, there: existsSync(join(folder, 'nothing.csv')) }).toEqual({ code: 2, there: false });
    expect(stderr).toMatch(/nothing\.csv' cannot be read/);
  });
});
