/** Arithmetic of charts: scales, ticks, paths. Pure. */

/** Where a chart draws inside its SVG, in pixels. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** One series: a value for each sample time. */
export interface Series {
  readonly name: string;
  readonly color: string;
  readonly values: readonly number[];
}

/** Maps a domain to pixels. */
export type Scale = (value: number) => number;

/** Linear scale from [d0, d1] to [p0, p1]. */
export function linear([d0, d1]: readonly [number, number], [p0, p1]: readonly [number, number]): Scale {
  const span = d1 - d0 || 1;
  return (value) => p0 + ((value - d0) / span) * (p1 - p0);
}

/** Round ticks from 0 to at least `max`: steps of 1, 2, 5 times a power of ten, about `count` of them. */
export function niceTicks(max: number, count = 4): number[] {
  const rough = Math.max(max, 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(
    1,
    [1, 2, 5, 10].map((m) => m * power).find((candidate) => candidate >= rough)!,
  );
  const ticks = [0];
  while (ticks.at(-1)! < max) ticks.push(ticks.at(-1)! + step);
  return ticks;
}

/** A step line: a value holds until the next sample. */
export function stepPath(times: readonly number[], values: readonly number[], x: Scale, y: Scale): string {
  const points = times.map((t, i) =>
    i === 0 ? `M${round(x(t))},${round(y(values[i]!))}` : `H${round(x(t))}V${round(y(values[i]!))}`,
  );
  return points.join('');
}

/** The area between two step lines. */
export function stepArea(
  times: readonly number[],
  lower: readonly number[],
  upper: readonly number[],
  scales: { readonly x: Scale; readonly y: Scale },
): string {
  const { x, y } = scales;
  const top = stepPath(times, upper, x, y);
  const backwards = times
    .map((t, i) => [t, lower[i]!] as const)
    .reverse()
    .map(
      ([t, value], i, all) =>
        (i === 0 ? `L${round(x(t))},${round(y(value))}` : `V${round(y(value))}H${round(x(t))}`) +
        (i === all.length - 1 ? 'Z' : ''),
    );
  return top + backwards.join('');
}

/** Pixels with one decimal: charts stay small and equal on every machine. */
export function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

/** Series stacked on one another, each with its lower and upper edge. */
export function stack(
  series: readonly Series[],
): { readonly series: Series; readonly lower: number[]; readonly upper: number[] }[] {
  let below: number[] = series[0]?.values.map(() => 0) ?? [];
  return series.map((one) => {
    const lower = below;
    const upper = one.values.map((value, i) => value + lower[i]!);
    below = upper;
    return { series: one, lower, upper };
  });
}
