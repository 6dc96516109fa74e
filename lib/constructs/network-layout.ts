/**
 * Which addresses each subnet of a cluster gets. Pure: zone names, ranges and planned nodes in; one CIDR per subnet out.
 *
 * Subnets are placed zone by zone in the order given, so adding a zone at the end moves nothing that exists. Changing a
 * size does move subnets, and a subnet in use cannot move: sizes have generous floors and are worth fixing early.
 */
import {
  type NodeIps,
  CidrError,
  IPS_PER_PREFIX,
  DEFAULT_PREFIX_COUNT,
  nodeIps,
  overlaps,
  parseCidr,
  requireInstanceType,
  requireSubnetHolds,
  smallestSubnetPrefix,
  splitCidr,
} from '../catalog';

/** The smallest accelerator subnet made when nobody asks for a size: room for 80 EFA nodes. */
const ACCELERATOR_PREFIX_FLOOR = 20;

/** What the layout is computed from. */
export interface NetworkLayoutInput {
  readonly vpcCidr: string;
  readonly secondaryCidrs: readonly string[];
  readonly availabilityZones: readonly string[];
  readonly demand: readonly PlannedNodes[];
  readonly publicPrefixLength: number;
  readonly nodePrefixLength?: number;
  readonly acceleratorPrefixLength?: number;
}

/** Accelerated nodes of one type that may run at the same time. */
export interface PlannedNodes {
  readonly instanceType: string;
  readonly nodes: number;
  readonly prefixesPerNode?: number;
}

/** The subnets of one zone. */
export interface ZoneLayout {
  readonly availabilityZone: string;
  readonly publicCidr: string;
  readonly nodeCidr: string;
  readonly acceleratorCidr: string;
}

/** Lays out every zone. Throws `CidrError` or `SubnetTooSmall` with the subnet, the nodes asked for and the way out. */
export function layOutNetwork(input: NetworkLayoutInput): ZoneLayout[] {
  requireDistinctRanges([input.vpcCidr, ...input.secondaryCidrs]);
  const nodePrefixLength = input.nodePrefixLength ?? parseCidr(input.vpcCidr).prefixLength + 3;
  const acceleratorPrefixLength = acceleratorPrefix(input);
  const taken: string[] = [];
  const place = (ranges: readonly string[], name: string, prefixLength: number, why: string): string => {
    const cidr = firstFit(ranges, name, prefixLength, taken);
    if (cidr === undefined) throw new CidrError(noRoom({ ranges, name, prefixLength, why, input }));
    taken.push(cidr);
    return cidr;
  };
  const acceleratorRanges = input.secondaryCidrs.length > 0 ? input.secondaryCidrs : [input.vpcCidr];
  return input.availabilityZones.map((zone) => ({
    availabilityZone: zone,
    nodeCidr: place([input.vpcCidr], `nodes-${zone}`, nodePrefixLength, 'nodes, pods and the control plane'),
    acceleratorCidr: place(acceleratorRanges, `accelerators-${zone}`, acceleratorPrefixLength, describe(input.demand)),
    publicCidr: place([input.vpcCidr], `public-${zone}`, input.publicPrefixLength, 'NAT gateways and load balancers'),
  }));
}

/** The addresses one planned node takes: EFA types have static interfaces, the others grow prefix by prefix. */
export function addressesOfNode(planned: PlannedNodes): NodeIps {
  const type = requireInstanceType(planned.instanceType);
  const prefixes = planned.prefixesPerNode ?? DEFAULT_PREFIX_COUNT;
  return type.efa.count > 0
    ? nodeIps(type, { kind: 'static-prefixes', prefixes })
    : nodeIps(type, { kind: 'dynamic-prefixes', pods: prefixes * IPS_PER_PREFIX });
}

/**
 * Throws `SubnetTooSmall` when a subnet cannot hold every planned node at once. Mixed types count as the hungriest of
 * them: which mix runs is decided by capacity, not by us.
 */
export function requireRoomFor(
  subnet: { readonly name: string; readonly prefixLength: number },
  demand: readonly PlannedNodes[],
): void {
  const { nodes, ips } = worstCase(demand);
  if (nodes > 0) requireSubnetHolds(subnet, nodes, ips);
}

function acceleratorPrefix(input: NetworkLayoutInput): number {
  const { nodes, ips } = worstCase(input.demand);
  const needed = nodes > 0 ? smallestSubnetPrefix(nodes, ips) : ACCELERATOR_PREFIX_FLOOR;
  const asked = input.acceleratorPrefixLength;
  if (asked === undefined) return Math.min(needed, ACCELERATOR_PREFIX_FLOOR);
  requireRoomFor({ name: `accelerators-${input.availabilityZones[0]}`, prefixLength: asked }, input.demand);
  return asked;
}

function worstCase(demand: readonly PlannedNodes[]): { nodes: number; ips: NodeIps } {
  const each = demand.map(addressesOfNode);
  const most = (count: (ips: NodeIps) => number) => each.reduce((max, ips) => Math.max(max, count(ips)), 0);
  return {
    nodes: demand.reduce((sum, planned) => sum + planned.nodes, 0),
    ips: {
      minSingles: most((ips) => ips.minSingles),
      singles: most((ips) => ips.singles),
      prefixes: most((ips) => ips.prefixes),
    },
  };
}

function firstFit(ranges: readonly string[], name: string, prefixLength: number, taken: string[]): string | undefined {
  for (const range of ranges) {
    if (prefixLength < parseCidr(range).prefixLength) continue;
    try {
      return splitCidr(range, [{ name, prefixLength }], { avoid: taken })[0]!.cidr;
    } catch (error) {
      if (!(error instanceof CidrError) || prefixLength > 28) throw error;
    }
  }
  return undefined;
}

function requireDistinctRanges(ranges: readonly string[]): void {
  ranges.forEach((range, index) => {
    const other = ranges.slice(0, index).find((earlier) => overlaps(parseCidr(earlier), parseCidr(range)));
    if (other) throw new CidrError(`Ranges ${other} and ${range} of the VPC overlap: give each its own addresses.`);
  });
}

function describe(demand: readonly PlannedNodes[]): string {
  if (demand.length === 0) return 'accelerated nodes';
  return demand.map(({ nodes, instanceType }) => `${nodes} × ${instanceType}`).join(' + ');
}

function noRoom(failed: {
  readonly ranges: readonly string[];
  readonly name: string;
  readonly prefixLength: number;
  readonly why: string;
  readonly input: NetworkLayoutInput;
}): string {
  const { ranges, name, prefixLength, why, input } = failed;
  const way = name.startsWith('accelerators-')
    ? "Add a range such as '100.64.0.0/16' to secondaryCidrs, plan fewer nodes, or use fewer zones"
    : 'Use a larger vpcCidr, a longer nodePrefixLength, or fewer zones';
  return (
    `Subnet '${name}' (/${prefixLength}, for ${why}) has no room in ${ranges.join(', ')} with ` +
    `${input.availabilityZones.length} zones. ${way}.`
  );
}
