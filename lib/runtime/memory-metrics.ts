/** Metrics kept in memory, for tests and the simulator. */
import type { Metrics } from './controller';

/**
 * Values by name and labels, as `name{a="b"}`. Counters and gauges hold their value, observations their sum and count. A name used
 * with other labels than before throws: Prometheus could not show it.
 */
export class MemoryMetrics implements Metrics {
  readonly values = new Map<string, number>();
  private readonly labelNames = new Map<string, string>();

  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    this.add(this.series(name, labels), by);
  }

  gauge(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.values.set(this.series(name, labels), value);
  }

  observe(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.add(this.series(`${name}_sum`, labels), value);
    this.add(this.series(`${name}_count`, labels), 1);
  }

  /** The value of one series; 0 when it was never touched. */
  read(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.values.get(seriesOf(name, labels)) ?? 0;
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
