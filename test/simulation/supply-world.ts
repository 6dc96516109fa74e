/**
 * A small cluster for pools and moves alone: the API server in memory, Karpenter, kubelets and EC2 as models, and the two controllers
 * on a faulty wire with exactly the permissions of the table. What capacity would do, the test does by hand. Every change is checked
 * against the invariants; a broken one is remembered with the time.
 */
import { CapacityBucket, CapacityPool, KINDS, NodeMove, type CapacityPoolSpec, type NodeMoveSpec } from '../../lib/api';
import { formatTime, type KubeObject, type Node, type Pod } from '../../lib/domain/kube';
import { BUCKET_KEY, UNASSIGNED_TAINT } from '../../lib/domain/node-keys';
import { permissionsOf, PERMISSIONS, RUNTIME_PERMISSIONS } from '../../lib/domain/permissions';
import * as r from '../../lib/domain/resources';
import { hasTaint } from '../../lib/domain/taints';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { toNodeFacts } from '../../lib/fleet';
import { declaredPort } from '../../lib/runtime/declared-port';
import { MemoryMetrics } from '../../lib/runtime/memory-metrics';
import type { ClusterPort } from '../../lib/runtime/ports';
import { runControllers, type Runner } from '../../lib/runtime/run-controllers';
import { ApiServer } from '../../lib/simulator/api-server';
import { CloudModel, type CloudOptions } from '../../lib/simulator/cloud';
import type { FaultRates } from '../../lib/simulator/fault-rates';
import { FaultyPort } from '../../lib/simulator/faults';
import { startKarpenter } from '../../lib/simulator/karpenter';
import { startKubelets } from '../../lib/simulator/kubelet';
import { splitRandom } from '../../lib/simulator/random';
import { CRDS } from '../../lib/simulator/served-kinds';
import { CLOUD_TIMES } from '../../lib/simulator/times';
import { VirtualClock } from '../../lib/simulator/virtual-clock';

export const START_MS = Date.parse('2026-11-23T00:00:00Z');
const KARPENTER_TIMES = {
  launchMs: [50, 400],
  bootMs: [1000, 5000],
  registerMs: [200, 1500],
  terminateMs: [2000, 8000],
  refusedMs: 1000,
  missedEnd: 0.05,
  missedDeletion: 0.05,
} as const;
const KUBELET_TIMES = {
  nodeReadyMs: 800,
  podStartMs: 300,
  podStopMs: 700,
  failedForMs: 0,
  checkMs: CLOUD_TIMES.checkMs,
};

/** What a world is made of. */
export interface WorldOptions {
  readonly seed: number;
  readonly rates?: Partial<FaultRates>;
  readonly cloud?: CloudOptions;
  /** The n-th write of the controllers, from 1, before or after which the process is killed. */
  readonly killAt?: { readonly write: number; readonly after: boolean };
  /** Edits of node keys by hand are part of the play: keys are checked at the end only. */
  readonly handEdits?: boolean;
}

/** The world. */
export class SupplyWorld {
  readonly clock = new VirtualClock(START_MS);
  readonly server: ApiServer;
  readonly cloud: CloudModel;
  readonly metrics = new MemoryMetrics();
  readonly violations: string[] = [];
  readonly log: string[] = [];
  crashes = 0;
  changes = 0;
  private runner: Runner | undefined;
  port: FaultyPort | undefined;
  private starts = 0;
  writes = 0;
  /** Pools whose nodes may all be ended at once: their block is over, or they were deleted. */
  readonly mayEnd = new Set<string>();
  readonly lost = new Set<string>();

  constructor(private readonly options: WorldOptions) {
    const { seed } = options;
    this.server = new ApiServer({ clock: this.clock, random: splitRandom(seed, 'server') });
    this.cloud = new CloudModel(this.clock, splitRandom(seed, 'cloud'), options.cloud);
    const inside = { server: this.server, clock: this.clock, random: splitRandom(seed, 'inside') };
    for (const kind of KINDS) this.server.create(CRDS, kind.crd());
    this.cloud.onInstanceLost(({ id }) => this.lost.add(id));
    startKubelets(inside, KUBELET_TIMES);
    startKarpenter(inside, this.cloud, KARPENTER_TIMES);
    this.server.onChange(({ resource, object, before, type }) => {
      this.changes += 1;
      if (type === 'DELETED') return;
      if (resource.plural === 'nodes') this.checkNode(object as Node, before as Node | undefined);
      if (resource.plural === 'nodepools') this.checkNodePool(object);
      if (resource.plural === 'pods' && type === 'ADDED') this.checkLanded(object as Pod);
    });
  }

  /** Starts the controllers; again after a crash. */
  start(rates: Partial<FaultRates> = this.options.rates ?? {}): void {
    this.starts += 1;
    void this.runner?.stop();
    const current = this.starts;
    // What a dead process would still say is not said by anybody.
    const alive = (say: (message: string) => void) => (message: string, fields?: object) => {
      if (current === this.starts) say(`${message} ${JSON.stringify(fields ?? {})}`);
    };
    const random = splitRandom(this.options.seed, `run-${this.starts}`);
    const crashed = () => {
      this.crashes += 1;
      this.clock.after(500, () => this.start());
    };
    const port = new FaultyPort(this.server, { clock: this.clock, random, rates, watcher: { crashed } });
    this.port = port;
    this.runner = runControllers({
      controllers: [poolsController, movesController],
      cluster: port,
      cloud: this.cloud.port(),
      clock: this.clock,
      random,
      log: {
        info: () => undefined,
        warn: alive((message) => this.log.push(`${this.time()} ${message}`)),
        error: alive((message) => this.fail(message)),
      },
      metrics: this.metrics,
      narrow: (name, cluster) => this.deadly(declaredPort(cluster, declared(name))),
      onFatal: ({ message }) => alive((text) => this.fail(text))(`fatal: ${message}`),
    });
    this.runner.start();
  }

  /** The port with the one write at which the process dies: right before it is sent, or right after it took effect. */
  private deadly(port: ClusterPort): ClusterPort {
    const die = (): Promise<never> => {
      this.crash();
      return new Promise(() => undefined);
    };
    const write =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        this.writes += 1;
        const { killAt } = this.options;
        const now = killAt?.write === this.writes;
        if (now && !killAt?.after) return die();
        const answer = await call(...args);
        return now ? die() : answer;
      };
    return {
      list: port.list,
      get: port.get,
      watch: port.watch,
      create: write(port.create),
      mergePatch: write(port.mergePatch),
      apply: write(port.apply),
      delete: write(port.delete),
      evict: write(port.evict),
    };
  }

  /** kill -9, and a new process half a second later. */
  crash(): void {
    this.port?.kill();
    this.crashes += 1;
    this.clock.after(500, () => this.start());
  }

  async run(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  pool(name: string, spec: Partial<CapacityPoolSpec> & { readonly source: CapacityPoolSpec['source'] }): void {
    const full = { instanceType: 'p5.48xlarge', nodeClassRef: { name }, terminationGracePeriod: '5m', ...spec };
    this.server.create(r.CAPACITY_POOLS, CapacityPool.make(name, full as any));
    if (spec.reservationId) {
      this.server.create(nodeClasses, {
        apiVersion: 'eks.amazonaws.com/v1',
        kind: 'NodeClass',
        metadata: { name },
        spec: { capacityReservationSelectorTerms: [{ id: spec.reservationId }] },
      });
    }
  }

  bucket(name: string): void {
    const spec = { nodes: { max: 100 }, instanceTypes: ['p5.48xlarge'] };
    this.server.create(r.CAPACITY_BUCKETS, CapacityBucket.make(name, spec));
  }

  /** Capacity's word to an on-demand pool. */
  request(pool: string, requested: number): void {
    const status = { requested };
    const object = { apiVersion: 'aicluster.dev/v1alpha1', kind: 'CapacityPool', metadata: { name: pool }, status };
    this.server.apply(r.CAPACITY_POOLS, object, { fieldManager: 'capacity', force: true, subresource: 'status' });
  }

  move(name: string, spec: NodeMoveSpec | Parameters<typeof NodeMove.make>[1]): void {
    this.server.create(r.NODE_MOVES, NodeMove.make(name, spec));
  }

  /** A running pod of a bucket on a node, bound as a scheduler would. */
  work(name: string, bucket: string, node: string, labels: Readonly<Record<string, string>> = {}): void {
    this.server.create(r.PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels },
      spec: {
        nodeName: node,
        nodeSelector: { [BUCKET_KEY]: bucket },
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', resources: { limits: { 'nvidia.com/gpu': 8 } } }],
      },
      status: { phase: 'Pending' },
    });
  }

  /** Pods with these labels may not be disturbed, until the returned function is called. */
  guard(labels: Readonly<Record<string, string>>): () => void {
    const metadata = { name: 'guard', namespace: 'default' };
    const spec = { minAvailable: '100%', selector: { matchLabels: labels } };
    const { kind } = r.DISRUPTION_BUDGETS;
    this.server.create(r.DISRUPTION_BUDGETS, { apiVersion: 'policy/v1', kind, metadata, spec });
    return () => this.server.delete(r.DISRUPTION_BUDGETS, metadata);
  }

  nodes(): Node[] {
    return this.server.all(r.NODES) as Node[];
  }

  nodesOf(pool: string): Node[] {
    return this.nodes().filter(({ metadata }) => metadata.labels?.['karpenter.sh/nodepool'] === pool);
  }

  nodesIn(bucket: string | undefined): string[] {
    return this.nodes()
      .filter(({ metadata }) => metadata.labels?.[BUCKET_KEY] === bucket)
      .map(({ metadata }) => metadata.name);
  }

  workOn(node: string): Pod[] {
    return (this.server.all(r.PODS) as Pod[]).filter(
      (pod) => pod.spec?.nodeName === node && pod.status?.phase !== 'Succeeded',
    );
  }

  liveMoves(): KubeObject[] {
    return this.server
      .all(r.NODE_MOVES)
      .filter(({ status, metadata }) => !status?.finishedAt && !metadata.deletionTimestamp);
  }

  annotate({ metadata }: Node, annotations: Readonly<Record<string, string | null>>): void {
    this.server.mergePatch(r.NODES, metadata, { metadata: { annotations } });
  }

  get(resource: r.ResourceType, name: string): KubeObject | undefined {
    return this.server.find(resource, { name });
  }

  condition(pool: string, type = 'Supplied'): string {
    const list: any[] = this.get(r.CAPACITY_POOLS, pool)?.status?.conditions ?? [];
    return list.find((condition) => condition.type === type)?.reason ?? 'none';
  }

  size(pool: string): readonly [replicas: number, limit: number] {
    const { spec } = this.get(r.NODE_POOLS, pool)!;
    return [spec.replicas, spec.limits.nodes];
  }

  time(): string {
    return formatTime(this.clock.now()).slice(8);
  }

  fail(message: string): void {
    this.violations.push(`${this.time()} ${message}`);
  }

  private checkNode(node: Node, before: Node | undefined): void {
    const { metadata } = node;
    if (metadata.deletionTimestamp && !before?.metadata.deletionTimestamp) this.checkDeleted(node);
    if (metadata.labels?.['karpenter.sh/registered'] !== 'true' || this.options.handEdits) return;
    this.checkKeys(node);
    if (before && toNodeFacts(before).bucket !== toNodeFacts(node).bucket) this.checkEmpty(metadata.name);
  }

  /** A pod that was placed no longer than two cycles ago still lands in its own bucket. */
  private checkLanded({ metadata, spec }: Pod): void {
    const node = this.server.find(r.NODES, { name: spec!.nodeName! });
    const bucket = node?.metadata.labels?.[BUCKET_KEY];
    if (!node || this.options.handEdits || bucket === spec!.nodeSelector?.[BUCKET_KEY]) return;
    this.fail(`pod ${metadata.name} landed on ${spec!.nodeName} of bucket ${bucket}`);
  }

  private checkEmpty(node: string): void {
    const under = this.workOn(node).map((pod) => pod.metadata.name);
    if (under.length > 0) this.fail(`${node} changed hands under ${under}`);
  }

  private checkKeys(node: Node): void {
    const { name, bucket, bucketTaint, nodegroup, taints } = toNodeFacts(node);
    const unassigned = hasTaint(taints, UNASSIGNED_TAINT);
    if (bucket === bucketTaint && bucket === nodegroup && unassigned === (bucket === undefined)) return;
    this.fail(
      `${name} has half a move: label ${bucket}, taint ${bucketTaint}, group ${nodegroup}, unassigned ${unassigned}`,
    );
  }

  /** Only nodes that a live move has emptied may be deleted; everything else is a victim somebody chose. */
  private checkDeleted({ metadata }: Node): void {
    const pool = metadata.labels?.['karpenter.sh/nodepool'] ?? '';
    if (this.mayEnd.has(pool) || this.lost.has(metadata.name)) return;
    const emptied = this.server.all(r.NODE_MOVES).some(({ spec, status }) => {
      const step = status?.nodes?.find((node: any) => node.name === metadata.name)?.step;
      return ['Release', 'Replacement'].includes(spec.to.kind) && step === 'Empty';
    });
    if (!emptied) {
      const [replicas, limit] = this.size(pool);
      this.fail(`${metadata.name} of ${pool} (${replicas}/${limit}) was deleted and no move had emptied it`);
    }
  }

  private checkNodePool({ metadata, spec }: KubeObject): void {
    if (this.mayEnd.has(metadata.name)) return;
    const alive = this.server
      .all(r.NODE_CLAIMS)
      .filter(
        (claim) =>
          claim.metadata.labels?.['karpenter.sh/nodepool'] === metadata.name && !claim.metadata.deletionTimestamp,
      );
    if (spec.replicas < alive.length)
      this.fail(`NodePool ${metadata.name}: replicas ${spec.replicas} under ${alive.length} NodeClaims`);
  }
}

const nodeClasses = {
  group: 'eks.amazonaws.com',
  version: 'v1',
  plural: 'nodeclasses',
  kind: 'NodeClass',
  namespaced: false,
};

function declared(controller: string) {
  const own = PERMISSIONS.flatMap((process) => (permissionsOf(process) ? process.controllers : []));
  return [RUNTIME_PERMISSIONS, ...own.filter((one) => one.controller === controller)].flatMap(({ cluster }) => cluster);
}
