/**
 * Ways to find the bad nodes of a batch: ours as it ships, and those of others, written from what they say about themselves
 * (research §3.5). Rounds are wall time; no node is in two tests of one round.
 */
import { type PairTest } from '../lib/controllers/node-health/isolate-evidence';
import { toField } from '../lib/controllers/node-health/isolate-field';
import { planStep } from '../lib/controllers/node-health/isolate-search';
import type { World } from './isolate-world';

/** What one search came to. */
export interface Found {
  readonly rounds: number;
  readonly tests: number;
  readonly killed: readonly number[];
}

export const SCHEMES: Readonly<Record<string, (world: World) => Found>> = {
  ours,
  'sqrt-bisect': sqrtBisect,
  'two-pass-pairs': twoPassPairs,
  'fifteen-rounds': fifteenRounds,
};

/** What ships, without the names around it. */
function ours(world: World): Found {
  const places = upTo(world.nodes + world.partners).map((node) => ({
    leaf: `${world.leafOf(node)}`,
    spine: `${world.spineOf(node)}`,
  }));
  const { field } = toField(places.slice(0, world.nodes), places.slice(world.nodes));
  const rounds: PairTest[][] = [];
  const seed = Math.floor(world.random() * 2 ** 32);
  const here = new Uint8Array(field.total).fill(1);
  let tests = 0;
  for (;;) {
    const { pairs, standing } = planStep({ field, seed, rounds, here });
    if (pairs.length === 0) {
      const killed = upTo(world.nodes).filter((node) => standing[node] === 'Bad');
      return { rounds: rounds.length, tests, killed };
    }
    tests += pairs.length;
    rounds.push(pairs.map(([a, b]) => ({ a, b, outcome: world.test([a, b]) ? 'Pass' : 'Fail' })));
  }
}

/**
 * Google's cluster health scanner: pairs by lot; then each node of a pair that failed with a node of a pair that passed, and what fails
 * again is bad. Nothing passed: it stops.
 */
function twoPassPairs(world: World): Found {
  const { passed, failed, tests } = pairUp(world, upTo(world.nodes));
  const trusted = [...outside(world), ...passed];
  if (failed.length === 0 || trusted.length === 0) return { rounds: 1, tests, killed: [] };
  const killed: number[] = [];
  const rounds = againstTrusted(world, failed, trusted, (node, passes) => {
    if (!passes) killed.push(node);
  });
  return { rounds: 1 + rounds, tests: tests + failed.length, killed };
}

/** Each suspect with a trusted node of its own, in as many rounds as there are too few of those. */
function againstTrusted(
  world: World,
  suspects: readonly number[],
  trusted: readonly number[],
  seen: (node: number, passes: boolean) => void,
): number {
  const partners = shuffled(world, trusted);
  suspects.forEach((node, i) => seen(node, world.test([node, partners[i % partners.length]!])));
  return Math.ceil(suspects.length / partners.length);
}

/**
 * NVIDIA's cluster readiness engine (ADR-055): ⌈√N⌉ groups; halves of those that fail, until single nodes, which are tested with a trusted
 * node and, when they fail, with another. A group whose halves both pass is let go (its mixed probes, ADR-056, are not in here).
 */
function sqrtBisect(world: World): Found {
  const nodes = shuffled(world, upTo(world.nodes));
  const size = Math.ceil(nodes.length / Math.ceil(Math.sqrt(nodes.length)));
  let groups: (readonly number[])[] = [];
  for (let from = 0; from < nodes.length; from += size) groups.push(nodes.slice(from, from + size));
  const trusted: number[] = [...outside(world)];
  let [rounds, tests] = [0, 0];
  while (groups.some((group) => group.length > 1)) {
    rounds += 1;
    const failing: (readonly number[])[] = [];
    for (const group of groups) {
      if (group.length === 1) {
        failing.push(group);
        continue;
      }
      tests += 1;
      if (world.test(group)) trusted.push(...group);
      else failing.push(group);
    }
    groups = failing.flatMap((group) => {
      const half = group.length >> 1;
      return half === 0 ? [group] : [group.slice(0, half), group.slice(half)];
    });
  }
  let suspects = groups.flat();
  for (let again = 0; again < 2 && suspects.length > 0; again++) {
    if (trusted.length === 0) return { rounds, tests, killed: [] };
    tests += suspects.length;
    const failing: number[] = [];
    rounds += againstTrusted(world, suspects, trusted, (node, passes) => {
      if (!passes) failing.push(node);
    });
    suspects = failing;
  }
  return { rounds, tests, killed: suspects };
}

/** imbue: fifteen rounds of pairs by lot, nodes ranked by the share that passed; bad is what fails more than half. */
function fifteenRounds(world: World): Found {
  const rounds = 15;
  const fails = new Int32Array(world.nodes);
  let tests = 0;
  for (let round = 0; round < rounds; round++) {
    const { failed, tests: made } = pairUp(world, upTo(world.nodes));
    for (const node of failed) fails[node]! += 1;
    tests += made;
  }
  return { rounds, tests, killed: upTo(world.nodes).filter((node) => fails[node]! > rounds / 2) };
}

function pairUp(world: World, nodes: readonly number[]) {
  const order = shuffled(world, nodes);
  const passed: number[] = [];
  const failed: number[] = [];
  for (let i = 0; i + 1 < order.length; i += 2) {
    const pair = [order[i]!, order[i + 1]!];
    (world.test(pair) ? passed : failed).push(...pair);
  }
  return { passed, failed, tests: order.length >> 1 };
}

function outside({ nodes, partners }: World): readonly number[] {
  return Array.from({ length: partners }, (_, i) => nodes + i);
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function shuffled({ random }: World, nodes: readonly number[]): readonly number[] {
  const out = [...nodes];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
