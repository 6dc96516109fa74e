import { JANITOR_KEY } from '../../domain/pod-keys';
import type { PodAction } from './actions';
import { planPods } from './plan-pods';
import { endPatch, finalizerPatch, recheckForceDelete, recheckRemoveFinalizer, type LiveLook } from './recheck';
import {
  instanceOf,
  makeMemory,
  makeNamespace,
  makeNode,
  makeOwner,
  makePod,
  makePolicy,
  makeSnapshot,
  NOW_MS,
  type World,
} from './testing';

type Of<T extends PodAction['type']> = Extract<PodAction, { readonly type: T }>;
const planned = <T extends PodAction['type']>(type: T, world: World): Of<T> => {
  const action = planPods(makeSnapshot(world), makePolicy(), NOW_MS).actions.find((one) => one.type === type);
  expect(action).toBeDefined();
  return action as Of<T>;
};

const down = makeNode({ unreachable: true });
const late = makePod({ deletedMin: 6 });
const terminated = { id: instanceOf('node-0'), state: 'terminated' };
const running = { ...terminated, state: 'running' };
const moment = { policy: makePolicy(), nowMs: NOW_MS + 1000 };
const live = (over: Partial<LiveLook> = {}): LiveLook => ({
  ...{ pod: late, node: down, instance: terminated, namespace: makeNamespace(), owner: undefined },
  ...{ claims: [], leases: [] },
  ...over,
});
const withMeta = (object: typeof late, over: object) => ({ ...object, metadata: { ...object.metadata, ...over } });

describe('right before a pod is force-deleted', () => {
  const action = planned('ForceDelete', { pods: [late], nodes: [down], ec2: { 'node-0': 'terminated' } });
  const recheck = (over: Partial<LiveLook>, policy: object = {}) =>
    recheckForceDelete(action, live(over), { ...moment, policy: makePolicy(policy) });

  it('it is deleted under the version that was just read', () => {
    expect(recheck({ pod: withMeta(late, { resourceVersion: '99' }) })).toEqual({ go: true, resourceVersion: '99' });
  });

  it.each<readonly [words: string, over: Partial<LiveLook>]>([
    ['the pod is gone', { pod: undefined }],
    ['another pod has its name', { pod: withMeta(late, { uid: 'other' }) }],
    ['its deletion time was moved', { pod: makePod({ deletedMin: -5 }) }],
    ['the instance runs after all', { instance: running }],
    ['EC2 gives no answer', { instance: undefined }],
    ['EC2 speaks of another instance', { instance: { id: 'i-other', state: 'terminated' } }],
    ['another machine has the name now', { node: makeNode({ unreachable: true, instance: 'i-new' }) }],
    ['another node was read', { node: makeNode({ name: 'node-1', unreachable: true }) }],
    ['a person holds the node', { node: makeNode({ unreachable: true, held: true }) }],
    ['a person says ignore on the pod', { pod: withMeta(late, { annotations: { [JANITOR_KEY]: 'ignore' } }) }],
    ['on its namespace', { namespace: makeNamespace({ annotations: { [JANITOR_KEY]: 'ignore' } }) }],
    [
      'on its owner',
      {
        pod: makePod({ deletedMin: 6, owners: [makeOwner('Job')] }),
        owner: { metadata: { annotations: { [JANITOR_KEY]: 'ignore' } } },
      },
    ],
    ['its namespace has no bucket any more', { namespace: makeNamespace({ labels: {} }) }],
    ['its namespace was not read', { namespace: undefined }],
    ['the Node cannot be understood', { node: { metadata: { name: 'node-0' }, spec: 7 }, instance: undefined }],
  ])('it is left when %s', (_words, over) => {
    expect(recheck(over)).toEqual({ go: false, words: expect.any(String) });
  });

  it('it is left when the policy has turned to dryRun, or excludes its namespace, or gives it more time', () => {
    const stuck = { terminating: '1h', vanishedNode: '1h' };
    for (const policy of [{ dryRun: true }, { excludeNamespaces: ['research'] }, { stuck }])
      expect(recheck({}, policy)).toMatchObject({ go: false });
  });

  it('a pod that only opted in is left when it turns out to be precious: a claim, a Lease', () => {
    const pod = makePod({ deletedMin: 6, claims: ['c'], annotations: { [JANITOR_KEY]: 'force' } });
    const claim = (mode: string) => [{ metadata: { name: 'c', namespace: 'research' }, spec: { accessModes: [mode] } }];
    const world = { pods: [pod], nodes: [down], claims: { c: 'ReadWriteMany' } };
    const forced = planned('ForceDelete', world);
    const again = (over: Partial<LiveLook>) =>
      recheckForceDelete(forced, live({ pod, instance: undefined, claims: claim('ReadWriteMany'), ...over }), moment);
    expect(again({})).toMatchObject({ go: true });
    expect(again({ claims: claim('ReadWriteOnce') })).toMatchObject({ go: false });
    expect(again({ claims: [] })).toMatchObject({ go: false });
    for (const holderIdentity of ['pod-0', 'pod-0_77f2', 'x-uid-research-pod-0'])
      expect(again({ leases: [{ spec: { holderIdentity } }] })).toMatchObject({ go: false });
    expect(again({ leases: [{ spec: { holderIdentity: 'pod-01_77f2' } }, 7] })).toMatchObject({ go: true });
  });

  it('a pod whose Node was gone is left when the Node is back, whoever made it', () => {
    const pod = makePod();
    const gone = planned('ForceDelete', { pods: [pod], memory: makeMemory({ 'node-0': 3 }) });
    const again = (over: Partial<LiveLook>) =>
      recheckForceDelete(gone, live({ pod, instance: undefined, ...over }), moment);
    expect(again({ node: undefined })).toMatchObject({ go: true });
    expect(again({ node: makeNode() })).toMatchObject({ go: false });
    expect(again({ node: down })).toMatchObject({ go: false });
    expect(again({ node: {} })).toMatchObject({ go: false });
  });
});

describe('right before a finalizer is taken off', () => {
  const finalizer = 'batch.kubernetes.io/job-tracking';
  const owners = [makeOwner('Job')];
  const pod = makePod({ deletedMin: 6, grace: 0, phase: 'Failed', finalizers: [finalizer, 'x.com/y'], owners });
  const action = planned('RemoveFinalizer', { pods: [pod], nodes: [makeNode()] });
  const recheck = (found: readonly unknown[], over: Partial<LiveLook> = {}) =>
    recheckRemoveFinalizer(action, { ...live({ pod, node: makeNode(), instance: running, ...over }), found }, moment);

  it('it goes when every owner is gone, or another has its name', () => {
    expect(recheck([undefined])).toEqual({ go: true, resourceVersion: '7' });
    expect(recheck([{ metadata: { name: 'owner', uid: 'other' } }])).toMatchObject({ go: true });
  });

  it.each([
    ['the owner is there', [{ metadata: { name: 'owner', uid: 'uid-Job-owner' } }], {}],
    ['what was read cannot be understood', [{}], {}],
    ['nobody was asked', [], {}],
    [
      'the pod has got another owner',
      [undefined],
      { pod: { ...pod, metadata: { ...pod.metadata, ownerReferences: [makeOwner('Job', 'new')] } } },
    ],
    ['the finalizer is gone already', [undefined], { pod: withMeta(pod, { finalizers: ['x.com/y'] }) }],
    ['the containers are said to run', [undefined], { pod: { ...pod, status: { ...pod.status, phase: 'Running' } } }],
  ] as const)('it stays when %s', (_words, found, over) => {
    expect(recheck(found, over)).toMatchObject({ go: false });
  });

  it('the others stay, and the patch is for this pod in this version alone', () => {
    expect(finalizerPatch(pod, action)).toEqual({
      metadata: { uid: pod.metadata.uid, resourceVersion: '7', finalizers: ['x.com/y'] },
    });
  });
});

test('a pod is said to be lost, with all its other conditions, before it goes', () => {
  expect(endPatch(late, { uid: 'u', message: 'EC2 has terminated it' }, NOW_MS)).toEqual({
    metadata: { uid: 'u', resourceVersion: '7' },
    status: {
      phase: 'Failed',
      conditions: [
        {
          ...{
            type: 'DisruptionTarget',
            status: 'True',
            reason: 'DeletionByPodJanitor',
            message: 'EC2 has terminated it',
          },
          lastTransitionTime: '2026-11-26T12:00:00Z',
        },
        late.status.conditions[0],
      ],
    },
  });
});
