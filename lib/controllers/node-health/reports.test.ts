import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { FAULT_SOURCES, REPORT_KINDS, type Fault } from './faults';
import { DISPROVED_NODES, OWNER_MOST, reckon, THRESHOLD, WEIGHT_ROWS, WINDOW_MS, type ReportContext } from './reports';
import type { XidWord } from './severity';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const MINUTE = 60_000;
const xidOf = (code: number): XidWord =>
  code === 63 || code === 92
    ? { class: 'Monitor', severity: 'Warning' }
    : code === 13
      ? { class: 'Application', severity: 'Info' }
      : { class: 'Reboot', severity: 'Critical' };
const context = (over: Partial<ReportContext> = {}): ReportContext => ({
  ...{ nowMs: NOW, sinceMs: new Map(), disprovedMs: new Map(), runsOn: new Map(), perNodePerHour: 12, xidOf },
  ...over,
});
let counter = 0;
const fault = (one: Partial<Fault> = {}): Fault => ({
  ...{ id: `f${String(counter++).padStart(6, '0')}`, node: 'n1', source: 'Workload', kind: 'NcclTimeout' },
  ...{ loudness: 'Critical', atMs: NOW - MINUTE, namespace: 'team-a', owner: 'job-1' },
  ...one,
});
const n1 = (faults: Fault[], over: Partial<ReportContext> = {}) => reckon(faults, context(over)).nodes[0]!;
const became = (faults: Fault[], over: Partial<ReportContext> = {}) =>
  reckon(faults, context(over)).faults.map(({ reckoning }) => reckoning);

describe('what counts', () => {
  it('is weighted: agent and EC2, then our checks, then a person, then a workload', () => {
    const loud = WEIGHT_ROWS.map(({ Critical }) => Critical);
    expect(WEIGHT_ROWS.map(({ source }) => source)).toEqual([...FAULT_SOURCES]);
    expect(loud).toEqual([...loud].sort((a, b) => b - a));
    for (const { Critical, Warning, Info } of WEIGHT_ROWS)
      expect([Critical > Warning, Warning > Info, Info]).toEqual([true, true, 0]);
  });

  it.each([
    ['a machine', [fault({ source: 'Ec2', kind: 'SystemStatus' })], 'Validate'],
    ['one of our checks', [fault({ source: 'Check', kind: 'Xid', code: 79 })], 'Validate'],
    ['a person alone', [fault({ source: 'Person' })], 'None'],
    ['a person and a workload', [fault({ source: 'Person' }), fault({})], 'Validate'],
    ['a warning of the agent alone', [fault({ source: 'Agent', kind: 'EfaError', loudness: 'Warning' })], 'None'],
    [
      'a warning of the agent, and a workload',
      [fault({ source: 'Agent', kind: 'EfaError', loudness: 'Warning' }), fault({})],
      'Validate',
    ],
    [
      'one workload with everything it can say',
      REPORT_KINDS.map((kind) => fault({ kind, ...(kind === 'Xid' ? { code: 79 } : {}) })),
      'None',
    ],
    [
      'two workloads',
      [fault({}), fault({ kind: 'Storage' }), fault({ kind: 'Xid', code: 79, owner: 'job-2' })],
      'Validate',
    ],
  ] as const)('%s: %3$s', (_, faults, action) => {
    expect(n1([...faults]).action).toBe(action);
  });

  it('says when the node leaves by the strongest thing that counted', () => {
    const slow = fault({ source: 'Person', kind: 'Slow', loudness: 'Warning' });
    expect(n1([slow, fault({ source: 'Check', kind: 'Slow' })])).toMatchObject({
      action: 'Validate',
      severity: 'NextCheckpoint',
    });
    expect(n1([slow])).toMatchObject({ action: 'None', severity: 'Watch' });
  });

  it('is nothing that is only noted, nor what one workload says beyond its share', () => {
    expect(became([fault({ kind: 'Xid', code: 79, loudness: 'Info' })])).toEqual(['Watched']);
    const kinds = ['NcclTimeout', 'EfaError', 'Storage'].map((kind) => fault({ kind }));
    expect(became(kinds)).toEqual(['Counted', 'Counted', 'TooMany']);
  });

  it('is not what the application did', () => {
    expect(became([fault({ source: 'Agent', kind: 'Xid', code: 13 })])).toEqual(['Watched']);
  });

  it('is what the catalog says to monitor, quietly: once it is nothing, twice it is measured when the gang ends', () => {
    const remap = fault({ source: 'Check', kind: 'Xid', code: 63 });
    expect(n1([remap])).toMatchObject({ action: 'None', weight: 3 });
    const rate = fault({ source: 'Check', kind: 'Xid', code: 92 });
    expect(n1([remap, rate])).toMatchObject({ action: 'Validate', severity: 'EndOfGang' });
  });

  it('is the same thing once for each source', () => {
    const faults = [
      fault({ atMs: NOW - 3 * MINUTE }),
      fault({ owner: 'job-2', atMs: NOW - 2 * MINUTE }),
      fault({ source: 'Person' }),
    ];
    expect(became(faults)).toEqual(['Counted', 'Repeated', 'Counted']);
    expect(n1(faults).weight).toBe(6);
  });

  it('is not what happened before the last verdict, before the reset, or before the window', () => {
    expect(became([fault()], { sinceMs: new Map([['n1', NOW - MINUTE]]) })).toEqual(['Old']);
    expect(became([fault()], { sinceMs: new Map([['n1', NOW - MINUTE - 1]]) })).toEqual(['Counted']);
    expect(became([fault()], { resetMs: NOW - MINUTE })).toEqual(['Old']);
    expect(became([fault({ atMs: NOW - WINDOW_MS - 1 })])).toEqual(['Old']);
  });

  it('is an event that lies ahead, however long it has been known', () => {
    const retirement = fault({ source: 'Ec2', kind: 'instance-retirement', atMs: 0, dueMs: NOW + MINUTE });
    expect(n1([retirement])).toMatchObject({ action: 'Validate', severity: 'Now' });
  });

  it('is a scheduled event once, and once more when it is near: who passed is not closed and opened until it comes', () => {
    const dayMs = 24 * 60 * MINUTE;
    const becomes = (leftMs: number, passedAgoMs: number) => {
      const event = fault({ source: 'Ec2', kind: 'instance-retirement', atMs: NOW, dueMs: NOW + leftMs });
      return became([event], { disprovedMs: new Map([['n1', NOW - passedAgoMs]]) });
    };
    expect(becomes(14 * dayMs, MINUTE)).toEqual(['Old']);
    expect(becomes(dayMs - 2 * MINUTE, 3 * MINUTE)).toEqual(['Counted']);
    expect(becomes(dayMs - 2 * MINUTE, MINUTE)).toEqual(['Old']);
    expect(becomes(MINUTE, 0)).toEqual(['Counted']);
    expect(becomes(-2 * MINUTE, 3 * MINUTE)).toEqual(['Counted']);
    expect(becomes(-2 * MINUTE, MINUTE)).toEqual(['Old']);
  });

  it('is only so much within an hour, and a flood of one source does not drown another', () => {
    const flood = Array.from({ length: 40 }, (_, i) =>
      fault({ kind: 'Xid', code: 100 + i, owner: `job-${i}`, atMs: NOW - 40 * MINUTE + i * 1000 }),
    );
    const all = became([...flood, fault({ source: 'Person' })], { perNodePerHour: 12 });
    expect(all.filter((one) => one === 'TooMany')).toHaveLength(28);
    expect(all.at(-1)).toBe('Counted');
  });

  it('lets more in once the hour is over', () => {
    const early = fault({ atMs: NOW - 61 * MINUTE });
    expect(became([early, fault({ kind: 'Slow' })], { perNodePerHour: 1 })).toEqual(['Counted', 'Counted']);
  });
});

describe('a workload that speaks of itself', () => {
  const everywhere = (nodes: number) => Array.from({ length: nodes }, (_, i) => fault({ node: `n${i + 1}` }));

  it('reports half of the nodes it runs on, and three at least', () => {
    const runsOn = new Map([['team-a/job-1', 8]]);
    expect(reckon(everywhere(4), context({ runsOn })).workloads).toEqual(['team-a/job-1']);
    expect(new Set(became(everywhere(4), { runsOn }))).toEqual(new Set(['WorkloadsFault']));
    expect(reckon(everywhere(3), context({ runsOn })).workloads).toEqual([]);
    expect(reckon(everywhere(2), context({ runsOn: new Map([['team-a/job-1', 2]]) })).workloads).toEqual([]);
  });

  it('was wrong about two nodes already', () => {
    const passed = new Map(Array.from({ length: DISPROVED_NODES }, (_, i) => [`old${i}`, NOW - MINUTE] as const));
    const wrong = [...passed.keys()].map((node) => fault({ node, atMs: NOW - 2 * MINUTE }));
    expect(became([...wrong, fault()], { disprovedMs: passed }).at(-1)).toBe('WorkloadsFault');
    expect(became([wrong[0]!, fault()], { disprovedMs: passed }).at(-1)).toBe('Counted');
  });

  it('does not take the word from machines and persons', () => {
    const faults = [...everywhere(4), fault({ source: 'Agent', kind: 'EfaError' })];
    expect(n1(faults)).toMatchObject({ node: 'n1', action: 'Validate' });
  });
});

describe('a notice of EKS', () => {
  const notice = fault({ source: 'Agent', kind: 'AcceleratedHardwareReady', atMs: NOW - MINUTE });

  it('is no report: it needs no count, and neither verdict nor reset makes it old, because the node goes in any case', () => {
    const result = n1([notice], { sinceMs: new Map([['n1', NOW]]), resetMs: NOW });
    expect(result).toMatchObject({ action: 'Validate', severity: 'Now', goneAtMs: NOW + 9 * MINUTE });
  });
});

const anyFault: fc.Arbitrary<Fault> = fc
  .record({
    node: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
    source: fc.constantFrom(...FAULT_SOURCES),
    kind: fc.constantFrom(...REPORT_KINDS, 'AcceleratedHardwareReady', 'SystemStatus', 'instance-retirement', 'x'),
    code: fc.constantFrom(13, 79, 94),
    loudness: fc.constantFrom('Info' as const, 'Warning' as const, 'Critical' as const),
    atMs: fc.integer({ min: NOW - 8 * 60 * MINUTE, max: NOW }),
    owner: fc.constantFrom('job-1', 'job-2', 'job-3'),
    namespace: fc.constantFrom('team-a', 'team-b'),
  })
  .map((one) => fault(one));

describe('for every heap of reports', () => {
  const anyContext = fc.record({
    sinceMs: fc.constantFrom(new Map<string, number>(), new Map([['n1', NOW - 60 * MINUTE]])),
    disprovedMs: fc.constantFrom(
      new Map<string, number>(),
      new Map([
        ['n2', NOW - MINUTE],
        ['n3', NOW],
      ]),
    ),
    runsOn: fc.constantFrom(new Map<string, number>(), new Map([['team-a/job-1', 20]])),
    perNodePerHour: fc.integer({ min: 1, max: 12 }),
  });

  it('order does not matter, repeating does not add, and one workload alone moves nothing', () => {
    fc.assert(
      fc.property(fc.array(anyFault, { maxLength: 30 }), anyContext, (faults, over) => {
        const result = reckon(faults, context(over));
        expect(reckon([...faults].reverse(), context(over))).toEqual(result);
        expect(result.faults).toHaveLength(faults.length);
        for (const { node, action, weight, severity, sinceMs } of result.nodes) {
          expect(action).toBe(weight >= THRESHOLD ? 'Validate' : 'None');
          if (action === 'None') expect(severity).toBe('Watch');
          if (action === 'Validate') expect(sinceMs).toBeLessThanOrEqual(NOW);
          const others = faults.filter((one) => one.node === node && one.source !== 'Workload');
          const owners = new Set(
            faults
              .filter((one) => one.node === node && one.source === 'Workload')
              .map((one) => `${one.namespace}/${one.owner}`),
          );
          if (others.length === 0 && owners.size <= 1) expect(action).toBe('None');
        }
      }),
      { numRuns: 3000, ...seedOf('reports') },
    );
  });

  it('a heap of one workload adds at most its share to a node', () => {
    fc.assert(
      fc.property(fc.array(anyFault, { maxLength: 40 }), anyContext, (faults, over) => {
        const own = faults.map((one): Fault => ({ ...one, source: 'Workload', namespace: 'team-a', owner: 'job-1' }));
        for (const { weight } of reckon(own, context(over)).nodes) expect(weight).toBeLessThanOrEqual(OWNER_MOST);
      }),
      { numRuns: 1000, ...seedOf('reports of one workload') },
    );
  });
});
