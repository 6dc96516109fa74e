import { findXid } from '../../catalog/xids';
import type { Fault } from './faults';
import { EVENT_NEAR_MS, LAST_CALL_MS, noticeOf, REPAIR_AFTER_MS, severityOf, type XidWord } from './severity';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const MINUTE = 60_000;
const XIDS: Readonly<Record<number, XidWord>> = {
  13: { class: 'Application', severity: 'Info' },
  43: { class: 'Ignore', severity: 'Info' },
  48: { class: 'Reset', severity: 'Critical' },
  63: { class: 'Monitor', severity: 'Warning' },
  64: { class: 'Replace', severity: 'Critical' },
  79: { class: 'Reboot', severity: 'Critical' },
  94: { class: 'Application', severity: 'Warning' },
};
const xidOf = (code: number): XidWord => XIDS[code] ?? { class: 'Monitor', severity: 'Warning' };
const fault = (one: Partial<Fault>): Fault => ({
  ...{ id: 'f', node: 'n', source: 'Workload', kind: 'Other', loudness: 'Warning', atMs: NOW },
  ...one,
});
const severity = (one: Partial<Fault>): string => severityOf(fault(one), xidOf, NOW).severity;

describe('when a node leaves work', () => {
  it.each([
    [79, 'Agent', 'Now'],
    [64, 'Check', 'Now'],
    [48, 'Person', 'Now'],
    [48, 'Workload', 'NextCheckpoint'],
    [63, 'Agent', 'EndOfGang'],
    [94, 'Agent', 'Watch'],
    [13, 'Workload', 'Watch'],
    [43, 'Agent', 'Watch'],
    [9998, 'Agent', 'EndOfGang'],
  ] as const)('XID %i by %s: %s', (code, source, expected) => {
    expect(severity({ kind: 'Xid', code, source })).toBe(expected);
  });

  it('follows the catalog: what the hardware needs is at once, XID 63 is only watched for more', () => {
    const said = (code: number) => severityOf(fault({ kind: 'Xid', code, source: 'Check' }), findXid, NOW);
    for (const code of [48, 64, 79, 95, 119]) expect([code, said(code).severity]).toEqual([code, 'Now']);
    expect(said(63)).toMatchObject({ severity: 'EndOfGang', quiet: true });
    for (const code of [13, 31, 43]) expect([code, said(code).severity]).toEqual([code, 'Watch']);
  });

  it('is at once when EKS has given notice of ten minutes, whatever is left of them', () => {
    for (const agoMs of [0, MINUTE, 9 * MINUTE, 60 * MINUTE]) {
      const broken = fault({ source: 'Agent', kind: 'AcceleratedHardwareReady', atMs: NOW - agoMs });
      expect(severityOf(broken, xidOf, NOW)).toMatchObject({
        severity: 'Now',
        goneAtMs: NOW - agoMs + 10 * MINUTE,
        why: expect.stringContaining('EKS replaces the node at'),
      });
    }
  });

  it.each(['ContainerRuntimeReady', 'KernelReady', 'NetworkingReady', 'StorageReady'])(
    '%s gives half an hour: the next checkpoint, until too little is left to wait for one',
    (kind) => {
      expect(severity({ source: 'Agent', kind, atMs: NOW })).toBe('NextCheckpoint');
      expect(severity({ source: 'Agent', kind, atMs: NOW - 30 * MINUTE + LAST_CALL_MS })).toBe('Now');
    },
  );

  it('takes a notice of broken accelerators from the agent alone: nobody else may evict a gang by its name', () => {
    for (const kind of Object.keys(REPAIR_AFTER_MS)) {
      expect(noticeOf(fault({ source: 'Workload', kind }))).toBeUndefined();
      expect(noticeOf(fault({ source: 'Person', kind }))).toBeUndefined();
      expect(noticeOf(fault({ source: 'Agent', kind })) !== undefined).toBe(kind === 'AcceleratedHardwareReady');
    }
  });

  it.each([
    ['instance-retirement', 14 * EVENT_NEAR_MS, 'NextCheckpoint'],
    ['instance-stop', 2 * EVENT_NEAR_MS, 'NextCheckpoint'],
    ['instance-retirement', LAST_CALL_MS, 'Now'],
    ['system-reboot', EVENT_NEAR_MS + 1, 'EndOfGang'],
    ['system-reboot', EVENT_NEAR_MS, 'NextCheckpoint'],
    ['system-maintenance', LAST_CALL_MS, 'Now'],
    ['instance-reboot', -1, 'Now'],
    ['something-new', EVENT_NEAR_MS, 'Watch'],
  ])('EC2 has scheduled %s in %i ms: %s', (kind, leftMs, expected) => {
    expect(severity({ source: 'Ec2', kind, loudness: 'Critical', dueMs: NOW + leftMs })).toBe(expected);
  });

  it('says when a scheduled end takes the node, and not when a reboot does: the node comes back', () => {
    const event = (kind: string) => severityOf(fault({ source: 'Ec2', kind, dueMs: NOW + 1 }), xidOf, NOW).goneAtMs;
    expect(event('instance-retirement')).toBe(NOW + 1);
    expect(event('system-reboot')).toBeUndefined();
  });

  it.each([
    ['Ec2', 'SystemStatus', 'Critical', 'Now'],
    ['Ec2', 'InstanceStatus', 'Critical', 'Now'],
    ['Ec2', 'StorageStatus', 'Critical', 'NextCheckpoint'],
    ['Agent', 'EfaError', 'Warning', 'EndOfGang'],
    ['Agent', 'AcceleratedHardware', 'Warning', 'EndOfGang'],
    ['Check', 'NcclTimeout', 'Critical', 'NextCheckpoint'],
    ['Person', 'Other', 'Critical', 'Now'],
    ['Person', 'Slow', 'Warning', 'NextCheckpoint'],
    ['Workload', 'NcclTimeout', 'Critical', 'NextCheckpoint'],
    ['Workload', 'Slow', 'Warning', 'EndOfGang'],
    ['Workload', 'Slow', 'Info', 'Watch'],
    ['Agent', 'a word of tomorrow', 'Critical', 'Watch'],
  ] as const)('%s reports %s (%s): %s', (source, kind, loudness, expected) => {
    expect(severity({ source, kind, loudness })).toBe(expected);
  });

  it('is never at once on the word of a workload', () => {
    for (const kind of [
      'Xid',
      'NcclTimeout',
      'EfaError',
      'Storage',
      'Slow',
      'Other',
      'AcceleratedHardwareReady',
      'SystemStatus',
    ])
      for (const loudness of ['Info', 'Warning', 'Critical'] as const)
        expect(severity({ kind, loudness, code: 79 })).not.toBe('Now');
  });
});
