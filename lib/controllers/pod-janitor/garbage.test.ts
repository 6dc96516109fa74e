/** Objects that no API server would have taken: nothing throws, and nothing is ever done to a pod because of them. */
import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import type { KubeObject } from '../../domain/kube';
import { JANITOR_KEY } from '../../domain/pod-keys';
import { freshMemory } from './memory';
import { toNodeState, toNodeStates, type NodeState } from './node-state';
import { holdsLease, toAttachmentState, toClaimState, toPodEvent } from './objects';
import { planPods } from './plan-pods';
import { toJanitorPod } from './pod';
import { recheckForceDelete, recheckRemoveFinalizer } from './recheck';
import type { JanitorSnapshot } from './snapshot';
import {
  instanceOf,
  makeEvent,
  makeMemory,
  makeNamespace,
  makeNode,
  makeOwner,
  makePod,
  makePolicy,
  makeSnapshot,
  makeWaiting,
  NOW_MS,
} from './testing';

const policy = makePolicy();
const anything = fc.anything({ maxDepth: 1, maxKeys: 3 });
const junk = fc.oneof(
  anything,
  fc.constantFrom<unknown>(
    null,
    undefined,
    '',
    'x',
    0,
    -1,
    NaN,
    [],
    {},
    [null],
    [{}],
    true,
    'not a time',
    '2026-11-26T11:00:00Z',
  ),
  fc.constantFrom<unknown>(
    'node-1',
    'Failed',
    'Unknown',
    { name: 'node-0' },
    ['a', 7],
    { running: {} },
    'uid-research-pod-0',
  ),
);

/** Every path of an object, as lists of keys. */
function pathsOf(value: unknown, prefix: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return prefix.length === 0 ? [] : [prefix];
  const below = Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...prefix, key]));
  return prefix.length === 0 ? below : [prefix, ...below];
}

function replace(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? replace(item, rest, by) : item));
  const object = (value ?? {}) as Record<string, unknown>;
  return { ...object, [key]: replace(object[key], rest, by) };
}

/** The object, with one to three of its parts replaced by anything. */
const garbled = (object: KubeObject, keep: readonly string[] = []) =>
  fc
    .array(fc.tuple(fc.constantFrom(...pathsOf(object).filter((path) => !keep.includes(path.join('.')))), junk), {
      minLength: 1,
      maxLength: 3,
    })
    .map((edits) => edits.reduce<unknown>((made, [path, by]) => replace(made, path, by), object));

const finalizers = ['batch.kubernetes.io/job-tracking'];
const PODS = [
  makePod({ deletedMin: 6 }),
  makePod({ deletedMin: 6, owners: [makeOwner('StatefulSet')], annotations: { [JANITOR_KEY]: 'force' } }),
  makePod({ deletedMin: 6, grace: 0, finalizers, owners: [makeOwner('Job')] }),
  makePod({ claims: ['c'] }),
  makePod({ node: undefined, pinnedTo: 'node-9' }),
  makeWaiting({ reason: 'ImagePullBackOff' }),
];
const pod = fc.oneof(...PODS.map((one) => garbled(one)));

describe('a Pod that is garbage', () => {
  it('is no Pod, or has a name, a UID and a version', () => {
    let read = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: pod }, anything), (object) => {
        const known = toJanitorPod(object);
        if (!known) return;
        read += 1;
        for (const text of [known.facts.name, known.facts.namespace, known.facts.uid, known.resourceVersion])
          expect(text).toMatch(/./);
        expect(Number.isFinite(known.deletionMs ?? 0)).toBe(true);
      }),
      { numRuns: 3_000, ...seedOf('garbage as Pods') },
    );
    // A fuzzer whose input is all refused at the door proves nothing about the rooms behind it.
    expect(read).toBeGreaterThan(500);
  });

  it('is never freed from a machine that runs', () => {
    let planned = 0;
    const nodes = toNodeStates(['node-0', 'node-1'].map((name) => makeNode({ name })));
    const instances = new Map(['node-0', 'node-1'].map(instanceOf).map((id) => [id, { id, state: 'running' }]));
    fc.assert(
      fc.property(fc.array(pod, { maxLength: 3 }), (objects) => {
        const pods = objects.flatMap((object) => toJanitorPod(object) ?? []);
        // Whatever a garbled Pod names as its node is not there: that would be gone only after a while, and is looked at live.
        const snapshot: JanitorSnapshot = { ...makeSnapshot(), pods, nodes, instances };
        const { actions, findings } = planPods(snapshot, policy, NOW_MS);
        planned += findings.length;
        expect(actions.filter(({ type }) => type === 'ForceDelete')).toEqual([]);
      }),
      { numRuns: 1_200, ...seedOf('garbage as Pods of good nodes') },
    );
    expect(planned).toBeGreaterThan(500);
  });
});

describe('a Node that is garbage', () => {
  it('is there all the same: a pod on it is never freed', () => {
    const node = garbled(makeNode(), ['metadata', 'metadata.name']);
    const said = new Map([[instanceOf('node-0'), { id: instanceOf('node-0'), state: 'running' }]]);
    fc.assert(
      fc.property(node, (object) => {
        const state = toNodeState(object)!;
        expect(state.name).toBe('node-0');
        const nodes = new Map<string, NodeState>([['node-0', state]]);
        const world = {
          pods: [makePod({ deletedMin: 6 }), makePod({ name: 'pod-1' })],
          memory: makeMemory({ 'node-0': 9 }),
        };
        const { actions } = planPods({ ...makeSnapshot(world), nodes, instances: said }, policy, NOW_MS);
        expect(actions.filter(({ type }) => type === 'ForceDelete')).toEqual([]);
      }),
      { numRuns: 1_200, ...seedOf('garbage as Nodes') },
    );
  });

  it('without a name is none, and nothing throws', () => {
    fc.assert(
      fc.property(anything, (object) => void toNodeState(object)),
      { numRuns: 1_000, ...seedOf('anything as Nodes') },
    );
  });
});

describe('Events, claims, attachments and Leases that are garbage', () => {
  const waiting = makeWaiting();
  const reasons = ['FailedCreatePodSandBox', 'FailedAttachVolume', 'FailedMount', 'Pulled'];
  const event = fc.oneof(
    ...reasons.map((reason) => garbled(makeEvent(waiting, reason, 'failed to assign an IP address to container'))),
  );

  it('never throw, and never lead to more than words', () => {
    let read = 0;
    fc.assert(
      fc.property(fc.array(event, { maxLength: 4 }), anything, (events, thing) => {
        const known = events.flatMap((one) => toPodEvent(one) ?? []);
        read += known.length;
        void [toClaimState(thing), toAttachmentState(thing), holdsLease({ name: 'a', uid: 'b' }, thing as never)];
        const world = { pods: [waiting], nodes: [makeNode()] };
        const byPod = new Map([[waiting.metadata.uid!, known]]);
        const { actions } = planPods({ ...makeSnapshot(world), events: byPod }, policy, NOW_MS);
        for (const { type } of actions) expect(['Say', 'ReportFault']).toContain(type);
      }),
      { numRuns: 1_200, ...seedOf('garbage as Events') },
    );
    expect(read).toBeGreaterThan(500);
  });
});

describe('a last look that reads garbage', () => {
  const late = makePod({ deletedMin: 6 });
  const kept = makePod({
    name: 'pod-1',
    deletedMin: 7,
    grace: 0,
    phase: 'Failed',
    finalizers,
    owners: [makeOwner('Job')],
  });
  const down = makeNode({ unreachable: true });
  const { actions } = planPods(
    makeSnapshot({ pods: [late, kept], nodes: [down], ec2: { 'node-0': 'terminated' } }),
    policy,
    NOW_MS,
  );
  const [remove, force] = actions;

  it('never throws, and goes on only for the pod that was meant, under a version', () => {
    if (force?.type !== 'ForceDelete' || remove?.type !== 'RemoveFinalizer') throw new Error('both are planned');
    let went = 0;
    const look = fc.record({
      pod: fc.oneof(garbled(late), garbled(kept), fc.constantFrom<unknown>(late, kept), anything),
      node: fc.oneof(garbled(down), { weight: 4, arbitrary: fc.constant(down) }, fc.constant(undefined), anything),
      instance: fc.constantFrom({ id: instanceOf('node-0'), state: 'terminated' }, undefined),
      namespace: fc.oneof(garbled(makeNamespace()), { weight: 4, arbitrary: fc.constant(makeNamespace()) }, anything),
      owner: anything,
      claims: fc.array(anything, { maxLength: 2 }),
      leases: fc.array(anything, { maxLength: 2 }),
      found: fc.array(fc.oneof(fc.constant(undefined), anything), { maxLength: 2 }),
    });
    const moment = { policy, nowMs: NOW_MS };
    fc.assert(
      fc.property(look, (live) => {
        const looks = [recheckForceDelete(force, live, moment), recheckRemoveFinalizer(remove, live, moment)];
        looks.forEach((looked, i) => {
          if (!looked.go) return;
          went += 1;
          const meant = toJanitorPod(live.pod)!;
          expect(meant.facts.uid).toBe([force, remove][i]!.uid);
          expect(looked.resourceVersion).toBe(meant.resourceVersion);
        });
      }),
      { numRuns: 1_500, ...seedOf('garbage in the last look') },
    );
    expect(went).toBeGreaterThan(50);
  });
});

test('a process that has just begun remembers nothing, and does nothing to a pod', () => {
  const world = {
    pods: [makePod({ deletedMin: 6 })],
    nodes: [makeNode({ unreachable: true })],
    ec2: { 'node-0': 'terminated' },
  };
  const { actions } = planPods({ ...makeSnapshot(world), memory: freshMemory(NOW_MS) }, policy, NOW_MS);
  expect(actions).toEqual([]);
});
