import fc from 'fast-check';
import { formatDuration, parseDuration } from './duration';

describe('a duration', () => {
  it.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['480h', 1_728_000_000],
    ['250ms', 250],
    ['1m250ms', 60_250],
    ['1m1m', 120_000],
    ['0s', 0],
    ['007s', 7_000],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '90', 's', '1.5h', '-1s', '1 h', '1d', '1h 30m', '1H', 'Never', '1hm'])(
    '%p is refused with examples',
    (text) => {
      expect(() => parseDuration(text)).toThrow(
        new Error(`'${text}' is not a duration: write for example 90s, 15m or 1h30m`),
      );
    },
  );

  it.each([
    [0, '0s'],
    [-5_000, '0s'],
    [499, '0s'],
    [1_500, '2s'],
    [59_999, '1m'],
    [60_000, '1m'],
    [3_600_000, '1h'],
    [5_445_000, '1h30m45s'],
    [1_728_000_000, '480h'],
  ])('%i ms is written as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('of whole seconds survives writing and reading', () => {
    fc.assert(
      fc.property(fc.nat({ max: 100_000_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });

  it('of any length is written within half a second', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 11 }), (ms) => {
        expect(Math.abs(parseDuration(formatDuration(ms)) - ms)).toBeLessThanOrEqual(500);
      }),
    );
  });
});
