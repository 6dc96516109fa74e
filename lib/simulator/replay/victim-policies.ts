/**
 * How others choose victims, as policies of the same planner. PURE.
 *
 * Each is an order of gangs; gangs are added until the nodes that they free are enough, then put back in reverse order of being added
 * where it is still enough without them. That is Kueue's algorithm (pkg/scheduler/preemption: greedy, then fill back), minimal by
 * inclusion but blind to cost; a node counts as freed once every gang on it is a victim.
 *
 *   kueue        lowest priority, then newest first, then by name
 *   largest      most accelerators first
 *   random       shuffled by the seed
 *   min-runtime  KAI's minruntime: gangs that ran at least so long, newest first; younger ones are never taken
 */
import {
  choiceOf,
  type CandidateGang,
  type CandidateNode,
  type ChooseVictims,
  type VictimOffer,
  type VictimWish,
} from '../../controllers/capacity/offer';
import type { Random } from '../../runtime/ports';

type Order = (gangs: readonly CandidateGang[]) => readonly CandidateGang[];

const newestFirst = (a: CandidateGang, b: CandidateGang) =>
  a.giverRank - b.giverRank || b.startedAtMs - a.startedAtMs || (a.key < b.key ? -1 : 1);

/** Kueue's order. */
export const kueueVictims: ChooseVictims = greedy((gangs) => [...gangs].sort(newestFirst));

/** The largest gangs. */
export const largestVictims: ChooseVictims = greedy((gangs) =>
  [...gangs].sort((a, b) => a.giverRank - b.giverRank || b.accelerators - a.accelerators || newestFirst(a, b)),
);

/** Any gangs. */
export function randomVictims(random: Random): ChooseVictims {
  return greedy((gangs) => {
    const drawn = [...gangs].sort((a, b) => (a.key < b.key ? -1 : 1)).map((gang) => ({ gang, at: random() }));
    return drawn.sort((a, b) => a.gang.giverRank - b.gang.giverRank || a.at - b.at).map(({ gang }) => gang);
  });
}

/** Newest first among those that ran long enough. */
export function minRuntimeVictims(leastMs: number, nowMs: () => number): ChooseVictims {
  return greedy((gangs) => gangs.filter(({ startedAtMs }) => nowMs() - startedAtMs >= leastMs).sort(newestFirst));
}

/** Nodes that are free once all gangs on them are victims. */
class Freed {
  private readonly nodesOf = new Map<string, CandidateNode[]>();
  private readonly busyWith = new Map<CandidateNode, number>();
  private readonly freeOf = new Map<string, Set<CandidateNode>>();

  constructor(
    { nodes }: VictimOffer,
    private readonly most: VictimWish['most'],
  ) {
    for (const node of nodes) {
      this.busyWith.set(node, node.gangs.length);
      if (node.gangs.length === 0) this.free(node);
      for (const key of node.gangs) {
        const known = this.nodesOf.get(key);
        if (known) known.push(node);
        else this.nodesOf.set(key, [node]);
      }
    }
  }

  /** How many may be taken, whoever gives. */
  get count(): number {
    let count = 0;
    for (const [giver, nodes] of this.freeOf) count += Math.min(nodes.size, this.most.get(giver) ?? 0);
    return count;
  }

  add(key: string): void {
    for (const node of this.nodesOf.get(key) ?? []) {
      const left = this.busyWith.get(node)! - 1;
      this.busyWith.set(node, left);
      if (left === 0) this.free(node);
    }
  }

  putBack(key: string): void {
    for (const node of this.nodesOf.get(key) ?? []) {
      this.busyWith.set(node, this.busyWith.get(node)! + 1);
      this.freeOf.get(node.giver)?.delete(node);
    }
  }

  /** So many of them, by name. */
  names(count: number): readonly string[] {
    const names: string[] = [];
    for (const [giver, nodes] of this.freeOf) {
      const sorted = [...nodes].map(({ name }) => name).sort();
      names.push(...sorted.slice(0, this.most.get(giver) ?? 0));
    }
    return names.slice(0, count);
  }

  private free(node: CandidateNode): void {
    const nodes = this.freeOf.get(node.giver);
    if (nodes) nodes.add(node);
    else this.freeOf.set(node.giver, new Set([node]));
  }
}

function greedy(order: Order): ChooseVictims {
  return (offer, wish) => {
    const freed = new Freed(offer, wish.most);
    const victims: string[] = [];
    for (const { key } of order([...offer.gangs.values()])) {
      if (freed.count >= wish.count) break;
      freed.add(key);
      victims.push(key);
    }
    if (freed.count < wish.count) return undefined;
    for (const key of victims.reverse()) {
      freed.putBack(key);
      if (freed.count < wish.count) freed.add(key);
    }
    return choiceOf(offer, freed.names(wish.count));
  };
}
