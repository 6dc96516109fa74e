/** Failed nodes of a managed node group: emptied, rebooted, measured again, replaced; and everything that is not asked of EC2. */
import { POOL_LABEL } from '../../domain/node-keys';
import type { NodeFacts, RebootFacts } from '../../fleet';
import type { HealthAction } from './actions';
import { PENDING_MS, QUARANTINE_MS } from './brake-rules';
import { planNodeHealth } from './plan';
import { toPoolHealth } from './reading';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { makeHealthNode, makePolicy, makeSnapshot, makeValidation, NOW_MS } from './testing-fleet';

const FAILED_MS = NOW_MS - 60_000;
const POOL = toPoolHealth({
  ...{ apiVersion: 'aicluster.dev/v1alpha1', kind: 'CapacityPool', metadata: { name: 'p5' } },
  spec: {
    ...{ instanceType: 'p5.48xlarge', source: 'Block', reservationId: 'cr-0abc', availabilityZone: 'us-east-2a' },
    ...{ nodeGroup: 'p5-block', validation: 'Standard' },
  },
  status: { desired: 4, nodes: 4 },
});

/** A node of the group that failed a minute ago, in this boot. */
function failed(name: string, over: Partial<NodeFacts> & Partial<Pick<HealthNode, 'work' | 'phase'>> = {}): HealthNode {
  const verdict = { timeMs: FAILED_MS, result: 'Fail', level: 'Standard', bootId: `boot-${name}` } as const;
  return makeHealthNode(name, { phase: 'Quarantined', validated: 'False', nodeGroup: 'p5-block', verdict, ...over });
}
const well = (name: string) =>
  makeHealthNode(name, {
    ...{ phase: 'Unassigned', nodeGroup: 'p5-block' },
    verdict: { timeMs: NOW_MS, result: 'Pass', bootId: `boot-${name}` },
  });

const snapshot = (nodes: readonly HealthNode[], over: Partial<HealthSnapshot> = {}) =>
  makeSnapshot([...nodes, ...['w1', 'w2', 'w3'].map(well)], { pools: new Map([['p5', POOL]]), ...over });
const look = (of: HealthSnapshot, nowMs = NOW_MS) => planNodeHealth(of, nowMs);
const acts = (of: HealthSnapshot, nowMs = NOW_MS) =>
  look(of, nowMs)
    .actions.filter(({ type }) => !['WritePolicy', 'WriteReport'].includes(type))
    .map(
      (action: HealthAction) =>
        `${action.type}${'node' in action ? ` ${action.node}` : ''}${'to' in action ? ` ${action.to}` : ''}`,
    );
const heldBack = (of: HealthSnapshot, nowMs = NOW_MS) =>
  look(of, nowMs).rulings.flatMap((ruling) => (ruling.allowed ? [] : [[ruling.brake, ruling.untilMs]]));
const tried = (over: Partial<RebootFacts> = {}): Partial<NodeFacts> => {
  return { reboot: { atMs: FAILED_MS, bootId: 'boot-a', ...over } };
};

describe('a failed node of a managed node group', () => {
  it('is rebooted first, decided on as it stands: version, instance, boot', () => {
    const { actions } = look(snapshot([failed('a')]));
    expect(actions.find(({ type }) => type === 'Reboot')).toEqual({
      ...{ type: 'Reboot', node: 'a', resourceVersion: '1', providerID: 'aws:///us-east-2a/i-a', bootId: 'boot-a' },
      ...{ nodeGroup: 'p5-block', atMs: NOW_MS, why: 'its validation failed' },
    });
  });

  it('is emptied before, when something works on it', () => {
    const { actions } = look(snapshot([failed('a', { work: ['training/x'] })]));
    const [move] = actions.filter(({ type }) => type === 'CreateMove');
    expect(move).toMatchObject({ node: 'a', to: 'Validation', labels: { [POOL_LABEL]: 'p5' } });
    expect(actions.map(({ type }) => type)).not.toContain('Reboot');
    // Opened by a person's hand: closed first, and rebooted in a later look.
    expect(acts(snapshot([failed('a', { taints: [] })]))).toEqual(['Close a']);
  });

  it('waits for the answer, then stands in quarantine, then is replaced, where nobody knows whether it was rebooted', () => {
    const of = snapshot([failed('a', tried())]);
    expect(heldBack(of)).toEqual([['Pending', FAILED_MS + PENDING_MS]]);
    expect(heldBack(of, FAILED_MS + PENDING_MS)).toEqual([['Quarantine', FAILED_MS + QUARANTINE_MS]]);
    expect(acts(of, FAILED_MS + QUARANTINE_MS)).toEqual(['CreateMove a Replacement']);
  });

  it('is measured again in another boot, as deeply as it had failed, and not replaced for what was before', () => {
    const again = failed('a', { ...tried(), bootId: 'another' });
    const [create] = look(snapshot([again])).actions.filter(({ type }) => type === 'CreateValidation');
    expect(create).toMatchObject({ spec: { nodes: ['a'], reason: 'Reboot', level: 'Standard' } });
    expect(acts(snapshot([again]), NOW_MS + QUARANTINE_MS)).toEqual(['CreateValidation']);
  });

  it('is not rebooted twice within a week: it is replaced', () => {
    const once = { ...tried(), bootId: 'another' };
    const verdict = { timeMs: FAILED_MS, result: 'Fail', level: 'Standard', bootId: 'another' } as const;
    const of = snapshot([failed('a', { ...once, verdict })]);
    expect(acts(of, FAILED_MS + QUARANTINE_MS)).toEqual(['CreateMove a Replacement']);
    const longAgo = { reboot: { atMs: NOW_MS - 8 * 24 * 3_600_000, bootId: 'old' } };
    expect(acts(snapshot([failed('a', longAgo)]))).toEqual(['Reboot a']);
  });

  it('waits until EC2 may be asked again when certainly nothing was sent, which is no attempt', () => {
    const untilMs = NOW_MS + 120_000;
    const of = snapshot([failed('a', tried({ notBeforeMs: untilMs, why: 'RequestLimitExceeded' }))]);
    expect(heldBack(of)).toEqual([['Pending', untilMs]]);
    expect(look(of).rulings[0]!.why).toBe('it could not be rebooted: RequestLimitExceeded');
    expect(look(of).requeueAfterMs).toBeLessThanOrEqual(120_000);
    expect(acts(of, untilMs)).toEqual(['Reboot a']);
    // The attempts of the policy are not used up by it.
    const { rulings } = look(of, untilMs);
    expect(rulings).toEqual([expect.objectContaining({ allowed: true, kind: 'Reboot', attempt: 1 })]);
  });
});

describe("what EKS' agent says of a node of a managed node group", () => {
  const broken = (atMs: number) => ({
    ...{ id: 'condition w1 AcceleratedHardwareReady', node: 'w1', source: 'Agent', kind: 'AcceleratedHardwareReady' },
    ...{ loudness: 'Critical', atMs },
  });
  const said = (atMs: number) => ({ faults: [broken(atMs) as HealthSnapshot['faults'][number]] });

  it('is a report and no notice, because nobody replaces it: closed and measured, once', () => {
    const of = snapshot([], said(NOW_MS + 1));
    expect(acts(of, NOW_MS + 60_000)).toEqual(['Close w1']);
    expect(look(of, NOW_MS + 60_000).suspicions[0]).toMatchObject({
      action: 'Validate',
      why: expect.not.stringMatching(/EKS/),
    });
    // It was measured since: the condition may stay as it is.
    expect(acts(snapshot([], said(NOW_MS - 60_000)))).toEqual([]);
  });
});

describe('EC2 is asked for nothing', () => {
  const none = (of: HealthSnapshot) => expect(acts(of).filter((act) => /Reboot|Replacement/.test(act))).toEqual([]);

  it.each(['Held', 'Cordoned', 'Moving', 'Leaving', 'Joining'] as const)('of a node that is %s', (phase) => {
    none(snapshot([failed('a', { phase, held: phase === 'Held' })]));
  });

  it('in a dry run, without a policy, and while a new verdict is being written', () => {
    const dry = { resourceVersion: '1', generation: 1, spec: makePolicy({ dryRun: true }), status: {} };
    none(snapshot([failed('a')], { policy: dry }));
    const { policy: _, ...without } = snapshot([failed('a')]);
    none(without);
    const passed = makeValidation(['a'], {
      nodes: [{ name: 'a', providerID: 'aws:///us-east-2a/i-a', bootId: 'boot-a', result: 'Pass' }],
      finishedAt: new Date(NOW_MS).toISOString(),
    });
    expect(acts(snapshot([failed('a')], { validations: [passed] }))).toEqual(['WriteVerdict a']);
  });

  it('when there are more than the brakes let go: one of so few at a time', () => {
    const both = snapshot([failed('a'), failed('b')], { pools: new Map([['p5', { ...POOL, missing: 0 }]]) });
    expect(acts(both).filter((act) => act.startsWith('Reboot'))).toHaveLength(1);
  });

  it("of a node that is not of its pool's group, or whose pool is Karpenter's: a person decides", () => {
    for (const nodeGroup of ['system', undefined]) {
      const stranger = snapshot([failed('a', nodeGroup === undefined ? ({ nodeGroup } as object) : { nodeGroup })]);
      none(stranger);
      expect(heldBack(stranger)).toEqual([['NotInPool', undefined]]);
    }
    const { nodeGroup: _, ...karpenters } = POOL;
    const pools = new Map([['p5', { ...karpenters, path: 'Karpenter' as const, source: 'OnDemand' as const }]]);
    expect(heldBack(snapshot([failed('a')], { pools }))).toEqual([['NotInPool', undefined]]);
    expect(look(snapshot([failed('a')], { pools })).rulings[0]!.why).toBe(
      'it is of node group p5-block, and Karpenter makes the nodes of p5: nobody of ours can reboot or replace it',
    );
  });
});
