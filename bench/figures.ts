/** The shape of every benchmark's result, and the arithmetic behind it. */

/** What every entry has, whatever else it measures. */
export interface Entry {
  readonly name: string;
  readonly note?: string;
}

/** One figure, as `npm run -s bench -- --json` prints it. */
export interface Figure extends Entry {
  readonly name: string;
  readonly unit: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** How many measurements. */
  readonly n: number;
  /** What was measured, and what it must not be compared with. */
  readonly note: string;
  /** Parameters, for example `nodes`. */
  readonly [parameter: string]: number | string;
}

/** Percentile by nearest rank. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN;
}

/** Summarises measurements; numbers keep four significant digits. */
export function toFigure(
  name: string,
  unit: string,
  values: readonly number[],
  rest: Readonly<Record<string, number | string>> & { readonly note: string },
): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const digits = (value: number) => Number(value.toPrecision(4));
  return {
    name,
    unit,
    p50: digits(percentile(sorted, 0.5)),
    p99: digits(percentile(sorted, 0.99)),
    max: digits(sorted.at(-1) ?? NaN),
    n: values.length,
    ...rest,
  };
}
