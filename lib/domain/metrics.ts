/** What a metric is: one row of the table that each controller has in its telemetry.ts. */

/** One metric. */
export interface MetricRow {
  /** Snake case, with its base unit, and `_total` for counters. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Few values each: buckets, pools, reasons, never pods or nodes. */
  readonly labels: readonly string[];
  /** One sentence; `# HELP` of `/metrics`, and docs/reference/metrics.md. */
  readonly help: string;
  /** Upper bounds of a histogram. @default 1 ms to 30 s */
  readonly buckets?: readonly number[];
}

/** The names of a table, under the same keys. */
export function metricNames<K extends string>(rows: Readonly<Record<K, MetricRow>>): Readonly<Record<K, string>> {
  return Object.fromEntries(Object.entries<MetricRow>(rows).map(([key, { name }]) => [key, name])) as Record<K, string>;
}
