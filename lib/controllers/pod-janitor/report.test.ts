import type { JanitorPolicyStatus } from '../../api';
import { DEFAULT_POLICY, type PolicyState } from './observe';
import { lastActedMs, statusOf } from './report';
import { NOW_MS } from './testing';

const policy = (status: JanitorPolicyStatus): PolicyState => ({
  ...{ resourceVersion: '1', generation: 1, spec: DEFAULT_POLICY, status },
});
const after = (status: JanitorPolicyStatus, acts: number, nowMs: number) =>
  statusOf(policy(status), { pods: [], work: [], acts, nowMs });

describe('what was done is written before it is done', () => {
  it('all of a busy hour, in no more entries than the schema takes, with the time of the last', () => {
    let status: JanitorPolicyStatus = {};
    const times = Array.from({ length: 7_200 }, (_, i) => NOW_MS + i * 499);
    for (const nowMs of times) status = after(status, 1, nowMs);
    expect(status.doneLastHour).toBe(7_200);
    expect(status.acted!.length).toBeLessThanOrEqual(61);
    expect(lastActedMs(status)).toBe(Math.floor(times.at(-1)! / 1000) * 1000);
  });

  it('and forgotten after an hour', () => {
    const then = after({}, 3, NOW_MS);
    expect(after(then, 0, NOW_MS + 3_599_000).doneLastHour).toBe(3);
    expect(after(then, 0, NOW_MS + 3_601_000)).toMatchObject({ doneLastHour: 0, acted: [] });
  });
});
