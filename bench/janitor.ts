/**
 * Five thousand pods stuck at once in forty ways, on the API server of the simulator and in its time: how long until everything that may be
 * freed is, what it costs, and that budgets hold. Real are the janitor, its cache and its queue; a call takes 2 to 10 ms.
 */
import { JanitorPolicy, KINDS } from '../lib/api';
import { makePodJanitorController } from '../lib/controllers/pod-janitor/controller';
import { UNREACHABLE_TAINT } from '../lib/controllers/pod-janitor/node-state';
import { formatTime, type KubeObject } from '../lib/domain/kube';
import { BUCKET_KEY, HOLD_ANNOTATION } from '../lib/domain/node-keys';
import { JANITOR_KEY } from '../lib/domain/pod-keys';
import { EVENTS, JANITOR_POLICIES, NAMESPACES, NODES, PODS, VOLUME_CLAIMS } from '../lib/domain/resources';
import type { Controller, ControllerContext } from '../lib/runtime/controller';
import type { ClusterPort } from '../lib/runtime/ports';
import { ApiServer } from '../lib/simulator/api-server';
import { CloudModel } from '../lib/simulator/cloud';
import { NO_FAULTS } from '../lib/simulator/fault-rates';
import { createManifests } from '../lib/simulator/manifests';
import { splitRandom } from '../lib/simulator/random';
import { Replica } from '../lib/simulator/replica';
import { VirtualClock } from '../lib/simulator/virtual-clock';
import { toFigure, type Figure } from './figures';

const PODS_STUCK = 5_000;
const BUCKETS = 20;
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 10, 26);
/** Nothing was freed for so long: nothing will be. */
const OVER_MS = 15 * MINUTE_MS;

const MACHINES = ['gone', 'terminated', 'stopped', 'stopping', 'running', 'notReady', 'ready', 'held'] as const;
type Machine = (typeof MACHINES)[number];
const WORK = ['plain', 'optedIn', 'StatefulSet', 'ReadWriteOnce', 'ignored'] as const;
type Work = (typeof WORK)[number];

/** Forty situations: what became of the machine, and what the pod is. */
const SITUATIONS = MACHINES.flatMap((machine) => WORK.map((work) => ({ machine, work })));

/** What the hard rules say of it, written down once more. */
function mayBeFreed({ machine, work }: { readonly machine: Machine; readonly work: Work }): boolean {
  if (work === 'ignored' || machine === 'held') return false;
  if (['gone', 'terminated', 'stopped'].includes(machine)) return true;
  // A person's word for this pod counts where the node is unreachable.
  return work === 'optedIn' && (machine === 'running' || machine === 'stopping');
}

type Budgets = Parameters<typeof JanitorPolicy.make>[1]['budgets'];

interface Freed {
  readonly atMs: number;
  readonly namespace: string;
  readonly owner: string;
}

class Stuck {
  readonly clock = new VirtualClock(START_MS);
  readonly server = new ApiServer({ clock: this.clock, random: splitRandom(1, 'server') });
  readonly cloud = new CloudModel(this.clock, splitRandom(1, 'cloud'));
  readonly freed: Freed[] = [];
  /** Pods that may be freed. */
  free = 0;
  readonly wrong: string[] = [];
  requests = 0;
  events = 0;
  private readonly replica: Replica;

  constructor(budgets: Budgets) {
    createManifests(this.server, [
      ...KINDS.map((kind) => kind.crd()),
      JanitorPolicy.make('default', { dryRun: false, budgets }),
    ]);
    const may = new Map<string, boolean>();
    for (let i = 0; i < BUCKETS; i++) this.fillNamespace(`team-${i}`, may);
    this.server.onChange(({ type, object }) => this.noteFreed(type, object, may), PODS);
    this.server.onChange(() => void (this.events += 1), EVENTS);
    this.replica = new Replica({
      ...{ name: 'janitor-0', seed: 1, server: this.server, clock: this.clock, cloud: this.cloud, fenced: true },
      controllers: [counted(makePodJanitorController({ clusterName: 'simulated' }), () => void (this.requests += 1))],
      rates: () => ({ ...NO_FAULTS, latencyMs: [1, 5], lagMs: [1, 50] }),
      say: (level, message) => {
        if (level === 'error' || message.includes('is not declared')) this.wrong.push(message);
      },
      fault: () => undefined,
    });
  }

  private noteFreed(type: string, { metadata }: KubeObject, may: ReadonlyMap<string, boolean>): void {
    if (type !== 'DELETED') return;
    const { namespace = '', name, ownerReferences = [] } = metadata;
    if (!may.get(`${namespace}/${name}`)) this.wrong.push(`${namespace}/${name} was deleted`);
    this.freed.push({ atMs: this.clock.now(), namespace, owner: ownerReferences[0]?.uid ?? '' });
  }

  private fillNamespace(namespace: string, may: Map<string, boolean>): void {
    const { server } = this;
    server.create(NAMESPACES, object('Namespace', { name: namespace, labels: { [BUCKET_KEY]: namespace } }));
    server.create(VOLUME_CLAIMS, {
      ...object('PersistentVolumeClaim', { name: 'data', namespace }),
      spec: { accessModes: ['ReadWriteOnce'] },
    });
    const each = PODS_STUCK / BUCKETS;
    const nodes = new Map<Machine, string>();
    for (let i = 0; i < each; i++) {
      const situation = SITUATIONS[i % SITUATIONS.length]!;
      const { machine, work } = situation;
      if (i % SITUATIONS.length === 0) nodes.clear();
      const node = nodes.get(machine) ?? this.makeMachine(machine);
      nodes.set(machine, node);
      const name = `pod-${String(i).padStart(3, '0')}`;
      server.store.put(PODS, makePod({ namespace, name, node, work, number: i }));
      may.set(`${namespace}/${name}`, mayBeFreed(situation));
      if (mayBeFreed(situation)) this.free += 1;
    }
  }

  /** A node and its instance; the name of the node is the id. */
  private makeMachine(machine: Machine): string {
    const instance = this.cloud.launch({ instanceType: 'g6e.48xlarge' });
    if ('insufficient' in instance) throw new Error(instance.insufficient);
    const { id } = instance;
    if (machine === 'terminated' || machine === 'gone' || machine === 'held') this.cloud.terminate(id);
    if (machine === 'stopped') this.cloud.setStatus(id, { state: 'stopped' });
    if (machine === 'stopping') this.cloud.setStatus(id, { state: 'stopping' });
    if (machine !== 'gone') this.server.create(NODES, makeNode(id, machine));
    return id;
  }

  /** Until nothing happens any more. */
  async run(): Promise<void> {
    this.replica.start();
    const lastMs = () => this.freed.at(-1)?.atMs ?? START_MS;
    while (this.clock.now() < lastMs() + OVER_MS) await this.clock.advance(10_000);
    await Promise.all([this.replica.stop(), this.clock.advance(10_000)]);
  }

  get states(): readonly { readonly state: string; readonly count: number }[] {
    return this.server.get(JANITOR_POLICIES, { name: 'default' }).status.stuck;
  }
}

function object(kind: string, metadata: KubeObject['metadata']): KubeObject {
  return { apiVersion: 'v1', kind, metadata };
}

function makeNode(id: string, machine: Machine): KubeObject {
  const silent = machine !== 'ready' && machine !== 'notReady';
  const status = machine === 'ready' ? 'True' : machine === 'notReady' ? 'False' : 'Unknown';
  const annotations: Readonly<Record<string, string>> = machine === 'held' ? { [HOLD_ANNOTATION]: 'alice' } : {};
  return {
    ...object('Node', { name: id, annotations, labels: { 'kubernetes.io/hostname': id } }),
    spec: {
      providerID: `aws:///us-east-2a/${id}`,
      taints: silent ? [{ key: UNREACHABLE_TAINT, effect: 'NoExecute' }] : [],
    },
    status: { conditions: [{ type: 'Ready', status }] },
  };
}

interface PodWishes {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly work: Work;
  readonly number: number;
}

function makePod({ namespace, name, node, work, number }: PodWishes): KubeObject {
  // Five pods of one owner.
  const owner = `owner-${Math.floor(number / 5)}`;
  const kind = work === 'StatefulSet' ? 'StatefulSet' : 'ReplicaSet';
  const says = work === 'optedIn' ? 'force' : work === 'ignored' ? 'ignore' : undefined;
  const ownerReferences = [
    { apiVersion: 'apps/v1', kind, name: owner, uid: `${namespace}-${owner}`, controller: true },
  ];
  const at = (minutes: number) => formatTime(START_MS - minutes * MINUTE_MS);
  return {
    ...object('Pod', {
      ...{ name, namespace, uid: `${namespace}-${name}`, ownerReferences, creationTimestamp: at(60) },
      ...{ deletionTimestamp: at(10), deletionGracePeriodSeconds: 30 },
      ...(says === undefined ? {} : { annotations: { [JANITOR_KEY]: says } }),
    }),
    spec: {
      nodeName: node,
      containers: [{ name: 'main', image: 'example.com/work:1' }],
      ...(work === 'ReadWriteOnce'
        ? { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }
        : {}),
    },
    status: {
      phase: 'Running',
      startTime: at(59),
      containerStatuses: [{ name: 'main', image: 'example.com/work:1', state: { running: { startedAt: at(59) } } }],
    },
  };
}

/** The controller, every call of which to the API server is counted; watches and lists of caches are not. */
function counted(controller: Controller, count: () => void): Controller {
  const ports = new WeakMap<ClusterPort, ClusterPort>();
  const portOf = (cluster: ClusterPort): ClusterPort => {
    const call =
      <A extends unknown[], R>(perform: (...args: A) => R) =>
      (...args: A): R => {
        count();
        return perform(...args);
      };
    return {
      list: call(cluster.list.bind(cluster)),
      get: call(cluster.get.bind(cluster)),
      watch: cluster.watch.bind(cluster),
      create: call(cluster.create.bind(cluster)),
      mergePatch: call(cluster.mergePatch.bind(cluster)),
      apply: call(cluster.apply.bind(cluster)),
      delete: call(cluster.delete.bind(cluster)),
      evict: call(cluster.evict.bind(cluster)),
    };
  };
  return {
    ...controller,
    reconcile: (key: string, context: ControllerContext) => {
      const port = ports.get(context.cluster) ?? portOf(context.cluster);
      ports.set(context.cluster, port);
      return controller.reconcile(key, { ...context, cluster: port });
    },
  };
}

/** Most that was freed within any minute, for each of these. */
function mostInAMinute(freed: readonly Freed[], of: (one: Freed) => string): number {
  const times = new Map<string, number[]>();
  for (const one of freed) times.set(of(one), [...(times.get(of(one)) ?? []), one.atMs]);
  const most = [...times.values()].map((list) => {
    let [from, best] = [0, 0];
    list.forEach((atMs, i) => {
      while (list[from]! <= atMs - MINUTE_MS) from += 1;
      best = Math.max(best, i - from + 1);
    });
    return best;
  });
  return Math.max(0, ...most);
}

const NOTE = 'the simulated API server in its own time (a call takes 2 to 10 ms); not the time of a machine';

/** With the budgets of the policy's defaults, and with budgets that let everything be freed at once. */
export async function janitorBench(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const wide = { perMinute: 1_000, perOwnerPerMinute: 1_000, perNamespacePerMinute: 1_000 };
  for (const [budgets, spec] of [
    ['default', undefined],
    ['wide', wide],
  ] as const) {
    const stuck = new Stuck(spec);
    const began = process.cpuUsage();
    await stuck.run();
    const { user, system } = process.cpuUsage(began);
    if (stuck.wrong.length > 0) throw new Error(`what may not be done was done: ${stuck.wrong.slice(0, 5).join('; ')}`);
    const { freed } = stuck;
    if (freed.length !== stuck.free) throw new Error(`${freed.length} of ${stuck.free} pods were freed`);
    const size = { pods: PODS_STUCK, situations: SITUATIONS.length, freed: freed.length, budgets, note: NOTE };
    const since = freed.map(({ atMs }) => (atMs - START_MS) / 1000);
    figures.push(
      toFigure('janitor-freed-after', 's', since, size),
      toFigure('janitor-requests', 'calls', [stuck.requests], size),
      toFigure('janitor-requests-per-pod', 'calls', [stuck.requests / freed.length], size),
      toFigure('janitor-events', 'writes', [stuck.events], size),
      toFigure('janitor-most-in-a-minute', 'pods', [mostInAMinute(freed, () => '')], size),
      toFigure('janitor-most-of-a-namespace', 'pods', [mostInAMinute(freed, ({ namespace }) => namespace)], size),
      toFigure('janitor-most-of-an-owner', 'pods', [mostInAMinute(freed, ({ owner }) => owner)], size),
      toFigure('janitor-cpu', 's', [(user + system) / 1e6], size),
      toFigure('janitor-rss', 'MiB', [process.memoryUsage().rss / 2 ** 20], {
        ...size,
        note: `${NOTE}; with the server and every object in it`,
      }),
    );
  }
  return figures;
}
