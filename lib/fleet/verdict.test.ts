import fc from 'fast-check';
import { seedOf } from '../../test/seed';
import type { Node } from '../domain/kube';
import { VERDICT_ANNOTATION } from '../domain/node-keys';
import { nodePhase } from './node-phase';
import { toNodeFacts } from './observe-node';
import { formatVerdict, parseVerdict, type Verdict } from './verdict';

const VERDICT: Verdict = {
  timeMs: Date.parse('2026-11-23T12:00:00Z'),
  level: 'Standard',
  bootId: 'b-1',
  serials: ['1653000001', '1653000002'],
  result: 'Pass',
  provisional: true,
  validation: 'new-7f3a',
};

describe('the verdict annotation', () => {
  it('is what HEALTH writes on a node, and reads back as it was', () => {
    expect(formatVerdict(VERDICT)).toBe(
      '{"time":"2026-11-23T12:00:00Z","level":"standard","bootId":"b-1","serials":["1653000001","1653000002"],"result":"pass","provisional":true,"validation":"new-7f3a"}',
    );
    expect(parseVerdict(formatVerdict(VERDICT))).toEqual(VERDICT);
    const bare: Verdict = { timeMs: 0, level: 'Deep', result: 'Unreliable' };
    expect(parseVerdict(formatVerdict(bare))).toEqual(bare);
  });

  it.each<[string, string, object]>([
    ['nothing but a boot id, as before', '{"bootId":"a"}', { bootId: 'a' }],
    ['no JSON', '{', {}],
    ['no object', '[]', {}],
    ['null', 'null', {}],
    ['a level nobody knows', '{"level":"thorough","result":"pass"}', { result: 'Pass' }],
    ['a time that is none', '{"time":"17","level":"quick"}', { level: 'Quick' }],
    ['provisional as a word', '{"provisional":"yes","result":"fail"}', { result: 'Fail' }],
    ['serials that are none', '{"serials":[1,null,"a",""]}', { serials: ['a'] }],
    [
      'endless serials',
      JSON.stringify({ serials: Array.from({ length: 99 }, () => 's') }),
      { serials: Array.from({ length: 32 }, () => 's') },
    ],
    ['a novel', JSON.stringify({ bootId: 'a', text: 'x'.repeat(9000) }), {}],
  ])('with %s keeps what can be read', (_, text, expected) => {
    expect(parseVerdict(text)).toEqual(expected);
  });

  it('that is not there is no verdict', () => {
    expect(parseVerdict(undefined)).toBeUndefined();
  });
});

describe('10,000 malformed Nodes', () => {
  const RUNS = 10_000;
  const context = { buckets: new Set(['training']), liveMoves: new Map(), squatted: new Set<string>() };
  const garbage = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.json({ maxDepth: 3 }),
    fc.constantFrom(
      '{"bootId":{"toString":1}}',
      '{"result":"fail","serials":{"length":9}}',
      '{"__proto__":{"result":"fail"}}',
      '\u0000',
    ),
    // A verdict of ours with a piece torn out, doubled or replaced.
    fc
      .tuple(fc.nat(200), fc.nat(40), fc.string({ maxLength: 8 }))
      .map(
        ([at, length, put]) => formatVerdict(VERDICT).slice(0, at) + put + formatVerdict(VERDICT).slice(at + length),
      ),
  );
  const word = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('Ready', 'AiClusterValidated', 'AcceleratedHardwareReady', 'True', 'False', 'Unknown'),
  );
  const condition = fc.record(
    {
      type: word,
      status: word,
      reason: word,
      message: fc.string({ maxLength: 60 }),
      lastTransitionTime: fc.oneof(word, fc.constant('2026-11-23T12:00:00Z')),
    },
    { requiredKeys: ['type', 'status'] },
  );

  it('never crash, and a verdict is Fail only where its JSON says so', () => {
    const property = fc.property(garbage, fc.array(condition, { maxLength: 6 }), (text, conditions) => {
      const node = {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'n', annotations: { [VERDICT_ANNOTATION]: text } },
        status: { conditions, nodeInfo: { bootID: 'b-2' } },
      } as unknown as Node;
      const facts = toNodeFacts(node);
      expect(facts.verdict).toEqual(parseVerdict(text));
      expect(typeof nodePhase(facts, context, 0)).toBe('string');
      if (facts.verdict?.result === 'Fail')
        expect(Object.entries(JSON.parse(text))).toContainEqual(['result', expect.stringMatching(/^[Ff]ail$/)]);
    });
    fc.assert(property, { numRuns: RUNS, ...seedOf('malformed verdict annotations and conditions') });
  });
});
