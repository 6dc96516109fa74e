/** A batch of which the truth is known: which nodes are bad, how often that shows, and what else makes tests fail. */
import { between, seededRandom } from '../lib/simulator/random';

/** What disturbs tests of more than one node at once. */
export const NOISES = ['bad leaf', 'bad partner', 'slow switch'] as const;
export type Noise = (typeof NOISES)[number];

/** The circumstances of one entry of the table. */
export interface Circumstances {
  readonly nodes: number;
  readonly bad: number;
  /** Share of its tests in which a bad node looks healthy. */
  readonly miss: number;
  /** Share of tests without a bad node that fail. */
  readonly flake: number;
  readonly noise?: Noise;
}

/** One batch. */
export interface World {
  readonly nodes: number;
  /** Nodes from outside that were proved before; they follow the batch in numbers. */
  readonly partners: number;
  readonly bad: ReadonlySet<number>;
  readonly leafOf: (node: number) => number;
  readonly spineOf: (node: number) => number;
  readonly random: () => number;
  /** Runs one test; true when it passes. */
  test(nodes: readonly number[]): boolean;
}

/** Sixteen nodes under a leaf, four leaves under the switch above. */
const LEAF = 16;
const SPINE = 64;
/** What the table assumes of fabric that is ill: it spoils this share of the tests that cross it. */
const LEAF_FAILS = 0.5;
const SPINE_FAILS = 0.4;
const PARTNERS = 8;

/** Makes the batch of one run. */
export function makeWorld({ nodes, bad, miss, flake, noise }: Circumstances, seed: number): World {
  const random = seededRandom(seed);
  const partners = noise === 'bad partner' ? PARTNERS : 0;
  const sick = new Set<number>();
  while (sick.size < bad) sick.add(between(random, 0, nodes - 1));
  const shows = partners > 0 ? new Set([...sick, nodes]) : sick;
  const leafOf = (node: number) => Math.floor(node / LEAF);
  const spineOf = (node: number) => Math.floor(node / SPINE);
  const leaf = between(random, 0, leafOf(nodes - 1));
  const spine = between(random, 0, spineOf(nodes - 1));
  const spoilt = (tested: readonly number[]): boolean => {
    if (noise === 'bad leaf') return tested.some((node) => leafOf(node) === leaf) && random() < LEAF_FAILS;
    if (noise !== 'slow switch') return false;
    const crossing = tested.some((node) => leafOf(node) !== leafOf(tested[0]!));
    return crossing && tested.some((node) => spineOf(node) === spine) && random() < SPINE_FAILS;
  };
  const test = (tested: readonly number[]): boolean => {
    let fails = random() < flake;
    for (const node of tested) if (shows.has(node) && random() >= miss) fails = true;
    return !fails && !spoilt(tested);
  };
  return { nodes, partners, bad: sick, leafOf, spineOf, random, test };
}
