import { CapacityPool } from '../../api';
import { formatTime } from '../../domain/kube';
import type { CapacityPoolSpec } from '../../api';
import type { PoolFacts } from './snapshot';
import {
  afterReading,
  dueReservations,
  endTimes,
  nextWindowReadMs,
  nodeLimit,
  windowPhase,
  type Window,
} from './window';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const spec = CapacityPool.make('p5', {
  instanceType: 'p5.48xlarge',
  source: 'Block',
  reservationId: 'cr-0a',
  availabilityZone: 'us-east-2a',
  nodeClassRef: { name: 'p5' },
}).spec as CapacityPoolSpec;
const END = 100 * HOUR;
const window = (overrides: Partial<Window> = {}): Window => ({
  state: 'active',
  start: formatTime(HOUR),
  end: formatTime(END),
  instances: 16,
  readAt: formatTime(2 * HOUR),
  ...overrides,
});

describe('what a window means', () => {
  it('goes to zero at the end minus 40 min, checkpoint, grace and 10 min, and asks nodes to leave one checkpoint before', () => {
    expect(endTimes(spec, window())).toEqual({
      endMs: END,
      zeroMs: END - (40 + 10 + 60 + 10) * MINUTE,
      movesMs: END - (40 + 10 + 60 + 10 + 10) * MINUTE,
    });
  });

  it.each([
    ['nothing read yet', undefined, 0, 'Unread'],
    ['scheduled', window({ state: 'scheduled' }), 0, 'NotStarted'],
    ['payment pending', window({ state: 'payment-pending' }), 0, 'NotStarted'],
    ['active', window(), 2 * HOUR, 'Active'],
    ['active without an end', window({ end: undefined }), 1000 * HOUR, 'Active'],
    ['time to leave', window(), END - 125 * MINUTE, 'Ending'],
    ['time to be gone', window(), END - 120 * MINUTE, 'Ended'],
    ['extended at the last moment', window({ end: formatTime(END + 24 * HOUR) }), END - 120 * MINUTE, 'Active'],
    ['expired', window({ state: 'expired' }), 2 * HOUR, 'Ended'],
    ['cancelled', window({ state: 'cancelled', end: undefined }), 2 * HOUR, 'Ended'],
    ['unknown to EC2 although it was there', window({ state: 'not-found' }), 2 * HOUR, 'NotFound'],
    ['unknown to EC2 after its end', window({ state: 'not-found' }), END, 'Ended'],
  ] as const)('%s', (_, known, nowMs, phase) => {
    expect(windowPhase(spec, known, nowMs)).toBe(phase);
  });

  it('limits the pool to the block, and to nodes.max', () => {
    expect(nodeLimit(spec, window())).toBe(16);
    expect(nodeLimit({ ...spec, nodes: { min: 0, max: 20 } }, window())).toBe(16);
    expect(nodeLimit({ ...spec, nodes: { min: 0, max: 4 } }, window())).toBe(4);
    expect(nodeLimit(spec, undefined)).toBeUndefined();
  });
});

describe('reading windows', () => {
  it('keeps the last numbers when EC2 does not know the id any more', () => {
    expect(afterReading(window(), null, 3 * HOUR)).toEqual({
      ...window(),
      state: 'not-found',
      readAt: formatTime(3 * HOUR),
    });
  });

  it('is due every five minutes, at the start, and twice a minute while EC2 is late with the start', () => {
    expect(nextWindowReadMs(undefined)).toBe(0);
    expect(nextWindowReadMs(window())).toBe(2 * HOUR + 5 * MINUTE);
    const scheduled = (readAtMs: number) => window({ state: 'scheduled', readAt: formatTime(readAtMs) });
    expect(nextWindowReadMs(scheduled(HOUR - 2 * MINUTE))).toBe(HOUR);
    expect(nextWindowReadMs(scheduled(HOUR))).toBe(HOUR + MINUTE / 2);
    expect(nextWindowReadMs(scheduled(3 * HOUR))).toBe(3 * HOUR + 5 * MINUTE);
  });

  it('asks for each reservation once, and at once when the spec has changed', () => {
    const pool = (name: string, overrides: Partial<PoolFacts> = {}): PoolFacts => ({
      name,
      uid: name,
      resourceVersion: '1',
      generation: 2,
      finalizers: [],
      spec,
      status: { observedGeneration: 2, window: window() },
      ...overrides,
    });
    const nowMs = 2 * HOUR + MINUTE;
    expect(dueReservations([pool('a')], nowMs)).toEqual([]);
    expect(dueReservations([pool('a', { generation: 3 }), pool('b', { generation: 3 })], nowMs)).toEqual(['cr-0a']);
    expect(dueReservations([pool('a', { generation: 3, deletionMs: 1 })], nowMs)).toEqual([]);
  });
});
