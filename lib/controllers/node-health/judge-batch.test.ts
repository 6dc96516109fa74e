import { requireInstanceType } from '../../catalog';
import { blamedSerials, condemn, recognised, MOST_CONDEMNED, type Condemned } from './accelerators';
import { judgeMessage } from './judge';
import { judgeBatch, testResult, type BatchMember } from './judge-batch';
import { keyOf, mediansOf, withBatch, type Sample } from './medians';
import { LONGEST_SUMMARY, decisive, formatSummary, parseSummary, serialsOf } from './summary';
import { makeContext, makeLine } from './testing';

type Line = Parameters<typeof makeLine>[0];

/** Members named n-0, n-1, … of a type, each with its own oddities. */
function members(lines: readonly Line[], type = 'p5.48xlarge', first = 0): BatchMember[] {
  return lines.map((line, i) => {
    const node = `n-${first + i}`;
    const context = makeContext({ node, type: requireInstanceType(type) });
    return { node, type, judgement: judgeMessage(makeLine({ node, ...line }), context) };
  });
}
const times = (n: number, line: Line): Line[] => Array.from({ length: n }, () => line);
const P5E: Line = { m: { 'gpu.memory.mib': 143771, 'gpu.hbm.gb_s': 4102 } };
const SLOW: Line = { m: { 'gpu.hbm.gb_s': 1200 } };
const PROVED = new Set(['p5.48xlarge']);
const results = (lines: readonly Line[], proved: ReadonlySet<string> = PROVED) =>
  [...judgeBatch(members(lines), proved).judgements.values()].map(({ result }) => result);
const count = (lines: readonly Line[], proved?: ReadonlySet<string>) => {
  const all = results(lines, proved);
  return Object.fromEntries(
    ['Pass', 'Fail', 'Unreliable'].map((result) => [result, all.filter((each) => each === result).length]),
  );
};

describe('a check that fails on more than half of at least four nodes is at fault itself:', () => {
  it.each<[string, Line[], object]>([
    ['one of eight is bad', [SLOW, ...times(7, {})], { Pass: 7, Fail: 1, Unreliable: 0 }],
    ['half of eight are bad', [...times(4, SLOW), ...times(4, {})], { Pass: 4, Fail: 4, Unreliable: 0 }],
    ['five of eight are bad', [...times(5, SLOW), ...times(3, {})], { Pass: 3, Fail: 0, Unreliable: 5 }],
    ['all of four are bad', times(4, SLOW), { Pass: 0, Fail: 0, Unreliable: 4 }],
    ['all of three are bad', times(3, SLOW), { Pass: 0, Fail: 3, Unreliable: 0 }],
  ])('%s', (_, lines, expected) => {
    expect(count(lines)).toEqual(expected);
  });

  it('says so once, in one sentence, and keeps what was measured', () => {
    const { faults, judgements } = judgeBatch(members([...times(5, SLOW), ...times(3, {})]), PROVED);
    expect(faults.map(({ check, failed, of }) => [check, failed, of])).toEqual([['gpu.hbm.gb_s', 5, 8]]);
    expect(faults[0]!.sentence).toBe(
      'gpu.hbm.gb_s: 5 of 8 nodes fail it, so it is the check or something they share, and no node is blamed.',
    );
    const excused = judgements.get('n-0')!;
    expect(excused.remedy).toBeUndefined();
    expect(excused.checks.find(({ check }) => check === 'gpu.hbm.gb_s')?.sentence).toMatch(
      /^gpu.hbm.gb_s: 1200 GB\/s, .*5 of 8 nodes/,
    );
  });

  it('does not excuse a node for what it alone fails', () => {
    const both = { m: { 'gpu.hbm.gb_s': 1200, 'gpu.remap.failure.count': 1 } };
    expect(results([both, ...times(5, SLOW)])).toEqual(['Fail', ...times(5, {}).map(() => 'Unreliable')]);
  });

  it('an XID that only the bad ones have is theirs, though nobody else reports on it', () => {
    const fallen = { m: { 'gpu.xid.79.count': 1 } };
    expect(count([...times(4, fallen), ...times(12, {})])).toEqual({ Pass: 12, Fail: 4, Unreliable: 0 });
  });

  it('within one type, when the batch has several', () => {
    const slow = members(times(4, SLOW));
    const others = members(times(12, P5E), 'p5e.48xlarge', 4);
    const { faults, judgements } = judgeBatch([...slow, ...others], PROVED);
    expect(faults.map(({ check, type, of }) => [check, type, of])).toContainEqual(['gpu.hbm.gb_s', 'p5.48xlarge', 4]);
    expect(slow.map(({ node }) => judgements.get(node)!.result)).toEqual([
      'Unreliable',
      'Unreliable',
      'Unreliable',
      'Unreliable',
    ]);
  });

  it('who could not be read is not counted among those who passed', () => {
    const unreadable = times(8, { v: 2 });
    expect(count([...times(3, SLOW), ...times(1, {}), ...unreadable])).toEqual({ Pass: 1, Fail: 0, Unreliable: 11 });
  });
});

describe('an EFA count that differs from the catalog', () => {
  const FEW: Line = { m: { 'efa.count': 16 } };

  it('on all nodes of the type, when none ever showed it, is the fault of the count', () => {
    expect(count(times(1, FEW), new Set())).toEqual({ Pass: 0, Fail: 0, Unreliable: 1 });
    expect(count(times(3, FEW), new Set())).toEqual({ Pass: 0, Fail: 0, Unreliable: 3 });
    const { faults } = judgeBatch(members(times(2, FEW)), new Set());
    expect(faults.map(({ sentence }) => sentence)).toEqual([
      'efa.count: no node of type p5.48xlarge has ever shown the count of the catalog, so the count is in doubt and no node is blamed.',
    ]);
  });

  it('on one of several nodes is the node’s', () => {
    expect(count([FEW, ...times(2, {})], new Set())).toEqual({ Pass: 2, Fail: 1, Unreliable: 0 });
  });

  it('on a lone newcomer is the newcomer’s, once the type has been proved', () => {
    expect(count([FEW], PROVED)).toEqual({ Pass: 0, Fail: 1, Unreliable: 0 });
  });

  it('of another type proves nothing for this one', () => {
    const p5e = members([P5E], 'p5e.48xlarge', 1);
    const { judgements } = judgeBatch([...members([FEW]), ...p5e], new Set(['p5e.48xlarge']));
    expect([...judgements.values()].map(({ result }) => result)).toEqual(['Unreliable', 'Pass']);
  });
});

describe('one test of several nodes', () => {
  const judged = (...lines: Line[]) => testResult(members(lines).map(({ judgement }) => judgement));

  it('fails with any of them, else is unreliable with any of them', () => {
    expect(judged({}, {})).toEqual({ result: 'Pass' });
    expect(judged({}, SLOW)).toMatchObject({ result: 'Fail', message: expect.stringMatching(/^gpu.hbm.gb_s: 1200/) });
    expect(judged({ v: 2 }, {})).toMatchObject({
      result: 'Unreliable',
      message: expect.stringMatching(/cannot be read/),
    });
    expect(judged({ v: 2 }, SLOW).result).toBe('Fail');
    expect(testResult([]).result).toBe('Unreliable');
  });

  it('says it within what the status takes', () => {
    expect(
      judged({ errors: [{ check: 'gpu.speed', kind: 'failed', text: 'ä'.repeat(160) }] }).message!.length,
    ).toBeLessThanOrEqual(256);
  });
});

describe('medians', () => {
  const sample = (value: number): Sample => {
    const [member] = members([{ m: { 'nvme.direct.read.gb_s': value } }]);
    return { type: 'p5.48xlarge', measured: member!.judgement.measured! };
  };
  const key = keyOf('p5.48xlarge', 'nvme.direct.read.gb_s', sample(1).measured);

  it('are of what is judged by them, and one bad node does not move them', () => {
    const medians = mediansOf([6, 6.2, 6.4, 0.1, 6.3].map(sample));
    expect(medians.get(key)).toEqual({ value: 6.2, nodes: 5 });
    expect([...medians.keys()].filter((each) => each.endsWith('gpu.count'))).toEqual([]);
  });

  it('of a fleet’s first batch are its own, of later ones the fleet’s', () => {
    const batch = mediansOf([3, 3, 3, 3].map(sample));
    expect(withBatch(new Map(), batch).get(key)).toEqual({ value: 3, nodes: 4 });
    expect(withBatch(mediansOf([6, 6, 6].map(sample)), batch).get(key)).toEqual({ value: 3, nodes: 4 });
    expect(withBatch(mediansOf([6, 6, 6, 6].map(sample)), batch).get(key)).toEqual({ value: 6, nodes: 4 });
  });

  it('can be had again from the summaries that NodeValidations keep', () => {
    const { measured } = sample(6.4321987);
    const line = formatSummary('p5.48xlarge', measured);
    expect(line.length).toBeLessThanOrEqual(LONGEST_SUMMARY);
    const read = parseSummary(line);
    expect(read.get('nvme.direct.read.gb_s')).toBe(6.4322);
    expect(read.get('gpu.hbm.gb_s')).toBe(2511.7);
    expect(parseSummary('gpu.hbm.gb_s=1e9 =3 a=b __proto__=1 gpu.h2d.gb_s=55.4')).toEqual(
      new Map([['gpu.h2d.gb_s', 55.4]]),
    );
  });
});

describe('accelerators that failed for good', () => {
  const old: Condemned = { serial: '1653000002', since: '2026-11-01T00:00:00Z', reason: 'gpu.hbm.gb_s' };

  it('are recognised by serial in another instance', () => {
    expect(recognised(['1653000001', '1653000002'], [old], 'i-2')).toEqual([old]);
    expect(recognised(['1653000001'], [old], 'i-2')).toEqual([]);
  });

  it('are measured as any other where they failed: a reboot may have mended them', () => {
    const known = { ...old, instance: 'i-1' };
    expect(recognised([old.serial], [known], 'i-1')).toEqual([]);
    expect(recognised([old.serial], [known], 'i-2')).toEqual([known]);
    expect(recognised([old.serial], [known], undefined)).toEqual([known]);
  });

  it('are those the failed checks name, or all of the node when they name none', () => {
    const [named] = members([{ ...SLOW, at: { 'gpu.hbm.gb_s': 2, 'gpu.h2d.gb_s': 5 } }]);
    expect(blamedSerials(named!.judgement)).toEqual(['1653000002']);
    const [unnamed, healthy, card] = members([SLOW, {}, { m: { 'efa.count': 31 }, at: { 'efa.count': 3 } }]);
    expect(blamedSerials(unnamed!.judgement)).toHaveLength(8);
    expect(blamedSerials(healthy!.judgement)).toEqual([]);
    expect(blamedSerials(card!.judgement)).toHaveLength(8);
    expect(blamedSerials(judgeMessage('', makeContext()))).toEqual([]);
  });

  it('are remembered once, with their first date, and never more than the status takes', () => {
    const again = { ...old, since: '2026-11-20T00:00:00Z' };
    expect(condemn([old], [again])).toEqual([old]);
    const many = Array.from({ length: MOST_CONDEMNED + 5 }, (_, i) => ({
      serial: `s-${String(i).padStart(4, '0')}`,
      since: new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString(),
    }));
    const kept = condemn([old], many);
    expect([kept.length, kept.includes(old), kept.some(({ serial }) => serial === 's-0000')]).toEqual([
      MOST_CONDEMNED,
      true,
      false,
    ]);
  });
});

describe('what the status of a NodeValidation says of a node', () => {
  it('is the check that decided and every sentence that says so', () => {
    const [failed, passed, noted, unread] = members([
      { m: { 'gpu.hbm.gb_s': 1200, 'gpu.remap.failure.count': 1 } },
      {},
      { m: { 'gpu.remap.pending.count': 1 } },
      { v: 2 },
    ]);
    expect(decisive(failed!.judgement).reason).toBe('gpu.hbm.gb_s');
    expect(decisive(failed!.judgement).message).toMatch(/^gpu.hbm.gb_s: 1200.* gpu.remap.failure.count: 1 /);
    expect(decisive(passed!.judgement)).toEqual({});
    expect(decisive(noted!.judgement)).toEqual({ message: expect.stringMatching(/^gpu.remap.pending.count: 1 GPUs/) });
    expect(decisive(unread!.judgement)).toEqual({ reason: 'message', message: expect.stringMatching(/version/) });
  });

  it('fits, however much is wrong', () => {
    const errors = Array.from({ length: 20 }, (_, i) => ({
      check: `gpu.part${i}`,
      kind: 'failed',
      text: 'x'.repeat(80),
    }));
    const [broken] = members([{ errors }]);
    expect(broken!.judgement.checks.length).toBeGreaterThan(20);
    expect(decisive(broken!.judgement).message!.length).toBeLessThanOrEqual(LONGEST_SUMMARY);
  });

  it('and the serials of its accelerators', () => {
    const [member] = members([{ gpus: [{ serial: 'b' }, { uuid: 'GPU-1' }, { serial: 'a' }, { serial: 'b' }] }]);
    expect(serialsOf(member!.judgement.measured!)).toEqual(['a', 'b']);
  });
});
