/**
 * How many IPv4 addresses a node takes, and how many pods it can hold, by network layout.
 *
 * An accelerator node can eat a subnet: with VPC CNI's defaults a p5.48xlarge takes up to 131 addresses, with static
 * interfaces on Auto Mode it takes 1 + 16 × prefixes. These are the numbers behind the size of every GPU subnet.
 */
import type { InstanceType } from './instance-type';

/** Addresses of one /28 prefix on an interface. */
export const IPS_PER_PREFIX = 16;
/** What EKS Auto Mode allows on any node, however many addresses it has. */
export const AUTO_MODE_MAX_PODS = 110;
/** /28 prefixes on the primary interface of an EFA node unless the caller says otherwise: 32 pods, 33 addresses. */
export const DEFAULT_PREFIX_COUNT = 2;

/** How a node gets the addresses of its pods. */
export type IpLayout =
  /** Auto Mode, static interfaces, `secondaryIPv4PrefixCount` on the primary. */
  | { readonly kind: 'static-prefixes'; readonly prefixes: number }
  /** Auto Mode, static interfaces, `secondaryIPv4Count` on the primary. */
  | { readonly kind: 'static-ips'; readonly ips: number }
  /** Auto Mode without static interfaces, `ipv4PrefixSize: Auto`. */
  | { readonly kind: 'dynamic-prefixes'; readonly pods: number }
  /** Auto Mode without static interfaces, `ipv4PrefixSize: "32"`. */
  | { readonly kind: 'dynamic-ips'; readonly pods: number }
  /** Managed nodes, VPC CNI's defaults, every EFA interface of type `efa` (each takes an address). */
  | { readonly kind: 'vpc-cni-efa' }
  /** Managed nodes, VPC CNI's defaults, EFA interfaces of type `efa-only` (no address). */
  | { readonly kind: 'vpc-cni-efa-only' }
  /** As above with a small `WARM_IP_TARGET`. */
  | { readonly kind: 'vpc-cni-warm-ips'; readonly pods: number; readonly warmIps: number };

/** What one node takes from its subnet: single addresses, and /28 prefixes (each a free, aligned block of 16). */
export interface NodeIps {
  /** The least seen: what AWS's examples show. */
  readonly minSingles: number;
  /** The most: what a subnet must be able to give. */
  readonly singles: number;
  readonly prefixes: number;
}

/** Thrown for a layout a type cannot have. Its message names the number, the type and the bound. */
export class IpPlanError extends Error {
  override readonly name = 'IpPlanError';
}

/** What one node of this type takes with this layout. */
export function nodeIps(type: InstanceType, layout: IpLayout): NodeIps {
  switch (layout.kind) {
    case 'static-prefixes':
      return exactly(1, requireCount(type, layout.prefixes, 'prefixes', type.ipv4PerEni - 1));
    case 'static-ips':
      return exactly(1 + requireCount(type, layout.ips, 'secondary addresses', type.ipv4PerEni - 1), 0);
    case 'dynamic-prefixes':
      return exactly(1, Math.ceil(requireCount(type, layout.pods, 'pods', AUTO_MODE_MAX_PODS) / IPS_PER_PREFIX));
    case 'dynamic-ips': {
      // AWS's examples count no warm address (1 pod 2, 18 pods 19); the text promises one. A subnet must hold it.
      const used = 1 + requireCount(type, layout.pods, 'pods', AUTO_MODE_MAX_PODS);
      return { minSingles: used, singles: used + 1, prefixes: 0 };
    }
    case 'vpc-cni-efa':
      return withVpcCniDefaults(type, type.efa.count - (type.efa.onCard0 ? 1 : 0), 0);
    case 'vpc-cni-efa-only':
      return withVpcCniDefaults(type, 0, type.efa.onCard0 ? 1 : 0);
    case 'vpc-cni-warm-ips': {
      const used = 1 + requireCount(type, layout.pods, 'pods', Infinity);
      return {
        minSingles: used,
        singles: used + requireCount(type, layout.warmIps, 'warm addresses', Infinity),
        prefixes: 0,
      };
    }
  }
}

/** Addresses one node takes at most: what a subnet has to hold for it. */
export function ipsPerNode(type: InstanceType, layout: IpLayout): number {
  const { singles, prefixes } = nodeIps(type, layout);
  return singles + IPS_PER_PREFIX * prefixes;
}

/** Addresses one node takes at least. */
export function minIpsPerNode(type: InstanceType, layout: IpLayout): number {
  const { minSingles, prefixes } = nodeIps(type, layout);
  return minSingles + IPS_PER_PREFIX * prefixes;
}

/** Pods with an address of their own that one node can hold; pods on the host's network need none. */
export function maxPods(type: InstanceType, layout: IpLayout, kubeletMaxPods = Infinity): number {
  return Math.min(podAddresses(type, layout), kubeletMaxPods);
}

/**
 * Pods by interfaces when addresses are single ones (Karpenter's formula, which is VPC CNI's): slots on card 0, less
 * those that `efa-only` interfaces take, times the addresses of each without its primary, plus 2 on the host's network.
 */
export function eniPodLimit(type: InstanceType, efaOnlyOnCard0: number): number {
  return (card0Slots(type) - efaOnlyOnCard0) * (type.ipv4PerEni - 1) + 2;
}

function podAddresses(type: InstanceType, layout: IpLayout): number {
  switch (layout.kind) {
    case 'static-prefixes':
      return Math.min(AUTO_MODE_MAX_PODS, IPS_PER_PREFIX * nodeIps(type, layout).prefixes);
    case 'static-ips':
      return Math.min(AUTO_MODE_MAX_PODS, layout.ips);
    case 'dynamic-prefixes':
      return AUTO_MODE_MAX_PODS;
    case 'dynamic-ips':
      return Math.min(AUTO_MODE_MAX_PODS, eniPodLimit(type, 0));
    case 'vpc-cni-efa':
      return eniPodLimit(type, 0);
    case 'vpc-cni-efa-only':
    case 'vpc-cni-warm-ips':
      return eniPodLimit(type, type.efa.onCard0 ? 1 : 0);
  }
}

/** VPC CNI fills the primary interface, and keeps a second one full and warm where card 0 has a free slot. */
function withVpcCniDefaults(type: InstanceType, efaPrimaries: number, efaOnlyOnCard0: number): NodeIps {
  const hasWarmSlot = card0Slots(type) - 1 - efaOnlyOnCard0 >= 1;
  const minSingles = efaPrimaries + type.ipv4PerEni;
  return { minSingles, singles: minSingles + (hasWarmSlot ? type.ipv4PerEni : 0), prefixes: 0 };
}

function exactly(singles: number, prefixes: number): NodeIps {
  return { minSingles: singles, singles, prefixes };
}

function card0Slots(type: InstanceType): number {
  if (type.enis.card0 !== null) return type.enis.card0;
  throw new IpPlanError(
    `How many interfaces card 0 of ${type.name} takes is not documented: plan it with static interfaces instead`,
  );
}

function requireCount(type: InstanceType, count: number, what: string, most: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= most) return count;
  const bound = Number.isFinite(most) ? `a whole number from 0 to ${most}` : 'a whole number, 0 or more';
  throw new IpPlanError(`${count} ${what} on a ${type.name}: must be ${bound}`);
}
