/** Randomness that can be repeated: one seed, and a stream of its own for every consumer, so that adding one disturbs no other. */
import { hashText, seededRandom } from '../domain/seeded-random';
import type { Random } from '../runtime/ports';

export { hashText, seededRandom };

/** The stream of one consumer: depends on the seed and the consumer's name alone. */
export function splitRandom(seed: number, consumer: string): Random {
  return seededRandom(hashText(`${seed}/${consumer}`));
}

/** An integer in [from, to], both included. */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** One of the items; undefined when there is none. */
export function pick<T>(random: Random, items: readonly T[]): T | undefined {
  return items[Math.floor(random() * items.length)];
}
