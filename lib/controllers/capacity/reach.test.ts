import { inBucket } from '../../fleet/testing';
import { planCapacity } from './plan';
import { isTaken, outOfReach, toQueues } from './reach';
import type { CapacitySnapshot, QueueFacts, QueueSpec } from './snapshot';
import { makeBucket, makeGang, makeNodes, makeSnapshot } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');

const leadingTo = (...groups: string[]): QueueSpec => ({
  affinity: { nodeGroupAffinity: { requiredDuringSchedulingIgnoredDuringExecution: groups } },
});
const queue = (name: string, spec: QueueSpec = {}, ours = false): QueueFacts => ({
  name,
  uid: `u-${name}`,
  ours,
  spec,
});
const ours = (name: string) => queue(name, leadingTo(name), true);

describe('a gang of training', () => {
  const wordsOf = (name: string | undefined, ...queues: QueueFacts[]) =>
    outOfReach({ label: 'gang research/llama', bucket: 'training', queue: name }, toQueues(queues));

  it.each([
    ["in its bucket's queue", 'training', [ours('training')]],
    ["in its bucket's queue, which is still to be made", 'training', []],
    ['in a queue that leads to training as well', 'both', [queue('both', leadingTo('inference', 'training'))]],
    ['in a child of a queue that leads there', 'child', [queue('child', { parent: 'training' }), ours('training')]],
    ['without a queue', undefined, [ours('training')]],
  ])('%s can be placed', (_what, name, queues) => {
    expect(wordsOf(name, ...queues)).toBeUndefined();
  });

  it.each([
    ["in another bucket's queue", 'inference', [ours('inference')], 'is in queue inference, which does not lead to'],
    ["in Volcano's queue default", 'default', [queue('default')], 'is in queue default, which does not lead to'],
    ['in a queue that is gone', 'old', [], 'is in queue old, which does not exist'],
    ["in somebody else's queue of its name", 'training', [queue('training')], 'which somebody else made'],
    ['in a circle of parents', 'a', [queue('a', { parent: 'b' }), queue('b', { parent: 'a' })], 'is in queue a, which'],
  ])('%s cannot, and the sentence says so', (_what, name, queues, expected) => {
    expect(wordsOf(name, ...queues)).toContain(expected);
  });

  it('is not judged where Volcano is not installed', () => {
    expect(outOfReach({ label: 'gang a/b', bucket: 'training', queue: 'old' }, undefined)).toBeUndefined();
  });
});

describe("a queue with the bucket's name", () => {
  it('is taken when it is not ours and leads elsewhere; one that leads there is adopted', () => {
    expect(isTaken('training', toQueues([queue('training')]))).toBe(true);
    expect(isTaken('training', toQueues([queue('training', leadingTo('inference'))]))).toBe(true);
    expect(isTaken('training', toQueues([queue('training', leadingTo('training'))]))).toBe(false);
    expect(isTaken('training', toQueues([ours('training')]))).toBe(false);
    expect(isTaken('training', toQueues([]))).toBe(false);
  });
});

describe('the plan', () => {
  const { podGroup, pods } = makeGang('llama', 4);
  const snapshotWith = (parts: Partial<CapacitySnapshot>) =>
    makeSnapshot({
      buckets: [makeBucket('training'), makeBucket('inference')],
      nodes: [...makeNodes(2, inBucket('training')), ...makeNodes(6, {}, 2)],
      pods,
      podGroups: [podGroup],
      queues: [ours('training'), ours('inference')],
      ...parts,
    });
  const statusOf = (parts: Partial<CapacitySnapshot>) =>
    planCapacity(snapshotWith(parts), NOW).actions.flatMap((action) =>
      action.type === 'WriteStatus' && action.bucket === 'training' ? [action.status] : [],
    )[0]!;
  const moves = (parts: Partial<CapacitySnapshot>) =>
    planCapacity(snapshotWith(parts), NOW).actions.filter(({ type }) => type === 'CreateMove');

  it('gives a gang that can be placed its nodes, and one that cannot none, and says why', () => {
    expect(moves({})).toHaveLength(1);
    const astray = { podGroups: [{ ...podGroup, queue: 'inference' }] };
    expect(moves(astray)).toEqual([]);
    expect(statusOf(astray)).toMatchObject({ demand: 0, whyNot: expect.stringContaining('submit it again') });
    expect(statusOf(astray).conditions).toContainEqual(
      expect.objectContaining({ type: 'DemandMet', status: 'False', reason: 'OutOfReach' }),
    );
  });

  it("leaves somebody else's queue alone, and says whose it is", () => {
    const taken = { queues: [queue('training', { reclaimable: true })] };
    const named = planCapacity(snapshotWith(taken), NOW).actions.flatMap((action) =>
      action.type === 'ApplyQueue' || action.type === 'DeleteQueue' ? [action.name] : [],
    );
    expect(named).toEqual(['inference']);
    expect(moves(taken)).toEqual([]);
    expect(statusOf(taken).conditions).toContainEqual(
      expect.objectContaining({ type: 'QueueFollows', status: 'False', reason: 'NameTaken' }),
    );
  });

  it('says nothing of queues without Volcano', () => {
    const types = statusOf({ queues: undefined }).conditions!.map(({ type }) => type);
    expect(types).toEqual(['Accepted', 'DemandMet', 'MinimumMet']);
  });
});
