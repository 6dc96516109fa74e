import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { Budgets, MINUTE_MS, SAYINGS_PER_MINUTE } from './budgets';
import { doneBy, freshMemory, type Deed } from './memory';
import { NOW_MS } from './testing';

const LIMITS = { perMinute: 5, perOwnerPerMinute: 2, perNamespacePerMinute: 3 };
const OPEN = { nowMs: NOW_MS, openAtMs: 0 };
const deed = (over: Partial<Deed> = {}): Deed => ({
  ...{ atMs: NOW_MS, kind: 'Act', about: 'x', owner: 'job', namespace: 'research' },
  ...over,
});

describe('budgets', () => {
  it.each([
    ['an owner', [deed(), deed(), deed()], 'budgets.perOwnerPerMinute is 2'],
    ['a namespace', ['a', 'b', 'c', 'd'].map((owner) => deed({ owner })), 'budgets.perNamespacePerMinute is 3'],
    [
      'the cluster',
      ['a', 'b', 'c', 'd', 'e', 'f'].map((x) => deed({ owner: x, namespace: x })),
      'budgets.perMinute is 5',
    ],
  ] as const)('of %s end, and say which', (_whose, wanted, words) => {
    const budgets = new Budgets(LIMITS, [], OPEN);
    const waits = wanted.map((one) => budgets.take(one)?.words);
    expect(waits).toEqual([...wanted.slice(1).map(() => undefined), words]);
  });

  it('are not spent by what one of them refused', () => {
    const budgets = new Budgets(LIMITS, [], OPEN);
    for (let i = 0; i < 9; i++) budgets.take(deed());
    expect(budgets.take(deed({ owner: 'other' }))).toBeUndefined();
  });

  it('count from when a thing was done, not from when it was decided', () => {
    const before = { ...freshMemory(NOW_MS), deeds: [deed({ atMs: NOW_MS - 9 }), deed()] };
    const { deeds } = doneBy(before, NOW_MS, NOW_MS + 700);
    expect(deeds.map(({ atMs }) => atMs - NOW_MS)).toEqual([-9, 700]);
    const budgets = new Budgets({ ...LIMITS, perOwnerPerMinute: 1 }, deeds.slice(1), {
      nowMs: NOW_MS + MINUTE_MS,
      openAtMs: 0,
    });
    expect(budgets.take(deed())?.untilMs).toBe(NOW_MS + 700 + MINUTE_MS);
  });

  it('open again a minute after the oldest that still counts', () => {
    const deeds = [
      deed({ atMs: NOW_MS - MINUTE_MS }),
      deed({ atMs: NOW_MS - 50_000 }),
      deed({ atMs: NOW_MS - 20_000 }),
    ];
    expect(new Budgets(LIMITS, deeds, OPEN).take(deed())).toMatchObject({ untilMs: NOW_MS + 10_000 });
    expect(new Budgets(LIMITS, deeds, { ...OPEN, nowMs: NOW_MS + 10_000 }).take(deed())).toBeUndefined();
  });

  it('of nothing stay shut, and what is said has its own', () => {
    const budgets = new Budgets({ ...LIMITS, perMinute: 0 }, [], OPEN);
    expect(budgets.take(deed())).toMatchObject({ untilMs: Infinity });
    const said = Array.from({ length: SAYINGS_PER_MINUTE + 1 }, () => budgets.take(deed({ kind: 'Say' })));
    expect(said.filter((wait) => wait === undefined)).toHaveLength(SAYINGS_PER_MINUTE);
  });

  it('begin shut for a process that does not know what was done in the minute before it, and not for one that does', () => {
    const { openAtMs } = freshMemory(NOW_MS);
    expect(new Budgets(LIMITS, [], { nowMs: NOW_MS + MINUTE_MS - 1, openAtMs }).take(deed())).toMatchObject({
      untilMs: NOW_MS + MINUTE_MS,
    });
    expect(new Budgets(LIMITS, [], { nowMs: NOW_MS + MINUTE_MS, openAtMs }).take(deed())).toBeUndefined();
    expect(freshMemory(NOW_MS, NOW_MS - 50_000).openAtMs).toBe(NOW_MS + 10_000);
    expect(freshMemory(NOW_MS, NOW_MS + 50_000).openAtMs).toBe(NOW_MS + MINUTE_MS);
  });
});

test('in no minute more than the budgets allow, whoever asks when, across restarts at any moment', () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 20_000 }),
    owner: fc.constantFrom('a', 'b', 'c'),
    namespace: fc.constantFrom('x', 'y'),
    restart: fc.integer({ min: 0, max: 19 }).map((lot) => lot === 0),
  });
  const met = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 120 }), (steps) => {
      const done: Deed[] = [];
      let [nowMs, memory] = [NOW_MS, freshMemory(0)];
      for (const { waitMs, owner, namespace, restart } of steps) {
        nowMs += waitMs;
        if (restart) memory = freshMemory(nowMs);
        const wanted = deed({ atMs: nowMs, owner, namespace });
        if (new Budgets(LIMITS, memory.deeds, { nowMs, openAtMs: memory.openAtMs }).take(wanted)) continue;
        done.push(wanted);
        memory = { ...memory, deeds: [...memory.deeds, wanted] };
      }
      const worst = { perMinute: 0, perOwnerPerMinute: 0, perNamespacePerMinute: 0 };
      for (const { atMs, owner, namespace } of done) {
        const within = done.filter((one) => one.atMs >= atMs && one.atMs < atMs + MINUTE_MS);
        const count = (counts: (one: Deed) => boolean) => within.filter(counts).length;
        worst.perMinute = Math.max(worst.perMinute, within.length);
        worst.perOwnerPerMinute = Math.max(
          worst.perOwnerPerMinute,
          count((one) => one.owner === owner),
        );
        worst.perNamespacePerMinute = Math.max(
          worst.perNamespacePerMinute,
          count((one) => one.namespace === namespace),
        );
      }
      for (const limit of Object.keys(LIMITS) as (keyof typeof LIMITS)[]) {
        expect(worst[limit]).toBeLessThanOrEqual(LIMITS[limit]);
        if (worst[limit] === LIMITS[limit]) met.add(limit);
      }
    }),
    { numRuns: 200, ...seedOf('budgets of the janitor') },
  );
  // Each of them was what held something back.
  expect(met.size).toBe(3);
});
