import { lossOf, RESTART_SECONDS, surplusOf } from './cost';
import type { CheckpointFacts } from './checkpoints';
import type { RunningGang } from './running-gangs';
import { makePodFacts } from './testing';
import { toVolcanoJobFacts } from './volcano-jobs';

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-23T12:00:00Z');

const gang = (name: string, overrides: Partial<RunningGang> = {}): RunningGang => ({
  key: `VolcanoJob research/${name}`,
  namespace: 'research',
  workload: { kind: 'VolcanoJob', namespace: 'research', name },
  members: [makePodFacts({ namespace: 'research', name: `${name}-0`, nodeName: 'p5-0' })],
  minMember: 1,
  accelerators: 8,
  createdAtMs: NOW - 125 * MINUTE,
  startedAtMs: NOW - 120 * MINUTE,
  ...overrides,
});
const checkpoints = (minutesAgo: Record<string, number>, more: Partial<CheckpointFacts> = {}) =>
  new Map(
    Object.entries(minutesAgo).map(([name, minutes]): [string, CheckpointFacts] => {
      const key = `research/${name}`;
      return [key, { gang: key, takenAtMs: NOW - minutes * MINUTE, ...more }];
    }),
  );
const loss = (one: RunningGang, newest = checkpoints({})) => lossOf(one, newest, NOW);

describe('what a gang loses', () => {
  test('the work since its checkpoint, and its restart', () => {
    const expected = { seconds: 12 * 60 + RESTART_SECONDS, workSeconds: 720, since: 'checkpoint' };
    expect(loss(gang('llama'), checkpoints({ llama: 12 }))).toEqual(expected);
    expect(loss(gang('llama'), checkpoints({ llama: 12 }, { restartMs: 30_000 })).seconds).toBe(750);
  });

  test('a checkpoint in the future counts as now, one from before its start as its start', () => {
    expect(loss(gang('llama'), checkpoints({ llama: -5 })).workSeconds).toBe(0);
    expect(loss(gang('llama'), checkpoints({ llama: 500 }))).toMatchObject({ workSeconds: 7200, since: 'start' });
  });

  test('unknown: since its start, whatever others have reported', () => {
    expect(loss(gang('llama'), checkpoints({ other: 5 }))).toMatchObject({ workSeconds: 7200, since: 'start' });
    const young = gang('llama', { startedAtMs: NOW - 2 * MINUTE });
    expect(loss(young, checkpoints({ other: 5 }))).toMatchObject({ workSeconds: 120, since: 'start' });
  });

  test.each(['ReplicaSet', 'StatefulSet'])('pods of a %s lose their restart alone', (kind) => {
    const pod = makePodFacts({ nodeName: 'p5-0', owner: { kind, name: 'web', uid: 'u' } });
    const alone = gang('web', { key: 'Pod default/web', workload: undefined, members: [pod] });
    expect(loss(alone)).toEqual({ seconds: RESTART_SECONDS, workSeconds: 0, since: 'nothing' });
    expect(loss({ ...alone, members: [makePodFacts({ nodeName: 'p5-0' })] }).workSeconds).toBe(7200);
  });
});

describe('surplus members', () => {
  const members = [0, 1, 2, 3].map((i) => makePodFacts({ name: `llama-${i}`, nodeName: `p5-${i}` }));
  const elastic = gang('llama', { members, minMember: 2 });
  const job = (spec: object) =>
    new Map([
      ['research/llama', toVolcanoJobFacts({ metadata: { namespace: 'research', name: 'llama' }, spec } as any)],
    ]);

  test.each([
    ['no policies', {}, 2],
    ['RestartJob on PodEvicted', { policies: [{ event: 'PodEvicted', action: 'RestartJob' }] }, 0],
    ['RestartJob on several', { policies: [{ events: ['TaskFailed', 'PodFailed'], action: 'RestartJob' }] }, 0],
    ['AbortJob on everything', { policies: [{ event: '*', action: 'AbortJob' }] }, 0],
    ['RestartJob by task', { tasks: [{ policies: [{ event: 'PodFailed', action: 'RestartJob' }] }] }, 0],
    ['RestartJob on an exit code', { policies: [{ exitCode: 143, action: 'RestartJob' }] }, 0],
    ['RestartPod', { policies: [{ event: 'PodEvicted', action: 'RestartPod' }] }, 2],
    ['something else', { policies: [{ event: 'TaskCompleted', action: 'CompleteJob' }] }, 2],
  ])('of a Volcano Job with %s', (_, spec, surplus) => {
    expect(surplusOf(elastic, job(spec))).toBe(surplus);
  });

  test('an unknown Volcano Job, and workloads of other operators, are taken to restart whole', () => {
    expect(surplusOf(elastic, new Map())).toBe(0);
    expect(
      surplusOf({ ...elastic, workload: { kind: 'JobSet', namespace: 'research', name: 'llama' } }, new Map()),
    ).toBe(0);
    expect(surplusOf({ ...elastic, workload: undefined }, new Map())).toBe(2);
  });
});
