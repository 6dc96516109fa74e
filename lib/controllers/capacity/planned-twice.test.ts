/** A plan that has been written down leaves nothing to decide: situations in which it once did, found by random histories. */
import { inBucket, makeMoveFacts } from '../../fleet/testing';
import { planCapacity } from './plan';
import type { CapacitySnapshot } from './snapshot';
import { makeBucket, makeGang, makeNodes, makeOnDemand, makePool, makeSnapshot, written } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const LONG_AGO = NOW - 60 * 60_000;

/** Moves and requests in short, without statuses. */
function decisionsOf(snapshot: CapacitySnapshot): readonly string[] {
  return planCapacity(snapshot, NOW).actions.flatMap((action) => {
    if (action.type === 'CreateMove') return [`${action.bucket ?? 'release'}: ${action.nodes.join(', ')}`];
    return action.type === 'RequestNodes' ? [`${action.pool}: ${action.nodes} in all`] : [];
  });
}

const after = (snapshot: CapacitySnapshot) => written(snapshot, planCapacity(snapshot, NOW).actions, NOW);

test('a unit keeps the node on its way to it when a node it would like better is drawn for the minimum', () => {
  const old = makeGang('old', 1, { createdAtMs: LONG_AGO });
  const young = makeGang('young', 3, { createdAtMs: LONG_AGO + 1 });
  const l40s = { pool: 'l40s', instanceType: 'g6e.48xlarge' };
  const snapshot = makeSnapshot({
    buckets: [makeBucket('training', { nodes: { min: 2, max: 5 }, instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'] })],
    pools: [makePool('p5'), makeOnDemand('l40s', 5)],
    nodes: [...makeNodes(2), ...makeNodes(2, l40s)],
    moves: [makeMoveFacts({ bucket: 'training', nodes: [{ name: 'l40s-0', step: 'Pending' }], createdAtMs: NOW - 1 })],
    pods: [...old.pods, ...young.pods],
    podGroups: [old.podGroup, young.podGroup],
  });
  // Moved to p5-0 once that is on its way, `old` would leave l40s-0 to `young`, and the pool would be asked for 3.
  expect(decisionsOf(snapshot)).toEqual(['training: p5-0', 'l40s: 4 in all']);
  expect(decisionsOf(after(snapshot))).toEqual([]);
});

test('a gang that fits on idle nodes keeps them, though an older one would fit once a node drawn for another unit arrives', () => {
  const oldest = makeGang('oldest', 3, { createdAtMs: LONG_AGO });
  const fits = makeGang('fits', 2, { createdAtMs: LONG_AGO + 1 });
  const draws = makeGang('draws', 1, { createdAtMs: LONG_AGO + 2 });
  const snapshot = makeSnapshot({
    buckets: [makeBucket('training')],
    pools: [makePool('p5', { nodes: { max: 8 } })],
    nodes: [...makeNodes(2, inBucket('training', LONG_AGO)), ...makeNodes(2, {}, 2)],
    pods: [...oldest.pods, ...fits.pods, ...draws.pods],
    podGroups: [oldest.podGroup, fits.podGroup, draws.podGroup],
  });
  expect(decisionsOf(snapshot)).toEqual(['training: p5-2']);
  // Were `oldest` given the three, p5-3 would be moved for `draws` as well, and serve nobody.
  expect(decisionsOf(after(snapshot))).toEqual([]);
});

test('a unit keeps the node that is on its way to it when nodes it would like better follow for a younger one', () => {
  const old = makeGang('old', 1, { createdAtMs: LONG_AGO });
  const young = makeGang('young', 3, { createdAtMs: LONG_AGO + 1 });
  const l40s = { pool: 'l40s', instanceType: 'g6e.48xlarge' };
  const snapshot = makeSnapshot({
    buckets: [makeBucket('training', { nodes: { max: 9 }, instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'] })],
    pools: [makePool('p5'), makeOnDemand('l40s', 5, {}, { requested: 1 })],
    nodes: [...makeNodes(3), ...makeNodes(1, l40s)],
    moves: [makeMoveFacts({ bucket: 'training', nodes: [{ name: 'l40s-0', step: 'Pending' }], createdAtMs: NOW - 1 })],
    pods: [...old.pods, ...young.pods],
    podGroups: [old.podGroup, young.podGroup],
  });
  expect(decisionsOf(snapshot)).toEqual(['training: p5-0, p5-1, p5-2']);
  // Given one of the three, `old` would have `young` ask for more.
  expect(decisionsOf(after(snapshot))).toEqual([]);
});

test('of two moves made in one second the smaller counts first, whatever their names', () => {
  const old = makeGang('old', 1, { createdAtMs: LONG_AGO });
  const young = makeGang('young', 2, { createdAtMs: LONG_AGO + 1 });
  const l40s = { pool: 'l40s', instanceType: 'g6e.48xlarge' };
  const move = { bucket: 'training', createdAtMs: NOW };
  const pending = (name: string) => ({ name, step: 'Pending' as const });
  const snapshot = makeSnapshot({
    buckets: [makeBucket('training', { nodes: { max: 9 }, instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'] })],
    pools: [makePool('p5', { nodes: { max: 1 } }), makeOnDemand('l40s', 5, {}, { requested: 2 })],
    nodes: [...makeNodes(1), ...makeNodes(2, l40s)],
    moves: [
      makeMoveFacts({ ...move, name: 'a', nodes: [pending('l40s-0'), pending('l40s-1')] }),
      makeMoveFacts({ ...move, name: 'b', nodes: [pending('p5-0')] }),
    ],
    pods: [...old.pods, ...young.pods],
    podGroups: [old.podGroup, young.podGroup],
  });
  // On one of the two l40s, which alone came first, `old` would have `young` ask for another.
  expect(decisionsOf(snapshot)).toEqual([]);
});
