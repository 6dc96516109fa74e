/** Nodes of one component being taken and put back, and what that costs at each moment. PURE but for its own counters. */
import { gangCost, type CandidateGang, type CandidateNode } from './offer';

/**
 * Costs are counted in whole thousandths of an accelerator-second: sums of integers do not depend on their order, so equal costs
 * are equal, and ties are decided by what ties should be decided by.
 */
export const PER_SECOND = 1000;

/** Nodes that are joined by gangs which share them, and those gangs. */
export interface Component {
  readonly giver: string;
  /** Sorted by name. */
  readonly nodes: readonly CandidateNode[];
  /** Sorted by key. */
  readonly gangs: readonly CandidateGang[];
}

interface Part {
  readonly gang: number;
  readonly members: number;
  readonly accelerators: number;
}

/** Which nodes of a component are taken, by index, and the cost of it. */
export class Taking {
  /** Cost of what is taken, in thousandths. */
  cost = 0;
  size = 0;
  readonly taken: boolean[];
  /** Gang → indices of its nodes. */
  readonly nodesOf: readonly number[][];
  private readonly parts: readonly (readonly Part[])[];
  private readonly members: number[];
  private readonly accelerators: number[];
  private readonly costs: number[];

  constructor(private readonly component: Component) {
    const { nodes, gangs } = component;
    const indexOf = new Map(gangs.map(({ key }, index) => [key, index] as const));
    this.nodesOf = gangs.map(() => []);
    this.parts = nodes.map(({ name, gangs: keys }, node) =>
      keys.map((key) => {
        const gang = indexOf.get(key)!;
        this.nodesOf[gang]!.push(node);
        const { membersByNode, acceleratorsByNode } = gangs[gang]!;
        return { gang, members: membersByNode.get(name) ?? 0, accelerators: acceleratorsByNode.get(name) ?? 0 };
      }),
    );
    this.taken = nodes.map(() => false);
    this.members = gangs.map(() => 0);
    this.accelerators = gangs.map(() => 0);
    this.costs = gangs.map(() => 0);
  }

  /** Takes a node, or puts it back. */
  flip(node: number): void {
    const sign = this.taken[node] ? -1 : 1;
    this.taken[node] = sign > 0;
    this.size += sign;
    for (const { gang, members, accelerators } of this.parts[node]!) {
      const nodes = (this.members[gang]! += sign * members);
      const amount = (this.accelerators[gang]! += sign * accelerators);
      const cost = this.touched(gang)
        ? Math.round(gangCost(this.component.gangs[gang]!, nodes, amount) * PER_SECOND)
        : 0;
      this.cost += cost - this.costs[gang]!;
      this.costs[gang] = cost;
    }
  }

  /** By how much the cost rises when these are flipped. */
  rise(nodes: readonly number[]): number {
    const before = this.cost;
    for (const node of nodes) this.flip(node);
    const rise = this.cost - before;
    for (let i = nodes.length - 1; i >= 0; i--) this.flip(nodes[i]!);
    return rise;
  }

  /** Indices of what is taken. */
  indices(): number[] {
    return this.taken.flatMap((taken, index) => (taken ? [index] : []));
  }

  private touched(gang: number): boolean {
    return this.members[gang]! > 0 || this.accelerators[gang]! > 0;
  }
}
