/** Metrics kept in memory, for tests and the simulator. */
import type { Metrics } from './controller';

/** Values by name and labels, as `name{a="b"}`. Counters and gauges hold their value, observations their sum and count. */
export class MemoryMetrics implements Metrics {
  readonly values = new Map<string, number>();

  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    this.add(seriesOf(name, labels), by);
  }

  gauge(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.values.set(seriesOf(name, labels), value);
  }

  observe(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.add(seriesOf(`${name}_sum`, labels), value);
    this.add(seriesOf(`${name}_count`, labels), 1);
  }

  /** The value of one series; 0 when it was never touched. */
  read(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.values.get(seriesOf(name, labels)) ?? 0;
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
