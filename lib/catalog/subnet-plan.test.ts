import fc from 'fast-check';
import { addressesOf } from './cidr';
import { requireInstanceType } from './instance-types';
import { nodeIps, type NodeIps } from './ip-plan';
import { SubnetTooSmall, nodesPerSubnet, requireSubnetHolds, smallestSubnetPrefix } from './subnet-plan';

const twoPrefixes = nodeIps(requireInstanceType('p5.48xlarge'), { kind: 'static-prefixes', prefixes: 2 });
const singles = (count: number): NodeIps => ({ minSingles: count, singles: count, prefixes: 0 });

/**
 * A subnet as EC2 fills it: single addresses anywhere (`pick` decides), prefixes into whole free aligned blocks.
 * Returns how many nodes got all they need before the first one that did not.
 */
function fillSubnet(
  prefixLength: number,
  ips: NodeIps,
  most: number,
  pick: (free: readonly number[]) => number,
): number {
  const size = addressesOf(prefixLength);
  const taken = new Set([0, 1, 2, 3, size - 1]);
  const takeSingle = () => {
    const free = Array.from({ length: size }, (_, address) => address).filter((address) => !taken.has(address));
    if (free.length === 0) return false;
    taken.add(pick(free));
    return true;
  };
  const takePrefix = () => {
    for (let block = 0; block + 16 <= size; block += 16) {
      const addresses = Array.from({ length: 16 }, (_, index) => block + index);
      if (addresses.some((address) => taken.has(address))) continue;
      for (const address of addresses) taken.add(address);
      return true;
    }
    return false;
  };
  for (let node = 0; node < most; node++) {
    for (let i = 0; i < ips.singles; i++) if (!takeSingle()) return node;
    for (let i = 0; i < ips.prefixes; i++) if (!takePrefix()) return node;
  }
  return most;
}

describe('nodes of one subnet', () => {
  it.each([
    [28, singles(1), 11],
    [24, singles(1), 251],
    [24, singles(50), 5],
    [20, singles(131), 31],
    [24, twoPrefixes, 4],
    [20, twoPrefixes, 84],
    [28, twoPrefixes, 0],
    [27, twoPrefixes, 0],
  ])('a /%i with %j each holds %i', (prefixLength, ips, nodes) => {
    expect(nodesPerSubnet(prefixLength, ips)).toBe(nodes);
  });

  it('holds more with a subnet CIDR reservation for the prefixes', () => {
    expect([nodesPerSubnet(24, twoPrefixes, 'scattered'), nodesPerSubnet(24, twoPrefixes, 'reserved')]).toEqual([4, 7]);
    expect([nodesPerSubnet(20, twoPrefixes, 'scattered'), nodesPerSubnet(20, twoPrefixes, 'reserved')]).toEqual([
      84, 123,
    ]);
  });

  it('is never more than a subnet holds when single addresses fall anywhere', () => {
    const demand = fc.record({ singles: fc.integer({ min: 1, max: 4 }), prefixes: fc.integer({ min: 0, max: 4 }) });
    const falls = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
    fc.assert(
      fc.property(fc.integer({ min: 22, max: 28 }), demand, falls, (prefixLength, each, places) => {
        const ips = { ...each, minSingles: each.singles };
        const planned = nodesPerSubnet(prefixLength, ips);
        const pick = (free: readonly number[]) => free[Math.floor(places.next().value! * free.length)]!;
        expect(fillSubnet(prefixLength, ips, planned, pick)).toBe(planned);
      }),
      { numRuns: 60 },
    );
  });

  it('is never more than a subnet holds when a reservation keeps single addresses off the prefixes', () => {
    const demand = fc.record({ singles: fc.integer({ min: 1, max: 4 }), prefixes: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(fc.integer({ min: 22, max: 28 }), demand, (prefixLength, each) => {
        const ips = { ...each, minSingles: each.singles };
        const planned = nodesPerSubnet(prefixLength, ips, 'reserved');
        // Prefixes fill from the second block on; single addresses take what is left of the first, then come from the back.
        const pick = (free: readonly number[]) => free.find((address) => address < 16) ?? free.at(-1)!;
        expect(fillSubnet(prefixLength, ips, planned, pick)).toBe(planned);
      }),
    );
  });
});

describe('the smallest subnet', () => {
  it('for 64 p5 nodes, the most one Capacity Block has, is a /20', () => {
    expect(smallestSubnetPrefix(64, twoPrefixes)).toBe(20);
    expect(smallestSubnetPrefix(61, twoPrefixes, 'reserved')).toBe(21);
    expect(smallestSubnetPrefix(0, twoPrefixes)).toBe(28);
  });

  it('holds the nodes, and the next smaller one does not', () => {
    const demand = fc.record({ singles: fc.integer({ min: 1, max: 60 }), prefixes: fc.nat({ max: 7 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), demand, (nodes, each) => {
        const ips = { ...each, minSingles: each.singles };
        fc.pre(nodesPerSubnet(16, ips) >= nodes);
        const prefixLength = smallestSubnetPrefix(nodes, ips);
        expect(nodesPerSubnet(prefixLength, ips)).toBeGreaterThanOrEqual(nodes);
        if (prefixLength < 28) expect(nodesPerSubnet(prefixLength + 1, ips)).toBeLessThan(nodes);
      }),
    );
  });

  it('does not exist for too many nodes, and says how many the largest holds', () => {
    expect(() => smallestSubnetPrefix(5000, twoPrefixes)).toThrow(
      new SubnetTooSmall(
        '5000 nodes with 1 addresses and 2 /28 prefixes each fit no subnet: a /16, the largest AWS allows, holds 1364. ' +
          'Use fewer prefixes per node, or spread the nodes over several subnets.',
      ),
    );
  });
});

describe('a subnet that is too small', () => {
  it('is named with its numbers and the size that would do', () => {
    expect(() => requireSubnetHolds({ name: 'gpu-us-east-2a', prefixLength: 24 }, 16, twoPrefixes)).toThrow(
      new SubnetTooSmall(
        "Subnet 'gpu-us-east-2a' (/24) holds 4 nodes of 33 addresses each, but 16 are planned: make it a /22.",
      ),
    );
  });

  it('is not complained about when it is large enough', () => {
    expect(() => requireSubnetHolds({ name: 'gpu', prefixLength: 20 }, 84, twoPrefixes)).not.toThrow();
  });
});
