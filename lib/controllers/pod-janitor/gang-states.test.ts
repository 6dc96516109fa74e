import type { CheckpointFacts } from '../../fleet';
import { gangStateOf, toMembers, type StuckGang } from './gang-states';
import { aloneOnReported } from './hung';
import { ended, makeGroup, makeSnapshot, makeWorkPod, MINUTE, NOW, POLICY } from './testing-work';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

const HOUR = 60 * MINUTE;
const KEY = 'VolcanoJob research/llama';

function stateOf(pods: readonly WorkPod[], overrides: Partial<WorkSnapshot> = {}): StuckGang | undefined {
  const snapshot = makeSnapshot({ pods, ...overrides });
  const groups = new Map(snapshot.podGroups.map((group) => [group.key, group] as const));
  const hosts = new Set(['node-0', 'node-1', 'node-2', 'node-3']);
  const alone = aloneOnReported(snapshot, groups);
  const members = toMembers(pods, groups).get(KEY) ?? [];
  return members.length === 0
    ? undefined
    : gangStateOf(KEY, members, { snapshot, groups, hosts, alone, policy: POLICY, nowMs: NOW });
}

const three = (first: WorkPod) => [first, makeWorkPod('llama-1'), makeWorkPod('llama-2')];
const failed = (minutesAgo: number) => makeWorkPod('llama-0', { phase: 'Failed' }, ended(1, NOW - minutesAgo * MINUTE));
const gone = new Map([['node-0', NOW - 3 * MINUTE]]);

describe('a gang is half dead', () => {
  it('when a member has failed and the others are fewer than it needs, two minutes later', () => {
    expect(stateOf(three(failed(5)))).toMatchObject({
      state: 'GangHalfDead',
      sinceMs: NOW - 5 * MINUTE,
      dueAtMs: NOW - 3 * MINUTE,
      message: 'pod llama-0 has died, and 2 of the 3 it needs are left',
    });
  });

  it('when the node of a member is gone', () => {
    expect(stateOf(three(makeWorkPod('llama-0')), { deadSince: gone })).toMatchObject({
      state: 'GangHalfDead',
      sinceMs: NOW - 3 * MINUTE,
    });
  });

  it('when a member should have been deleted long ago and is not', () => {
    const ending = makeWorkPod('llama-0', { deleting: true }, { deletionMs: NOW - 3 * MINUTE });
    expect(stateOf(three(ending))?.state).toBe('GangHalfDead');
  });

  it('without a PodGroup, when nobody has made another in its place', () => {
    expect(stateOf(three(failed(5)), { podGroups: [] })?.state).toBe('GangHalfDead');
    const another = makeWorkPod('llama-3', { createdAtMs: NOW - 4 * MINUTE });
    expect(stateOf([...three(failed(5)), another], { podGroups: [] })).toBeUndefined();
  });

  it('by rank, where pods say theirs: whoever died while its mates were still being made is not replaced by them', () => {
    const rank = (number: number) => ({
      labels: { 'batch.kubernetes.io/job-name': 'llama', 'batch.kubernetes.io/job-completion-index': String(number) },
    });
    const died = makeWorkPod('llama-0', { phase: 'Failed', ...rank(0) }, ended(1, NOW - 59 * MINUTE));
    const later = { createdAtMs: NOW - 58 * MINUTE };
    const others = [makeWorkPod('llama-1', { ...later, ...rank(1) }), makeWorkPod('llama-2', rank(2))];
    expect(stateOf([died, ...others], { podGroups: [] })?.state).toBe('GangHalfDead');
    const again = makeWorkPod('llama-3', { ...later, ...rank(0) });
    expect(stateOf([died, ...others, again], { podGroups: [] })).toBeUndefined();
  });

  it.each([
    ['all members run', three(makeWorkPod('llama-0')), {}],
    [
      'a member has succeeded',
      three(makeWorkPod('llama-0', { phase: 'Succeeded' })),
      { podGroups: [makeGroup({ minMember: 2 })] },
    ],
    ['what is left is enough: it is elastic', three(failed(5)), { podGroups: [makeGroup({ minMember: 2 })] }],
    ['its owner has made another', [...three(failed(5)), makeWorkPod('llama-3')], {}],
    ['its members are just being deleted', three(makeWorkPod('llama-0', { deleting: true }, { deletionMs: NOW })), {}],
    ['nothing of it runs', [failed(5)], {}],
  ])('and is not when %s', (_, pods, overrides) => {
    expect(stateOf(pods, overrides)).toBeUndefined();
  });

  it('from when it was first seen, where the pod does not say when it ended', () => {
    const silent = makeWorkPod('llama-0', { phase: 'Failed' });
    expect(stateOf(three(silent))).toMatchObject({ sinceMs: NOW, dueAtMs: NOW + 2 * MINUTE });
    const remembered = new Map([[KEY, [{ pod: silent, seenAtMs: NOW - 9 * MINUTE }]]]);
    expect(stateOf(three(silent), { remembered })).toMatchObject({ sinceMs: NOW - 9 * MINUTE });
  });
});

describe('a gang is half bound', () => {
  const waiting = (more: object = {}) => makeWorkPod('llama-0', { nodeName: undefined, phase: 'Pending', ...more });

  it('when some of its pods hold nodes and the others get none', () => {
    expect(stateOf(three(waiting()))).toMatchObject({
      state: 'GangHalfBound',
      dueAtMs: NOW - 45 * MINUTE,
      message: '2 of its pods hold nodes and 1 get none; it needs 3 at once',
    });
  });

  it.each([
    [
      'none of it is bound: it waits in the queue',
      ['0', '1', '2'].map((n) => makeWorkPod(`llama-${n}`, { nodeName: undefined })),
      {},
    ],
    ['what is bound is enough', three(waiting()), { podGroups: [makeGroup({ minMember: 2 })] }],
    ['nobody knows how many belong together', three(waiting()), { podGroups: [] }],
    ['its owner has not made all pods yet', [waiting(), makeWorkPod('llama-1')], {}],
  ])('and is not when %s', (_, pods, overrides) => {
    expect(stateOf(pods, overrides)).toBeUndefined();
  });
});

describe('the node of a gang is gone', () => {
  it('when what is left of it is on nodes that are gone', () => {
    const deadSince = new Map(['node-0', 'node-1', 'node-2'].map((node) => [node, NOW - 5 * MINUTE]));
    expect(stateOf(three(makeWorkPod('llama-0')), { deadSince })).toMatchObject({
      state: 'GangNodeGone',
      dueAtMs: NOW - 3 * MINUTE,
    });
  });

  it('when a pod of it waits for a node that does not exist, by name', () => {
    const pinned = makeWorkPod('llama-0', { nodeName: undefined }, { pinnedTo: ['node-9'] });
    expect(stateOf(three(pinned))).toMatchObject({
      state: 'GangNodeGone',
      pinnedTo: 'node-9',
      message: 'pod llama-0 waits for node node-9, which does not exist',
    });
  });

  it('and is not when the pod may also go to one that exists', () => {
    const pinned = makeWorkPod('llama-0', { nodeName: undefined }, { pinnedTo: ['node-9', 'node-3'] });
    expect(stateOf(three(pinned))?.state).toBe('GangHalfBound');
  });
});

describe('a gang hangs', () => {
  const published = (minutesAgo: number, everyMs?: number) => {
    const facts: CheckpointFacts = { gang: 'research/llama', takenAtMs: NOW - minutesAgo * MINUTE, everyMs };
    return new Map([['research/llama', facts]]);
  };
  const whole = ['0', '1', '2'].map((n) => makeWorkPod(`llama-${n}`, { startedAtMs: NOW - 9 * HOUR }));

  it('when it publishes checkpoints and has published none for an hour', () => {
    const checkpoints = published(61, 20 * MINUTE);
    expect(stateOf(whole, { checkpoints })).toMatchObject({ state: 'GangHung', dueAtMs: NOW - MINUTE });
  });

  it('and is given three times its own interval, when that is longer', () => {
    expect(stateOf(whole, { checkpoints: published(61, 40 * MINUTE) })).toMatchObject({ dueAtMs: NOW + 59 * MINUTE });
  });

  it('not before it has run for as long: a checkpoint from before its restart says nothing', () => {
    const fresh = whole.map((pod) => ({ ...pod, facts: { ...pod.facts, startedAtMs: NOW - MINUTE } }));
    expect(stateOf(fresh, { checkpoints: published(300, MINUTE) })).toMatchObject({ dueAtMs: NOW + 59 * MINUTE });
  });

  it('not just before its second checkpoint: how long the first one took is all that is known of its interval', () => {
    const young = whole.map((pod) => ({ ...pod, facts: { ...pod.facts, startedAtMs: NOW - 121 * MINUTE } }));
    expect(stateOf(young, { checkpoints: published(61) })).toMatchObject({ dueAtMs: NOW + 119 * MINUTE });
    // Begun anew after its first and only one, it may need as long again.
    const anew = whole.map((pod) => ({ ...pod, facts: { ...pod.facts, startedAtMs: NOW - 10 * MINUTE } }));
    expect(stateOf(anew, { checkpoints: published(61) })).toMatchObject({ dueAtMs: NOW + 170 * MINUTE });
  });

  it('never because of checkpoints that it does not publish', () => {
    expect(stateOf(whole)).toBeUndefined();
  });

  const report = (pod: string, minutesAgo: number) => {
    return { kind: 'NcclTimeout', severity: 'Critical', pod, observedAtMs: NOW - minutesAgo * MINUTE } as const;
  };
  it('when a rank reported that a collective timed out, and nobody has acted', () => {
    const faults = [report('research/llama-2', 4), report('research/llama-1', 5)];
    expect(stateOf(whole, { faults })).toMatchObject({
      state: 'GangHung',
      sinceMs: NOW - 5 * MINUTE,
      dueAtMs: NOW - 3 * MINUTE,
      message: 'a collective timed out in pod llama-1, as was reported, and it still runs',
    });
  });

  it.each([
    ['of a pod that was there before it', report('research/llama-1', 10 * 60)],
    ['of another pod', report('research/other-1', 5)],
    ['of something else', { ...report('research/llama-1', 5), kind: 'Xid' as const }],
    ['that says that the work went on', { ...report('research/llama-1', 5), severity: 'Warning' as const }],
  ])('and not because of a report %s', (_, fault) => {
    expect(stateOf(whole, { faults: [fault] })).toBeUndefined();
  });

  it('and not once it has published a checkpoint after the report, unless there is another one', () => {
    const checkpoints = published(4, 20 * MINUTE);
    const first = report('research/llama-1', 5);
    expect(stateOf(whole, { faults: [first], checkpoints })).toMatchObject({
      sinceMs: NOW - 4 * MINUTE,
      dueAtMs: NOW + 56 * MINUTE,
    });
    const faults = [first, report('research/llama-1', 3)];
    expect(stateOf(whole, { faults, checkpoints })).toMatchObject({ sinceMs: NOW - 3 * MINUTE, dueAtMs: NOW - MINUTE });
  });

  const { pod: _, ...unnamed } = report('', 5);
  const ofNode = { ...unnamed, node: 'node-1', counted: true };
  it('when its node was reported, and no other work is there', () => {
    expect(stateOf(whole, { faults: [ofNode] })).toMatchObject({
      state: 'GangHung',
      message: 'a collective timed out on node node-1, as was reported, and it still runs',
    });
    const part = makeWorkPod('agent-1', { system: true, gang: undefined, workload: undefined });
    expect(stateOf([...whole, part], { faults: [ofNode] })?.state).toBe('GangHung');
  });

  const alone = { gang: undefined, workload: undefined, owner: undefined };
  it.each([
    ['another node', whole, { ...ofNode, node: 'node-7' }],
    ['a node that node health does not know', whole, { ...unnamed, node: 'node-1' }],
    ['a node where something else runs, too', [...whole, makeWorkPod('other-1', alone)], ofNode],
  ])('and not because of a report of %s', (_words, pods, fault) => {
    expect(stateOf(pods, { faults: [fault] })).toBeUndefined();
  });
});
