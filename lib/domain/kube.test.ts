import fc from 'fast-check';
import { formatMicroTime, formatTime, keyOf, parseTime } from './kube';

describe('times on the wire', () => {
  it('are read as epoch milliseconds, with and without fractions and offsets', () => {
    expect(parseTime('1970-01-01T00:00:01Z')).toBe(1000);
    expect(parseTime('1970-01-01T00:00:01.250000Z')).toBe(1250);
    expect(parseTime('1970-01-01T01:00:00+01:00')).toBe(0);
  });

  it.each([undefined, '', '17', '2026', '2026-11-23', 'yesterday', '2026-13-01T00:00:00Z', '2026-11-23T00:00:00'])(
    '%p is no time',
    (text) => {
      expect(parseTime(text)).toBeUndefined();
    },
  );

  it('survive writing and reading, to the second and to the millisecond', () => {
    fc.assert(
      fc.property(fc.nat({ max: 4_000_000_000_000 }), (ms) => {
        expect(parseTime(formatTime(ms))).toBe(ms - (ms % 1000));
        expect(parseTime(formatMicroTime(ms))).toBe(ms);
      }),
    );
  });

  it('have the forms of metav1.Time and metav1.MicroTime', () => {
    expect(formatTime(1_250)).toBe('1970-01-01T00:00:01Z');
    expect(formatMicroTime(1_250)).toBe('1970-01-01T00:00:01.250000Z');
  });
});

describe('the key of an object', () => {
  it('has its namespace when it has one', () => {
    expect(keyOf({ metadata: { name: 'a', namespace: 'b' } })).toBe('b/a');
    expect(keyOf({ metadata: { name: 'a' } })).toBe('a');
  });
});
