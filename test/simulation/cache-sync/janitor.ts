/** The janitor's part: the real caches, the real comparison and the real repairs; killed and started again, it remembers its status alone. */
import type { SyncAction } from '../../../lib/controllers/pod-janitor/sync/actions';
import { applySync, askOwner } from '../../../lib/controllers/pod-janitor/sync/apply';
import { planSync } from '../../../lib/controllers/pod-janitor/sync/plan';
import { instancesToAsk, ownersToAsk } from '../../../lib/controllers/pod-janitor/sync/questions';
import {
  toSyncAttachment,
  toSyncNode,
  toSyncPod,
  toSyncPodGroup,
} from '../../../lib/controllers/pod-janitor/sync/reading';
import type { Presence, SyncCloud, SyncFinding, SyncPolicy } from '../../../lib/controllers/pod-janitor/sync/snapshot';
import type { Node, Pod } from '../../../lib/domain/kube';
import {
  NODES,
  POD_GROUPS,
  PODS,
  resourceName,
  VOLUME_ATTACHMENTS,
  type ResourceType,
} from '../../../lib/domain/resources';
import { toPodFacts } from '../../../lib/fleet';
import { WatchCache } from '../../../lib/runtime/cache';
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
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const metrics = new MemoryMetrics();
    this.caches = new Map(
      WATCHED.map((resource) => {
        const options = { resource, cluster: port as unknown as ClusterPort, clock, random, log, metrics };
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
    const seen = this.see();
    const nowMs = clock.now();
    const cloud = await this.askCloud(seen);
    const owners = await this.askOwners(seen, policy);
    const done = this.status.done.filter((atMs) => atMs > clock.now() - HOUR_MS);
    const snapshot = { ...seen, cloud, owners, known: this.status.findings, doneLastHour: done.length };
    const { findings, actions } = planSync(snapshot, policy, nowMs);
    // What was found is written down before anything is done about it; without that nothing is.
    if (!ec2.calm && random() < 0.02) return;
    this.status = { findings, done };
    this.options.looked(findings, uidsOf(seen));
    for (const action of actions) await this.act(action, policy);
  }

  private async act(action: SyncAction, policy: SyncPolicy): Promise<void> {
    const { port, ec2, apply, clock } = this.options;
    const ports = {
      cluster: port as unknown as ClusterPort,
      cloud: ec2 as unknown as CloudPort,
      clusterName: CLUSTER,
      pools: POOLS,
    };
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

  private see() {
    const list = (resource: ResourceType) => this.caches.get(resourceName(resource))!.list();
    return {
      nodes: list(NODES).map((node) => toSyncNode(node as Node)),
      claims: [],
      attachments: list(VOLUME_ATTACHMENTS).map(toSyncAttachment),
      podGroups: list(POD_GROUPS).map((group) => toSyncPodGroup(group, false)),
      pods: list(PODS).map((pod) => toSyncPod(toPodFacts(pod as Pod), true)),
      pools: POOLS,
    };
  }

  private async askCloud(seen: ReturnType<Janitor['see']>): Promise<SyncCloud | undefined> {
    const { ec2 } = this.options;
    try {
      const [instances, interfaces] = [await ec2.readInstances(), await ec2.readNetworkInterfaces()];
      const ids = instancesToAsk({ ...seen, cloud: { instances, interfaces } });
      const said = new Map(
        (await ec2.readInstanceStatus(ids)).map(({ instanceId, state }) => [instanceId, state] as const),
      );
      return { instances, interfaces, states: new Map(ids.map((id) => [id, said.get(id)] as const)) };
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  private async askOwners(seen: ReturnType<Janitor['see']>, policy: SyncPolicy): Promise<Map<string, Presence>> {
    const { clock, port } = this.options;
    const survey = { ...seen, cloud: { instances: [], interfaces: [] } };
    const found = new Map<string, Presence>();
    for (const { namespace, owner } of ownersToAsk(survey, policy, clock.now())) {
      const presence = await askOwner(port as unknown as ClusterPort, namespace, owner).catch(() => 'Unknown' as const);
      found.set(owner.uid, presence);
    }
    return found;
  }
}

function uidsOf(seen: ReturnType<Janitor['see']>): ReadonlyMap<string, string> {
  return new Map([
    ...seen.nodes.map(({ name, uid }) => [`Node ${name}`, uid] as const),
    ...seen.attachments.map(({ name, uid }) => [`VolumeAttachment ${name}`, uid] as const),
    ...seen.podGroups.map(({ namespace, name, uid }) => [`PodGroup ${namespace}/${name}`, uid] as const),
  ]);
}
