/** Random pods on random machines: what is done to them, against a second opinion that shares no code with the plan. */
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import type { KubeObject } from '../../domain/kube';
import { JANITOR_KEY } from '../../domain/pod-keys';
import type { PodAction } from './actions';
import { freshMemory, type JanitorMemory } from './memory';
import { planPods, type PodPlan } from './plan-pods';
import { STUCK_STATES } from './stuck';
import {
  makeMemory,
  makeNode,
  makeOwner,
  makePod,
  makePolicy,
  makeSnapshot,
  MINUTE_MS,
  NOW_MS,
  type World,
} from './testing';

const NODES = ['node-0', 'node-1', 'node-2', 'node-3'] as const;
/** One word more often than the others: what needs several at once would hardly ever be met. */
const often = <T>(word: T, weight: number, ...others: readonly T[]) =>
  fc.oneof({ weight, arbitrary: fc.constant(word) }, ...others.map((other) => fc.constant(other)));

const podArbitrary = fc.record({
  namespace: often('research', 9, 'web', 'labelled', 'kube-system', 'excluded'),
  node: often(NODES[0], 2, ...NODES.slice(1), undefined),
  deletedMin: often(6, 6, undefined, undefined, -30, 0, 1, 5, 60),
  grace: fc.constantFrom(0, 30),
  phase: fc.constantFrom('Pending', 'Running', 'Running', 'Succeeded', 'Failed'),
  finalizers: often([] as string[], 5, ['batch.kubernetes.io/job-tracking'], ['x.com/y']),
  owner: often('Job', 5, undefined, 'StatefulSet', 'DaemonSet', 'Thing'),
  word: often('force', 5, undefined, undefined, 'ignore'),
  claim: often(undefined, 5, 'one', 'many', 'unseen'),
  leader: fc.integer({ min: 0, max: 5 }).map((lot) => lot === 0),
});
const nodeArbitrary = fc.record({
  is: fc.constantFrom('absent', 'ready', 'False', 'Unknown', 'unreachable', 'unreachable', 'unreachable'),
  ec2: fc.constantFrom(undefined, 'running', 'shutting-down', 'stopping', 'stopped', 'terminated'),
  held: fc.integer({ min: 0, max: 9 }).map((lot) => lot === 0),
  goneMin: fc.constantFrom(0, 1, 2, 9),
});
const worldArbitrary = fc.record({
  pods: fc.noBias(fc.array(podArbitrary, { minLength: 8, maxLength: 24, size: 'max' })),
  nodes: fc.tuple(nodeArbitrary, nodeArbitrary, nodeArbitrary, nodeArbitrary),
});
type PodWish = typeof podArbitrary extends fc.Arbitrary<infer T> ? T : never;
type NodeWish = typeof nodeArbitrary extends fc.Arbitrary<infer T> ? T : never;
interface Made {
  readonly pods: readonly PodWish[];
  readonly nodes: readonly NodeWish[];
}

const CLAIMS = { one: 'ReadWriteOnce', many: 'ReadWriteMany' };
const nameOf = (i: number) => `pod-${String(i).padStart(2, '0')}`;

function toPod({ namespace, owner, word, claim, ...pod }: PodWish, i: number): KubeObject {
  return makePod({
    ...{ ...pod, namespace, name: nameOf(i) },
    owners: owner ? [makeOwner(owner, 'o', owner === 'Thing' ? 'x.com/v1' : 'batch/v1')] : [],
    labels: namespace === 'research' || namespace === 'web' ? {} : { 'aicluster.dev/bucket': 'training' },
    annotations: word ? { [JANITOR_KEY]: word } : {},
    claims: claim ? [claim] : [],
  });
}

function toWorld({ pods, nodes }: Made): World {
  const there = NODES.filter((_, i) => nodes[i]!.is !== 'absent');
  return {
    pods: pods.map(toPod),
    nodes: there.map((name) => {
      const { is, held } = nodes[NODES.indexOf(name)]!;
      if (is === 'unreachable') return makeNode({ name, held, unreachable: true });
      return makeNode({ name, held, ready: is === 'ready' ? 'True' : (is as 'False' | 'Unknown') });
    }),
    ec2: Object.fromEntries(NODES.flatMap((name, i) => (nodes[i]!.ec2 ? [[name, nodes[i]!.ec2!]] : []))),
    claims: CLAIMS,
    leaders: pods.flatMap(({ leader, namespace }, i) => (leader ? [`${namespace}/${nameOf(i)}`] : [])),
    memory: makeMemory(Object.fromEntries(NODES.map((name, i) => [name, nodes[i]!.goneMin]))),
  };
}

const isOurs = ({ namespace, owner, word }: PodWish) =>
  (namespace === 'research' || namespace === 'labelled') && owner !== 'DaemonSet' && word !== 'ignore';
/** A claim that nobody has seen is precious: those of research alone are known. */
const isPrecious = ({ namespace, owner, claim, leader }: PodWish) =>
  owner === 'StatefulSet' || leader || (claim !== undefined && (claim !== 'many' || namespace !== 'research'));

/** The second opinion: whether this pod is to be force-deleted now, from the hard rules as they are written in the issue. */
function mayGo(pod: PodWish, nodes: readonly NodeWish[]): boolean {
  if (!isOurs(pod) || pod.node === undefined) return false;
  const node = nodes[NODES.indexOf(pod.node)]!;
  if (pod.deletedMin === undefined) return !hasEnded(pod) && isLost(node);
  return !(pod.finalizers.length > 0 && pod.grace === 0) && mayGoLate(pod, pod.deletedMin, node);
}

function mayGoLate(pod: PodWish, lateMin: number, node: NodeWish): boolean {
  if (isLost(node)) return lateMin >= 0;
  return node.is !== 'absent' && lateMin >= 5 && !node.held && (isEnded(node) || isLetGo(pod, node));
}

const hasEnded = ({ phase }: PodWish) => phase === 'Succeeded' || phase === 'Failed';
const isEnded = ({ ec2 }: NodeWish) => ec2 === 'terminated' || ec2 === 'stopped';
const isLetGo = (pod: PodWish, { is }: NodeWish) => is === 'unreachable' && pod.word === 'force' && !isPrecious(pod);
const isLost = ({ is, ec2, held, goneMin }: NodeWish) =>
  goneMin >= 2 && (is === 'absent' || (ec2 === 'terminated' && !held));

const force = ({ actions }: PodPlan) => actions.filter(({ type }) => type === 'ForceDelete').map(({ pod }) => pod);
const touching = (actions: readonly PodAction[]) =>
  actions.filter(({ type }) => type === 'ForceDelete' || type === 'RemoveFinalizer');

describe('whatever pods there are, on whatever machines', () => {
  it('the freed are those that the rules let go, and all of those: never a protected one without proof, never outside scope', () => {
    const [met, freed] = [new Map<string, number>(), new Map<string, number>()];
    const property = fc.property(worldArbitrary, (made) => {
      const wide = { perMinute: 99, perOwnerPerMinute: 99, perNamespacePerMinute: 99 };
      const policy = makePolicy({ excludeNamespaces: ['excluded'], budgets: wide });
      const plan = planPods(makeSnapshot(toWorld(made)), policy, NOW_MS);
      const expected = made.pods.flatMap((pod, i) => (mayGo(pod, made.nodes) ? [`${pod.namespace}/${nameOf(i)}`] : []));
      expect(force(plan).sort()).toEqual(expected.sort());
      for (const { state } of plan.findings) met.set(state, (met.get(state) ?? 0) + 1);
      for (const action of plan.actions)
        if (action.type === 'ForceDelete') freed.set(action.proof.kind, (freed.get(action.proof.kind) ?? 0) + 1);
      const ours = new Set(made.pods.flatMap((pod, i) => (isOurs(pod) ? [`${pod.namespace}/${nameOf(i)}`] : [])));
      expect(plan.findings.filter(({ pod }) => !ours.has(pod))).toEqual([]);
    });
    fc.assert(property, { numRuns: 400, ...seedOf('pods on machines') });
    // A property that never meets what it is about proves nothing.
    const waiting: readonly string[] = ['NoAddress', 'VolumeAttached', 'ImagePull', 'PinnedToGoneNode'];
    for (const state of STUCK_STATES.filter((one) => !waiting.includes(one)))
      expect(met.get(state)).toBeGreaterThan(100);
    for (const kind of ['NodeGone', 'InstanceTerminated', 'InstanceStopped', 'OptedIn'])
      expect(freed.get(kind)).toBeGreaterThan(100);
  });

  it('the same look gives the same plan in whatever order, within its budgets, and nothing is touched with dryRun', () => {
    const few = fc.integer({ min: 0, max: 4 });
    const budgets = fc.record({ perMinute: few, perOwnerPerMinute: few, perNamespacePerMinute: few });
    const property = fc.property(worldArbitrary, budgets, (made, limits) => {
      const snapshot = makeSnapshot(toWorld(made));
      const policy = makePolicy({ budgets: limits });
      const plan = planPods(snapshot, policy, NOW_MS);
      expect(planPods({ ...snapshot, pods: [...snapshot.pods].reverse() }, policy, NOW_MS)).toEqual(plan);
      expectWithin(touching(plan.actions), made, limits);
      const dry = planPods(snapshot, makePolicy({ dryRun: true, budgets: limits }), NOW_MS);
      expect(dry.actions.filter(({ type }) => type !== 'Say')).toEqual([]);
      expect(dry.findings.map(({ pod, next }) => [pod, next])).toEqual(
        plan.findings.map(({ pod, next }) => [pod, next]),
      );
    });
    fc.assert(property, { numRuns: 150, ...seedOf('plans of pods') });
  });
});

function expectWithin(
  actions: readonly PodAction[],
  { pods }: Made,
  limits: { readonly perMinute: number; readonly perOwnerPerMinute: number; readonly perNamespacePerMinute: number },
) {
  const wishOf = (key: string) => pods[Number(key.slice(-2))]!;
  const most = (of: (action: PodAction) => string) => {
    const counts = new Map<string, number>();
    for (const action of actions) counts.set(of(action), (counts.get(of(action)) ?? 0) + 1);
    return Math.max(0, ...counts.values());
  };
  expect(actions.length).toBeLessThanOrEqual(limits.perMinute);
  expect(most(({ pod }) => pod.split('/')[0]!)).toBeLessThanOrEqual(limits.perNamespacePerMinute);
  expect(most(({ pod }) => wishOf(pod).owner ?? pod)).toBeLessThanOrEqual(limits.perOwnerPerMinute);
}

describe('over time, with a process that dies at any moment', () => {
  const limits = { perMinute: 5, perOwnerPerMinute: 3, perNamespacePerMinute: 4 };
  const policy = makePolicy({ excludeNamespaces: ['excluded'], budgets: limits });
  const STEP_MS = 10_000;
  /** After that nobody kills it any more: a process that is killed every minute does nothing at all, and should not. */
  const KILLED_FOR = 100;

  /** Half an hour: what was decided happens, or is lost on the way. Returns what was done, and what is left. */
  function live(made: Made, lots: readonly number[]) {
    const world = toWorld(made);
    let pods = world.pods!;
    let memory: JanitorMemory = { ...makeMemory(), ...world.memory };
    const done: { readonly atMs: number; readonly action: PodAction }[] = [];
    for (let step = 0; step < 200; step++) {
      const nowMs = NOW_MS + step * STEP_MS;
      const lot = step < KILLED_FOR ? lots[step % lots.length]! : 9;
      if (lot === 0) memory = freshMemory(nowMs);
      const plan = planPods({ ...makeSnapshot({ ...world, pods }), memory }, policy, nowMs);
      ({ memory } = plan);
      // Killed between two writes, at a moment of its own: the rest of the plan is never done.
      const actions = lot === 1 ? touching(plan.actions).slice(0, 1) : touching(plan.actions);
      if (lot === 1) memory = freshMemory(nowMs + 1);
      for (const action of actions) {
        done.push({ atMs: nowMs, action });
        pods = pods.flatMap((pod) =>
          `${pod.metadata.namespace}/${pod.metadata.name}` === action.pod ? after(pod, action) : [pod],
        );
      }
    }
    return { done, left: new Set(pods.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)) };
  }

  function after(pod: KubeObject, action: PodAction): readonly KubeObject[] {
    if (action.type === 'RemoveFinalizer') return [];
    if (pod.metadata.finalizers?.length === 0) return [];
    const metadata = { ...pod.metadata, deletionGracePeriodSeconds: 0 };
    const deletionTimestamp =
      pod.metadata.deletionTimestamp ?? new Date(action.type === 'ForceDelete' ? NOW_MS : 0).toISOString();
    return [{ ...pod, metadata: { ...metadata, deletionTimestamp }, status: { ...pod.status, phase: 'Failed' } }];
  }

  it('every pod that may go goes in the end, no other ever does, and no minute sees more than the budgets', () => {
    let freed = 0;
    const lots = fc.array(fc.noBias(fc.integer({ min: 0, max: 40 })), { minLength: 50, maxLength: 50 });
    const property = fc.property(worldArbitrary, lots, (made, dice) => {
      const { done, left } = live(made, dice);
      made.pods.forEach((pod, i) => {
        const key = `${pod.namespace}/${nameOf(i)}`;
        const nodes = made.nodes.map((node) => ({ ...node, goneMin: 9 as const }));
        // In the end everything is late that is deleted at all; what keeps a pod by its finalizer has tests of its own.
        const later: PodWish = { ...pod, deletedMin: pod.deletedMin === undefined ? undefined : 60, finalizers: [] };
        if (!mayGo(later, nodes))
          expect(done.some(({ action }) => action.type === 'ForceDelete' && action.pod === key)).toBe(false);
        else if (pod.finalizers.length === 0 && pod.deletedMin !== -30) expect(left.has(key)).toBe(false);
      });
      freed += done.length;
      for (const { atMs } of done) {
        const within = done.filter((one) => one.atMs >= atMs && one.atMs < atMs + MINUTE_MS);
        expectWithin(
          within.map(({ action }) => action),
          made,
          limits,
        );
      }
    });
    fc.assert(property, { numRuns: 20, ...seedOf('pods over time') });
    expect(freed).toBeGreaterThan(50);
  });
});
