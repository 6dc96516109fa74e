/** Nodes by name to a field of indices, and fabric back to names. */
import { compareLeaves, UNKNOWN_LEAF } from '../../fleet';
import { type Field, fabricItem, SUSPECT_FABRIC } from './isolate-evidence';

/** Where a node is, as far as its labels say. */
export interface Place {
  /** Layer 3 of the network, `unknown` without a label. */
  readonly leaf: string;
  /** Layer 2, the switch above the leaf. */
  readonly spine?: string;
}

/** A field, and what its fabric is called. */
export interface NamedField {
  readonly field: Field;
  readonly leaves: readonly string[];
  readonly spines: readonly string[];
}

/** What is above the leaves where no label says. */
const ABOVE = 'above the leaves';

/**
 * Lays out a batch and its partners. A leaf is part of the search only where there is another to compare it with: of a single leaf every
 * test is in it, and nothing could tell a bad leaf from bad nodes. What is above leaves can be compared with tests inside them.
 */
export function toField(batch: readonly Place[], partners: readonly Place[]): NamedField {
  const places = [...batch, ...partners].map(({ leaf, spine }) => ({ leaf, spine: spine || ABOVE }));
  const known = places.filter(({ leaf }) => leaf !== UNKNOWN_LEAF);
  const leaves = [...new Set(known.map(({ leaf }) => leaf))].sort(compareLeaves);
  const spines = [...new Set(known.map(({ spine }) => spine))].sort();
  const field = (leafIndex: ReadonlyMap<string, number>, spineIndex: ReadonlyMap<string, number>): Field => ({
    batch: batch.length,
    total: places.length,
    leaf: Int32Array.from(places, ({ leaf }) => leafIndex.get(leaf) ?? -1),
    spine: Int32Array.from(places, ({ leaf, spine }) => (leafIndex.has(leaf) ? spineIndex.get(spine)! : -1)),
    leaves: leafIndex.size,
    spines: spineIndex.size,
  });
  if (leaves.length < 2) return { field: field(new Map(), new Map()), leaves: [], spines: [] };
  return { field: field(indexOf(leaves), indexOf(spines)), leaves, spines };
}

function indexOf(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, i) => [name, i]));
}

/** Names of the fabric that is likelier bad than not. */
export function suspectFabric({ field, leaves, spines }: NamedField, bad: Float64Array): readonly string[] {
  const likely = (item: number) => bad[item]! >= SUSPECT_FABRIC;
  return [
    ...leaves.filter((_, i) => likely(fabricItem.leaf(field, i))).map((name) => `leaf ${name}`),
    ...leaves.filter((_, i) => likely(fabricItem.uplink(field, i))).map((name) => `uplink of leaf ${name}`),
    ...spines.filter((_, i) => likely(fabricItem.spine(field, i))).map((name) => `switches ${name}`),
  ];
}
