/**
 * Nodes of a type that the catalog does not have: nobody knows what a healthy one reads, nor which devices it has. PURE.
 *
 * A pool made by hand may name such a type. Its nodes are judged unreliable at once, without a check, and left to a person; a release
 * whose catalog has the type measures them by itself.
 */
import { findInstanceType } from '../../catalog';
import type { NodeFacts } from '../../fleet';

/** Reason of a result that no check could change. */
export const UNKNOWN_TYPE = 'UnknownType';

/** Whether the catalog says what a node of this type has, and what it reads when it is healthy. */
export function isMeasurable({ instanceType }: Pick<NodeFacts, 'instanceType'>): boolean {
  return findInstanceType(instanceType) !== undefined;
}

/** Why nothing can be said of it, and the ways out. */
export function unknownTypeText({ name, pool, instanceType }: NodeFacts): string {
  const type = instanceType === '' ? 'it has no instance type' : `type ${instanceType} is not in the catalog`;
  const none =
    pool === undefined ? '' : ` To go without: validation: None in CapacityPool ${pool} for nodes to come, and`;
  const out = none === '' ? ' To let it work unproved:' : `${none} for this one`;
  return `nothing can be measured: ${type} of this release.${out} kubectl taint node ${name} aicluster.dev/probation-. A release that knows the type proves it by itself.`;
}
