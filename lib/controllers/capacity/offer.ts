/** What could be taken from running work, what is wished for, and what a choice costs. The words of victim policies. PURE. */

/** A busy node that may be taken. */
export interface CandidateNode {
  readonly name: string;
  readonly leaf: string;
  readonly zone?: string;
  /** Bucket that would lose it. */
  readonly giver: string;
  /** Keys of gangs with pods on it. */
  readonly gangs: readonly string[];
}

/** A gang that would be stopped, or would lose surplus members. */
export interface CandidateGang {
  readonly key: string;
  /** Its bucket. */
  readonly giver: string;
  readonly giverRank: number;
  /** Of all its pods, wherever they are. */
  readonly accelerators: number;
  /** Also nodes that are no candidates. */
  readonly acceleratorsByNode: ReadonlyMap<string, number>;
  /** Work lost when it is stopped now, in seconds per accelerator. */
  readonly lossSeconds: number;
  /** How long what it leaves elsewhere would stand idle, in seconds per accelerator. */
  readonly queueSeconds: number;
  readonly startedAtMs: number;
  /** Members that may go alone: losing no more than these does not stop the others. */
  readonly surplus: number;
  readonly membersByNode: ReadonlyMap<string, number>;
}

/** Everything that may be taken. */
export interface VictimOffer {
  readonly nodes: readonly CandidateNode[];
  /** By key. */
  readonly gangs: ReadonlyMap<string, CandidateGang>;
}

/** What is wanted of it. */
export interface VictimWish {
  /** Exactly so many nodes. */
  readonly count: number;
  /** Giver → most nodes it may lose; absent: none. */
  readonly most: ReadonlyMap<string, number>;
  /** Among equal costs, complete whole leaves. */
  readonly wholeLeaves: boolean;
  /** Leaves in which the taker has nodes. */
  readonly near: ReadonlySet<string>;
}

/** One gang of a choice. */
export interface StoppedGang {
  readonly key: string;
  /** Nodes taken on which it has pods. */
  readonly nodes: number;
  /** Accelerators that stop: all of its own, or those of its surplus members. */
  readonly accelerators: number;
  /** Seconds of work that each of those loses. */
  readonly lostSeconds: number;
  /** Seconds that its accelerators elsewhere stand idle; 0 when only surplus goes. */
  readonly queueSeconds: number;
}

/** Nodes to take. */
export interface VictimChoice {
  /** Sorted. */
  readonly nodes: readonly string[];
  /** Accelerator-seconds. */
  readonly cost: number;
  /** Sorted by key. */
  readonly gangs: readonly StoppedGang[];
}

/** A policy; undefined: so many cannot be had. */
export type ChooseVictims = (offer: VictimOffer, wish: VictimWish) => VictimChoice | undefined;

/** Accelerator-seconds that a gang costs when this much of it is on nodes that are taken. */
export function gangCost(gang: CandidateGang, members: number, accelerators: number): number {
  if (members <= gang.surplus) return accelerators * gang.lossSeconds;
  return gang.accelerators * gang.lossSeconds + Math.max(0, gang.accelerators - accelerators) * gang.queueSeconds;
}

/** What taking exactly these nodes of the offer comes to. */
export function choiceOf({ nodes, gangs }: VictimOffer, names: readonly string[]): VictimChoice {
  const taken = new Set(names);
  const touched = new Map<string, string[]>();
  for (const node of nodes) {
    if (!taken.has(node.name)) continue;
    for (const key of node.gangs) {
      const on = touched.get(key);
      if (on) on.push(node.name);
      else touched.set(key, [node.name]);
    }
  }
  let cost = 0;
  const stopped = [...touched.keys()].sort().map((key): StoppedGang => {
    const gang = gangs.get(key)!;
    const on = touched.get(key)!;
    const members = sumOver(on, gang.membersByNode);
    const accelerators = sumOver(on, gang.acceleratorsByNode);
    cost += gangCost(gang, members, accelerators);
    const whole = members > gang.surplus;
    return {
      key,
      nodes: on.length,
      accelerators: whole ? gang.accelerators : accelerators,
      lostSeconds: gang.lossSeconds,
      queueSeconds: whole ? gang.queueSeconds : 0,
    };
  });
  return { nodes: [...taken].sort(), cost, gangs: stopped };
}

function sumOver(names: readonly string[], amounts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const name of names) sum += amounts.get(name) ?? 0;
  return sum;
}
