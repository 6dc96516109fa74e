import * as fc from 'fast-check';
import { seedOf } from '../../test/seed';
import { CidrError, SubnetTooSmall, contains, nodesPerSubnet, overlaps, parseCidr } from '../catalog';
import { type NetworkLayoutInput, type ZoneLayout, addressesOfNode, layOutNetwork } from './network-layout';

const ZONES = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `us-east-2${letter}`);

const inputs: fc.Arbitrary<NetworkLayoutInput> = fc.record({
  vpcCidr: fc.integer({ min: 16, max: 22 }).map((prefix) => `10.0.0.0/${prefix}`),
  secondaryCidrs: fc.subarray(['100.64.0.0/16', '100.65.0.0/18', '100.66.0.0/20']),
  availabilityZones: fc.integer({ min: 2, max: 5 }).map((count) => ZONES.slice(0, count)),
  demand: fc.array(
    fc.record({
      instanceType: fc.constantFrom('p5.48xlarge', 'p4d.24xlarge', 'g6e.48xlarge'),
      nodes: fc.integer({ min: 1, max: 300 }),
      prefixesPerNode: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
  publicPrefixLength: fc.constant(26),
});

/** The layout, or undefined when the plan is refused, which must be with one of our own errors. */
function layOut(input: NetworkLayoutInput): ZoneLayout[] | undefined {
  try {
    return layOutNetwork(input);
  } catch (error) {
    if (error instanceof CidrError || error instanceof SubnetTooSmall) return undefined;
    throw error;
  }
}

const cidrsOf = (zones: readonly ZoneLayout[]) =>
  zones.flatMap(({ publicCidr, nodeCidr, acceleratorCidr }) => [publicCidr, nodeCidr, acceleratorCidr]).map(parseCidr);

describe('any layout', () => {
  let laidOut = 0;

  it('lies within the ranges of the VPC, shares no address, and holds the planned nodes in every zone', () => {
    const property = fc.property(inputs, (input) => {
      const zones = layOut(input);
      if (!zones) return;
      laidOut++;
      const cidrs = cidrsOf(zones);
      const ranges = [input.vpcCidr, ...input.secondaryCidrs].map(parseCidr);
      expect(cidrs.filter((cidr) => !ranges.some((range) => contains(range, cidr)))).toEqual([]);
      expect(cidrs.filter((cidr, i) => cidrs.slice(i + 1).some((other) => overlaps(cidr, other)))).toEqual([]);
      for (const { acceleratorCidr } of zones) {
        const { prefixLength } = parseCidr(acceleratorCidr);
        const short = input.demand.filter((plan) => nodesPerSubnet(prefixLength, addressesOfNode(plan)) < plan.nodes);
        expect(short).toEqual([]);
      }
    });
    fc.assert(property, { ...seedOf('layout'), numRuns: 500 });
    expect(laidOut).toBeGreaterThan(50);
  });

  it('keeps every subnet where it is when a zone is added at the end', () => {
    const property = fc.property(inputs, (input) => {
      const before = layOut(input);
      const after = layOut({ ...input, availabilityZones: [...input.availabilityZones, ZONES[5]!] });
      if (before && after) expect(after.slice(0, -1)).toEqual(before);
    });
    fc.assert(property, { ...seedOf('added zone'), numRuns: 500 });
  });
});
