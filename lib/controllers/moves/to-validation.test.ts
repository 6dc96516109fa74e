import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import type { NodeMoveSpec } from '../../api';
import { formatTime, type Taint } from '../../domain/kube';
import { PROBATION_TAINT, RELEASING_TAINT } from '../../domain/node-keys';
import type { NodeFacts } from '../../fleet';
import { inBucket, makeNodeFacts, makePodFacts, taint } from '../../fleet/testing';
import { nextStep, type StepInput } from './steps';

const NOW = 10_000_000;
const toProve: NodeMoveSpec = { nodes: ['p5-0'], reason: 'Health', to: { kind: 'Validation' } };
const record = (step: StepInput['record']['step'] = 'Claimed') => ({
  name: 'p5-0',
  step,
  providerID: 'aws:///us-east-2a/i-p5-0',
});
const empty = { ...record('Empty'), since: formatTime(NOW) };

function proving(overrides: Partial<StepInput>) {
  const spec = overrides.spec ?? toProve;
  const move = { name: 'm', uid: 'um', resourceVersion: '1', generation: 1, createdMs: 0, deleting: false };
  return nextStep({
    move: { ...move, finalizers: [], spec, status: {} },
    spec,
    record: { name: 'p5-0', step: 'Pending' },
    node: makeNodeFacts(),
    work: [],
    gangs: [],
    bucket: undefined,
    winner: 'm',
    budgetLeft: true,
    nowMs: NOW,
    ...overrides,
  });
}

const idle = () => inBucket('training');
const releasingTaint = (agoMs: number): Taint => ({ ...taint(RELEASING_TAINT), timeAdded: formatTime(NOW - agoMs) });
/** A node of bucket training that the move has claimed and tainted so many ms ago. */
const releasing = (agoMs: number, overrides = {}) =>
  makeNodeFacts({
    ...idle(),
    claim: 'm',
    taints: [taint('aicluster.dev/bucket', 'training'), releasingTaint(agoMs)],
    ...overrides,
  });
const onProbation = (node: NodeFacts) => ({ ...node, taints: [...node.taints, taint(PROBATION_TAINT)] });

describe('a node that goes to Validation', () => {
  it('waits until node-health has put it on probation, whoever asks', () => {
    const step = proving({ node: makeNodeFacts(idle()) });
    expect(step.action).toBeUndefined();
    expect(step.record).toMatchObject({
      step: 'Pending',
      message: 'node-health has not put it on probation (taint aicluster.dev/probation)',
    });
  });

  it.each([
    ['in a bucket', makeNodeFacts(idle())],
    ['in no bucket', makeNodeFacts()],
    ['not Ready', makeNodeFacts({ ...idle(), ready: false })],
    ['failed before', makeNodeFacts({ ...idle(), validated: 'False' })],
  ])('is claimed when it is %s, and its bucket takes its type or not', (_, node) => {
    expect(proving({ node: onProbation(node) }).action).toMatchObject({ type: 'PatchNode', verb: 'Claim' });
  });

  it('waits for its turn, for a person and for the budget as every other', () => {
    const node = onProbation(makeNodeFacts(idle()));
    const saying = (overrides: Partial<StepInput>) => proving({ node, ...overrides }).record.message;
    expect(saying({ winner: 'block-end' })).toBe('NodeMove block-end goes first');
    expect(saying({ budgetLeft: false })).toContain('enough nodes');
    expect(saying({ node: { ...node, held: true } })).toContain('a person holds');
    expect(saying({ node: { ...node, unschedulable: true } })).toContain('cordoned');
  });

  it('is Empty only after a live look, and never under work, past its deadline neither', () => {
    const node = onProbation(releasing(60_000));
    expect(proving({ node, record: record('Draining') })).toMatchObject({
      confirmEmpty: true,
      record: { step: 'Draining' },
    });
    const late = { ...toProve, deadline: formatTime(NOW - 1) };
    const busy = proving({ node, record: record('Draining'), work: [makePodFacts({ name: 'train-0' })], spec: late });
    expect(busy.action).toBeUndefined();
    expect(busy.confirmEmpty).toBeUndefined();
    expect(busy.record.message).toBe('waiting for default/train-0 to end');
  });

  it('then loses claim and releasing taint in one patch, and keeps bucket, node group and probation', () => {
    const theirs = taint('example.com/theirs');
    const node = onProbation(releasing(60_000));
    const { action } = proving({ node: { ...node, taints: [theirs, ...node.taints] }, record: empty });
    expect(action).toMatchObject({ type: 'HandOver', toValidation: true, bucket: 'training' });
    expect((action as Extract<typeof action, { type: 'HandOver' }>).patch).toEqual({
      metadata: { resourceVersion: '1', annotations: { 'aicluster.dev/move': null } },
      spec: { taints: [theirs, taint('aicluster.dev/bucket', 'training'), taint(PROBATION_TAINT)] },
    });
  });

  it('is looked at again when something has landed on it after all', () => {
    const step = proving({ node: onProbation(releasing(60_000)), record: empty, work: [makePodFacts()] });
    expect(step.action).toBeUndefined();
    expect(step.record.step).toBe('Draining');
  });

  it('waits the two cycles anew when its releasing taint was taken off', () => {
    const node = onProbation(makeNodeFacts({ ...idle(), claim: 'm' }));
    expect(proving({ node, record: empty }).action).toMatchObject({ verb: 'Taint' });
  });

  const free = makeNodeFacts(idle());
  it.each([
    ['HandedOver when its claim is off after it was empty', { node: onProbation(free), record: empty }, 'HandedOver'],
    ['HandedOver also when it is proved already', { node: free, record: empty }, 'HandedOver'],
    ['Aborted when its claim went before it was empty', { node: onProbation(free), record: record() }, 'Aborted'],
    [
      'Aborted when a move with a higher reason took it',
      { node: releasing(0, { claim: 'o' }), record: empty },
      'Aborted',
    ],
    ['Lost when the instance is gone, empty or not', { node: undefined, record: empty }, 'Lost'],
  ])('is %s', (_, overrides, step) => {
    const next = proving(overrides);
    expect(next.record.step).toBe(step);
    expect(next.action).toBeUndefined();
  });

  it('stays what it was when the taint is taken off on the way: somebody says that it is proved', () => {
    const step = proving({ node: releasing(60_000), record: record('Draining') });
    expect(step.record).toMatchObject({
      step: 'Aborted',
      message: expect.stringContaining('not on probation any more'),
    });
    expect(step.action).toMatchObject({ verb: 'Unclaim' });
    const held = proving({ node: releasing(60_000, { held: true }), record: record('Draining') });
    expect(held.action).toBeUndefined();
    expect(held.record.step).toBe('Draining');
  });

  it('whatever is true of it: never handed over under work, against a person, without probation or unconfirmed', () => {
    let handedOver = 0;
    const some = fc.record({
      probation: fc.boolean(),
      bucket: fc.boolean(),
      releasingMs: fc.constantFrom(undefined, 0, 1_000, 60_000),
      claim: fc.constantFrom(undefined, 'm', 'm', 'm', 'other'),
      odd: fc.constantFrom({}, {}, {}, { held: true }, { unschedulable: true }, { deletedAtMs: 1 }, { ready: false }),
      step: fc.constantFrom('Pending', 'Claimed', 'Draining', 'Empty', 'Empty') as fc.Arbitrary<'Empty'>,
      work: fc.constantFrom(0, 0, 1),
    });
    const property = fc.property(some, ({ probation, bucket, releasingMs, claim, odd, step, work }) => {
      const plain = makeNodeFacts({ ...(bucket ? idle() : {}), ...odd, claim });
      const taints = [
        ...plain.taints,
        ...(probation ? [taint(PROBATION_TAINT)] : []),
        ...(releasingMs === undefined ? [] : [releasingTaint(releasingMs)]),
      ];
      const node = { ...plain, taints };
      const pods = Array.from({ length: work }, () => makePodFacts());
      const { action } = proving({ node, record: record(step), work: pods });
      if (action?.type !== 'HandOver') return;
      handedOver += 1;
      expect({ probation, claim, step, work }).toEqual({ probation: true, claim: 'm', step: 'Empty', work: 0 });
      expect([node.held, node.unschedulable, node.deletedAtMs]).toEqual([false, false, undefined]);
      if (bucket) expect(releasingMs).toBe(60_000);
      expect(action.bucket).toBe(node.bucket);
      expect(action.patch.metadata.labels).toBeUndefined();
      expect(action.patch.spec!.taints).toEqual(taints.filter(({ key }) => key !== RELEASING_TAINT));
    });
    fc.assert(property, { numRuns: 5_000, ...seedOf('moves to validation') });
    expect(handedOver).toBeGreaterThan(50);
  });
});
