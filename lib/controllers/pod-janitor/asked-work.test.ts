import { ASK_AGAIN_MS, AskedWork } from './asked-work';
import type { WorkAction } from './work-actions';

const ledger = { namespace: 'research', name: 'job-a', resourceVersion: '1', status: {} };
const suspend = (number = 1) =>
  ({ type: 'RestartWork', ledger, number, act: { act: 'Suspend' } }) as unknown as WorkAction;
const write: WorkAction = { type: 'WriteLedger', ledger, status: {} };

describe('what is asked of work', () => {
  it('is asked once, and again after a while, however often somebody looks', () => {
    const asked = new AskedWork();
    const counts = Array.from({ length: 100 }, (_, i) => asked.due([suspend()], (i * ASK_AGAIN_MS) / 50));
    expect(counts.map(({ actions }) => actions.length).reduce((a, b) => a + b)).toBe(2);
    expect(counts.map(({ first }) => first).reduce((a, b) => a + b)).toBe(1);
  });

  it('says when it is time, counted from when it was asked and not from when somebody looked', () => {
    const asked = new AskedWork();
    const moments = [0, 1, ASK_AGAIN_MS - 1].map((nowMs) => nowMs + asked.due([suspend()], nowMs).againMs);
    expect(moments).toEqual([ASK_AGAIN_MS, ASK_AGAIN_MS, ASK_AGAIN_MS]);
    expect(asked.due([], ASK_AGAIN_MS).againMs).toBe(Infinity);
  });

  it('is asked anew for every attempt, and after it was not asked for', () => {
    const asked = new AskedWork();
    expect(asked.due([suspend(1), suspend(2)], 0)).toMatchObject({ first: 2 });
    expect(asked.due([suspend(2)], 1)).toMatchObject({ actions: [], first: 0 });
    expect(asked.due([suspend(1)], 2)).toMatchObject({ actions: [suspend(1)], first: 1 });
  });

  it('is asked at once after it came to nothing, and is not counted twice', () => {
    const asked = new AskedWork();
    asked.due([suspend()], 0);
    asked.forget(suspend());
    expect(asked.due([suspend()], 1)).toMatchObject({ actions: [suspend()], first: 0 });
  });

  it('is never held back where a ledger is written', () => {
    const asked = new AskedWork();
    asked.due([write], 0);
    expect(asked.due([write], 0)).toEqual({ actions: [write], first: 0, againMs: Infinity });
  });
});
