/** Closed nodes that still work: nobody forgets them, none keeps its work for ever, and each is told why it waits. */
import { NodeHealthPolicySpec, type NodeHealthPolicyStatus } from '../../api';
import { formatTime, type Taint } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { taint } from '../../fleet/testing';
import type { HealthAction } from './actions';
import type { Fault } from './faults';
import { planNodeHealth } from './plan';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { makeHealthNode, makePolicy, makeSnapshot, makeValidation, NOW_MS } from './testing-fleet';

const HOUR_MS = 3_600_000;
const ago = (ms: number) => formatTime(NOW_MS - ms);

type Overrides = Parameters<typeof makeHealthNode>[1] & { readonly endless?: true };

/** A node that was proved two days ago and works in bucket serving. */
function working(name: string, { endless, ...overrides }: Overrides = {}): HealthNode {
  const node = makeHealthNode(name, {
    ...{ phase: 'Active', bucket: 'serving', work: [`serving/${name}`], createdAtMs: NOW_MS - 72 * HOUR_MS },
    verdict: { timeMs: NOW_MS - 48 * HOUR_MS, result: 'Pass', bootId: `boot-${name}`, validation: 'old' },
    ...overrides,
  });
  return endless ? { ...node, endless } : node;
}

const closedSince = (ms: number): Taint => ({ ...taint(PROBATION_TAINT), timeAdded: ago(ms) });
const closed = (name: string, ms: number, overrides: Overrides = {}) =>
  working(name, { phase: 'Probation', taints: [closedSince(ms)], ...overrides });
const others = Array.from({ length: 11 }, (_, i) => working(`x${i}`));

const about = (actions: readonly HealthAction[]) =>
  actions
    .filter(({ type }) => !['WritePolicy', 'WriteReport'].includes(type))
    .map((action) =>
      'node' in action ? `${action.type} ${action.node}${'to' in action ? ` ${action.to}` : ''}` : action.type,
    );
const look = (node: HealthNode, over: Partial<HealthSnapshot> = {}, nowMs = NOW_MS) => {
  const plan = planNodeHealth(makeSnapshot([node, ...others], over), nowMs);
  const [written] = plan.actions.filter((action) => action.type === 'WritePolicy');
  return { ...plan, acts: about(plan.actions), says: (written as { status: NodeHealthPolicyStatus }).status.message };
};
const policyOf = (remediation: object, status: NodeHealthPolicyStatus = {}): HealthSnapshot['policy'] => ({
  ...{ resourceVersion: '1', generation: 1, spec: makePolicy(remediation), status },
});
/** A fault that can wait until the gang is over. */
const fault = (atMs: number): Fault => ({
  ...{ id: 'event a', node: 'a', source: 'Ec2', kind: 'Kernel', loudness: 'Critical', atMs },
});

describe('a node that was closed for a suspicion which a reset of the breaker made forgotten', () => {
  const reset = policyOf({}, { reset: { value: 'alice', at: ago(60_000) } });
  const forgotten = { faults: [fault(NOW_MS - 2 * 60_000)], policy: reset };

  it('is emptied to be proved again when what works there never ends', () => {
    const { acts, suspicions } = look(closed('a', 2 * 60_000, { endless: true }), forgotten);
    expect(suspicions).toMatchObject([{ node: 'a', action: 'None' }]);
    expect(acts).toEqual(['CreateMove a Validation']);
  });

  it('waits for the end of a gang, and the policy says until when', () => {
    const { acts, says, requeueAfterMs } = look(closed('a', 2 * 60_000), forgotten);
    expect(acts).toEqual([]);
    expect(says).toBe(
      `a: closed; the end of the work on it is waited for, until ${formatTime(NOW_MS - 2 * 60_000 + 24 * HOUR_MS)} at the latest: ` +
        'it is closed, and what it was closed for does not count any more: only a proof opens it',
    );
    expect(requeueAfterMs).toBeLessThanOrEqual(24 * HOUR_MS);
  });

  it.each([
    ['its bucket has no more than its minimum', { minimums: new Map([['serving', 12]]) }, /^a: bucket serving has 12/],
    ['as many as may be are away', { policy: policyOf({ maxNodes: 0 }) }, /^a: 0 nodes of fleet are away/],
    ['it is a dry run', { policy: policyOf({ dryRun: true }) }, /^a: dry run: it would leave work to be measured/],
  ])('stays where it is while %s, and the policy says so', (_, over, words) => {
    const { acts, says } = look(closed('a', 60_000, { endless: true }), over);
    expect(acts).toEqual([]);
    expect(says).toMatch(words);
  });

  it('is proved as any other once nothing works on it', () => {
    expect(look(closed('a', 2 * 60_000, { work: [] }), forgotten).acts).toEqual(['CreateValidation']);
  });

  it('is in nobody’s way: not when a person has it, not while it is measured, not when it is a person’s to decide', () => {
    const tried = { name: 'a', providerID: 'aws:///us-east-2a/i-a', bootId: 'boot-a' };
    const run = { startedAt: ago(60_000), rounds: [], nodes: [tried] };
    const twice = ['t1', 't2'].map((name) => ({
      ...makeValidation(['a'], { ...run, finishedAt: ago(1), nodes: [{ ...tried, result: 'Unreliable' as const }] }),
      name,
    }));
    const moves = (node: HealthNode, over = {}) => look(node, over).acts.filter((one) => one.startsWith('CreateMove'));
    const serving = { endless: true } as const;
    expect(moves(closed('a', 60_000, { ...serving, phase: 'Held', held: true }))).toEqual([]);
    expect(moves(closed('a', 60_000, { ...serving, phase: 'Moving' }))).toEqual([]);
    expect(
      moves(closed('a', 60_000, { ...serving, phase: 'Validating' }), { validations: [makeValidation(['a'], run)] }),
    ).toEqual([]);
    const suspect = closed('a', 60_000, {
      ...{ ...serving, phase: 'Suspect' },
      verdict: { timeMs: NOW_MS - 1, result: 'Unreliable', bootId: 'boot-a', validation: 't2' },
    });
    expect(moves(suspect, { validations: twice })).toEqual([]);
    expect(moves(suspect, { validations: twice.slice(0, 1) })).toEqual(['CreateMove a Validation']);
  });
});

describe('the end of a gang is waited for', () => {
  const faults = [fault(NOW_MS - 60_000)];

  it('for a day, or as long as the policy says: then the node leaves at the next checkpoint, whatever is said of it by then', () => {
    const day = 24 * HOUR_MS;
    for (const said of [faults, []]) {
      expect(look(closed('a', day - 1000), { faults: said }).acts).toEqual([]);
      expect(look(closed('a', day), { faults: said }).acts).toEqual(['CreateMove a Validation']);
      const policy = policyOf({ gangEndsWithin: '1h' });
      expect(look(closed('a', HOUR_MS), { faults: said, policy }).acts).toEqual(['CreateMove a Validation']);
    }
  });

  it('and not longer because nobody knows since when', () => {
    expect(look(closed('a', 0, { taints: [taint(PROBATION_TAINT)] }), { faults }).acts).toEqual([
      'CreateMove a Validation',
    ]);
  });

  it('where there is one: what serves does not end, so it leaves at once, closed in the same look', () => {
    expect(look(working('a'), { faults }).acts).toEqual(['Close a']);
    expect(look(working('a', { endless: true }), { faults }).acts).toEqual(['Close a', 'CreateMove a Validation']);
  });

  it('and told, in a dry run as well', () => {
    expect(look(closed('a', 60_000), { faults }).says).toMatch(/^a: closed; .* at the latest: Ec2 reports Kernel$/);
    const { acts, says } = look(working('a'), { faults, policy: policyOf({ dryRun: true }) });
    expect(acts).toEqual([]);
    expect(says).toBe('a: dry run: it would be closed until the work on it has ended, because Ec2 reports Kernel');
  });

  it.each([
    ['Held', { held: true }],
    ['Moving', {}],
  ] as const)('and not told of one that is %s: somebody else has it', (phase, facts) => {
    expect(look(closed('a', 60_000, { phase, ...facts }), { faults }).says).toBe('');
  });

  it('a day by default', () => {
    expect(NodeHealthPolicySpec.parse({}).remediation.gangEndsWithin).toBe('24h');
  });
});

test('a node whose condition alone says that it failed, its validation deleted before the rest was written, is measured again', () => {
  const half = (work: readonly string[]) => closed('a', 60_000, { phase: 'Quarantined', validated: 'False', work });
  const plan = planNodeHealth(makeSnapshot([half([])]), NOW_MS);
  expect(plan.actions.find(({ type }) => type === 'CreateValidation')).toMatchObject({
    spec: { nodes: ['a'], level: 'Standard' },
  });
  expect(look(half(['serving/a'])).acts).toEqual(['CreateMove a Validation']);
});
