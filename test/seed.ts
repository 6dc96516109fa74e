/**
 * Seeds of property and simulation tests: one environment variable for all of them.
 *
 * Unset, every run is the same, so that a red test means the change is wrong and not the dice. `SEED=random` explores, `SEED=n` plays a
 * failure again; the seed is always printed.
 */
const DEFAULT_SEED = 20261123;

/** The seed of this run. */
export function seedOfRun(): number {
  const given = process.env['SEED'];
  if (given === undefined) return DEFAULT_SEED;
  const seed = given === 'random' ? Date.now() % 2 ** 31 : Number(given);
  if (!Number.isInteger(seed)) throw new Error(`SEED=${given} is neither a whole number nor 'random'`);
  return seed;
}

/** Seed of a property, printed with its name; hand it to `fc.assert`. */
export function seedOf(property: string): { readonly seed: number } {
  const seed = seedOfRun();
  process.stdout.write(`  ${property}: SEED=${seed}\n`);
  return { seed };
}
