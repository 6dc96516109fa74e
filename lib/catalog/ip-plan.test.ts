import fc from 'fast-check';
import { INSTANCE_TYPES, requireInstanceType } from './instance-types';
import {
  AUTO_MODE_MAX_PODS,
  IpPlanError,
  eniPodLimit,
  ipsPerNode,
  maxPods,
  minIpsPerNode,
  nodeIps,
  type IpLayout,
} from './ip-plan';
import { ipTable } from './ip-table';

const p5 = requireInstanceType('p5.48xlarge');

describe('addresses of one p5.48xlarge: the table of the research, row by row', () => {
  it.each<[string, IpLayout, number, number]>([
    ['32 interfaces of type efa, VPC CNI defaults: at least 81, up to 131', { kind: 'vpc-cni-efa' }, 81, 131],
    ['efa-only, VPC CNI defaults: the second slot of card 0 is taken', { kind: 'vpc-cni-efa-only' }, 50, 50],
    ['few warm addresses: 1 + pods', { kind: 'vpc-cni-warm-ips', pods: 20, warmIps: 0 }, 21, 21],
    ['few warm addresses: 1 + pods + warm', { kind: 'vpc-cni-warm-ips', pods: 20, warmIps: 2 }, 21, 23],
    ['static interfaces, one prefix', { kind: 'static-prefixes', prefixes: 1 }, 17, 17],
    ['static interfaces, two prefixes', { kind: 'static-prefixes', prefixes: 2 }, 33, 33],
    ['static interfaces, 10 single addresses', { kind: 'static-ips', ips: 10 }, 11, 11],
    ['dynamic prefixes, 1 pod', { kind: 'dynamic-prefixes', pods: 1 }, 17, 17],
    ['dynamic prefixes, 16 pods', { kind: 'dynamic-prefixes', pods: 16 }, 17, 17],
    ['dynamic prefixes, 18 pods', { kind: 'dynamic-prefixes', pods: 18 }, 33, 33],
    ['dynamic single addresses, 1 pod, and one warm', { kind: 'dynamic-ips', pods: 1 }, 2, 3],
    ['dynamic single addresses, 18 pods, and one warm', { kind: 'dynamic-ips', pods: 18 }, 19, 20],
  ])('%s', (_, layout, least, most) => {
    expect([minIpsPerNode(p5, layout), ipsPerNode(p5, layout)]).toEqual([least, most]);
  });

  it('a type with a free slot on card 0 keeps a warm interface with efa-only too', () => {
    const p5en = requireInstanceType('p5en.48xlarge');
    expect([minIpsPerNode(p5en, { kind: 'vpc-cni-efa-only' }), ipsPerNode(p5en, { kind: 'vpc-cni-efa-only' })]).toEqual(
      [50, 100],
    );
  });

  it('a type whose card 0 has no EFA pays for all its EFA addresses', () => {
    const b300 = requireInstanceType('p6-b300.48xlarge');
    expect(minIpsPerNode(b300, { kind: 'vpc-cni-efa' })).toBe(16 + 50);
  });
});

describe('pods of one node', () => {
  it.each<[IpLayout, number]>([
    [{ kind: 'static-prefixes', prefixes: 1 }, 16],
    [{ kind: 'static-prefixes', prefixes: 2 }, 32],
    [{ kind: 'static-prefixes', prefixes: 6 }, 96],
    [{ kind: 'static-prefixes', prefixes: 7 }, 110],
    [{ kind: 'static-ips', ips: 10 }, 10],
    [{ kind: 'dynamic-prefixes', pods: 1 }, 110],
    [{ kind: 'dynamic-ips', pods: 1 }, 100],
    [{ kind: 'vpc-cni-efa' }, 100],
    [{ kind: 'vpc-cni-efa-only' }, 51],
    [{ kind: 'vpc-cni-warm-ips', pods: 5, warmIps: 1 }, 51],
  ])('a p5.48xlarge with %j holds %i', (layout, pods) => {
    expect(maxPods(p5, layout)).toBe(pods);
  });

  it('what kubelet allows is a bound too', () => {
    expect(maxPods(p5, { kind: 'static-prefixes', prefixes: 7 }, 40)).toBe(40);
    expect(maxPods(p5, { kind: 'static-prefixes', prefixes: 1 }, 40)).toBe(16);
  });

  it('Auto Mode never has more than 110, whatever the type and layout', () => {
    const types = INSTANCE_TYPES.filter((type) => type.enis.card0 !== null);
    for (const type of types) {
      for (const row of ipTable(type).filter(({ layout }) => !layout.kind.startsWith('vpc-cni'))) {
        expect(row.maxPods).toBeLessThanOrEqual(AUTO_MODE_MAX_PODS);
      }
    }
  });

  it('every pod of a static layout has an address, on every type', () => {
    const types = fc.constantFrom(...INSTANCE_TYPES.filter((type) => type.ipv4PerEni > 8));
    fc.assert(
      fc.property(types, fc.nat({ max: 8 }), (type, prefixes) => {
        const layout: IpLayout = { kind: 'static-prefixes', prefixes };
        expect(ipsPerNode(type, layout)).toBe(1 + 16 * prefixes);
        expect(maxPods(type, layout)).toBe(Math.min(16 * prefixes, 110));
        expect(maxPods(type, layout)).toBeLessThan(ipsPerNode(type, layout));
      }),
    );
  });
});

describe('numbers that make no sense', () => {
  it.each<[IpLayout, string]>([
    [{ kind: 'static-prefixes', prefixes: 50 }, '50 prefixes on a p5.48xlarge: must be a whole number from 0 to 49'],
    [{ kind: 'static-ips', ips: -1 }, '-1 secondary addresses on a p5.48xlarge: must be a whole number from 0 to 49'],
    [{ kind: 'dynamic-prefixes', pods: 111 }, '111 pods on a p5.48xlarge: must be a whole number from 0 to 110'],
    [{ kind: 'dynamic-ips', pods: 1.5 }, '1.5 pods on a p5.48xlarge: must be a whole number from 0 to 110'],
    [
      { kind: 'vpc-cni-warm-ips', pods: 3, warmIps: -2 },
      '-2 warm addresses on a p5.48xlarge: must be a whole number, 0 or more',
    ],
  ])('%j is refused with its bound', (layout, message) => {
    expect(() => nodeIps(p5, layout)).toThrow(new IpPlanError(message));
  });

  it('a layout that hangs on an undocumented number is refused, and shown as unknown in the table', () => {
    const gb200 = requireInstanceType('p6e-gb200.36xlarge');
    expect(() => eniPodLimit(gb200, 0)).toThrow(
      'How many interfaces card 0 of p6e-gb200.36xlarge takes is not documented',
    );
    const known = ipTable(gb200).filter((row) => row.ips !== null);
    expect(known.every((row) => row.layout.kind.startsWith('static-'))).toBe(true);
    expect(known).toHaveLength(4);
  });
});
