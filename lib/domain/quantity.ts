/** Kubernetes resource quantities: `250m`, `2`, `1938410Mi`, `1e3`, `1G`. */

const MULTIPLE: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Fractions divide: 191450 × 0.001 is not 191.45 in floating point, 191450 / 1000 is. */
const FRACTION: Readonly<Record<string, number>> = { n: 1e9, u: 1e6, m: 1e3 };

const QUANTITY = /^([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+)|(n|u|m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei))?$/;

/** Parses a quantity to a number in base units (cores, bytes, devices). Throws on malformed text. */
export function parseQuantity(quantity: string | number): number {
  const value = typeof quantity === 'number' ? quantity : parseText(quantity);
  if (!Number.isFinite(value))
    throw new Error(`'${quantity}' is not a Kubernetes quantity: write for example 250m or 16Gi`);
  return value;
}

function parseText(text: string): number {
  const [, digits, exponent, suffix = ''] = QUANTITY.exec(text) ?? [];
  if (digits === undefined) return NaN;
  if (exponent !== undefined) return Number(`${digits}e${exponent}`);
  const divisor = FRACTION[suffix];
  return divisor === undefined ? Number(digits) * MULTIPLE[suffix]! : Number(digits) / divisor;
}
