import { departures, HOUR_MS, moveBudget } from './budgets';
import { liveMovesByNode, toMoveFacts } from './moves';
import { makeMoveFacts } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');

describe('NodeMoves', () => {
  test('a node that moves has not begun with is Pending', () => {
    const facts = toMoveFacts({
      apiVersion: 'aicluster.dev/v1alpha1',
      kind: 'NodeMove',
      metadata: { name: 'm', creationTimestamp: '2026-11-23T12:00:00Z' },
      spec: { nodes: ['a', 'b'], reason: 'Health', to: { kind: 'Release' } },
      status: { nodes: [{ name: 'a', step: 'Draining', from: 'training', since: '2026-11-23T12:00:01Z' }] },
    });
    expect(facts).toEqual({
      name: 'm',
      reason: 'Health',
      to: 'Release',
      bucket: undefined,
      gangs: [],
      nodes: [
        { name: 'a', step: 'Draining', from: 'training', sinceMs: NOW + 1000 },
        { name: 'b', step: 'Pending', from: undefined, sinceMs: undefined },
      ],
      createdAtMs: NOW,
      finishedAtMs: undefined,
    });
  });

  test('the higher reason has the node, then the older move; one that has ended has none', () => {
    const moves = [
      makeMoveFacts({ name: 'old', createdAtMs: 1 }),
      makeMoveFacts({ name: 'new', createdAtMs: 2 }),
      makeMoveFacts({ name: 'end', createdAtMs: 3, reason: 'BlockEnd', nodes: [{ name: 'p5-1', step: 'Draining' }] }),
      makeMoveFacts({ name: 'day', createdAtMs: 0, nodes: [{ name: 'p5-1', step: 'Draining' }] }),
      makeMoveFacts({ name: 'gone', nodes: [{ name: 'p5-2', step: 'Aborted' }] }),
    ];
    expect([...liveMovesByNode(moves)].sort()).toEqual([
      ['p5-0', 'old'],
      ['p5-1', 'end'],
    ]);
  });
});

describe('budgets', () => {
  const left = (at: number, overrides = {}) =>
    makeMoveFacts({
      name: `m${at}`,
      bucket: 'inference',
      createdAtMs: at,
      finishedAtMs: at + 1,
      nodes: [{ name: 'n', step: 'HandedOver', from: 'training' }],
      ...overrides,
    });
  const bounds = { perHour: 3, inFlight: 2 };
  const of = (moves: Parameters<typeof departures>[0]) =>
    moveBudget(bounds, departures(moves, () => 'training', NOW).get('training'));

  test('nothing has left: the smaller bound', () => {
    expect(of([])).toEqual({ left: 2, bound: 'inFlight' });
  });

  test('the window slides: when the oldest is an hour ago, one more may go', () => {
    const moves = [left(NOW - 50_000), left(NOW - 40_000), left(NOW - 30_000)];
    expect(of(moves)).toEqual({ left: 0, bound: 'perHour', nextAtMs: NOW - 50_000 + HOUR_MS });
    expect(of([left(NOW - HOUR_MS), ...moves.slice(1)])).toMatchObject({ left: 1 });
  });

  test('a live move counts for the bucket its node is still in; an aborted one for none', () => {
    const live = left(NOW, { finishedAtMs: undefined, nodes: [{ name: 'n', step: 'Pending' }] });
    expect(of([live])).toEqual({ left: 1, bound: 'inFlight' });
    expect(of([left(NOW, { nodes: [{ name: 'n', step: 'Aborted', from: 'training' }] })])).toMatchObject({ left: 2 });
  });
});
