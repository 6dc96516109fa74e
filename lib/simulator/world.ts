/**
 * A whole cluster in memory on virtual time: API server, nodes, schedulers, workloads, Karpenter and EC2 as models, and the REAL
 * controllers on top of them. Boots from plain manifests; one seed gives one history.
 */
import type { KubeObject } from '../domain/kube';
import { CONTROLLERS_NAMESPACE } from '../domain/namespaces';
import { EVENTS, LEASES, NODE_MOVES, type ResourceType } from '../domain/resources';
import { FINAL_STEPS } from '../api';
import type { NodePhase } from '../fleet';
import type { Controller } from '../runtime/controller';
import type { ObjectName } from '../runtime/ports';
import { Ages } from './ages';
import { ApiServer } from './api-server';
import { startCheckpointing } from './checkpointing';
import { CloudModel, type CloudOptions } from './cloud';
import { Binder, startDefaultScheduler } from './default-scheduler';
import { NO_FAULTS, type FaultRates } from './fault-rates';
import { startDisruptionBudgets } from './disruption-budgets';
import { FleetView } from './fleet-view';
import { watchGangs } from './gang-invariants';
import { startGarbageCollector, startPodGarbageCollector } from './garbage';
import { HealthInvariants } from './health-invariants';
import { startHyperNodes } from './hyper-nodes';
import type { Inside } from './inside';
import { Invariants, type Violation } from './invariants';
import { startKarpenter } from './karpenter';
import { Knowledge } from './knowledge';
import { startKubelets } from './kubelet';
import { createManifest, createManifests } from './manifests';
import { startNodeGroups } from './node-groups';
import { startOperators } from './operators';
import { startPodGroups } from './pod-groups';
import { splitRandom } from './random';
import { Replica } from './replica';
import { countBy, takeSample, type Sample } from './samples';
import { checkSettled } from './settled';
import { startSteering } from './steering';
import { TakingInvariants } from './taking-invariants';
import { Timeline, type TimelineEntry } from './timeline';
import { CLOUD_TIMES, type WorldTimes } from './times';
import { VirtualClock } from './virtual-clock';
import { startVolcanoJobs } from './volcano-jobs';
import { startVolcanoScheduler } from './volcano-scheduler';
import { startWorkloads } from './workloads';

/** What a world is made of. */
export interface WorldOptions {
  readonly seed: number;
  /** Plain manifests: CRDs, namespaces, node classes, pools, buckets, … Kinds nobody models are stored and do nothing. */
  readonly objects: readonly KubeObject[];
  readonly controllers: readonly Controller[];
  /** Epoch milliseconds at which the world begins. @default 2026-11-02T00:00:00Z */
  readonly startMs?: number;
  readonly cloud?: CloudOptions;
  readonly times?: Partial<WorldTimes>;
  /** Faults between the controllers and the server. @default none, calls take 2 to 10 ms and events 1 to 50 ms */
  readonly faults?: Partial<FaultRates>;
  /** Replicas of the controllers' Deployment. @default 1 */
  readonly replicas?: number;
  /** Whether verbs that `lib/domain/permissions.ts` does not declare are refused. @default true */
  readonly fenced?: boolean;
  /** Time between two samples, in milliseconds. @default 60000 */
  readonly sampleEveryMs?: number;
  /** After so long the controllers must know of somebody else's change, even if nobody has told them. @default 5000 */
  readonly graceMs?: number;
  /** After so long they must know of a change to pods and disruption budgets. @default graceMs, at least 5000 */
  readonly staleMs?: number;
}

/** Nodes of the fleet by bucket; `unassigned` for those in none. */
export interface NodeSummary {
  readonly total: number;
  readonly byBucket: Readonly<Record<string, number>>;
}

const LEASE = { namespace: CONTROLLERS_NAMESPACE, name: 'aicluster-capacity' };
const DEFAULT_START_MS = Date.UTC(2026, 10, 2);
const CALM: FaultRates = { ...NO_FAULTS, latencyMs: [1, 5], lagMs: [1, 50] };

/** A simulated cluster with its controllers. */
export class World {
  readonly clock: VirtualClock;
  readonly server: ApiServer;
  readonly cloud: CloudModel;
  readonly view: FleetView;
  readonly timeline: Timeline;
  readonly invariants: Invariants;
  readonly samples: Sample[] = [];
  readonly replicas: readonly Replica[];
  readonly startMs: number;
  /** `phase × event` → how often it was met. */
  readonly counters = new Map<string, number>();
  private stepCount = 0;
  private rates: FaultRates;

  constructor(readonly options: WorldOptions) {
    const { seed } = options;
    this.startMs = options.startMs ?? DEFAULT_START_MS;
    this.clock = new VirtualClock(this.startMs);
    this.rates = { ...CALM, ...options.faults };
    this.server = new ApiServer({ clock: this.clock, random: splitRandom(seed, 'server') });
    this.cloud = new CloudModel(this.clock, splitRandom(seed, 'cloud'), options.cloud);
    this.view = new FleetView(this.server);
    this.timeline = new Timeline(this.server);
    this.server.onChange(({ resource }) => void (this.stepCount += Number(resource.kind !== LEASES.kind)));
    startModels(this, { ...CLOUD_TIMES, ...options.times });
    const graceMs = options.graceMs ?? 5_000;
    const { server, view } = this;
    const knowledge = new Knowledge(this.clock, {
      bounds: graceMs,
      work: options.staleMs ?? Math.max(graceMs, 5_000),
    });
    const checked = { server, view, ages: new Ages(server), knowledge };
    this.invariants = new Invariants(checked);
    new TakingInvariants(this.invariants, checked);
    if (hasHealth(options)) new HealthInvariants(this.invariants, checked);
    watchGangs(this.server, (...breach) => this.invariants.breach(...breach));
    this.replicas = Array.from({ length: options.replicas ?? 1 }, (_, i) =>
      this.makeReplica(`aicluster-capacity-${i}`),
    );
    knowledge.replicas = this.replicas;
  }

  /** Steps so far: changes in the server but for the renewal of leases, and disturbances. */
  get steps(): number {
    return this.stepCount;
  }

  /** Breaches of invariants so far. */
  get violations(): readonly Violation[] {
    return this.invariants.violations;
  }

  /** The story so far. */
  get events(): readonly TimelineEntry[] {
    return this.timeline.entries;
  }

  /** Milliseconds since the start of the world. */
  get elapsedMs(): number {
    return this.clock.now() - this.startMs;
  }

  /** Starts controllers and sampling. Called by `makeWorld`. */
  begin(): void {
    createManifests(this.server, this.options.objects);
    for (const replica of this.replicas) replica.start();
    this.sample();
  }

  /** Lets the world run until so long after its start. */
  runUntil(elapsedMs: number): Promise<void> {
    return this.clock.runUntil(this.startMs + elapsedMs);
  }

  /** Lets this much time pass. */
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Does something so long after the start of the world. */
  at(elapsedMs: number, action: (world: World) => void): void {
    this.clock.after(this.startMs + elapsedMs - this.clock.now(), () => action(this));
  }

  /** Creates the object, or merges it into the one of that name, as `kubectl apply` would. */
  submit(object: KubeObject): KubeObject {
    return createManifest(this.server, object);
  }

  /** Deletes an object as a person would; nothing happens when it is not there. */
  remove(resource: ResourceType, name: ObjectName): void {
    if (this.server.find(resource, name)) this.server.delete(resource, name);
  }

  /** Changes the faults between controllers and server from now on. */
  setFaults(faults: Partial<FaultRates>): void {
    this.rates = { ...CALM, ...faults };
    for (const replica of this.replicas) replica.setRates(this.rates);
  }

  /** Phase of every node of the fleet, now. */
  phases(): ReadonlyMap<string, NodePhase> {
    return this.view.phases();
  }

  /** Counts a disturbance against the phases of the nodes it hits. */
  count(event: string, phases: Iterable<NodePhase> = this.phases().values()): void {
    this.stepCount++;
    for (const phase of new Set(phases)) {
      const key = `${phase} × ${event}`;
      this.counters.set(key, (this.counters.get(key) ?? 0) + 1);
    }
  }

  /** Nodes of the fleet, now. */
  nodes(): NodeSummary {
    const nodes = this.view.nodes();
    return { total: nodes.length, byBucket: countBy(nodes.map(({ bucket }) => bucket ?? 'unassigned')) };
  }

  /** NodeMoves that have not ended. */
  liveMoves(): readonly KubeObject[] {
    return this.server.all(NODE_MOVES).filter(({ status }) => !FINAL_STEPS.includes(status?.step));
  }

  /** Checks what must be true once nothing disturbs any more and the controllers had time; breaches are violations. */
  checkSettled(): void {
    checkSettled(this);
  }

  /** Ends the controllers in order. */
  async stop(): Promise<void> {
    const stopping = Promise.all(this.replicas.map((replica) => replica.stop()));
    await this.clock.advance(10_000);
    await stopping;
  }

  /** Equal for two runs with the same history. */
  fingerprint(): string {
    return this.timeline.fingerprint();
  }

  private sample(): void {
    this.samples.push(takeSample(this.server, this.view, this.startMs));
    this.clock.after(this.options.sampleEveryMs ?? 60_000, () => this.sample());
  }

  private makeReplica(name: string): Replica {
    return new Replica({
      name,
      seed: this.options.seed,
      server: this.server,
      clock: this.clock,
      controllers: this.options.controllers,
      cloud: this.cloud,
      rates: () => this.rates,
      fenced: this.options.fenced ?? true,
      foreignEdit: (resource, object) => this.nudge(resource, object),
      fault: (fault) => this.count(fault),
      writes: (resource) => this.checkWriter(name, resource),
      say: (level, message, fields) => this.hear(level, message, fields),
    });
  }

  /** Whoever writes has the lease. The lease itself, and what is said of it, are written without it. */
  private checkWriter(identity: string, resource: ResourceType | undefined): void {
    if (resource?.kind === LEASES.kind || resource?.kind === EVENTS.kind) return;
    const holder = this.server.find(LEASES, LEASE)?.spec?.holderIdentity as string | undefined;
    if (holder && holder !== identity)
      this.invariants.breach('nobody writes without the lease', identity, `${holder} holds it`);
  }

  /** Somebody else's harmless edit: a new version of the object under the writer's hands. */
  private nudge(resource: ResourceType, name: ObjectName): void {
    if (!this.server.find(resource, name)) return;
    const annotations = { 'example.com/edited': String(this.stepCount) };
    this.server.mergePatch(resource, name, { metadata: { annotations } }, { manager: 'kubectl-edit' });
  }

  private hear(level: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const text = `${message}${Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : ''}`;
    if (level === 'fault') this.timeline.add('Fault', 'controllers', message);
    if (level === 'error' || text.includes('is not declared in'))
      this.invariants.breach('no bug, no undeclared verb', 'controllers', text);
  }
}

/** Whether node-health itself runs: where somebody stands in for it, its promises are nobody's. */
export function hasHealth({ controllers }: Pick<WorldOptions, 'controllers'>): boolean {
  return controllers.some(({ name }) => name === 'node-health');
}

function startModels(world: World, times: WorldTimes): void {
  const { server, clock, cloud } = world;
  const inside = (name: string): Inside => ({ server, clock, random: splitRandom(world.options.seed, name) });
  startKubelets(inside('kubelets'), times);
  startGarbageCollector(inside('garbage'));
  startPodGarbageCollector(inside('pod-garbage'));
  startWorkloads(inside('workloads'));
  startSteering(server);
  const binder = new Binder(inside('binder'), times.bindMs);
  startDefaultScheduler(inside('default-scheduler'), binder);
  startVolcanoScheduler(inside('volcano-scheduler'), binder);
  startVolcanoJobs(inside('volcano-jobs'), times.volcanoOrderMs);
  startOperators(inside('operators'));
  startCheckpointing(inside('checkpointing'));
  startDisruptionBudgets(inside('disruption-budgets'));
  startPodGroups(inside('pod-groups'));
  startHyperNodes(inside('hyper-nodes'));
  startKarpenter(inside('karpenter'), cloud, times);
  startNodeGroups(inside('node-groups'), cloud, times);
}

/** Makes a world and starts it; time begins to pass with `runUntil` or `advance`. */
export function makeWorld(options: WorldOptions): World {
  const world = new World(options);
  world.begin();
  return world;
}
