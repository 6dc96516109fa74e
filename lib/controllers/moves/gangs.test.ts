import fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import type { NodeMoveSpec } from '../../api';
import { formatTime } from '../../domain/kube';
import { toRunningGangs, type CheckpointFacts, type PodFacts, type WorkloadKind } from '../../fleet';
import { makePodFacts } from '../../fleet/testing';
import { isOver, owesResume, stepGang, withdrawGang, type GangInput, type MovedGang } from './gangs';

const NOW = 10_000_000_000;
const at = (agoMs: number) => formatTime(NOW - agoMs);
const spec = (more: Partial<NodeMoveSpec> = {}): NodeMoveSpec => ({
  nodes: ['n0', 'n1'],
  reason: 'Capacity',
  to: { kind: 'Bucket', bucket: 'inference' },
  ...more,
});
/** A gang of two pods on n0 and n2: n0 is a node of the move, n2 is not. */
const pods = (kind: WorkloadKind | undefined, more: Partial<PodFacts> = {}) =>
  ['n0', 'n2'].map((nodeName, i) =>
    makePodFacts({
      name: `gang-${i}`,
      nodeName,
      startedAtMs: NOW - 100_000,
      workload: kind && { kind, namespace: 'default', name: 'gang' },
      ...more,
    }),
  );

function input(
  more: Partial<GangInput> & { readonly kind?: WorkloadKind; readonly own?: readonly PodFacts[] } = {},
): GangInput {
  const { kind = 'JobSet', own = pods(kind), ...rest } = more;
  const key = `${kind} default/gang`;
  return {
    move: 'm',
    spec: spec(),
    key,
    record: undefined,
    running: toRunningGangs([], own).get(key),
    bound: own,
    nodes: [
      { name: 'n0', step: 'Claimed' },
      { name: 'n1', step: 'Claimed' },
    ],
    ready: new Set(['n0', 'n1']),
    checkpoint: undefined,
    timeoutMs: 300_000,
    holder: undefined,
    forbid: () => [],
    nowMs: NOW,
    ...rest,
  };
}
const record = (step: MovedGang['step'], more: Partial<MovedGang> = {}): MovedGang => ({
  key: 'JobSet default/gang',
  step,
  nodes: ['n0'],
  askedAt: at(10_000),
  since: at(10_000),
  ...more,
});
const stopping = (how: MovedGang['how'], step: MovedGang['step'] = 'Suspending') =>
  record(step, { how, gaveWayAt: at(5_000) });
const saved = (agoMs: number, tookMs?: number): CheckpointFacts => ({
  gang: 'default/gang',
  takenAtMs: NOW - agoMs,
  tookMs,
});

describe('a gang on nodes of a move', () => {
  it('is asked when all its nodes of the move are ready, and not before; past the deadline with those that are', () => {
    expect(stepGang(input()).record).toMatchObject({ step: 'Asked', nodes: ['n0'], accelerators: 16, askedAt: at(0) });
    const waiting = stepGang(input({ ready: new Set(['n1']) }));
    expect(waiting.record).toBeUndefined();
    expect(waiting.waits).toBe('JobSet default/gang is asked to give way once n0 can be taken, too');
    const late = input({ ready: new Set(['n1']), spec: spec({ deadline: at(0) }) });
    expect(stepGang(late).record?.step).toBe('Asked');
  });

  it('is asked first, every member, and only those that have not heard it', () => {
    const [first, second] = pods('JobSet');
    const own = [{ ...first!, checkpointRequestedAtMs: NOW - 10_000 }, second!];
    const { ask } = stepGang(input({ own, record: record('Asked'), checkpoint: saved(60_000) }));
    expect(ask?.map(({ name }) => name)).toEqual(['gang-1']);
  });

  const until = (checkpoint: CheckpointFacts | undefined, more: Partial<NodeMoveSpec> = {}) =>
    stepGang(input({ record: record('Asked'), checkpoint, spec: spec(more) })).againMs;
  it.each([
    ['as long as its bucket says', until(saved(60_000)), NOW - 10_000 + 300_000],
    ['three times as long as one takes', until(saved(60_000, 40_000)), NOW - 10_000 + 120_000],
    ['a minute at least', until(saved(60_000, 1_000)), NOW - 10_000 + 60_000],
    ['never longer than its bucket says', until(saved(60_000, 900_000)), NOW - 10_000 + 300_000],
    ['never past the deadline', until(saved(60_000), { deadline: at(-20_000) }), NOW + 20_000],
    ['not at all when it never reported any', until(undefined), undefined],
  ])('is waited for %s', (_, found, expected) => {
    expect(found).toBe(expected);
  });

  it('gives way when its checkpoint is there, and loses what came after it', () => {
    const answered = stepGang(input({ record: record('Asked'), checkpoint: saved(4_000) }));
    expect(answered.record).toMatchObject({ step: 'Checkpointed', checkpointAt: at(4_000) });
    const next = stepGang(input({ record: answered.record, checkpoint: saved(4_000) }));
    expect(next.record).toMatchObject({
      step: 'Suspending',
      how: 'Suspend',
      gaveWayAt: at(0),
      acceleratorSecondsLost: 64,
    });
    expect(next.act).toBeUndefined();
    const silent = stepGang(input({ record: record('Asked') }));
    expect(silent.record).toMatchObject({ step: 'Suspending', acceleratorSecondsLost: 1_600 });
  });

  it('waits while a PodDisruptionBudget forbids it or another move stops it; past the deadline no budget is asked', () => {
    const asked = { record: record('Asked'), forbid: () => ['default/keep'] };
    const waiting = stepGang(input(asked)).record;
    expect(waiting).toMatchObject({
      step: 'Asked',
      message: 'waiting: PodDisruptionBudget default/keep forbids it now',
    });
    expect(stepGang(input({ ...asked, spec: spec({ deadline: at(0) }) })).record?.step).toBe('Suspending');
    const held = stepGang(input({ record: record('Asked'), holder: 'other' })).record;
    expect(held).toMatchObject({ step: 'Asked', message: 'it gives way to NodeMove other already' });
  });

  it.each([
    ['VolcanoJob', 'Suspend'],
    ['Job', 'Suspend'],
    ['JobSet', 'Suspend'],
    ['RayCluster', 'Suspend'],
    ['RayJob', 'Suspend'],
    ['PyTorchJob', 'Suspend'],
    ['LeaderWorkerSet', 'Evict'],
  ] as const)('%s: %s', (kind, how) => {
    const own = pods(kind, { gang: 'default/gang' });
    const group = {
      key: 'default/gang',
      namespace: 'default',
      minMember: 2,
      minResources: {},
      phase: 'Running',
      everPlaced: true,
      oneLeaf: false,
      createdAtMs: 0,
    } as const;
    const key = `${kind} default/gang`;
    const running = toRunningGangs([group], own).get(key);
    const { record: next } = stepGang(input({ kind, own, running, record: record('Asked', { key }) }));
    expect(next).toMatchObject({ step: 'Suspending', how });
  });
});

describe('a gang that gives way', () => {
  it('is suspended only after that was written down, again until its pods begin to end, and is Suspended when they are gone', () => {
    expect(stepGang(input({ record: stopping('Suspend') })).act).toMatchObject({ act: 'Suspend', by: 'm' });
    const ending = input({ record: stopping('Suspend'), own: pods('JobSet', { deleting: true }) });
    expect(stepGang(ending)).toMatchObject({ record: { step: 'Suspending' }, act: undefined });
    const gone = input({ record: stopping('Suspend'), own: [] });
    expect(stepGang(gone).record).toMatchObject({ step: 'Suspended', message: 'resumed when n0 is handed over' });
  });

  it.each([
    ['HandedOver', 'Bucket', true],
    ['Lost', 'Bucket', true],
    ['Aborted', 'Bucket', true],
    ['Draining', 'Bucket', false],
    ['Empty', 'Release', true],
    ['Empty', 'Replacement', true],
    ['Draining', 'Release', false],
  ] as const)('with its node %s on the way to %s: resumed %s', (step, kind, resumed) => {
    const to = kind === 'Bucket' ? ({ kind, bucket: 'inference' } as const) : ({ kind } as const);
    const nodes = [{ name: 'n0', step } as const, { name: 'n1', step: 'Claimed' } as const];
    const { act } = stepGang(input({ record: stopping('Suspend', 'Suspended'), own: [], nodes, spec: spec({ to }) }));
    expect(act?.act === 'Resume').toBe(resumed);
  });

  it('is suspended and resumed through the workload that makes its own, once that is written down', () => {
    const own = { ...stopping('Suspend'), workload: 'RayJob default/tune' };
    const rayJob = { kind: 'RayJob', namespace: 'default', name: 'tune' };
    expect(stepGang(input({ kind: 'RayCluster', record: own })).act).toMatchObject({
      act: 'Suspend',
      workload: rayJob,
    });
    expect(withdrawGang('m', own, NOW).act).toMatchObject({ act: 'Resume', workload: rayJob });
  });

  it('by eviction loses all its pods of that time everywhere, and those that came later only here', () => {
    const old = pods('JobSet');
    const young = { ...old[1]!, key: 'default/young', name: 'young', createdAtMs: NOW };
    const late = { ...old[0]!, key: 'default/late', name: 'late', createdAtMs: NOW };
    const evicted = (how: MovedGang['how']) =>
      stepGang(input({ record: stopping(how), own: [...old, young, late] })).evict?.map(({ name }) => name);
    expect(evicted('Evict')).toEqual(['gang-0', 'gang-1', 'late']);
    expect(evicted('Surplus')).toEqual(['gang-0', 'late']);
    expect(stepGang(input({ record: stopping('Evict'), own: [young] })).record?.step).toBe('Left');
  });

  it('that somebody else has stopped is waited for, never resumed, and asked anew if it runs on for a minute', () => {
    expect(stepGang(input({ record: stopping('Wait') }))).toMatchObject({ record: { step: 'Suspending' } });
    expect(stepGang(input({ record: stopping('Wait'), own: [] })).record?.step).toBe('Left');
    const old = { ...stopping('Wait'), since: at(61_000) };
    expect(stepGang(input({ record: old })).record).toMatchObject({ step: 'Asked', askedAt: at(0) });
    expect(withdrawGang('m', stopping('Wait'), NOW).act).toBeUndefined();
  });

  it('is resumed when its move is deleted, if it may have been suspended', () => {
    for (const step of ['Suspending', 'Suspended'] as const) {
      expect(withdrawGang('m', stopping('Suspend', step), NOW).act).toMatchObject({
        act: 'Resume',
        workload: { kind: 'JobSet', namespace: 'default', name: 'gang' },
      });
    }
    for (const before of [record('Asked'), record('Checkpointed'), stopping('Evict')]) {
      expect(withdrawGang('m', before, NOW)).toMatchObject({ record: { step: 'Left' } });
      expect(withdrawGang('m', before, NOW).act).toBeUndefined();
    }
  });
});

describe('any gang at any step', () => {
  const steps = ['Asked', 'Checkpointed', 'Suspending', 'Suspended', 'Resumed', 'Left'] as const;
  const anything = fc.record({
    step: fc.constantFrom(...steps),
    how: fc.constantFrom('Suspend', 'Evict', 'Surplus', 'Wait') as fc.Arbitrary<'Suspend'>,
    nodeStep: fc.constantFrom(
      'Claimed',
      'Suspending',
      'Draining',
      'Empty',
      'HandedOver',
      'Aborted',
    ) as fc.Arbitrary<'Claimed'>,
    deleting: fc.boolean(),
    there: fc.boolean(),
    forbidden: fc.boolean(),
    deadline: fc.constantFrom(undefined, -10_000, 10_000),
    checkpointAgo: fc.constantFrom(undefined, 1_000, 60_000),
  });

  const stepFrom = (before: MovedGang, world: any) =>
    stepGang(
      input({
        record: before,
        own: world.there ? pods('JobSet', { deleting: world.deleting }) : [],
        nodes: [{ name: 'n0', step: world.nodeStep }],
        forbid: () => (world.forbidden ? ['default/keep'] : []),
        spec: spec(world.deadline === undefined ? {} : { deadline: at(world.deadline) }),
        checkpoint: world.checkpointAgo === undefined ? undefined : saved(world.checkpointAgo),
      }),
    );

  it('is never let go while it may be suspended by us, and nothing is done that was not written down before', () => {
    fc.assert(
      fc.property(anything, ({ step, how, ...world }) => {
        const before = step === 'Asked' || step === 'Checkpointed' ? record(step) : stopping(how, step);
        const stepped = stepFrom(before, world);
        // Only a live look at the workload may say Resumed.
        if (owesResume(before)) expect(isOver(stepped.record!)).toBe(false);
        if (stepped.act || stepped.evict?.length) expect(before.gaveWayAt).toBeDefined();
        if (stepped.act) expect(before).toMatchObject({ how: 'Suspend' });
      }),
      { numRuns: 2_000, ...seedOf('gangs') },
    );
  });
});
