import { JanitorPolicy } from '../api';
import { INVARIANT_RULE_IDS } from '../domain/invariant-rules';
import { toInvariantPolicy } from './invariants';
import { toJanitorPolicy } from './janitor';

describe('the janitor prop', () => {
  it('is the policy that only tells, unless it says otherwise', () => {
    expect(toJanitorPolicy()).toEqual(JanitorPolicy.make('default', {}));
    expect(toJanitorPolicy({ dryRun: false })['spec']).toMatchObject({ dryRun: false, sync: { repair: [] } });
  });

  it('has every field of the policy, each with the defaults of what is not said', () => {
    const policy = toJanitorPolicy({
      dryRun: false,
      excludeNamespaces: ['notebooks'],
      stuck: { terminating: '10m' },
      finalizers: [{ name: 'example.com/cleanup', why: 'its controller was removed' }],
      budgets: { perMinute: 10 },
      gangs: { hungAfter: '2h' },
      resubmission: { attempts: 1, backOff: { min: '1m' } },
      sync: { repair: ['VolumeAttachments'] },
    });
    expect(policy['spec']).toMatchObject({
      excludeNamespaces: ['notebooks'],
      stuck: { terminating: '10m', vanishedNode: '2m' },
      finalizers: [{ name: 'example.com/cleanup' }],
      budgets: { perMinute: 10, perOwnerPerMinute: 20 },
      gangs: { hungAfter: '2h', halfDeadAfter: '2m' },
      resubmission: { attempts: 1, backOff: { min: '1m', max: '1h' } },
      sync: { olderThan: '1h', repair: ['VolumeAttachments'] },
    });
    expect(Object.keys(policy['spec'] as object).sort()).toEqual(Object.keys(JanitorPolicy.spec.shape).sort());
  });

  it('names a misspelt field and the nearest one, at every level', () => {
    const misspelt = { dryrun: false, sync: { repairs: [] }, gangs: { hungAfter: 'soon' } } as any;
    expect(() => toJanitorPolicy(misspelt)).toThrow(
      /spec\.dryrun: no such field; did you mean dryRun\?[^]*spec\.gangs\.hungAfter: must be a duration/,
    );
    expect(() => toJanitorPolicy(misspelt)).toThrow(/spec\.sync\.repairs: no such field; did you mean repair\?/);
    expect(() => toJanitorPolicy({ sync: { repair: ['Volumes' as any] } })).toThrow(/spec\.sync\.repair\.0/);
  });
});

describe('the invariants prop', () => {
  it('is the policy that puts nothing right, unless it says otherwise', () => {
    expect(toInvariantPolicy()['spec']).toEqual({
      rules: [],
      repair: { maxPerHour: 3, dryRun: true },
      maxFindings: 256,
    });
    const rules = [{ id: 'pools-have-their-taints', severity: 'Info' as const }];
    expect(toInvariantPolicy({ rules, repair: { dryRun: false } })['spec']).toMatchObject({
      rules: [{ id: 'pools-have-their-taints', disabled: false, severity: 'Info' }],
      repair: { maxPerHour: 3, dryRun: false },
    });
  });

  it('names a misspelt field and the nearest one, at every level', () => {
    expect(() => toInvariantPolicy({ rules: [{ id: 'x-y', disable: true }] } as any)).toThrow(
      /spec\.rules\.0\.disable: no such field; did you mean disabled\?/,
    );
    expect(() => toInvariantPolicy({ repair: { dryrun: false } } as any)).toThrow(/did you mean dryRun\?/);
  });

  it('names a rule that does not exist and the nearest: what is said of it would change nothing', () => {
    const rules = [{ id: 'mig-off' }, { id: 'topology-label-present', disabled: true }, { id: 'ranks-have-name' }];
    const said = [
      "InvariantPolicy 'default' is invalid:",
      "  spec.rules.1.id: there is no rule 'topology-label-present': did you mean topology-labels-present or .*\\?",
      "  spec.rules.2.id: there is no rule 'ranks-have-name': did you mean ranks-have-names or .*\\?",
    ];
    expect(() => toInvariantPolicy({ rules })).toThrow(new RegExp(`^${said.join('\n')}$`));
    expect(toInvariantPolicy({ rules: INVARIANT_RULE_IDS.map((id) => ({ id })) })['spec'].rules).toHaveLength(
      INVARIANT_RULE_IDS.length,
    );
  });
});
