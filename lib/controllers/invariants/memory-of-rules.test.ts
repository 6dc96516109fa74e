/** Rules whose part of the state is as it was are not asked again: that must never be seen from outside. */
import type { KubeObject } from '../../domain/kube';
import { NODES, PODS, resourceName, type ResourceType } from '../../domain/resources';
import { seededRandom } from '../../domain/seeded-random';
import { seedOf } from '../../../test/seed';
import { DEFAULT_POLICY } from './observe';
import { planInvariants, type InvariantsPlan } from './plan';
import { RULES } from './rules';
import type { Rule } from './rule';
import { InvariantState, type CloudState } from './state';
import { CLOUD, NOW_MS, SHIPPED, kept } from './testing';

/** Lists as a cache gives them: the same list until one of its objects changes. */
class Lists {
  private readonly lists = new Map<string, readonly KubeObject[]>();
  constructor(private objects: readonly KubeObject[]) {}

  read = (resource: ResourceType): readonly KubeObject[] => {
    const name = resourceName(resource);
    const known = this.lists.get(name);
    if (known) return known;
    const list = this.objects.filter(({ kind }) => kind === resource.kind);
    this.lists.set(name, list);
    return list;
  };

  change(at: number, edit: (object: KubeObject) => KubeObject | undefined): void {
    const { kind } = this.objects[at]!;
    this.objects = this.objects.flatMap((object, i) => (i === at ? (edit(object) ?? []) : object));
    for (const [name, list] of this.lists) if (list.some((one) => one.kind === kind)) this.lists.delete(name);
  }

  get size(): number {
    return this.objects.length;
  }
}

const look = (state: InvariantState, checked: InvariantsPlan['checked'] = new Map(), rules: readonly Rule[] = RULES) =>
  planInvariants(rules, state, undefined, {
    defaults: DEFAULT_POLICY,
    managers: new Map(),
    known: [],
    pending: new Map(),
    untold: [],
    checked,
  });
const said = ({ checked }: InvariantsPlan) => [...checked].map(([id, { value }]) => [id, value]);

test('what rules remember is what they would say anew, whatever changes', () => {
  const random = seededRandom(seedOf('what rules remember').seed);
  const pick = (most: number) => Math.floor(random() * most);
  const lists = new Lists(kept());
  let checked: InvariantsPlan['checked'] | undefined;
  let found = 0;
  let cloud: CloudState = CLOUD;
  for (let step = 0; step < 300 && lists.size > 1; step++) {
    lists.change(pick(lists.size), (object) => {
      const { labels, ...metadata } = object.metadata;
      const edits: readonly (() => KubeObject | undefined)[] = [
        () => ({ ...object, metadata }),
        () => ({ ...object, spec: undefined }),
        () => ({ ...object, status: undefined }),
        () => ({ ...object, metadata: { ...metadata, labels: { ...labels, 'aicluster.dev/bucket': 'other' } } }),
        () => (random() < 0.05 ? undefined : object),
      ];
      return edits[pick(edits.length)]!();
    });
    if (random() < 0.1) cloud = random() < 0.5 ? {} : CLOUD;
    const nowMs = NOW_MS + pick(3) * 600_000;
    const state = () => new InvariantState(lists.read, nowMs, cloud, SHIPPED);
    const remembered = look(state(), checked);
    expect(said(remembered)).toEqual(said(look(state())));
    checked = remembered.checked;
    found += said(remembered).filter(([, violations]) => (violations as readonly unknown[]).length > 0).length;
  }
  expect(found).toBeGreaterThan(300);
});

test('a rule is asked again only when something that it has read is another', () => {
  let asked = 0;
  const rule = {
    ...RULES[0]!,
    check: ({ fleet }: InvariantState) => {
      asked += 1;
      return fleet.length > 99 ? [{ object: { kind: 'Node', name: 'x' }, message: '' }] : [];
    },
  };
  const lists = new Lists(kept());
  const state = (ms = 0) => new InvariantState(lists.read, NOW_MS + ms, CLOUD, SHIPPED);
  const first = look(state(), undefined, [rule]);
  const second = look(state(60_000), first.checked, [rule]);
  expect(asked).toBe(1);
  const at = (resource: ResourceType) => kept().findIndex(({ kind }) => kind === resource.kind);
  lists.change(at(PODS), (pod) => ({ ...pod }));
  const third = look(state(), second.checked, [rule]);
  expect(asked).toBe(1);
  lists.change(at(NODES), (node) => ({ ...node }));
  look(state(), third.checked, [rule]);
  expect(asked).toBe(2);
});
