import { seedOfRun } from '../../../test/seed';
import type { Gang } from './gang';
import { chooseJobs, parseJobs, type ReplayJob } from './jobs';
import { playCluster, playReplay } from './replay';
import { nodesNeeded, parseRequests } from './requests';
import { DAY_MS, EPOCH_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type Policy, type ReplayOptions } from './settings';

function makeJob(name: string, gpus: number, submitMinute: number, overrides: Partial<ReplayJob> = {}): ReplayJob {
  return {
    name,
    gpus,
    submitMs: EPOCH_MS + submitMinute * MINUTE_MS,
    durationMs: DAY_MS,
    elapsedMs: 0,
    checkpoints: true,
    phase: 0,
    ...overrides,
  };
}

/**
 * Ten nodes, one of them inference's. After three hours inference needs three. The autoscaler sees it a minute later (181:00), the
 * demand counts 30 s after that, the nodes are claimed a second later: 181:31. Gangs start 2 s after they are submitted, and write a
 * checkpoint every hour.
 */
const NEEDED = [...Array<number>(180).fill(1), ...Array<number>(30).fill(3)];
const GANGS = [
  makeJob('largest', 24, 0, { phase: 0.2 }), // last checkpoint 132:02, 49:29 ago
  makeJob('cheapest', 16, 10, { phase: 0.7 }), // 172:02, 9:29 ago
  makeJob('steady', 16, 20, { phase: 0.1 }), // 146:02, 35:29 ago
  makeJob('newest', 16, 150, { checkpoints: false }), // started 150:02, 31:29 ago
];
const OPTIONS = { seed: 3, nodes: 10, intervalMs: HOUR_MS };

function playBurst(policy: Policy, ask: boolean) {
  const { cluster } = playCluster({ needed: NEEDED, jobs: GANGS }, { ...OPTIONS, policy, ask });
  const lost = cluster.training.gangs.filter(({ lostMs }) => lostMs > 0);
  return {
    moved: cluster.moving.handedOver,
    lost: lost.map(({ name }) => name),
    gpuSeconds: lost.reduce((sum, { gpus, lostMs }) => sum + (gpus * lostMs) / SECOND_MS, 0),
  };
}

describe('a burst that needs two busy nodes', () => {
  // Seconds since the last checkpoint, or the start, and 30 s until the pods are gone. Nobody finds room to restart.
  it.each([
    ['ours', 'cheapest', 16 * (569 + 30)],
    ['ours-median', 'cheapest', 16 * (569 + 30)],
    ['oracle', 'cheapest', 16 * (569 + 30)],
    ['kueue', 'newest', 16 * (1889 + 30)],
    ['largest', 'largest', 24 * (2969 + 30)],
    ['min-runtime', 'steady', 16 * (2129 + 30)],
  ] as const)('%s takes them from the %s gang', (policy, gang, gpuSeconds) => {
    expect(playBurst(policy, false)).toEqual({ moved: 2, lost: [gang], gpuSeconds });
  });

  it('random takes them from one gang or another', () => {
    const { moved, lost } = playBurst('random', false);
    expect({ moved, gangs: lost.length }).toEqual({ moved: 2, gangs: 1 });
  });

  it('costs only the writing and the grace when a checkpoint is asked for', () => {
    expect(playBurst('ours', true)).toEqual({ moved: 2, lost: ['cheapest'], gpuSeconds: 16 * (40 + 30) });
  });

  it('does not wait for a gang that never reported a checkpoint', () => {
    expect(playBurst('kueue', true)).toEqual(playBurst('kueue', false));
  });
});

describe('a gang that gave way', () => {
  it('comes back when there is room, goes on from its checkpoint, and pays for the restart', () => {
    const needed = [...NEEDED, ...Array<number>(240).fill(1)];
    const jobs = GANGS.map((job) => ({ ...job, durationMs: 5 * HOUR_MS }));
    const { cluster } = playCluster({ needed, jobs }, { ...OPTIONS, policy: 'ours', ask: false });
    const gang = cluster.training.gangs.find(({ name }) => name === 'cheapest')!;
    expect(gang).toMatchObject({ state: 'Done', preemptions: 1, lostMs: (569 + 30 + 300) * SECOND_MS });
    expect(cluster.nodes.all.filter(({ bucket }) => bucket === 'inference')).toHaveLength(1);
  });
});

/** Two weeks of jobs of many sizes and lengths, some of no length; an hour of requests. */
function makeTraces() {
  const jobs = Array.from({ length: 4000 }, (_, i) => {
    const duration = [0, 60, 600, 3600, 20_000, 90_000][(i * 7) % 6]!;
    return `${(i * 302) % (14 * 86_400)},${duration},${[1, 1, 1, 2, 4, 8, 12, 16, 1000][(i * 5) % 9]}`;
  });
  const requests = Array.from({ length: 3600 }, (_, i) => `${i},${(i * 37) % 2000},${(i * 91) % 400}`);
  return {
    jobs: parseJobs(['timestamp,duration,num_gpus', ...jobs].join('\n'), 'jobs.csv'),
    requests: parseRequests(['TIMESTAMP,ContextTokens,GeneratedTokens', ...requests].join('\n'), 'requests.csv'),
  };
}

describe('a replay', () => {
  const traces = makeTraces();
  const options: ReplayOptions = {
    policy: 'ours',
    seed: seedOfRun() % 1000,
    nodes: 24,
    days: 2,
    ask: true,
    coverage: 0.5,
    intervalMs: HOUR_MS,
  };
  const work = () => {
    const needed = nodesNeeded(traces.requests, options);
    return { needed, jobs: chooseJobs(traces.jobs, options, { roomGpuMs: 120 * 2 * DAY_MS, mostGpus: 168 }).jobs };
  };

  it('gives the same figures for the same seed, to the last digit, and others for another seed', () => {
    const line = JSON.stringify(playReplay(traces, options));
    expect(JSON.stringify(playReplay(traces, options))).toBe(line);
    expect(JSON.stringify(playReplay(traces, { ...options, seed: options.seed + 1 }))).not.toBe(line);
  });

  it.each(['ours', 'kueue', 'random', 'largest'] as const)(
    'accounts for every second of every job under %s',
    (policy) => {
      const { cluster } = playCluster(work(), { ...options, policy });
      const endMs = EPOCH_MS + options.days * DAY_MS;
      const { gangs } = cluster.training;
      expect(gangs.some(({ preemptions }) => preemptions > 0)).toBe(true);
      for (const gang of gangs) {
        expect(gang.heldMs).toBe(gang.keptMs + gang.lostMs);
        const betweenMs = resumingMs(gang, endMs);
        const livedMs = Math.max(0, (gang.doneAtMs ?? endMs) - gang.job.submitMs);
        expect(gang.waitedMs + gang.heldMs + betweenMs).toBe(livedMs);
        if (gang.state === 'Done') expect(gang.keptMs).toBe(gang.job.durationMs - gang.job.elapsedMs);
      }
      const held = gangs.reduce((sum, gang) => sum + gang.gpus * gang.heldMs, 0) + 8 * cluster.inference.heldMs;
      expect(held).toBeLessThanOrEqual(options.nodes * 8 * options.days * DAY_MS);
    },
  );

  it('never puts more on a node than it has, nor loses a node', () => {
    const { cluster, samples } = playCluster(work(), { ...options, policy: 'kueue' });
    for (const { freeGpus } of cluster.nodes.all) expect(freeGpus).toBeGreaterThanOrEqual(0);
    for (const { inference, training, moving } of samples) expect(inference + training + moving).toBe(options.nodes);
  });

  it('misses nothing by looking only when it can matter', () => {
    const { deciding } = playCluster(work(), options, { auditSkips: true });
    expect(deciding.audited.skipped).toBeGreaterThan(100);
    expect(deciding.audited.missed).toBe(0);
  });

  it('reports jobs it cannot play', () => {
    const { jobs } = playReplay(traces, options).result;
    expect(jobs.empty).toBeGreaterThan(0);
    expect(jobs.impossible).toBeGreaterThan(0);
  });
});

/** Between the end of its pods and its resumption a gang neither holds nor waits: a second each time, cut off by the end. */
function resumingMs(gang: Gang, endMs: number): number {
  if (gang.state !== 'Ending' && gang.state !== 'Waiting') return gang.preemptions * SECOND_MS;
  const cutOff = gang.state === 'Ending' && gang.goneAtMs !== undefined && gang.goneAtMs + SECOND_MS > endMs;
  return cutOff ? (gang.preemptions - 1) * SECOND_MS + (endMs - gang.goneAtMs!) : gang.preemptions * SECOND_MS;
}
