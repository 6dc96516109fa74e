/** What storms (test/simulation/storm-suite.ts) have found, each as the smallest look in which it shows. */
import { formatTime, type KubeObject, type Node } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { NODES } from '../../domain/resources';
import { taint } from '../../fleet/testing';
import { toNodeFacts } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import type { HealthAction } from './actions';
import { applyHealthAction } from './apply';
import type { Fault } from './faults';
import { planNodeHealth } from './plan';
import { isDeparture, readReport } from './reading';
import type { HealthNode } from './snapshot';
import { makeHealthNode, makePolicy, makeSnapshot, makeValidation, NOW_MS } from './testing-fleet';
import { verdictAction } from './verdicts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const about = (actions: readonly HealthAction[]) =>
  actions
    .filter(({ type }) => !['WritePolicy', 'WriteReport'].includes(type))
    .map((action) =>
      'node' in action ? `${action.type} ${action.node}${'to' in action ? ` ${action.to}` : ''}` : action.type,
    );
const acts = (...args: Parameters<typeof makeSnapshot>) => about(planNodeHealth(makeSnapshot(...args), NOW_MS).actions);

const working = (name: string, overrides: Parameters<typeof makeHealthNode>[1] = {}): HealthNode =>
  makeHealthNode(name, {
    ...{ phase: 'Active', bucket: 'training', work: [`training/${name}`] },
    verdict: { timeMs: NOW_MS - HOUR_MS, result: 'Pass', bootId: `boot-${name}`, validation: 'old' },
    ...overrides,
  });
const fault = (node: string): Fault => ({
  ...{ id: `condition ${node}`, node, source: 'Agent', kind: 'NetworkingReady', loudness: 'Critical' },
  atMs: NOW_MS - 30_000,
});

describe('a machine measures one thing at a time', () => {
  const byHand = (name: string) => ({
    ...makeValidation(['a'], {}, { reason: 'Person' }),
    ...{ name, uid: name, createdMs: NOW_MS - 1000 },
  });
  const begun = (actions: readonly HealthAction[]) =>
    actions.flatMap((action) => {
      return action.type === 'WriteValidation' && action.status.startedAt !== undefined ? [action.validation] : [];
    });

  it('so what a person asks for waits until the validation that has the node is over', () => {
    const under = makeValidation(['a'], {
      step: 'OneNode',
      startedAt: formatTime(NOW_MS),
      nodes: [{ name: 'a', providerID: 'aws:///us-east-2a/i-a', bootId: 'boot-a' }],
      rounds: [{ number: 1, startedAt: formatTime(NOW_MS), tests: [{ name: 'r1-0', check: 'OneNode', nodes: ['a'] }] }],
    });
    const { actions } = planNodeHealth(
      makeSnapshot([makeHealthNode('a')], { validations: [under, byHand('p')] }),
      NOW_MS,
    );
    expect(begun(actions)).toEqual([]);
  });

  it('and of two that are asked for at once one begins', () => {
    const validations = [byHand('p1'), byHand('p2')];
    const { actions } = planNodeHealth(makeSnapshot([makeHealthNode('a')], { validations }), NOW_MS);
    expect(begun(actions)).toEqual(['p1']);
  });
});

describe('a node that failed and boots anew', () => {
  const failed = (name: string, bootId: string) =>
    makeHealthNode(name, {
      phase: 'Quarantined',
      validated: 'False',
      verdict: { timeMs: NOW_MS - HOUR_MS, result: 'Fail', bootId: `boot-${name}`, validation: 'gone' },
      bootId,
    });

  it('is measured again, because its verdict was about another boot, and replaced on no such word', () => {
    expect(acts([failed('a', 'boot-a')])).toEqual(['CreateMove a Replacement']);
    expect(acts([failed('a', 'another')])).toEqual(['CreateValidation']);
  });

  it('is measured again when only the condition was written before', () => {
    const half = makeHealthNode('a', { phase: 'Quarantined', validated: 'False' });
    expect(acts([half])).toEqual(['CreateValidation']);
  });
});

test('a bucket keeps its minimum at work in the look after a node was closed, too', () => {
  const minimums = new Map([['training', 3]]);
  const fleet = (phase: 'Active' | 'Probation') => [
    working('w0', { phase, ...(phase === 'Active' ? {} : { taints: [taint(PROBATION_TAINT)] }) }),
    ...['w1', 'w2'].map((name) => working(name)),
    ...Array.from({ length: 7 }, (_, i) => working(`x${i}`, { bucket: 'other' })),
  ];
  expect(acts(fleet('Active'), { faults: [fault('w0')], minimums })).toEqual(['Close w0']);
  expect(acts(fleet('Probation'), { faults: [fault('w0')], minimums })).toEqual([]);
  expect(acts(fleet('Probation'), { faults: [fault('w0')] })).toEqual(['CreateMove w0 Validation']);
});

test('and in the look in which a node that boots anew is closed', () => {
  const minimums = new Map([['training', 3]]);
  const fleet = (bootId: string) => [
    working('w0', { bootId, phase: bootId === 'boot-w0' ? 'Active' : 'Rebooted' }),
    ...['w1', 'w2'].map((name) => working(name)),
    ...Array.from({ length: 7 }, (_, i) => working(`x${i}`, { bucket: 'other' })),
  ];
  expect(acts(fleet('another'), { minimums })).toEqual(['Close w0']);
  expect(acts(fleet('another'))).toEqual(['Close w0', 'CreateMove w0 Validation']);
  // One that still works is of use to its bucket, whoever else has to leave.
  expect(acts(fleet('another'), { minimums: new Map([['training', 2]]), faults: [fault('w1')] })).toEqual([
    'Close w1',
    'Close w0',
    'CreateMove w1 Validation',
  ]);
});

test('a node with a move that does not name its machine yet is one node of its bucket, and not two', () => {
  const moved = working('w0', { phase: 'Moving', taints: [taint(PROBATION_TAINT)] });
  const move = {
    name: 'm',
    to: 'Validation',
    createdMs: NOW_MS - 100,
    nodes: [{ name: 'w0', step: 'Pending' }],
  } as const;
  const leave = (size: number) =>
    acts(
      [
        moved,
        ...Array.from({ length: size - 1 }, (_, i) => working(`w${i + 1}`)),
        ...Array.from({ length: 7 }, (_, i) => working(`x${i}`, { bucket: 'other' })),
      ],
      { faults: [fault('w1')], moves: [move] },
    );
  // 20 percent of nine is one, of ten two.
  expect(leave(9)).toEqual(['Close w1']);
  expect(leave(10)).toEqual(['Close w1', 'CreateMove w1 Validation']);
});

test('who leaves in the same look because a person asks for all at once counts for those who ask the brakes', () => {
  const fleet = Array.from({ length: 10 }, (_, i) => working(`w${i}`));
  const asked = {
    ...makeValidation(['w9'], {}, { reason: 'Person', atOnce: true }),
    ...{ name: 'p', uid: 'p', createdMs: NOW_MS - 1000 },
  };
  const leave = (...args: Parameters<typeof makeSnapshot>) =>
    acts(...args).filter((one) => one.startsWith('CreateMove'));
  const faults = [fault('w0'), fault('w1')];
  // 20 percent of ten.
  expect(leave(fleet, { faults })).toHaveLength(2);
  expect(leave(fleet, { faults, validations: [asked] })).toEqual([
    'CreateMove w9 Validation',
    'CreateMove w0 Validation',
  ]);
});

describe('a verdict', () => {
  const passed = makeValidation(['a'], {
    step: 'Done',
    startedAt: formatTime(NOW_MS - 60_000),
    finishedAt: formatTime(NOW_MS),
    nodes: [{ name: 'a', providerID: 'aws:///us-east-2a/i-a', bootId: 'boot-a', result: 'Pass' }],
  });

  it('waits while a person holds the node', () => {
    expect(acts([makeHealthNode('a', { phase: 'Held', held: true })], { validations: [passed] })).toEqual([]);
    expect(acts([makeHealthNode('a')], { validations: [passed] })).toEqual(['WriteVerdict a']);
  });

  it.each([
    ['a reboot', '5', { status: { nodeInfo: { bootID: 'another' } } }],
    ['a taint', '5', { spec: { taints: [taint(PROBATION_TAINT), taint('example.com/by-hand')] } }],
    ['a hold', '5', { metadata: { annotations: { 'aicluster.dev/hold': 'looking' } } }],
    ['nothing', '7', {}],
    ['what caches leave out', '7', { status: { nodeInfo: { bootID: 'boot-a', kernelVersion: '6.12' } } }],
    ['what is nothing to us', '7', { metadata: { annotations: { 'example.com/note': 'hello' } } }],
  ])('is written over %s that nobody was told of only if it is nothing', async (_, version, change) => {
    const seen = makeNode({}, '5');
    const patches: KubeObject[] = [];
    const context = {
      cluster: {
        apply: () => Promise.resolve(makeNode(change, '7')),
        mergePatch: (...[, , patch]: [unknown, unknown, KubeObject]) => Promise.resolve(patches.push(patch) && patch),
      },
      cache: () => ({ get: () => seen, assume: () => undefined }),
      clock: { now: () => NOW_MS },
      metrics: { count: () => undefined },
      log: { info: () => undefined },
      events: { record: () => undefined },
    } as unknown as ControllerContext;
    const record = passed.status.nodes![0]!;
    const action = verdictAction({ node: toNodeFacts(seen), validation: passed, record, finishedMs: NOW_MS });
    await applyHealthAction(action as Extract<HealthAction, { type: 'WriteVerdict' }>, context);
    // A version that is not the present one is refused by the server.
    expect(patches[0]!.metadata.resourceVersion).toBe(version);
  });
});

function makeNode(change: Partial<Pick<KubeObject, 'spec' | 'status'>> & { metadata?: object }, version: string): Node {
  return {
    apiVersion: 'v1',
    kind: NODES.kind,
    metadata: { name: 'a', uid: 'a', ...change.metadata, resourceVersion: version },
    spec: { taints: [taint(PROBATION_TAINT)], ...change.spec },
    status: { nodeInfo: { bootID: 'boot-a' }, conditions: [], ...change.status },
  } as Node;
}

describe('a node that is suspected in the very second in which its validation ends', () => {
  const ended = (result: 'Pass' | 'Fail' | 'Unreliable', closedMs: number) => {
    const probation = { key: PROBATION_TAINT, effect: 'NoSchedule', timeAdded: formatTime(closedMs) } as const;
    const node = makeHealthNode('a', { phase: 'Moving', taints: [probation] });
    const validation = makeValidation(['a'], {
      ...{ step: 'Done', startedAt: formatTime(NOW_MS - 13_000), finishedAt: formatTime(NOW_MS - 2_000) },
      nodes: [{ name: 'a', providerID: 'aws:///us-east-2a/i-a', bootId: 'boot-a', result }],
    });
    return acts([node], { validations: [validation] });
  };

  it('is not opened by it: what closed the node is later than what was measured', () => {
    expect(ended('Pass', NOW_MS - 14_000)).toEqual(['WriteVerdict a']);
    expect(ended('Pass', NOW_MS - 2_000)).not.toContain('WriteVerdict a');
  });

  it('failed all the same, and is left to a person all the same: somebody closed it once more, and it waited for ever', () => {
    expect(ended('Fail', NOW_MS - 2_000)).toContain('WriteVerdict a');
    expect(ended('Fail', NOW_MS - 1_000)).not.toContain('WriteVerdict a');
    expect(ended('Unreliable', NOW_MS - 1_000)).toContain('WriteVerdict a');
  });

  it.each([
    ['stays closed while a move brings it to be proved, whoever opened it', {}, ['Close a']],
    ['is left alone once it has been handed over', { step: 'HandedOver' as const }, []],
    ['is left alone when a person holds it', { held: true }, []],
  ])(
    '%s',
    (_, { step = 'Pending' as const, held = false }: { step?: 'Pending' | 'HandedOver'; held?: boolean }, expected) => {
      const move = { name: 'm', to: 'Validation', createdMs: NOW_MS - 1000, nodes: [{ name: 'a', step }] } as const;
      expect(acts([working('a', { phase: 'Moving', held })], { moves: [move] })).toEqual(expected);
    },
  );
});

describe('a node that was tried in vain, and of which something could be said later', () => {
  it('is tried again when that could not be written: its tries had been used up for good', () => {
    const record = { name: 'a', providerID: 'aws:///us-east-2a/i-a', bootId: 'boot-a' };
    const at = (agoMs: number) => formatTime(NOW_MS - agoMs);
    const inVain = (name: string, agoMs: number) => ({
      ...makeValidation(['a'], {
        ...{ step: 'Done', startedAt: at(agoMs + 10_000), finishedAt: at(agoMs) },
        nodes: [{ ...record, result: 'Unreliable', reason: 'message' }],
      }),
      name,
    });
    const passed = makeValidation(
      ['a'],
      {
        step: 'Done',
        startedAt: at(70 * MINUTE_MS),
        finishedAt: at(60 * MINUTE_MS),
        nodes: [{ ...record, result: 'Pass' }],
      },
      { reason: 'Person' },
    );
    const node = makeHealthNode('a', {
      taints: [{ key: PROBATION_TAINT, effect: 'NoSchedule', timeAdded: at(59 * MINUTE_MS) }],
      verdict: { timeMs: NOW_MS - 180 * MINUTE_MS, result: 'Unreliable', bootId: 'boot-a', validation: 'v2' },
    });
    const tries = [inVain('v1', 240 * MINUTE_MS), inVain('v2', 180 * MINUTE_MS)];
    expect(acts([node], { validations: tries })).toEqual([]);
    expect(acts([node], { validations: [...tries, { ...passed, name: 'p' }] })).toEqual(['CreateValidation']);
  });
});

test('a move that gives a bucket nodes takes none away for their health, whatever reason a person gives for it', () => {
  const move = (kind: string) => ({
    ...{ apiVersion: 'aicluster.dev/v1alpha1', kind: 'NodeMove', metadata: { name: 'm' } },
    spec: { nodes: ['a'], reason: 'Health', to: { kind } },
  });
  expect(['Bucket', 'Release', 'Validation', 'Replacement'].map((kind) => isDeparture(move(kind)))).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

test('a report stays with the node that its pod ran on: pods of the same name run elsewhere after their gang starts again', () => {
  const report = (status: object) => ({
    ...{ apiVersion: 'aicluster.dev/v1alpha1', kind: 'FaultReport', metadata: { name: 'f', namespace: 'training' } },
    spec: { pod: 'llama-worker-3', kind: 'NcclTimeout', severity: 'Critical' },
    status,
  });
  const nodeOf = (status: object, podNode?: string) =>
    readReport(report(status), { person: false, ...(podNode ? { podNode } : {}) }, NOW_MS).fault?.node;
  expect(nodeOf({}, 'a')).toBe('a');
  expect(nodeOf({ node: 'a' }, 'b')).toBe('a');
  expect(nodeOf({ node: 'a' })).toBe('a');
  expect(nodeOf({})).toBeUndefined();
});

test('a suspected node whose verdict is old is proved as deeply as any suspected one, and not quickly as for its age', () => {
  const node = makeHealthNode('a', {
    taints: [{ key: PROBATION_TAINT, effect: 'NoSchedule', timeAdded: formatTime(NOW_MS - 5 * MINUTE_MS) }],
    verdict: { timeMs: NOW_MS - 20 * 24 * HOUR_MS, result: 'Pass', bootId: 'boot-a', validation: 'old' },
  });
  const asked = (overrides: Parameters<typeof makeSnapshot>[1]) =>
    planNodeHealth(makeSnapshot([node], overrides), NOW_MS).actions.flatMap((action) =>
      action.type === 'CreateValidation' ? [`${action.spec.reason} ${action.spec.level}`] : [],
    );
  const move = {
    ...{ name: 'm', createdMs: NOW_MS - HOUR_MS, finishedMs: NOW_MS - MINUTE_MS },
    to: 'Validation' as const,
    nodes: [{ name: 'a', step: 'HandedOver' as const }],
  };
  expect(asked({})).toEqual(['Age Quick']);
  expect(asked({ faults: [fault('a')] })).toEqual(['Report Standard']);
  expect(asked({ moves: [move] })).toEqual(['Report Standard']);
});

describe('a node that failed before a person reset the breaker', () => {
  const failedMs = NOW_MS - 3 * HOUR_MS;
  const failed = (name: string, work: readonly string[] = []) =>
    working(name, {
      ...{ phase: 'Quarantined', validated: 'False', work: [...work] },
      taints: [{ ...taint(PROBATION_TAINT), timeAdded: formatTime(NOW_MS - 25 * HOUR_MS) }],
      verdict: { timeMs: failedMs, result: 'Fail', bootId: `boot-${name}`, validation: 'old' },
    });
  const fleet = Array.from({ length: 9 }, (_, i) => working(`w${i}`));
  const policy = (resetMs: number) => ({
    ...{ resourceVersion: '1', generation: 1, spec: makePolicy({}), reset: 'once' },
    status: { reset: { value: 'once', at: formatTime(resetMs) } },
  });
  const actsAfter = (resetMs: number, node: HealthNode) => acts([node, ...fleet], { policy: policy(resetMs) });

  it('is measured again, not replaced on what was seen before, and not forgotten', () => {
    expect(actsAfter(failedMs, failed('a'))).toEqual(['CreateValidation']);
    expect(actsAfter(failedMs - 1000, failed('a'))).toEqual(['CreateMove a Replacement']);
  });

  it('and has worked for a day is emptied for that', () => {
    expect(actsAfter(failedMs, failed('a', ['training/late']))).toEqual(['CreateMove a Validation']);
  });

  it('does not trip the breaker when it fails again: a rack without power can be replaced', () => {
    const names = ['a', 'b', 'c', 'd'];
    const run = (name: string, atMs: number) => ({
      ...makeValidation(names, {
        step: 'Done',
        startedAt: formatTime(atMs - MINUTE_MS),
        finishedAt: formatTime(atMs),
        nodes: names.map((node) => ({ name: node, providerID: node, bootId: node, result: 'Fail' as const })),
      }),
      ...{ name, uid: name },
    });
    const trips = (validations: readonly ReturnType<typeof run>[]) =>
      planNodeHealth(makeSnapshot(fleet, { policy: policy(NOW_MS - HOUR_MS), validations }), NOW_MS).tripped;
    expect(trips([run('again', NOW_MS - MINUTE_MS)])).toBe(true);
    expect(trips([run('first', failedMs), run('again', NOW_MS - MINUTE_MS)])).toBe(false);
  });
});
