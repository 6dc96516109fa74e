import fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import type { MoveReason, NodeMoveSpec } from '../../api';
import { formatTime } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { inBucket, makeNodeFacts, makePodFacts, taint } from '../../fleet/testing';
import { gangKey, toRunningGangs, type NodeFacts, type PodFacts } from '../../fleet';
import type { MoveAction } from './actions';
import { HISTORY_MS, MOVE_FINALIZER, planMoves } from './plan';
import {
  BUCKET_FINALIZER,
  NO_GANGS,
  type BucketState,
  type GangsSeen,
  type MovesSnapshot,
  type MoveState,
} from './snapshot';

const NOW = 10_000_000_000;

const move = (name: string, spec: Partial<NodeMoveSpec> = {}, overrides: Partial<MoveState> = {}): MoveState => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  generation: 1,
  createdMs: NOW - 1_000,
  deleting: false,
  finalizers: [MOVE_FINALIZER],
  spec: { nodes: ['p5-0'], reason: 'Capacity', to: { kind: 'Bucket', bucket: 'inference' }, ...spec },
  status: {},
  ...overrides,
});
const bucket = (name: string, overrides: Partial<BucketState> = {}): BucketState => ({
  name,
  resourceVersion: '1',
  finalizers: [BUCKET_FINALIZER],
  instanceTypes: ['p5.48xlarge'],
  checkpointTimeoutMs: 300_000,
  ...overrides,
});

interface Parts {
  readonly moves?: readonly MoveState[];
  readonly nodes?: readonly NodeFacts[];
  readonly work?: readonly PodFacts[];
  readonly squatters?: readonly PodFacts[];
  readonly buckets?: readonly BucketState[];
}

function gangsOf(pods: readonly PodFacts[]): GangsSeen {
  const bound = new Map<string, PodFacts[]>();
  for (const pod of pods) bound.set(gangKey(pod, new Map()), [...(bound.get(gangKey(pod, new Map())) ?? []), pod]);
  return { ...NO_GANGS, running: toRunningGangs([], pods), bound };
}

function snapshot(parts: Parts): MovesSnapshot {
  const byNode = (pods: readonly PodFacts[] = []) => {
    const names = [...new Set(pods.map(({ nodeName }) => nodeName!))];
    return new Map(names.map((name) => [name, pods.filter(({ nodeName }) => nodeName === name)] as const));
  };
  const moves = parts.moves ?? [];
  return {
    moves,
    movesByName: new Map(moves.map((one) => [one.name, one] as const)),
    nodes: new Map((parts.nodes ?? [makeNodeFacts()]).map((node) => [node.name, node] as const)),
    work: byNode(parts.work),
    squatters: byNode(parts.squatters),
    buckets: new Map(
      (parts.buckets ?? [bucket('training'), bucket('inference')]).map((one) => [one.name, one] as const),
    ),
    setBacks: new Map(),
    namespaceBuckets: new Map([['research', 'training']]),
    pods: parts.work ?? [],
    checkpoints: [],
    gangs: gangsOf(parts.work ?? []),
  };
}

const plan = (parts: Parts, settings?: Parameters<typeof planMoves>[2]) => planMoves(snapshot(parts), NOW, settings);
const claims = (actions: readonly MoveAction[]) =>
  actions.flatMap((action) => {
    const claim = action.type === 'PatchNode' && action.verb === 'Claim';
    return claim ? [`${action.node} ${action.patch.metadata.annotations?.['aicluster.dev/move']}`] : [];
  });
const types = (actions: readonly MoveAction[]) =>
  actions.map((action) => ('verb' in action ? action.verb : action.type));

describe('who gets a node', () => {
  it('is the highest reason, then the oldest move, then the first name', () => {
    const wants = (name: string, reason: MoveReason, createdMs: number) =>
      move(name, { reason, to: { kind: 'Release' } }, { createdMs });
    const a = wants('a', 'Capacity', 1);
    const b = wants('b', 'Health', 3);
    const c = wants('c', 'Health', 2);
    const d = wants('d', 'Health', 2);
    expect(claims(plan({ moves: [a, b, c, d] }).actions)).toEqual(['p5-0 c']);
    expect(claims(plan({ moves: [d, b, a] }).actions)).toEqual(['p5-0 d']);
  });

  it('keeps it against an equal reason, and loses it to a higher one', () => {
    const node = makeNodeFacts({ ...inBucket('training'), claim: 'young' });
    const working = [makePodFacts({ nodeName: 'p5-0' })];
    const young = move('young', {}, { createdMs: 9 });
    const old = move('old', {}, { createdMs: 1 });
    expect(claims(plan({ moves: [old, young], nodes: [node], work: working }).actions)).toEqual([]);
    const end = move('end', { reason: 'BlockEnd', to: { kind: 'Release' } });
    expect(claims(plan({ moves: [end, young], nodes: [node], work: working }).actions)).toEqual(['p5-0 end']);
  });

  it('is nobody beyond the budget of the fleet; nodes of no bucket and ends of blocks are not counted', () => {
    const names = Array.from({ length: 6 }, (_, i) => `n${i}`);
    const nodes = names.map((name) => makeNodeFacts({ name, ...inBucket('training') }));
    const moves = names.map((name) => move(`m-${name}`, { nodes: [name] }));
    expect(claims(plan({ moves, nodes }, { inFlight: 2 }).actions)).toHaveLength(2);
    const free = names.map((name) => makeNodeFacts({ name }));
    expect(claims(plan({ moves, nodes: free }, { inFlight: 2 }).actions)).toHaveLength(6);
    const ends = names.map((name) => move(`m-${name}`, { nodes: [name], reason: 'BlockEnd', to: { kind: 'Release' } }));
    expect(claims(plan({ moves: ends, nodes }, { inFlight: 2 }).actions)).toHaveLength(6);
  });
});

describe('the life of a NodeMove', () => {
  it('begins with its finalizer and nothing else', () => {
    expect(types(plan({ moves: [move('m', {}, { finalizers: [] })] }).actions)).toEqual(['SetFinalizers']);
  });

  it('when deleted takes its claims off, then goes', () => {
    const deleting = move('m', {}, { deleting: true });
    const claimed = makeNodeFacts({ ...inBucket('training'), claim: 'm' });
    expect(types(plan({ moves: [deleting], nodes: [claimed] }).actions)).toEqual(['Unclaim']);
    expect(types(plan({ moves: [deleting], nodes: [makeNodeFacts()] }).actions)).toEqual(['SetFinalizers']);
  });

  it('when deleted never hangs on a node that a person holds or that is leaving', () => {
    const deleting = move('m', {}, { deleting: true });
    for (const stuck of [{ held: true }, { deletedAtMs: 1 }]) {
      const node = makeNodeFacts({ claim: 'm', ...stuck });
      expect(types(plan({ moves: [deleting], nodes: [node] }).actions)).toEqual(['SetFinalizers']);
    }
  });

  it('ends as history without a finalizer, and is deleted after seven days', () => {
    const finished = (agoMs: number, finalizers: string[]) =>
      plan({ moves: [move('m', {}, { finalizers, status: { finishedAt: formatTime(NOW - agoMs) } })] });
    expect(types(finished(0, [MOVE_FINALIZER]).actions)).toEqual(['SetFinalizers']);
    expect(finished(1_000, [])).toMatchObject({ actions: [], requeueAfterMs: HISTORY_MS - 1_000 });
    expect(types(finished(HISTORY_MS, []).actions)).toEqual(['DeleteMove']);
  });

  it('writes each step of its work down before it is done, and nothing more while it waits', () => {
    const nodes = [makeNodeFacts({ ...inBucket('training'), claim: 'm' })].map((node) => ({
      ...node,
      taints: [...node.taints, { ...taint('aicluster.dev/releasing'), timeAdded: formatTime(NOW - 60_000) }],
    }));
    const run = (work: PodFacts, looks: number, from: MoveState['status'] = {}) => {
      const seen: string[] = [];
      let status = from;
      for (let i = 0; i < looks; i++) {
        const { actions } = plan({ work: [work], nodes, moves: [move('m', {}, { status })] });
        for (const action of actions) if (action.type === 'WriteStatus') ({ status } = action);
        seen.push(types(actions).join('+'));
      }
      return { seen, status };
    };
    const working = makePodFacts({ nodeName: 'p5-0' });
    const first = run(working, 4);
    expect(first.seen).toEqual(['WriteStatus', 'WriteStatus', 'AskCheckpoint+WriteStatus', 'Evict']);
    expect(first.status).toMatchObject({ step: 'Suspending', handedOver: 0, gangs: [{ key: 'Pod default/pod-0' }] });
    const ending = run({ ...working, deleting: true }, 3, first.status);
    expect(ending.seen).toEqual(['', '', '']);
    expect(ending.status.finishedAt).toBeUndefined();
  });
});

describe('a bucket that is deleted', () => {
  const going = (agoMs: number) => [bucket('training', { deletionMs: NOW - agoMs })];

  it('waits for its nodes, five minutes at most', () => {
    const nodes = [makeNodeFacts(inBucket('training'))];
    const work = [makePodFacts({ nodeName: 'p5-0' })];
    expect(types(plan({ nodes, work, buckets: going(1_000) }).actions)).toEqual(['Taint']);
    expect(types(plan({ nodes, work, buckets: going(300_000) }).actions)).toContain('SetFinalizers');
    expect(types(plan({ nodes: [makeNodeFacts()], buckets: going(1_000) }).actions)).toEqual(['SetFinalizers']);
  });
});

describe('the plan of the fleet', () => {
  const step = fc.constantFrom(
    'Pending',
    'Claimed',
    'Draining',
    'Empty',
    'HandedOver',
    'Lost',
    'Aborted',
  ) as fc.Arbitrary<'Pending'>;
  const nodeName = fc.constantFrom('n0', 'n1', 'n2', 'n3');
  const anyMove = fc.record({
    i: fc.nat(6),
    nodes: fc.uniqueArray(nodeName, { minLength: 1, maxLength: 3 }),
    reason: fc.constantFrom('BlockEnd', 'Health', 'Rotation', 'Capacity') as fc.Arbitrary<MoveReason>,
    to: fc.constantFrom('training', 'inference', 'gone', 'Release', 'Replacement', 'Validation'),
    steps: fc.array(step, { minLength: 3, maxLength: 3 }),
    deleting: fc.boolean(),
  });
  const anyNode = fc.record({
    name: nodeName,
    bucket: fc.constantFrom(undefined, 'training', 'inference', 'gone'),
    claim: fc.constantFrom(undefined, 'm0', 'm1', 'm2', 'nobody'),
    held: fc.boolean(),
    unschedulable: fc.boolean(),
    deletedAtMs: fc.constantFrom(undefined, undefined, 1),
    handEdit: fc.constantFrom(undefined, undefined, 'training'),
    releasing: fc.constantFrom(undefined, 0, 1_000, 100_000),
    probation: fc.boolean(),
  });
  const toMove = ({ i, nodes, reason, to, steps, deleting }: any) => {
    const bucketed = !['Release', 'Replacement', 'Validation'].includes(to);
    const status = { nodes: nodes.map((name: string, at: number) => ({ name, step: steps[at] })) };
    return move(
      `m${i}`,
      { nodes, reason, to: bucketed ? { kind: 'Bucket', bucket: to } : { kind: to } },
      { status, deleting, createdMs: i },
    );
  };
  const toNode = ({ bucket, handEdit, releasing, probation, ...rest }: any) => {
    const facts = makeNodeFacts({ ...(bucket ? inBucket(bucket) : {}), ...rest });
    const extra = [
      ...(probation ? [taint(PROBATION_TAINT)] : []),
      ...(releasing === undefined
        ? []
        : [{ ...taint('aicluster.dev/releasing'), timeAdded: formatTime(NOW - releasing) }]),
    ];
    return { ...facts, ...(handEdit ? { bucket: handEdit } : {}), taints: [...facts.taints, ...extra] };
  };
  const world = fc.record({
    moves: fc.uniqueArray(anyMove, { selector: ({ i }) => i, maxLength: 6 }),
    nodes: fc.uniqueArray(anyNode, { selector: ({ name }) => name, maxLength: 4 }),
  });

  it('depends on no order, touches a node at most once, and never one that is held or leaving', () => {
    fc.assert(
      fc.property(world, fc.nat(), (parts, turn) => {
        const moves: MoveState[] = parts.moves.map(toMove);
        const nodes: NodeFacts[] = parts.nodes.map(toNode);
        const { actions } = plan({ moves, nodes });
        const rotated = <T>(list: readonly T[]) => list.map((_, i) => list[(i + turn) % list.length]!);
        const again = plan({ moves: rotated(moves), nodes: rotated(nodes) }).actions;
        const sorted = (list: readonly MoveAction[]) => list.map((action) => JSON.stringify(action)).sort();
        expect(sorted(again)).toEqual(sorted(actions));
        const touched = actions.flatMap((action) => ('node' in action ? [action.node] : []));
        expect(new Set(touched).size).toBe(touched.length);
        const offLimits = nodes
          .filter(({ held, deletedAtMs }) => held || deletedAtMs !== undefined)
          .map(({ name }) => name);
        expect(touched.filter((name) => offLimits.includes(name))).toEqual([]);
      }),
      { numRuns: 3_000, ...seedOf('moves plan') },
    );
  });

  it('writes every edit of a Node under the resourceVersion it was decided on, and never touches keys of others', () => {
    const theirs = taint('example.com/theirs', 'x');
    fc.assert(
      fc.property(world, (parts) => {
        const nodes: NodeFacts[] = parts.nodes
          .map(toNode)
          .map((node) => ({ ...node, resourceVersion: '77', taints: [theirs, ...node.taints] }));
        for (const action of plan({ moves: parts.moves.map(toMove), nodes }).actions) {
          if (!('patch' in action)) continue;
          expect(action.patch.metadata.resourceVersion).toBe('77');
          if (action.patch.spec) expect(action.patch.spec.taints[0]).toEqual(theirs);
          const keys = [
            ...Object.keys(action.patch.metadata.labels ?? {}),
            ...Object.keys(action.patch.metadata.annotations ?? {}),
          ];
          expect(keys.filter((key) => !/^(aicluster\.dev|volcano\.sh)\//.test(key))).toEqual([]);
        }
      }),
      { numRuns: 3_000, ...seedOf('moves patches') },
    );
  });
});
