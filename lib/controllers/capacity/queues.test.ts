import { inBucket } from '../../fleet/testing';
import { planCapacity } from './plan';
import { makeBucket, makeNodes, makeSnapshot } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');

describe('queues', () => {
  test('a queue is as large as the usable nodes, and bound to its group', () => {
    const snapshot = makeSnapshot({
      buckets: [makeBucket('training')],
      nodes: makeNodes(2, inBucket('training')),
      queues: [],
    });
    const spec = {
      reclaimable: false,
      capability: { cpu: '380000m', memory: `${2 ** 41}`, 'nvidia.com/gpu': '16', pods: '220' },
      affinity: { nodeGroupAffinity: { requiredDuringSchedulingIgnoredDuringExecution: ['training'] } },
    };
    expect(planCapacity(snapshot, NOW).actions).toContainEqual(
      expect.objectContaining({ type: 'ApplyQueue', name: 'training', spec: { ...spec, deserved: spec.capability } }),
    );
  });

  test('an empty bucket has a queue of nothing, accelerators named', () => {
    const snapshot = makeSnapshot({ buckets: [makeBucket('training')], queues: [] });
    expect(planCapacity(snapshot, NOW).actions).toContainEqual(
      expect.objectContaining({
        type: 'ApplyQueue',
        spec: expect.objectContaining({ capability: expect.objectContaining({ cpu: '0m', 'nvidia.com/gpu': '0' }) }),
      }),
    );
  });

  test('the queue goes with its bucket; queues of others stay', () => {
    const queue = (name: string, ours: boolean) => ({ name, uid: `u-${name}`, ours, spec: {} });
    const snapshot = makeSnapshot({ queues: [queue('gone', true), queue('default', false)] });
    expect(planCapacity(snapshot, NOW).actions).toEqual([
      { type: 'DeleteQueue', name: 'gone', uid: 'u-gone', why: 'its bucket is gone' },
    ]);
  });
});
