/**
 * Events as people see them in `kubectl describe`. The same news about the same object becomes one Event with a growing series, and a
 * token bucket per object and for the whole process keeps a loop from flooding the API server.
 */
import { formatMicroTime, type KubeObject } from '../domain/kube';
import { EVENTS } from '../domain/resources';
import type { EventRecorder, Metrics } from './controller';
import type { Clock, ClusterPort, Log, Random } from './ports';

/** What a recorder works with. */
export interface EventRecorderOptions {
  readonly cluster: ClusterPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Who speaks, as `aicluster.dev/capacity`. */
  readonly reportingController: string;
  /** Which replica speaks. */
  readonly reportingInstance: string;
}

/** Namespace of Events about cluster-scoped objects, as the API server demands. */
const DEFAULT_NAMESPACE = 'default';
/** A series ends when its news was not repeated for this long; the number is Kubernetes' own. */
const SERIES_MS = 360_000;
/** A growing series is written at most this often. */
const SERIES_WRITE_MS = 60_000;
/** Most series remembered. */
const MAX_SERIES = 2000;
/** Events a process may write at once, and how many more each second. */
const BURST = 50;
const PER_SECOND = 5;

type News = Parameters<EventRecorder['record']>[0];

interface Series {
  readonly name: string;
  readonly namespace: string;
  count: number;
  lastMs: number;
  writtenMs: number;
}

/** Makes the recorder that all controllers of a process share. */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, metrics, log, cluster } = options;
  const known = new Map<string, Series>();
  let tokens = BURST;
  let filledMs = clock.now();

  const mayWrite = (): boolean => {
    const now = clock.now();
    tokens = Math.min(BURST, tokens + ((now - filledMs) / 1000) * PER_SECOND);
    filledMs = now;
    if (tokens < 1) {
      metrics.count('aicluster_events_dropped_total');
      return false;
    }
    tokens -= 1;
    return true;
  };
  const send = (what: string, call: Promise<unknown>): void => {
    call.catch((error: Error) => log.warn('event not recorded', { event: what, error: error.message }));
  };
  const repeat = (series: Series, now: number): void => {
    series.count += 1;
    series.lastMs = now;
    if (now - series.writtenMs < SERIES_WRITE_MS || !mayWrite()) return;
    series.writtenMs = now;
    const patch = { series: { count: series.count, lastObservedTime: formatMicroTime(now) } };
    send(series.name, cluster.mergePatch(EVENTS, { name: series.name, namespace: series.namespace }, patch));
  };

  return {
    record: (news) => {
      const now = clock.now();
      const key = seriesKey(news);
      const series = known.get(key);
      if (series && now - series.lastMs < SERIES_MS) return repeat(series, now);
      if (!mayWrite()) return;
      forgetOld(known, now);
      const event = toEvent(news, options, now);
      const { name, namespace } = event.metadata;
      known.set(key, { name, namespace: namespace!, count: 1, lastMs: now, writtenMs: now });
      send(name, cluster.create(EVENTS, event));
    },
  };
}

function seriesKey({ regarding, type, reason, action, message }: News): string {
  return JSON.stringify([
    regarding.metadata.uid ?? regarding.metadata.name,
    regarding.kind,
    type,
    reason,
    action,
    message,
  ]);
}

function forgetOld(known: Map<string, Series>, now: number): void {
  if (known.size < MAX_SERIES) return;
  for (const [key, series] of known) {
    if (now - series.lastMs >= SERIES_MS) known.delete(key);
  }
  for (const key of known.keys()) {
    if (known.size < MAX_SERIES) return;
    known.delete(key);
  }
}

function toEvent(news: News, options: EventRecorderOptions, now: number): KubeObject {
  const { metadata, apiVersion, kind } = news.regarding;
  const suffix = Math.floor(options.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
  const namespace = metadata.namespace ?? DEFAULT_NAMESPACE;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: `${metadata.name.slice(0, 200)}.${suffix}`, namespace },
    eventTime: formatMicroTime(now),
    reportingController: options.reportingController,
    reportingInstance: options.reportingInstance.slice(0, 128),
    action: news.action.slice(0, 128),
    reason: news.reason.slice(0, 128),
    type: news.type,
    note: news.message.slice(0, 1024),
    regarding: {
      apiVersion,
      kind,
      name: metadata.name,
      ...(metadata.namespace && { namespace: metadata.namespace }),
      ...(metadata.uid && { uid: metadata.uid }),
      ...(metadata.resourceVersion && { resourceVersion: metadata.resourceVersion }),
    },
  };
}
