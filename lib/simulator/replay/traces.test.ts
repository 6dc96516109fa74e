import { parseJobs, chooseJobs } from './jobs';
import { nodesNeeded, parseRequests } from './requests';
import { DAY_MS, EPOCH_MS, HOUR_MS } from './settings';

/** A job every ten minutes for twenty days: 1, 2, 4, 8, 16 GPUs in turn, an hour each. */
function steadyTrace(): string {
  const lines = Array.from({ length: 20 * 144 }, (_, i) => `${i * 600},3600,${2 ** (i % 5)}`);
  return ['timestamp,duration,num_gpus', ...lines].join('\n');
}

const room = { roomGpuMs: 100 * DAY_MS, mostGpus: 64 };
const choice = { seed: 1, days: 2, coverage: 0.5 };

describe('jobs of a replay', () => {
  const trace = parseJobs(steadyTrace(), 'jobs.csv');

  it('leaves out jobs that ran for no time or without a GPU, and counts them', () => {
    const { jobs, empty } = parseJobs('timestamp,duration,num_gpus\n0,0,8\n5,10,0\n9,0.2,1\n3,60,2', 'jobs.csv');
    expect({ jobs, empty }).toEqual({ jobs: [{ submitMs: 3000, durationMs: 60_000, gpus: 2 }], empty: 3 });
  });

  it('says when there is nothing to replay', () => {
    expect(() => parseJobs('timestamp,duration,num_gpus\n0,0,8\n', 'jobs.csv')).toThrow('has no job that runs');
  });

  it('takes as many as fill the room, with the same sizes', () => {
    const { jobs, factor } = chooseJobs(trace, choice, room);
    const work = jobs.reduce((sum, { gpus, durationMs, elapsedMs, submitMs }) => {
      const left = Math.min(durationMs - elapsedMs, EPOCH_MS + 2 * DAY_MS - submitMs);
      return sum + gpus * left;
    }, 0);
    expect(work / room.roomGpuMs).toBeGreaterThan(0.95);
    expect(work / room.roomGpuMs).toBeLessThan(1.05);
    expect(factor).toBeGreaterThan(1);
    expect(new Set(jobs.map(({ gpus }) => gpus))).toEqual(new Set([1, 2, 4, 8, 16]));
  });

  it('lets jobs that ran when the window opens run when the replay begins, with their age', () => {
    const running = chooseJobs(trace, choice, room).jobs.filter(({ elapsedMs }) => elapsedMs > 0);
    expect(running.length).toBeGreaterThan(0);
    for (const { elapsedMs, durationMs, submitMs } of running) {
      expect(elapsedMs).toBeLessThan(durationMs);
      expect(submitMs).toBe(EPOCH_MS);
    }
  });

  it('skips and counts jobs larger than the bucket may ever be', () => {
    const odd = parseJobs(`${steadyTrace()}\n1000000,3600,1000`, 'jobs.csv');
    const all = Array.from({ length: 40 }, (_, seed) => chooseJobs(odd, { ...choice, seed, days: 14 }, room));
    expect(Math.max(...all.map(({ impossible }) => impossible))).toBe(1);
    for (const { jobs } of all) expect(jobs.every(({ gpus }) => gpus <= 64)).toBe(true);
  });

  it('gives the same jobs for the same seed, and others for another', () => {
    expect(chooseJobs(trace, choice, room)).toEqual(chooseJobs(trace, choice, room));
    expect(chooseJobs(trace, { ...choice, seed: 2 }, room)).not.toEqual(chooseJobs(trace, choice, room));
  });

  it('adds jobs that write checkpoints when coverage rises, and changes no others', () => {
    const named = (coverage: number) =>
      new Set(
        chooseJobs(trace, { ...choice, coverage }, room)
          .jobs.filter((job) => job.checkpoints)
          .map(({ name }) => name),
      );
    const [none, half, all] = [named(0), named(0.5), named(1)];
    expect(none.size).toBe(0);
    expect(half.size / all.size).toBeCloseTo(0.5, 1);
    for (const name of half) expect(all.has(name)).toBe(true);
  });

  it('scales sizes, whole nodes above eight GPUs, 1,024 at most', () => {
    const wide = { roomGpuMs: 1000 * DAY_MS, mostGpus: 2048 };
    const { jobs } = chooseJobs(trace, { ...choice, scaleJobs: 100 }, wide);
    const sizes = jobs.map(({ gpus }) => gpus);
    expect(Math.max(...sizes)).toBe(1024);
    expect(sizes.filter((gpus) => gpus > 8).every((gpus) => gpus % 8 === 0)).toBe(true);
  });

  it('plays a trace shorter than the window from its beginning', () => {
    const short = parseJobs('timestamp,duration,num_gpus\n0,60,1\n60,60,1', 'jobs.csv');
    expect(chooseJobs(short, choice, { roomGpuMs: 120_000, mostGpus: 64 }).jobs).toHaveLength(2);
  });
});

describe('load of a replay', () => {
  const hour = Array.from({ length: 3600 }, (_, second) => `${second},${second % 60 === 0 ? 5000 : 500},100`);
  const trace = parseRequests(['TIMESTAMP,ContextTokens,GeneratedTokens', ...hour].join('\n'), 'requests.csv');

  it('rises from the quietest hour to the peak share twelve hours later, and falls again', () => {
    const needed = nodesNeeded(trace, { seed: 1, days: 1, nodes: 100 });
    const mean = (hour: number) => needed.slice(hour * 60, hour * 60 + 60).reduce((sum, value) => sum + value, 0) / 60;
    expect(needed).toHaveLength(1440);
    expect(Math.max(...needed)).toBeCloseTo(45, 6);
    expect(mean(0)).toBeCloseTo(15, 0);
    expect(mean(12)).toBeGreaterThan(mean(6));
    expect(mean(23)).toBeLessThan(mean(18));
  });

  it('survives gaps: minutes without a request need nothing', () => {
    const gap = parseRequests('TIMESTAMP,ContextTokens,GeneratedTokens\n0,10,10\n600,10,10\n700,1,1', 'requests.csv');
    expect(gap.perBin.filter((seconds) => seconds === 0)).toHaveLength(9);
    expect(nodesNeeded(gap, { seed: 1, days: 1, nodes: 10 }).every(Number.isFinite)).toBe(true);
  });

  it('plays a trace of a day or more as it is', () => {
    const lines = Array.from({ length: 48 * 60 }, (_, minute) => `${minute * 60},0,${minute < 1440 ? 1 : 2}`);
    const days = parseRequests(['TIMESTAMP,ContextTokens,GeneratedTokens', ...lines].join('\n'), 'requests.csv');
    const needed = nodesNeeded(days, { seed: 1, days: 2, nodes: 20 });
    expect([needed[0], needed[1500]]).toEqual([4.5, 9]);
    expect(needed).toHaveLength((2 * DAY_MS) / (HOUR_MS / 60));
  });

  it('says when there is nothing to replay', () => {
    const text = 'TIMESTAMP,ContextTokens,GeneratedTokens\n0,0,0';
    expect(() => parseRequests(text, 'requests.csv')).toThrow('requests.csv: has no request with tokens');
  });
});
