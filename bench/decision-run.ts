/**
 * One process of the decision benchmark: the first decision as a cold process makes it, then decisions on a fleet that changes
 * between them as fleets do. Bundled with the options of the bundle that ships, so that the same code is measured.
 */
import { performance } from 'node:perf_hooks';
import { Memory } from '../lib/controllers/capacity/memory';
import { observeCapacity } from '../lib/controllers/capacity/observe';
import { planCapacity } from '../lib/controllers/capacity/plan';
import type { CapacityAction, CapacityPlan } from '../lib/controllers/capacity/snapshot';
import { swapPatch } from '../lib/controllers/moves/patches';
import { formatTime, keyOf, type KubeObject, type Node, type Pod } from '../lib/domain/kube';
import { DELETION_COST_ANNOTATION } from '../lib/domain/pod-keys';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  CHECKPOINTS,
  DISRUPTION_BUDGETS,
  NAMESPACES,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
  QUEUES,
  resourceName,
  type ResourceType,
} from '../lib/domain/resources';
import { toNodeFacts } from '../lib/fleet';
import type { AssumingCache } from '../lib/runtime/controller';
import { ObjectStore } from '../lib/runtime/object-store';
import { pruneOf } from '../lib/runtime/prune';
import { seededRandom } from '../lib/simulator/random';
import { makeFleet, type Fleet, type FleetSize } from './fleet';
import { uidOf } from './objects';

/** What the parent asks for. */
export interface DecisionOrder extends Omit<FleetSize, 'nowMs'> {
  readonly warmUp: number;
  readonly rounds: number;
}

/** What comes back, as the last line of stdout. */
export interface DecisionResult {
  readonly cold: Took;
  readonly warm: readonly Took[];
  readonly pods: number;
  readonly gangs: number;
  /** Actions decided in all warm rounds, by type. */
  readonly actions: Readonly<Record<string, number>>;
}

/** Virtual time between two decisions. */
const STEP_MS = 2_000;

/** The caches of a process, filled as its watches would. */
class Caches {
  private readonly stores = new Map<string, ObjectStore>();
  private version = 1;

  of = (resource: ResourceType): AssumingCache => {
    const store = this.store(resource);
    return {
      get: (key) => store.get(key),
      list: () => store.list(),
      byIndex: (index, value) => store.byIndex(index, value),
      hasSynced: () => true,
      assume: (object) => void store.put(object),
    };
  };

  /** An object as it would come off the wire: parsed afresh, in a version of its own, then pruned. */
  put(resource: ResourceType, object: KubeObject): void {
    const resourceVersion = String(++this.version);
    const fresh = JSON.parse(
      JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion } }),
    ) as KubeObject;
    this.store(resource).put(pruneOf(resource)?.(fresh) ?? fresh);
  }

  remove(resource: ResourceType, object: KubeObject): void {
    const resourceVersion = String(++this.version);
    this.store(resource).remove({ ...object, metadata: { ...object.metadata, resourceVersion } });
  }

  get(resource: ResourceType, key: string): KubeObject | undefined {
    return this.store(resource).get(key);
  }

  list(resource: ResourceType): readonly KubeObject[] {
    return this.store(resource).list();
  }

  private store(resource: ResourceType): ObjectStore {
    const name = resourceName(resource);
    const known = this.stores.get(name) ?? new ObjectStore();
    this.stores.set(name, known);
    return known;
  }
}

/** The world between decisions. */
class World {
  readonly caches = new Caches();
  private readonly random: () => number;
  private born = 0;

  constructor(
    fleet: Fleet,
    seed: number,
    public nowMs: number,
  ) {
    this.random = seededRandom(seed + 1);
    const fill = (resource: ResourceType, objects: readonly KubeObject[]) => {
      for (const object of objects) this.caches.put(resource, object);
    };
    fill(NAMESPACES, fleet.namespaces);
    fill(CAPACITY_BUCKETS, fleet.buckets);
    fill(CAPACITY_POOLS, fleet.pools);
    fill(NODES, fleet.nodes);
    fill(PODS, fleet.pods);
    fill(POD_GROUPS, fleet.podGroups);
    fill(NODE_MOVES, fleet.moves);
    fill(CHECKPOINTS, fleet.checkpoints);
    fill(DISRUPTION_BUDGETS, fleet.disruptionBudgets);
  }

  /** Time passes: kubelets report, pods come and go, gangs end and others begin in their place. */
  pass(): void {
    this.nowMs += STEP_MS;
    const nodes = this.caches.list(NODES);
    // Every kubelet writes its Node's status every five minutes.
    for (let i = 0; i < Math.ceil((nodes.length * STEP_MS) / 300_000); i++) this.caches.put(NODES, this.pick(nodes));
    const pods = this.caches.list(PODS);
    for (let i = 0; i < Math.ceil(pods.length / 4000); i++) this.replacePod(this.pick(pods) as Pod);
    this.replaceGang();
    this.saveStates();
    this.carryOut();
  }

  /** What the decision writes, as the caches show it a moment later. */
  write(actions: readonly CapacityAction[]): void {
    for (const action of actions) this.writeOne(action);
  }

  private writeOne(action: CapacityAction): void {
    switch (action.type) {
      case 'CreateMove': {
        const to = action.bucket === undefined ? { kind: 'Release' } : { kind: 'Bucket', bucket: action.bucket };
        const spec = { nodes: action.nodes, reason: 'Capacity', to, message: action.why };
        const metadata = { name: action.name, uid: uidOf(action.name), creationTimestamp: formatTime(this.nowMs) };
        return this.caches.put(NODE_MOVES, { apiVersion: 'aicluster.dev/v1alpha1', kind: 'NodeMove', metadata, spec });
      }
      case 'RequestNodes':
        return this.merge(CAPACITY_POOLS, action.pool, { requested: action.nodes });
      case 'WriteStatus':
        return this.merge(CAPACITY_BUCKETS, action.bucket, action.status);
      case 'ApplyQueue': {
        const metadata = {
          name: action.name,
          uid: uidOf(action.name),
          labels: { 'aicluster.dev/bucket': action.name },
        };
        return this.caches.put(QUEUES, {
          apiVersion: 'scheduling.volcano.sh/v1beta1',
          kind: 'Queue',
          metadata,
          spec: action.spec,
        });
      }
      case 'SetDeletionCost': {
        const pod = this.caches.get(PODS, `${action.namespace}/${action.name}`)!;
        const annotations = { ...pod.metadata.annotations, [DELETION_COST_ANNOTATION]: String(action.cost) };
        return this.caches.put(PODS, { ...pod, metadata: { ...pod.metadata, annotations } });
      }
      case 'DeleteQueue':
        return this.caches.remove(QUEUES, this.caches.get(QUEUES, action.name)!);
    }
  }

  private merge(resource: ResourceType, name: string, status: object): void {
    const object = this.caches.get(resource, name)!;
    this.caches.put(resource, { ...object, status: { ...object.status, ...status } });
  }

  /** Nodes of moves change hands, up to sixteen a step: what the moves controller does at a time. */
  private carryOut(): void {
    let left = 16;
    for (const move of this.caches.list(NODE_MOVES)) {
      const names: readonly string[] = move.spec.nodes;
      if (move.status?.finishedAt || left < names.length) continue;
      left -= names.length;
      const time = formatTime(this.nowMs);
      const nodes = names.map((name) => ({
        name,
        step: this.handOver(name, move.spec.to.bucket) ? 'HandedOver' : 'Lost',
        since: time,
      }));
      this.caches.put(NODE_MOVES, { ...move, status: { step: 'HandedOver', nodes, finishedAt: time } });
    }
  }

  private handOver(name: string, bucket: string | undefined): boolean {
    const node = this.caches.get(NODES, name) as Node | undefined;
    if (!node) return false;
    if (bucket === undefined) this.caches.remove(NODES, node);
    else this.caches.put(NODES, patched(node, swapPatch(toNodeFacts(node), bucket, this.nowMs)));
    return true;
  }

  private replacePod(pod: Pod): void {
    this.caches.remove(PODS, pod);
    const name = `${pod.metadata.name.slice(0, 40)}-r${++this.born}`;
    this.caches.put(PODS, {
      ...pod,
      metadata: { ...pod.metadata, name, uid: uidOf(name), creationTimestamp: formatTime(this.nowMs) },
    });
  }

  /** Who writes checkpoints does so every ten minutes. */
  private saveStates(): void {
    const checkpoints = this.caches.list(CHECKPOINTS);
    for (let i = 0; i < Math.ceil((checkpoints.length * STEP_MS) / 600_000); i++) {
      const checkpoint = this.pick(checkpoints);
      this.caches.put(CHECKPOINTS, { ...checkpoint, spec: { ...checkpoint.spec, takenAt: formatTime(this.nowMs) } });
    }
  }

  /** A gang ends, and one of the same size takes its place: on its nodes when it ran, in the queue when it waited. */
  private replaceGang(): void {
    const group = this.pick(this.caches.list(POD_GROUPS));
    const { namespace = '', name } = group.metadata;
    const members = this.caches.list(PODS).filter(({ metadata }) => {
      return metadata.namespace === namespace && metadata.annotations?.['scheduling.k8s.io/group-name'] === name;
    });
    const next = `job-r${++this.born}`;
    const time = formatTime(this.nowMs);
    this.caches.remove(POD_GROUPS, group);
    this.caches.put(POD_GROUPS, {
      ...group,
      metadata: { ...group.metadata, name: next, uid: uidOf(next), creationTimestamp: time },
    });
    for (const [i, pod] of members.entries()) {
      this.caches.remove(PODS, pod);
      const annotations = { ...pod.metadata.annotations, 'scheduling.k8s.io/group-name': next };
      const about = { name: `${next}-worker-${i}`, uid: uidOf(`${next}-${i}`), creationTimestamp: time, annotations };
      this.caches.put(PODS, { ...pod, metadata: { ...pod.metadata, ...about } });
    }
  }

  private pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }
}

/** JSON merge patch of labels, annotations and spec, as the API server does it. */
function patched(node: Node, patch: ReturnType<typeof swapPatch>): KubeObject {
  const merged = (own: Readonly<Record<string, string>> = {}, change: Readonly<Record<string, string | null>> = {}) =>
    Object.fromEntries(Object.entries({ ...own, ...change }).filter(([, value]) => value !== null)) as Record<
      string,
      string
    >;
  const labels = merged(node.metadata.labels, patch.metadata.labels);
  const annotations = merged(node.metadata.annotations, patch.metadata.annotations);
  return { ...node, metadata: { ...node.metadata, labels, annotations }, spec: { ...node.spec, ...patch.spec } };
}

interface Took {
  readonly ms: number;
  /** Of the processor, by this thread: what it would have taken on a machine with nothing else to do. */
  readonly processorMs: number;
}

const memory = new Memory();

function decide(world: World): Took & { readonly plan: CapacityPlan } {
  const [startMs, used] = [performance.now(), process.threadCpuUsage()];
  const plan = planCapacity(observeCapacity({ cache: world.caches.of }, true), world.nowMs, { memory });
  const { user, system } = process.threadCpuUsage(used);
  return { ms: performance.now() - startMs, processorMs: (user + system) / 1000, plan };
}

function main(order: DecisionOrder): DecisionResult {
  const nowMs = Date.UTC(2026, 10, 23, 12);
  // The plain objects are garbage from here on, as what came over the wire is: collections must not have to look at them.
  const world = new World(makeFleet({ ...order, nowMs }), order.seed, nowMs);
  const { plan, ...cold } = decide(world);
  world.write(plan.actions);
  const warm: Took[] = [];
  const actions: Record<string, number> = {};
  for (let round = 0; round < order.warmUp + order.rounds; round++) {
    world.pass();
    const { plan, ...took } = decide(world);
    world.write(plan.actions);
    if (round < order.warmUp) continue;
    warm.push(took);
    for (const { type } of plan.actions) actions[type] = (actions[type] ?? 0) + 1;
  }
  const gangs = world.caches
    .list(POD_GROUPS)
    .filter((group) => group.spec.minMember > 1 || !keyOf(group).includes('podgroup-')).length;
  return { cold, warm, pods: world.caches.list(PODS).length, gangs, actions };
}

process.stdout.write(`${JSON.stringify(main(JSON.parse(process.argv[2]!) as DecisionOrder))}\n`);
