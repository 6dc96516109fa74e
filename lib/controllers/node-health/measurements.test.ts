import fc from 'fast-check';
import { requireInstanceType } from '../../catalog';
import { seedOf } from '../../../test/seed';
import { judgeMessage } from './judge';
import { judgeBatch } from './judge-batch';
import { LONGEST_MESSAGE, parseMeasurements, plainText, type Parsed } from './measurements';
import { makeContext, makeLine } from './testing';

const reason = (parsed: Parsed) => (parsed.ok ? 'it was read' : parsed.reason);

describe('the line of a check pod', () => {
  it('becomes measurements', () => {
    const parsed = parseMeasurements(
      `${makeLine({ level: 'deep', check: 'pair', nodes: 2, algo: 'Ring', at: { 'gpu.hbm.gb_s': 3 } })}\n`,
    );
    expect(parsed).toMatchObject({
      ok: true,
      measured: { level: 'Deep', check: 'Pair', node: 'n-0', bootId: 'boot-0', nodes: 2, algorithm: 'ring' },
    });
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(parsed.measured.values.get('gpu.count')).toBe(8);
    expect(parsed.measured.at.get('gpu.hbm.gb_s')).toBe('3');
    expect(parsed.measured.accelerators[7]).toEqual({ uuid: 'GPU-7', serial: '1653000007' });
  });

  it('may have GPUs with one name, without places, with errors cut', () => {
    const gpus = [{ serial: '1' }, { uuid: 'GPU-2', serial: null }];
    const parsed = parseMeasurements(
      makeLine({ gpus, errorsCut: 7, errors: [{ check: 'gpu.dcgm', kind: 'timeout', text: 'x' }] }),
    );
    expect(parsed).toMatchObject({ ok: true, measured: { accelerators: [{ serial: '1' }, { uuid: 'GPU-2' }] } });
  });

  it('may know measurements that we do not', () => {
    expect(parseMeasurements(makeLine({ m: { 'gpu.warp.factor': 9 } })).ok).toBe(true);
  });
});

describe('what cannot be read says why:', () => {
  const line = makeLine();
  it.each<[string, string | undefined, RegExp]>([
    ['nothing', undefined, /left no message/],
    ['blanks', ' \n ', /left no message/],
    ['a log', 'Traceback (most recent call last):', /no JSON: Traceback/],
    ['a line torn in two', line.slice(0, -20), /no JSON/],
    ['two lines', `${line}\n${line}`, /no JSON/],
    ['too much', makeLine({ driver: 'x'.repeat(5000) }), /longer than 4096 bytes/],
    ['a number', '7', /is no object/],
    ['a list', '[]', /is no object/],
    ['another version', makeLine({ v: 2 }), /version/],
    ['another level', makeLine({ level: 'Thorough' }), /level is none/],
    ['another check', makeLine({ check: 'toString' }), /check is none/],
    ['no node', makeLine({ node: '' }), /node is no word/],
    ['no boot', makeLine({ bootId: undefined }), /bootId is no word/],
    ['no measurements', JSON.stringify({ ...JSON.parse(line), m: undefined }), /m is no object/],
    ['a number as text', line.replace('"gpu.count":8', '"gpu.count":"8"'), /gpu.count is no number/],
    ['half a GPU', makeLine({ m: { 'gpu.count': 7.5 } }), /gpu.count cannot be 7.5/],
    ['fewer GPUs than none', makeLine({ m: { 'gpu.count': -1 } }), /gpu.count cannot be -1/],
    ['a bandwidth of another world', makeLine({ m: { 'gpu.hbm.gb_s': 1e9 } }), /gpu.hbm.gb_s cannot be/],
    ['a temperature of another world', makeLine({ m: { 'gpu.load.temperature.c': 1e3 } }), /cannot be 1000/],
    ['an endless number', line.replace('"gpu.count":8', '"gpu.count":1e999'), /gpu.count is no number/],
    ['a name that is none', makeLine({ m: { '../../etc': 1 } }), /is no name of a measurement/],
    ['an error of no known kind', makeLine({ errors: [{ check: 'gpu.dcgm', kind: 'sulking' }] }), /no known kind/],
    ['an error of an object', makeLine({ errors: [{ check: { toString: 1 }, kind: 'failed' }] }), /object is no name/],
    ['GPUs as a number', makeLine({ gpus: 8 }), /gpus is no list/],
    ['a node of 1,000 GPUs', makeLine({ gpus: Array.from({ length: 65 }, () => ({})) }), /gpus is no list of at most/],
  ])('%s', (_, message, expected) => {
    expect(reason(parseMeasurements(message))).toMatch(expected);
  });
});

test('words of strangers are short and printable', () => {
  expect(plainText('a\u0000b\n\tc\u202e d\u2028', 80)).toBe('a b c d');
  expect(plainText('ä'.repeat(300), 160)).toHaveLength(160);
});

describe('10,000 malformed termination messages', () => {
  const RUNS = 10_000;
  const GOOD = makeLine();
  const anything = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.json({ maxDepth: 4 }),
  );
  /** A good line with a piece torn out, doubled, or replaced by something else, so that it is no JSON any more or other JSON. */
  const torn = fc
    .tuple(
      fc.nat(GOOD.length),
      fc.integer({ min: 1, max: 400 }),
      fc.oneof(fc.string({ maxLength: 10 }), fc.constant('')),
    )
    .map(([at, length, put]) => GOOD.slice(0, at) + put + GOOD.slice(at + length));
  /** A good line with one of its fields of another type, or gone. */
  const fields = ['v', 'level', 'check', 'node', 'bootId', 'm', 'gpus', 'errors', 'nodes', 'algo'];
  const oddField = fc
    .tuple(fc.constantFrom(...fields), fc.jsonValue({ maxDepth: 2 }))
    .map(([field, value]) => JSON.stringify({ ...JSON.parse(GOOD), [field]: value }));
  /** A good line with a value that no machine reads. */
  const impossible = fc.oneof(
    fc.double({ max: -51, noNaN: true }),
    fc.double({ min: 1e13, noNaN: true }),
    fc.constantFrom('8', null, true, [], {}, [8], { valueOf: 8 }, '__proto__'),
  );
  const oddValue = fc
    .tuple(fc.constantFrom(...Object.keys(JSON.parse(GOOD).m)), impossible)
    .map(([name, value]) => JSON.stringify({ ...JSON.parse(GOOD), m: { ...JSON.parse(GOOD).m, [name]: value } }));
  const message = fc.oneof(anything, torn, oddField, oddValue, fc.constant(undefined));
  const types = [undefined, 'p5.48xlarge', 'p4d.24xlarge', 'trn2.48xlarge', 'g6e.48xlarge'].map((name) =>
    name === undefined ? undefined : requireInstanceType(name),
  );

  it('never crash, and only a line that can be read as a whole says anything', () => {
    const met = { Pass: 0, Fail: 0, Unreliable: 0 };
    const property = fc.property(message, fc.constantFrom(...types), (text, type) => {
      const judgement = judgeMessage(text, makeContext({ type }));
      met[judgement.result] += 1;
      for (const { sentence } of judgement.checks) expect(sentence).not.toMatch(/[\p{Cc}]/u);
      if (judgement.result !== 'Unreliable') expect(reason(parseMeasurements(text))).toBe('it was read');
      const batch = judgeBatch([{ node: 'n-0', type: type?.name ?? '', judgement }], new Set());
      expect(batch.judgements.size).toBe(1);
    });
    fc.assert(property, { numRuns: RUNS, ...seedOf('malformed termination messages') });
    // Most of them are garbage; a field that is replaced by its like is none.
    expect(met.Unreliable).toBeGreaterThan(RUNS / 2);
  });

  it('that are garbage are unreliable: no crash, no pass, no failure, no remedy', () => {
    const garbage = fc.oneof(
      anything,
      oddValue,
      torn.filter((text) => !isJson(text)),
      fc.integer({ min: 1, max: 64 }).map((n) => makeLine({ driver: 'x'.repeat(LONGEST_MESSAGE + n) })),
    );
    const property = fc.property(garbage, (text) => {
      const { result, remedy } = judgeMessage(text, makeContext());
      expect([result, remedy]).toEqual(['Unreliable', undefined]);
    });
    fc.assert(property, { numRuns: RUNS, ...seedOf('garbage in termination messages') });
  });

  function isJson(text: string): boolean {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }
});
