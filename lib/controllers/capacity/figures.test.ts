import type { MoveFacts } from '../../fleet';
import { inBucket, makeMoveFacts, makePodFacts } from '../../fleet/testing';
import { toFigures } from './figures';
import { planCapacity } from './plan';
import type { CapacitySnapshot } from './snapshot';
import { METRIC } from './telemetry';
import { makeBucket, makeNodes, makeSnapshot } from './testing';

const NOW = 1_000_000;
const figuresOf = (snapshot: CapacitySnapshot) => {
  const { actions, seen } = planCapacity(snapshot, NOW);
  return toFigures({ snapshot, actions, seen, nowMs: NOW });
};

describe('figures', () => {
  const buckets = [makeBucket('training', { nodes: { min: 1, max: 2 } }), makeBucket('serve')];
  const nodes = makeNodes(3, inBucket('training'));

  it('are of the status this look writes, for every bucket, and none for a bucket that is gone', () => {
    const pods = [makePodFacts({ nodeName: 'p5-0' })];
    const figures = figuresOf(makeSnapshot({ buckets, nodes, pods }));
    const of = (name: string) => figures.get(name)!.map(({ labels, value }) => `${labels['bucket']} ${value}`);
    expect(of(METRIC.active)).toEqual(['training 3', 'serve 0']);
    expect(of(METRIC.idle)).toEqual(['training 2', 'serve 0']);
    expect([of(METRIC.minimum), of(METRIC.maximum)]).toEqual([
      ['training 1', 'serve 0'],
      ['training 2', 'serve 100'],
    ]);
    const after = figuresOf(makeSnapshot({ buckets: [buckets[1]!], nodes, pods }));
    expect(after.get(METRIC.active)).toEqual([{ labels: { bucket: 'serve' }, value: 0 }]);
    expect(after.get(METRIC.phases)).toEqual([{ labels: { phase: 'Orphan' }, value: 3 }]);
  });

  it('say since when the oldest has waited, whether or not it can ever be served, and nothing when none waits', () => {
    const hopeless = { cpu: 1, pods: 1, 'nvidia.com/gpu': 64 };
    const pods = [
      makePodFacts({ name: 'a', createdAtMs: 70_000 }),
      makePodFacts({ name: 'b', requests: hopeless, createdAtMs: 30_000 }),
    ];
    const figures = figuresOf(makeSnapshot({ buckets, pods }));
    expect(figures.get(METRIC.waitingSince)).toEqual([{ labels: { bucket: 'training' }, value: 30 }]);
    expect(figuresOf(makeSnapshot({ buckets })).get(METRIC.waitingSince)).toEqual([]);
  });

  it('say how many gangs are away and since when, and when the oldest move of each reason was made', () => {
    const gang = (key: string, step: MoveFacts['gangs'][number]['step'], gaveWayAtMs?: number) => ({
      key,
      step,
      gaveWayAtMs,
    });
    const moves = [
      makeMoveFacts({
        name: 'a',
        createdAtMs: 5_000,
        gangs: [gang('A', 'Suspended', 9_000), gang('B', 'Suspending', 8_000)],
      }),
      makeMoveFacts({ name: 'b', createdAtMs: 4_000, gangs: [gang('C', 'Asked'), gang('D', 'Resumed', 1_000)] }),
      makeMoveFacts({ name: 'c', createdAtMs: 1_000, finishedAtMs: 2_000, gangs: [gang('E', 'Suspended', 1_000)] }),
      makeMoveFacts({ name: 'd', createdAtMs: 6_000, reason: 'BlockEnd', to: 'Release', bucket: undefined }),
    ];
    const figures = figuresOf(makeSnapshot({ buckets, moves }));
    const of = (name: string) =>
      figures.get(name)!.map(({ labels, value }) => [...Object.values(labels), value].join(' '));
    expect([of(METRIC.suspended), of(METRIC.suspendedSince)]).toEqual([['2'], ['8']]);
    expect(of(METRIC.oldestMove)).toEqual(['BlockEnd 6', 'Capacity 4']);
    const calm = figuresOf(makeSnapshot({ buckets }));
    expect([calm.get(METRIC.suspended), calm.get(METRIC.suspendedSince), calm.get(METRIC.oldestMove)]).toEqual([
      [{ labels: {}, value: 0 }],
      [],
      [],
    ]);
  });
});
