import { JanitorPolicySpec } from '../../api';
import { makeMoveFacts } from '../../fleet/testing';
import { toJanitorPod, type JanitorPod } from './pod';
import { planWork } from './plan-work';
import type { Attempt } from './ledger';
import { podWork, toWorkFacts } from './work';
import type { WorkAction } from './work-actions';
import {
  ended,
  makeGroup,
  makeJob,
  makeLedger,
  makeSnapshot,
  makeWorkObject,
  makeWorkPod,
  MINUTE,
  NOW,
  POLICY,
} from './testing-work';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

const taken = makeWorkPod(
  'llama-0',
  { phase: 'Failed' },
  { endedMs: NOW - 5 * MINUTE, disruption: 'DeletionByTaintManager' },
);
const mates = [makeWorkPod('llama-1'), makeWorkPod('llama-2')];
const HALF_DEAD = { pods: [taken, ...mates] };
const LEDGER = /^volcanojob-llama-/;
/** The ledger that the plan itself would name. */
const ledgerName = (overrides: Partial<WorkSnapshot> = {}): string => {
  const [action] = planWork(makeSnapshot({ ...HALF_DEAD, ...overrides }), POLICY, NOW).actions;
  return action?.type === 'CreateLedger' ? action.name : '';
};
const ledger = (status = {}, more = {}) =>
  makeLedger(status, { key: `research/${ledgerName()}`, name: ledgerName(), ...more });
const attempt = (over: Partial<Attempt> = {}): Attempt => ({
  ...{ number: 1, id: 'a', how: 'Restart', because: 'Infrastructure', at: '2026-11-26T11:59:00Z', step: 'Reserved' },
  ...over,
});
const plan = (overrides: Partial<WorkSnapshot>, policy = POLICY) => planWork(makeSnapshot(overrides), policy, NOW);
const verb = (action: WorkAction) => (action.type === 'RestartWork' ? action.act.act : action.type);
const wordsOf = (overrides: Partial<WorkSnapshot>, policy = POLICY) =>
  plan(overrides, policy)
    .findings.map(({ message }) => message)
    .join('\n');

describe('a gang that is half dead', () => {
  it('gets a ledger first, and nothing else is done', () => {
    const { actions, findings } = plan(HALF_DEAD);
    expect(actions).toMatchObject([
      {
        type: 'CreateLedger',
        namespace: 'research',
        name: expect.stringMatching(LEDGER),
        spec: { work: { kind: 'Job', name: 'llama', uid: 'uid-llama' } },
      },
    ]);
    expect(findings).toMatchObject([{ state: 'GangHalfDead', key: 'VolcanoJob research/llama' }]);
  });

  it('keeps its dead pods until it is stopped, and not for ever', () => {
    expect([...plan(HALF_DEAD).holds]).toContain('research/llama-0');
    const reserved = { ledgers: [ledger({ attempts: [attempt()] })] };
    expect([...plan({ ...HALF_DEAD, ...reserved }).holds]).toContain('research/llama-0');
    const aborted = makeJob('Aborted', { 'aicluster.dev/suspended-by': `Resubmission/${ledgerName()}/1` });
    expect([...plan({ ...HALF_DEAD, ...reserved, works: [aborted] }).holds]).toEqual([]);
    const later = planWork(makeSnapshot({ ...HALF_DEAD, ...reserved }), POLICY, NOW + 11 * MINUTE);
    expect([...later.holds]).toEqual([]);
  });

  it('then an attempt in it, and still nothing else is done', () => {
    const { actions } = plan({ ...HALF_DEAD, ledgers: [ledger()] });
    expect(actions).toMatchObject([
      {
        type: 'WriteLedger',
        ledger: { resourceVersion: '7' },
        status: {
          number: 1,
          counted: 0,
          attempts: [
            {
              number: 1,
              how: 'Restart',
              because: 'Infrastructure',
              step: 'Reserved',
              reason: 'DeletionByTaintManager',
            },
          ],
        },
      },
    ]);
  });

  it('then it is suspended, with the attempt noted on it', () => {
    const { actions } = plan({ ...HALF_DEAD, ledgers: [ledger({ attempts: [attempt()] })] });
    expect(actions).toMatchObject([
      {
        type: 'RestartWork',
        number: 1,
        act: {
          act: 'Suspend',
          by: `Resubmission/${ledgerName()}/1`,
          workload: { kind: 'VolcanoJob', uid: 'uid-llama' },
        },
      },
    ]);
  });

  const noted = () => makeJob('Aborted', { 'aicluster.dev/suspended-by': `Resubmission/${ledgerName()}/1` });
  it('is waited for while pods of it are left, and not resumed before', () => {
    const { actions } = plan({ works: [noted()], pods: [mates[0]!], ledgers: [ledger({ attempts: [attempt()] })] });
    expect(actions.map(verb)).toEqual(['Suspend']);
  });

  it('is resumed only after the ledger says that nothing of it runs any more', () => {
    const gone = { works: [noted()], pods: [] };
    const reserved = plan({ ...gone, ledgers: [ledger({ attempts: [attempt()] })] });
    expect(reserved.actions).toMatchObject([{ type: 'WriteLedger', status: { attempts: [{ step: 'Suspended' }] } }]);
    const suspended = plan({ ...gone, ledgers: [ledger({ attempts: [attempt({ step: 'Suspended' })] })] });
    expect(suspended.actions.map(verb)).toEqual(['Resume']);
  });

  it('is resumed even when the policy has become a dry run meanwhile', () => {
    const dry = JanitorPolicySpec.parse({});
    expect(
      plan(
        { works: [noted()], pods: [], ledgers: [ledger({ attempts: [attempt({ step: 'Suspended' })] })] },
        dry,
      ).actions.map(verb),
    ).toEqual(['Resume']);
  });

  it('that has recovered is not stopped any more, and asked to go on, in case a cache was behind', () => {
    const whole = { pods: ['llama-0', 'llama-1', 'llama-2'].map((name) => makeWorkPod(name)) };
    expect(plan({ ...whole, ledgers: [ledger({ attempts: [attempt()] })] }).actions).toMatchObject([
      {
        type: 'WriteLedger',
        status: { attempts: [{ step: 'Suspended', message: 'there was nothing to restart any more' }] },
      },
    ]);
    const closing = ledger({ attempts: [attempt({ step: 'Suspended' })] });
    expect(plan({ ...whole, ledgers: [closing] }).actions.map(verb)).toEqual(['Resume']);
  });

  it('is not reserved for again while an attempt is under way', () => {
    const { actions } = plan({ ...HALF_DEAD, ledgers: [ledger({ attempts: [attempt({ step: 'Suspended' })] })] });
    expect(actions.map(verb)).toEqual(['Resume']);
  });

  it.each<[string, Partial<WorkSnapshot>]>([
    ['a NodeMove has stopped it', { works: [makeJob('Running', { 'aicluster.dev/suspended-by': 'move-1' })] }],
    [
      'a NodeMove has claimed a node of it',
      { moves: [makeMoveFacts({ nodes: [{ name: 'node-2', step: 'Claimed' }] })] },
    ],
    [
      'a NodeMove has begun with it',
      { moves: [makeMoveFacts({ gangs: [{ key: 'VolcanoJob research/llama', step: 'Asked' }] })] },
    ],
    ['its user has stopped it', { works: [makeJob('Aborted')] }],
    ['its user has deleted it', { works: [{ ...makeJob(), deleting: true }] }],
    ['nobody knows what makes its pods', { works: [] }],
    ['it uses no bucket', { namespaceBuckets: new Map() }],
    ['somebody said so on it', { works: [{ ...makeJob(), ignored: true }] }],
    ['somebody said so on a pod of it', { pods: [taken, makeWorkPod('llama-1', {}, { ignored: true }), mates[1]!] }],
    ['somebody said so on its namespace', { ignoredNamespaces: new Set(['research']) }],
  ])('is left alone when %s', (_, overrides) => {
    expect(plan({ ...HALF_DEAD, ...overrides }).actions).toEqual([]);
    expect(plan({ ...HALF_DEAD, ...overrides, ledgers: [ledger()] }).actions).toEqual([]);
  });

  it.each([
    [
      'a dry run',
      JanitorPolicySpec.parse({}),
      'dry run, nothing is done (Infrastructure: pod llama-0 was taken away (DeletionByTaintManager))',
    ],
    [
      'no more this hour',
      JanitorPolicySpec.parse({ dryRun: false, gangs: { perHour: 0 } }),
      'gangs.perHour is 0, and used up',
    ],
  ])('is only named with %s', (_, policy, words) => {
    expect(plan({ ...HALF_DEAD, ledgers: [ledger()] }, policy).actions).toEqual([]);
    expect(wordsOf({ ...HALF_DEAD, ledgers: [ledger()] }, policy)).toContain(words);
  });

  it('is left alone in an excluded namespace', () => {
    const policy = JanitorPolicySpec.parse({ dryRun: false, excludeNamespaces: ['research'] });
    expect(plan(HALF_DEAD, policy)).toMatchObject({ actions: [], findings: [] });
  });

  it('counts what was done within the hour to others', () => {
    const policy = JanitorPolicySpec.parse({ dryRun: false, gangs: { perHour: 1 } });
    const other = makeLedger(
      { attempts: [attempt({ step: 'Done' })] },
      { key: 'x/other', name: 'other', namespace: 'x' },
    );
    expect(plan({ ...HALF_DEAD, ledgers: [ledger(), other] }, policy).actions).toEqual([]);
  });

  it('is not done before its time, and then looked at again', () => {
    const early = makeWorkPod('llama-0', { phase: 'Failed' }, { endedMs: NOW - MINUTE });
    expect(plan({ pods: [early, ...mates] })).toMatchObject({ actions: [], moments: [NOW + MINUTE] });
  });
});

describe('a gang that waits for a node by name', () => {
  const pinned = makeWorkPod('llama-0', { nodeName: undefined }, { pinnedTo: ['node-9'] });

  it('is restarted, unless its own template names the node: then only its user can help', () => {
    expect(plan({ pods: [pinned, ...mates] }).actions.map(verb)).toEqual(['CreateLedger']);
    const works = [{ ...makeJob(), pinnedTo: ['node-9'] }];
    expect(plan({ works, pods: [pinned, ...mates] }).actions).toEqual([]);
    expect(wordsOf({ works, pods: [pinned, ...mates] })).toContain(
      'its own template names node node-9: only its user can change that',
    );
  });
});

describe('a gang of which a collective was reported to have timed out', () => {
  const hangs = (minutesAgo: number, pod = 'research/llama-1') => {
    const observedAtMs = NOW - minutesAgo * MINUTE;
    return { faults: [{ kind: 'NcclTimeout', severity: 'Critical', pod, observedAtMs } as const] };
  };

  it('is given its time, and then restarted whole like one that is half dead', () => {
    expect(plan(hangs(1))).toMatchObject({ actions: [], moments: [NOW + MINUTE] });
    const { actions, findings } = plan(hangs(3));
    expect(actions).toMatchObject([{ type: 'CreateLedger', name: ledgerName() }]);
    expect(findings).toMatchObject([{ state: 'GangHung', key: 'VolcanoJob research/llama' }]);
    const again = '2026-11-26T11:59:00Z';
    const due = plan({ ...hangs(3), ledgers: [ledger({ nextAt: again }, { createdAtMs: NOW - 5 * MINUTE })] });
    const reserved = { number: 1, how: 'Restart', because: 'Unknown', step: 'Reserved', reason: 'GangHung' };
    expect(due.actions).toMatchObject([{ type: 'WriteLedger', status: { attempts: [reserved] } }]);
    const suspending = plan({ ...hangs(3), ledgers: [ledger({ attempts: [attempt()] })] });
    expect(suspending.actions.map(verb)).toEqual(['Suspend']);
  });

  it('is not restarted once more for the same report: its pods are others since', () => {
    const done = [ledger({ attempts: [attempt({ step: 'Done' })] })];
    const pods = ['0', '1', '2'].map((n) => makeWorkPod(`llama-${n}`, { startedAtMs: NOW - 2 * MINUTE }));
    expect(plan({ ...hangs(3), pods, ledgers: done }).actions).toEqual([]);
  });
});

describe('work that has ended in failure', () => {
  const failed = { works: [makeJob('Failed')], pods: [] };
  const gone = makeWorkPod('llama-0', {}, {});
  const infrastructure = { ...failed, pods: [gone], deadSince: new Map([['node-0', NOW - MINUTE]]) };

  it('is copied at once when a node was to blame, away from that node', () => {
    expect(plan({ ...infrastructure, ledgers: [ledger()] }).actions).toMatchObject([
      {
        type: 'WriteLedger',
        status: { counted: 0, attempts: [{ how: 'Copy', reason: 'NodeGone', nodes: ['node-0'] }] },
      },
    ]);
    const open = ledger({ attempts: [attempt({ how: 'Copy', nodes: ['node-0'] })] });
    expect(
      plan({ ...infrastructure, ledgers: [open], hostnames: new Map([['node-0', 'ip-0']]) }).actions,
    ).toMatchObject([
      {
        type: 'CopyWork',
        kind: 'VolcanoJob',
        sources: [{ name: 'llama', uid: 'uid-llama' }],
        ask: { original: 'llama', number: 1, avoid: ['ip-0'] },
        replaces: false,
      },
    ]);
  });

  it('waits when nobody knows why, and says until when', () => {
    const [action] = plan({ ...failed, ledgers: [ledger()] }).actions;
    expect(action).toMatchObject({
      type: 'WriteLedger',
      status: { nextAt: expect.stringMatching(/^2026-11-26T12:00:(1[5-9]|2\d|30)Z$/) },
    });
    const status = action?.type === 'WriteLedger' ? action.status : {};
    expect(plan({ ...failed, ledgers: [ledger(status)] })).toMatchObject({
      actions: [],
      moments: [expect.any(Number)],
    });
    const later = planWork(makeSnapshot({ ...failed, ledgers: [ledger(status)] }), POLICY, NOW + MINUTE).actions;
    expect(later).toMatchObject([
      { type: 'WriteLedger', status: { counted: 1, attempts: [{ because: 'Unknown', how: 'Copy' }] } },
    ]);
  });

  it('is not brought back any more after three times, and says so, once there was time to hear of it', () => {
    expect(plan({ ...failed, ledgers: [ledger({ counted: 3 })] }).actions).toMatchObject([
      { status: { nextAt: expect.any(String) } },
    ]);
    expect(
      plan({ ...failed, ledgers: [ledger({ counted: 3, nextAt: '2026-11-26T12:00:00Z' })] }).actions,
    ).toMatchObject([
      {
        type: 'WriteLedger',
        status: {
          conditions: [{ type: 'Stopped', status: 'True', reason: 'Attempts' }],
          message: expect.stringContaining('3 times'),
        },
      },
    ]);
  });

  it('is not brought back when it is its own doing, and says so', () => {
    const oom = makeWorkPod('llama-0', { phase: 'Failed' }, ended(137, NOW, 'OOMKilled'));
    expect(plan({ ...failed, pods: [oom], ledgers: [ledger()] }).actions).toMatchObject([
      {
        type: 'WriteLedger',
        status: {
          conditions: [{ reason: 'Application' }],
          message: expect.stringContaining('more memory than its limit'),
        },
      },
    ]);
  });

  it('stays stopped until somebody deletes the ledger', () => {
    const conditions = [{ type: 'Stopped', status: 'True' as const, reason: 'Application' }];
    expect(plan({ ...infrastructure, ledgers: [ledger({ conditions, message: 'it is the work' })] })).toMatchObject({
      actions: [],
      findings: [{ message: expect.stringContaining('it is the work') }],
    });
  });

  it('that has been copied is history: what counts is the copy', () => {
    const done = ledger({ attempts: [attempt({ how: 'Copy', step: 'Done', copy: 'llama-r1' })] });
    expect(plan({ ...infrastructure, ledgers: [done] })).toMatchObject({ actions: [], findings: [] });
    const copy = {
      ...makeJob('Failed'),
      key: 'VolcanoJob research/llama-r1',
      name: 'llama-r1',
      uid: 'uid-copy',
      ledger: ledgerName(),
    };
    const { actions } = plan({
      ...infrastructure,
      works: [makeJob('Failed'), copy],
      ledgers: [done],
      remembered: new Map([
        [copy.key, [{ pod: { ...taken, facts: { ...taken.facts, name: 'llama-r1-0' } }, seenAtMs: NOW }]],
      ]),
    });
    expect(actions).toMatchObject([{ type: 'WriteLedger', status: { number: 2 } }]);
  });

  it('is brought back twenty times a day from what nodes do to it, and not more often', () => {
    const attempts = Array.from({ length: 20 }, (_, i) =>
      attempt({ number: i + 1, step: 'Done', how: 'Restart', at: '2026-11-26T03:00:00Z' }),
    );
    expect(plan({ ...infrastructure, ledgers: [ledger({ attempts })] }).actions).toMatchObject([
      {
        type: 'WriteLedger',
        status: { nextAt: '2026-11-27T03:00:00Z', message: expect.stringContaining('20 times within a day is enough') },
      },
    ]);
  });

  it('is not copied when the policy says so', () => {
    const policy = JanitorPolicySpec.parse({ dryRun: false, resubmission: { enabled: false } });
    expect(plan({ ...infrastructure, ledgers: [ledger()] }, policy).actions).toEqual([]);
  });

  it('that was waited with and has come back by itself waits anew the next time', () => {
    const waited = ledger({ nextAt: '2026-11-26T12:30:00Z' });
    const { actions } = plan({ ledgers: [waited] });
    expect(actions).toMatchObject([{ type: 'WriteLedger', status: { message: 'it has come back by itself' } }]);
    expect(actions[0]).not.toHaveProperty('status.nextAt');
  });
});

describe('pods that nobody owns', () => {
  const alone = (facts: object, more: Partial<WorkPod> = {}) =>
    makeWorkPod('solo-0', { gang: undefined, workload: undefined, owner: undefined, ...facts }, more);
  const evicted = alone({ phase: 'Failed' }, { statusReason: 'Evicted' });

  it('are copied when their node took them, and held until they are', () => {
    const found = plan({ works: [], pods: [evicted] });
    expect(found.actions).toMatchObject([
      { type: 'CreateLedger', spec: { work: { apiVersion: 'v1', kind: 'Pod', name: 'solo-0' } } },
    ]);
    expect([...found.holds]).toEqual(['research/solo-0']);
  });

  it.each<[string, WorkPod]>([
    ['they ended by themselves: nobody asked for another', alone({ phase: 'Failed' }, ended(1))],
    ['somebody deleted them', alone({ phase: 'Failed', deleting: true }, { deletionMs: NOW })],
    ['they run', alone({})],
  ])('are left alone when %s', (_, pod) => {
    expect(plan({ works: [], pods: [pod] })).toMatchObject({ actions: [], holds: new Set() });
  });

  it('and are a gang: copied as a whole, and what is left of it ends once the copy is there', () => {
    const group = toWorkFacts({
      ...makeWorkObject('scheduling.volcano.sh/v1beta1', 'PodGroup', { minMember: 3 }),
      metadata: { name: 'llama-pg', namespace: 'research', uid: 'uid-pg' },
    })!;
    const bare = (pod: WorkPod): WorkPod => ({
      ...pod,
      facts: { ...pod.facts, workload: undefined, owner: undefined },
    });
    const pods = HALF_DEAD.pods.map(bare);
    const first = plan({ works: [group], pods });
    expect(first.actions).toMatchObject([
      { type: 'CreateLedger', spec: { work: { kind: 'PodGroup', name: 'llama-pg' } } },
    ]);
    const name = first.actions[0]?.type === 'CreateLedger' ? first.actions[0].name : '';
    const work = { apiVersion: group.apiVersion, kind: 'PodGroup', name: 'llama-pg', uid: 'uid-pg' };
    const open = (over: Partial<Attempt>) =>
      makeLedger({ attempts: [attempt({ how: 'Copy', ...over })] }, { key: `research/${name}`, name, work });
    expect(plan({ works: [group], pods, ledgers: [open({})] }).actions).toMatchObject([
      {
        type: 'CopyWork',
        replaces: true,
        sources: [{ name: 'llama-pg' }, { name: 'llama-0' }, { name: 'llama-1' }, { name: 'llama-2' }],
      },
    ]);
    expect(plan({ works: [group], pods, ledgers: [open({ step: 'Suspended' })] }).actions).toMatchObject([
      { type: 'EvictGang', pods: [{ name: 'llama-1' }, { name: 'llama-2' }] },
    ]);
    expect(plan({ works: [group], pods: pods.slice(0, 2), podGroups: [makeGroup()] }).actions).toEqual([]);
  });
});

describe('what cannot be suspended', () => {
  const group = (number: string) => ({
    kind: 'LeaderWorkerSet' as const,
    namespace: 'research',
    name: 'llama',
    group: number,
  });
  const pods = HALF_DEAD.pods.map((pod) => ({
    ...pod,
    facts: { ...pod.facts, gang: undefined, workload: group('3') },
  }));
  const works = [toWorkFacts(makeWorkObject('leaderworkerset.x-k8s.io/v1', 'LeaderWorkerSet', {}))!];

  it('is evicted, all members of the group together, and only those that were there then', () => {
    const [first] = plan({ works, pods, podGroups: [] }).actions;
    const name = first?.type === 'CreateLedger' ? first.name : '';
    expect(name).toMatch(/^leaderworkerset-llama-3-/);
    const work = {
      apiVersion: 'leaderworkerset.x-k8s.io/v1',
      kind: 'LeaderWorkerSet',
      name: 'llama',
      uid: 'uid-llama',
    };
    const open = makeLedger({ attempts: [attempt()] }, { key: `research/${name}`, name, work });
    expect(plan({ works, pods, podGroups: [], ledgers: [open] }).actions).toMatchObject([
      { type: 'EvictGang', pods: [{ name: 'llama-1' }, { name: 'llama-2' }] },
    ]);
    const fresh = makeWorkPod('llama-1', { gang: undefined, workload: group('3'), createdAtMs: NOW });
    expect(plan({ works, pods: [fresh], podGroups: [], ledgers: [open] }).actions).toMatchObject([
      { type: 'WriteLedger', status: { attempts: [{ step: 'Done' }] } },
    ]);
  });
});

describe('ledgers', () => {
  const old = { createdAtMs: NOW - 8 * 24 * 60 * MINUTE };

  it.each<[string, Partial<WorkSnapshot>, number]>([
    ['go a week after their work', { works: [], pods: [] }, 1],
    ['go a week after their work has completed', { works: [makeJob('Completed')], pods: [] }, 1],
    ['stay while their work is there', {}, 0],
  ])('%s', (_, overrides, count) => {
    expect(
      plan({ ...overrides, ledgers: [ledger({}, old)] }).actions.filter(({ type }) => type === 'DeleteLedger'),
    ).toHaveLength(count);
  });

  it('stay while something is under way', () => {
    const actions = plan({
      works: [],
      pods: [],
      ledgers: [ledger({ attempts: [attempt({ at: '2026-11-01T00:00:00Z' })] }, old)],
    }).actions;
    expect(actions.map(verb)).toEqual(['WriteLedger']);
  });
});

it('a JanitorPod is what work is planned with', () => {
  const pod: WorkPod = toJanitorPod({
    ...{ apiVersion: 'v1', kind: 'Pod', spec: { containers: [] } },
    metadata: { name: 'solo-0', namespace: 'research', uid: 'u', resourceVersion: '1' },
    status: {
      phase: 'Failed',
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-11-26T11:00:00Z' }],
    },
  }) as JanitorPod;
  expect(pod.endedMs).toBe(NOW - 60 * MINUTE);
  expect(podWork(pod)).toMatchObject({ key: 'Pod research/solo-0', phase: 'Failed' });
});
