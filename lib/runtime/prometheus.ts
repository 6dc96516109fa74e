/** Metrics over prom-client: each name becomes a counter, gauge or histogram with the labels of its first use. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from './controller';

type Labels = Readonly<Record<string, string>>;

/** What the runtime's own metrics mean; those of controllers are explained beside their names. */
const HELP: Readonly<Record<string, string>> = {
  aicluster_cache_objects: 'Objects in the watch cache at its last list.',
  aicluster_cache_seconds_since_heard: 'Seconds since the last event, bookmark or list of a resource type.',
  aicluster_cache_silences_total: 'Watches that were replaced because they brought nothing.',
  aicluster_cache_watch_ends_total: 'Watches that ended, by reason.',
  aicluster_controller_bugs_total: 'Errors of a controller that are bugs of ours.',
  aicluster_controller_degraded: '1 while a key of a controller is tripped by a bug.',
  aicluster_events_dropped_total: 'Events not written because there were too many.',
  aicluster_queue_depth: 'Keys waiting for a controller or at work.',
  aicluster_queue_refusals_total: 'Keys refused because the queue was full.',
  aicluster_reconcile_seconds: 'Duration of one reconcile.',
  aicluster_reconciles_total: 'Reconciles, by outcome.',
};
const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics that `/metrics` shows. */
export class PrometheusMetrics implements Metrics {
  private readonly registry = new Registry();
  private readonly counters = new Instruments((options) => new Counter(options));
  private readonly gauges = new Instruments((options) => new Gauge(options));
  private readonly histograms = new Instruments((options) => new Histogram({ ...options, buckets: SECONDS }));

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    const { instrument, known } = this.counters.use(this.registry, name, labels);
    instrument.inc(known, by);
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    const { instrument, known } = this.gauges.use(this.registry, name, labels);
    instrument.set(known, value);
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
  private readonly made = new Map<string, { readonly instrument: T; readonly labelNames: readonly string[] }>();

  constructor(private readonly make: (options: InstrumentOptions) => T) {}

  use(registry: Registry, name: string, labels: Labels): { instrument: T; known: Record<string, string> } {
    let entry = this.made.get(name);
    if (!entry) {
      const labelNames = Object.keys(labels);
      const help = HELP[name] ?? name.replace(/_/g, ' ');
      entry = { instrument: this.make({ name, help, labelNames, registers: [registry] }), labelNames };
      this.made.set(name, entry);
    }
    // Labels that the first use did not have cannot be shown; MemoryMetrics refuses them, so tests find them.
    const known = Object.fromEntries(entry.labelNames.map((label) => [label, labels[label] ?? '']));
    return { instrument: entry.instrument, known };
  }
}
