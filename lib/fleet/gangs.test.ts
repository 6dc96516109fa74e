import { Gangs, toPodGroupFacts, type PodGroupFacts } from './gangs';
import type { PodFacts } from './pods';
import { makePodFacts } from './testing';

const group = (spec: object = {}, status: object = {}) =>
  toPodGroupFacts({
    apiVersion: 'scheduling.volcano.sh/v1beta1',
    kind: 'PodGroup',
    metadata: { name: 'g', namespace: 'default', creationTimestamp: '2026-11-23T12:00:00Z' },
    spec: { minMember: 4, queue: 'training', minResources: { 'nvidia.com/gpu': '32' }, ...spec },
    status,
  });
const member = (name: string, overrides = {}) => makePodFacts({ name, gang: 'default/g', ...overrides });
/** The one gang of these. */
function gangOf(podGroups: readonly PodGroupFacts[], pods: readonly PodFacts[]) {
  const gangs = new Gangs();
  expect([...gangs.update(podGroups, pods)]).toEqual(['default/g']);
  return gangs.get('default/g')!;
}

describe('gangs', () => {
  test('members are counted from pods, in the order of their numbers', () => {
    const pods = [member('g-10'), member('g-9'), member('g-0', { nodeName: 'p5-0' }), member('g-1', { ended: true })];
    const gang = gangOf([group()], pods);
    expect(gang).toMatchObject({ key: 'default/g', minMember: 4, queue: 'training', podless: false });
    expect(gang.placed.map(({ name }) => name)).toEqual(['g-0']);
    expect(gang.waiting.map(({ name }) => name)).toEqual(['g-9', 'g-10']);
  });

  test('pods being deleted are no members any more: their successors have the same names', () => {
    const gang = gangOf(
      [group()],
      [member('g-0', { deleting: true, nodeName: 'p5-0' }), member('g-0', { uid: 'new' })],
    );
    expect([gang.placed.length, gang.waiting.length]).toEqual([0, 1]);
  });

  test.each([
    ['seconds old, without status', {}, true],
    ['held back by an enqueue gate', { phase: 'Pending' }, true],
    ['Inqueue: its pods come in a moment, or its Job is suspended', { phase: 'Inqueue' }, false],
    ['of a Job just suspended', { phase: 'Pending', conditions: [{ type: 'Scheduled', status: 'True' }] }, false],
  ])('a PodGroup without pods, %s, stands for pods to come: %#', (_, status, podless) => {
    expect(gangOf([group({}, status)], []).podless).toBe(podless);
  });

  test('pods whose PodGroup is being remade are a gang of their own', () => {
    expect(gangOf([], [member('g-0')])).toMatchObject({ key: 'default/g', minMember: 1, podless: false });
  });

  test('only gangs that changed are named, and those that have gone are not there', () => {
    const [pod, other] = [member('g-0'), member('h-0', { gang: 'default/h' })];
    const gangs = new Gangs();
    gangs.update([group()], [pod, other]);
    expect([...gangs.update([], [other])]).toEqual(['default/g']);
    expect(gangs.get('default/g')).toBeUndefined();
    expect(gangs.get('default/h')!.waiting).toEqual([other]);
    expect([...gangs.update([], [other])]).toEqual([]);
  });

  test('hard topology of the lowest tier means one leaf', () => {
    const topology = (networkTopology: object) => group({ networkTopology }).oneLeaf;
    expect(topology({ mode: 'hard', highestTierAllowed: 1 })).toBe(true);
    expect(topology({ mode: 'hard', highestTierAllowed: 2 })).toBe(false);
    expect(topology({ mode: 'soft' })).toBe(false);
  });
});
