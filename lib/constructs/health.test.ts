import { NodeHealthPolicySpec } from '../api';
import { healthThresholds, INSTANCE_TYPES } from '../catalog';
import { HEALTH_FIELDS, toNodeHealthPolicy, type NodeHealthOptions } from './health';

/** `remediation.breaker.window` and so on; a list is one field. */
function leaves(value: object, path: readonly string[] = []): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([name, below]) =>
    typeof below === 'object' && !Array.isArray(below)
      ? leaves(below, [...path, name])
      : [[[...path, name].join('.'), below] as const],
  );
}

describe('the health prop', () => {
  it('is the policy that only tells, unless it says otherwise', () => {
    expect(toNodeHealthPolicy()['spec'].remediation).toMatchObject({ dryRun: true, maxNodes: 8 });
    const policy = toNodeHealthPolicy({ dryRun: false, batchWindow: '30s', verdictMaxAge: '24h' });
    expect(policy['spec']).toMatchObject({
      ...{ remediation: { dryRun: false }, batch: { window: '30s' }, verdict: { maxAge: '24h' } },
    });
  });

  it('offers every field of the Kind but the images, which the controllers are given', () => {
    const inKind = leaves(NodeHealthPolicySpec.parse({})).map(([path]) => path);
    expect([...HEALTH_FIELDS.values(), 'checks'].sort()).toEqual([...inKind].sort());
  });

  it('puts each of its fields where the Kind has it, and nothing else changes', () => {
    const defaults = new Map(leaves(NodeHealthPolicySpec.parse({})));
    for (const [option, path] of HEALTH_FIELDS) {
      const value = { boolean: false, number: 3, string: '7m' }[typeof defaults.get(path) as 'boolean'];
      const spec = new Map(leaves(toNodeHealthPolicy({ [option]: value } as NodeHealthOptions)['spec']));
      expect([...spec].filter(([name, said]) => name !== 'checks' && said !== defaults.get(name))).toEqual([
        [path, value],
      ]);
    }
  });

  it('names the nearest for an option there is not', () => {
    expect(() => toNodeHealthPolicy({ partnerWiat: '5m' } as NodeHealthOptions)).toThrow(
      /^Option 'health' is invalid:\n {2}health\.partnerWiat: there is no such option: did you mean partnerWait or /,
    );
    expect(() => toNodeHealthPolicy({ partnerWait: 'soon' })).toThrow(/spec\.batch\.partnerWait: /);
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
      /^NodeHealthPolicy 'default' is invalid:\n {2}spec\.checks\.1\.name: 'gpu\.hbm\.gbs' is nothing that a check measures: did you mean gpu\.hbm\.gb_s or /,
    );
  });

  it('names what is no name at all', () => {
    expect(() => toNodeHealthPolicy({ checks: [{ name: 'HBM speed' }] })).toThrow(/must be the name of a measurement/);
  });

  it('says what a section of the object is called here, and where the images are', () => {
    const nested = (section: string) => () => toNodeHealthPolicy({ [section]: {} } as NodeHealthOptions);
    expect(nested('remediation')).toThrow(/options of health itself: dryRun, maxNodes, maxPercent, .*breakerWindow$/);
    expect(nested('breaker')).toThrow(/options of health itself: breakerPercent, breakerWindow$/);
    expect(nested('image')).toThrow(
      'health.image: there is no such option: images of the checks are options of controllers',
    );
  });

  it('refuses what is no object of options, which would leave the dry run on without a word', () => {
    const given = (options: unknown) => () => toNodeHealthPolicy(options as NodeHealthOptions);
    expect(given(true)).toThrow('health: must be an object of options such as { dryRun: false } (got true)');
    expect(given(null)).toThrow('(got null)');
    expect(given({ checks: { name: 'gpu.count' } })).toThrow("health.checks: must be a list such as [{ name: '");
  });

  it('names the nearest for an instance type and for an XID that nobody measures', () => {
    const said = (check: object) => () => toNodeHealthPolicy({ checks: [{ name: 'gpu.count', ...check }] });
    expect(said({ instanceTypes: ['p5.48xlarge', 'p5.48xlrge'] })).toThrow(
      "spec.checks.0.instanceTypes.1: 'p5.48xlrge' is no type of the catalog, so no node of it is proved: did you mean p5.48xlarge or ",
    );
    expect(said({ name: 'gpu.xid.63.cont' })).toThrow('did you mean gpu.xid.63.count?');
  });
});
