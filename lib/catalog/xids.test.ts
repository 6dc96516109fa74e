import { XID_CLASSES } from './xid-row';
import { XID_ROWS } from './xid-rows';
import { findXid } from './xids';

const codes = XID_ROWS.flatMap((row) => row.codes.map((code) => [code, row] as const));
const worse = (name: string) => XID_CLASSES.indexOf(name as (typeof XID_CLASSES)[number]);

describe('the table of XIDs', () => {
  it('has every number once', () => {
    expect(new Set(codes.map(([code]) => code)).size).toBe(codes.length);
  });

  it('ends every sentence, and calls Critical exactly what must be reset, rebooted or replaced', () => {
    for (const row of XID_ROWS) {
      expect(row.sentence).toMatch(/^[A-Z].+\.$/);
      expect([row.codes, row.severity === 'Critical']).toEqual([row.codes, worse(row.class) >= worse('Reset')]);
    }
  });

  it('acts wherever NVIDIA asks for a reset or a restart of the machine, and never where it asks for one of the program', () => {
    for (const [code, { class: ours, says }] of codes) {
      if (/^(RESET_GPU|RESTART_BM|RESTART_VM)/.test(says.nvidia ?? ''))
        expect(worse(ours)).toBeGreaterThanOrEqual(worse('Reset'));
      if (says.nvidia === 'RESTART_APP') expect([code, ours]).toEqual([code, 'Application']);
    }
  });

  it('disagrees with the EKS agent on 63 alone', () => {
    // WellKnownXidCodes of eks-node-monitoring-agent v1.7.0.
    const fatal = [46, 48, 54, 62, 63, 64, 74, 79, 95, 109, 110, 119, 120, 136, 140, 142, 143, 151, 155, 156, 158];
    expect(
      codes
        .filter(([, row]) => row.says.eks !== undefined)
        .map(([code]) => code)
        .sort((a, b) => a - b),
    ).toEqual(fatal);
    expect(fatal.filter((code) => findXid(code).severity !== 'Critical')).toEqual([63]);
  });

  it('watches 63 and replaces for 64', () => {
    expect(findXid(63)).toMatchObject({ code: 63, class: 'Monitor', severity: 'Warning' });
    expect(findXid(64)).toMatchObject({ code: 64, class: 'Replace', severity: 'Critical' });
  });

  it.each([0, 1, 173, 9999, -1, 1.5, NaN])('watches %s, which it does not have', (code) => {
    expect(findXid(code)).toMatchObject({ code, class: 'Monitor', severity: 'Warning', says: {} });
  });
});

describe('XID 154 says what the GPU needs', () => {
  it.each([
    ['GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)', 'Reset'],
    ['GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)', 'Reboot'],
    ['GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)', 'Reset'],
    ['GPU recovery action changed from 0x0 (None) to 0x3 (Drain P2P)', 'Reset'],
    ['GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)', 'Monitor'],
    ['', 'Monitor'],
    [')'.repeat(10_000), 'Monitor'],
  ])('%.80s → %s', (message, expected) => {
    expect(findXid(154, message).class).toBe(expected);
    // The words are those of 154 alone.
    expect(findXid(63, message).class).toBe('Monitor');
  });
});
