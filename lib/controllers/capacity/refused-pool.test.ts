/** A pool that pools does not accept gives no node, whatever its spec says: who waited for it would wait for ever. */
import { planCapacity } from './plan';
import type { CapacitySnapshot } from './snapshot';
import { makeBucket, makeGang, makeOnDemand, makeSnapshot } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');

const accepted = (status: 'True' | 'False') => ({
  conditions: [
    { type: 'Accepted', status, reason: 'Invalid', message: '', lastTransitionTime: '2026-11-23T11:00:00Z' },
  ],
});
const snapshotOf = (status: 'True' | 'False', more: readonly ReturnType<typeof makeOnDemand>[] = []) => {
  const { pods, podGroup } = makeGang('g', 2, { createdAtMs: NOW - 3_600_000 });
  const types = ['g6e.48xlarge', 'g5.48xlarge'];
  const bucket = makeBucket('training', { nodes: { max: 16 }, instanceTypes: types });
  const pools = [makeOnDemand('l40s', 4, {}, accepted(status)), ...more];
  return makeSnapshot({ buckets: [bucket], pools, pods, podGroups: [podGroup] });
};
const actionsOf = (snapshot: CapacitySnapshot) => planCapacity(snapshot, NOW).actions;
const requestsOf = (snapshot: CapacitySnapshot) =>
  actionsOf(snapshot).flatMap((action) => (action.type === 'RequestNodes' ? [`${action.pool} ${action.nodes}`] : []));

test('the next type is asked for instead', () => {
  const other = makeOnDemand('a10g', 4, { instanceType: 'g5.48xlarge' });
  expect(requestsOf(snapshotOf('True', [other]))).toContain('l40s 2');
  expect(requestsOf(snapshotOf('False', [other]))).toContain('a10g 2');
});

test('and where there is none the bucket says why it waits', () => {
  const snapshot = snapshotOf('False');
  expect(requestsOf(snapshot)).not.toContain('l40s 2');
  const written = actionsOf(snapshot).find((action) => action.type === 'WriteStatus');
  expect(written).toMatchObject({ status: { whyNot: expect.stringContaining('pool l40s is not accepted') } });
});
