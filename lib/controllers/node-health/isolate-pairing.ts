/**
 * Who is tested with whom next: disjoint pairs, by lot, and the same lot whenever it is drawn again.
 *
 * Suspects come first, each with the most trusted partner it has not met: then a failure speaks about the suspect, and one bad partner can
 * speak against each node once only. The rest are paired among themselves: the first time inside their leaf, later across leaves.
 */
import { seededRandom } from '../../domain/seeded-random';
import { type Evidence, type Field, isSpoilt } from './isolate-evidence';

/** Two nodes of a field, the smaller index first. */
export type Pair = readonly [number, number];

/** With whom each node was tested before. */
export class Meetings {
  private readonly partners: Int32Array;
  private readonly counts: Int32Array;

  /** A node is in one test a round at most. */
  constructor(
    nodes: number,
    private readonly rounds: number,
  ) {
    this.partners = new Int32Array(nodes * rounds);
    this.counts = new Int32Array(nodes);
  }

  add(a: number, b: number): void {
    this.partners[a * this.rounds + this.counts[a]!++] = b;
    this.partners[b * this.rounds + this.counts[b]!++] = a;
  }

  has(a: number, b: number): boolean {
    const from = a * this.rounds;
    for (let k = from; k < from + this.counts[a]!; k++) if (this.partners[k] === b) return true;
    return false;
  }

  /** All of one node's partners, one for each test. */
  of(node: number): Int32Array {
    return this.partners.subarray(node * this.rounds, node * this.rounds + this.counts[node]!);
  }
}

/** What the lot is drawn for. The three lists are disjoint. */
export interface Draw {
  readonly field: Field;
  readonly evidence: Evidence;
  readonly seed: number;
  /** Nodes that need a trusted partner, most suspected first. */
  readonly suspects: readonly number[];
  /** Nodes that nothing speaks against and that are to have one more test. */
  readonly rest: readonly number[];
  /** Nodes that need no test and may be asked to be a partner, batch and outside. */
  readonly spare: readonly number[];
  /** Inside leaves where possible (the first time, and when what is above them seems ill), or across. */
  readonly inside: boolean;
  readonly met: Meetings;
}

/** Draws the pairs of one round. Who finds no partner sits out. */
export function drawPairs(draw: Draw): readonly Pair[] {
  const random = seededRandom(draw.seed);
  const rest = shuffled(draw.rest, random);
  const trusted = byTrust([...shuffled(draw.spare, random), ...rest], draw);
  const round = new Round(draw.field.total, draw.met);
  pairSuspects(round, draw, trusted);
  if (draw.inside) pairInside(round, draw.field, rest);
  const left = rest.filter((node) => !round.has(node));
  const odd = left.length % 2 === 1 ? mostProved(left, draw.evidence) : undefined;
  pairAcross(
    round,
    byLeaf(
      draw.field,
      left.filter((node) => node !== odd),
    ),
    draw.met,
  );
  const partner = odd === undefined ? undefined : (round.free(odd, trusted) ?? round.free(odd, trusted, 'again'));
  if (odd !== undefined && partner !== undefined) round.take(odd, partner);
  return round.pairs;
}

/** The pairs of a round so far: nobody is in two. */
class Round {
  readonly pairs: Pair[] = [];
  private readonly used: Uint8Array;

  constructor(
    nodes: number,
    private readonly met: Meetings,
  ) {
    this.used = new Uint8Array(nodes);
  }

  has(node: number): boolean {
    return this.used[node] === 1;
  }

  take(a: number, b: number): void {
    this.used[a] = this.used[b] = 1;
    this.pairs.push(a < b ? [a, b] : [b, a]);
  }

  /** The first of these that is free and that a node has not met, or may meet again. */
  free(node: number, among: readonly number[], meeting: 'new' | 'again' = 'new'): number | undefined {
    return among.find(
      (other) => other !== node && !this.has(other) && (meeting === 'again' || !this.met.has(node, other)),
    );
  }
}

/** The most suspected first, each with somebody trusted, over a way that is well, new to it: as far as all that can be had. */
function pairSuspects(round: Round, draw: Draw, trusted: readonly number[]): void {
  const { field, evidence, inside, suspects } = draw;
  const leastSuspected = [...suspects].reverse();
  for (const suspect of suspects) {
    if (round.has(suspect)) continue;
    const isWell = (other: number) => !isSpoilt(field, evidence.bad, suspect, other);
    const partner =
      (inside ? round.free(suspect, trusted.filter(isWell)) : undefined) ??
      round.free(suspect, trusted) ??
      round.free(suspect, leastSuspected) ??
      round.free(suspect, trusted, 'again') ??
      round.free(suspect, suspects, 'again');
    if (partner !== undefined) round.take(suspect, partner);
  }
}

/** Of an odd number the one that can best do without a test. */
function mostProved(nodes: readonly number[], { passes }: Evidence): number {
  return nodes.reduce((best, node) => (passes[node]! > passes[best]! ? node : best));
}

/**
 * Most trusted first: clean ones by how much they passed (that orders their odds), then the others by their odds. Partners from outside
 * have passed nothing here: they are asked when the batch has too few proved nodes of its own, and not otherwise.
 */
function byTrust(nodes: readonly number[], { evidence: { passes, fails, bad } }: Draw): readonly number[] {
  const clean: number[][] = [];
  const stained: number[] = [];
  for (const node of nodes) {
    if (fails[node]! > 0) stained.push(node);
    else (clean[passes[node]!] ??= []).push(node);
  }
  return [...clean.reverse().flatMap((group) => group ?? []), ...stained.sort((a, b) => bad[a]! - bad[b]!)];
}

function pairInside(round: Round, field: Field, nodes: readonly number[]): void {
  const waiting = new Int32Array(field.leaves).fill(-1);
  for (const node of nodes) {
    const leaf = field.leaf[node]!;
    if (leaf < 0 || round.has(node)) continue;
    if (waiting[leaf]! >= 0) round.take(waiting[leaf]!, node);
    waiting[leaf] = waiting[leaf]! >= 0 ? -1 : node;
  }
}

/** Leaf after leaf, those without a label last; inside one as they come. */
function byLeaf(field: Field, nodes: readonly number[]): readonly number[] {
  const leaves: number[][] = Array.from({ length: field.leaves + 1 }, () => []);
  for (const node of nodes) leaves[field.leaf[node]! < 0 ? field.leaves : field.leaf[node]!]!.push(node);
  return leaves.flat();
}

/**
 * Pairs each node with the one half the length further on: in another leaf, unless one leaf is more than half. Those that met before swap
 * partners with others where that mends it.
 */
function pairAcross(round: Round, laid: readonly number[], met: Meetings): void {
  const half = laid.length >> 1;
  const second = laid.slice(half, 2 * half);
  const known = (i: number, j: number) => met.has(laid[i]!, second[j]!);
  for (let i = 0; i < half; i++) {
    if (!known(i, i)) continue;
    for (let j = 0; j < half; j++) {
      if (known(i, j) || known(j, i)) continue;
      [second[i], second[j]] = [second[j]!, second[i]!];
      break;
    }
  }
  for (let i = 0; i < half; i++) round.take(laid[i]!, second[i]!);
}

function shuffled(nodes: readonly number[], random: () => number): readonly number[] {
  const out = [...nodes];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
