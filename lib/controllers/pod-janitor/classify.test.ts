import { makeNodeFacts, taint } from '../../fleet/testing';
import { classify } from './classify';
import type { Attempt } from './ledger';
import { ended, makeSnapshot, makeWorkPod, MINUTE, NOW } from './testing-work';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

const failed = (name: string, more: Partial<WorkPod>, facts: object = {}) =>
  makeWorkPod(name, { phase: 'Failed', ...facts }, more);
const nodes = (facts: object) => new Map([['node-0', makeNodeFacts({ name: 'node-0', ...facts })]]);
const of = (pods: readonly WorkPod[], evidence: Partial<WorkSnapshot> = {}, earlier: readonly Attempt[] = []) =>
  classify(pods, earlier, makeSnapshot(evidence));
const fault = (minutes: number, severity: 'Critical' | 'Warning' = 'Critical') => ({
  faults: [{ node: 'node-0', kind: 'Xid', severity, observedAtMs: NOW - minutes * MINUTE } as const],
  nodes: nodes({}),
});
/** An attempt before, whose first pod ended so. */
const before = (node: string, code: number): Attempt => ({
  ...{ number: 1, id: 'a', how: 'Copy', because: 'Unknown', at: '2026-11-26T11:00:00Z', step: 'Done' },
  exitCodes: [{ node, code }],
});

describe('the infrastructure is to blame', () => {
  it.each<[string, WorkPod, Partial<WorkSnapshot>, string, readonly string[]]>([
    [
      'when the pod was taken away',
      failed('llama-0', { disruption: 'DeletionByTaintManager' }),
      {},
      'DeletionByTaintManager',
      [],
    ],
    ['when its kubelet was lost', failed('llama-0', { statusReason: 'NodeLost' }), {}, 'NodeLost', []],
    ['when its node was shut down', failed('llama-0', { statusReason: 'NodeShutdown' }), {}, 'NodeShutdown', []],
    ['when it was evicted by its kubelet', failed('llama-0', { statusReason: 'Evicted' }), {}, 'Evicted', []],
    [
      'when its node is gone or its instance dead',
      makeWorkPod('llama-0'),
      { deadSince: new Map([['node-0', NOW]]) },
      'NodeGone',
      ['node-0'],
    ],
    [
      'when its node is on probation',
      failed('llama-0', ended(1)),
      { nodes: nodes({ taints: [taint('aicluster.dev/probation')] }) },
      'NodeSuspected',
      ['node-0'],
    ],
    [
      'when its node has failed its checks',
      failed('llama-0', ended(1)),
      { nodes: nodes({ validated: 'False' }) },
      'NodeSuspected',
      ['node-0'],
    ],
    ['when its node was reported around its end', failed('llama-0', ended(1)), fault(19), 'FaultReported', ['node-0']],
  ])('%s', (...[, pod, evidence, reason, suspects]) => {
    expect(of([pod, makeWorkPod('llama-1')], evidence)).toMatchObject({
      because: 'Infrastructure',
      reason,
      nodes: suspects,
    });
  });

  it('whatever its mates ended with: they followed', () => {
    const mates = ['llama-1', 'llama-2'].map((name) => failed(name, ended(1, NOW - 9 * MINUTE)));
    expect(of([makeWorkPod('llama-0'), ...mates], { deadSince: new Map([['node-0', NOW]]) })).toMatchObject({
      because: 'Infrastructure',
      message: 'pod llama-0 was on node node-0, which is gone or has ended',
      exitCodes: [
        { node: 'node-1', code: 1 },
        { node: 'node-2', code: 1 },
      ],
    });
  });

  it.each([
    ['a report long before', fault(40)],
    ['a report of something that went on', fault(10, 'Warning')],
  ])('but not because of %s', (_, evidence) => {
    expect(of([failed('llama-0', ended(1))], evidence).because).toBe('Unknown');
  });

  it('but not because of what happened to pods of the round before', () => {
    const taken = failed('llama-0', { ...ended(1, NOW - 50 * MINUTE), disruption: 'DeletionByTaintManager' });
    const later = failed('llama-1', ended(1), { createdAtMs: NOW - 40 * MINUTE });
    expect(of([taken, later]).because).not.toBe('Infrastructure');
  });
});

describe('the work itself is to blame', () => {
  it('when it used more memory than its limit', () => {
    expect(of([failed('llama-0', ended(137, NOW, 'OOMKilled'))])).toMatchObject({
      because: 'Application',
      reason: 'OOMKilled',
    });
  });

  it('when it ended with the same exit code on two nodes, one after the other', () => {
    const first = failed('llama-0', ended(3, NOW - 50 * MINUTE));
    const second = failed('llama-1', ended(3), { createdAtMs: NOW - 40 * MINUTE });
    expect(of([first, second])).toMatchObject({
      because: 'Application',
      message: 'it ended with exit code 3 on node node-0 and again on node node-1: it is the work, not a node',
    });
  });

  it('when it ended so on another node in an attempt before', () => {
    expect(of([failed('llama-0', ended(3))], {}, [before('node-7', 3)]).because).toBe('Application');
  });
});

describe('it cannot be told', () => {
  it.each<[string, readonly WorkPod[], readonly Attempt[]]>([
    ['when it ended with a code for the first time', [failed('llama-0', ended(3))], []],
    [
      'when its mates ended with the same code: they followed the first',
      ['llama-0', 'llama-1'].map((name) => failed(name, ended(3))),
      [],
    ],
    [
      'when its mates were made in the very second in which the first ended',
      ['llama-0', 'llama-1'].map((name) => failed(name, ended(3, NOW), { createdAtMs: NOW })),
      [],
    ],
    ['when it ended so on the same node before', [failed('llama-0', ended(3))], [before('node-0', 3)]],
    ['when it ended otherwise before', [failed('llama-0', ended(3))], [before('node-7', 4)]],
    ['when somebody killed it, twice', [failed('llama-0', ended(137))], [before('node-7', 137)]],
    [
      'when that was the infrastructure before',
      [failed('llama-0', ended(3))],
      [{ ...before('node-7', 3), because: 'Infrastructure' }],
    ],
    ['when nothing is left to look at', [], []],
  ])('%s', (_, pods, earlier) => {
    expect(of(pods, {}, earlier).because).toBe('Unknown');
  });

  it('and the node of the first is avoided: on another one it will be seen', () => {
    expect(of([failed('llama-1', ended(3, NOW)), failed('llama-0', ended(4, NOW - MINUTE))])).toMatchObject({
      reason: 'ExitCode4',
      nodes: ['node-0'],
    });
  });
});
