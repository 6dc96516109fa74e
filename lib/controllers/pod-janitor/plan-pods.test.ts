import { JANITOR_KEY, SAFE_TO_FORCE_DELETE_ANNOTATION } from '../../domain/pod-keys';
import type { PodAction } from './actions';
import { BUILT_IN_FINALIZERS } from './finalizers';
import { planPods } from './plan-pods';
import {
  makeEvent,
  makeMemory,
  makeNode,
  makeOwner,
  makePod,
  makePolicy,
  makeSnapshot,
  makeWaiting,
  MINUTE_MS,
  NOW_MS,
  type World,
} from './testing';

const [JOB_TRACKING = ''] = BUILT_IN_FINALIZERS;
const plan = (world: World, policy: object = {}) => planPods(makeSnapshot(world), makePolicy(policy), NOW_MS);
const describeAction = (action: PodAction): string => {
  if (action.type === 'ForceDelete') return `ForceDelete ${action.pod}: ${action.proof.kind}`;
  if (action.type === 'RemoveFinalizer') return `RemoveFinalizer ${action.pod}: ${action.finalizer}`;
  if (action.type === 'ReportFault') return `ReportFault ${action.node}: ${action.kind}`;
  return `Say ${action.pod}: ${action.reason}`;
};
const acts = (world: World, policy: object = {}) => plan(world, policy).actions.map(describeAction);
const state = (world: World) => plan(world).findings.map((finding) => `${finding.state}: ${finding.next}`);

const down = makeNode({ unreachable: true });
const late = (over: Parameters<typeof makePod>[0] = {}) => makePod({ deletedMin: 6, ...over });
const FREED = (proof: string) => [`ForceDelete research/pod-0: ${proof}`];
const SAID = (reason: string) => [`Say research/pod-0: ${reason}`];

describe('a pod that should have ended, on a node that is unreachable', () => {
  it.each([
    ['terminated', FREED('InstanceTerminated')],
    ['stopped', FREED('InstanceStopped')],
    ['shutting-down', SAID('TerminatingNodeDown')],
    ['stopping', SAID('TerminatingNodeDown')],
    ['running', SAID('TerminatingNodeDown')],
    ['pending', SAID('TerminatingNodeDown')],
    ['what nobody knows', SAID('TerminatingNodeDown')],
  ])('whose instance is %s', (word, expected) => {
    expect(acts({ pods: [late()], nodes: [down], ec2: { 'node-0': word } })).toEqual(expected);
  });

  it('of whose instance EC2 says nothing, is not touched, and EC2 is to be asked', () => {
    const { actions, askInstances, findings } = plan({ pods: [late()], nodes: [down] });
    expect(actions.map(describeAction)).toEqual(SAID('TerminatingNodeDown'));
    expect(askInstances).toEqual(['i-node0']);
    expect(findings[0]!.words).toMatch(/nothing proves that its machine has ended/);
  });

  it('and that has opted in, is freed without proof', () => {
    const ways = { [JANITOR_KEY]: 'force', [SAFE_TO_FORCE_DELETE_ANNOTATION]: 'true' };
    for (const [key, word] of Object.entries(ways)) {
      expect(acts({ pods: [late({ annotations: { [key]: word } })], nodes: [down] })).toEqual(FREED('OptedIn'));
    }
    expect(acts({ pods: [late({ labels: { [JANITOR_KEY]: 'force' } })], nodes: [down] })).toEqual(FREED('OptedIn'));
  });

  it('whose instance another Node has taken over, is judged by the instance of that Node', () => {
    const world = { pods: [late()], nodes: [makeNode({ unreachable: true, instance: 'i-other' })] };
    expect(acts({ ...world, ec2: { 'node-0': 'terminated' } })).toEqual(SAID('TerminatingNodeDown'));
    expect(acts({ ...world, ec2: { 'i-other': 'terminated' } })).toEqual(FREED('InstanceTerminated'));
  });

  it('tells its owners first that it was lost, unless it had ended by itself', () => {
    const ec2 = { 'node-0': 'terminated' };
    for (const [phase, endFirst] of Object.entries({ Running: true, Pending: true, Failed: false, Succeeded: false })) {
      expect(plan({ pods: [late({ phase })], nodes: [down], ec2 }).actions).toMatchObject([{ endFirst }]);
    }
  });
});

describe('a pod that should have ended, on a node whose kubelet answers', () => {
  it('is left to it, and the node is reported once', () => {
    const world = { pods: [late()], nodes: [makeNode()] };
    const [action] = plan(world).actions;
    expect(action).toMatchObject({ type: 'ReportFault', node: 'node-0', namespace: 'research', pod: 'pod-0' });
    const reports = action?.type === 'ReportFault' ? [`research/${action.report}`] : [];
    expect(acts({ ...world, reports })).toEqual([]);
  });

  it('is left alone while the node is merely NotReady, opted in or not', () => {
    for (const ready of ['False', 'Unknown'] as const) {
      const pods = [late({ annotations: { [JANITOR_KEY]: 'force' } })];
      expect(acts({ pods, nodes: [makeNode({ ready })] })).toEqual(SAID('TerminatingNodeUp'));
    }
  });

  it('is freed when EC2 knows better: a terminated instance has no kubelet', () => {
    const world = { pods: [late()], nodes: [makeNode()], ec2: { 'node-0': 'terminated' } };
    expect(acts(world)).toEqual(FREED('InstanceTerminated'));
  });

  it('does not have its node reported while a person holds that', () => {
    expect(acts({ pods: [late()], nodes: [makeNode({ held: true })] })).toEqual(SAID('TerminatingNodeUp'));
  });
});

describe('a pod whose Node is gone', () => {
  const memory = makeMemory({ 'node-0': 3 });

  it('is freed when this process has seen that for long enough', () => {
    expect(acts({ pods: [makePod()], memory })).toEqual(FREED('NodeGone'));
    expect(acts({ pods: [late()], memory })).toEqual(FREED('NodeGone'));
  });

  it('is given its time, counted anew by a new process', () => {
    const { actions, againMs, memory: next } = plan({ pods: [makePod()] });
    expect(actions).toEqual([]);
    expect(againMs).toBe(NOW_MS + 2 * MINUTE_MS);
    expect(next.goneSince).toEqual(new Map([['node-0', NOW_MS]]));
  });

  it('is forgotten when the Node comes back', () => {
    expect(plan({ pods: [makePod()], nodes: [makeNode()], memory }).memory.goneSince.size).toBe(0);
  });

  it('and is named by its instance, is freed unless EC2 says that this one has not ended', () => {
    const name = 'i-0123456789abcdef0';
    const world = { pods: [makePod({ node: name })], memory: makeMemory({ [name]: 3 }) };
    expect(plan(world).askInstances).toEqual([name]);
    expect(acts(world)).toEqual(FREED('NodeGone'));
    expect(acts({ ...world, ec2: { [name]: 'running' } })).toEqual(SAID('NodeGone'));
    expect(acts({ ...world, ec2: { [name]: 'shutting-down' } })).toEqual(SAID('NodeGone'));
    expect(acts({ ...world, ec2: { [name]: 'terminated' } })).toEqual(FREED('InstanceTerminated'));
  });

  it('but whose instance alone is terminated, is freed too; one that is stopped may come back', () => {
    const world = { pods: [makePod()], nodes: [down], memory };
    expect(acts({ ...world, ec2: { 'node-0': 'terminated' } })).toEqual(FREED('InstanceTerminated'));
    expect(acts({ ...world, ec2: { 'node-0': 'stopped' } })).toEqual([]);
  });

  it.each([
    ['deleted a moment ago, its instance terminated for two minutes', { deletedMin: 0 }, { terminated: 2 }, true],
    ['deleted a moment ago, its instance terminated for less', { deletedMin: 0 }, { terminated: 1 }, false],
    ['deleted, and its hour of grace not over', { deletedMin: -30, grace: 3600 }, { terminated: 9 }, false],
    ['long overdue, when a new process sees that its instance has ended', { deletedMin: 6 }, { terminated: 0 }, true],
    ['deleted a moment ago, its instance stopped: that one may come back', { deletedMin: 0 }, { stopped: 9 }, false],
  ])('and that is %s', (_words, wishes, instance, isFreed) => {
    const [[word, minutes] = ['', 0]] = Object.entries(instance);
    const world = { nodes: [down], ec2: { 'node-0': word }, memory: makeMemory({ 'node-0': minutes }) };
    expect(acts({ ...world, pods: [makePod(wishes)] })).toEqual(isFreed ? FREED('InstanceTerminated') : []);
  });

  it('and that has ended, is nobody’s trouble until it should be gone', () => {
    expect(acts({ pods: [makePod({ phase: 'Succeeded' })], memory })).toEqual([]);
    const pods = [late({ phase: 'Succeeded' })];
    const { memory: seen } = plan({ pods });
    expect(seen.goneSince.get('node-0')).toBe(NOW_MS);
    expect(acts({ pods, memory })).toEqual(FREED('NodeGone'));
  });

  it('keeps the grace that it was given', () => {
    const { actions, againMs } = plan({ pods: [makePod({ deletedMin: -30, grace: 3600 })], memory });
    expect(actions).toEqual([]);
    expect(againMs).toBe(NOW_MS + 30 * MINUTE_MS);
  });
});

describe('a pod that only finalizers keep', () => {
  const kept = (over: Parameters<typeof makePod>[0] = {}) =>
    late({ grace: 0, phase: 'Failed', finalizers: [JOB_TRACKING], owners: [makeOwner('Job')], ...over });

  it('loses one that is on the list, when its owners are asked for and are gone', () => {
    const { actions } = plan({ pods: [kept()], nodes: [makeNode()] });
    expect(actions).toMatchObject([{ type: 'RemoveFinalizer', finalizer: JOB_TRACKING, owners: [makeOwner('Job')] }]);
  });

  it('keeps one that nobody put on the list, and that is said', () => {
    const pods = [kept({ finalizers: ['example.com/backup'] })];
    expect(acts({ pods, nodes: [makeNode()] })).toEqual(SAID('TerminatingFinalizer'));
    const finalizers = [{ name: 'example.com/backup' }];
    expect(acts({ pods, nodes: [makeNode()] }, { finalizers })).toEqual([
      'RemoveFinalizer research/pod-0: example.com/backup',
    ]);
  });

  it('keeps it without an owner, or with one that nobody knows how to ask for', () => {
    expect(acts({ pods: [kept({ owners: [] })] })).toEqual(SAID('TerminatingFinalizer'));
    const owners = [makeOwner('Job'), { ...makeOwner('Thing', 'x', 'example.com/v1'), controller: false }];
    expect(acts({ pods: [kept({ owners })] })).toEqual(SAID('TerminatingFinalizer'));
  });

  it('keeps it while its containers may run: whoever deleted it did not wait for its kubelet', () => {
    const pods = [kept({ phase: 'Running' })];
    expect(acts({ pods, nodes: [makeNode()] })).toEqual(SAID('TerminatingFinalizer'));
    expect(acts({ pods, nodes: [down], ec2: { 'node-0': 'terminated' } })).toEqual([
      `RemoveFinalizer research/pod-0: ${JOB_TRACKING}`,
    ]);
  });

  it('is on its node’s account while its kubelet has not confirmed the end', () => {
    expect(state({ pods: [kept({ grace: 30 })], nodes: [makeNode()] })).toEqual(['TerminatingNodeUp: ReportFault']);
  });
});

describe('a bound pod that does not start', () => {
  const SANDBOX =
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "2585": plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container';
  const MULTI =
    'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can\'t be attached to another';
  const NO_DRIVER =
    'MountVolume.MountDevice failed for volume "pv" : driver name fsx.csi.aws.com not found in the list of registered CSI drivers';
  const pod = makeWaiting();
  const other = makeWaiting({ name: 'pod-1', node: 'node-1' });
  const nodes = [makeNode(), makeNode({ name: 'node-1' })];

  it('for want of an address has its node reported; on several nodes at once that is nobody’s node', () => {
    const one = [makeEvent(pod, 'FailedCreatePodSandBox', SANDBOX)];
    expect(acts({ pods: [pod], nodes, events: one })).toEqual(['ReportFault node-0: Other']);
    const two = [...one, makeEvent(other, 'FailedCreatePodSandBox', SANDBOX)];
    expect(acts({ pods: [pod, other], nodes, events: two })).toEqual([
      'Say research/pod-0: NoAddress',
      'Say research/pod-1: NoAddress',
    ]);
  });

  it('for want of a volume that another node has, says who has it and takes it from nobody', () => {
    const attachments = [
      { metadata: { name: 'a' }, spec: { nodeName: 'node-1', source: { persistentVolumeName: 'pvc-1' } } },
    ];
    const events = [makeEvent(pod, 'FailedAttachVolume', MULTI), makeEvent(pod, 'FailedMount', 'Unable to attach')];
    for (const word of ['running', 'terminated']) {
      const world = { pods: [pod], nodes, events, attachments, ec2: { 'node-1': word } };
      const [said] = plan(world).actions;
      expect(said).toMatchObject({ type: 'Say', reason: 'VolumeAttached' });
      expect(said!.message).toContain(`volume pvc-1 is attached to node-1 (EC2: ${word})`);
    }
  });

  it('for want of its CSI driver has its node reported, as storage', () => {
    const events = [makeEvent(pod, 'FailedMount', NO_DRIVER)];
    expect(acts({ pods: [pod], nodes, events })).toEqual(['ReportFault node-0: Storage']);
  });

  it('for another reason is not the janitor’s', () => {
    const events = [makeEvent(pod, 'FailedCreatePodSandBox', 'runtime handler "gvisor" is not configured')];
    expect(state({ pods: [pod], nodes, events })).toEqual([]);
  });

  it('is given a quarter of an hour, and what was last said long ago is over', () => {
    const young = makeWaiting({ boundMin: 14 });
    const events = [makeEvent(young, 'FailedCreatePodSandBox', SANDBOX)];
    expect(plan({ pods: [young], nodes, events })).toMatchObject({ actions: [], againMs: NOW_MS + MINUTE_MS });
    expect(acts({ pods: [pod], nodes, events: [makeEvent(pod, 'FailedCreatePodSandBox', SANDBOX, 16)] })).toEqual([]);
  });

  it('is never deleted for what an Event says: anybody may write Events', () => {
    const texts = [SANDBOX, MULTI, NO_DRIVER, 'node-0 is terminated'];
    for (const reason of ['FailedCreatePodSandBox', 'FailedAttachVolume', 'FailedMount', 'NodeLost']) {
      for (const text of texts) {
        const { actions } = plan({ pods: [pod], nodes, events: [makeEvent(pod, reason, text)] });
        expect(actions.filter(({ type }) => type === 'ForceDelete' || type === 'RemoveFinalizer')).toEqual([]);
      }
    }
  });
});

describe('a pod that waits for a node that is gone', () => {
  const pinned = makePod({ node: undefined, pinnedTo: 'node-9' });

  it('is said, once the node has been gone for long enough, and is left to its owner', () => {
    expect(acts({ pods: [pinned], nodes: [makeNode()], memory: makeMemory({ 'node-9': 16 }) })).toEqual(
      SAID('PinnedToGoneNode'),
    );
    expect(acts({ pods: [pinned], nodes: [makeNode()] })).toEqual([]);
  });

  it('is not stuck while the node is there, or while it may run elsewhere', () => {
    const memory = makeMemory({ 'node-9': 16 });
    expect(state({ pods: [pinned], nodes: [makeNode({ name: 'node-9' })], memory })).toEqual([]);
    expect(state({ pods: [makePod({ node: undefined })], memory })).toEqual([]);
  });
});

describe('whatever is stuck', () => {
  const dead = { nodes: [down], ec2: { 'node-0': 'terminated' } };

  it('is only said with dryRun, with what would be done', () => {
    const pods = [late(), late({ name: 'pod-1', node: 'node-1' })];
    const world = { ...dead, pods, nodes: [down, makeNode({ name: 'node-1' })] };
    const { actions } = plan(world, { dryRun: true });
    expect(actions.map(describeAction)).toEqual([
      'Say research/pod-0: WouldForceDelete',
      'Say research/pod-1: WouldReportFault',
    ]);
    expect(actions[0]!.message).toMatch(/^dryRun: would delete it: NodeGone since .*EC2 has terminated/);
  });

  it('is said once, and again when it was not stuck in between', () => {
    const world = { pods: [late()], nodes: [down] };
    const first = plan(world);
    expect(first.actions).toHaveLength(1);
    const second = planPods({ ...makeSnapshot(world), memory: first.memory }, makePolicy(), NOW_MS + MINUTE_MS);
    expect(second.actions).toEqual([]);
    expect(second.findings).toHaveLength(1);
    const free = planPods({ ...makeSnapshot({}), memory: second.memory }, makePolicy(), NOW_MS + 2 * MINUTE_MS);
    expect(free.memory.said.size).toBe(0);
  });

  it('is not tried again within half a minute: the cache may not have heard yet', () => {
    const world = { ...dead, pods: [late()] };
    const { memory } = plan(world);
    const again = (ms: number) => planPods({ ...makeSnapshot(world), memory }, makePolicy(), NOW_MS + ms);
    expect(again(29_000)).toMatchObject({ actions: [], againMs: NOW_MS + 30_000 });
    expect(again(30_000).actions).toHaveLength(1);
  });

  it('is done in the order of how long it has been stuck, and the same look gives the same plan', () => {
    const pods = [late(), late({ name: 'pod-1', deletedMin: 9 }), late({ name: 'pod-2', deletedMin: 7 })];
    const snapshot = makeSnapshot({ ...dead, pods });
    const planned = planPods(snapshot, makePolicy(), NOW_MS);
    expect(planned.findings.map(({ pod }) => pod)).toEqual(['research/pod-1', 'research/pod-2', 'research/pod-0']);
    expect(planPods({ ...snapshot, pods: [...snapshot.pods].reverse() }, makePolicy(), NOW_MS)).toEqual(planned);
  });

  it('waits for the first minute of a process that does not know what was done before it', () => {
    const world = { ...dead, pods: [late()], memory: { openAtMs: NOW_MS + 20_000 } };
    expect(plan(world)).toMatchObject({ actions: [], againMs: NOW_MS + 20_000, findings: [{ next: 'ForceDelete' }] });
  });
});
