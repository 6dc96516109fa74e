/** Randomness that can be repeated: one seed, and a stream of its own for every consumer, so that adding one disturbs no other. */
import type { Random } from '../runtime/ports';

/** A seeded stream (mulberry32): uniform in [0, 1). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a: a 32-bit number from text, the same everywhere. */
export function hashText(text: string, start = 0x811c9dc5): number {
  let hash = start >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

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
