import type { NodePhase } from '../../fleet';
import { applyBrakes, nextRulingMs, populationOfFleet } from './brakes';
import { PENDING_MS, QUARANTINE_MS, WORTH_MS } from './brake-rules';
import type { BrakeFacts, BrakeNode, BrakePool, BrakeSettings, PastRemoval, Ruling, WantedRemoval } from './removals';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SETTINGS: BrakeSettings = {
  dryRun: false,
  maxNodes: 8,
  maxPercent: 20,
  minPopulation: 5,
  perHour: 8,
  attempts: 2,
};
const QUIET = { tripped: false, notBeforeMs: 0, why: '' };
const POOL: BrakePool = { name: 'p5', instanceType: 'p5.48xlarge', source: 'OnDemand', path: 'Karpenter', missing: 0 };

const node = (name: string, over: Partial<BrakeNode> = {}): BrakeNode => ({
  ...{
    name,
    providerID: `aws:///a/i-${name}`,
    pool: 'p5',
    leaf: 'unknown',
    zone: 'a',
    phase: 'Quarantined',
    createdAtMs: 0,
  },
  ...over,
});
const nodes = (count: number, over: Partial<BrakeNode> = {}) =>
  Array.from({ length: count }, (_, i) => node(`n${i}`, over));
const failed = (name: string, over: Partial<WantedRemoval> = {}): WantedRemoval => ({
  ...{ node: name, because: 'Failed', severity: 'Now', evidenceMs: NOW - HOUR, why: 'gpu.count is 7 of 8' },
  ...over,
});
const suspected = (name: string, over: Partial<WantedRemoval> = {}) => failed(name, { because: 'Suspected', ...over });
const past = (name: string, over: Partial<PastRemoval> = {}): PastRemoval => ({
  ...{ node: name, providerID: `aws:///a/i-${name}`, pool: 'p5', leaf: 'unknown', kind: 'Replacement' },
  ...{ atMs: NOW - 2 * HOUR, outcome: 'Done', endedAtMs: NOW - HOUR },
  ...over,
});
const facts = (
  over: Partial<Omit<BrakeFacts, 'settings'>> & { settings?: Partial<BrakeSettings> } = {},
): BrakeFacts => ({
  ...{ nodes: nodes(10), pools: [POOL], minimums: new Map(), wanted: [failed('n0')], history: [], batches: new Map() },
  ...{ breaker: QUIET, shiftedZones: new Set<string>(), nowMs: NOW },
  ...over,
  settings: { ...SETTINGS, ...over.settings },
});
const rulings = (over: Parameters<typeof facts>[0]) => applyBrakes(facts(over));
const first = (over: Parameters<typeof facts>[0]): Ruling => rulings(over)[0]!;
const brakesOf = (over: Parameters<typeof facts>[0]) =>
  rulings(over).map((one) => (one.allowed ? one.kind : one.brake));

describe('a failed node', () => {
  it('is replaced, and its attempt is numbered so that it can be reserved first', () => {
    expect(first({})).toEqual({
      node: 'n0',
      allowed: true,
      kind: 'Replacement',
      attempt: 1,
      why: 'gpu.count is 7 of 8',
    });
  });

  it('that is only suspected is measured, never replaced', () => {
    expect(first({ nodes: nodes(10, { phase: 'Active', bucket: 'b' }), wanted: [suspected('n0')] })).toMatchObject({
      kind: 'Validation',
    });
  });

  it('of which nothing can be said is left alone, and a person is asked', () => {
    expect(first({ wanted: [failed('n0', { because: 'Unreliable' })] })).toMatchObject({
      allowed: false,
      brake: 'Unreliable',
      person: true,
    });
  });

  it.each(['Held', 'Cordoned', 'Leaving', 'Moving', 'Joining'] as NodePhase[])('that is %s is not touched', (phase) => {
    expect(first({ nodes: [node('n0', { phase }), ...nodes(10).slice(1)] })).toMatchObject({
      allowed: false,
      brake: phase,
    });
  });

  it('in a zone that is shifted away is not replaced', () => {
    expect(first({ shiftedZones: new Set(['a']) })).toMatchObject({ brake: 'ZonalShift' });
  });

  it('that nobody knows is not a node', () => {
    expect(first({ wanted: [failed('ghost')] })).toMatchObject({ brake: 'NotInFleet' });
  });

  it('is wanted twice and counted once', () => {
    expect(rulings({ wanted: [failed('n0'), suspected('n0', { severity: 'EndOfGang' })] })).toHaveLength(1);
  });
});

describe('the check that fails on everybody', () => {
  const wanted = [failed('n0', { validation: 'v', failedChecks: ['gpu.dcgm'] })];
  const batch = (nodes: number, count: number) => new Map([['v', { nodes, failed: new Map([['gpu.dcgm', count]]) }]]);

  it.each([
    [8, 5, 'ChecksFault'],
    [8, 4, 'Replacement'],
    [4, 3, 'ChecksFault'],
    [3, 3, 'Replacement'], // too few to tell
  ])('of %i nodes %i fail: %s', (size, count, expected) => {
    expect(brakesOf({ wanted, batches: batch(size, count) })).toEqual([expected]);
  });

  it('does not excuse another check', () => {
    const both = [failed('n0', { validation: 'v', failedChecks: ['gpu.dcgm', 'gpu.count'] })];
    expect(brakesOf({ wanted: both, batches: batch(8, 8) })).toEqual(['Replacement']);
  });
});

describe('the breaker', () => {
  it('that is tripped stops everything and needs a person', () => {
    const breaker = { tripped: true, notBeforeMs: NOW, why: 'tripped at noon' };
    const wanted = [failed('n0'), suspected('n1')];
    expect(rulings({ breaker, wanted })).toMatchObject([
      { brake: 'Breaker', person: true, why: 'tripped at noon' },
      { brake: 'Breaker' },
    ]);
  });

  it('that was reset does not replay what came before', () => {
    const breaker = { tripped: false, notBeforeMs: NOW - HOUR, why: '' };
    const wanted = [failed('n0', { evidenceMs: NOW - HOUR }), failed('n1', { evidenceMs: NOW - HOUR + 1 })];
    expect(brakesOf({ breaker, wanted })).toEqual(['OldEvidence', 'Replacement']);
  });
});

describe('attempts', () => {
  it('are made so often, then a person decides; an answer that never came is an attempt', () => {
    const history = [past('n0', { outcome: 'Failed' }), past('n0', { outcome: 'Ambiguous', atMs: NOW - HOUR })];
    expect(first({ history })).toMatchObject({
      brake: 'Attempts',
      person: true,
      why: '2 of 2 attempts at this machine are made: a person decides',
    });
  });

  it('that were certainly not sent are none, and neither is leaving work to be measured', () => {
    const history = [
      past('n0', { outcome: 'NotSent' }),
      past('n0', { outcome: 'NotSent' }),
      past('n0', { kind: 'Validation' }),
    ];
    expect(first({ history })).toMatchObject({ allowed: true, attempt: 1 });
  });

  it('without an answer are waited for, then count as made', () => {
    const history = (agoMs: number) => [past('n0', { outcome: 'Pending', atMs: NOW - agoMs, endedAtMs: undefined })];
    expect(first({ history: history(PENDING_MS - 1) })).toMatchObject({ brake: 'Pending', untilMs: NOW + 1 });
    expect(first({ history: history(PENDING_MS) })).toMatchObject({ allowed: true, attempt: 2 });
  });

  it('at another machine of the same name do not count', () => {
    const history = [past('n0', { providerID: 'aws:///a/i-old' }), past('n0', { providerID: 'aws:///a/i-older' })];
    expect(first({ history })).toMatchObject({ allowed: true, attempt: 1 });
  });
});

describe('reserved nodes', () => {
  const block: BrakePool = { ...POOL, source: 'Block' };
  const young = [failed('n0', { evidenceMs: NOW - QUARANTINE_MS + 1 })];
  const rebooted = (atMs: number) => [past('n0', { kind: 'Reboot', atMs, endedAtMs: atMs + MINUTE })];

  it('of a node group are rebooted first, then stand in quarantine, then are replaced', () => {
    const pools = [{ ...block, path: 'NodeGroup' } as const];
    expect(brakesOf({ pools, wanted: young })).toEqual(['Reboot']);
    expect(first({ pools, history: rebooted(NOW - QUARANTINE_MS + 1) })).toMatchObject({
      brake: 'Quarantine',
      untilMs: NOW + 1,
    });
    expect(first({ pools, history: rebooted(NOW - QUARANTINE_MS) })).toMatchObject({ kind: 'Replacement', attempt: 2 });
  });

  it('of Auto Mode cannot be rebooted: quarantine, then replacement', () => {
    expect(first({ pools: [block], wanted: young })).toMatchObject({ brake: 'Quarantine', untilMs: NOW + 1 });
    expect(brakesOf({ pools: [block] })).toEqual(['Replacement']);
  });

  it('are replaced one at a time, and never while a slot has not come back', () => {
    const wanted = [failed('n0'), failed('n1')];
    expect(brakesOf({ pools: [block], wanted })).toEqual(['Replacement', 'SlotMissing']);
    expect(brakesOf({ pools: [{ ...block, missing: 1 }] })).toEqual(['SlotMissing']);
    const history = [past('n7', { outcome: 'Pending', endedAtMs: undefined })];
    expect(brakesOf({ pools: [block], history })).toEqual(['SlotMissing']);
  });

  it('are not replaced when the block ends before that pays', () => {
    expect(brakesOf({ pools: [{ ...block, leaveAtMs: NOW + WORTH_MS - 1 }] })).toEqual(['BlockEnds']);
    expect(brakesOf({ pools: [{ ...block, leaveAtMs: NOW + WORTH_MS }] })).toEqual(['Replacement']);
  });
});

describe('what cannot be had', () => {
  const later = NOW + 5 * MINUTE;

  it('is not given away: a pool that backs off, or another that buys the same type', () => {
    expect(first({ pools: [{ ...POOL, backOffUntilMs: later }] })).toMatchObject({ brake: 'BackOff', untilMs: later });
    expect(first({ pools: [POOL, { ...POOL, name: 'other', backOffUntilMs: later }] })).toMatchObject({
      brake: 'BackOff',
    });
    expect(brakesOf({ pools: [POOL, { ...POOL, name: 'x', instanceType: 'g6', backOffUntilMs: later }] })).toEqual([
      'Replacement',
    ]);
    expect(brakesOf({ pools: [{ ...POOL, backOffUntilMs: NOW }] })).toEqual(['Replacement']);
  });

  it('does not keep a suspect from being measured', () => {
    expect(brakesOf({ pools: [{ ...POOL, backOffUntilMs: later }], wanted: [suspected('n0')] })).toEqual([
      'Validation',
    ]);
  });

  it('comes from no pool that is gone', () => {
    expect(brakesOf({ pools: [] })).toEqual(['BackOff']);
  });
});

describe("a bucket's minimum", () => {
  const active = nodes(10, { phase: 'Active', bucket: 'training' });
  const wanted = [suspected('n0'), suspected('n1')];

  it('is never gone below, within one look either', () => {
    expect(brakesOf({ nodes: active, minimums: new Map([['training', 9]]), wanted })).toEqual([
      'Validation',
      'BucketMinimum',
    ]);
    expect(first({ nodes: active, minimums: new Map([['training', 10]]), wanted })).toMatchObject({
      why: 'bucket training has 10 nodes at work and keeps at least 10',
    });
  });

  it('counts nodes at work, and does not keep one that stands apart already', () => {
    const apart = [node('n0', { bucket: 'training' }), ...active.slice(1)];
    expect(brakesOf({ nodes: apart, minimums: new Map([['training', 9]]) })).toEqual(['Replacement']);
  });
});

describe('caps', () => {
  const active = (count: number, over: Partial<BrakeNode> = {}) =>
    nodes(count, { phase: 'Active', bucket: 'b', ...over });
  const all = (count: number) => Array.from({ length: count }, (_, i) => suspected(`n${i}`));
  const allowed = (over: Parameters<typeof facts>[0]) => rulings(over).filter((one) => one.allowed).length;

  it.each([
    [5, 20, 1],
    [9, 20, 1],
    [10, 20, 2],
    [50, 10, 5],
    [9, 10, 0], // less than a whole node is none
    [100, 50, 8], // maxNodes
  ])('of %i nodes in a bucket %i %% may be away: %i', (count, maxPercent, expected) => {
    expect(allowed({ nodes: active(count), wanted: all(count), settings: { maxPercent } })).toBe(expected);
  });

  it('hold for a leaf as well, and the unknown leaf is none', () => {
    expect(allowed({ nodes: active(10, { leaf: 'nn-1' }), wanted: all(10) })).toBe(2);
    const spread = active(10).map((one, i) => ({ ...one, bucket: `b${i}`, leaf: 'nn-1' }));
    expect(allowed({ nodes: spread, wanted: all(10) })).toBe(2);
    expect(allowed({ nodes: spread.map((one) => ({ ...one, leaf: 'unknown' })), wanted: all(10) })).toBe(8);
  });

  it('hold for newcomers of a pool, which have no bucket', () => {
    expect(allowed({ nodes: nodes(12), wanted: nodes(12).map(({ name }) => failed(name)) })).toBe(2);
  });

  it('of a group too small for percentages: one, and no other within the hour, although percent would give none or all', () => {
    for (const maxPercent of [20, 100]) {
      const settings = { maxPercent };
      expect(allowed({ nodes: active(3), wanted: all(3), settings })).toBe(1);
      const history = [past('gone', { bucket: 'b', atMs: NOW - 59 * MINUTE, endedAtMs: NOW - MINUTE })];
      expect(first({ nodes: active(3), wanted: all(3), history, settings })).toMatchObject({
        brake: 'AtOnce',
        untilMs: NOW + MINUTE,
      });
    }
  });

  it('count a node that is away and in the history once, and one that is away already is not one more', () => {
    const away = [node('n0', { bucket: 'b' }), ...active(10).slice(1)];
    const history = [past('n0', { bucket: 'b', kind: 'Validation', atMs: NOW - MINUTE, endedAtMs: undefined })];
    const wanted = [failed('n0'), suspected('n1'), suspected('n2')];
    expect(brakesOf({ nodes: away, history, wanted })).toEqual(['Replacement', 'Validation', 'AtOnce']);
  });

  it('are of the fleet as it was: a removal does not shrink the denominator, and what came in its place does not grow it', () => {
    const history = [past('gone', { bucket: 'b', atMs: NOW - 10 * MINUTE, endedAtMs: NOW - 5 * MINUTE })];
    expect(allowed({ nodes: active(9), wanted: all(9), history })).toBe(2);
    const replaced = [...active(9), node('new', { phase: 'Active', bucket: 'b', createdAtMs: NOW - MINUTE })];
    expect(populationOfFleet(replaced, history, NOW)).toBe(10);
    expect(populationOfFleet(active(9), history, NOW)).toBe(10);
  });
});

describe('the rate', () => {
  const many = nodes(100);
  const wanted = many.map(({ name }) => failed(name));

  it('is so many within any hour, and says when the next may go', () => {
    const history = Array.from({ length: 8 }, (_, i) =>
      past(`gone${i}`, { atMs: NOW - (50 - i) * MINUTE, endedAtMs: NOW - MINUTE }),
    );
    expect(first({ nodes: many, wanted, history })).toMatchObject({ brake: 'PerHour', untilMs: NOW + 10 * MINUTE });
    expect(
      brakesOf({ nodes: many, wanted, history: history.slice(1) }).filter((one) => one === 'Replacement'),
    ).toHaveLength(1);
  });

  it('counts a node once that first left work and then was replaced', () => {
    const history = [past('n0', { kind: 'Validation', atMs: NOW - MINUTE, endedAtMs: undefined })];
    expect(brakesOf({ nodes: many, wanted: [failed('n0')], history, settings: { perHour: 1 } })).toEqual([
      'Replacement',
    ]);
  });

  it('of none is none', () => {
    expect(first({ settings: { perHour: 0 } })).toMatchObject({ brake: 'PerHour' });
  });
});

describe('dry run', () => {
  it('does nothing, and says what would be done within all other brakes', () => {
    const over = { wanted: [failed('n0'), failed('n1'), failed('n2')], settings: { dryRun: true } };
    expect(brakesOf(over)).toEqual(['DryRun', 'DryRun', 'AtOnce']);
    expect(first(over)).toMatchObject({ why: 'dry run: it would be replaced, because gpu.count is 7 of 8' });
  });
});

it('the most urgent goes first, then the oldest evidence, then by name', () => {
  const wanted = [
    suspected('n3', { severity: 'EndOfGang' }),
    suspected('n2', { evidenceMs: NOW - 1 }),
    suspected('n1', { evidenceMs: NOW - 2 }),
    suspected('n0', { evidenceMs: NOW - 1 }),
  ];
  expect(rulings({ nodes: nodes(40), wanted }).map((one) => one.node)).toEqual(['n1', 'n0', 'n2', 'n3']);
});

it('the next look is when the first brake lets go', () => {
  const pools = [{ ...POOL, backOffUntilMs: NOW + 7 }];
  expect(nextRulingMs(rulings({ pools }))).toBe(NOW + 7);
  expect(nextRulingMs(rulings({}))).toBeUndefined();
});
