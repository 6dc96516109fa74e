/** The health story of a node, from objects as a cluster or a file holds them. */
import { CapacityBucket, CapacityPool, FaultReport, NodeHealthPolicy, NodeValidation } from '../../api';
import { formatTime, type KubeObject } from '../../domain/kube';
import {
  BUCKET_KEY,
  NODEGROUP_LABEL,
  POOL_LABEL,
  PROBATION_TAINT,
  VALIDATED_CONDITION,
  VERDICT_ANNOTATION,
} from '../../domain/node-keys';
import { explain } from '../explain';

const MINUTE_MS = 60_000;
const NOW_MS = Date.parse('2026-11-23T12:00:00Z');
const ago = (minutes: number) => formatTime(NOW_MS - minutes * MINUTE_MS);

const training: KubeObject = CapacityBucket.make('training', { nodes: { max: 8 }, instanceTypes: ['p5.48xlarge'] });
const pool = (source: 'Block' | 'OnDemand'): KubeObject =>
  CapacityPool.make('p5', {
    ...{ instanceType: 'p5.48xlarge', source, validation: 'Standard', nodeClassRef: { name: 'p5' } },
    ...(source === 'Block' ? { reservationId: 'cr-0abc', availabilityZone: 'us-east-2a' } : { nodes: { max: 4 } }),
  });
const policy = (remediation: object = { dryRun: false }, status: object = {}): KubeObject => ({
  ...NodeHealthPolicy.make('default', { remediation }),
  status,
});

interface Made {
  readonly closed?: boolean;
  readonly verdict?: object;
  readonly conditions?: readonly object[];
  readonly annotations?: Readonly<Record<string, string>>;
}

function makeNode(name: string, { closed = true, verdict, conditions = [], annotations = {} }: Made = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      creationTimestamp: ago(60),
      annotations: { ...annotations, ...(verdict ? { [VERDICT_ANNOTATION]: JSON.stringify(verdict) } : {}) },
      labels: {
        [POOL_LABEL]: 'p5',
        [BUCKET_KEY]: 'training',
        [NODEGROUP_LABEL]: 'training',
        'node.kubernetes.io/instance-type': 'p5.48xlarge',
      },
    },
    spec: {
      providerID: `aws:///us-east-2a/i-${name}`,
      taints: [
        { key: BUCKET_KEY, value: 'training', effect: 'NoSchedule' },
        ...(closed ? [{ key: PROBATION_TAINT, effect: 'NoSchedule', timeAdded: ago(30) }] : []),
      ],
    },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }, ...conditions],
      nodeInfo: { bootID: `boot-${name}` },
      allocatable: { cpu: '190', 'nvidia.com/gpu': '8' },
    },
  };
}

function makeValidation(name: string, nodes: readonly string[], status: object): KubeObject {
  const made = NodeValidation.make(name, { nodes: [...nodes], level: 'Standard', reason: 'New' });
  return { ...made, metadata: { ...made.metadata, creationTimestamp: ago(20) }, status };
}

const verdict = (result: string, rest: object = {}) => ({
  ...{ time: ago(10), level: 'standard', bootId: 'boot-n0', result, validation: 'new-1' },
  ...rest,
});
const validated = (status: string, message = 'said then') => ({
  ...{ type: VALIDATED_CONDITION, status, reason: 'Failed', message },
});
const recorded = (name: string, rest: object) => ({ name, providerID: `aws:///us-east-2a/i-${name}`, ...rest });
const textOf = (objects: readonly KubeObject[]) =>
  explain([training, ...objects], 'node', 'n0', NOW_MS).text.join('\n');

describe('the health of a node', () => {
  const slow = {
    ...{ startedAt: ago(20), finishedAt: ago(10), step: 'Done' },
    rounds: [
      {
        number: 1,
        startedAt: ago(20),
        finishedAt: ago(18),
        tests: [{ name: 'r1-0', check: 'OneNode', nodes: ['n0'], result: 'Pass' }],
      },
      {
        ...{ number: 2, startedAt: ago(18), finishedAt: ago(16) },
        tests: [
          { name: 'r2-0', check: 'Pair', nodes: ['n0', 'n1'], result: 'Fail', message: 'busbw 120 gb_s, expected 360' },
        ],
      },
    ],
    nodes: [
      recorded('n0', {
        ...{ bootId: 'boot-n0', result: 'Fail', reason: 'pair', measurements: 'gpu.count=8' },
        message: '0 tests with others passed, 3 failed: with n1, n2, n3',
      }),
    ],
  };
  const failed = makeNode('n0', { verdict: verdict('fail'), conditions: [validated('False')] });

  it('is its verdict and what was measured, which brake holds a failed node back until when, and the ways out', () => {
    const text = textOf([pool('Block'), policy(), failed, makeValidation('new-1', ['n0'], slow)]);
    expect(text).toContain('Node n0: Quarantined in bucket training');
    expect(text).toContain(
      `Fail at level Standard since ${ago(10)} (10m) by NodeValidation new-1; no work lands on it`,
    );
    expect(text).toContain('decided by pair\n    0 tests with others passed, 3 failed: with n1, n2, n3');
    expect(text).toContain('round 2, Pair with n1: Fail: busbw 120 gb_s, expected 360\n    measured: gpu.count=8');
    expect(text).toMatch(/held back by Quarantine: .* until 2026-11-23T12:05:00Z \(in 5m\)/);
    expect(text).toContain(`"spec":{"nodes":["n0"],"level":"Standard"}}'`);
    expect(text).toContain('kubectl annotate node n0 aicluster.dev/hold=why');
  });

  it('that failed says what its condition says when the validation is gone, and that a dry run holds it', () => {
    const text = textOf([pool('OnDemand'), policy({ dryRun: true }), failed]);
    expect(text).toContain('Failed: said then');
    expect(text).toContain('yes, but held back by DryRun: dry run: it would be replaced');
    expect(text).toContain(`kubectl patch nhp default --type merge -p '{"spec":{"remediation":{"dryRun":false}}}'`);
    expect(textOf([pool('OnDemand'), failed])).toContain('there is no NodeHealthPolicy, so nothing is ever removed');
    expect(textOf([pool('OnDemand'), policy(), failed])).toContain('nothing holds it back: Replacement:');
  });

  it('names the reset when the breaker has tripped', () => {
    const conditions = [{ type: 'Tripped', status: 'True', reason: 'TooManyTurnedBad', lastTransitionTime: ago(9) }];
    const text = textOf([pool('OnDemand'), policy({ dryRun: false }, { conditions }), failed]);
    expect(text).toContain('held back by Breaker');
    expect(text).toContain('kubectl annotate nhp default aicluster.dev/reset=');
  });

  it('being found out is told by step and round, what is known already, and which check pods are waited for', () => {
    const status = {
      ...{ startedAt: ago(3), step: 'Pairs' },
      nodes: [recorded('n0', { bootId: 'boot-n0', message: 'gpu.temp: warm' })],
      rounds: [{ number: 2, startedAt: ago(1), tests: [{ name: 'r2-0', check: 'Pair', nodes: ['n0', 'n1'] }] }],
    };
    const pod = {
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: {
        ...{ name: 'new-2-r2-0-0', namespace: 'aicluster-validation' },
        labels: { 'aicluster.dev/validation': 'new-2', 'aicluster.dev/test': 'r2-0' },
      },
      spec: { nodeName: 'n0', containers: [] },
      status: { containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }] },
    };
    const text = textOf([
      pool('OnDemand'),
      policy(),
      makeNode('n0'),
      makeValidation('new-2', ['n0', 'n1'], status),
      pod,
    ]);
    expect(text).toContain('Node n0: Validating in bucket training');
    expect(text).toContain(`NodeValidation new-2 (New, level Standard, 2 nodes) since ${ago(3)} (3m): Pairs, round 2`);
    expect(text).toContain('of this node: gpu.temp: warm');
    expect(text).toContain('waits for 1 test of round 2');
    expect(text).toContain('waits for check pod aicluster-validation/new-2-r2-0-0: ImagePullBackOff');
  });

  it('between rounds waits for a partner as long as the policy says', () => {
    const rounds = [{ number: 1, startedAt: ago(6), finishedAt: ago(5), tests: [] }];
    const status = { startedAt: ago(6), step: 'OneNode', nodes: [recorded('n0', {})], rounds };
    const text = textOf([pool('OnDemand'), policy(), makeNode('n0'), makeValidation('new-2', ['n0'], status)]);
    expect(text).toContain('a free partner until 2026-11-23T12:10:00Z (in 10m)');
  });

  it('of a newcomer tells with whom it waits to be proved', () => {
    expect(textOf([pool('OnDemand'), policy(), makeNode('n0')])).toContain('waits for the node-health controller');
    const young = makeNode('n0', {});
    young.spec.taints[1].timeAdded = ago(0.5);
    expect(textOf([pool('OnDemand'), policy(), young])).toContain(
      'waits for others to be proved with, until 2026-11-23T12:00:30Z (in 30s)',
    );
  });

  it('is what the agent and FaultReports say, what became of it, and that it should leave', () => {
    const working = makeNode('n0', {
      closed: false,
      verdict: verdict('pass'),
      conditions: [{ type: 'NetworkingReady', status: 'False', reason: 'InterfaceNotUp', lastTransitionTime: ago(2) }],
    });
    const made = FaultReport.make('f', { node: 'n0', kind: 'Xid', code: 79, severity: 'Critical', observedAt: ago(1) });
    const report = { ...made, metadata: { name: 'f', namespace: 'aicluster-system', creationTimestamp: ago(1) } };
    const text = textOf([pool('OnDemand'), policy(), working, report]);
    expect(text).toContain(`Agent: NetworkingReady since ${ago(2)} (2m): Counted: NetworkingReady is False`);
    expect(text).toContain(`Person: Xid 79 since ${ago(1)} (1m): Counted: XID 79`);
    expect(text).toContain('Pass at level Standard');
    expect(text).toContain('it is to be proved again, and leaves its work at once, with a checkpoint: NetworkingReady');
    expect(text).toContain('Ways out');
  });

  describe('that is closed and works', () => {
    const pod = (owner: string) => ({
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: {
        name: 'p',
        namespace: 'x',
        ownerReferences: [{ apiVersion: 'example.com/v1', kind: owner, name: 'o', uid: 'u', controller: true }],
      },
      spec: { nodeName: 'n0', containers: [{ name: 'c', resources: { requests: { 'nvidia.com/gpu': '8' } } }] },
      status: { phase: 'Running' },
    });
    const closed = makeNode('n0', { verdict: verdict('pass', { time: ago(50) }) });

    it('tells until when the end of its work is waited for, though nothing is said of it any more', () => {
      expect(textOf([pool('OnDemand'), policy(), closed, pod('PyTorchJob')])).toContain(
        'closed; the end of the work on it is waited for, until 2026-11-24T11:30:00Z at the latest: it is closed, and what it was closed for does not count any more',
      );
    });

    it('tells what keeps it when that does not end, and how to have it proved all the same', () => {
      const text = textOf([pool('OnDemand'), policy({ dryRun: false, maxNodes: 0 }), closed, pod('ReplicaSet')]);
      expect(text).toContain('held back by AtOnce: 0 nodes of fleet are away for their health, 0 may be');
      expect(text).toContain('"level":"Standard","atOnce":true}');
    });

    it('tells what the validation waits for that a person has made', () => {
      const message = 'waits: n0: bucket training has 1 nodes at work and keeps at least 1';
      const text = textOf([
        pool('OnDemand'),
        policy(),
        closed,
        pod('Job'),
        makeValidation('mine', ['n0'], { message }),
      ]);
      expect(text).toContain('waits for n0: bucket training has 1 nodes at work');
    });
  });

  it('in order is one line, without ways out', () => {
    const text = textOf([
      pool('OnDemand'),
      policy(),
      makeNode('n0', { closed: false, verdict: verdict('pass', { provisional: true }) }),
    ]);
    expect(text).toContain('provisionally: the test with a partner is owed');
    expect(text).not.toContain('Ways out');
  });

  it('of a node that was tried in vain is a person’s to decide, and how to have it replaced', () => {
    const vain = (name: string) =>
      makeValidation(name, ['n0'], {
        ...{ startedAt: ago(20), finishedAt: ago(10), step: 'Done' },
        nodes: [recorded('n0', { bootId: 'boot-n0', result: 'Unreliable', reason: 'message', message: 'it hung' })],
      });
    const node = makeNode('n0', { verdict: verdict('unreliable'), conditions: [validated('Unknown')] });
    const text = textOf([pool('OnDemand'), policy(), node, vain('new-0'), vain('new-1')]);
    expect(text).toContain('Node n0: Suspect in bucket training');
    expect(text).toContain('2 validations of this boot said nothing of it; it is tried 2 times, then a person decides');
    expect(text).toContain('"kind":"NodeMove"');
  });
});
