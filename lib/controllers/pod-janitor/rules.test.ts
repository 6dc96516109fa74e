/** One test for each hard rule, named as it is: everything but that rule would have allowed it. */
import { MIRROR_ANNOTATION, JANITOR_KEY } from '../../domain/pod-keys';
import { decide, caseOf, type Surroundings } from './decide';
import { BUILT_IN_FINALIZERS } from './finalizers';
import { planPods } from './plan-pods';
import { brokenRule, FINALIZER_RULES, FORCE_DELETE_RULES } from './rules';
import type { Stuck } from './stuck';
import {
  makeMemory,
  makeNode,
  makeOwner,
  makePod,
  makePolicy,
  makeSnapshot,
  MINUTE_MS,
  NOW_MS,
  type PodWishes,
  type World,
} from './testing';

const DEAD = { 'node-0': 'terminated' };
const RUNS = { 'node-0': 'running' };
const down = makeNode({ unreachable: true });
const OPTED_IN = { annotations: { [JANITOR_KEY]: 'force' } };

interface Situation {
  readonly pod?: PodWishes;
  readonly world?: World;
  readonly policy?: object;
  readonly stuck?: Partial<Stuck>;
}

/** A pod six minutes late on an unreachable node whose instance is terminated: it would be freed. */
function situate({ pod = {}, world = {}, policy = {}, stuck = {} }: Situation) {
  const snapshot = makeSnapshot({ pods: [makePod({ deletedMin: 6, ...pod })], nodes: [down], ec2: DEAD, ...world });
  const around: Surroundings = {
    ...snapshot,
    policy: makePolicy(policy),
    ...{ pulls: { failing: new Map(), came: new Map() }, withoutAddress: new Set<string>(), nowMs: NOW_MS },
    withoutDriver: new Set<string>(),
  };
  const how: Stuck = {
    state: 'TerminatingNodeDown',
    sinceMs: NOW_MS - 6 * MINUTE_MS,
    dueMs: NOW_MS - MINUTE_MS,
    ...stuck,
  };
  return { pod: snapshot.pods[0]!, how, around, snapshot, policy: around.policy };
}

/** Names of all rules that forbid to force-delete it. */
function forbidding(situation: Situation): readonly string[] {
  const { pod, how, around } = situate(situation);
  const one = caseOf(pod, how, around);
  const names = FORCE_DELETE_RULES.filter(({ forbids }) => forbids(one)).map(({ name }) => name);
  expect(decide(pod, how, around).type).toBe(names.length === 0 ? 'ForceDelete' : 'Say');
  return names;
}

/** What the plan does to a pod in this situation, words aside. */
function touched(situation: Situation): readonly string[] {
  const { snapshot, policy } = situate(situation);
  return planPods(snapshot, policy, NOW_MS)
    .actions.filter(({ type }) => type !== 'Say')
    .map(({ type }) => type);
}

/** Rule → situations in which it, and no other rule, forbids. */
const SITUATIONS: Readonly<Record<string, readonly (readonly [words: string, situation: Situation])[]>> = {
  neverOutsideScope: [
    ['a namespace without a bucket', { pod: { namespace: 'web' } }],
    ['kube-system', { pod: { namespace: 'kube-system', labels: { 'aicluster.dev/bucket': 'training' } } }],
    [
      'the controllers’ own',
      { pod: { namespace: 'aicluster-system', labels: { 'aicluster.dev/bucket': 'training' } } },
    ],
    ['the checks’', { pod: { namespace: 'aicluster-validation', labels: { 'aicluster.dev/bucket': 'training' } } }],
    ['an excluded one', { policy: { excludeNamespaces: ['research'] } }],
  ],
  neverWhatIsPartOfItsNode: [
    ['a pod of a DaemonSet', { pod: { owners: [makeOwner('DaemonSet')] } }],
    ['a mirror of a static pod', { pod: { annotations: { [MIRROR_ANNOTATION]: 'x' } } }],
  ],
  neverWhatSaysIgnore: [
    ['a pod that says ignore', { pod: { annotations: { [JANITOR_KEY]: 'ignore' } } }],
    ['by label', { pod: { labels: { [JANITOR_KEY]: 'ignore' } } }],
    ['its namespace', { world: { ignoredNamespaces: ['research'] } }],
    ['its owner', { pod: { owners: [makeOwner('Job')] }, world: { ignoredOwners: ['uid-Job-owner'] } }],
  ],
  neverOnAHeldNode: [
    ['a node that a person holds', { world: { nodes: [makeNode({ unreachable: true, held: true })] } }],
  ],
  neverWithinItsGrace: [
    ['a deletion time to come', { pod: { deletedMin: -1, grace: 3600 } }],
    ['another a second away', { pod: { deletedMin: -1 / 60 } }],
  ],
  neverBeforeItIsDue: [
    ['a pod that is late by a minute', { pod: { deletedMin: 1 }, stuck: { dueMs: NOW_MS + 4 * MINUTE_MS } }],
  ],
  neverWhileItsKubeletAnswers: [
    ['a Ready node, and no proof', { pod: OPTED_IN, world: { nodes: [makeNode()], ec2: RUNS } }],
  ],
  neverOnAMereNotReadyNode: [
    ['NotReady', { pod: OPTED_IN, world: { nodes: [makeNode({ ready: 'False' })], ec2: RUNS } }],
    ['not heard of, not yet tainted', { pod: OPTED_IN, world: { nodes: [makeNode({ ready: 'Unknown' })], ec2: {} } }],
  ],
  neverAProtectedPodWithoutProof: [
    [
      'a StatefulSet pod that opted in',
      { pod: { ...OPTED_IN, owners: [makeOwner('StatefulSet')] }, world: { ec2: RUNS } },
    ],
    [
      'one with a ReadWriteOnce claim',
      { pod: { ...OPTED_IN, claims: ['c'] }, world: { ec2: RUNS, claims: { c: 'ReadWriteOnce' } } },
    ],
    [
      'ReadWriteOncePod',
      { pod: { ...OPTED_IN, claims: ['c'] }, world: { ec2: {}, claims: { c: 'ReadWriteOncePod' } } },
    ],
    ['a claim that nobody has seen', { pod: { ...OPTED_IN, claims: ['c'] }, world: { ec2: RUNS } }],
    ['a leader', { pod: OPTED_IN, world: { ec2: RUNS, leaders: ['research/pod-0'] } }],
  ],
  neverWithoutProof: [
    ['an unreachable node, and EC2 says running', { world: { ec2: RUNS } }],
    ['an unreachable node, and EC2 says nothing', { world: { ec2: {} } }],
    ['an instance of another Node', { world: { ec2: { 'node-1': 'terminated' } } }],
    [
      'a pod that is older than the Node of its name: the new kubelet may have adopted it',
      {
        world: {
          nodes: [makeNode({ unreachable: true, createdMin: 20, instance: 'i-second' })],
          ec2: { ...DEAD, 'i-second': 'running' },
        },
      },
    ],
  ],
};

it('without any of them, a pod on a machine that is proved dead is freed', () => {
  expect(forbidding({})).toEqual([]);
  expect(touched({})).toEqual(['ForceDelete']);
});

describe.each(FORCE_DELETE_RULES)('$name: $sentence', ({ name }) => {
  // A pod that a rule of scope or grace keeps is without proof as well, where it could only have opted in.
  const alone = (names: readonly string[]) => names.filter((one) => one !== 'neverWithoutProof' || names.length === 1);
  const situations = SITUATIONS[name] ?? [];

  it('has situations', () => expect(situations.length).toBeGreaterThan(0));

  it.each(situations)('%s', (_words, situation) => {
    expect(alone(forbidding(situation))).toEqual([name]);
    // And the whole plan does nothing to it; at most its node is reported.
    expect(touched(situation).filter((type) => type !== 'ReportFault')).toEqual([]);
  });
});

describe('with proof', () => {
  it.each([
    ['StatefulSet', { owners: [makeOwner('StatefulSet')] }, {}],
    ['ReadWriteOnce', { claims: ['c'] }, { claims: { c: 'ReadWriteOnce' } }],
    ['Leader', {}, { leaders: ['research/pod-0'] }],
  ] as const)(
    'a protected pod (%s) is freed: its machine is terminated, stopped, or its Node is gone',
    (_kind, pod, world) => {
      expect(touched({ pod, world })).toEqual(['ForceDelete']);
      expect(touched({ pod, world: { ...world, ec2: { 'node-0': 'stopped' } } })).toEqual(['ForceDelete']);
      const memory = makeMemory({ 'node-0': 3 });
      expect(touched({ pod, world: { ...world, nodes: [], ec2: {}, memory } })).toEqual(['ForceDelete']);
    },
  );

  it('a claim that many nodes may write protects nothing', () => {
    const world = { ec2: RUNS, claims: { c: 'ReadWriteMany' } };
    expect(touched({ pod: { ...OPTED_IN, claims: ['c'] }, world })).toEqual(['ForceDelete']);
  });
});

describe('neverAFinalizerOfWhatMayRun: a finalizer stays', () => {
  const [finalizer = ''] = BUILT_IN_FINALIZERS;
  const kept: PodWishes = { finalizers: [finalizer], grace: 0, owners: [makeOwner('Job')] };
  const stuck = { state: 'TerminatingFinalizer' } as const;
  const forbids = (situation: Situation) => {
    const { pod, how, around } = situate({ stuck, ...situation, pod: { ...kept, ...situation.pod } });
    return brokenRule(FINALIZER_RULES, caseOf(pod, how, around))?.name;
  };

  it('while containers may run', () => {
    expect(forbids({ world: { nodes: [makeNode()], ec2: RUNS } })).toBe('neverAFinalizerOfWhatMayRun');
  });

  it('while a protected pod may run, opted in or not', () => {
    const pod = { ...OPTED_IN, claims: ['c'] };
    expect(forbids({ pod, world: { ec2: RUNS } })).toBe('neverAFinalizerOfWhatMayRun');
    expect(forbids({ pod: OPTED_IN, world: { ec2: RUNS } })).toBeUndefined();
  });

  it('no longer than that', () => {
    const terminated = { terminated: { exitCode: 0 } };
    expect(forbids({ pod: { phase: 'Succeeded' }, world: { nodes: [makeNode()], ec2: RUNS } })).toBeUndefined();
    expect(forbids({ pod: { state: terminated }, world: { nodes: [makeNode()], ec2: RUNS } })).toBeUndefined();
    expect(forbids({ pod: { node: undefined } })).toBeUndefined();
    expect(forbids({})).toBeUndefined();
  });

  it.each([
    'neverOutsideScope',
    'neverWhatIsPartOfItsNode',
    'neverWhatSaysIgnore',
    'neverOnAHeldNode',
    'neverWithinItsGrace',
  ])('%s holds here, too', (name) => {
    for (const [, situation] of SITUATIONS[name]!) {
      const { pod = {} } = situation;
      const owners = pod.owners ?? kept.owners;
      expect(forbids({ ...situation, pod: { ...pod, owners } })).toBe(name);
    }
  });
});
