import { NODES } from '../../domain/resources';
import { PENDING_MS } from './findings';
import { DEFAULT_POLICY } from './observe';
import { planInvariants, type InvariantsPlan } from './plan';
import { refOf, type Rule } from './rule';
import { InvariantState } from './state';
import { makeNode, NOW_MS } from './testing';

const NODE_NAMES = Array.from({ length: 25 }, (_, i) => `p5-${String(i).padStart(2, '0')}`);

/** A rule that these nodes break. */
const brokenBy = (names: readonly string[]): Rule => ({
  ...{ id: 'a-rule', protects: '', sees: '', severity: 'Warning', owner: 'person', source: 'own', atSynth: false },
  check: () => names.map((name) => ({ object: refOf(NODES, makeNode(name)), message: 'it is wrong' })),
});

/** One look after the other, each on what the one before has left. */
function look(names: readonly string[], afterMs: number, before?: InvariantsPlan): InvariantsPlan {
  const policy = {
    ...{ resourceVersion: '1', generation: 1, spec: DEFAULT_POLICY },
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
