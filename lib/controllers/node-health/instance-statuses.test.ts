/** What EC2 says of instances, and that nobody waits for it. */
import { makeNodeObject } from './testing-fleet';
import type { ControllerContext } from '../../runtime/controller';
import { TooManyRequests } from '../../runtime/errors';
import type { InstanceStatus } from '../../runtime/ports';
import { readStatuses } from './instance-statuses';

const NOW_MS = Date.UTC(2026, 10, 2, 12);
const turn = () => new Promise((resolve) => setImmediate(resolve));

const impaired = (instanceId: string): InstanceStatus => ({
  ...{ instanceId, state: 'running', system: 'impaired', instance: 'ok', attachedStorage: 'ok', events: [] },
});

/** EC2 that answers as each test says, over a fleet of node `a` on instance i-0a. */
function makeContext(answers: readonly (() => Promise<readonly InstanceStatus[]>)[]) {
  const asked: string[][] = [];
  const cloud = {
    readInstanceStatus: (ids: readonly string[]) => {
      asked.push([...ids]);
      return answers[asked.length - 1]!();
    },
  };
  const cache = () => ({ list: () => [makeNodeObject('a', 'aws:///us-east-2a/i-0a')] });
  return { asked, context: { cloud, cache, log: { warn: () => undefined } } as unknown as ControllerContext };
}

describe('what EC2 says', () => {
  it('is waited for by nobody: a look goes on with what is known, and the answer is in a later one', async () => {
    let give: (said: readonly InstanceStatus[]) => void = () => undefined;
    const { asked, context } = makeContext([() => new Promise((resolve) => (give = resolve))]);
    expect(readStatuses(context, NOW_MS)).toEqual({ faults: [], againMs: NOW_MS + 1_000 });
    await turn();
    expect(readStatuses(context, NOW_MS + 1_000)).toEqual({ faults: [], againMs: NOW_MS + 2_000 });
    give([impaired('i-0a')]);
    await turn();
    const { faults, againMs } = readStatuses(context, NOW_MS + 2_000);
    expect(faults).toMatchObject([{ node: 'a', source: 'Ec2', kind: 'SystemStatus' }]);
    expect([asked, againMs]).toEqual([[['i-0a']], NOW_MS + 60_000]);
  });

  it('is kept while EC2 throttles, and asked for again when EC2 says', async () => {
    const busy = () => Promise.reject(new TooManyRequests('slow down', 90_000));
    const { context } = makeContext([() => Promise.resolve([impaired('i-0a')]), busy]);
    for (const atMs of [NOW_MS, NOW_MS + 60_000]) {
      readStatuses(context, atMs);
      await turn();
    }
    const { faults, againMs } = readStatuses(context, NOW_MS + 61_000);
    expect(faults).toHaveLength(1);
    expect(againMs).toBe(NOW_MS + 60_000 + 90_000);
  });

  it('throws what is a bug of ours in the next look, once, and asks again', async () => {
    const bug = new TypeError('x is not a function');
    const { asked, context } = makeContext([() => Promise.reject(bug), () => Promise.resolve([])]);
    readStatuses(context, NOW_MS);
    await turn();
    expect(() => readStatuses(context, NOW_MS + 1_000)).toThrow(bug);
    readStatuses(context, NOW_MS + 2_000);
    await turn();
    expect(asked).toHaveLength(2);
  });
});
