import type { GangStep, NodeMoveSpec } from '../../api';
import { formatTime } from '../../domain/kube';
import { PROBATION_TAINT, RELEASING_TAINT } from '../../domain/node-keys';
import { inBucket, makeNodeFacts, makePodFacts, taint } from '../../fleet/testing';
import { BUCKET_FINALIZER } from './snapshot';
import { nextStep, TWO_CYCLES_MS, type StepInput } from './steps';

const NOW = 10_000_000;
const spec = (overrides: Partial<NodeMoveSpec> = {}): NodeMoveSpec => ({
  nodes: ['p5-0'],
  reason: 'Capacity',
  to: { kind: 'Bucket', bucket: 'inference' },
  ...overrides,
});
const bucket = (name: string) => ({
  name,
  resourceVersion: '1',
  finalizers: [BUCKET_FINALIZER],
  instanceTypes: ['p5.48xlarge'],
  checkpointTimeoutMs: 300_000,
});

function input(overrides: Partial<StepInput> = {}): StepInput {
  const own = overrides.spec ?? spec();
  return {
    move: {
      name: 'm',
      uid: 'um',
      resourceVersion: '1',
      generation: 1,
      createdMs: 0,
      deleting: false,
      finalizers: [],
      spec: own,
      status: {},
    },
    spec: own,
    record: { name: 'p5-0', step: 'Pending' },
    node: makeNodeFacts(),
    work: [],
    gangs: [],
    bucket: bucket('inference'),
    winner: 'm',
    budgetLeft: true,
    nowMs: NOW,
    ...overrides,
  };
}

const idle = (name = 'training') => inBucket(name);
/** A node of bucket training that the move has claimed and tainted so many ms ago. */
const releasing = (agoMs: number, overrides = {}) =>
  makeNodeFacts({
    ...idle(),
    claim: 'm',
    taints: [
      taint('aicluster.dev/bucket', 'training'),
      { ...taint(RELEASING_TAINT), timeAdded: formatTime(NOW - agoMs) },
    ],
    ...overrides,
  });
const record = (step: 'Claimed' | 'Draining' | 'Empty' = 'Claimed') => ({
  name: 'p5-0',
  step,
  providerID: 'aws:///us-east-2a/i-p5-0',
});

describe('a node that is not claimed yet', () => {
  it('is claimed; out of a bucket together with the releasing taint, in one patch under its resourceVersion', () => {
    expect(nextStep(input()).action).toMatchObject({
      type: 'PatchNode',
      verb: 'Claim',
      patch: { metadata: { resourceVersion: '1', annotations: { 'aicluster.dev/move': 'm' } } },
    });
    const { action } = nextStep(input({ node: makeNodeFacts(idle()) }));
    expect(action).toMatchObject({
      patch: { spec: { taints: [expect.anything(), { key: RELEASING_TAINT, timeAdded: formatTime(NOW) }] } },
    });
  });

  it.each([
    ['held', { held: true }, 'a person holds the node'],
    ['cordoned', { unschedulable: true }, 'the node is cordoned'],
    ['leaving', { deletedAtMs: 1 }, 'the node is leaving'],
    ['disrupted by Karpenter', { taints: [taint('karpenter.sh/disrupted')] }, 'the node is leaving'],
    ['not Ready', { ready: false }, 'the node is not Ready'],
    ['not registered', { taints: [taint('karpenter.sh/unregistered')] }, 'the node is not Ready'],
  ])('waits while it is %s', (_, facts, message) => {
    const step = nextStep(input({ node: makeNodeFacts(facts) }));
    expect(step.action).toBeUndefined();
    expect(step.record).toMatchObject({ step: 'Pending', message: expect.stringContaining(message) });
  });

  // Found by a storm of health: as long as a move had the node, node-health did not prove it, and both waited for each other for ever.
  it.each([
    ['on probation', { taints: [taint(PROBATION_TAINT)] }],
    ['quarantined', { validated: 'False' as const }],
  ])('is not waited for while it is %s: the move lets it go, before and after it was claimed', (_, facts) => {
    const message = expect.stringContaining('the node is not proved');
    const pending = nextStep(input({ node: makeNodeFacts(facts) }));
    expect(pending).toEqual({ record: expect.objectContaining({ step: 'Aborted', message }) });
    const claimed = nextStep(input({ node: makeNodeFacts({ claim: 'm', ...facts }), record: record() }));
    expect(claimed).toMatchObject({ record: { step: 'Aborted', message }, action: { verb: 'Unclaim' } });
    // A person holds it: nobody touches it.
    const held = nextStep(input({ node: makeNodeFacts({ claim: 'm', held: true, ...facts }), record: record() }));
    expect(held.action).toBeUndefined();
  });

  it.each([
    ['its bucket does not exist', { bucket: undefined }, 'bucket inference does not exist'],
    ['its bucket is new', { bucket: { ...bucket('inference'), finalizers: [] } }, 'is not held by its finalizer yet'],
    ['another move goes first', { winner: 'other' }, 'NodeMove other goes first'],
    ['the budget is spent', { budgetLeft: false, node: makeNodeFacts(idle()) }, 'enough nodes'],
  ])('waits while %s', (_, overrides, message) => {
    const step = nextStep(input(overrides));
    expect(step.action).toBeUndefined();
    expect(step.record.message).toContain(message);
  });

  it('needs no budget out of no bucket, nor at the end of a block', () => {
    expect(nextStep(input({ budgetLeft: false })).action).toBeDefined();
    const leaving = spec({ reason: 'BlockEnd', to: { kind: 'Release' } });
    expect(nextStep(input({ budgetLeft: false, node: makeNodeFacts(idle()), spec: leaving })).action).toBeDefined();
  });

  it('is released in any state but held, cordoned or leaving', () => {
    const away = spec({ to: { kind: 'Release' } });
    expect(nextStep(input({ spec: away, node: makeNodeFacts({ ready: false }) })).action).toBeDefined();
  });

  it('is done at once where it already is, and aborted where it cannot be', () => {
    expect(nextStep(input({ node: makeNodeFacts(idle('inference')) })).record.step).toBe('HandedOver');
    expect(nextStep(input({ node: makeNodeFacts({ instanceType: 'p4d.24xlarge' }) })).record.step).toBe('Aborted');
    expect(nextStep(input({ node: makeNodeFacts({ pool: undefined }) })).record.step).toBe('Aborted');
  });
});

describe('a claimed node', () => {
  it('is first written down, with the instance it is and the bucket it came from', () => {
    const step = nextStep(input({ node: releasing(0) }));
    expect(step.action).toBeUndefined();
    expect(step.record).toMatchObject({ step: 'Claimed', providerID: 'aws:///us-east-2a/i-p5-0', from: 'training' });
  });

  it('waits two scheduler cycles after the taint', () => {
    const step = nextStep(input({ node: releasing(TWO_CYCLES_MS), record: record() }));
    expect(step).toMatchObject({ record: { step: 'Draining' }, againMs: NOW + 1_000 });
    expect(step.action).toBeUndefined();
  });

  it('counts the wait from when the taint was seen, so that a slow write does not shorten it', () => {
    const slow = { ...record(), since: formatTime(NOW - 1_000) };
    const step = nextStep(input({ node: releasing(60_000), record: slow }));
    expect(step).toMatchObject({ record: { step: 'Draining' }, againMs: NOW + TWO_CYCLES_MS });
    expect(step.action).toBeUndefined();
  });

  it('then is swapped in one patch: labels, the whole taint list, the time, the claim', () => {
    const theirs = taint('example.com/theirs');
    const node = releasing(TWO_CYCLES_MS + 1_000);
    const { action } = nextStep(input({ node: { ...node, taints: [theirs, ...node.taints] }, record: record() }));
    expect(action).toMatchObject({ type: 'HandOver', bucket: 'inference' });
    expect((action as Extract<typeof action, { type: 'HandOver' }>).patch).toEqual({
      metadata: {
        resourceVersion: '1',
        labels: { 'aicluster.dev/bucket': 'inference', 'volcano.sh/nodegroup-name': 'inference' },
        annotations: { 'aicluster.dev/move': null, 'aicluster.dev/assigned-at': formatTime(NOW) },
      },
      spec: { taints: [theirs, taint('aicluster.dev/bucket', 'inference')] },
    });
  });

  it('is not waited for when it was in no bucket', () => {
    const { action } = nextStep(input({ node: makeNodeFacts({ claim: 'm' }), record: record() }));
    expect(action?.type).toBe('HandOver');
  });

  it('gets its releasing taint back when somebody took it off, and waits anew', () => {
    const node = makeNodeFacts({ ...idle(), claim: 'm' });
    expect(nextStep(input({ node, record: record('Draining') })).action).toMatchObject({ verb: 'Taint' });
  });

  it('is never handed over under work, past its deadline neither, and goes where the least advanced of its gangs is', () => {
    const late = spec({ deadline: formatTime(NOW - 1) });
    const busy = { node: releasing(60_000), record: record(), work: [makePodFacts({ name: 'train-0' })], spec: late };
    const step = nextStep(input(busy));
    expect(step.action).toBeUndefined();
    expect(step.record).toMatchObject({ step: 'Claimed', message: 'waiting for default/train-0 to end' });
    const gang = (name: string, own: GangStep) => ({ key: `Pod default/${name}`, step: own, message: `is ${own}` });
    const withGangs = (...gangs: ReturnType<typeof gang>[]) => nextStep(input({ ...busy, gangs })).record;
    expect(withGangs(gang('a', 'Suspending'), gang('b', 'Asked'))).toMatchObject({
      step: 'CheckpointRequested',
      message: 'Pod default/b: is Asked',
    });
    expect(withGangs(gang('a', 'Left'), gang('b', 'Suspending'))).toMatchObject({
      step: 'Suspending',
      message: 'Pod default/b: is Suspending; waiting for default/train-0 to end',
    });
    expect(nextStep(input({ ...busy, waits: 'waits for another node' })).record.message).toBe('waits for another node');
  });

  it('to Release or Replacement is Empty only after a live look, then left to pools', () => {
    const away = spec({ to: { kind: 'Release' } });
    const node = releasing(60_000);
    expect(nextStep(input({ node, record: record('Draining'), spec: away }))).toMatchObject({ confirmEmpty: true });
    const empty = nextStep(input({ node, record: { ...record('Empty'), since: formatTime(NOW) }, spec: away }));
    expect(empty.record.step).toBe('Empty');
    expect(empty.action).toBeUndefined();
  });

  it('goes back when its bucket disappears on the way', () => {
    const step = nextStep(input({ node: releasing(60_000), record: record(), bucket: undefined }));
    expect(step.record.step).toBe('Aborted');
    expect(step.action).toMatchObject({
      verb: 'Unclaim',
      patch: { spec: { taints: [{ key: 'aicluster.dev/bucket' }] } },
    });
  });

  it.each([
    ['Lost when the node is gone', { node: undefined, record: record('Draining') }, 'Lost'],
    [
      'HandedOver when it had been emptied for Release',
      { node: undefined, record: record('Empty'), spec: spec({ to: { kind: 'Release' } }) },
      'HandedOver',
    ],
    [
      'Lost when another instance has its name',
      { node: releasing(0, { providerID: 'aws:///z/other' }), record: record() },
      'Lost',
    ],
    ['Aborted when another move took it over', { node: releasing(0, { claim: 'other' }), record: record() }, 'Aborted'],
    ['Aborted when its claim is gone', { node: makeNodeFacts(idle()), record: record() }, 'Aborted'],
    ['HandedOver when the swap is seen', { node: makeNodeFacts(idle('inference')), record: record() }, 'HandedOver'],
  ])('is %s', (_, overrides, step) => {
    const next = nextStep(input(overrides));
    expect(next.record.step).toBe(step);
    expect(next.action).toBeUndefined();
  });
});
