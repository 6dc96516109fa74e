/** Metrics over prom-client: each name becomes a counter, gauge or histogram with the labels of its first use. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricRow } from '../domain/metrics';
import type { GaugeSeries, Metrics } from './controller';

type Labels = Readonly<Record<string, string>>;

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics that `/metrics` shows. `rows`: the tables of what there is; a metric without a row still works, less well explained. */
export class PrometheusMetrics implements Metrics {
  private readonly registry = new Registry();
  private readonly counters: Instruments<Counter>;
  private readonly gaugesByName: Instruments<Gauge>;
  private readonly histograms: Instruments<Histogram>;

  constructor(rows: readonly MetricRow[] = []) {
    const known = new Map(rows.map((row) => [row.name, row] as const));
    this.counters = new Instruments(known, (options) => new Counter(options));
    this.gaugesByName = new Instruments(known, (options) => new Gauge(options));
    this.histograms = new Instruments(known, (options, row) => {
      return new Histogram({ ...options, buckets: [...(row?.buckets ?? SECONDS)] });
    });
    collectDefaultMetrics({ register: this.registry });
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    const { instrument, known } = this.counters.use(this.registry, name, labels);
    instrument.inc(known, by);
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    const { instrument, known } = this.gaugesByName.use(this.registry, name, labels);
    instrument.set(known, value);
  }

  gauges(name: string, series: readonly GaugeSeries[]): void {
    const { instrument } = this.gaugesByName.use(this.registry, name, series[0]?.labels ?? {});
    // Nothing reads between the two: all of this is synchronous.
    instrument.reset();
    // Without labels prom-client puts a 0 back, which would be a value that nobody gave.
    if (series.length === 0) instrument.remove({});
    for (const { labels, value } of series) instrument.set(labels, value);
  }

  forget(name: string, labels: Labels): void {
    this.counters.made(name)?.remove(labels);
    this.histograms.made(name)?.remove(labels);
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    const { instrument, known } = this.histograms.use(this.registry, name, labels);
    instrument.observe(known, value);
  }

  /** Everything in the text format of Prometheus. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Content type of `text`. */
  get contentType(): string {
    return this.registry.contentType;
  }
}

interface InstrumentOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
}

/** Instruments of one type, made at their first use. */
class Instruments<T> {
  private readonly entries = new Map<string, { readonly instrument: T; readonly labelNames: readonly string[] }>();

  constructor(
    private readonly rows: ReadonlyMap<string, MetricRow>,
    private readonly make: (options: InstrumentOptions, row: MetricRow | undefined) => T,
  ) {}

  /** The instrument, if it was ever used. */
  made(name: string): T | undefined {
    return this.entries.get(name)?.instrument;
  }

  use(registry: Registry, name: string, labels: Labels): { instrument: T; known: Record<string, string> } {
    let entry = this.entries.get(name);
    if (!entry) {
      const row = this.rows.get(name);
      const labelNames = [...(row?.labels ?? Object.keys(labels))];
      const help = row?.help ?? name.replace(/_/g, ' ');
      entry = { instrument: this.make({ name, help, labelNames, registers: [registry] }, row), labelNames };
      this.entries.set(name, entry);
    }
    // Labels that the table or the first use did not have cannot be shown; MemoryMetrics refuses them, so tests find them.
    const known = Object.fromEntries(entry.labelNames.map((label) => [label, labels[label] ?? '']));
    return { instrument: entry.instrument, known };
  }
}
