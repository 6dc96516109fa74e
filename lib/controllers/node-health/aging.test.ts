import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { planRevalidations, verdictAgeMs, type AgingFacts, type AgingNode } from './aging';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEEK = 168 * HOUR;

const node = (name: string, over: Partial<AgingNode> = {}): AgingNode => ({
  ...{ name, bucket: 'b', instanceType: 'p5', idleSinceMs: NOW - 2 * WEEK, verdictMs: NOW - WEEK - HOUR },
  ...over,
});
const facts = (over: Partial<AgingFacts> = {}): AgingFacts => ({
  ...{ nodes: [node('n1')], demand: { buckets: new Set(), instanceTypes: new Set() }, usable: new Map([['b', 10]]) },
  ...{ minimums: new Map(), startedMs: [], othersWaiting: false, maxAgeMs: WEEK, perHour: 4, nowMs: NOW },
  ...over,
});

function must(ok: boolean, text: string): void {
  if (!ok) throw new Error(text);
}

describe('the age of a verdict', () => {
  it('is idle time since the verdict', () => expect(verdictAgeMs(node('n'), NOW)).toBe(WEEK + HOUR));
  it('stands still while the node works', () =>
    expect(verdictAgeMs(node('n', { idleSinceMs: undefined }), NOW)).toBeUndefined());
  it('is young again after work without complaints', () =>
    expect(verdictAgeMs(node('n', { cleanWorkEndedMs: NOW - HOUR }), NOW)).toBe(HOUR));
  it('does not grow by work with complaints, nor shrink', () =>
    expect(verdictAgeMs(node('n', { workedMs: 2 * HOUR }), NOW)).toBe(WEEK - HOUR));
  it('is never negative', () => expect(verdictAgeMs(node('n', { verdictMs: NOW + HOUR }), NOW)).toBe(0));
});

describe('measuring again for age', () => {
  it('is for verdicts that are too old, the oldest first, and one at a time', () => {
    const nodes = [node('n1'), node('n2', { verdictMs: NOW - 2 * WEEK }), node('n3', { verdictMs: NOW - HOUR })];
    const plan = planRevalidations(facts({ nodes }));
    expect(plan).toMatchObject({ nodes: ['n2'], waiting: [{ node: 'n1' }], nextMs: NOW + 15 * MINUTE });
  });

  it.each([
    [
      'work waits in its bucket',
      { demand: { buckets: new Set(['b']), instanceTypes: new Set<string>() } },
      'work waits for nodes of bucket b',
    ],
    [
      'work waits for its type',
      { demand: { buckets: new Set<string>(), instanceTypes: new Set(['p5']) } },
      'work waits for p5',
    ],
    ['something else is measured', { othersWaiting: true }, 'other nodes are measured, or wait to be'],
    [
      'its bucket has no more than it keeps',
      { minimums: new Map([['b', 10]]) },
      'bucket b has 10 nodes and keeps at least 10',
    ],
    ['the budget is none', { perHour: 0 }, 'revalidatePerHour is 0'],
    [
      'one was begun a moment ago',
      { startedMs: [NOW - 14 * MINUTE] },
      'others are measured for their age first: so many within an hour',
    ],
  ])('waits while %s', (_, over, why) => {
    expect(planRevalidations(facts(over))).toMatchObject({ nodes: [], waiting: [{ node: 'n1', why }] });
  });

  it('comes back when it is the next one’s turn, or when a verdict will be too old', () => {
    expect(planRevalidations(facts({ startedMs: [NOW - 14 * MINUTE] })).nextMs).toBe(NOW + MINUTE);
    expect(planRevalidations(facts({ nodes: [node('n', { verdictMs: NOW - WEEK + 5 })] })).nextMs).toBe(NOW + 5);
    expect(planRevalidations(facts({ nodes: [] })).nextMs).toBeUndefined();
  });

  it('stays within its budget over any day, never takes a node that works, and gets to everybody in time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 5 }),
        (size, perHour, busy) => {
          // Born in the same second, as the nodes of a static pool are.
          let nodes = Array.from({ length: size }, (_, i) => node(`n${i}`, i < busy ? { idleSinceMs: undefined } : {}));
          const started: number[] = [];
          for (let nowMs = NOW; nowMs < NOW + 32 * HOUR; nowMs += 5 * MINUTE) {
            const plan = planRevalidations(
              facts({
                nodes,
                perHour,
                nowMs,
                startedMs: started.filter((ms) => ms > nowMs - HOUR),
                usable: new Map([['b', size]]),
              }),
            );
            for (const name of plan.nodes) {
              must(nodes.find((one) => one.name === name)!.idleSinceMs !== undefined, `${name} works`);
              started.push(nowMs);
            }
            nodes = nodes.map((one) => (plan.nodes.includes(one.name) ? { ...one, verdictMs: nowMs } : one));
            must(started.filter((ms) => ms > nowMs - HOUR).length <= perHour, 'more than the budget');
          }
          expect(started).toHaveLength(Math.max(0, size - busy));
        },
      ),
      { numRuns: 60, ...seedOf('revalidations') },
    );
  });
});
