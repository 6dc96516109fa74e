/** Where a node sits in the network: the leaf, layer 3 of EC2's instance topology. */
import { FOREIGN_KEYS } from '../domain/node-keys';

/** The leaf of a node without a topology label. Last in every order; never chosen where one leaf is required. */
export const UNKNOWN_LEAF = 'unknown';

/** The switch above the leaf, layer 2. */
export function spineOf(labels: Readonly<Record<string, string>> | undefined): string | undefined {
  return labels?.[FOREIGN_KEYS.networkLayer(2)];
}

/** The leaf a node's labels name. */
export function leafOf(labels: Readonly<Record<string, string>> | undefined): string {
  return labels?.[FOREIGN_KEYS.networkLayer(3)] || UNKNOWN_LEAF;
}

/** Orders leaves by name, the unknown one last. */
export function compareLeaves(a: string, b: string): number {
  if (a === b) return 0;
  if (a === UNKNOWN_LEAF) return 1;
  if (b === UNKNOWN_LEAF) return -1;
  return a < b ? -1 : 1;
}
