import * as fc from 'fast-check';
import { seedOf } from '../../../../test/seed';
import { planSync } from './plan';
import type { CloudInterface } from '../../../domain/cloud';
import type { SyncFinding, SyncNode, SyncPod, SyncPodGroup, SyncSnapshot } from './snapshot';
import {
  ago,
  ID,
  makeAttachment,
  makeCloud,
  makeInstance,
  makeInterface,
  makeKnown,
  makeNode,
  makePodGroup,
  makePolicy,
  makeSnapshot,
  MINUTE_MS,
  NOW_MS,
} from './testing';

/** What EC2 says of the instance; undefined: it does not know it. */
type State = string | undefined;

const ENDED = `EC2 has terminated instance ${ID}`;
const plan = (snapshot: Partial<SyncSnapshot>, policy = makePolicy()) =>
  planSync(makeSnapshot(snapshot), policy, NOW_MS);
/** What is found and what is done, in words. */
const outcome = (snapshot: Partial<SyncSnapshot>, policy = makePolicy()) => {
  const { findings, actions } = plan(snapshot, policy);
  return { found: findings.map(({ kind, object }) => `${kind} ${object}`), done: actions.map(({ type }) => type) };
};
const NOTHING = { found: [], done: [] };

describe('a Node whose instance is gone', () => {
  const object = 'Node n1';
  const found = [`NodeWithoutInstance ${object}`];
  const known = [makeKnown('NodeWithoutInstance', object, 61, ENDED)];

  it.each<[string, State, readonly SyncFinding[], readonly string[], readonly string[]]>([
    [
      'EC2 says terminated: it is deleted when it has been so for as long as the policy says',
      'terminated',
      known,
      found,
      ['DeleteNode'],
    ],
    [
      'EC2 said terminated, and has forgotten the instance since: an id does not come back',
      undefined,
      known,
      found,
      ['DeleteNode'],
    ],
    [
      'EC2 has not known it before either: that proves nothing',
      undefined,
      [makeKnown('NodeWithoutInstance', object, 61, 'x')],
      found,
      [],
    ],
    [
      'EC2 said so of another instance whose id begins alike',
      undefined,
      [makeKnown('NodeWithoutInstance', object, 61, `${ENDED}1`)],
      found,
      [],
    ],
    ['EC2 says shutting-down: it still runs its last seconds', 'shutting-down', known, [], []],
    ['EC2 says stopped: it may start again', 'stopped', known, [], []],
    ['EC2 says running', 'running', known, [], []],
  ])('%s', (_, ...[state, before, expected, done]) => {
    const cloud = makeCloud(state);
    expect(outcome({ nodes: [makeNode()], cloud, known: before })).toEqual({ found: expected, done });
  });

  it('is only said while it has not been so for as long as the policy says', () => {
    const young = [makeKnown('NodeWithoutInstance', object, 59, ENDED)];
    expect(outcome({ nodes: [makeNode()], cloud: makeCloud('terminated'), known: young })).toEqual({ found, done: [] });
    expect(outcome({ nodes: [makeNode()], cloud: makeCloud('terminated') })).toEqual({ found, done: [] });
  });

  it.each([
    ['a person has said hands off', { held: true }, 'a person has said hands off'],
    ['it is of no CapacityPool', { pool: undefined }, 'it is of no CapacityPool'],
    ['its pool is gone', { pool: 'another' }, 'it is of no CapacityPool'],
    ['somebody says it is Ready', { ready: true }, 'somebody still says in its name that it is Ready'],
    [
      'its deletion was asked for, and a finalizer holds it',
      { deletedMs: ago(90), finalizers: ['karpenter.sh/termination'] },
      'its deletion was asked for, and karpenter.sh/termination holds it: whoever set that takes it off',
    ],
  ])('stays, and why is said: %s', (_, over, why) => {
    const { findings, actions } = plan({ nodes: [makeNode(over)], cloud: makeCloud('terminated'), known });
    expect(findings.map(({ message }) => message)).toEqual([`${ENDED}; the Node stays: ${why}`]);
    expect(actions).toEqual([]);
  });

  it('is not found when it says no instance, or EC2 may not know it yet', () => {
    expect(outcome({ nodes: [makeNode({ instanceId: undefined })], cloud: makeCloud(undefined) })).toEqual(NOTHING);
    expect(outcome({ nodes: [makeNode({ createdMs: ago(3) })], cloud: makeCloud(undefined) })).toEqual(NOTHING);
  });

  it('carries with it what must still be so', () => {
    const { actions } = plan({ nodes: [makeNode()], cloud: makeCloud('terminated'), known });
    const end = { instanceId: ID, said: 'Now' };
    expect(actions).toEqual([
      { type: 'DeleteNode', finding: 'NodeWithoutInstance', object, name: 'n1', uid: 'node-1', end, message: ENDED },
    ]);
  });

  it('a NodeClaim of it that a finalizer holds is said', () => {
    const claim = {
      name: 'c1',
      instanceId: ID,
      createdMs: ago(600),
      deletedMs: ago(61),
      finalizers: ['karpenter.sh/termination'],
    };
    const cloud = makeCloud('terminated');
    expect(outcome({ claims: [claim], cloud })).toEqual({ found: ['NodeWithoutInstance NodeClaim c1'], done: [] });
    expect(outcome({ claims: [{ ...claim, deletedMs: ago(59) }], cloud })).toEqual(NOTHING);
  });
});

describe('an instance that never joined', () => {
  const found = [`InstanceWithoutNode ${ID}`];
  const instances = [makeInstance()];

  it('is said, and never ended: that is Karpenter’s, or a person’s', () => {
    const known = [makeKnown('InstanceWithoutNode', ID, 10_000)];
    const claim = { name: 'c1', instanceId: ID, createdMs: ago(600), finalizers: [] };
    const cloud = makeCloud('running', { instances });
    expect(outcome({ cloud, known, claims: [claim] })).toEqual({ found, done: [] });
    expect(plan({ cloud, claims: [claim] }).findings[0]!.message).toContain('kubectl describe nodeclaim c1');
    expect(plan({ cloud }).findings[0]!.message).toContain(`aws ec2 terminate-instances --instance-ids ${ID}`);
  });

  it.each([
    ['has joined', { nodes: [makeNode()] }, {}],
    [
      'has joined under its name in the VPC',
      { nodes: [makeNode({ instanceId: undefined })] },
      { privateDnsName: 'n1' },
    ],
    ['is not old enough', {}, { launchedMs: ago(59) }],
    ['has ended', {}, { state: 'terminated' }],
    ['is of no pool of ours', {}, { nodePool: 'system' }],
    ['is of a node group', {}, { nodePool: undefined, nodeGroup: 'system' }],
  ])('is nobody’s finding when it %s', (_, snapshot, over) => {
    const cloud = makeCloud('running', { instances: [makeInstance(over)] });
    expect(outcome({ ...snapshot, cloud })).toEqual(NOTHING);
  });
});

describe('a VolumeAttachment of a dead node', () => {
  const object = 'VolumeAttachment csi-1';
  const found = [`AttachmentOfDeadNode ${object}`];
  const known = [makeKnown('AttachmentOfDeadNode', object, 61, `${ENDED} of node n1`)];
  const attachments = [makeAttachment()];

  it.each<[string, readonly SyncNode[], State, readonly string[], readonly string[]]>([
    [
      'its Node is still there',
      [makeNode()],
      'terminated',
      ['NodeWithoutInstance Node n1', ...found].reverse(),
      ['DeleteAttachment'],
    ],
    ['its Node is gone: the attachment says which instance it was', [], 'terminated', found, ['DeleteAttachment']],
    ['EC2 has forgotten what it said', [], undefined, found, ['DeleteAttachment']],
    ['another machine has the name of its Node now', [makeNode({ instanceId: 'i-2' })], 'terminated', found, []],
    ['its instance runs, though its Node is gone: it may still write', [], 'running', [], []],
    ['its instance is stopped: it may start again, with its volumes', [makeNode()], 'stopped', [], []],
  ])('%s', (_, ...[nodes, state, expected, done]) => {
    const cloud = makeCloud(state);
    const result = outcome({ nodes, attachments, cloud, known });
    expect({ found: [...result.found].sort(), done: result.done }).toEqual({ found: [...expected].sort(), done });
  });

  it('whose node name is no id, and that says nothing, is only said: nobody can prove which machine it was', () => {
    const silent = [makeAttachment({ instanceId: undefined })];
    expect(outcome({ attachments: silent, cloud: makeCloud('terminated'), known })).toEqual({ found, done: [] });
  });

  it('whose node name is an id is known by it', () => {
    const auto = [makeAttachment({ instanceId: undefined, nodeName: ID })];
    expect(outcome({ attachments: auto, cloud: makeCloud('terminated'), known })).toEqual({
      found,
      done: ['DeleteAttachment'],
    });
  });

  it('that is going already stays, and who holds it is said', () => {
    const going = [makeAttachment({ deletedMs: ago(5) })];
    const { findings, actions } = plan({ attachments: going, cloud: makeCloud('terminated'), known });
    expect(findings[0]!.message).toContain('external-attacher/ebs-csi-aws-com holds it');
    expect(actions).toEqual([]);
  });
});

describe('a network interface of a dead node', () => {
  const found = ['InterfaceOfDeadNode eni-1'];
  const known = [makeKnown('InterfaceOfDeadNode', 'eni-1', 61)];
  const AUTO = { instanceId: undefined, nodeName: ID };

  it.each<[string, Partial<CloudInterface>, State, readonly string[], readonly string[]]>([
    ['its instance was terminated', {}, 'terminated', found, ['DeleteInterface']],
    ['EC2 has forgotten its instance, and it is older than EC2 remembers', {}, undefined, found, ['DeleteInterface']],
    ['EC2 does not know its instance, and may not know it yet', { createdMs: ago(59) }, undefined, [], []],
    ['its instance runs: it is about to be attached', {}, 'running', [], []],
    ['its instance is shutting down', {}, 'shutting-down', [], []],
    ['it is not free', { status: 'pending' }, 'terminated', [], []],
    ['EKS made it, and deletes it', AUTO, 'terminated', found, []],
    ['AWS manages it', { managed: true }, 'terminated', found, []],
    ['nothing says how old it is', { createdMs: undefined }, 'terminated', found, []],
    ['nothing says whose it was', { instanceId: undefined }, 'terminated', [], []],
  ])('%s', (_, ...[over, state, expected, done]) => {
    const cloud = makeCloud(state, { interfaces: [makeInterface(over)] });
    expect(outcome({ cloud, known })).toEqual({ found: expected, done });
  });
});

describe('an orphan PodGroup', () => {
  const object = 'PodGroup team/gang';
  const found = [`OrphanPodGroup ${object}`];
  const known = [makeKnown('OrphanPodGroup', object, 61)];
  const pod = { key: 'team/gang-0', gang: 'team/gang', ended: true, watched: true };
  const gone = new Map([['job-1', 'Absent' as const]]);

  it.each<
    [string, Partial<SyncPodGroup>, SyncSnapshot['owners'], readonly SyncPod[], readonly string[], readonly string[]]
  >([
    ['its owner is proved gone, and it has no pods', {}, gone, [], found, ['DeletePodGroup']],
    ['it has a pod, though an ended one', {}, gone, [pod], [], []],
    ['its owner is there', {}, new Map([['job-1', 'Present' as const]]), [], [], []],
    [
      'its owner did not answer: what was found is said on',
      {},
      new Map([['job-1', 'Unknown' as const]]),
      [],
      found,
      [],
    ],
    ['nobody has asked for its owner', {}, new Map(), [], found, []],
    ['it never had an owner: whoever made it deletes it', { owners: [] }, gone, [], [], []],
    ['a person said hands off', { ignored: true }, gone, [], [], []],
    ['it is going already', { deletedMs: ago(1) }, gone, [], found, []],
  ])('%s', (_, ...[over, owners, pods, expected, done]) => {
    const podGroups = [makePodGroup(over)];
    expect(outcome({ podGroups, owners, pods, known })).toEqual({ found: expected, done });
  });
});

describe('pods on a node that is not there', () => {
  const pod = (n: number, over = {}) => ({ key: `team/p${n}`, nodeName: 'gone', ended: false, watched: true, ...over });

  it('are said, node by node, and freed by others', () => {
    const { findings, actions } = plan({ pods: [4, 3, 2, 1].map((n) => pod(n)) });
    expect(findings).toEqual([
      {
        ...{ kind: 'PodOnNoNode', object: 'Node gone', sinceMs: NOW_MS },
        message: 'there is no such Node, and pods are bound to it: team/p1, team/p2, team/p3 and 1 more',
      },
    ]);
    expect(actions).toEqual([]);
  });

  it('are nobody’s finding when they have ended, or are not ours, or their node is there', () => {
    const pods = [
      pod(1, { ended: true }),
      pod(2, { watched: false }),
      pod(3, { nodeName: 'n1' }),
      pod(4, { nodeName: undefined }),
    ];
    expect(outcome({ pods, nodes: [makeNode()], cloud: makeCloud('running') })).toEqual(NOTHING);
  });
});

describe('what is found', () => {
  const nodes = [makeNode()];
  const cloud = makeCloud('terminated');
  const known = [makeKnown('NodeWithoutInstance', 'Node n1', 61, ENDED)];

  it('is said on when EC2 does not answer, and nothing is done then', () => {
    const all = [
      ...known,
      makeKnown('AttachmentOfDeadNode', 'VolumeAttachment csi-1', 61, 'a'),
      makeKnown('InterfaceOfDeadNode', 'eni-1', 61, 'i'),
      makeKnown('InstanceWithoutNode', 'i-1', 61, 'j'),
    ];
    const { findings, actions } = plan({ nodes, attachments: [makeAttachment()], known: all });
    const byName = (a: SyncFinding, b: SyncFinding) => (a.object < b.object ? -1 : 1);
    expect([...findings].sort(byName)).toEqual([...all].sort(byName));
    expect(actions).toEqual([]);
    expect(outcome({ nodes, attachments: [makeAttachment()] })).toEqual(NOTHING);
  });

  it('is not what was found of another object of the same name', () => {
    const again = [makeNode({ createdMs: ago(30) })];
    expect(plan({ nodes: again, cloud, known })).toMatchObject({ findings: [{ sinceMs: NOW_MS }], actions: [] });
  });

  it('is not believed of a time that is yet to come', () => {
    const future = [makeKnown('NodeWithoutInstance', 'Node n1', -600, ENDED)];
    expect(plan({ nodes, cloud, known: future })).toMatchObject({ findings: [{ sinceMs: NOW_MS }], actions: [] });
  });

  it('needs two looks two minutes apart, however impatient the policy is', () => {
    const policy = makePolicy({ olderThanMs: 0 });
    const since = (minutes: number) => [makeKnown('NodeWithoutInstance', 'Node n1', minutes, ENDED)];
    expect(outcome({ nodes, cloud }, policy).done).toEqual([]);
    expect(outcome({ nodes, cloud, known: since(1.9) }, policy).done).toEqual([]);
    expect(outcome({ nodes, cloud, known: since(2) }, policy).done).toEqual(['DeleteNode']);
  });

  it('is repaired only where the policy names it, in no dry run, and within the budget of the hour', () => {
    const done = (over: object, doneLastHour = 0) =>
      outcome({ nodes, cloud, known, doneLastHour }, makePolicy(over)).done;
    expect(done({})).toEqual(['DeleteNode']);
    expect(done({ repair: new Set(['VolumeAttachments', 'NetworkInterfaces', 'PodGroups']) })).toEqual([]);
    expect(done({ dryRun: true })).toEqual([]);
    expect(done({}, 20)).toEqual([]);
    expect(done({}, 19)).toEqual(['DeleteNode']);
    expect(plan({ nodes, cloud, known }, makePolicy({ dryRun: true })).due).toBe(1);
  });

  it('is at most 128 things, what is repaired first; then what is oldest', () => {
    const many = Array.from({ length: 200 }, (_, i) => `n${String(i).padStart(3, '0')}`);
    const before = many.map((name, i) => makeKnown('NodeWithoutInstance', `Node ${name}`, 61 + i, ENDED));
    const pods = many.map((name) => ({ key: `team/${name}`, nodeName: `gone-${name}`, ended: false, watched: true }));
    const { findings, found, actions } = plan({
      nodes: many.map((name) => makeNode({ name })),
      pods,
      cloud,
      known: before,
    });
    expect([findings.length, found]).toEqual([128, 400]);
    expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(['NodeWithoutInstance']));
    expect(actions.map(({ object }) => object)).toEqual(
      many
        .slice(180)
        .reverse()
        .map((name) => `Node ${name}`),
    );
  });
});

describe('whatever the world looks like', () => {
  const states = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated', undefined];
  const instant = fc.integer({ min: 0, max: 300 }).map(ago);
  const id = fc.constantFrom('i-00000001', 'i-00000002', 'i-00000003');
  const snapshot = fc.record({
    nodes: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('n1', 'n2', 'i-00000003'),
        instanceId: fc.option(id, { nil: undefined }),
        ready: fc.boolean(),
        held: fc.boolean(),
        createdMs: instant,
        pool: fc.constantFrom('p5-block', 'other'),
      }),
      { selector: ({ name }) => name },
    ),
    attachments: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b'),
        nodeName: fc.constantFrom('n1', 'n2', 'i-00000003'),
        instanceId: fc.option(id, { nil: undefined }),
        createdMs: instant,
      }),
      { selector: ({ name }) => name },
    ),
    interfaces: fc.uniqueArray(
      fc.record({ interfaceId: fc.constantFrom('eni-1', 'eni-2'), instanceId: id, createdMs: instant }),
      {
        selector: ({ interfaceId }) => interfaceId,
      },
    ),
    states: fc.dictionary(id, fc.constantFrom(...states)),
    silent: fc.boolean(),
    presence: fc.constantFrom('Present' as const, 'Absent' as const, 'Unknown' as const),
    known: fc.array(
      fc.record({
        kind: fc.constantFrom(
          'NodeWithoutInstance' as const,
          'AttachmentOfDeadNode' as const,
          'InterfaceOfDeadNode' as const,
          'OrphanPodGroup' as const,
        ),
        object: fc.constantFrom('Node n1', 'Node n2', 'VolumeAttachment a', 'eni-1', 'PodGroup team/gang'),
        sinceMs: instant,
        message: id.map((one) => `EC2 has terminated instance ${one}`),
      }),
    ),
    doneLastHour: fc.integer({ min: 0, max: 25 }),
  });
  type World = typeof snapshot extends fc.Arbitrary<infer T> ? T : never;
  const toSnapshot = (world: World): SyncSnapshot => {
    const interfaces = world.interfaces.map(makeInterface);
    const cloud = { instances: [], interfaces, states: new Map(Object.entries(world.states)) };
    return makeSnapshot({
      nodes: world.nodes.map(makeNode),
      attachments: world.attachments.map(makeAttachment),
      podGroups: [makePodGroup()],
      owners: new Map([['job-1', world.presence]]),
      ...(world.silent ? {} : { cloud }),
      ...{ known: world.known, doneLastHour: world.doneLastHour },
    });
  };

  let repairs = 0;
  it('every repair was found before, long enough ago, is within the budget, and no instance in it is one that EC2 says lives', () => {
    const rule = fc.property(snapshot, fc.integer({ min: 0, max: 120 }), (world, minutes) => {
      const policy = makePolicy({ olderThanMs: minutes * MINUTE_MS });
      const all = toSnapshot(world);
      const { actions, findings } = planSync(all, policy, NOW_MS);
      expect(actions.length).toBeLessThanOrEqual(Math.max(0, policy.perHour - world.doneLastHour));
      repairs += actions.length;
      for (const action of actions) {
        const { sinceMs } = findings.find(({ object }) => object === action.object)!;
        expect(NOW_MS - sinceMs).toBeGreaterThanOrEqual(Math.max(2, minutes) * MINUTE_MS);
        if (action.type === 'DeletePodGroup') expect(world.presence).toBe('Absent');
        else {
          const instanceId = action.type === 'DeleteInterface' ? action.instanceId : action.end.instanceId;
          expect(world.silent).toBe(false);
          expect(['terminated', undefined]).toContain(world.states[instanceId]);
        }
      }
    });
    fc.assert(rule, { ...seedOf('repairs of cache sync'), numRuns: 3000 });
    expect(repairs).toBeGreaterThan(100);
  });

  it('a look that is repeated at once finds the same, since the same time, and the input stays as it was', () => {
    const rule = fc.property(snapshot, (world) => {
      const before = JSON.stringify(world);
      const policy = makePolicy({ repair: new Set() });
      const first = planSync(toSnapshot(world), policy, NOW_MS);
      const second = planSync({ ...toSnapshot(world), known: first.findings }, policy, NOW_MS);
      const [a, b] = [first, second].map(
        ({ findings }) => new Map(findings.map((one) => [`${one.kind} ${one.object}`, one.sinceMs])),
      );
      for (const [name, sinceMs] of b!) expect(a!.get(name)).toBe(sinceMs);
      expect(JSON.stringify(world)).toBe(before);
    });
    fc.assert(rule, { ...seedOf('looks of cache sync'), numRuns: 1000 });
  });
});
