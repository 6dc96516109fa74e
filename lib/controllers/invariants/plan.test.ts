import { InvariantPolicySpec } from '../../api';
import { INVARIANT_RULE_IDS } from '../../domain/invariant-rules';
import { NODES } from '../../domain/resources';
import { PENDING_MS } from './findings';
import { DEFAULT_POLICY } from './observe';
import { planInvariants, type InvariantsPlan } from './plan';
import { refOf, type Rule } from './rule';
import { RULES } from './rules';
import { InvariantState } from './state';
import { makeNode, NOW_MS } from './testing';

const NODE_NAMES = Array.from({ length: 25 }, (_, i) => `p5-${String(i).padStart(2, '0')}`);

/** A rule that these nodes break. */
const brokenBy = (names: readonly string[]): Rule => ({
  ...{ id: 'a-rule', protects: '', sees: '', severity: 'Warning', owner: 'person', source: 'own', atSynth: false },
  check: () => names.map((name) => ({ object: refOf(NODES, makeNode(name)), message: 'it is wrong' })),
});

/** One look after the other, each on what the one before has left. */
function look(
  names: readonly string[],
  afterMs: number,
  before?: InvariantsPlan,
  spec: InvariantPolicySpec = DEFAULT_POLICY,
): InvariantsPlan {
  const policy = {
    ...{ resourceVersion: '1', generation: 1, spec },
    status: before?.status ?? {},
  };
  const { pending = new Map<string, number>(), untold = [], known = [] } = before ?? {};
  const state = new InvariantState(() => [], NOW_MS + afterMs);
  return planInvariants([brokenBy(names)], state, policy, {
    ...{ defaults: DEFAULT_POLICY, managers: new Map(), known, pending, untold, checked: new Map() },
  });
}

test('what is too much to be said at once is said in the next look, but for what is right by then', () => {
  const first = look(NODE_NAMES, PENDING_MS, look(NODE_NAMES, 0));
  expect(first.findings).toHaveLength(25);
  expect(first.news.map(({ object }) => object.name)).toEqual(NODE_NAMES.slice(0, 20));
  const second = look(NODE_NAMES.slice(0, 23), PENDING_MS + 5_000, first);
  expect(second.news.map(({ object }) => object.name)).toEqual(NODE_NAMES.slice(20, 23));
  expect(second.untold).toEqual([]);
});

test('a rule that the policy names and that does not exist is said with the nearest, and all else counts', () => {
  const rules = [{ id: 'topology-label-present', disabled: true }, { id: 'mig-off' }, { id: 'a-rule', disabled: true }];
  const { status, findings } = look(
    NODE_NAMES,
    PENDING_MS,
    look(NODE_NAMES, 0),
    InvariantPolicySpec.parse({ rules, maxFindings: 9 }),
  );
  const [accepted] = status!.conditions!;
  expect(accepted).toMatchObject({ type: 'Accepted', status: 'False', reason: 'UnknownRule' });
  expect(accepted!.message).toMatch(
    /^spec\.rules\.0\.id: there is no rule 'topology-label-present': did you mean topology-labels-present or .*All else counts\.$/,
  );
  expect(status!.message).toBe('every rule is kept; 2 of spec.rules unknown: see Accepted');
  expect(findings).toEqual([]);
  const mended = look([], PENDING_MS, undefined, InvariantPolicySpec.parse({ rules: [{ id: 'mig-off' }] }));
  expect(mended.status!.conditions![0]).toMatchObject({ status: 'True', reason: 'Valid' });
});

test('what is said of rules is said of those that there are: the ids are those of the table', () => {
  expect(INVARIANT_RULE_IDS).toEqual(RULES.map(({ id }) => id));
});
