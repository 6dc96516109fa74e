/** Seeds of property tests. */

/** Seed of a property: from PROPERTY_SEED, else from the clock; printed, so that a failure can be played again. */
export function seedOf(property: string): { readonly seed: number } {
  const given = process.env['PROPERTY_SEED'];
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  process.stdout.write(`  ${property}: PROPERTY_SEED=${seed}\n`);
  return { seed };
}
