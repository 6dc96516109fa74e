import { inBucket, makePodFacts } from '../../fleet/testing';
import type { PodFacts } from '../../fleet';
import { planCapacity } from './plan';
import type { CapacitySnapshot } from './snapshot';
import { makeBucket, makeNodes, makeSnapshot, written } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const requests = { cpu: 1, memory: 2 ** 30, pods: 1, 'nvidia.com/gpu': 1 };
const owner = { kind: 'ReplicaSet', name: 'web', uid: 'rs' };
const pod = (name: string, nodeName: string, more: Partial<PodFacts> = {}) =>
  makePodFacts({ name, nodeName, requests, owner, createdAtMs: 0, ...more });
const fleet = (pods: readonly PodFacts[]) =>
  makeSnapshot({ buckets: [makeBucket('training')], nodes: makeNodes(4, inBucket('training', 0)), pods });
const costsOf = (snapshot: CapacitySnapshot) => {
  const { actions } = planCapacity(snapshot, NOW);
  return Object.fromEntries(actions.flatMap((one) => (one.type === 'SetDeletionCost' ? [[one.name, one.cost]] : [])));
};

test('pods on nodes with less work cost less, and those of one node the same', () => {
  const costs = costsOf(
    fleet([pod('a', 'p5-0'), pod('b', 'p5-0'), pod('c', 'p5-1'), pod('d', 'p5-1'), pod('e', 'p5-1')]),
  );
  expect(costs['a']).toBe(costs['b']);
  expect(costs['a']).toBeLessThan(costs['c']!);
  expect(costs['c']).toBe(costs['e']);
});

test('of nodes with equal work one goes before the other', () => {
  const costs = costsOf(fleet([pod('a', 'p5-0'), pod('b', 'p5-0'), pod('c', 'p5-1'), pod('d', 'p5-1')]));
  expect(costs['a']).not.toBe(costs['c']);
});

test('nothing is written twice, and only a changed load changes anything', () => {
  const first = fleet([pod('a', 'p5-0'), pod('b', 'p5-0'), pod('c', 'p5-1'), pod('d', 'p5-1')]);
  const later = written(first, planCapacity(first, NOW).actions, NOW);
  expect(costsOf(later)).toEqual({});
  const fuller = { ...later, pods: [...later.pods, pod('e', 'p5-1')] };
  expect(Object.keys(costsOf(fuller)).sort()).toEqual(['c', 'd', 'e']);
});

test('a pod alone on its node has none, and loses the one it had', () => {
  expect(costsOf(fleet([pod('a', 'p5-0'), pod('b', 'p5-1')]))).toEqual({});
  expect(costsOf(fleet([pod('a', 'p5-0', { deletionCost: 2017 }), pod('b', 'p5-1')]))).toEqual({ a: 0 });
});

test("other owners' pods, ReplicaSets on one node, and costs that a person has set are left alone", () => {
  const gang = { owner: { kind: 'Job', name: 'g', uid: 'job' } };
  expect(costsOf(fleet([pod('a', 'p5-0', gang), pod('b', 'p5-0', gang), pod('c', 'p5-1', gang)]))).toEqual({});
  expect(costsOf(fleet([pod('a', 'p5-0'), pod('b', 'p5-0')]))).toEqual({});
  const own = costsOf(fleet([pod('a', 'p5-0', { deletionCost: -5 }), pod('b', 'p5-0'), pod('c', 'p5-1')]));
  expect(Object.keys(own)).toEqual(['b']);
});

test('no more than a few dozen at a time', () => {
  const pods = Array.from({ length: 80 }, (_, i) => pod(`web-${i}`, `p5-${i % 4}`));
  expect(Object.keys(costsOf(fleet(pods)))).toHaveLength(32);
});
