import fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { FORGOTTEN_AFTER_MS, nextSize, type PoolSize, type Target } from './sizing';

const full = (overrides: Partial<PoolSize> = {}): PoolSize => ({
  replicas: 10,
  limit: 10,
  claims: 10,
  standing: 10,
  released: 0,
  backingOff: false,
  shortForMs: 0,
  ...overrides,
});
const count = (nodes: number): Target => ({ kind: 'Count', nodes });

describe('the size of a static pool', () => {
  it.each([
    ['a full pool stays', count(10), full(), { replicas: 10, limit: 10 }],
    ['growth raises both together', count(12), full(), { replicas: 12, limit: 12 }],
    ['an emptied node lowers the limit first', count(9), full({ released: 1 }), { replicas: 10, limit: 9 }],
    ['even when nobody lowered the request', count(10), full({ released: 1 }), { replicas: 10, limit: 9 }],
    ['the node still there keeps replicas', count(9), full({ limit: 9, released: 1 }), { replicas: 10, limit: 9 }],
    ['the node gone lowers replicas', count(9), full({ limit: 9, claims: 9 }), { replicas: 9, limit: 9 }],
    ['an aborted removal gives the limit back', count(10), full({ limit: 9 }), { replicas: 10, limit: 10 }],
    ['a lower goal alone removes nothing', count(4), full(), { replicas: 10, limit: 4 }],
    ['what dies above the goal is not replaced', count(4), full({ limit: 4, claims: 9 }), { replicas: 9, limit: 4 }],
    [
      'replicas wait until no NodeClaim can appear',
      count(4),
      full({ limit: 10, claims: 9 }),
      { replicas: 10, limit: 4 },
    ],
    ['unknown holds', { kind: 'Hold' }, full({ claims: 8 }), { replicas: 10, limit: 10 }],
    ['fading replaces nothing', { kind: 'Fade' }, full({ limit: 0, claims: 7 }), { replicas: 7, limit: 0 }],
    ['the end is zero at once', { kind: 'Zero' }, full(), { replicas: 0, limit: 0 }],
    [
      'short for a while raises nothing',
      count(10),
      full({ claims: 9, shortForMs: 60_000 }),
      { replicas: 10, limit: 10 },
    ],
    [
      'forgotten raises the limit by one',
      count(10),
      full({ claims: 9, shortForMs: FORGOTTEN_AFTER_MS }),
      { replicas: 10, limit: 11 },
    ],
    [
      'and lowers it when the NodeClaim is there',
      count(10),
      full({ limit: 11, shortForMs: FORGOTTEN_AFTER_MS }),
      { replicas: 10, limit: 10 },
    ],
    [
      'backing off asks for nothing beyond what stands',
      count(12),
      full({ backingOff: true, standing: 9 }),
      { replicas: 12, limit: 9 },
    ],
  ] as const)('%s', (_, target, now, expected) => {
    expect(nextSize(target, now)).toEqual(expected);
  });

  it('never lowers replicas under the NodeClaims that exist, except at the end, and never passes a goal', () => {
    const size = fc.record({
      replicas: fc.nat(20),
      limit: fc.nat(20),
      claims: fc.nat(20),
      standing: fc.nat(20),
      released: fc.nat(5),
      backingOff: fc.boolean(),
      shortForMs: fc.nat(300_000),
    });
    fc.assert(
      fc.property(size, fc.nat(20), (now, nodes) => {
        const { replicas, limit } = nextSize(count(nodes), now);
        if (replicas < now.replicas) expect(replicas).toBeGreaterThanOrEqual(Math.min(now.claims, now.replicas));
        expect(replicas).toBeLessThanOrEqual(Math.max(nodes, now.replicas));
        expect(limit).toBeLessThanOrEqual(nodes + 1);
      }),
      { numRuns: 5_000, ...seedOf('sizing') },
    );
  });

  it('comes to rest: feeding the result back changes nothing more once the NodeClaims follow', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), (nodes, claims) => {
        let now = full({ replicas: claims, limit: claims, claims, standing: claims });
        for (let i = 0; i < 3; i++) now = { ...now, ...nextSize(count(nodes), now) };
        expect(nextSize(count(nodes), now)).toEqual({ replicas: now.replicas, limit: now.limit });
      }),
      { numRuns: 1_000, ...seedOf('sizing at rest') },
    );
  });
});
