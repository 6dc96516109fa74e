import { turnBreaker, type BreakerState } from './breaker';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const MINUTE = 60_000;
const SETTINGS = { percent: 30, windowMs: 10 * MINUTE };
const bad = (count: number, atMs = NOW - MINUTE) => Array.from({ length: count }, (_, i) => ({ node: `n${i}`, atMs }));
const turn = (before: BreakerState, count: number, population: number, reset?: string) =>
  turnBreaker(before, { bad: bad(count), population, reset }, SETTINGS, NOW);

describe('the breaker', () => {
  it.each([
    [10, 3, true],
    [10, 2, false],
    [1000, 300, true],
    [1000, 299, false],
    [3, 1, false], // a third, but one node is one node
    [3, 2, true],
    [1, 1, false],
    [0, 0, false],
  ])('of %i nodes %i turn bad: tripped is %s', (population, count, tripped) => {
    expect(turn({}, count, population)).toMatchObject({ tripped });
  });

  it('counts a node once, however often it turns bad', () => {
    const often = Array.from({ length: 50 }, () => ({ node: 'n1', atMs: NOW }));
    expect(turnBreaker({}, { bad: often, population: 10 }, SETTINGS, NOW).tripped).toBe(false);
  });

  it('looks at its window, and not into the future', () => {
    const late = [
      ...bad(5, NOW - SETTINGS.windowMs),
      ...bad(5, NOW + 1).map((one) => ({ ...one, node: `late-${one.node}` })),
    ];
    expect(turnBreaker({}, { bad: late, population: 10 }, SETTINGS, NOW).tripped).toBe(false);
  });

  it('stays tripped when all is well again: a person must say so', () => {
    const tripped = turn({}, 3, 10);
    const later = turnBreaker(tripped, { bad: [], population: 10 }, SETTINGS, NOW + 24 * 60 * MINUTE);
    expect(later).toMatchObject({
      tripped: true,
      trippedAtMs: NOW,
      why: expect.stringContaining('a person sets aicluster.dev/reset'),
    });
  });

  it('is not reset by a value that was there before', () => {
    const before = turnBreaker({}, { bad: [], population: 10, reset: 'once' }, SETTINGS, NOW - 5 * MINUTE);
    const tripped = turn(before, 3, 10, 'once');
    expect(turn(tripped, 0, 10, 'once').tripped).toBe(true);
    expect(turn(tripped, 0, 10, 'twice').tripped).toBe(false);
  });

  it('does not replay after the reset what came before it, and trips on what comes after', () => {
    const tripped = turn({}, 5, 10);
    const at = NOW + 2 * MINUTE;
    const reset = turnBreaker(tripped, { bad: bad(5), population: 10, reset: 'r1' }, SETTINGS, at);
    expect(reset).toMatchObject({ tripped: false, notBeforeMs: at, resetValue: 'r1' });
    expect(reset.trippedAtMs).toBeUndefined();
    const again = turnBreaker(reset, { bad: bad(5, at + 1), population: 10, reset: 'r1' }, SETTINGS, at + MINUTE);
    expect(again).toMatchObject({ tripped: true, notBeforeMs: at + MINUTE });
  });

  it('remembers across a restart with nothing but its state', () => {
    const { tripped: _, notBeforeMs: __, why: ___, ...state } = turn({}, 5, 10);
    expect(turn(JSON.parse(JSON.stringify(state)), 0, 10)).toMatchObject({ tripped: true, trippedAtMs: NOW });
  });
});
