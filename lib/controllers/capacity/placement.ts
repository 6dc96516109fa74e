/**
 * Which of several equal nodes: whole leaves first, so that a gang's traffic stays below one switch and what is left behind is
 * not scattered. PURE.
 *
 * The smallest leaf that holds all of it; when none does, the largest leaf whole, and so on. Nodes without a known leaf come last.
 * Among equals: a leaf the taker is in already, then by name.
 */
import { compareLeaves, UNKNOWN_LEAF } from '../../fleet';
import type { NodeState } from './fleet-state';

/** Which nodes are acceptable, beside their type. */
export interface NodeFilter {
  readonly zones?: readonly string[];
  readonly leaf?: string;
}

/** How to choose. */
export interface Preference {
  /** False: any nodes, by leaf and name. */
  readonly wholeLeaves: boolean;
  /** Leaves in which the taker has nodes. */
  readonly near: ReadonlySet<string>;
}

/** Whether a node passes the filter. */
export function accepts({ facts }: NodeState, { zones, leaf }: NodeFilter): boolean {
  if (zones !== undefined && (facts.zone === undefined || !zones.includes(facts.zone))) return false;
  return leaf === undefined || facts.leaf === leaf;
}

/** Nodes of one type that can be taken, by leaf. */
export class Shelf {
  private readonly byLeaf = new Map<string, NodeState[]>();
  private total = 0;
  /** Leaves in order, once somebody has asked. */
  private order: readonly string[] | undefined;

  constructor(nodes: readonly NodeState[] = []) {
    // Taken from the end: lowest name first.
    for (const node of [...nodes].reverse()) this.add(node);
  }

  /** How many there are. */
  get count(): number {
    return this.total;
  }

  /** All of them, in no particular order. */
  nodes(): readonly NodeState[] {
    return [...this.byLeaf.values()].flat();
  }

  /** Leaves with nodes, sorted. */
  leaves(): readonly string[] {
    return (this.order ??= [...this.byLeaf.keys()].sort(compareLeaves));
  }

  /** Puts a node (back). */
  add(node: NodeState): void {
    const nodes = this.byLeaf.get(node.facts.leaf);
    if (nodes) nodes.push(node);
    else {
      this.byLeaf.set(node.facts.leaf, [node]);
      this.order = undefined;
    }
    this.total += 1;
  }

  /** How many pass the filter. */
  countOf(filter: NodeFilter): number {
    if (isOpen(filter)) return this.total;
    let count = 0;
    const leaves = filter.leaf === undefined ? this.byLeaf.values() : [this.byLeaf.get(filter.leaf) ?? []];
    for (const nodes of leaves) for (const node of nodes) if (accepts(node, filter)) count += 1;
    return count;
  }

  /** Takes up to `count` nodes that pass the filter. */
  take(count: number, filter: NodeFilter, preference: Preference): NodeState[] {
    const taken: NodeState[] = [];
    while (taken.length < count) {
      const leaf = this.bestLeaf(count - taken.length, filter, preference);
      if (leaf === undefined) break;
      taken.push(...this.takeFrom(leaf, count - taken.length, filter));
    }
    return taken;
  }

  private bestLeaf(wanted: number, filter: NodeFilter, { wholeLeaves, near }: Preference): string | undefined {
    if (!wholeLeaves) return this.firstLeaf(filter);
    let best: { readonly leaf: string; readonly size: number } | undefined;
    // Where one leaf is asked for, the others need no look.
    for (const leaf of filter.leaf === undefined ? this.byLeaf.keys() : [filter.leaf]) {
      const nodes = this.byLeaf.get(leaf) ?? [];
      const size = isOpen(filter) ? nodes.length : nodes.filter((node) => accepts(node, filter)).length;
      if (size === 0) continue;
      const candidate = { leaf, size };
      if (!best || compareChoice(candidate, best, wanted, near) < 0) best = candidate;
    }
    return best?.leaf;
  }

  /** The first leaf by name that has a node. */
  private firstLeaf(filter: NodeFilter): string | undefined {
    const leaves = filter.leaf === undefined ? this.leaves() : [filter.leaf];
    if (isOpen(filter)) return leaves[0];
    return leaves.find((leaf) => this.byLeaf.get(leaf)?.some((node) => accepts(node, filter)));
  }

  private takeFrom(leaf: string, most: number, filter: NodeFilter): NodeState[] {
    const nodes = this.byLeaf.get(leaf)!;
    const taken: NodeState[] = [];
    for (let i = nodes.length - 1; i >= 0 && taken.length < most; i--) {
      if (!accepts(nodes[i]!, filter)) continue;
      taken.push(nodes[i]!);
      if (i === nodes.length - 1) nodes.pop();
      else nodes.splice(i, 1);
    }
    if (nodes.length === 0) {
      this.byLeaf.delete(leaf);
      this.order = undefined;
    }
    this.total -= taken.length;
    return taken;
  }
}

interface Choice {
  readonly leaf: string;
  readonly size: number;
}

/** Negative: `a` is the better leaf for `wanted` nodes. */
function compareChoice(a: Choice, b: Choice, wanted: number, near: ReadonlySet<string>): number {
  const known = Number(a.leaf === UNKNOWN_LEAF) - Number(b.leaf === UNKNOWN_LEAF);
  if (known !== 0) return known;
  const holds = Number(b.size >= wanted) - Number(a.size >= wanted);
  if (holds !== 0) return holds;
  // Both hold it: the smaller; neither does: the larger.
  const size = a.size >= wanted ? a.size - b.size : b.size - a.size;
  if (size !== 0) return size;
  return Number(near.has(b.leaf)) - Number(near.has(a.leaf)) || compareLeaves(a.leaf, b.leaf);
}

/** Whether every node passes the filter. */
export function isOpen({ zones, leaf }: NodeFilter): boolean {
  return zones === undefined && leaf === undefined;
}
