/**
 * Which running work gives way: the nodes that cost least together. PURE.
 *
 * Nodes that share gangs form components; `curves` says what j nodes of each cost; a knapsack over the components of each giver,
 * and then over the givers, finds the cheapest way to get exactly `count`. Exact but for components in which many gangs share
 * nodes. Nodes with nothing but their own gangs are most of a fleet: the j cheapest of them are one curve together.
 *
 * Equal cost: the lower bucket, then leaves as `placement` likes them, the unknown one last, then by name.
 */
import { compareLeaves, UNKNOWN_LEAF } from '../../fleet';
import { drawCurve, type Curve, type Drawing } from './curves';
import { choiceOf, gangCost, type CandidateNode, type ChooseVictims, type VictimOffer, type VictimWish } from './offer';
import { PER_SECOND, type Component } from './taking';

/** Subsets looked at in one choice, over all components: about a millisecond. */
const MOST_SUBSETS = 4096;
/** Above every sum of leaf positions. */
const PER_RANK = 1e7;

/** The policy of this project: least cost. */
export const leastCost: ChooseVictims = (offer, wish) => {
  if (wish.count <= 0) return { nodes: [], cost: 0, gangs: [] };
  const nodes = usable(offer, wish);
  if (feasible(nodes, wish) < wish.count) return undefined;
  const subsets = { left: MOST_SUBSETS };
  const tieOf = tiesOf(nodes, offer, wish);
  const curves: Curve[] = [];
  for (const [giver, own] of groupBy(nodes, (node) => node.giver)) {
    const most = Math.min(wish.count, wish.most.get(giver)!);
    curves.push(cheapest(curvesOf(giver, own, offer, { most, tieOf, subsets }), most));
  }
  const best = cheapest(curves, wish.count);
  return best.cost.length > wish.count ? choiceOf(offer, best.nodes(wish.count)) : undefined;
};

/** Nodes whose giver may lose any, by name. A node with work of another bucket has the phase Squatted and is not here. */
function usable({ nodes, gangs }: VictimOffer, { most }: VictimWish): readonly CandidateNode[] {
  const open = nodes.filter(
    ({ giver, gangs: keys }) => (most.get(giver) ?? 0) > 0 && keys.every((key) => gangs.get(key)?.giver === giver),
  );
  for (let i = 1; i < open.length; i++) if (open[i - 1]!.name > open[i]!.name) return open.sort(byName);
  return open;
}

const byName = (a: CandidateNode, b: CandidateNode) => (a.name < b.name ? -1 : 1);

function feasible(nodes: readonly CandidateNode[], { most }: VictimWish): number {
  let sum = 0;
  for (const [giver, own] of groupBy(nodes, (node) => node.giver)) sum += Math.min(most.get(giver)!, own.length);
  return sum;
}

/** Rank of the giver, then how good its leaf is for the taker. */
function tiesOf(
  nodes: readonly CandidateNode[],
  { gangs }: VictimOffer,
  { count, wholeLeaves, near }: VictimWish,
): (node: CandidateNode) => number {
  const sizes = new Map<string, number>();
  for (const { leaf } of nodes) sizes.set(leaf, (sizes.get(leaf) ?? 0) + 1);
  const order = [...sizes.keys()].sort((a, b) => {
    const known = Number(a === UNKNOWN_LEAF) - Number(b === UNKNOWN_LEAF);
    return known || (wholeLeaves ? compareSizes(sizes.get(a)!, sizes.get(b)!, count) : 0) || nearer(a, b, near);
  });
  const position = new Map(order.map((leaf, index) => [leaf, index] as const));
  const rankOf = ({ gangs: keys }: CandidateNode) => (keys.length > 0 ? gangs.get(keys[0]!)!.giverRank : 0);
  return (node) => rankOf(node) * PER_RANK + position.get(node.leaf)!;
}

/** The smallest that holds all; when none does, the largest. */
function compareSizes(a: number, b: number, count: number): number {
  return Number(b >= count) - Number(a >= count) || (a >= count ? a - b : b - a);
}

function nearer(a: string, b: string, near: ReadonlySet<string>): number {
  return Number(near.has(b)) - Number(near.has(a)) || compareLeaves(a, b);
}

/** The components of one giver; nodes alone with their gangs are one curve together. */
function curvesOf(
  giver: string,
  nodes: readonly CandidateNode[],
  { gangs }: VictimOffer,
  drawing: Drawing,
): readonly Curve[] {
  const alone: CandidateNode[] = [];
  const curves: Curve[] = [];
  for (const members of joined(nodes)) {
    if (members.length === 1) alone.push(members[0]!);
    else curves.push(drawCurve(toComponent(giver, members, gangs), drawing));
  }
  return [...curves, aloneCurve(alone, gangs, drawing)];
}

function toComponent(giver: string, nodes: readonly CandidateNode[], gangs: VictimOffer['gangs']): Component {
  const keys = new Set<string>();
  for (const node of nodes) for (const key of node.gangs) keys.add(key);
  return { giver, nodes, gangs: [...keys].sort().map((key) => gangs.get(key)!) };
}

/** Nodes that share gangs, directly or through others. */
function joined(nodes: readonly CandidateNode[]): readonly (readonly CandidateNode[])[] {
  const parent = Int32Array.from(nodes.keys());
  const rootOf = (index: number) => {
    let root = index;
    while (parent[root] !== root) root = parent[root] = parent[parent[root]!]!;
    return root;
  };
  const first = new Map<string, number>();
  nodes.forEach(({ gangs }, index) => {
    for (const key of gangs) {
      const known = first.get(key);
      if (known === undefined) first.set(key, index);
      else parent[rootOf(index)] = rootOf(known);
    }
  });
  const groups: CandidateNode[][] = [];
  const groupOf = new Int32Array(nodes.length).fill(-1);
  nodes.forEach((node, index) => {
    const root = rootOf(index);
    if (groupOf[root] === -1) groupOf[root] = groups.push([]) - 1;
    groups[groupOf[root]!]!.push(node);
  });
  return groups;
}

function aloneCurve(nodes: readonly CandidateNode[], gangs: VictimOffer['gangs'], { most, tieOf }: Drawing): Curve {
  const priced = nodes.map((node) => {
    let cost = 0;
    for (const key of node.gangs) {
      const gang = gangs.get(key)!;
      const [members, accelerators] = [
        gang.membersByNode.get(node.name) ?? 0,
        gang.acceleratorsByNode.get(node.name) ?? 0,
      ];
      cost += Math.round(gangCost(gang, members, accelerators) * PER_SECOND);
    }
    return { node, cost, tie: tieOf(node) };
  });
  const best = priced.sort((a, b) => a.cost - b.cost || a.tie - b.tie || byName(a.node, b.node)).slice(0, most);
  const [cost, tie] = [[0], [0]];
  for (const one of best) {
    cost.push(cost.at(-1)! + one.cost);
    tie.push(tie.at(-1)! + one.tie);
  }
  return { cost, tie, nodes: (count) => best.slice(0, count).map(({ node }) => node.name) };
}

/** The cheapest way to get j nodes out of all curves, for every j up to `most`. */
function cheapest(curves: readonly Curve[], most: number): Curve {
  if (curves.length === 1) return curves[0]!;
  const cost = new Float64Array(most + 1).fill(Infinity);
  const tie = new Float64Array(most + 1).fill(Infinity);
  cost[0] = tie[0] = 0;
  let reach = 0;
  const shares = curves.map((curve) => {
    const share = new Uint16Array(most + 1);
    reach = Math.min(most, reach + curve.cost.length - 1);
    add(curve, reach, { cost, tie, share });
    return share;
  });
  const nodes = (count: number) => {
    const names: string[] = [];
    for (let k = curves.length - 1, left = count; k >= 0; k--) {
      const share = shares[k]![left]!;
      if (share > 0) names.push(...curves[k]!.nodes(share));
      left -= share;
    }
    return names;
  };
  return { cost: [...cost.subarray(0, reach + 1)], tie: [...tie.subarray(0, reach + 1)], nodes };
}

interface Table {
  readonly cost: Float64Array;
  readonly tie: Float64Array;
  readonly share: Uint16Array;
}

/** The best of what came before and this curve, for every j. Descending: what is read has not been written in this turn. */
function add(curve: Curve, reach: number, { cost, tie, share }: Table): void {
  const { cost: costs, tie: ties } = curve;
  for (let j = reach; j > 0; j--) {
    const most = Math.min(j, costs.length - 1);
    for (let t = 1; t <= most; t++) {
      const sum = cost[j - t]! + costs[t]!;
      const less = sum - cost[j]!;
      if (less > 0 || sum === Infinity) continue;
      const sumTie = tie[j - t]! + ties[t]!;
      if (less === 0 && sumTie >= tie[j]!) continue;
      cost[j] = sum;
      tie[j] = sumTie;
      share[j] = t;
    }
  }
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T, index: number) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  items.forEach((item, index) => {
    const key = keyOf(item, index);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  });
  return groups;
}
