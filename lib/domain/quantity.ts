/** Kubernetes resource quantities: `250m`, `2`, `1938410Mi`, `1e3`, `1G`. */

const SUFFIX: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
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

const QUANTITY = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$/;

/** Parses a quantity to a number in base units (cores, bytes, devices). Throws on malformed text. */
export function parseQuantity(quantity: string | number): number {
  if (typeof quantity === 'number') return quantity;
  const match = QUANTITY.exec(quantity);
  const value = match ? Number(match[1]) * SUFFIX[match[2] ?? '']! : NaN;
  if (Number.isNaN(value)) throw new Error(`'${quantity}' is not a Kubernetes quantity`);
  return value;
}
