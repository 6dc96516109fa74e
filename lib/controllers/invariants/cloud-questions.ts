/** What EC2 is to be asked. PURE. */
import { findInstanceType } from '../../catalog';
import { instanceIdOf } from '../../domain/instance-id';
import type { KubeObject } from '../../domain/kube';
import { isFleetNode, toNodeFactsList } from '../../fleet';

/** Whether nodes of this type have EFA, and a place in the network that matters. */
export function hasEfa(instanceType: string): boolean {
  return (findInstanceType(instanceType)?.efa.count ?? 0) > 0;
}

/** Instances whose place in the network matters: those of fleet nodes with EFA, sorted. */
export function placedInstances(nodes: readonly KubeObject[]): readonly string[] {
  return toNodeFactsList(nodes)
    .filter((facts) => isFleetNode(facts) && hasEfa(facts.instanceType))
    .flatMap(({ providerID }) => instanceIdOf(providerID) ?? [])
    .sort();
}

/** Ids of the security groups of a NodeClass, when its nodes have EFA interfaces. */
export function efaGroupsOf({ spec = {} }: KubeObject): readonly string[] {
  const interfaces: readonly unknown[] = spec.advancedNetworking?.networkInterfaces ?? [];
  if (interfaces.length === 0) return [];
  const terms: readonly { readonly id?: string }[] = spec.securityGroupSelectorTerms ?? [];
  return terms.flatMap(({ id }) => id ?? []);
}
