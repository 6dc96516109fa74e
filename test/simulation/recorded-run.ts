/** Replays one recorded run of the real Volcano or Karpenter on the simulator and writes down what happened in the same words. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isTrue } from '../../lib/domain/conditions';
import type { KubeObject, Taint } from '../../lib/domain/kube';
import * as r from '../../lib/domain/resources';
import type { ResourceType } from '../../lib/domain/resources';
import { ApiError } from '../../lib/runtime/errors';
import type { ObjectName } from '../../lib/runtime/ports';
import { ApiServer } from '../../lib/simulator/api-server';
import { CloudModel } from '../../lib/simulator/cloud';
import { startDefaultScheduler } from '../../lib/simulator/default-scheduler';
import { startGarbageCollector, startPodGarbageCollector } from '../../lib/simulator/garbage';
import { startHyperNodes } from '../../lib/simulator/hyper-nodes';
import type { Inside } from '../../lib/simulator/inside';
import { startKarpenter } from '../../lib/simulator/karpenter';
import type { KarpenterTimes } from '../../lib/simulator/karpenter-context';
import { startKubelets } from '../../lib/simulator/kubelet';
import { startPodGroups } from '../../lib/simulator/pod-groups';
import { splitRandom } from '../../lib/simulator/random';
import { HYPER_NODES } from '../../lib/simulator/served-kinds';
import { CLOUD_TIMES } from '../../lib/simulator/times';
import { VirtualClock } from '../../lib/simulator/virtual-clock';
import { startVolcanoJobs } from '../../lib/simulator/volcano-jobs';
import { startVolcanoScheduler } from '../../lib/simulator/volcano-scheduler';
import { startWorkloads } from '../../lib/simulator/workloads';

/** A file of the recorded runs. */
export interface RecordedRun {
  readonly name: string;
  readonly sentence: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly labels: object;
    readonly taints: readonly Taint[];
    readonly allocatable: object;
  }[];
  readonly objects: readonly KubeObject[];
  readonly steps: readonly {
    readonly atMs: number;
    readonly do: string;
    readonly object: any;
    readonly patch?: any;
    readonly answer?: number;
  }[];
  readonly observed: readonly Seen[];
  readonly end: any;
}

/** One observation: the facts after an event, as in the recorded files. */
export interface Seen {
  readonly atMs: number;
  readonly kind: string;
  readonly name: string;
  readonly event: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly facts: any;
}

const START = Date.UTC(2026, 10, 23);
const KWOK_CLASS: ResourceType = {
  group: 'karpenter.kwok.sh',
  version: 'v1alpha1',
  plural: 'kwoknodeclasses',
  kind: 'KWOKNodeClass',
  namespaced: false,
};

/** Where the recorded runs are; undefined when they are not there. */
export function recordedRunsFolder(): string | undefined {
  const shared = process.env.SHARED_DIR ?? resolve(__dirname, '../../../shared');
  const folder = join(shared, 'fixtures');
  return existsSync(folder) ? folder : undefined;
}

/** All runs of one folder, by file name. */
export function readRuns(folder: string, which: 'volcano' | 'karpenter'): RecordedRun[] {
  return readdirSync(join(folder, which))
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, which, file), 'utf8')));
}

/** What a replay gave. */
export interface Replay {
  readonly seen: readonly Seen[];
  readonly answers: readonly (number | undefined)[];
  readonly server: ApiServer;
  /** Recorded name of an object of the simulation. */
  nameOf(resource: ResourceType, object: KubeObject): string;
}

/** Plays the run to its end. */
export async function replay(run: RecordedRun, which: 'volcano' | 'karpenter', seed: number): Promise<Replay> {
  const clock = new VirtualClock(START);
  const random = splitRandom(seed, run.name);
  const server = new ApiServer({ clock, random: splitRandom(seed, 'server'), resources: [KWOK_CLASS] });
  const inside: Inside = { server, clock, random };
  startKubelets(inside, {
    nodeReadyMs: 60,
    podStartMs: 30,
    podStopMs: 10,
    failedForMs: 0,
    checkMs: CLOUD_TIMES.checkMs,
  });
  startGarbageCollector(inside);
  startPodGarbageCollector(inside);
  startWorkloads(inside);
  startDefaultScheduler(inside);
  if (which === 'volcano') {
    startVolcanoScheduler(inside);
    startVolcanoJobs(inside);
    startPodGroups(inside);
    startHyperNodes(inside);
  } else {
    const times = { ...KWOK_TIMES, ...CHANCES[run.name] };
    startKarpenter(inside, new CloudModel(clock, random, { slotDelayMs: [0, 0] }), times);
  }
  for (const { name, labels, taints, allocatable } of run.nodes) {
    const ready = [{ type: 'Ready', status: 'True' as const }];
    const status = { allocatable, capacity: allocatable, conditions: ready };
    server.create(r.NODES, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels } as never,
      spec: { taints },
      status,
    });
  }
  await clock.advance(3000);
  const names = new Names(server, run);
  const seen = observe(inside, names, clock.now());
  return play(run, { inside, clock, names, seen });
}

const KWOK_TIMES = {
  launchMs: [30, 100],
  bootMs: [10, 100],
  registerMs: [900, 1100],
  terminateMs: [5000, 5000],
  refusedMs: 5000,
  missedEnd: 0,
  missedDeletion: 0,
} as const;

/** What was left to chance, as it came about in these runs: how many moments the real Karpenter missed until its next look. */
const CHANCES: Readonly<Record<string, Partial<KarpenterTimes>>> = {
  '04-drift-budget-zero-then-node-deleted': { missedDeletion: 1 },
  '07b-expire-after-limit-above-replicas': { missedDeletion: 0.25 },
  '07c-expire-last-replacement-late': { missedEnd: 0.5 },
  '08c-node-deleted-blocking-pdb-no-grace-limit-above-replicas': { missedDeletion: 1 },
};

interface Stage {
  readonly inside: Inside;
  readonly clock: VirtualClock;
  readonly names: Names;
  readonly seen: Seen[];
}

async function play(run: RecordedRun, { inside, clock, names, seen }: Stage): Promise<Replay> {
  const begin = clock.now();
  for (const object of run.objects) create(inside.server, object, names);
  const answers: (number | undefined)[] = [];
  for (const step of run.steps) {
    await clock.runUntil(begin + step.atMs);
    names.stepAtMs = step.atMs;
    answers.push(perform(inside.server, step, names));
  }
  await clock.runUntil(begin + run.end.atMs);
  return { seen, answers, server: inside.server, nameOf: (resource, object) => names.of(resource, object) };
}

function create(server: ApiServer, object: KubeObject, names: Names): void {
  const resource = server.kinds.find(object.apiVersion, object.kind);
  const metadata = resource.namespaced ? { namespace: 'default', ...object.metadata } : object.metadata;
  server.create(resource, names.translate({ ...object, metadata }));
}

function perform(server: ApiServer, step: RecordedRun['steps'][number], names: Names): number | undefined {
  if (step.do === 'create') return void create(server, step.object, names);
  const resource = server.kinds.find(step.object.apiVersion, step.object.kind);
  const name = names.find(resource, step.object.name);
  try {
    DOERS[step.do]!(server, resource, name, step.patch);
    return step.do === 'evict' ? 201 : undefined;
  } catch (error) {
    if (error instanceof ApiError && step.answer === error.status) return error.status;
    throw error;
  }
}

type Doer = (server: ApiServer, resource: ResourceType, name: ObjectName, patch: any) => void;

/** What the words of a step mean. */
const DOERS: Readonly<Record<string, Doer>> = {
  patch: (server, resource, name, patch) => server.mergePatch(resource, name, patch),
  label: (server, resource, name, patch) => server.mergePatch(resource, name, patch),
  delete: (server, resource, name) => server.delete(resource, name),
  evict: (server, _, name) => server.evict(name),
  taint: (server, _, name, patch) => editTaint(server, name.name, patch),
};

function editTaint(server: ApiServer, name: string, patch: { readonly add?: Taint; readonly remove?: string }): void {
  const taints: readonly Taint[] = server.get(r.NODES, { name }).spec?.taints ?? [];
  const next = patch.add ? [...taints, patch.add] : taints.filter(({ key }) => key !== patch.remove);
  server.mergePatch(r.NODES, { name }, { spec: { taints: next } });
}

/** The stable names of the recorded files: by owner and order of appearance. */
class Names {
  private readonly known = new Map<string, string>();
  private readonly counters = new Map<string, number>();

  private readonly stands = new Map<string, string>();
  /** Recorded time of the step that is being played. */
  stepAtMs = 0;

  constructor(
    private readonly server: ApiServer,
    private readonly run: RecordedRun,
  ) {}

  of(resource: ResourceType, object: KubeObject): string {
    const uid = `${resource.kind}/${object.metadata.uid}`;
    if (!this.known.has(uid)) this.known.set(uid, this.make(resource, object));
    return this.known.get(uid)!;
  }

  find(resource: ResourceType, name: string) {
    if (resource.kind === 'Node' && !name.includes('/')) return { name: this.standFor(name) };
    const object = this.server.all(resource).find((candidate) => this.of(resource, candidate) === name);
    if (!object) throw new Error(`the simulation has no ${resource.kind} ${name}`);
    const { namespace } = object.metadata;
    return namespace ? { name: object.metadata.name, namespace } : { name: object.metadata.name };
  }

  /** The Node that has here the pod which the recorded Node had at that time; without a pod the Node of the same name. */
  private standFor(name: string): string {
    const known = this.stands.get(name);
    if (known) return known;
    const pod = this.recordedPodOn(name);
    const here = this.server.all(r.PODS).find((candidate) => this.of(r.PODS, candidate) === pod);
    const stand: string = here?.spec?.nodeName ?? name;
    this.stands.set(name, stand);
    return stand;
  }

  private recordedPodOn(node: string): string | undefined {
    const places = new Map<string, string>();
    for (const { atMs, kind, name, facts, event } of this.run.observed) {
      if (kind !== 'Pod' || atMs > this.stepAtMs) continue;
      if (event === 'DELETED') places.delete(name);
      else if (facts.nodeName) places.set(name, facts.nodeName);
    }
    return [...places].find(([, place]) => place === node)?.[0];
  }

  /** An object of the record with the names of Nodes as they are here. */
  translate(object: KubeObject): KubeObject {
    const text = JSON.stringify(object).replace(/"(\w+\/node-\d+)"/g, (_, name) =>
      JSON.stringify(this.find(r.NODES, name).name),
    );
    return JSON.parse(text);
  }

  private make(resource: ResourceType, object: KubeObject): string {
    const { name, labels, ownerReferences } = object.metadata;
    const pool = labels?.['karpenter.sh/nodepool'];
    if (resource.kind === 'NodeClaim') return this.next(`${pool}/claim`);
    if (resource.kind === 'Node' && pool) return this.nodeName(pool, object);
    const owner = ownerReferences?.[0];
    if (!owner) return name;
    if (resource.kind === 'PodGroup') return `${this.ownerName(owner.name, owner.kind)}/podgroup`;
    return resource.kind === 'Pod' ? this.podName(object, owner) : name;
  }

  private podName({ metadata }: KubeObject, owner: { readonly name: string; readonly kind: string }): string {
    const index = metadata.annotations?.['batch.kubernetes.io/job-completion-index'];
    if (index) return `${owner.name}/pod-${index}`;
    return owner.kind === 'ReplicaSet' ? this.next(`${this.ownerName(owner.name, owner.kind)}/pod`) : metadata.name;
  }

  private nodeName(pool: string, node: KubeObject): string {
    const claim = this.server.all(r.NODE_CLAIMS).find(({ status }) => status?.providerID === node.spec?.providerID);
    return claim ? this.of(r.NODE_CLAIMS, claim).replace('/claim-', '/node-') : this.next(`${pool}/node`);
  }

  private ownerName(name: string, kind: string): string {
    return kind === 'ReplicaSet' ? name.replace(/-[^-]+$/, '') : name;
  }

  private next(prefix: string): string {
    const number = (this.counters.get(prefix) ?? 0) + 1;
    this.counters.set(prefix, number);
    return `${prefix}-${number}`;
  }
}

function observe({ server, clock }: Inside, names: Names, begin: number): Seen[] {
  const seen: Seen[] = [];
  const last = new Map<string, string>();
  const incarnations = new Map<string, number>();
  server.onChange(({ type, resource, object }) => {
    const name = names.of(resource, object);
    const key = `${resource.kind}.${resource.group}/${name}`;
    if (type === 'ADDED') incarnations.set(key, (incarnations.get(key) ?? 0) + 1);
    const facts = { ...factsOf(resource, object), incarnation: incarnations.get(key) ?? 1 };
    const text = JSON.stringify(facts);
    if (type === 'MODIFIED' && last.get(key) === text) return;
    last.set(key, text);
    seen.push({ atMs: clock.now() - begin, kind: resource.kind, name, event: type, facts });
  });
  return seen;
}

function factsOf(resource: ResourceType, object: KubeObject): object {
  return FACTS[`${resource.plural}.${resource.group}`]?.(object) ?? {};
}

const isDeleting = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined;
const conditionsOf = ({ status }: KubeObject) => status?.conditions;

/** The facts of each Kind that are compared, as the recorded files name them. */
const FACTS: Readonly<Record<string, (object: KubeObject) => object>> = {
  'pods.': (pod) => ({ phase: pod.status?.phase, nodeName: pod.spec?.nodeName, deleting: isDeleting(pod) }),
  'podgroups.scheduling.volcano.sh': (group) => ({
    phase: group.status?.phase ?? null,
    minMember: group.spec.minMember,
    queue: group.spec.queue,
    unschedulable: isTrue(conditionsOf(group), 'Unschedulable'),
  }),
  'jobs.batch': (job) => ({
    apiVersion: 'batch/v1',
    suspend: job.spec.suspend,
    active: job.status?.active,
    suspended: isTrue(conditionsOf(job), 'Suspended'),
  }),
  'jobs.batch.volcano.sh': ({ status }) => ({
    phase: status?.state?.phase ?? null,
    retryCount: status?.retryCount ?? 0,
  }),
  'nodes.': (node) => ({
    deleting: isDeleting(node),
    ready: isTrue(conditionsOf(node), 'Ready'),
    taints: (node.spec?.taints ?? []).map(({ key }: Taint) => key),
    labels: node.metadata.labels,
  }),
  'nodeclaims.karpenter.sh': (claim) => ({
    deleting: isDeleting(claim),
    nodeName: claim.status?.nodeName,
    initialized: isTrue(conditionsOf(claim), 'Initialized'),
    drifted: isTrue(conditionsOf(claim), 'Drifted'),
  }),
  'queues.scheduling.volcano.sh': ({ status }) => ({ state: status?.state ?? null, allocated: status?.allocated }),
  'hypernodes.topology.volcano.sh': ({ spec }) => ({
    tier: spec.tier,
    members: spec.members.map((one: any) => one.selector.exactMatch.name),
  }),
};

export { HYPER_NODES };
