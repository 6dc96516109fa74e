/** What the other constructs need to know of a network, whoever made it. */
import { Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';

/** A network that a cluster can live in. `ClusterNetwork` makes one, `ClusterNetwork.fromVpc` wraps one that exists. */
export interface IClusterNetwork {
  /** The VPC. */
  readonly vpc: ec2.IVpc;
  /** Private subnets of the control plane, of ordinary nodes and of their pods. */
  readonly nodeSubnets: ec2.ISubnet[];
  /** Private subnets of accelerated nodes. */
  readonly acceleratorSubnets: ec2.ISubnet[];
}

/** Thrown when a network cannot carry the planned capacity. Its message names the subnet or zone and the way out. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

/** The zone of a subnet, or undefined when it is a token or was never given. */
export function literalZoneOf(subnet: ec2.ISubnet): string | undefined {
  return literal(() => subnet.availabilityZone);
}

/** The CIDR of a subnet, or undefined when it is a token or was never given. */
export function literalCidrOf(subnet: ec2.ISubnet): string | undefined {
  return literal(() => subnet.ipv4CidrBlock);
}

/**
 * The subnets in which nodes of one zone may start; without a zone, all. Subnets whose zone only CloudFormation knows
 * stay in: Auto Mode starts a reserved node in the zone of its reservation. Throws `NetworkError` when none is left.
 */
export function subnetsInZone(subnets: readonly ec2.ISubnet[], availabilityZone: string | undefined): ec2.ISubnet[] {
  if (availabilityZone === undefined || Token.isUnresolved(availabilityZone)) return [...subnets];
  const zones = subnets.map(literalZoneOf);
  const found = subnets.filter((_, index) => zones[index] === undefined || zones[index] === availabilityZone);
  if (found.length > 0) return found;
  throw new NetworkError(
    `No accelerator subnet is in zone '${availabilityZone}'; there are subnets in ${[...new Set(zones)].join(', ')}. ` +
      `Add '${availabilityZone}' to the network's availabilityZones, or correct the zone of the capacity.`,
  );
}

/** Imported subnets throw when asked for what they were not given. */
function literal(read: () => string): string | undefined {
  let value: string;
  try {
    value = read();
  } catch {
    return undefined;
  }
  return value === undefined || Token.isUnresolved(value) ? undefined : value;
}
