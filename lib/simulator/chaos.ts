/** Somebody and something always happens: people edit nodes and objects, hardware dies, work comes and goes, servers restart. */
import type { Node, Taint } from '../domain/kube';
import { BUCKET_KEY, HOLD_ANNOTATION } from '../domain/node-keys';
import { CAPACITY_BUCKETS, DEPLOYMENTS, NODE_MOVES, NODE_POOLS, NODES, VOLCANO_JOBS } from '../domain/resources';
import type { NodeFacts } from '../fleet';
import type { Random } from '../runtime/ports';
import { makeDeployment, makeVolcanoJob } from './work';
import { between, pick, splitRandom } from './random';
import type { World } from './world';

/** What happens, and how often. */
export interface ChaosOptions {
  /** Time between two disturbances, in milliseconds. */
  readonly everyMs: readonly [number, number];
  /** Namespaces in which work appears; each belongs to a bucket. */
  readonly namespaces: readonly string[];
  /** Most Volcano Jobs and Deployments at one time. */
  readonly maxWork?: number;
  /** Nodes of the largest gang. */
  readonly maxGang?: number;
  /** What may happen, of `DISTURBANCE_NAMES`. @default everything */
  readonly only?: readonly string[];
}

type Disturbance = (chaos: Chaos) => string | undefined;

/** Disturbs a world from `start` to `stop`. */
export class Chaos {
  readonly random: Random;
  private readonly possible: typeof DISTURBANCES;
  private running = false;
  /** Node → how often somebody has changed its bucket label by hand. */
  readonly bent = new Map<string, number>();
  private made = 0;
  private cancel: () => void = () => undefined;

  constructor(
    readonly world: World,
    readonly options: ChaosOptions,
  ) {
    this.random = splitRandom(world.options.seed, 'chaos');
    this.possible = DISTURBANCES.filter(([name]) => options.only?.includes(name) ?? true);
  }

  /** Things begin to happen. */
  start(): void {
    if (!this.running) this.schedule();
    this.running = true;
  }

  /** Nothing more happens until it is started again. */
  stop(): void {
    this.running = false;
    this.cancel();
  }

  /** People take back what would go on for ever: cordons, holds, bent labels, services, shortage of capacity. */
  makeAmends(): void {
    const { server, cloud, options } = this.world;
    const release = { metadata: { annotations: { [HOLD_ANNOTATION]: null } }, spec: { unschedulable: null } };
    for (const { metadata } of server.all(NODES)) server.mergePatch(NODES, metadata, release);
    for (const name of this.bent.keys()) this.straighten(name);
    for (const { metadata } of server.all(DEPLOYMENTS))
      server.mergePatch(DEPLOYMENTS, metadata, { spec: { replicas: 0 } });
    for (const [type, most] of Object.entries(options.cloud?.onDemand ?? {})) cloud.setOnDemand(type, most);
  }

  /** Whoever changed a bucket label against the controllers' word gives in. */
  private straighten(name: string): void {
    const { server } = this.world;
    const node = server.find(NODES, { name }) as Node | undefined;
    const bucket = node?.spec?.taints?.find(({ key }) => key === BUCKET_KEY)?.value ?? null;
    if (node && (node.metadata.labels?.[BUCKET_KEY] ?? null) !== bucket) {
      server.mergePatch(NODES, { name }, { metadata: { labels: { [BUCKET_KEY]: bucket } } });
    }
  }

  /** A number nobody had before. */
  next(): number {
    return ++this.made;
  }

  /** A node of the fleet, by chance. */
  node(): NodeFacts | undefined {
    return pick(this.random, this.world.view.nodes());
  }

  private schedule(): void {
    this.cancel = this.world.clock.after(between(this.random, ...this.options.everyMs), () => {
      this.disturb();
      this.schedule();
    });
  }

  private disturb(): void {
    const [name, disturbance] = pick(this.random, this.possible)!;
    const phases = this.world.phases();
    const hit = disturbance(this);
    if (hit === undefined) return;
    const phase = phases.get(hit);
    this.world.count(name, hit === '' ? phases.values() : phase ? [phase] : []);
    this.world.timeline.add('Chaos', hit, name);
  }
}

function editNode(what: (chaos: Chaos, node: Node, facts: NodeFacts) => object | undefined): Disturbance {
  return (chaos) => {
    const facts = chaos.node();
    const node = facts && (chaos.world.server.find(NODES, { name: facts.name }) as Node | undefined);
    const patch = node && what(chaos, node, facts);
    if (!node || !patch) return undefined;
    chaos.world.server.mergePatch(NODES, node.metadata, patch, { manager: 'person' });
    return node.metadata.name;
  };
}

const taintsOf = (node: Node): readonly Taint[] => node.spec?.taints ?? [];
const FOREIGN_TAINT: Taint = { key: 'example.com/checked', value: 'yes', effect: 'PreferNoSchedule' };

const toggleTaint = editNode((_, node) => {
  const has = taintsOf(node).some(({ key }) => key === FOREIGN_TAINT.key);
  const taints = has
    ? taintsOf(node).filter(({ key }) => key !== FOREIGN_TAINT.key)
    : [...taintsOf(node), FOREIGN_TAINT];
  return { spec: { taints } };
});
const label = editNode((chaos) => ({
  metadata: { labels: { 'example.com/rack': `r${between(chaos.random, 1, 4)}` } },
}));
const cordon = editNode((_, node) => ({ spec: { unschedulable: node.spec?.unschedulable ? null : true } }));
const hold = editNode((_, node) => {
  const held = node.metadata.annotations?.[HOLD_ANNOTATION] !== undefined;
  return { metadata: { annotations: { [HOLD_ANNOTATION]: held ? null : 'looking' } } };
});
const misplace = editNode((chaos, node) => {
  const buckets = chaos.world.server.all(CAPACITY_BUCKETS).map(({ metadata }) => metadata.name);
  const wrong = pick(chaos.random, [...buckets, null]);
  chaos.bent.set(node.metadata.name, (chaos.bent.get(node.metadata.name) ?? 0) + 1);
  return wrong === node.metadata.labels?.[BUCKET_KEY]
    ? undefined
    : { metadata: { labels: { [BUCKET_KEY]: wrong ?? null } } };
});

const deleteNode: Disturbance = (chaos) => {
  const node = chaos.node();
  if (!node || node.deletedAtMs !== undefined) return undefined;
  chaos.world.server.delete(NODES, { name: node.name });
  return node.name;
};

const loseInstance: Disturbance = (chaos) => {
  const instance = pick(chaos.random, chaos.world.cloud.running());
  if (!instance) return undefined;
  chaos.world.cloud.lose(instance);
  return instance.id;
};

const submitGang: Disturbance = (chaos) => {
  const { server } = chaos.world;
  const { namespaces, maxWork = 8, maxGang = 4 } = chaos.options;
  if (server.all(VOLCANO_JOBS).length >= maxWork) return removeSome(chaos, VOLCANO_JOBS);
  const namespace = pick(chaos.random, namespaces)!;
  const runSeconds = between(chaos.random, 60, 1800);
  const pods = between(chaos.random, 1, maxGang);
  chaos.world.submit(makeVolcanoJob({ name: `gang-${chaos.next()}`, namespace, pods, runSeconds, accelerators: 8 }));
  return '';
};

const scaleService: Disturbance = (chaos) => {
  const namespace = pick(chaos.random, chaos.options.namespaces)!;
  const replicas = between(chaos.random, 0, chaos.options.maxGang ?? 4);
  chaos.world.submit(makeDeployment({ name: 'service', namespace, replicas, accelerators: 8 }));
  return '';
};

function removeSome(chaos: Chaos, resource: typeof VOLCANO_JOBS): string | undefined {
  const object = pick(chaos.random, chaos.world.server.all(resource));
  if (!object) return undefined;
  chaos.world.remove(resource, object.metadata);
  return '';
}

const editBounds: Disturbance = ({ world, random }) => {
  const bucket = pick(random, world.server.all(CAPACITY_BUCKETS));
  if (!bucket) return undefined;
  const max = Math.max(1, bucket.spec.nodes.max + between(random, -2, 2));
  const min = Math.min(max, between(random, 0, 2));
  world.server.mergePatch(CAPACITY_BUCKETS, bucket.metadata, { spec: { nodes: { min, max } } }, { manager: 'person' });
  return '';
};

const editReplicas: Disturbance = ({ world, random }) => {
  const pool = pick(random, world.server.all(NODE_POOLS));
  if (!pool) return undefined;
  const replicas = Math.max(0, pool.spec.replicas + between(random, -1, 1));
  world.server.mergePatch(NODE_POOLS, pool.metadata, { spec: { replicas } }, { manager: 'person' });
  return '';
};

const deleteMove: Disturbance = (chaos) => removeSome(chaos, NODE_MOVES);

const makeMove: Disturbance = (chaos) => {
  const node = chaos.node();
  const bucket = pick(chaos.random, chaos.world.server.all(CAPACITY_BUCKETS))?.metadata.name;
  if (!node || !bucket) return undefined;
  const spec = { nodes: [node.name], reason: 'Capacity', to: { kind: 'Bucket', bucket } };
  const name = `by-hand-${chaos.next()}`;
  chaos.world.submit({ apiVersion: 'aicluster.dev/v1alpha1', kind: 'NodeMove', metadata: { name }, spec });
  return node.name;
};

const restartServer: Disturbance = ({ world, random }) => {
  world.server.restart({ downMs: between(random, 100, 8_000), forget: random() < 0.5 });
  return '';
};

const forgetHistory: Disturbance = ({ world }) => {
  world.server.forgetHistory();
  return '';
};

const dropWatches: Disturbance = ({ world }) => {
  for (const replica of world.replicas) replica.disturb('dropWatches');
  return '';
};

const silenceWatches: Disturbance = ({ world }) => {
  for (const replica of world.replicas) replica.disturb('silenceWatches');
  return '';
};

const killController: Disturbance = ({ world, random }) => {
  pick(random, world.replicas)?.kill();
  return '';
};

const changeCapacity: Disturbance = ({ world, random }) => {
  const types = Object.keys(world.options.cloud?.onDemand ?? {});
  const type = pick(random, types);
  if (!type) return undefined;
  world.cloud.setOnDemand(type, between(random, 0, world.options.cloud!.onDemand![type]!));
  return '';
};

/** Every disturbance by name; work is listed more often than trouble. */
const DISTURBANCES: readonly (readonly [string, Disturbance])[] = [
  ['foreign taint', toggleTaint],
  ['foreign label', label],
  ['cordon', cordon],
  ['cordon', cordon],
  ['hold', hold],
  ['bucket label by hand', misplace],
  ['node deleted', deleteNode],
  ['instance lost', loseInstance],
  ...Array.from({ length: 4 }, () => ['gang', submitGang] as const),
  ...Array.from({ length: 4 }, () => ['service scaled', scaleService] as const),
  ['bounds edited', editBounds],
  ['replicas edited', editReplicas],
  ['move deleted', deleteMove],
  ['move by hand', makeMove],
  ['server restarted', restartServer],
  ['history forgotten', forgetHistory],
  ['watches dropped', dropWatches],
  ['watches silent', silenceWatches],
  ['controller killed', killController],
  ['capacity changed', changeCapacity],
];

/** Names of all disturbances. */
export const DISTURBANCE_NAMES: readonly string[] = [...new Set(DISTURBANCES.map(([name]) => name))];
