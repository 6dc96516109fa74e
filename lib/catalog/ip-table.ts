/** Every network layout of a type side by side: addresses per node and pods per node, for people who have to choose. */
import type { InstanceType } from './instance-type';
import { ipsPerNode, maxPods, minIpsPerNode, type IpLayout } from './ip-plan';

/** One layout of one type. */
export interface IpTableRow {
  readonly name: string;
  readonly layout: IpLayout;
  /** Addresses one node takes at least; null where the type's card 0 is not documented. */
  readonly minIps: number | null;
  /** Addresses one node takes at most: what a subnet must hold. */
  readonly ips: number | null;
  readonly maxPods: number | null;
}

/** Pods of the examples for layouts whose addresses grow with the pods. */
const EXAMPLE_PODS = 18;

const LAYOUTS: readonly (readonly [string, IpLayout])[] = [
  ['Auto Mode, static interfaces, 1 prefix', { kind: 'static-prefixes', prefixes: 1 }],
  ['Auto Mode, static interfaces, 2 prefixes (default)', { kind: 'static-prefixes', prefixes: 2 }],
  ['Auto Mode, static interfaces, 7 prefixes', { kind: 'static-prefixes', prefixes: 7 }],
  ['Auto Mode, static interfaces, 10 single addresses', { kind: 'static-ips', ips: 10 }],
  [`Auto Mode, dynamic, ipv4PrefixSize Auto, ${EXAMPLE_PODS} pods`, { kind: 'dynamic-prefixes', pods: EXAMPLE_PODS }],
  [`Auto Mode, dynamic, ipv4PrefixSize "32", ${EXAMPLE_PODS} pods`, { kind: 'dynamic-ips', pods: EXAMPLE_PODS }],
  ['Managed nodes, VPC CNI defaults, interfaces of type efa', { kind: 'vpc-cni-efa' }],
  ['Managed nodes, VPC CNI defaults, interfaces of type efa-only', { kind: 'vpc-cni-efa-only' }],
  [
    `Managed nodes, VPC CNI, 2 warm addresses, efa-only, ${EXAMPLE_PODS} pods`,
    { kind: 'vpc-cni-warm-ips', pods: EXAMPLE_PODS, warmIps: 2 },
  ],
];

/** The table of one type. */
export function ipTable(type: InstanceType): IpTableRow[] {
  return LAYOUTS.map(([name, layout]) => ({ name, layout, ...numbersOf(type, layout) }));
}

function numbersOf(type: InstanceType, layout: IpLayout): Omit<IpTableRow, 'name' | 'layout'> {
  // Everything but static interfaces depends on how many interfaces card 0 takes.
  if (type.enis.card0 === null && !layout.kind.startsWith('static-')) return { minIps: null, ips: null, maxPods: null };
  return { minIps: minIpsPerNode(type, layout), ips: ipsPerNode(type, layout), maxPods: maxPods(type, layout) };
}
