import { InvariantPolicy, type InvariantPolicyStatus } from '../../api';
import { explain } from '../explain';

const NOW_MS = Date.parse('2026-11-26T05:00:00Z');
const policy = (status: InvariantPolicyStatus) => ({ ...InvariantPolicy.make('default', {}), status });
const text = (status: InvariantPolicyStatus, rule?: string) =>
  explain([policy(status)], 'invariants', rule, NOW_MS).text.join('\n');
const FINDING = {
  rule: 'topology-labels-present',
  object: 'Node p5-0',
  message: 'it lacks the network layers 3',
  severity: 'Warning',
  owner: 'invariants',
  since: '2026-11-26T04:55:00Z',
} as const;

describe('aicluster explain invariants', () => {
  it('says that every rule is kept', () => {
    expect(text({ message: 'every rule is kept', findings: [] })).toBe('invariants: every rule is kept');
  });

  it('shows what is broken, since when, what it protects, and who keeps changing it', () => {
    const finding = { ...FINDING, repairs: 3, conflict: true, manager: 'helm (update at 2026-11-26T04:59:00Z)' };
    const said = text({ message: '0 critical, 1 warnings, 0 to know', findings: [finding] });
    expect(said).toContain('topology-labels-present (Warning, put right by invariants)');
    expect(said).toContain('protects: gangs are packed');
    expect(said).toContain(
      'Node p5-0, since 2026-11-26T04:55:00Z (5m): it lacks the network layers 3; CONFLICT: put right 3 times, changed by helm',
    );
  });

  it('leaves out what is right again, and of a rule that is kept says what it is for', () => {
    const findings = [{ ...FINDING, resolvedAt: '2026-11-26T04:58:00Z', repairs: 1 }];
    expect(text({ message: 'every rule is kept', findings })).toBe('invariants: every rule is kept');
    expect(text({ message: 'every rule is kept', findings }, 'mig-off')).toMatch(/mig-off[^]*kept$/);
  });

  it.each([['a rule that there is not', 'topology-label-present', 'did you mean topology-labels-present']])(
    '%s is an error with the nearest',
    (_, rule, message) => {
      expect(() => text({}, rule)).toThrow(message);
    },
  );

  it('says when nobody has looked yet', () => {
    expect(text({})).toContain('is aicluster-janitor up?');
    expect(explain([], 'invariants', undefined, NOW_MS).text.join()).toContain(
      'there is no InvariantPolicy named default',
    );
  });
});
