import { NODES } from '../../domain/resources';
import { PENDING_MS, planFindings, type Finding, type FindingBounds, type RuleResult } from './findings';
import { otherWriter } from './managers';
import { refOf, type RuleOwner, type Violation } from './rule';

const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-11-26T05:00:00Z');
const REPAIR = { verb: 'Patch', resource: NODES, name: { name: 'p5-0' }, patch: {} } as const;

const violation = (name = 'p5-0', extra: Partial<Violation> = {}): Violation => ({
  object: refOf(NODES, { metadata: { name } }),
  message: 'it is wrong',
  ...extra,
});

const result = (violations: readonly Violation[], owner: RuleOwner = 'invariants', repairs = true): RuleResult => ({
  rule: { id: 'a-rule', owner },
  severity: 'Warning',
  repairs,
  violations,
});

const BOUNDS: FindingBounds = { maxFindings: 256, maxRepairs: 3, dryRun: false };

/** One look after the other, each on what the one before has written. */
class Looks {
  findings: readonly Finding[] = [];
  nowMs = START_MS;
  readonly managers = new Map<string, string>();
  private pending: ReadonlyMap<string, number> = new Map();

  constructor(private readonly bounds: FindingBounds = BOUNDS) {}

  /** What is wrong now, and was wrong for long enough. */
  found(...results: readonly RuleResult[]) {
    this.look(0, ...results);
    return this.look(PENDING_MS, ...results);
  }

  look(afterMs: number, ...results: readonly RuleResult[]) {
    this.nowMs += afterMs;
    const { bounds, managers, nowMs } = this;
    const plan = planFindings(this.findings, results, { bounds, managers, pending: this.pending, nowMs });
    this.findings = plan.findings;
    this.pending = plan.pending;
    return plan;
  }
}

describe('findings', () => {
  test('are said once, and keep the time they were found', () => {
    const looks = new Looks();
    expect(looks.found(result([violation()], 'person')).news).toHaveLength(1);
    const later = looks.look(60_000, result([violation()], 'person'));
    expect(later.news).toEqual([]);
    expect(later.findings).toEqual([expect.objectContaining({ object: 'Node p5-0', since: '2026-11-26T05:00:00Z' })]);
  });

  test('are what is wrong for longer than its owner takes: a slip of seconds is none', () => {
    const looks = new Looks();
    expect(looks.look(0, result([violation()])).findings).toEqual([]);
    expect(looks.look(PENDING_MS - 1, result([violation()])).againMs).toBe(START_MS + PENDING_MS);
    expect(looks.look(0, result([])).findings).toEqual([]);
    expect(looks.look(1, result([violation()])).findings).toEqual([]);
  });

  test('of a person are gone when they are put right, and new when they come back', () => {
    const looks = new Looks();
    looks.found(result([violation()], 'person'));
    expect(looks.look(1_000, result([], 'person')).findings).toEqual([]);
    expect(looks.found(result([violation()], 'person')).news).toHaveLength(1);
  });

  test.each(['person', 'cdk'] as const)('of %s are never a conflict: nobody of ours fights for them', (owner) => {
    const looks = new Looks({ ...BOUNDS, maxRepairs: 0 });
    looks.found(result([violation()], owner));
    const later = looks.look(60_000, result([violation()], owner));
    expect([later.unnamed, later.findings[0]!.conflict]).toEqual([[], undefined]);
  });

  test('are bounded: the worst and oldest stay, and how many more there are is said', () => {
    const looks = new Looks({ ...BOUNDS, maxFindings: 2 });
    const plan = looks.found(result(['b', 'a', 'c'].map((name) => violation(name))), {
      ...result([violation('z')]),
      rule: { id: 'z-rule', owner: 'person' },
      severity: 'Critical',
    });
    expect(plan.findings.map(({ object }) => object)).toEqual(['Node z', 'Node a']);
    expect(plan.more).toBe(2);
    expect(plan.counts).toEqual({ Critical: 1, Warning: 3, Info: 0 });
  });

  test('without room are counted in every look, and when there is room they are as old as they are', () => {
    const looks = new Looks({ ...BOUNDS, maxFindings: 1 });
    const wrong = (...names: readonly string[]) =>
      result(
        names.map((name) => violation(name)),
        'person',
      );
    looks.found(wrong('a', 'b'));
    for (let i = 0; i < 5; i++) {
      const { more, counts, news } = looks.look(5_000, wrong('a', 'b'));
      expect([more, counts.Warning, news]).toEqual([1, 2, []]);
    }
    const { findings, news } = looks.look(5_000, wrong('b'));
    expect(findings).toEqual([expect.objectContaining({ object: 'Node b', since: '2026-11-26T05:00:00Z' })]);
    expect(news).toHaveLength(1);
  });

  test('two things wrong with one object are one finding', () => {
    expect(new Looks().found(result([violation(), violation()])).findings).toHaveLength(1);
  });
});

describe('repairs', () => {
  const broken = () => result([violation('p5-0', { repair: REPAIR })]);

  test('are written down with the finding, and not sent again before the watch could bring them', () => {
    const looks = new Looks();
    const first = looks.found(broken());
    expect(first.repairs).toHaveLength(1);
    expect(first.findings[0]).toMatchObject({ repairs: 1, repairedAt: '2026-11-26T05:00:15Z' });
    expect(looks.look(2_000, broken()).repairs).toEqual([]);
  });

  test.each([
    ['in a dry run', { ...BOUNDS, dryRun: true }, true],
    ['that the policy switches off', BOUNDS, false],
  ])('%s are not made', (_, bounds, repairs) => {
    const plan = new Looks(bounds).found({ ...broken(), repairs });
    expect([plan.repairs, plan.findings.length]).toEqual([[], 1]);
  });

  test('against another writer end after N in a Conflict that names it, and begin anew after a quiet hour', () => {
    const looks = new Looks();
    looks.look(0, broken());
    for (let i = 0; i < 3; i++) {
      expect(looks.look(20_000, broken()).repairs).toHaveLength(1);
      looks.look(10_000, result([]));
    }
    const fourth = looks.look(10_000, broken());
    expect(fourth.repairs).toEqual([]);
    expect(fourth.findings[0]).toMatchObject({ conflict: true, repairs: 3 });
    expect([fourth.news.length, fourth.unnamed.length]).toEqual([1, 1]);
    looks.managers.set('a-rule Node p5-0', 'helm (update at noon)');
    const named = looks.look(10_000, broken());
    expect(named.findings[0]).toMatchObject({ conflict: true, manager: 'helm (update at noon)' });
    expect([named.news, named.unnamed, named.repairs]).toEqual([[], [], []]);
    looks.look(10_000, result([]));
    looks.look(HOUR_MS, broken());
    expect(looks.look(PENDING_MS, broken()).repairs).toHaveLength(1);
  });

  test('that change nothing are not repeated for ever either', () => {
    const looks = new Looks();
    let sent = 0;
    for (let i = 0; i < 100; i++) sent += looks.look(10_000, broken()).repairs.length;
    expect(sent).toBe(3);
    expect(looks.findings[0]).toMatchObject({ conflict: true });
  });

  test('by the controller that owns the key are counted, too: broken again after N it is a Conflict', () => {
    const looks = new Looks();
    const moves = (...wrong: readonly Violation[]) => result(wrong, 'moves');
    looks.look(0, moves(violation()));
    for (let i = 0; i < 3; i++) {
      expect(looks.look(20_000, moves(violation())).findings[0]!.conflict).toBeUndefined();
      looks.look(10_000, moves());
    }
    expect(looks.findings[0]).toMatchObject({ repairs: 3, resolvedAt: expect.any(String) });
    expect(looks.look(10_000, moves(violation())).findings[0]).toMatchObject({ conflict: true });
  });

  test('that the owner has given up are a Conflict at once', () => {
    const plan = new Looks().found(result([violation('p5-0', { fought: true })], 'moves'));
    expect([plan.findings[0]!.conflict, plan.unnamed.length]).toEqual([true, 1]);
  });

  test('once and never again are forgotten after an hour', () => {
    const looks = new Looks();
    looks.found(broken());
    looks.look(10_000, result([]));
    expect(looks.findings).toHaveLength(1);
    expect(looks.look(HOUR_MS, result([])).findings).toEqual([]);
  });

  test('for which there is no room in the status are not made: nobody would count them', () => {
    const plan = new Looks({ ...BOUNDS, maxFindings: 1 }).found(
      result(['a', 'b'].map((name) => violation(name, { repair: REPAIR }))),
    );
    expect(plan.repairs.map(({ object }) => object)).toEqual(['Node a']);
  });
});

describe('the other writer', () => {
  const wrote = (manager: string, time: string, fields: object, extra = {}) => ({
    ...{ manager, time, operation: 'Update', fieldsV1: fields },
    ...extra,
  });
  const object = (...managedFields: readonly object[]) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'p5-0', managedFields },
  });

  test('is the one that wrote the field, before anybody who wrote anything later', () => {
    const labels = { 'f:metadata': { 'f:labels': { 'f:aicluster.dev/bucket': {} } } };
    const node = object(
      wrote('kubectl-label', '2026-11-26T05:00:00Z', labels),
      wrote('karpenter', '2026-11-26T05:10:00Z', {}),
      wrote('eks-ai-cluster', '2026-11-26T05:20:00Z', labels),
    );
    expect(otherWriter(node, ['aicluster.dev/bucket'])).toBe('kubectl-label (update at 2026-11-26T05:00:00Z)');
    expect(otherWriter(node)).toBe('karpenter (update at 2026-11-26T05:10:00Z)');
  });

  test('is nobody of ours, and nobody who writes status', () => {
    const node = object(
      wrote('aicluster-invariants', '2026-11-26T05:00:00Z', {}),
      wrote('kubelet', '2026-11-26T05:00:00Z', {}, { subresource: 'status' }),
    );
    expect(otherWriter(node)).toBeUndefined();
  });
});
