/** The janitor's part: the real caches, the real comparison and the real repairs; killed and started again, it remembers its status alone. */
import type { SyncAction } from '../../../lib/controllers/pod-janitor/sync/actions';
import type { applySync } from '../../../lib/controllers/pod-janitor/sync/apply';
import { planSync } from '../../../lib/controllers/pod-janitor/sync/plan';
import { observeSync } from '../../../lib/controllers/pod-janitor/sync/observe';
import type { SyncFinding, SyncPolicy, SyncSnapshot } from '../../../lib/controllers/pod-janitor/sync/snapshot';
import type { KubeObject } from '../../../lib/domain/kube';
import {
  CAPACITY_POOLS,
  NODE_CLAIMS,
  NODES,
  POD_GROUPS,
  PODS,
  resourceName,
  VOLUME_ATTACHMENTS,
  type ResourceType,
} from '../../../lib/domain/resources';
import { WatchCache } from '../../../lib/runtime/cache';
import type { AssumingCache, ControllerContext } from '../../../lib/runtime/controller';
import { ApiError } from '../../../lib/runtime/errors';
import { MemoryMetrics } from '../../../lib/runtime/memory-metrics';
import type { Clock, CloudPort, ClusterPort, Random } from '../../../lib/runtime/ports';
import { pruneOf } from '../../../lib/runtime/prune';
import { CLUSTER, type Ec2 } from './ec2';
import { POOL } from './truth';
import type { UnreliablePort } from './unreliable-port';

const WATCHED: readonly ResourceType[] = [NODES, VOLUME_ATTACHMENTS, POD_GROUPS, PODS];
const HOUR_MS = 60 * 60_000;
const POOLS = new Set([POOL]);
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const POOL_OBJECT = { apiVersion: 'aicluster.dev/v1alpha1', kind: 'CapacityPool', metadata: { name: POOL } };
/** CapacityPools do not change here; NodeClaims are nobody's to repair. */
const still = (objects: readonly KubeObject[]): AssumingCache => ({
  get: (key) => objects.find(({ metadata }) => metadata.name === key),
  list: () => objects,
  byIndex: () => [],
  hasSynced: () => true,
  assume: () => undefined,
});
const STILL: ReadonlyMap<string, AssumingCache> = new Map([
  [resourceName(CAPACITY_POOLS), still([POOL_OBJECT])],
  [resourceName(NODE_CLAIMS), still([])],
]);

/** What it does with an action: the real apply, or a worse one. */
export type Apply = typeof applySync;

/** What it works with. */
export interface JanitorOptions {
  readonly port: UnreliablePort;
  readonly ec2: Ec2;
  readonly clock: Clock;
  readonly random: Random;
  readonly apply: Apply;
  /** Right before an action; with the policy of the look. */
  acts(action: SyncAction, policy: SyncPolicy): void;
  acted(outcome: string): void;
  /** A look has been written down: what every finding with a repair is about, with its UID. */
  looked(found: readonly SyncFinding[], uids: ReadonlyMap<string, string>): void;
}

/** The janitor. */
export class Janitor {
  /** What the status of the JanitorPolicy holds: it survives the process. */
  private status: { readonly findings: readonly SyncFinding[]; done: readonly number[] } = { findings: [], done: [] };
  private caches = new Map<string, WatchCache>();

  constructor(private readonly options: JanitorOptions) {
    this.restart();
  }

  /** kill -9, and a new process. */
  restart(): void {
    const { port, clock, random } = this.options;
    for (const cache of this.caches.values()) cache.stop();
    const metrics = new MemoryMetrics();
    this.caches = new Map(
      WATCHED.map((resource) => {
        const options = { resource, cluster: port as unknown as ClusterPort, clock, random, log: SILENT, metrics };
        // A process whose cache has heard nothing for minutes ends; another one starts.
        const onFatal = () => void clock.after(1000, () => this.restart());
        const prune = pruneOf(resource);
        const cache = new WatchCache({ ...options, onFatal, ...(prune ? { prune } : {}) });
        cache.start();
        return [resourceName(resource), cache] as const;
      }),
    );
  }

  /** What is known to be left over. */
  get findings(): readonly SyncFinding[] {
    return this.status.findings;
  }

  /** One look, and what follows from it. */
  async look(policy: SyncPolicy): Promise<void> {
    const { clock, random, ec2 } = this.options;
    if (![...this.caches.values()].every((cache) => cache.hasSynced())) return;
    const nowMs = clock.now();
    const done = this.status.done.filter((atMs) => atMs > nowMs - HOUR_MS);
    const surroundings = {
      ...{ clusterName: CLUSTER, policy, known: this.status.findings, doneLastHour: done.length },
      ...{ watches: () => true, ignores: () => false },
    };
    const snapshot = await observeSync(this.context(), surroundings, nowMs);
    const { findings, actions } = planSync(snapshot, policy, nowMs);
    // What was found is written down before anything is done about it; without that nothing is.
    if (!ec2.calm && random() < 0.02) return;
    this.status = { findings, done };
    this.options.looked(findings, uidsOf(snapshot));
    for (const action of actions) await this.act(action, policy);
  }

  private context(): Pick<ControllerContext, 'cache' | 'cluster' | 'cloud' | 'log'> {
    const { port, ec2 } = this.options;
    const cache = (resource: ResourceType) =>
      this.caches.get(resourceName(resource)) ?? STILL.get(resourceName(resource))!;
    return { cache, cluster: port as unknown as ClusterPort, cloud: ec2 as unknown as CloudPort, log: SILENT };
  }

  private async act(action: SyncAction, policy: SyncPolicy): Promise<void> {
    const { apply, clock } = this.options;
    const ports = { ...this.context(), clusterName: CLUSTER, pools: POOLS };
    this.options.acts(action, policy);
    // Counted before it is sent: whether it was done nobody knows when the answer is lost.
    this.status.done = [...this.status.done, clock.now()];
    try {
      const { outcome, why = '' } = await apply(action, ports);
      this.options.acted(`${action.type} ${outcome}${outcome === 'Refused' ? `: ${why}` : ''}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.options.acted(`${action.type} failed`);
    }
  }
}

function uidsOf(seen: SyncSnapshot): ReadonlyMap<string, string> {
  return new Map([
    ...seen.nodes.map(({ name, uid }) => [`Node ${name}`, uid] as const),
    ...seen.attachments.map(({ name, uid }) => [`VolumeAttachment ${name}`, uid] as const),
    ...seen.podGroups.map(({ namespace, name, uid }) => [`PodGroup ${namespace}/${name}`, uid] as const),
  ]);
}
