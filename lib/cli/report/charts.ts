/** The three charts of the report as SVG text: no script is needed to see them, no network to open them. */
import { linear, niceTicks, round, stack, stepArea, stepPath, type Frame, type Scale, type Series } from './scale';

/** What a chart shows. */
export interface ChartOptions {
  /** Sample times in milliseconds from the start. */
  readonly times: readonly number[];
  readonly height?: number;
  readonly width?: number;
  /** Read aloud by screen readers. */
  readonly label: string;
}

/** Stacked step areas: how many of each at any time. */
export function stackedChart(series: readonly Series[], options: ChartOptions): string {
  const layers = stack(series);
  const max = Math.max(1, ...(layers.at(-1)?.upper ?? []));
  return chart(max, options, ({ x, y }) =>
    layers
      .map(({ series: { name, color }, lower, upper }) => {
        const area = stepArea(options.times, lower, upper, { x, y });
        return `<path class="area" d="${area}" fill="${color}" data-name="${escapeHtml(name)}"><title>${escapeHtml(name)}</title></path>`;
      })
      .join(''),
  );
}

/** Supply as an area with demand as a line over it: where the line is above the area, work waits. */
export function demandChart(supply: Series, demand: Series, options: ChartOptions): string {
  const max = Math.max(1, ...supply.values, ...demand.values);
  return chart(max, options, ({ x, y }) => {
    const zero = supply.values.map(() => 0);
    const short = supply.values.map((value, i) => Math.max(value, demand.values[i]!));
    return (
      `<path d="${stepArea(options.times, supply.values, short, { x, y })}" class="short"/>` +
      `<path d="${stepArea(options.times, zero, supply.values, { x, y })}" fill="${supply.color}" class="area"/>` +
      `<path d="${stepPath(options.times, demand.values, x, y)}" class="line" stroke="var(--ink)"/>`
    );
  });
}

/** One line from 0 to 100 %. */
export function percentChart(series: Series, options: ChartOptions): string {
  return chart(
    100,
    options,
    ({ x, y }) => {
      const zero = series.values.map(() => 0);
      return (
        `<path d="${stepArea(options.times, zero, series.values, { x, y })}" fill="${series.color}" class="area soft"/>` +
        `<path d="${stepPath(options.times, series.values, x, y)}" class="line" stroke="${series.color}"/>`
      );
    },
    (value) => `${value} %`,
  );
}

/** Lines from 0 up, one for each series. */
export function linesChart(series: readonly Series[], options: ChartOptions): string {
  const max = series.reduce((most, { values }) => values.reduce((a, b) => Math.max(a, b), most), 1);
  return chart(max, options, ({ x, y }) =>
    series
      .map(({ name, color, values }) => {
        const title = `<title>${escapeHtml(name)}</title>`;
        return `<path d="${stepPath(options.times, values, x, y)}" class="line" stroke="${color}">${title}</path>`;
      })
      .join(''),
  );
}

interface Scales {
  readonly x: Scale;
  readonly y: Scale;
}

function chart(
  max: number,
  options: ChartOptions,
  draw: (scales: Scales) => string,
  formatY: (value: number) => string = String,
): string {
  const frame: Frame = {
    width: options.width ?? 1080,
    height: options.height ?? 260,
    left: 44,
    right: 8,
    top: 10,
    bottom: 26,
  };
  const ticks = niceTicks(max);
  const end = Math.max(1, options.times.at(-1) ?? 1);
  const scales: Scales = {
    x: linear([0, end], [frame.left, frame.width - frame.right]),
    y: linear([0, ticks.at(-1)!], [frame.height - frame.bottom, frame.top]),
  };
  return (
    `<svg viewBox="0 0 ${frame.width} ${frame.height}" role="img" aria-label="${escapeHtml(options.label)}">` +
    ticks.map((tick) => yTick(tick, scales, { frame, formatY })).join('') +
    timeTicks(end)
      .map((tick) => xTick(tick, scales, frame))
      .join('') +
    draw(scales) +
    '</svg>'
  );
}

function yTick(
  value: number,
  { y }: Scales,
  { frame, formatY }: { readonly frame: Frame; readonly formatY: (value: number) => string },
): string {
  const at = round(y(value));
  return (
    `<line class="grid" x1="${frame.left}" x2="${frame.width - frame.right}" y1="${at}" y2="${at}"/>` +
    `<text class="tick" x="${frame.left - 6}" y="${at + 4}" text-anchor="end">${formatY(value)}</text>`
  );
}

function xTick(ms: number, { x }: Scales, frame: Frame): string {
  return `<text class="tick" x="${round(x(ms))}" y="${frame.height - 8}" text-anchor="middle">${formatClock(ms)}</text>`;
}

const TICK_STEPS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440];

/** At most nine round times, never at the very edges where the label would be cut. */
function timeTicks(endMs: number): number[] {
  const stepMs = 60_000 * (TICK_STEPS_MIN.find((minutes) => endMs / (minutes * 60_000) <= 9) ?? 2880);
  const ticks: number[] = [];
  for (let t = stepMs; t < endMs * 0.985; t += stepMs) ticks.push(t);
  return ticks;
}

/** Time since the start: `0:05:30`, or `1:30` (hours and minutes) without seconds. */
export function formatClock(ms: number, withSeconds = false): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor((seconds % 3600) / 60))}`;
  return withSeconds ? `${clock}:${two(seconds % 60)}` : clock;
}

/** Text made safe for HTML and SVG. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
