/** How many nodes a subnet holds, and how large a subnet must be: `NodeIps` against the addresses AWS really gives. */
import { AWS_LARGEST_PREFIX, AWS_SMALLEST_PREFIX, addressesOf } from './cidr';
import { IPS_PER_PREFIX, type NodeIps } from './ip-plan';

/** Addresses AWS keeps in every subnet: the first four and the last. */
export const AWS_RESERVED_IPS = 5;

/**
 * How single addresses lie among /28 prefixes. A prefix needs a whole free aligned block of 16, and EC2 picks single
 * addresses anywhere: `scattered` counts one spoilt block for each of them; `reserved` is for subnets with a subnet CIDR
 * reservation of type prefix, where single addresses keep out of the prefixes' way.
 */
export type PrefixPlacement = 'scattered' | 'reserved';

/** Thrown when no subnet AWS allows can hold the nodes. */
export class SubnetTooSmall extends Error {
  override readonly name = 'SubnetTooSmall';
}

/** How many such nodes a subnet of this prefix length holds. */
export function nodesPerSubnet(prefixLength: number, ips: NodeIps, placement: PrefixPlacement = 'scattered'): number {
  const perNode = ips.singles + IPS_PER_PREFIX * ips.prefixes;
  const byAddresses = Math.floor((addressesOf(prefixLength) - AWS_RESERVED_IPS) / perNode);
  if (ips.prefixes === 0) return byAddresses;
  // The first block holds AWS's first four addresses and the last block holds its fifth: neither can be a prefix.
  const blocks = Math.max(0, addressesOf(prefixLength) / IPS_PER_PREFIX - 2);
  const spoilt = placement === 'scattered' ? ips.singles : 0;
  return Math.min(byAddresses, Math.floor(blocks / (ips.prefixes + spoilt)));
}

/** The longest prefix (smallest subnet) that holds this many nodes. Throws `SubnetTooSmall` when not even a /16 does. */
export function smallestSubnetPrefix(nodes: number, ips: NodeIps, placement: PrefixPlacement = 'scattered'): number {
  for (let prefixLength = AWS_SMALLEST_PREFIX; prefixLength >= AWS_LARGEST_PREFIX; prefixLength--) {
    if (nodesPerSubnet(prefixLength, ips, placement) >= nodes) return prefixLength;
  }
  const most = nodesPerSubnet(AWS_LARGEST_PREFIX, ips, placement);
  throw new SubnetTooSmall(
    `${nodes} nodes with ${ips.singles} addresses and ${ips.prefixes} /28 prefixes each fit no subnet: a /16, the largest ` +
      `AWS allows, holds ${most}. Use fewer prefixes per node, or spread the nodes over several subnets.`,
  );
}

/** Throws `SubnetTooSmall` with the numbers when a subnet cannot hold the nodes planned for it. */
export function requireSubnetHolds(
  subnet: { readonly name: string; readonly prefixLength: number },
  nodes: number,
  ips: NodeIps,
  placement: PrefixPlacement = 'scattered',
): void {
  const held = nodesPerSubnet(subnet.prefixLength, ips, placement);
  if (held >= nodes) return;
  throw new SubnetTooSmall(
    `Subnet '${subnet.name}' (/${subnet.prefixLength}) holds ${held} nodes of ${ips.singles + IPS_PER_PREFIX * ips.prefixes} ` +
      `addresses each, but ${nodes} are planned: make it a /${smallestSubnetPrefix(nodes, ips, placement)}.`,
  );
}
