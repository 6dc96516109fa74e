/** One look at the health of the fleet: verdicts, closures, moves, batches; what is never done. */
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import type { NodeValidationStatus } from '../../api';
import { formatTime } from '../../domain/kube';
import type { NodePhase } from '../../fleet';
import { taint } from '../../fleet/testing';
import { PROBATION_TAINT } from '../../domain/node-keys';
import type { HealthAction } from './actions';
import type { Fault } from './faults';
import { planNodeHealth } from './plan';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { makeHealthNode, makePolicy, makeSnapshot, makeValidation, NOW_MS } from './testing-fleet';

const HOUR_MS = 3_600_000;

const about = (actions: readonly HealthAction[]) =>
  actions
    .filter(({ type }) => !['WritePolicy', 'WriteReport'].includes(type))
    .map((action) =>
      'node' in action ? `${action.type} ${action.node}${'to' in action ? ` ${action.to}` : ''}` : action.type,
    );

const acts = (snapshot: HealthSnapshot, nowMs = NOW_MS) => about(planNodeHealth(snapshot, nowMs).actions);

/** A node that was proved an hour ago and works in bucket training. */
function working(name: string, overrides: Parameters<typeof makeHealthNode>[1] = {}): HealthNode {
  return makeHealthNode(name, {
    phase: 'Active',
    bucket: 'training',
    work: [`training/${name}`],
    verdict: { timeMs: NOW_MS - HOUR_MS, result: 'Pass', bootId: `boot-${name}`, validation: 'old' },
    ...overrides,
  });
}

const fault = (node: string, kind = 'NetworkingReady'): Fault => ({
  ...{ id: `condition ${node} ${kind}`, node, source: 'Agent', kind, loudness: 'Critical', atMs: NOW_MS - 30_000 },
});

function finished(results: Record<string, 'Pass' | 'Fail' | 'Unreliable'>, overrides: NodeValidationStatus = {}) {
  const nodes = Object.entries(results).map(([name, result]) => ({
    ...{ name, providerID: `aws:///us-east-2a/i-${name}`, bootId: `boot-${name}`, result },
    ...(result === 'Pass' ? {} : { reason: 'gpu.count' }),
  }));
  return makeValidation(Object.keys(results), {
    step: 'Done',
    nodes,
    startedAt: formatTime(NOW_MS - 60_000),
    finishedAt: formatTime(NOW_MS),
    ...overrides,
  });
}

/** A node that was proved just now and has nothing to do. */
function idleOf(name: string): HealthNode {
  const verdict = { timeMs: NOW_MS, result: 'Pass' as const, bootId: `boot-${name}`, validation: 'v' };
  return makeHealthNode(name, { phase: 'Unassigned', verdict });
}

const many = Array.from({ length: 12 }, (_, i) => working(`w${String(i).padStart(2, '0')}`));

describe('newcomers', () => {
  it('are collected for a minute and then proved together, by type', () => {
    const young = ['a', 'b'].map((name) => makeHealthNode(name, { createdAtMs: NOW_MS - 30_000 }));
    const plan = planNodeHealth(makeSnapshot(young), NOW_MS);
    expect(about(plan.actions)).toEqual([]);
    expect(plan.requeueAfterMs).toBe(30_000);
    const [create] = planNodeHealth(makeSnapshot(young), NOW_MS + 30_000).actions.filter(
      ({ type }) => type === 'CreateValidation',
    );
    expect(create).toMatchObject({ spec: { nodes: ['a', 'b'], level: 'Standard', reason: 'New' } });
  });

  it('are not proved twice while their verdict is being written', () => {
    const snapshot = makeSnapshot([makeHealthNode('a')], { validations: [finished({ a: 'Pass' })] });
    expect(acts(snapshot)).toEqual(['WriteVerdict a']);
  });

  it('of whose check nothing came are tried as often as the policy says, then left to a person', () => {
    const tried = (times: number) =>
      Array.from({ length: times }, (_, i) => ({
        ...finished({ a: 'Unreliable' }, { finishedAt: formatTime(NOW_MS - HOUR_MS + i) }),
        name: `t${i}`,
      }));
    const suspect = makeHealthNode('a', {
      phase: 'Suspect',
      verdict: { timeMs: NOW_MS - HOUR_MS, result: 'Unreliable', validation: 't0', bootId: 'boot-a' },
    });
    expect(acts(makeSnapshot([suspect], { validations: tried(1) }))).toEqual(['CreateValidation']);
    const twice = { ...suspect, facts: { ...suspect.facts, verdict: { ...suspect.facts.verdict!, validation: 't1' } } };
    expect(acts(makeSnapshot([twice], { validations: tried(2) }))).toEqual([]);
  });
});

describe('a verdict', () => {
  it('that is passed opens the node, in the same patch as its annotation', () => {
    const snapshot = makeSnapshot([makeHealthNode('a')], { validations: [finished({ a: 'Pass' })] });
    const [write] = planNodeHealth(snapshot, NOW_MS).actions;
    expect(write).toMatchObject({ condition: { status: 'True' }, patch: { spec: { taints: [] } } });
  });

  it('is written when a validation is made again under the name of the one before', () => {
    const verdict = { timeMs: NOW_MS - HOUR_MS, result: 'Pass', bootId: 'boot-a', validation: 'v' } as const;
    const again = makeHealthNode('a', { verdict });
    expect(acts(makeSnapshot([again], { validations: [finished({ a: 'Pass' })] }))).toEqual(['WriteVerdict a']);
    const known = makeHealthNode('a', { verdict: { ...verdict, timeMs: NOW_MS } });
    expect(acts(makeSnapshot([known], { validations: [finished({ a: 'Pass' })] }))).not.toContain('WriteVerdict a');
  });

  it.each(['Fail', 'Unreliable'] as const)('that is %s leaves it closed', (result) => {
    const snapshot = makeSnapshot([makeHealthNode('a')], { validations: [finished({ a: result })] });
    const [write] = planNodeHealth(snapshot, NOW_MS).actions;
    expect(write).toMatchObject({ result });
    expect(write).not.toHaveProperty('patch.spec');
  });

  it('on another boot, another instance or an open node is not written', () => {
    const others = [
      makeHealthNode('a', { bootId: 'later' }),
      makeHealthNode('b', { providerID: 'aws:///us-east-2a/i-x' }),
      makeHealthNode('c', { taints: [] }),
    ];
    expect(
      acts(makeSnapshot(others, { validations: [finished({ a: 'Pass', b: 'Pass', c: 'Pass' })] })).filter((one) =>
        one.startsWith('WriteVerdict'),
      ),
    ).toEqual([]);
  });

  it('older than the closure is not an answer to it', () => {
    const closed = { ...taint(PROBATION_TAINT), timeAdded: formatTime(NOW_MS + 1000) };
    const snapshot = makeSnapshot([makeHealthNode('a', { taints: [closed] })], {
      validations: [finished({ a: 'Pass' })],
    });
    expect(acts(snapshot, NOW_MS + 2000)).toEqual([]);
  });
});

describe('a node that fails at work', () => {
  it('is closed first, then emptied by a move to Validation', () => {
    expect(acts(makeSnapshot(many, { faults: [fault('w03')] }))).toEqual(['Close w03', 'CreateMove w03 Validation']);
  });

  it('is told at once when EKS is about to replace it, whatever the brakes say', () => {
    const leaving = { ...working('w00'), phase: 'Leaving' as const };
    const snapshot = makeSnapshot([leaving, ...many.slice(1)], {
      faults: [fault('w00', 'AcceleratedHardwareReady')],
      policy: { resourceVersion: '1', generation: 1, spec: makePolicy({ dryRun: true }), status: {} },
    });
    const plan = planNodeHealth(snapshot, NOW_MS);
    expect(about(plan.actions)).toEqual(['Close w00', 'CreateMove w00 Validation']);
    expect(plan.actions.find(({ type }) => type === 'CreateMove')).toMatchObject({
      deadlineMs: NOW_MS - 30_000 + 9 * 60_000,
    });
  });

  it('is only closed while too many others are away', () => {
    const faults = many.slice(0, 3).map(({ facts }) => fault(facts.name));
    const made = acts(makeSnapshot(many, { faults }));
    expect(made.filter((one) => one.startsWith('Close'))).toHaveLength(3);
    expect(made.filter((one) => one.startsWith('CreateMove'))).toHaveLength(2);
  });

  it('stays as it is in a dry run', () => {
    const policy = { resourceVersion: '1', generation: 1, spec: makePolicy({ dryRun: true }), status: {} };
    expect(acts(makeSnapshot(many, { faults: [fault('w03')], policy }))).toEqual([]);
  });
});

describe('the test with a partner that is owed', () => {
  const idle = (name: string, provisional: boolean, bucket?: string): HealthNode =>
    makeHealthNode(name, {
      phase: bucket === undefined ? 'Unassigned' : 'Active',
      bucket,
      verdict: {
        ...{ timeMs: NOW_MS - HOUR_MS, result: 'Pass', bootId: `boot-${name}`, validation: 'old' },
        ...(provisional ? { provisional } : {}),
      },
    });

  it('is made up for when its node and a proved one are idle', () => {
    expect(acts(makeSnapshot([idle('owes', true), idle('proved', false)]))).toEqual(['Close owes']);
  });

  it('is made up for by two that owe it, both together: alone neither would ever settle it', () => {
    expect(acts(makeSnapshot([idle('a', true), idle('b', true)]))).toEqual(['Close a', 'Close b']);
    expect(acts(makeSnapshot([idle('a', true)]))).toEqual([]);
  });

  it('waits while somebody wants the node, while its bucket has no more than its minimum, or while others are proved', () => {
    const nodes = [idle('owes', true, 'training'), idle('proved', false)];
    expect(acts(makeSnapshot(nodes, { minimums: new Map([['training', 1]]) }))).toEqual([]);
    const demand = { buckets: new Set(['training']), instanceTypes: new Set<string>() };
    expect(acts(makeSnapshot(nodes, { demand }))).toEqual([]);
    expect(acts(makeSnapshot([...nodes, makeHealthNode('new', { createdAtMs: NOW_MS })]))).toEqual([]);
    expect(acts(makeSnapshot(nodes))).toEqual(['Close owes']);
  });
});

describe('a validation says why it is made', () => {
  const WEEK_MS = 7 * 24 * HOUR_MS;
  const passed = { result: 'Pass' as const, bootId: 'boot-a', validation: 'old' };
  it.each([
    ['New', 'Standard', undefined],
    ['Reboot', 'Quick', { ...passed, timeMs: NOW_MS - HOUR_MS, bootId: 'another' }],
    ['Debt', 'Quick', { ...passed, timeMs: NOW_MS - HOUR_MS, provisional: true as const }],
    ['Debt', 'Quick', { ...passed, timeMs: NOW_MS - 2 * WEEK_MS, provisional: true as const }],
    ['Age', 'Quick', { ...passed, timeMs: NOW_MS - 2 * WEEK_MS }],
    ['Report', 'Standard', { ...passed, timeMs: NOW_MS - HOUR_MS }],
  ] as const)('%s, at level %s', (reason, level, verdict) => {
    const closed = { ...taint(PROBATION_TAINT), timeAdded: formatTime(NOW_MS - 600_000) };
    const node = makeHealthNode('a', { taints: [closed], ...(verdict ? { verdict } : {}) });
    const [create] = planNodeHealth(makeSnapshot([node]), NOW_MS).actions;
    expect(create).toMatchObject({ type: 'CreateValidation', spec: { nodes: ['a'], reason, level } });
  });
});

describe('a partner that fails newcomers who pass with others', () => {
  const lent = (results: readonly ('Pass' | 'Fail')[]) => {
    const tests = results.map((result, i) => ({
      ...{ name: `r${i + 2}-0`, check: 'Pair' as const, nodes: ['new', 'w03'], result },
    }));
    const rounds = tests.map((test, i) => ({ number: i + 2, startedAt: formatTime(NOW_MS - 30_000), tests: [test] }));
    return makeValidation(['new'], { ...finished({ new: 'Pass' }).status, rounds });
  };
  const proved = idleOf('new');

  it('is closed, and proved itself when its gang is over', () => {
    const snapshot = makeSnapshot([...many, proved], { validations: [lent(['Fail', 'Fail'])] });
    expect(acts(snapshot)).toEqual(['Close w03']);
  });

  it('is left alone after one failure, or when it passed with anybody', () => {
    for (const results of [['Fail'], ['Fail', 'Fail', 'Pass']] as const) {
      expect(acts(makeSnapshot([...many, proved], { validations: [lent(results)] }))).toEqual([]);
    }
  });

  it('is left alone when the newcomer is the bad one', () => {
    const failed = makeValidation(['new'], {
      ...lent(['Fail', 'Fail']).status,
      ...{ nodes: [{ name: 'new', result: 'Fail' as const, reason: 'pair' }] },
    });
    expect(acts(makeSnapshot([...many, proved], { validations: [failed] }))).toEqual([]);
  });
});

describe('when too much turns bad at once', () => {
  const faults = many.slice(0, 5).map(({ facts }) => fault(facts.name));

  it('nothing is closed or moved, and the policy says that the breaker has tripped', () => {
    const plan = planNodeHealth(makeSnapshot(many, { faults }), NOW_MS);
    expect(about(plan.actions)).toEqual([]);
    expect(plan.tripped).toBe(true);
    const [write] = plan.actions;
    expect(write).toMatchObject({
      type: 'WritePolicy',
      status: { conditions: expect.arrayContaining([expect.objectContaining({ type: 'Tripped', status: 'True' })]) },
    });
  });
});

test('an unreliable, held or cordoned node, or one that is moving, is never touched, whatever is said of it', () => {
  const phases: readonly NodePhase[] = ['Held', 'Cordoned', 'Moving', 'Suspect', 'Joining'];
  const scenario = fc.array(
    fc.record({ phase: fc.constantFrom(...phases), faulty: fc.boolean(), busy: fc.boolean() }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(scenario, (nodes) => {
      const made = nodes.map(({ phase, busy }, i) =>
        working(`n${i}`, {
          phase,
          work: busy ? ['x/y'] : [],
          held: phase === 'Held',
          verdict:
            phase === 'Suspect'
              ? { timeMs: NOW_MS - HOUR_MS, result: 'Unreliable', validation: 'old' }
              : { timeMs: NOW_MS - HOUR_MS, result: 'Pass' },
        }),
      );
      const faults = nodes.flatMap(({ faulty }, i) => (faulty ? [fault(`n${i}`)] : []));
      const removals = planNodeHealth(makeSnapshot([...made, ...many], { faults }), NOW_MS).actions.filter((action) => {
        return (action.type === 'CreateMove' || action.type === 'Close') && action.node.startsWith('n');
      });
      const touched = removals.filter(
        (action) => 'node' in action && nodes[Number(action.node.slice(1))]!.phase !== 'Suspect',
      );
      expect(touched).toEqual([]);
      expect(removals.filter((action) => action.type === 'CreateMove' && action.to === 'Replacement')).toEqual([]);
    }),
    { numRuns: 1_000, ...seedOf('node-health hands off') },
  );
});

test('the same snapshot gives the same plan', () => {
  const snapshot = makeSnapshot([...many, makeHealthNode('a')], {
    faults: [fault('w03')],
    validations: [finished({ a: 'Fail' })],
  });
  expect(planNodeHealth(snapshot, NOW_MS)).toEqual(planNodeHealth(snapshot, NOW_MS));
});
