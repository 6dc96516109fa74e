import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { PROBATION_TAINT } from '../../domain/node-keys';
import type { MoveFacts, NodeFacts } from '../../fleet';
import { inBucket, makeMoveFacts, taint } from '../../fleet/testing';
import { planCapacity } from './plan';
import type { CapacitySnapshot } from './snapshot';
import { makeBucket, makeGang, makeNodes, makeOnDemand, makeSnapshot } from './testing';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const LONG_AGO = NOW - 3_600_000;
const L40S = { pool: 'l40s', instanceType: 'g6e.48xlarge' };

const bucket = (name: string, nodes: object, more: object = {}) =>
  makeBucket(name, { nodes: { max: 16, ...nodes }, instanceTypes: ['g6e.48xlarge'], ...more });
const pools = [makeOnDemand('l40s', 20)];

/** Nodes of a bucket, from the first with this number. */
const inside = (name: string, count: number, first = 0): NodeFacts[] =>
  makeNodes(count, { ...L40S, ...inBucket(name, LONG_AGO) }, first);
/** The same nodes, put on probation. */
const onProbation = (nodes: readonly NodeFacts[], validated?: NodeFacts['validated']): NodeFacts[] =>
  nodes.map((node) => ({ ...node, validated, taints: [...node.taints, taint(PROBATION_TAINT)] }));
const toValidation = (node: string, overrides: Partial<MoveFacts> = {}): MoveFacts =>
  makeMoveFacts({
    name: 'suspected',
    reason: 'Health',
    to: 'Validation',
    bucket: undefined,
    nodes: [{ name: node, step: 'Draining', from: 'training' }],
    ...overrides,
  });

function outcome(snapshot: CapacitySnapshot) {
  const { actions } = planCapacity(snapshot, NOW);
  const asked = actions.flatMap((action) => (action.type === 'RequestNodes' ? [action.nodes] : []));
  const moves = actions.flatMap((action) =>
    action.type === 'CreateMove' ? [`${action.bucket ?? 'release'}: ${action.nodes.join(', ')}`] : [],
  );
  const statuses = actions.flatMap((action) =>
    action.type === 'WriteStatus' ? [[action.bucket, action.status] as const] : [],
  );
  return { asked, moves, status: Object.fromEntries(statuses) };
}

describe('nodes of a bucket that are being proved again', () => {
  const training = bucket('training', { min: 3 });
  const away = onProbation(inside('training', 1, 2));
  const present = inside('training', 2);

  test('are not usable, and no reason to buy others: they come back', () => {
    const { asked, moves, status } = outcome(
      makeSnapshot({ buckets: [training], pools, nodes: [...present, ...away] }),
    );
    expect({ asked, moves }).toEqual({ asked: [3], moves: [] });
    expect(status['training']).toMatchObject({ owned: 3, active: 2, byPhase: { Active: 2, Probation: 1 } });
    expect(status['training']?.whyNot).toBe('minimum 3 waits for 1 node joining or asked for');
    expect(status['training']?.conditions).toContainEqual(
      expect.objectContaining({ type: 'MinimumMet', status: 'False', reason: 'Arriving' }),
    );
  });

  test('nor are those that are only on their way to be proved, also where the caches of Node and NodeMove are not equally old', () => {
    const [node] = inside('training', 1, 2);
    const claimed = { ...node!, claim: 'suspected' };
    const of = (nodes: readonly NodeFacts[], move: MoveFacts) =>
      outcome(makeSnapshot({ buckets: [training], pools, nodes: [...present, ...nodes], moves: [move] })).asked;
    expect(of([claimed], toValidation('l40s-2'))).toEqual([3]);
    const done = { nodes: [{ name: 'l40s-2', step: 'HandedOver' as const, from: 'training' }], finishedAtMs: NOW };
    expect(of([claimed], toValidation('l40s-2', done))).toEqual([3]);
    expect(of(away, toValidation('l40s-2'))).toEqual([3]);
    expect(of(away, toValidation('l40s-2', done))).toEqual([3]);
  });

  test('an unassigned node takes their place at once', () => {
    const nodes = [...present, ...away, ...makeNodes(1, L40S, 3)];
    expect(outcome(makeSnapshot({ buckets: [training], pools, nodes })).moves).toEqual(['training: l40s-3']);
  });

  test('one of which nothing could be said, or that failed, is not waited for', () => {
    const of = (nodes: readonly NodeFacts[]) =>
      outcome(makeSnapshot({ buckets: [training], pools, nodes: [...present, ...nodes] })).asked;
    expect(of(onProbation(inside('training', 1, 2), 'Unknown'))).toEqual([4]);
    expect(of(onProbation(inside('training', 1, 2), 'False'))).toEqual([4]);
  });

  test('one that leaves for good is not waited for', () => {
    const move = toValidation('l40s-2', { to: 'Replacement' });
    const nodes = inside('training', 3);
    expect(outcome(makeSnapshot({ buckets: [training], pools, nodes, moves: [move] })).asked).toEqual([4]);
  });

  test('they are nobody else’s: what another bucket lacks is bought, and each of them counts once', () => {
    const inference = bucket('inference', { min: 1 }, { priority: 'High' });
    const nodes = [...present, ...away];
    expect(outcome(makeSnapshot({ buckets: [inference, training], pools, nodes })).asked).toEqual([4]);
    // Two nodes lack, one comes back.
    const four = bucket('training', { min: 4 });
    expect(outcome(makeSnapshot({ buckets: [four], pools, nodes })).asked).toEqual([4]);
  });

  test('a gang that needs one waits for it, and running work of others is left alone', () => {
    const { pods, podGroup } = makeGang('g', 3, { createdAtMs: LONG_AGO });
    const nodes = [...present, ...away];
    const snapshot = makeSnapshot({ buckets: [bucket('training', {})], pools, nodes, pods, podGroups: [podGroup] });
    const { asked, moves, status } = outcome(snapshot);
    expect({ asked, moves }).toEqual({ asked: [3], moves: [] });
    expect(status['training']?.whyNot).toBe('gang default/g waits for 1 × g6e.48xlarge that are joining or asked for');
  });

  test('a newcomer on probation belongs to whoever needs it first, and is not given away before it is proved', () => {
    const newcomer = onProbation(makeNodes(1, L40S));
    const { asked, moves } = outcome(
      makeSnapshot({ buckets: [bucket('training', { min: 1 })], pools, nodes: newcomer }),
    );
    expect({ asked, moves }).toEqual({ asked: [1], moves: [] });
  });

  test('never more is bought with nodes on probation than if they were lost, nor less than if they worked', () => {
    const fleet = fc.record({
      min: fc.nat({ max: 8 }),
      size: fc.integer({ min: 1, max: 6 }),
      states: fc.array(fc.constantFrom('active', 'away', 'free'), { maxLength: 10 }),
    });
    const property = fc.property(fleet, ({ min, size, states }) => {
      const { pods, podGroup } = makeGang('g', size, { createdAtMs: LONG_AGO });
      const asked = (away: (node: NodeFacts) => NodeFacts[]) => {
        const nodes = states.flatMap((state, i) => {
          if (state === 'free') return makeNodes(1, L40S, i);
          const [node] = inside('training', 1, i);
          return state === 'active' ? [node!] : away(node!);
        });
        const buckets = [bucket('training', { min }), bucket('batch', { min: 1 }, { priority: 'Low' })];
        return outcome(makeSnapshot({ buckets, pools, nodes, pods, podGroups: [podGroup] })).asked[0] ?? 0;
      };
      const proving = asked((node) => onProbation([node]));
      // `asked` counts nodes that stand; those that failed still do.
      expect(proving).toBeLessThanOrEqual(asked((node) => onProbation([node], 'False')));
      expect(proving).toBeGreaterThanOrEqual(asked((node) => [node]));
    });
    fc.assert(property, { numRuns: 100, ...seedOf('nodes that are being proved') });
  });
});
