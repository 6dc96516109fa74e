/** What persons ask for: how many of their nodes leave at once, what becomes of the others, and what each validation says until it begins. */
import type { NodeValidationSpec } from '../../api';
import { formatTime } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { taint } from '../../fleet/testing';
import type { HealthAction } from './actions';
import { planNodeHealth } from './plan';
import type { HealthNode, HealthSnapshot, ValidationState } from './snapshot';
import { makeHealthNode, makePolicy, makeSnapshot, makeValidation, NOW_MS } from './testing-fleet';

const HOUR_MS = 3_600_000;

const working = (name: string, overrides: Parameters<typeof makeHealthNode>[1] = {}): HealthNode =>
  makeHealthNode(name, {
    ...{ phase: 'Active', bucket: 'training', work: [`training/${name}`] },
    verdict: { timeMs: NOW_MS - HOUR_MS, result: 'Pass', bootId: `boot-${name}`, validation: 'old' },
    ...overrides,
  });
/** Emptied and not proved yet. */
const emptied = (name: string): HealthNode => {
  const timeAdded = formatTime(NOW_MS - 60_000);
  return working(name, { phase: 'Validating', work: [], taints: [{ ...taint(PROBATION_TAINT), timeAdded }] });
};
const NAMES = Array.from({ length: 10 }, (_, i) => `w${i}`);
const fleet = NAMES.map((name) => working(name));

type Wish = ValidationState & { readonly spec: NodeValidationSpec };
const wish = (nodes: readonly string[], spec: Partial<NodeValidationSpec> = {}, agoMs = 1000): Wish => ({
  ...makeValidation(nodes, {}, { reason: 'Person', ...spec }),
  createdMs: NOW_MS - agoMs,
});
const acts = (nodes: readonly HealthNode[], over: Partial<HealthSnapshot>) =>
  planNodeHealth(makeSnapshot(nodes, over), NOW_MS).actions;
const leaving = (actions: readonly HealthAction[]) =>
  actions.flatMap((action) => (action.type === 'CreateMove' ? [action.node] : []));
const closedOnes = (actions: readonly HealthAction[]) =>
  actions.flatMap((action) => (action.type === 'Close' ? [action.node] : []));
const written = (actions: readonly HealthAction[]) =>
  actions.flatMap((action) => (action.type === 'WriteValidation' ? [action.status] : []));
const policyOf = (remediation: object, status = {}): HealthSnapshot['policy'] => ({
  ...{ resourceVersion: '1', generation: 1, spec: makePolicy(remediation), status },
});

describe('a person who asks for all nodes of a bucket', () => {
  const all = [wish(NAMES)];

  it('gets as many at once as the caps allow, the others go on with their work, open', () => {
    const actions = acts(fleet, { validations: all });
    expect(leaving(actions)).toEqual(['w0', 'w1']);
    expect(closedOnes(actions)).toEqual(['w0', 'w1']);
  });

  it.each([
    ['the minimum of the bucket', { minimums: new Map([['training', 9]]) }, 1],
    ['a minimum of all', { minimums: new Map([['training', 10]]) }, 0],
    ['maxNodes', { policy: policyOf({ maxNodes: 1 }) }, 1],
    ['perHour', { policy: policyOf({ perHour: 1 }) }, 1],
  ])('within %s', (_, over, many) => {
    expect(leaving(acts(fleet, { validations: all, ...over }))).toHaveLength(many);
  });

  it('and idle nodes of a bucket are counted as well', () => {
    const idle = NAMES.map((name) => working(name, { work: [] }));
    expect(closedOnes(acts(idle, { validations: all }))).toEqual(['w0', 'w1']);
  });

  it.each([
    ['a dry run', { policy: policyOf({ dryRun: true }) }],
    ['no policy at all', { policy: undefined }],
    [
      'a tripped breaker',
      {
        policy: policyOf(
          {},
          { conditions: [{ type: 'Tripped', status: 'True', lastTransitionTime: formatTime(NOW_MS) }] },
        ),
      },
    ],
  ])('is not held back by %s: that is about what node-health does by itself', (_, over) => {
    expect(leaving(acts(fleet, { validations: all, ...over } as Partial<HealthSnapshot>))).toEqual(['w0', 'w1']);
  });

  it('is not held back by those that a dry run only says would leave: nobody is away for them', () => {
    const atMs = NOW_MS - 60_000;
    const faults = ['w8', 'w9'].map((node) => ({
      ...{ id: node, node, source: 'Ec2' as const, kind: 'SystemStatus', loudness: 'Critical' as const, atMs },
    }));
    const { actions, rulings } = planNodeHealth(
      makeSnapshot(fleet, { validations: [wish(['w0', 'w1'])], faults, policy: policyOf({ dryRun: true }) }),
      NOW_MS,
    );
    expect(leaving(actions)).toEqual(['w0', 'w1']);
    // What it would come to counts those that do leave.
    expect(rulings.slice(2)).toMatchObject([
      { node: 'w8', allowed: false, brake: 'AtOnce' },
      { node: 'w9', allowed: false, brake: 'AtOnce' },
    ]);
  });

  it('has all of them at once with atOnce', () => {
    const over = { validations: [wish(NAMES, { atOnce: true })], minimums: new Map([['training', 10]]) };
    expect(leaving(acts(fleet, over))).toEqual(NAMES);
  });

  it('does not hurry: who is suspected goes first', () => {
    const atMs = NOW_MS - 60_000;
    const faults = ['w8', 'w9'].map((node) => ({
      ...{ id: node, node, source: 'Ec2' as const, kind: 'SystemStatus', loudness: 'Critical' as const, atMs },
    }));
    expect(leaving(acts(fleet, { validations: all, faults })).sort()).toEqual(['w8', 'w9']);
  });
});

describe('nodes that stand apart without a bucket or work', () => {
  it('are a person’s at once: nobody is without them', () => {
    const free = NAMES.map((name) => makeHealthNode(name, { phase: 'Unassigned' }));
    expect(closedOnes(acts(free, { validations: [wish(NAMES)] }))).toEqual(NAMES);
  });
});

describe('a validation that cannot have all its nodes', () => {
  const some = [emptied('w0'), emptied('w1'), ...fleet.slice(2)];
  const asked = wish(['w0', 'w1', 'w2', 'w3']);

  it('hands the others on first, then begins with those that are free', () => {
    const split = acts(some, { validations: [asked] });
    const [rest] = split.filter((action) => action.type === 'CreateValidation');
    expect(written(split)).toEqual([]);
    expect(rest).toMatchObject({
      spec: {
        nodes: ['w2', 'w3'],
        reason: 'Person',
        level: 'Standard',
        message: 'what NodeValidation v could not have at once',
      },
    });
    const { name, spec } = rest as Extract<HealthAction, { type: 'CreateValidation' }>;
    const made = { ...makeValidation([], {}, spec), name, uid: name };
    const begun = acts(some, { validations: [asked, made] });
    expect(begun.filter(({ type }) => type === 'CreateValidation')).toEqual([]);
    expect(written(begun)[0]).toMatchObject({
      step: 'OneNode',
      nodes: [
        ...['w0', 'w1'].map((one) => expect.not.objectContaining({ name: one, result: 'Unreliable' })),
        ...['w2', 'w3'].map((one) => ({
          ...{
            name: one,
            result: 'Unreliable',
            reason: 'NotFree',
            message: `it waits for its turn in NodeValidation ${name}`,
          },
        })),
      ],
    });
    expect(written(begun)[1]?.message).toMatch(
      /^waits: w2: 2 of 10 nodes of bucket training are away for their health/,
    );
  });

  it('waits as long as one of them is on its way', () => {
    const moving = [emptied('w0'), working('w1', { phase: 'Moving' }), ...fleet.slice(2)];
    const over = { validations: [asked], minimums: new Map([['training', 8]]) };
    const [status] = written(acts(moving, over));
    expect(status?.startedAt).toBeUndefined();
    expect(status?.message).toMatch(
      /^waits: w1: a NodeMove has it already; w2: .*; begins at .* with those that are free$/,
    );
  });

  it('and of none of which anything is free waits for its turn, longer than an hour, and says how to have it at once', () => {
    const late = wish(['w2'], {}, 2 * HOUR_MS);
    const [status, ...more] = written(acts(fleet, { validations: [late], minimums: new Map([['training', 10]]) }));
    expect(more).toEqual([]);
    expect(status).toEqual({
      message:
        'waits: w2: bucket training has 10 nodes at work and keeps at least 10. To have them at once, whatever the brakes say: delete this one, and make another with spec.atOnce',
    });
  });

  describe('that waited for its turn for longer than an hour', () => {
    const late = wish(['w2'], {}, 3 * HOUR_MS);
    const closedAgo = (agoMs: number) => [{ ...taint(PROBATION_TAINT), timeAdded: formatTime(NOW_MS - agoMs) }];
    const moving = (sinceMs: number) => ({
      nodes: [working('w2', { phase: 'Moving', taints: closedAgo(2 * HOUR_MS) }), ...fleet.slice(3)],
      moves: [
        {
          ...{ name: 'm', to: 'Validation' as const, createdMs: NOW_MS - sinceMs },
          nodes: [{ name: 'w2', step: 'Draining' as const }],
        },
      ],
    });

    it('is not over in the look in which its turn comes: the node is on its way', () => {
      const actions = acts(fleet, { validations: [late] });
      expect(leaving(actions)).toEqual(['w2']);
      expect(written(actions)).toEqual([
        {
          message: `waits: w2: training/w2 works on it; begins at ${formatTime(NOW_MS + HOUR_MS)} with those that are free`,
        },
      ]);
    });

    it.each([
      ['closed a moment ago', [working('w2', { phase: 'Validating', taints: closedAgo(1000) })], []],
      ['closed long ago, and sent a moment ago', moving(60_000).nodes, moving(60_000).moves],
    ])('waits for a node that was %s', (_, nodes, moves) => {
      const [status] = written(acts(nodes, { validations: [late], moves }));
      expect(status?.startedAt).toBeUndefined();
      expect(status?.message).toMatch(/^waits: w2: .*; begins at .* with those that are free$/);
    });

    it('begins without it when an hour has passed since', () => {
      const { nodes, moves } = moving(HOUR_MS);
      expect(written(acts(nodes, { validations: [late], moves }))[0]).toMatchObject({ step: 'Done' });
    });

    it('and does not keep those waiting that are free: who is on its way goes on in one of its own', () => {
      const { moves } = moving(60_000);
      const nodes = [emptied('w0'), emptied('w1'), ...moving(60_000).nodes];
      const actions = acts(nodes, { validations: [wish(['w0', 'w1', 'w2'], {}, 3 * HOUR_MS)], moves });
      expect(actions.filter(({ type }) => type === 'CreateValidation')).toMatchObject([{ spec: { nodes: ['w2'] } }]);
      expect(written(actions)).toEqual([]);
    });
  });

  it('of newcomers is not split: what landed on one of them is waited for an hour, and it says so', () => {
    const nodes = [emptied('w0'), { ...emptied('w1'), work: ['x/late'] }, ...fleet.slice(2)];
    const over = { policy: policyOf({ maxNodes: 0 }) };
    const newcomers = wish(['w0', 'w1'], { reason: 'New' });
    const [status, ...more] = written(acts(nodes, { ...over, validations: [newcomers] }));
    expect(more).toEqual([]);
    expect(status).toEqual({
      message: `waits: w1: x/late works on it; begins at ${formatTime(NOW_MS - 1000 + HOUR_MS)} with those that are free`,
    });
    const late = { ...newcomers, createdMs: NOW_MS - HOUR_MS };
    expect(written(acts(nodes, { ...over, validations: [late] }))[0]).toMatchObject({ step: 'OneNode' });
  });

  it('says the same only once', () => {
    const over = { minimums: new Map([['training', 10]]) };
    const [status] = written(acts(fleet, { ...over, validations: [wish(['w2'])] }));
    expect(written(acts(fleet, { ...over, validations: [{ ...wish(['w2']), status: status! }] }))).toEqual([]);
  });

  it.each([
    ['held by a person', working('w2', { phase: 'Held', held: true }), 'a person holds it (aicluster.dev/hold)'],
    ['cordoned', working('w2', { phase: 'Cordoned' }), 'it is cordoned: a person or a zonal shift has it'],
    ['not Ready', working('w2', { phase: 'Joining' }), 'it has not joined or is not Ready: pools looks after it'],
  ])('says that a node is %s, and begins without it after an hour', (_, node, words) => {
    const nodes = [node, ...fleet.slice(3)];
    expect(written(acts(nodes, { validations: [wish(['w2'])] }))[0]?.message).toContain(
      `waits: w2: ${words}; begins at`,
    );
    expect(written(acts(nodes, { validations: [wish(['w2'], {}, HOUR_MS)] }))[0]).toMatchObject({ step: 'Done' });
  });

  it.each([
    ['goes on waiting', 60_000, { message: expect.stringMatching(/^waits: w2: it has not joined or is not Ready/) }],
    ['begins without it an hour later', HOUR_MS, { step: 'Done' }],
  ])('that waited for its turn for hours when its node stopped being Ready %s', (_, agoMs, status) => {
    const nodes = [working('w2', { phase: 'Joining', notReadySinceMs: NOW_MS - agoMs }), ...fleet.slice(3)];
    expect(written(acts(nodes, { validations: [wish(['w2'], {}, 3 * HOUR_MS)] }))).toEqual([
      expect.objectContaining(status),
    ]);
  });
});

test('a failed node that a person measures is not replaced under the check', () => {
  const failed = working('w0', {
    ...{ phase: 'Quarantined', validated: 'False', work: [], taints: [taint(PROBATION_TAINT)] },
    verdict: { timeMs: NOW_MS - 60_000, result: 'Fail', bootId: 'boot-w0', validation: 'gone' },
  });
  const replaced = (validations: readonly ValidationState[]) =>
    leaving(acts([failed, ...fleet.slice(1)], { validations }));
  const nodes = [{ name: 'w0', providerID: 'aws:///us-east-2a/i-w0', bootId: 'boot-w0' }];
  const begun = { ...wish(['w0']), status: { startedAt: formatTime(NOW_MS), nodes, rounds: [] } };
  expect(replaced([])).toEqual(['w0']);
  expect(replaced([wish(['w0'])])).toEqual([]);
  expect(replaced([begun])).toEqual([]);
  expect(replaced([{ ...begun, status: { ...begun.status, finishedAt: formatTime(NOW_MS) } }])).toEqual(['w0']);
});

test('a check that failed most of those that were measured is at fault, however many of the others wait for their turn', () => {
  const record = (name: string) => ({ name, providerID: `aws:///us-east-2a/i-${name}`, bootId: `boot-${name}` });
  const measured = NAMES.slice(0, 4).map((name) => ({
    ...{ ...record(name), result: 'Fail' as const, reason: 'dcgm' },
  }));
  const others = NAMES.slice(4).map((name) => ({
    ...{ ...record(name), result: 'Unreliable' as const, reason: 'NotFree' },
  }));
  const finishedAt = formatTime(NOW_MS - HOUR_MS);
  const done = makeValidation(
    NAMES,
    { startedAt: finishedAt, finishedAt, nodes: [...measured, ...others] },
    { reason: 'Person' },
  );
  const failed = measured.map(({ name }) =>
    working(name, {
      ...{ phase: 'Quarantined', validated: 'False', work: [], taints: [taint(PROBATION_TAINT)] },
      verdict: { timeMs: NOW_MS - HOUR_MS, result: 'Fail', bootId: `boot-${name}`, validation: done.name },
    }),
  );
  const { rulings } = planNodeHealth(makeSnapshot([...failed, ...fleet.slice(4)], { validations: [done] }), NOW_MS);
  expect(rulings).toHaveLength(4);
  expect(rulings.map((ruling) => !ruling.allowed && ruling.brake)).toEqual(Array(4).fill('ChecksFault'));
});
