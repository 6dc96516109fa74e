/** What is done about stuck and killed work: the JanitorPolicy of a cluster, as props of the same shape. */
import { JANITOR_POLICY_NAME, JanitorPolicy, type SyncRepair } from '../api';
import type { KubeObject } from '../domain/kube';

/** Which stuck work is freed, and which killed work comes back. */
export interface JanitorOptions {
  /**
   * Whether what is stuck is only recognised and named.
   * @default true - look at what it says for some days, then set it to false
   */
  readonly dryRun?: boolean;
  /**
   * Namespaces whose pods are never touched.
   * @default - `kube-*` and those of the controllers, which are never touched in any case
   */
  readonly excludeNamespaces?: readonly string[];
  /**
   * When something is stuck.
   * @default - after 2 to 15 minutes, each state its own
   */
  readonly stuck?: JanitorStuckOptions;
  /**
   * Finalizers that are taken off a pod whose owner is proved to be gone.
   * @default - `batch.kubernetes.io/job-tracking` alone, which is taken off in any case
   */
  readonly finalizers?: readonly JanitorFinalizer[];
  /**
   * Most things done to pods within any minute.
   * @default - 60 in the cluster, 20 to pods of one owner, 30 in one namespace
   */
  readonly budgets?: JanitorBudgets;
  /**
   * When pods that are useful only together are started again together.
   * @default - 2 minutes after a rank has died, 1 hour after the last progress that was published
   */
  readonly gangs?: JanitorGangOptions;
  /**
   * What becomes of work that was killed.
   * @default - it is started again, away from the suspected nodes, three times at most when the cause is not known
   */
  readonly resubmission?: ResubmissionOptions;
  /**
   * What becomes of what Kubernetes and EC2 disagree about.
   * @default - it is named
   */
  readonly sync?: JanitorSyncOptions;
}

/** When something is stuck. */
export interface JanitorStuckOptions {
  /**
   * After the time by which a pod should have been deleted.
   * @default '5m'
   */
  readonly terminating?: string;
  /**
   * After the Node object of a pod has gone.
   * @default '2m'
   */
  readonly vanishedNode?: string;
  /**
   * How long a bound pod may take to start: address, volumes, image.
   * @default '15m'
   */
  readonly starting?: string;
  /**
   * How long a pod waits for a node that no longer exists.
   * @default '15m'
   */
  readonly unbound?: string;
}

/** A finalizer that may be taken off. */
export interface JanitorFinalizer {
  /** With its domain, such as `example.com/cleanup`. */
  readonly name: string;
  /**
   * Who sets it, and why its absence hurts nobody then.
   * @default - not said
   */
  readonly why?: string;
}

/** Most things done to pods within any minute. */
export interface JanitorBudgets {
  /**
   * In the whole cluster.
   * @default 60
   */
  readonly perMinute?: number;
  /**
   * To pods of one owner.
   * @default 20
   */
  readonly perOwnerPerMinute?: number;
  /**
   * In one namespace.
   * @default 30
   */
  readonly perNamespacePerMinute?: number;
}

/** When gangs are started again. */
export interface JanitorGangOptions {
  /**
   * After the last Checkpoint of a gang that publishes them.
   * @default '1h'
   */
  readonly hungAfter?: string;
  /**
   * After a rank has died and the owner of the gang does nothing.
   * @default '2m'
   */
  readonly halfDeadAfter?: string;
  /**
   * How long some pods may hold nodes without the others.
   * @default '15m'
   */
  readonly halfBoundAfter?: string;
  /**
   * Most gangs that are restarted within any hour.
   * @default 30
   */
  readonly perHour?: number;
}

/** What becomes of work that was killed. */
export interface ResubmissionOptions {
  /**
   * Whether it is started again.
   * @default true
   */
  readonly enabled?: boolean;
  /**
   * Most attempts whose cause was not the infrastructure.
   * @default 3
   */
  readonly attempts?: number;
  /**
   * How long an attempt waits when the cause is not known.
   * @default - 30 seconds, doubled with each, 1 hour at most
   */
  readonly backOff?: ResubmissionBackOff;
  /**
   * How long a suspected node is avoided by what it killed.
   * @default '24h'
   */
  readonly avoidFor?: string;
}

/** How long attempts wait. */
export interface ResubmissionBackOff {
  /**
   * Before the first.
   * @default '30s'
   */
  readonly min?: string;
  /**
   * At most.
   * @default '1h'
   */
  readonly max?: string;
}

/** What is done about differences between Kubernetes and EC2. */
export interface JanitorSyncOptions {
  /**
   * Only what is older is repaired.
   * @default '1h'
   */
  readonly olderThan?: string;
  /**
   * What is repaired, and not only named.
   * @default - nothing
   */
  readonly repair?: readonly SyncRepair[];
  /**
   * Most things repaired within any hour.
   * @default 20
   */
  readonly perHour?: number;
}

/** The JanitorPolicy of these props. Throws InvalidObject naming every wrong field, misspelt ones with the nearest. */
export function toJanitorPolicy(options: JanitorOptions = {}): KubeObject {
  // The same shape, but that nothing here changes its lists.
  return JanitorPolicy.make(JANITOR_POLICY_NAME, options as Parameters<typeof JanitorPolicy.make>[1]);
}
