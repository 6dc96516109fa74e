import { healthThresholds, INSTANCE_TYPES } from '../catalog';
import { toNodeHealthPolicy } from './health';

describe('the health prop', () => {
  it('is the policy that only tells, unless it says otherwise', () => {
    expect(toNodeHealthPolicy()['spec'].remediation).toMatchObject({ dryRun: true, maxNodes: 8 });
    const policy = toNodeHealthPolicy({ dryRun: false, batchWindow: '30s', verdictMaxAge: '24h' });
    expect(policy['spec']).toMatchObject({
      ...{ remediation: { dryRun: false }, batch: { window: '30s' }, verdict: { maxAge: '24h' } },
    });
  });

  it('takes every measurement and every part of the catalog, and XIDs by number', () => {
    const rows = INSTANCE_TYPES.flatMap((type) => healthThresholds(type));
    const names = [...new Set(rows.flatMap(({ measurement, part }) => [measurement, part]))];
    for (const name of [...names, 'gpu.dcgm', 'gpu.xid.79.count'])
      expect(() => toNodeHealthPolicy({ checks: [{ name, disabled: true }] })).not.toThrow();
  });

  it('names the nearest for a measurement there is not', () => {
    const checks = [{ name: 'gpu.count' }, { name: 'gpu.hbm.gbs', min: 2000 }];
    expect(() => toNodeHealthPolicy({ checks })).toThrow(
      /^NodeHealthPolicy 'default' is invalid:\n {2}spec\.checks\[1\]\.name: 'gpu\.hbm\.gbs' is nothing that a check measures: did you mean gpu\.hbm\.gb_s or /,
    );
  });

  it('names what is no name at all', () => {
    expect(() => toNodeHealthPolicy({ checks: [{ name: 'HBM speed' }] })).toThrow(/must be the name of a measurement/);
  });
});
