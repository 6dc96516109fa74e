/** What a controller is, to the runtime: what it watches, how an event becomes a key, and what it does with a key. */
import type { KubeObject } from '../domain/kube';
import type { ResourceType } from '../domain/resources';
import type { Clock, CloudPort, ClusterPort, EvidencePort, Log, Random, Selection } from './ports';

/** Read side of a watch cache. Objects are shared: never mutate them. */
export interface ReadonlyCache {
  /** By `namespace/name` or `name`. */
  get(key: string): KubeObject | undefined;
  /** Every object, sorted by key. */
  list(): readonly KubeObject[];
  /** Objects for which the named index function returned `value`, sorted by key. */
  byIndex(index: string, value: string): readonly KubeObject[];
  /** Whether the first list is in. */
  hasSynced(): boolean;
}

/** A cache that also takes our own writes, so that the next decision sees them before the watch brings them. */
export interface AssumingCache extends ReadonlyCache {
  /** Stores the response of our own write, unless the cache already holds something newer. */
  assume(object: KubeObject): void;
}

/** Says something about an object in `kubectl describe`. Failures to record are logged, never thrown. */
export interface EventRecorder {
  record(event: {
    readonly regarding: KubeObject;
    readonly type: 'Normal' | 'Warning';
    /** PascalCase, stable. */
    readonly reason: string;
    /** What was done, as a verb: `Assign`, `Scale`. */
    readonly action: string;
    readonly message: string;
  }): void;
}

/** One value of a gauge. */
export interface GaugeSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Prometheus metrics by name; labels are given at each use. */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** All values of a gauge at once: series that are not named are gone, so that nothing is said of what is not there any more. */
  gauges(name: string, series: readonly GaugeSeries[]): void;
  /** Removes one series of a counter or histogram, because what its labels name is gone. */
  forget(name: string, labels: Readonly<Record<string, string>>): void;
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
}

/** Everything a controller may use. Its ports are fenced by the lease: after it is lost every write rejects with LeaseLost. */
export interface ControllerContext {
  readonly cluster: ClusterPort;
  readonly cloud: CloudPort;
  /** Absent: nobody has said where evidence is kept. */
  readonly evidence?: EvidencePort;
  /** Name of the EKS cluster, as tags of instances say it. Absent: nobody has said it, and no instance is ours. */
  readonly clusterName?: string;
  /** The cache of a resource this controller declared in `watches`. Throws for any other. */
  cache(resource: ResourceType): AssumingCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** One resource a controller watches. */
export interface ControllerWatch {
  readonly resource: ResourceType;
  /** Event → keys to reconcile. Fleet-wide controllers return one constant key. */
  keys(object: KubeObject): readonly string[];
  /** Only these objects: the same for all controllers of a process that watch the resource. @default all */
  readonly selection?: Selection;
  /** Named indexes over the cache: object → values. */
  readonly indexes?: Readonly<Record<string, (object: KubeObject) => readonly string[]>>;
  /** Resource types whose CRD may not be installed: a 404 on list counts as an empty, synced cache, looked at again every minute. */
  readonly optional?: boolean;
}

/** What a reconcile came to. Rejections: ApiError → back-off (or its own retry time); anything else is a bug and trips this key. */
export interface Outcome {
  /** Look again after this long even if nothing happens. */
  readonly requeueAfterMs?: number;
}

/** A controller. Stateless between calls except for what can be rebuilt: it may be killed between any two writes. */
export interface Controller {
  readonly name: string;
  readonly watches: readonly ControllerWatch[];
  reconcile(key: string, context: ControllerContext): Promise<Outcome>;
}
