/** One validation, step by step: rounds begin, are waited for, settle, and end in verdicts; nothing hangs for ever. */
import type { NodeValidationStatus } from '../../api';
import { formatTime } from '../../domain/kube';
import type { Settled } from './answers';
import { stepRun, type Judged, type Next, type RunInput } from './run';
import type { CheckPodFacts } from './snapshot';
import { makeCheckPod, makeHealthNode, makeValidation, NOW_MS } from './testing-fleet';

const MINUTE_MS = 60_000;
const ago = (ms: number) => formatTime(NOW_MS - ms);
const pass = (round: readonly Settled[]): Judged[] => round.map(() => ({ result: 'Pass' }));

interface Given {
  readonly nodes?: readonly string[];
  readonly status?: NodeValidationStatus;
  readonly pods?: readonly CheckPodFacts[];
  readonly without?: readonly string[];
  readonly rebooted?: readonly string[];
  readonly busy?: readonly string[];
  readonly elsewhere?: RunInput['elsewhere'];
  readonly judge?: RunInput['judge'];
  readonly next?: Next;
}

function step({ nodes = ['a', 'b'], status = {}, pods = [], ...given }: Given) {
  const facts = nodes
    .filter((name) => !given.without?.includes(name))
    .map((name) => makeHealthNode(name, given.rebooted?.includes(name) ? { bootId: 'another' } : {}).facts);
  return stepRun({
    validation: makeValidation(nodes, status),
    nodes: new Map(facts.map((node) => [node.name, node] as const)),
    pods: new Map(pods.map((pod) => [pod.name, pod] as const)),
    times: { startMs: 20 * MINUTE_MS, runMs: 30 * MINUTE_MS },
    isFree: (name) => !given.busy?.includes(name),
    elsewhere: given.elsewhere ?? new Map(),
    judge: given.judge ?? pass,
    search: () => given.next ?? { verdicts: new Map() },
    nowMs: NOW_MS,
  });
}

/** A validation whose first round began some time ago. */
function inFirstRound(nodes: readonly string[] = ['a', 'b'], beganMs = 2 * MINUTE_MS): NodeValidationStatus {
  return {
    step: 'OneNode',
    startedAt: ago(beganMs),
    nodes: nodes.map((name) => ({ name, providerID: `aws:///us-east-2a/i-${name}`, bootId: `boot-${name}` })),
    rounds: [
      {
        number: 1,
        startedAt: ago(beganMs),
        tests: nodes.map((name, i) => ({ name: `r1-${i}`, check: 'OneNode', nodes: [name] })),
      },
    ],
  };
}

const said = (test: string, rank = 0) => makeCheckPod(test, rank, { ended: true, endedMs: NOW_MS, message: '{}' });

describe('a run begins', () => {
  it('with one test for each node that is there and free', () => {
    const { status, pods } = step({ nodes: ['a', 'b', 'c'], without: ['b'], busy: ['c'] });
    expect(pods).toEqual([]);
    expect(status).toMatchObject({
      step: 'OneNode',
      rounds: [{ number: 1, tests: [{ check: 'OneNode', nodes: ['a'] }] }],
    });
    expect(status!.nodes!.map(({ name, result, reason }) => [name, result, reason])).toEqual([
      ['a', undefined, undefined],
      ['b', 'Unreliable', 'NoNode'],
      ['c', 'Unreliable', 'NotFree'],
    ]);
  });

  it('and is over at once when none of its nodes is there', () => {
    const { status } = step({ without: ['a', 'b'] });
    expect(status).toMatchObject({ step: 'Done', unreliable: 2, finishedAt: formatTime(NOW_MS) });
  });
});

describe('a round under way', () => {
  it('wants the pods that are not there, each once, and looks again when it is too late for them', () => {
    const { pods, againMs, status } = step({ status: inFirstRound(), pods: [makeCheckPod('r1-0', 0)] });
    expect(status).toBeUndefined();
    expect(pods.map(({ test, rank, node }) => [test.name, rank, node.name])).toEqual([['r1-1', 0, 'b']]);
    expect(againMs).toBe(NOW_MS + 18 * MINUTE_MS);
  });

  it('is settled when every node has answered: results in one write, then the next round', () => {
    const { status, settled } = step({ status: inFirstRound(), pods: [said('r1-0'), said('r1-1')] });
    expect(settled).toHaveLength(2);
    expect(status!.rounds![0]).toMatchObject({
      finishedAt: formatTime(NOW_MS),
      tests: [{ result: 'Pass' }, { result: 'Pass' }],
    });
    const next = step({ status: status!, next: { tests: [{ check: 'Pair', nodes: ['a', 'b'] }] } });
    expect(next.status).toMatchObject({
      step: 'Pairs',
      rounds: [{}, { number: 2, tests: [{ name: 'r2-0', nodes: ['a', 'b'] }] }],
    });
  });

  const answers: [string, Partial<CheckPodFacts>, string][] = [
    ['a pod that was preempted says nothing of its node', { ended: true, reason: 'Preempting' }, 'Lost'],
    ['a pod that ended without a word is unreliable', { ended: true, reason: 'Error' }, 'Unreliable'],
    [
      'a pod that the kubelet ended for its deadline is unreliable',
      { ended: true, reason: 'DeadlineExceeded' },
      'Unreliable',
    ],
    ['a pod that runs too long hangs', { ranSinceMs: NOW_MS - 31 * MINUTE_MS }, 'Unreliable'],
    [
      'a pod whose image cannot be pulled is given up after three minutes',
      { ranSinceMs: undefined, waiting: 'ImagePullBackOff', createdMs: NOW_MS - 4 * MINUTE_MS },
      'Unreliable',
    ],
  ];
  it.each(answers)('%s', (_, pod, kind) => {
    let seen: readonly Settled[] = [];
    const judge = (round: readonly Settled[]) => (seen = round).map((): Judged => ({ result: 'Unreliable' }));
    step({ nodes: ['a'], status: inFirstRound(['a'], 40 * MINUTE_MS), pods: [makeCheckPod('r1-0', 0, pod)], judge });
    expect(seen[0]!.answers[0]!.kind).toBe(kind);
  });

  it.each([
    ['a node that is gone', { without: ['a'] }],
    ['a node that was rebooted meanwhile', { rebooted: ['a'] }],
  ])('%s loses its test', (_, given) => {
    let seen: readonly Settled[] = [];
    const judge = (round: readonly Settled[]) => (seen = round).map((): Judged => ({ result: 'Lost' }));
    step({ nodes: ['a'], status: inFirstRound(['a']), pods: [makeCheckPod('r1-0', 0)], judge, ...given });
    expect(seen[0]!.answers).toMatchObject([{ kind: 'Lost', node: 'a' }]);
  });

  it('does not wait the whole time for one that hangs when its peers took a minute', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e'];
    const status = inFirstRound(nodes, 10 * MINUTE_MS);
    const quick = nodes.slice(0, 4).map((_, i) =>
      makeCheckPod(`r1-${i}`, 0, {
        ended: true,
        message: '{}',
        ranSinceMs: NOW_MS - 9 * MINUTE_MS,
        endedMs: NOW_MS - 8 * MINUTE_MS,
      }),
    );
    const hanging = makeCheckPod('r1-4', 0, { ranSinceMs: NOW_MS - 9 * MINUTE_MS });
    expect(step({ nodes, status, pods: [...quick, hanging] }).settled).toHaveLength(5);
    const young = makeCheckPod('r1-4', 0, { ranSinceMs: NOW_MS - 2 * MINUTE_MS });
    expect(step({ nodes, status, pods: [...quick, young] }).againMs).toBe(NOW_MS + MINUTE_MS);
  });
});

describe('a run ends', () => {
  const settledRound = (results: readonly Judged['result'][]): NodeValidationStatus => {
    const status = inFirstRound();
    const [round] = status.rounds!;
    return {
      ...status,
      rounds: [
        { ...round!, finishedAt: ago(0), tests: round!.tests.map((test, i) => ({ ...test, result: results[i]! })) },
      ],
    };
  };

  it('for nodes that did not pass by themselves, before they meet another', () => {
    const { status } = step({ status: settledRound(['Fail', 'Unreliable']) });
    expect(status).toMatchObject({ step: 'Done', failed: 1, unreliable: 1 });
  });

  it('with what the search says of the others', () => {
    const verdicts = new Map([
      ['a', { result: 'Pass' as const, provisional: true }],
      ['b', { result: 'Fail' as const, reason: 'pair' }],
    ]);
    const { status } = step({ status: settledRound(['Pass', 'Pass']), next: { verdicts, message: 'words' } });
    expect(status).toMatchObject({ passed: 1, failed: 1, message: '1 passed, 1 failed, 0 unreliable: words' });
    expect(status!.nodes).toMatchObject([
      { result: 'Pass', provisional: true },
      { result: 'Fail', reason: 'pair' },
    ]);
  });

  it('for a node nobody judged as unreliable, never as healthy', () => {
    const { status } = step({ status: settledRound(['Pass', 'Pass']), next: { verdicts: new Map() } });
    expect(status!.nodes!.map(({ result, reason }) => [result, reason])).toEqual([
      ['Unreliable', 'NoVerdict'],
      ['Unreliable', 'NoVerdict'],
    ]);
  });

  it('and nothing happens any more', () => {
    expect(step({ status: { ...settledRound(['Pass', 'Pass']), finishedAt: ago(0) } })).toEqual({ pods: [] });
  });

  it('waits for a partner as long as the search says', () => {
    const untilMs = NOW_MS + 15 * MINUTE_MS;
    expect(step({ status: settledRound(['Pass', 'Pass']), next: { untilMs } })).toMatchObject({
      againMs: untilMs,
      pods: [],
    });
  });
});
