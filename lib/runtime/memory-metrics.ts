/** Metrics kept in memory, for tests and the simulator. */
import type { MetricRow } from '../domain/metrics';
import type { GaugeSeries, Metrics } from './controller';

/**
 * Values by name and labels, as `name{a="b"}`. Counters and gauges hold their value, observations their sum and count. A name used
 * with other labels than before throws: Prometheus could not show it.
 */
export class MemoryMetrics implements Metrics {
  readonly values = new Map<string, number>();
  /** What each name was used as, with its labels sorted: what a test compares with the tables. */
  readonly used = new Map<string, { readonly type: MetricRow['type']; readonly labels: readonly string[] }>();
  private readonly labelNames = new Map<string, string>();
  /** Series of each gauge. */
  private readonly gaugesOf = new Map<string, Set<string>>();

  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    this.note('counter', name, labels);
    this.add(this.series(name, labels), by);
  }

  gauge(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.note('gauge', name, labels);
    const series = this.series(name, labels);
    this.values.set(series, value);
    const known = this.gaugesOf.get(name);
    if (known) known.add(series);
    else this.gaugesOf.set(name, new Set([series]));
  }

  gauges(name: string, series: readonly GaugeSeries[]): void {
    for (const key of this.gaugesOf.get(name) ?? []) this.values.delete(key);
    this.gaugesOf.delete(name);
    for (const { labels, value } of series) this.gauge(name, value, labels);
  }

  forget(name: string, labels: Readonly<Record<string, string>>): void {
    for (const suffix of ['', '_sum', '_count']) this.values.delete(seriesOf(name + suffix, labels));
  }

  observe(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.note('histogram', name, labels);
    this.add(this.series(`${name}_sum`, labels), value);
    this.add(this.series(`${name}_count`, labels), 1);
  }

  /** The value of one series; 0 when it was never touched. */
  read(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.values.get(seriesOf(name, labels)) ?? 0;
  }

  private note(type: MetricRow['type'], name: string, labels: Readonly<Record<string, string>>): void {
    const before = this.used.get(name);
    if (before && before.type !== type) throw new Error(`metric ${name} is a ${before.type}, not a ${type}`);
    if (!before) this.used.set(name, { type, labels: Object.keys(labels).sort() });
  }

  private series(name: string, labels: Readonly<Record<string, string>>): string {
    const names = Object.keys(labels).sort().join(',');
    const before = this.labelNames.get(name) ?? names;
    if (before !== names)
      throw new Error(`metric ${name} has the labels ${before || '(none)'}, not ${names || '(none)'}`);
    this.labelNames.set(name, names);
    return seriesOf(name, labels);
  }

  private add(series: string, by: number): void {
    this.values.set(series, (this.values.get(series) ?? 0) + by);
  }
}

function seriesOf(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}="${labels[key]}"`);
  return pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name;
}
