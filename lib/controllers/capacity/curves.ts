/**
 * What j nodes of one component cost, for every j. PURE.
 *
 * One node: the sum of its gangs. One gang: exact, because what is lost is fixed and what it leaves elsewhere falls with each
 * further node. Several gangs that share nodes: every subset while that is cheap, else for each j the best of what is found node by
 * node, gang by gang (by cost per node), and backwards from all of it (which puts back what need not have been taken), then bettered
 * by exchanging single nodes. Never worse than plain greedy, because its choices are among those compared.
 */
import { gangCost, type CandidateGang, type CandidateNode } from './offer';
import { PER_SECOND, Taking, type Component } from './taking';

/** Cost by number of nodes; index 0 is nothing at no cost. */
export interface Curve {
  /** In thousandths of accelerator-seconds. */
  readonly cost: readonly number[];
  /** What decides between equal costs; lower is better. */
  readonly tie: readonly number[];
  /** The nodes of that many. */
  readonly nodes: (count: number) => readonly string[];
}

/** What curves are drawn with. */
export interface Drawing {
  /** Most nodes of interest. */
  readonly most: number;
  /** Lower is preferred among equal costs. */
  readonly tieOf: (node: CandidateNode) => number;
  /** Subsets that may still be looked at; spent here. */
  readonly subsets: { left: number };
}

/** Above this many nodes a component is not gone through backwards, and not gang by gang: quadratic. */
const MOST_THOROUGH = 300;
/** Nodes × most: above this no exchanges are tried. */
const MOST_EXCHANGES = 1500;

/** Draws the curve of a component. */
export function drawCurve(component: Component, drawing: Drawing): Curve {
  const { nodes, gangs } = component;
  if (gangs.length === 1) return gangCurve(gangs[0]!, nodes, drawing);
  const subsets = 2 ** Math.min(50, nodes.length);
  if (subsets <= drawing.subsets.left) {
    drawing.subsets.left -= subsets;
    return bestSubsets(component, drawing);
  }
  const best = new Best(component, drawing);
  const most = Math.min(drawing.most, nodes.length);
  goForward(new Taking(component), best, most, false);
  if (nodes.length <= MOST_THOROUGH) {
    goForward(new Taking(component), best, most, true);
    goBackward(new Taking(component), best);
  }
  if (nodes.length * most <= MOST_EXCHANGES) for (let size = 1; size <= most; size++) exchange(component, best, size);
  return best.curve();
}

interface Part {
  readonly node: CandidateNode;
  readonly members: number;
  readonly accelerators: number;
  readonly tie: number;
}

/** One gang alone on its nodes. Mostly it has as much on each of them: then any nodes will do, and nothing need be sorted out. */
function gangCurve(gang: CandidateGang, nodes: readonly CandidateNode[], drawing: Drawing): Curve {
  const [first] = nodes;
  const members = gang.membersByNode.get(first!.name) ?? 0;
  const accelerators = gang.acceleratorsByNode.get(first!.name) ?? 0;
  for (const { name } of nodes) {
    if ((gang.membersByNode.get(name) ?? 0) !== members) return unevenCurve(gang, nodes, drawing);
    if ((gang.acceleratorsByNode.get(name) ?? 0) !== accelerators) return unevenCurve(gang, nodes, drawing);
  }
  const count = Math.min(drawing.most, nodes.length);
  const ties = nodes.map(drawing.tieOf);
  const sorted = [...ties].sort((a, b) => a - b);
  const [cost, tie] = [[0], [0]];
  for (let j = 1; j <= count; j++) {
    cost.push(Math.round(gangCost(gang, j * members, j * accelerators) * PER_SECOND));
    tie.push(tie[j - 1]! + sorted[j - 1]!);
  }
  const inOrder = () => nodes.map((_, index) => index).sort((a, b) => ties[a]! - ties[b]! || a - b);
  return {
    cost,
    tie,
    nodes: (wanted) =>
      inOrder()
        .slice(0, wanted)
        .map((index) => nodes[index]!.name),
  };
}

function unevenCurve(gang: CandidateGang, nodes: readonly CandidateNode[], { most, tieOf }: Drawing): Curve {
  const parts = nodes.map((node): Part => ({
    node,
    members: gang.membersByNode.get(node.name) ?? 0,
    accelerators: gang.acceleratorsByNode.get(node.name) ?? 0,
    tie: tieOf(node),
  }));
  // Stopped as a whole: the nodes with most of it first, so that least of it stands idle elsewhere.
  const sign = gang.queueSeconds > 0 ? -1 : 0;
  const whole = [...parts].sort((a, b) => sign * (a.accelerators - b.accelerators) || a.tie - b.tie);
  const surplus = surplusPicks(parts, gang.surplus, Math.min(most, parts.length));
  const picks = Array.from({ length: Math.min(most, parts.length) + 1 }, (_, j) => surplus[j] ?? whole.slice(0, j));
  const sum = (list: readonly Part[], of: (part: Part) => number) => list.reduce((total, part) => total + of(part), 0);
  return {
    cost: picks.map((list) => {
      const [members, accelerators] = [sum(list, (part) => part.members), sum(list, (part) => part.accelerators)];
      return list.length === 0 ? 0 : Math.round(gangCost(gang, members, accelerators) * PER_SECOND);
    }),
    tie: picks.map((list) => sum(list, ({ tie }) => tie)),
    nodes: (count) => picks[count]!.map(({ node }) => node.name),
  };
}

interface Pick {
  readonly accelerators: number;
  readonly tie: number;
  readonly parts: readonly Part[];
}

/** By number of nodes: those that hold surplus members only, and the fewest accelerators. Never dearer than stopping the gang. */
function surplusPicks(parts: readonly Part[], surplus: number, most: number): readonly (readonly Part[] | undefined)[] {
  if (surplus <= 0) return [[]];
  /** `reached[j]`: members → the best of j nodes with so many. */
  const reached: Map<number, Pick>[] = [new Map([[0, { accelerators: 0, tie: 0, parts: [] }]])];
  for (const part of parts) {
    for (let j = Math.min(reached.length, most, surplus); j >= 1; j--) {
      extend(reached[j - 1]!, (reached[j] ??= new Map()), part, surplus);
    }
  }
  return reached.map((byMembers) => [...byMembers.values()].sort(comparePicks)[0]?.parts);
}

function extend(from: ReadonlyMap<number, Pick>, to: Map<number, Pick>, part: Part, surplus: number): void {
  for (const [members, { accelerators, tie, parts }] of from) {
    const total = members + part.members;
    if (total > surplus) continue;
    const pick = { accelerators: accelerators + part.accelerators, tie: tie + part.tie, parts: [...parts, part] };
    const known = to.get(total);
    if (!known || comparePicks(pick, known) < 0) to.set(total, pick);
  }
}

function comparePicks(a: Pick, b: Pick): number {
  return a.accelerators - b.accelerators || a.tie - b.tie;
}

/** The best set found so far, for each size. */
class Best {
  private readonly cost: number[] = [0];
  private readonly tie: number[] = [0];
  private readonly sets: (readonly number[])[] = [[]];
  private readonly ties: readonly number[];

  constructor(
    private readonly component: Component,
    private readonly drawing: Drawing,
  ) {
    this.ties = component.nodes.map(drawing.tieOf);
  }

  see(taking: Taking): void {
    const { size, cost } = taking;
    if (size > this.drawing.most || cost > (this.cost[size] ?? Infinity)) return;
    const set = taking.indices();
    const tie = set.reduce((sum, index) => sum + this.ties[index]!, 0);
    if (cost === this.cost[size] && tie >= this.tie[size]!) return;
    this.cost[size] = cost;
    this.tie[size] = tie;
    this.sets[size] = set;
  }

  /** The best of one size, so far. */
  setOf(size: number): readonly number[] {
    return this.sets[size]!;
  }

  curve(): Curve {
    const { nodes } = this.component;
    return { cost: this.cost, tie: this.tie, nodes: (count) => this.sets[count]!.map((index) => nodes[index]!.name) };
  }
}

/** Every subset, each one flip away from the one before. */
function bestSubsets(component: Component, drawing: Drawing): Curve {
  const best = new Best(component, drawing);
  const taking = new Taking(component);
  const subsets = 2 ** component.nodes.length;
  for (let i = 1; i < subsets; i++) {
    taking.flip(31 - Math.clz32(i & -i));
    best.see(taking);
  }
  return best.curve();
}

/** Again and again what costs least per node: a node, or all that is left of a gang. */
function goForward(taking: Taking, best: Best, most: number, byGang: boolean): void {
  const all = taking.taken.length;
  while (taking.size < most) {
    let chosen: readonly number[] = [];
    let least = Infinity;
    const consider = (nodes: readonly number[]) => {
      const density = taking.rise(nodes) / nodes.length;
      if (density < least) [chosen, least] = [nodes, density];
    };
    for (let node = 0; node < all; node++) if (!taking.taken[node]) consider([node]);
    for (const nodes of byGang ? taking.nodesOf : []) {
      const left = nodes.filter((node) => !taking.taken[node]);
      if (left.length > 1) consider(left);
    }
    for (const node of chosen) {
      taking.flip(node);
      best.see(taking);
    }
  }
}

/** From all of it, again and again without the node that saves most. */
function goBackward(taking: Taking, best: Best): void {
  for (let node = 0; node < taking.taken.length; node++) taking.flip(node);
  best.see(taking);
  while (taking.size > 1) {
    let chosen = -1;
    let least = Infinity;
    for (const node of taking.indices()) {
      const rise = taking.rise([node]);
      if (rise < least) [chosen, least] = [node, rise];
    }
    taking.flip(chosen);
    best.see(taking);
  }
}

/** Puts one node back and takes another while that is cheaper. */
function exchange(component: Component, best: Best, size: number): void {
  const taking = new Taking(component);
  for (const node of best.setOf(size)) taking.flip(node);
  for (let better = true; better;) {
    better = false;
    for (const out of taking.indices()) {
      const into = cheaperThan(out, taking);
      if (into === undefined) continue;
      taking.flip(out);
      taking.flip(into);
      better = true;
    }
  }
  best.see(taking);
}

function cheaperThan(out: number, taking: Taking): number | undefined {
  let [least, chosen]: [number, number | undefined] = [0, undefined];
  for (let node = 0; node < taking.taken.length; node++) {
    if (taking.taken[node]) continue;
    const rise = taking.rise([out, node]);
    if (rise < least) [least, chosen] = [rise, node];
  }
  return chosen;
}
