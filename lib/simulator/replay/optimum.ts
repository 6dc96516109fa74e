/**
 * The least that a choice of victims could have cost, found another way than the policy of the product finds it, to measure every policy
 * against. PURE.
 *
 * Nodes that share gangs form components. A component of up to 12 nodes is solved by looking at every subset; a larger one with a single
 * gang in closed form; a larger one with several gangs by a lower bound (each gang's loss shared evenly by its nodes), and then the
 * result is a bound and says so. A knapsack over the components finds the least for exactly `count` nodes. It knows what the planner
 * knows at that instant: it is an oracle of one decision, not of the future.
 */
import {
  gangCost,
  type CandidateGang,
  type CandidateNode,
  type VictimOffer,
  type VictimWish,
} from '../../controllers/capacity/offer';

/** The least cost in accelerator-seconds; not exact: a lower bound of it. */
export interface Optimum {
  readonly cost: number;
  readonly exact: boolean;
}

const MOST_NODES = 12;

/** The optimum; undefined when so many nodes cannot be had, or when several buckets give (no single knapsack then). */
export function optimumOf(offer: VictimOffer, { count, most }: VictimWish): Optimum | undefined {
  const nodes = offer.nodes.filter(({ giver }) => (most.get(giver) ?? 0) > 0);
  const givers = new Set(nodes.map(({ giver }) => giver));
  if (givers.size !== 1 || nodes.length < count || most.get(nodes[0]!.giver)! < count) return undefined;
  let exact = true;
  let table = [0];
  for (const members of components(nodes)) {
    const curve = curveOf(members, offer.gangs);
    exact &&= curve.exact;
    table = combined(table, curve.cost, count);
  }
  const cost = table[count];
  return cost === undefined || cost === Infinity ? undefined : { cost, exact };
}

/** Cheapest cost of j nodes from what came before and one more component. */
function combined(before: readonly number[], curve: readonly number[], count: number): number[] {
  const next = Array<number>(Math.min(count, before.length + curve.length - 2) + 1).fill(Infinity);
  for (let had = 0; had < before.length && had <= count; had++) {
    for (let more = 0; more < curve.length && had + more <= count; more++) {
      next[had + more] = Math.min(next[had + more]!, before[had]! + curve[more]!);
    }
  }
  return next;
}

interface CostCurve {
  /** Index: number of nodes. */
  readonly cost: readonly number[];
  readonly exact: boolean;
}

function curveOf(nodes: readonly CandidateNode[], all: VictimOffer['gangs']): CostCurve {
  const gangs = [...new Set(nodes.flatMap((node) => node.gangs))].map((key) => all.get(key)!);
  if (nodes.length <= MOST_NODES) return { cost: bySubsets(nodes, gangs), exact: true };
  return gangs.length === 1
    ? { cost: byOneGang(nodes, gangs[0]!), exact: true }
    : { cost: byShares(nodes, gangs), exact: false };
}

function bySubsets(nodes: readonly CandidateNode[], gangs: readonly CandidateGang[]): readonly number[] {
  const cost = Array<number>(nodes.length + 1).fill(Infinity);
  for (let subset = 0; subset < 2 ** nodes.length; subset++) {
    const taken = nodes.filter((_, i) => (subset & (1 << i)) !== 0);
    const sum = gangs.reduce((total, gang) => total + costOf(gang, taken), 0);
    cost[taken.length] = Math.min(cost[taken.length]!, sum);
  }
  return cost;
}

/** One gang on many nodes: whichever nodes hold most of it, when it is stopped anyway. */
function byOneGang(nodes: readonly CandidateNode[], gang: CandidateGang): readonly number[] {
  const bySize = [...nodes].sort(
    (a, b) => (gang.acceleratorsByNode.get(b.name) ?? 0) - (gang.acceleratorsByNode.get(a.name) ?? 0),
  );
  const fewest = [...bySize].reverse();
  return Array.from({ length: nodes.length + 1 }, (_, j) =>
    Math.min(costOf(gang, bySize.slice(0, j)), costOf(gang, fewest.slice(0, j))),
  );
}

/** Lower bound: whoever takes a node pays at least its share of the loss of the gangs on it. */
function byShares(nodes: readonly CandidateNode[], gangs: readonly CandidateGang[]): readonly number[] {
  const share = new Map(
    gangs.map((gang) => {
      const least = gang.surplus > 0 ? 0 : (gang.accelerators * gang.lossSeconds) / gang.membersByNode.size;
      return [gang.key, least] as const;
    }),
  );
  const shares = nodes.map((node) => node.gangs.reduce((sum, key) => sum + share.get(key)!, 0)).sort((a, b) => a - b);
  const cost = [0];
  for (const one of shares) cost.push(cost.at(-1)! + one);
  return cost;
}

function costOf(gang: CandidateGang, taken: readonly CandidateNode[]): number {
  let members = 0;
  let accelerators = 0;
  for (const { name } of taken) {
    members += gang.membersByNode.get(name) ?? 0;
    accelerators += gang.acceleratorsByNode.get(name) ?? 0;
  }
  return members === 0 ? 0 : gangCost(gang, members, accelerators);
}

/** Nodes joined by gangs that they share. */
function components(nodes: readonly CandidateNode[]): readonly (readonly CandidateNode[])[] {
  const byGang = new Map<string, CandidateNode[]>();
  for (const node of nodes) {
    for (const key of node.gangs) {
      const known = byGang.get(key);
      if (known) known.push(node);
      else byGang.set(key, [node]);
    }
  }
  const seen = new Set<CandidateNode>();
  return nodes.flatMap((first) => {
    if (seen.has(first)) return [];
    seen.add(first);
    const members = [first];
    for (const node of members) {
      const next = node.gangs.flatMap((key) => byGang.get(key)!).filter((other) => !seen.has(other));
      for (const other of new Set(next)) {
        seen.add(other);
        members.push(other);
      }
    }
    return [members];
  });
}
