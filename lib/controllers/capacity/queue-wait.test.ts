import type { PodFacts } from '../../fleet';
import { makePodFacts } from '../../fleet/testing';
import { toUnits } from './demand';
import { followWaits, NO_WAITS } from './queue-wait';
import type { CapacitySnapshot } from './snapshot';
import { makeBucket, makeGang, makeSnapshot } from './testing';

const NOW = 1_000_000;
const gang = makeGang('llama', 3, { createdAtMs: 40_000 });

const look = (pods: readonly PodFacts[], buckets = ['training']) =>
  makeSnapshot({ buckets: buckets.map((name) => makeBucket(name)), pods: [...pods], podGroups: [gang.podGroup] });
const follow = (before: typeof NO_WAITS, snapshot: CapacitySnapshot, nowMs = NOW) =>
  followWaits(before, toUnits(snapshot), snapshot, nowMs);
const bind = (pods: readonly PodFacts[], count: number) =>
  pods.map((pod, i) => (i < count ? { ...pod, nodeName: `n${i}`, phase: 'Running' as const } : pod));

describe('the wait of a unit', () => {
  it('is from its youngest pod to the look that sees it bound', () => {
    const pod = makePodFacts({ createdAtMs: 10_000 });
    const { waits, placed } = follow(NO_WAITS, look([pod]));
    expect(placed).toEqual([]);
    expect(follow(waits, look(bind([pod], 1)), 70_000).placed).toEqual([{ bucket: 'training', seconds: 60 }]);
  });

  it('counts a gang once, when its last member that must be there is bound', () => {
    const first = follow(NO_WAITS, look(gang.pods));
    const almost = follow(first.waits, look(bind(gang.pods, 2)));
    expect([almost.placed, [...almost.waits.byUnit.keys()]]).toEqual([[], ['default/llama']]);
    const there = follow(almost.waits, look(bind(gang.pods, 3)), 100_000);
    expect([there.placed, there.waits.byUnit.size]).toEqual([[{ bucket: 'training', seconds: 60 }], 0]);
    expect(follow(there.waits, look(bind(gang.pods, 3))).placed).toEqual([]);
  });

  it('is not counted for what gave up, nor for what nobody saw waiting', () => {
    const { waits } = follow(NO_WAITS, look(gang.pods));
    expect(follow(waits, look([])).placed).toEqual([]);
    expect(follow(NO_WAITS, look(bind(gang.pods, 3))).placed).toEqual([]);
  });

  it('ends with its bucket, and says which bucket is gone', () => {
    const { waits } = follow(NO_WAITS, look(gang.pods));
    expect(follow(waits, look(bind(gang.pods, 3), ['other']))).toMatchObject({ placed: [], gone: ['training'] });
  });
});
