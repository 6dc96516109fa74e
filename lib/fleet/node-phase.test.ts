import * as fc from 'fast-check';
import { FOREIGN_KEYS, PROBATION_TAINT, RELEASING_TAINT, UNASSIGNED_TAINT } from '../domain/node-keys';
import type { NodeFacts } from './node-facts';
import { NODE_PHASES, nodePhase, type NodePhase, type PhaseContext } from './node-phase';
import { seedOf } from '../../test/seed';
import { makeNodeFacts, taint } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const context = (overrides: Partial<PhaseContext> = {}): PhaseContext => ({
  buckets: new Set(['training', 'inference']),
  liveMoves: new Map(),
  squatted: new Set(),
  ...overrides,
});
const training = { bucket: 'training', bucketTaint: 'training', nodegroup: 'training', taints: [] };
const withTaint = (...keys: string[]) => ({ taints: keys.map((key) => taint(key)) });

type Row = readonly [sentence: string, facts: Partial<NodeFacts>, phase: NodePhase, context?: Partial<PhaseContext>];

const rows: readonly Row[] = [
  // One row of DESIGN §4 after the other.
  ['a node that is not Ready yet is joining', { ready: false }, 'Joining'],
  ['a node in a bucket that is not Ready any more is joining', { ...training, ready: false }, 'Joining'],
  [
    'a node that Karpenter has not registered is joining',
    withTaint(FOREIGN_KEYS.karpenterUnregistered, UNASSIGNED_TAINT),
    'Joining',
  ],
  ['a node with the probation taint is on probation', withTaint(PROBATION_TAINT, UNASSIGNED_TAINT), 'Probation'],
  [
    'a node that a NodeValidation has is validating',
    withTaint(PROBATION_TAINT, UNASSIGNED_TAINT),
    'Validating',
    { validating: new Set(['p5-0']) },
  ],
  [
    'a node whose verdict is Unknown is suspect',
    { ...withTaint(PROBATION_TAINT, UNASSIGNED_TAINT), validated: 'Unknown' },
    'Suspect',
  ],
  ['a provisional verdict without the taint does not keep a node from work', { validated: 'Unknown' }, 'Unassigned'],
  ['a proved node with the unassigned taint is unassigned', { validated: 'True' }, 'Unassigned'],
  ['a node with label, taint and group of a bucket is active', training, 'Active'],
  ['a node that a live NodeMove claims is moving', training, 'Moving', { liveMoves: new Map([['p5-0', 'm']]) }],
  ['a node with a claim is moving, though the NodeMove is not seen (yet)', { ...training, claim: 'm' }, 'Moving'],
  ['a node with a releasing taint left over is moving', { ...training, ...withTaint(RELEASING_TAINT) }, 'Moving'],
  ['a node being deleted is leaving', { ...training, deletedAtMs: NOW }, 'Leaving'],
  [
    'a node that Karpenter disrupts is leaving',
    { ...training, ...withTaint(FOREIGN_KEYS.karpenterDisrupted) },
    'Leaving',
  ],
  ['a node with broken accelerators is leaving', { ...training, acceleratorsBrokenSinceMs: NOW }, 'Leaving'],
  [
    'one of a managed node group is not: nobody replaces it',
    { ...training, nodeGroup: 'p5-block', acceleratorsBrokenSinceMs: NOW },
    'Active',
  ],
  ['a node whose block is about to end is leaving', training, 'Leaving', { leaveAtMs: new Map([['p5', NOW]]) }],
  ['a node whose block ends later is active', training, 'Active', { leaveAtMs: new Map([['p5', NOW + 1]]) }],
  ['a cordoned node is cordoned', { ...training, unschedulable: true }, 'Cordoned'],
  ['a node with hold is held', { ...training, held: true }, 'Held'],
  ['a node whose verdict is False is quarantined', { validated: 'False' }, 'Quarantined'],
  [
    'a node whose verdict is False is quarantined with the probation taint too',
    { ...withTaint(PROBATION_TAINT, UNASSIGNED_TAINT), validated: 'False' },
    'Quarantined',
  ],
  [
    "a node whose boot id is not the verdict's is rebooted",
    { ...training, bootId: 'b', verdict: { bootId: 'a' } },
    'Rebooted',
  ],
  ['a node proved under this boot id is active', { ...training, bootId: 'a', verdict: { bootId: 'a' } }, 'Active'],
  [
    'a bucket label without such a bucket makes an orphan',
    { bucket: 'gone', bucketTaint: 'gone', nodegroup: 'gone', taints: [] },
    'Orphan',
  ],
  ['a bucket label set by hand, without taint, makes an orphan', { ...training, bucketTaint: undefined }, 'Orphan'],
  ["a group that is not the bucket's makes an orphan", { ...training, nodegroup: 'inference' }, 'Orphan'],
  ['a node open to everybody is an orphan', { taints: [] }, 'Orphan'],
  ['a pod of another bucket makes a node squatted', training, 'Squatted', { squatted: new Set(['p5-0']) }],
  ['a pod of a bucket on an unassigned node makes it squatted', {}, 'Squatted', { squatted: new Set(['p5-0']) }],
  // Precedence where several rows are true.
  ['deletion outranks hold: nothing brings the node back', { held: true, deletedAtMs: NOW }, 'Leaving'],
  ['hold outranks a repair that is due', { held: true, acceleratorsBrokenSinceMs: NOW }, 'Held'],
  [
    'a repair that is due outranks a cordon: the gang wants its checkpoint',
    { ...training, unschedulable: true, acceleratorsBrokenSinceMs: NOW },
    'Leaving',
  ],
  ['hold outranks a cordon', { held: true, unschedulable: true }, 'Held'],
  [
    'a cordon outranks a live move, which pauses',
    { ...training, unschedulable: true },
    'Cordoned',
    { liveMoves: new Map([['p5-0', 'm']]) },
  ],
  [
    'a live move outranks not being Ready: moves finds out that the node is lost',
    { ...training, ready: false },
    'Moving',
    { liveMoves: new Map([['p5-0', 'm']]) },
  ],
  ['probation outranks a place in a bucket', { ...training, ...withTaint(PROBATION_TAINT) }, 'Probation'],
];

describe('the phase of a node', () => {
  for (const [sentence, facts, phase, overrides] of rows) {
    test(sentence, () => {
      expect(nodePhase(makeNodeFacts(facts), context(overrides), NOW)).toBe(phase);
    });
  }

  test('every phase is reached by a row of the table', () => {
    expect([...new Set(rows.map(([, , phase]) => phase))].sort()).toEqual([...NODE_PHASES].sort());
  });

  test('is total and deterministic', () => {
    // Rare, each by itself: or every node would be Leaving or Held.
    const rare = fc.integer({ min: 0, max: 11 }).map((n) => n === 0);
    const rarely = <T>(value: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
    const home = fc.oneof(
      { weight: 4, arbitrary: fc.constant<Partial<NodeFacts>>(training) },
      { weight: 4, arbitrary: fc.constant<Partial<NodeFacts>>({}) },
      {
        weight: 1,
        arbitrary: fc.record({
          bucket: fc.constantFrom('training', 'gone', undefined),
          bucketTaint: fc.constantFrom('training', 'gone', undefined),
          nodegroup: fc.constantFrom('training', 'gone', undefined),
        }),
      },
    );
    const facts = fc
      .tuple(
        home,
        fc.record({
          ready: rare.map((not) => !not),
          unschedulable: rare,
          held: rare,
          claim: rarely(fc.constant('m')),
          deletedAtMs: rarely(fc.constant(NOW)),
          acceleratorsBrokenSinceMs: rarely(fc.constant(NOW)),
          validated: rarely(fc.constantFrom('True', 'False', 'Unknown')),
          bootId: rarely(fc.constantFrom('a', 'b')),
          verdict: rarely(fc.record({ bootId: fc.constantFrom('a', 'b') })),
        }),
        rarely(fc.constantFrom(PROBATION_TAINT, RELEASING_TAINT, FOREIGN_KEYS.karpenterDisrupted)),
      )
      .map(([place, odd, key]) => {
        const node = makeNodeFacts({ ...place, ...odd } as Partial<NodeFacts>);
        return key === undefined ? node : { ...node, taints: [...node.taints, taint(key)] };
      });
    const around = fc.record({ moving: rare, squatted: rare, validating: rare, leaving: rare });
    const met = new Set<NodePhase>();
    fc.assert(
      fc.property(facts, around, (node, { moving, squatted, validating, leaving }) => {
        const around = context({
          liveMoves: new Map(moving ? [['p5-0', 'm']] : []),
          squatted: new Set(squatted ? ['p5-0'] : []),
          validating: new Set(validating ? ['p5-0'] : []),
          leaveAtMs: new Map([['p5', leaving ? NOW : NOW + 1]]),
        });
        const phase = nodePhase(node, around, NOW);
        met.add(phase);
        expect(NODE_PHASES).toContain(phase);
        expect(nodePhase({ ...node }, around, NOW)).toBe(phase);
        // Nobody may work on, or take, a node that a person holds or that is going.
        if (node.held || node.deletedAtMs !== undefined) expect(['Held', 'Leaving']).toContain(phase);
        if (phase === 'Active') expect(node.bucket).toBe('training');
        if (phase === 'Unassigned') expect(node.bucket).toBeUndefined();
      }),
      { numRuns: 10_000, ...seedOf('node-phase') },
    );
    expect([...met].sort()).toEqual([...NODE_PHASES].sort());
  });
});
