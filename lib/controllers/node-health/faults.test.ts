import * as fc from 'fast-check';
import { seedOf } from '../../../test/seed';
import { faultOfEvent, faultOfReport, faultsOfConditions, faultsOfStatus, REPORT_KINDS, type Fault } from './faults';
import type { InstanceStatus } from '../../runtime/ports';
import { reckon } from './reports';
import type { XidWord } from './severity';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const at = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}/, '');

describe('a FaultReport', () => {
  const report = (spec: object, created = at(NOW - 1000)) => ({
    metadata: { name: 'r', namespace: 'team-a', creationTimestamp: created },
    spec: { kind: 'NcclTimeout', pod: 'p', observedAt: at(NOW - 5000), ...spec },
  });
  const workload = { podNode: 'n1', owner: 'job-1', person: false };

  it('is about the node of its pod', () => {
    expect(faultOfReport(report({}), workload, NOW)).toEqual({
      ...{ id: 'report team-a/r', node: 'n1', source: 'Workload', kind: 'NcclTimeout', loudness: 'Warning' },
      ...{ atMs: NOW - 5000, namespace: 'team-a', owner: 'job-1' },
    });
  });

  it.each([
    ['another node than its pod', report({ node: 'n2' }), workload, 'pod p runs on n1, not on n2'],
    ['a pod that is not there', report({}), { person: false }, 'pod p is not there'],
    [
      'a node without a pod, by a workload',
      report({ pod: undefined, node: 'n2' }),
      { person: false },
      'a workload must name the pod that saw it',
    ],
    ['nothing, by a person', report({ pod: undefined }), { person: true }, 'it names neither node nor pod'],
    [
      'an XID without its number',
      report({ kind: 'Xid' }),
      workload,
      'kind Xid needs code: the number that the driver printed',
    ],
    ['a kind nobody knows', report({ kind: 'Gremlins' }), workload, 'it has no name, no namespace or no known kind'],
  ])('that names %s is refused with a sentence', (_, made, origin, refused) => {
    expect(faultOfReport(made, origin, NOW)).toEqual({ refused });
  });

  it('of a person may name a node', () => {
    expect(faultOfReport(report({ pod: undefined, node: 'n2' }), { person: true }, NOW)).toMatchObject({
      node: 'n2',
      source: 'Person',
    });
  });

  it('cannot come from the future', () => {
    const early = faultOfReport(report({ observedAt: '2099-01-01T00:00:00Z' }), workload, NOW);
    expect(early).toMatchObject({ atMs: NOW - 1000 });
    expect(faultOfReport(report({}, at(NOW + 3_600_000)), workload, NOW)).toMatchObject({ atMs: NOW - 5000 });
  });
});

describe("the agent's words", () => {
  const node = (conditions: unknown) => ({ metadata: { name: 'n1' }, status: { conditions } });
  const event = (over: object = {}) => ({
    metadata: { name: 'e', namespace: 'default' },
    type: 'Warning',
    reason: 'AcceleratedHardwareReady',
    note: 'NvidiaXID94Warning: detected XID 94',
    regarding: { kind: 'Node', name: 'n1' },
    deprecatedSource: { component: 'eks-node-monitoring-agent' },
    deprecatedLastTimestamp: at(NOW - 3000),
    ...over,
  });

  it('are conditions that are False, and nothing else', () => {
    const conditions = [
      { type: 'StorageReady', status: 'True' },
      { type: 'NetworkingReady', status: 'Unknown' },
      { type: 'Ready', status: 'False' },
      {
        type: 'AcceleratedHardwareReady',
        status: 'False',
        reason: 'NvidiaXID79Error',
        lastTransitionTime: at(NOW - 60_000),
      },
    ];
    expect(faultsOfConditions(node(conditions), NOW)).toEqual([
      {
        ...{
          id: 'condition n1 AcceleratedHardwareReady',
          node: 'n1',
          source: 'Agent',
          kind: 'AcceleratedHardwareReady',
        },
        ...{ loudness: 'Critical', code: 79, atMs: NOW - 60_000 },
      },
    ]);
  });

  it('are Events whose reason is a condition and whose message begins with the reason', () => {
    const said = { node: 'n1', source: 'Agent', loudness: 'Warning', atMs: NOW - 3000 };
    expect(faultOfEvent(event(), NOW)).toEqual({ ...said, id: 'event n1 NvidiaXID94Warning', kind: 'Xid', code: 94 });
    const efa = { reason: 'NetworkingReady', note: 'EFAErrorMetric: rx_drops rose' };
    expect(faultOfEvent(event(efa), NOW)).toEqual({ ...said, id: 'event n1 EFAErrorMetric', kind: 'EfaError' });
  });

  it.each([
    ['of another component', { deprecatedSource: { component: 'me' } }],
    ['in a namespace of a tenant', { metadata: { name: 'e', namespace: 'team-a' } }],
    ['about a pod', { regarding: { kind: 'Pod', name: 'n1' } }],
    ['that are no warning', { type: 'Normal' }],
    ['about limits of the work', { reason: 'StorageReady', note: 'EBSVolumeIOPSExceeded: …' }],
    ['without a reason of the agent', { note: 'all is lost' }],
  ])('are not Events %s', (_, over) => {
    expect(faultOfEvent(event(over), NOW)).toBeUndefined();
  });
});

describe("EC2's words", () => {
  const status = { instanceId: 'i-1', system: 'ok', instance: 'ok', attachedStorage: 'ok', events: [] };

  it('come in the shape of the port', () => {
    const asPort: InstanceStatus = { ...status, state: 'running' };
    expect(faultsOfStatus('n1', asPort, NOW)).toEqual([]);
  });

  it('are checks that are impaired; initializing and insufficient-data are no news', () => {
    expect(
      faultsOfStatus('n1', { ...status, instance: 'initializing', attachedStorage: 'insufficient-data' }, NOW),
    ).toEqual([]);
    expect(faultsOfStatus('n1', { ...status, system: 'impaired', impairedSinceMs: NOW - 1 }, NOW)).toEqual([
      {
        id: 'ec2 i-1 SystemStatus',
        node: 'n1',
        source: 'Ec2',
        kind: 'SystemStatus',
        loudness: 'Critical',
        atMs: NOW - 1,
      },
    ]);
  });

  it('are scheduled events that are not over', () => {
    const events = [
      { code: 'system-reboot', id: 'e1', notBeforeMs: NOW - 1, description: '[Completed] maintenance' },
      { code: 'instance-retirement', id: 'e2', notBeforeMs: NOW + 5, description: 'The host is degraded' },
      { code: 'system-reboot', id: 'e3', notBeforeMs: NaN },
    ];
    const found = faultsOfStatus('n1', { ...status, events }, NOW);
    expect(found.map(({ kind, dueMs }) => [kind, dueMs])).toEqual([
      ['instance-retirement', NOW + 5],
      ['system-reboot', undefined],
    ]);
  });
});

/** Anything at all, and things that almost are what they should be. */
const anything = fc.anything({ maxDepth: 3, withBigInt: true, withDate: true, withNullPrototype: true });
const word = (...words: unknown[]) =>
  fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...words) }, { weight: 1, arbitrary: anything });
const time = word(at(NOW), at(NOW - 60_000), '2099-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '17', '', 'yesterday', -1);
const metadata = fc.record({
  name: word('n1', 'n2', 'r1', '', 'x'.repeat(300), '__proto__'),
  namespace: word('team-a', 'default', ''),
  creationTimestamp: time,
});
const malformed = fc.record(
  {
    metadata: fc.oneof({ weight: 30, arbitrary: metadata }, anything),
    type: word('Warning', 'Normal'),
    reason: word('AcceleratedHardwareReady', 'constructor'),
    note: word('NvidiaXID79Error: fell off', 'NvidiaXID0Error:', 'NvidiaXID99999999Error: x', ':', 'toString: x'),
    regarding: fc.oneof({ weight: 30, arbitrary: fc.record({ kind: word('Node'), name: word('n1', 'n2') }) }, anything),
    source: fc.oneof({ weight: 30, arbitrary: fc.record({ component: word('eks-node-monitoring-agent') }) }, anything),
    spec: fc.oneof(
      {
        weight: 30,
        arbitrary: fc.record(
          {
            ...{ node: word('n1', 'n2', ''), pod: word('p1', ''), kind: word(...REPORT_KINDS, 'constructor') },
            ...{ code: word(79, 0, -1, 1.5, NaN, 1e308, '79'), severity: word('Info', 'Warning', 'Critical') },
            ...{ observedAt: time, message: anything },
          },
          { requiredKeys: [] },
        ),
      },
      anything,
    ),
    status: fc.oneof(
      {
        weight: 30,
        arbitrary: fc.record({
          conditions: fc.oneof(
            {
              weight: 30,
              arbitrary: fc.array(
                fc.oneof(
                  {
                    weight: 30,
                    arbitrary: fc.record({
                      type: word('AcceleratedHardwareReady', 'StorageReady', 'Ready'),
                      status: word('False', 'True', 'Unknown'),
                      ...{ reason: word('NvidiaXID79Error', 'x'), lastTransitionTime: time },
                    }),
                  },
                  anything,
                ),
                { maxLength: 4 },
              ),
            },
            anything,
          ),
        }),
      },
      anything,
    ),
  },
  { requiredKeys: ['metadata', 'regarding', 'reason', 'type', 'source'] },
);
const origin = fc.record({
  podNode: fc.constantFrom(undefined, 'n1'),
  owner: fc.constantFrom(undefined, 'job'),
  person: fc.boolean(),
});

describe('malformed input', () => {
  it('never breaks anything, and leads to nothing stronger than measuring again: 10,000 of them', () => {
    const xidOf = (): XidWord => ({ class: 'Replace', severity: 'Critical' });
    let read = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: malformed }, anything), origin, (object, from) => {
        const report = faultOfReport(object, from, NOW);
        const event = faultOfEvent(object, NOW);
        const found: Fault[] = [
          ...('refused' in report ? [] : [report]),
          ...faultsOfConditions(object, NOW),
          ...(event ? [event] : []),
        ];
        read += found.length;
        for (const fault of found) {
          expect(fault.node).toMatch(/^[a-z0-9][-.a-z0-9]{0,252}$/);
          expect(Number.isFinite(fault.atMs) && fault.atMs <= NOW).toBe(true);
          if (fault.code !== undefined) expect(fault.code).toBeGreaterThan(0);
        }
        const none = new Map<string, number>();
        const context = { nowMs: NOW, sinceMs: none, disprovedMs: none, runsOn: none, perNodePerHour: 12, xidOf };
        for (const { action } of reckon(found, context).nodes) expect(['Validate', 'None']).toContain(action);
      }),
      { numRuns: 10_000, ...seedOf('malformed reports, conditions and events') },
    );
    // A fuzzer whose input is all refused at the door proves nothing about the rooms behind it.
    expect(read).toBeGreaterThan(1000);
  });
});
