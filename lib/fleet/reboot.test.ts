import fc from 'fast-check';
import { seedOf } from '../../test/seed';
import { formatReboot, parseReboot } from './reboot';

const AT = Date.parse('2026-11-26T12:00:00Z');

describe('the reboot annotation', () => {
  it('reads back as it was written, whether something was sent or not', () => {
    const attempt = { atMs: AT, bootId: 'b-1' };
    expect(formatReboot(attempt)).toBe('{"time":"2026-11-26T12:00:00Z","bootId":"b-1"}');
    expect(parseReboot(formatReboot(attempt))).toEqual(attempt);
    const inVain = { ...attempt, notBeforeMs: AT + 15_000, why: 'RebootInstances: RequestLimitExceeded' };
    expect(parseReboot(formatReboot(inVain))).toEqual(inVain);
  });

  it('is none where there is none, and where nobody can read when it was', () => {
    for (const text of [undefined, '', 'yes', '[]', '7', '{"time":"yesterday"}', `{"time":"${'x'.repeat(3000)}"}`])
      expect(parseReboot(text)).toBeUndefined();
  });

  it('never breaks whoever reads it', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.record({ time: fc.string(), notBefore: fc.anything(), why: fc.anything() }).map((one) => JSON.stringify(one)),
    );
    const property = fc.property(texts, (text) => Number.isFinite(parseReboot(text)?.atMs ?? 0));
    fc.assert(property, { numRuns: 500, ...seedOf('malformed reboot annotations') });
  });
});
