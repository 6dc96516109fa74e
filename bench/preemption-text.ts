/** The table of docs/benchmarks/preemption.md. */
import { CHECKPOINTS, VARIANTS } from './preemption-matrix';
import type { Comparison, Estimate, Row } from './preemption-figures';

/** The whole page. */
export function toMarkdown(rows: readonly Row[], about: readonly string[]): string {
  // Of one or two seeds nothing can be said.
  const sorted = rows.filter(({ seeds }) => seeds >= LEAST_SEEDS).sort(compareRows);
  return [
    '# What taking nodes costs, by policy',
    '',
    ...about,
    '',
    '## The goal',
    '',
    "At equal or fewer inference misses, at least 30 % fewer GPU-hours lost than Kueue's order at full coverage, never more at none, not more",
    'moves, utilisation not lower. Differences to `kueue` on the same seeds; in brackets 95 % intervals. **Bold**: the interval lies on the',
    'wrong side of the goal, or the goal is missed. *Useful* utilisation leaves out GPU time whose work was lost.',
    '',
    ...goalTables(sorted),
    '',
    '## Where we lose',
    '',
    ...losses(sorted),
    '',
    '## Everything',
    '',
    ...everything(sorted),
    '',
  ].join('\n');
}

const LEAST_SEEDS = 3;
const OURS: readonly string[] = VARIANTS.map(({ name }) => name).filter(
  (name) => name === 'ours' || name === 'ours, no ask',
);

function goalTables(rows: readonly Row[]): readonly string[] {
  return [null, ...new Set(rows.flatMap(({ scaleJobs }) => scaleJobs ?? []))].flatMap((scale) => {
    const own = rows.filter((row) => row.scaleJobs === scale && row.against && OURS.includes(row.variant));
    if (own.length === 0) return [];
    return [
      `### ${scale === null ? 'Sizes as in the trace' : `Sizes × ${scale} (--scale-jobs ${scale})`}`,
      '',
      '| nodes | coverage | every | policy | seeds | GPU-hours lost | fewer than kueue | not worse on | misses, points | moves a day | utilisation, points | useful, points |',
      '|---|---|---|---|---|---|---|---|---|---|---|---|',
      ...own.map(
        (row) =>
          `| ${[...situation(row), row.variant, row.seeds, amount(row.gpuHoursLost.value), ...verdict(row)].join(' | ')} |`,
      ),
      '',
    ];
  });
}

function situation({ nodes, coverage, minutes }: Row): readonly (string | number)[] {
  return [nodes, `${100 * coverage} %`, coverage === 0 ? '–' : minutes < 60 ? `${minutes} min` : `${minutes / 60} h`];
}

function verdict(row: Row): readonly string[] {
  const against = row.against!;
  const { savedShare, missShare, movesPerDay, utilisation, usefulUtilisation } = against;
  const failed = new Set(failures(row, against).map(({ what }) => what));
  return [
    marked(percents(savedShare), failed.has('lost')),
    `${against.seedsNotWorse} of ${against.seeds} seeds`,
    marked(points(missShare, 3), failed.has('misses')),
    marked(numbers(movesPerDay), failed.has('moves')),
    marked(points(utilisation, 2), failed.has('utilisation')),
    points(usefulUtilisation, 2),
  ];
}

const marked = (text: string, bold: boolean) => (bold ? `**${text}**` : text);

interface Failure {
  readonly what: 'lost' | 'misses' | 'moves' | 'utilisation';
  readonly text: string;
}

/** What of the goal is missed: by the estimate where it is about GPU-hours, elsewhere only where the interval says so, too. */
function failures(
  { coverage }: Row,
  { savedShare, missShare, movesPerDay, utilisation }: Comparison,
): readonly Failure[] {
  const least = coverage === 1 ? 0.3 : 0;
  const found: Failure[] = [];
  if (savedShare.value < least) found.push({ what: 'lost', text: `GPU-hours lost: ${percents(savedShare)} fewer` });
  if (missShare.low > 0) found.push({ what: 'misses', text: `misses: ${points(missShare, 3)} points more` });
  if (movesPerDay.low > 0) found.push({ what: 'moves', text: `moves: ${numbers(movesPerDay)} more a day` });
  if (utilisation.high < 0) found.push({ what: 'utilisation', text: `utilisation: ${points(utilisation, 2)} points` });
  return found;
}

function losses(rows: readonly Row[]): readonly string[] {
  const lines = rows
    .filter(({ variant, against }) => against && OURS.includes(variant))
    .flatMap((row) => {
      const found = failures(row, row.against!);
      if (found.length === 0) return [];
      const sizes = row.scaleJobs === null ? 'sizes as they are' : `sizes × ${row.scaleJobs}`;
      const [nodes, coverage, every] = situation(row);
      const where = `${row.variant}, ${sizes}, ${nodes} nodes, coverage ${coverage}${row.coverage > 0 ? ` every ${every}` : ''}`;
      return [`- ${where}: ${found.map(({ text }) => text).join('; ')}`];
    });
  return lines.length > 0 ? lines : ['Nowhere in what was played.'];
}

function everything(rows: readonly Row[]): readonly string[] {
  return [
    '| sizes | nodes | coverage | every | policy | seeds | GPU-hours lost | misses | moves a day | gangs that gave way | utilisation | useful | queue wait p50 | p95 | cost / optimum |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => {
      const cells = [
        row.scaleJobs === null ? 'as is' : `× ${row.scaleJobs}`,
        ...situation(row),
        row.variant,
        row.seeds,
        `${amount(row.gpuHoursLost.value)} (${amount(row.gpuHoursLost.low)} to ${amount(row.gpuHoursLost.high)})`,
        `${(100 * row.missShare).toFixed(3)} %`,
        row.movesPerDay.toFixed(1),
        row.preemptions.toFixed(0),
        `${(100 * row.utilisation).toFixed(1)} %`,
        `${(100 * row.usefulUtilisation).toFixed(1)} %`,
        `${Math.round(row.queueWaitP50 / 60)} min`,
        `${Math.round(row.queueWaitP95 / 60)} min`,
        row.costOverOptimum === null ? '–' : row.costOverOptimum.toFixed(2),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
}

function compareRows(a: Row, b: Row): number {
  const order = (row: Row) => [
    row.scaleJobs ?? 0,
    row.nodes,
    CHECKPOINTS.length - row.coverage * 2,
    row.minutes,
    VARIANTS.findIndex(({ name }) => name === row.variant),
  ];
  const [left, right] = [order(a), order(b)];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return 0;
}

function amount(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function percents({ value, low, high }: Estimate): string {
  return `${(100 * value).toFixed(0)} % (${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)})`;
}

function points({ value, low, high }: Estimate, digits: number): string {
  return `${signed(100 * value, digits)} (${signed(100 * low, digits)} to ${signed(100 * high, digits)})`;
}

function numbers({ value, low, high }: Estimate): string {
  return `${signed(value, 1)} (${signed(low, 1)} to ${signed(high, 1)})`;
}

function signed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : value > 0 ? `+${text}` : text;
}
