import { formatTime } from '../../domain/kube';
import { BACK_OFF_BASE_MS, BACK_OFF_CAP_MS, LAUNCH_PATIENCE_MS, nextBackOff, type BackOff } from './back-off';
import type { ClaimFacts } from './snapshot';

const NOW = 1_000_000_000;
const claim = (overrides: Partial<ClaimFacts> = {}): ClaimFacts => ({
  name: 'c',
  pool: 'p5',
  createdMs: NOW,
  launched: false,
  insufficient: 'InsufficientCapacity: none',
  ...overrides,
});
const missing = { complete: false, shortSinceMs: NOW };

describe('back-off', () => {
  it('begins at the first refusal and doubles up to its cap', () => {
    let backOff: BackOff | undefined;
    let nowMs = NOW;
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      backOff = nextBackOff(backOff, { claims: [claim({ createdMs: nowMs })], ...missing }, nowMs);
      pauses.push(Date.parse(backOff!.until) - nowMs);
      nowMs = Date.parse(backOff!.until);
    }
    expect(backOff?.failures).toBe(8);
    expect(pauses.slice(0, 4)).toEqual([1, 2, 4, 8].map((factor) => factor * BACK_OFF_BASE_MS));
    expect(pauses.at(-1)).toBe(BACK_OFF_CAP_MS);
  });

  it('counts one refusal once, however often it is seen', () => {
    const first = nextBackOff(undefined, { claims: [claim()], ...missing }, NOW);
    expect(nextBackOff(first, { claims: [claim()], ...missing }, NOW + 30_000)).toBe(first);
  });

  it('gives an old refused NodeClaim a minute to try again after the pause', () => {
    const first = nextBackOff(undefined, { claims: [claim()], ...missing }, NOW);
    const until = Date.parse(first!.until);
    expect(nextBackOff(first, { claims: [claim()], ...missing }, until + 1_000)).toBe(first);
    expect(nextBackOff(first, { claims: [claim()], ...missing }, until + 60_000)?.failures).toBe(2);
  });

  it('counts silence too: nothing launched for ten minutes', () => {
    const launches = { claims: [], ...missing };
    expect(nextBackOff(undefined, launches, NOW + LAUNCH_PATIENCE_MS - 1)).toBeUndefined();
    expect(nextBackOff(undefined, launches, NOW + LAUNCH_PATIENCE_MS)?.failures).toBe(1);
  });

  it('is forgotten when the pool is complete', () => {
    const before = { failures: 3, until: formatTime(NOW) };
    expect(nextBackOff(before, { claims: [], complete: true, shortSinceMs: undefined }, NOW)).toBeUndefined();
  });
});
