/** A fleet as a large customer has it, from one seed: mixed types, nodes in every phase, gangs and Deployments running and waiting. */
import { CapacityBucket, CapacityPool, Checkpoint, NodeMove } from '../lib/api';
import { estimateAllocatable, requireInstanceType } from '../lib/catalog';
import { formatTime, type KubeObject, type Pod } from '../lib/domain/kube';
import { BUCKET_KEY } from '../lib/domain/node-keys';
import { seededRandom } from '../lib/simulator/random';
import {
  makeNode,
  makePlainNode,
  makePod,
  makePodGroup,
  uidOf,
  type NodePlan,
  type Odd,
  type PodPlan,
} from './objects';

/** How large the fleet is. */
export interface FleetSize {
  /** All nodes; one in fifty has no accelerators and belongs to no pool. */
  readonly nodes: number;
  /** Gangs of at least one whole node; four in five run. */
  readonly gangs: number;
  readonly buckets: number;
  /** All pods: gangs, Deployments, DaemonSets, and web servers to make up the number. */
  readonly pods: number;
  readonly seed: number;
  /** Epoch milliseconds at which all this is looked at. */
  readonly nowMs: number;
}

/** Every object of the fleet. */
export interface Fleet {
  readonly namespaces: readonly KubeObject[];
  readonly buckets: readonly KubeObject[];
  readonly pools: readonly KubeObject[];
  readonly nodes: readonly KubeObject[];
  readonly pods: readonly Pod[];
  readonly podGroups: readonly KubeObject[];
  /** Live ones, and what is left of those of the last hours. */
  readonly moves: readonly KubeObject[];
  /** Of every other gang that runs. */
  readonly checkpoints: readonly KubeObject[];
  /** Of every Deployment. */
  readonly disruptionBudgets: readonly KubeObject[];
  /** Reservation id → nodes, for EC2's side. */
  readonly reservations: ReadonlyMap<
    string,
    { readonly instanceType: string; readonly zone: string; readonly nodes: number }
  >;
}

const HOUR_MS = 3_600_000;
const ZONES = ['us-east-2a', 'us-east-2b', 'us-east-2c'] as const;

/** Types with their share of the fleet. */
const TYPES = [
  { name: 'p5.48xlarge', share: 0.45, source: 'Block' },
  { name: 'p5en.48xlarge', share: 0.15, source: 'Block' },
  { name: 'p4d.24xlarge', share: 0.15, source: 'Reservation' },
  { name: 'g6e.48xlarge', share: 0.25, source: 'OnDemand' },
] as const;

/** What buckets are for, in turn. */
const ROLES = [
  { role: 'inference', priority: 'High', types: ['p5.48xlarge', 'g6e.48xlarge'] },
  { role: 'training', priority: 'Normal', types: ['p5.48xlarge', 'p5en.48xlarge'] },
  { role: 'research', priority: 'Normal', types: ['p4d.24xlarge', 'p5.48xlarge'] },
  { role: 'batch', priority: 'Low', types: ['g6e.48xlarge', 'p4d.24xlarge', 'p5en.48xlarge'] },
] as const;

/** Nodes of a pool, at most: a Capacity Block has 64 instances, a large reservation some hundreds. */
const POOL_NODES = 256;
/** Nodes below one network leaf. */
const LEAF_NODES = 32;

/** Of a thousand nodes so many are in this state; the others work. */
const ODD_PER_MILLE: readonly (readonly [Odd, number])[] = [
  ['Unassigned', 15],
  ['Joining', 10],
  ['Cordoned', 5],
  ['Held', 2],
  ['Leaving', 5],
  ['Quarantined', 3],
  ['Moving', 5],
];

/** Sizes of gangs in nodes, with weights that add up to 100. */
const GANG_SIZES = [
  [1, 35],
  [2, 25],
  [4, 20],
  [8, 13],
  [16, 5],
  [32, 2],
] as const;

interface Bucket {
  readonly name: string;
  readonly role: (typeof ROLES)[number]['role'];
  readonly types: readonly string[];
  /** Usable nodes without work, by type. */
  readonly free: Map<string, NodePlan[]>;
  owned: number;
}

/** Builds it. The same size and seed give the same fleet. */
export function makeFleet(size: FleetSize): Fleet {
  return new Builder(size).build();
}

/** A gang's size in nodes. */
export function gangSize(random: () => number): number {
  let dice = random() * 100;
  for (const [nodes, weight] of GANG_SIZES) {
    dice -= weight;
    if (dice < 0) return nodes;
  }
  return 1;
}

/** What one whole node of a type is asked for. */
export function wholeNode(instanceType: string): Readonly<Record<string, string>> {
  const type = requireInstanceType(instanceType);
  const { [type.accelerators.resourceName]: gpus = '8', ...others } = estimateAllocatable(type, 110);
  const efa = others['vpc.amazonaws.com/efa'];
  return {
    cpu: String(type.vcpus / 2),
    memory: `${type.memoryGib / 2}Gi`,
    [type.accelerators.resourceName]: gpus,
    ...(efa && { 'vpc.amazonaws.com/efa': efa }),
  };
}

class Builder {
  private readonly random: () => number;
  private readonly buckets: readonly Bucket[];
  private readonly pools: KubeObject[] = [];
  private readonly plans: NodePlan[] = [];
  private readonly plain: KubeObject[] = [];
  private readonly pods: Pod[] = [];
  private readonly podGroups: KubeObject[] = [];
  private readonly moves: KubeObject[] = [];
  private readonly checkpoints: KubeObject[] = [];
  private readonly disruptionBudgets: KubeObject[] = [];
  private readonly reservations = new Map<string, { instanceType: string; zone: string; nodes: number }>();

  constructor(private readonly size: FleetSize) {
    this.random = seededRandom(size.seed);
    this.buckets = Array.from({ length: size.buckets }, (_, i) => {
      const { role, types } = ROLES[i % ROLES.length]!;
      return { name: `${role}-${Math.floor(i / ROLES.length)}`, role, types, free: new Map(), owned: 0 };
    });
  }

  build(): Fleet {
    this.makeNodes();
    this.makeDaemons();
    this.makeGangs();
    this.makeDeployments();
    this.makeWebServers();
    return {
      namespaces: [
        ...this.buckets.map(({ name }) => namespace(name, { [BUCKET_KEY]: name })),
        namespace('agents'),
        namespace('web'),
      ],
      buckets: this.buckets.map((bucket, i) => this.bucketObject(bucket, i)),
      pools: this.pools,
      nodes: [...this.plans.map(makeNode), ...this.plain],
      pods: this.pods,
      podGroups: this.podGroups,
      moves: [...this.moves, ...this.pastMoves()],
      checkpoints: this.checkpoints,
      disruptionBudgets: this.disruptionBudgets,
      reservations: this.reservations,
    };
  }

  private get agoMs(): number {
    return this.size.nowMs - Math.floor((0.5 + this.random() * 48) * HOUR_MS);
  }

  private pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  private makeNodes(): void {
    const plain = Math.ceil(this.size.nodes / 50);
    for (let i = 0; i < plain; i++) this.plain.push(makePlainNode(`system-${i}`, this.pick(ZONES), this.agoMs));
    const accelerated = this.size.nodes - plain;
    let made = 0;
    for (const [i, type] of TYPES.entries()) {
      const last = i === TYPES.length - 1;
      const count = last ? accelerated - made : Math.round(accelerated * type.share);
      for (let from = 0; from < count; from += POOL_NODES)
        this.makePool(type, from, Math.min(POOL_NODES, count - from));
      made += count;
    }
  }

  private makePool({ name: instanceType, source }: (typeof TYPES)[number], from: number, count: number): void {
    const family = instanceType.split('.')[0]!;
    const name = `${family}-${from / POOL_NODES}`;
    const zone = ZONES[(from / POOL_NODES) % ZONES.length]!;
    const reservationId = `cr-0${uidOf(name).replaceAll('-', '').slice(0, 16)}`;
    const reserved = { source, reservationId, availabilityZone: zone };
    if (source !== 'OnDemand') this.reservations.set(reservationId, { instanceType, zone, nodes: count });
    const spec = source === 'OnDemand' ? { source, nodes: { max: Math.ceil(count * 1.2) } } : reserved;
    const pool = CapacityPool.make(name, { instanceType, nodeClassRef: { name: family }, ...spec });
    const status = source === 'OnDemand' ? { requested: count } : { limit: count };
    this.pools.push({ ...pool, status });
    for (let i = 0; i < count; i++) this.makeNodePlan({ pool: name, instanceType, zone }, from + i);
  }

  private makeNodePlan(about: Pick<NodePlan, 'pool' | 'instanceType' | 'zone'>, index: number): void {
    const { pool, instanceType } = about;
    const odd = this.odd();
    const leaf = `nn-${instanceType.split('.')[0]}-${Math.floor(index / LEAF_NODES)}`;
    const takers = this.buckets.filter(({ types }) => types.includes(instanceType));
    const homeless = odd === 'Unassigned' || odd === 'Joining' || takers.length === 0;
    const bucket = homeless ? undefined : this.pick(takers);
    const plan: NodePlan = { ...about, name: `${pool}-${index}`, leaf, odd, bucket: bucket?.name, atMs: this.agoMs };
    this.plans.push(plan);
    if (bucket) this.settle(plan, bucket, takers);
  }

  private settle(plan: NodePlan, bucket: Bucket, takers: readonly Bucket[]): void {
    bucket.owned += 1;
    if (plan.odd === 'Moving') this.moves.push(this.moveObject(plan, this.pick(takers).name));
    if (plan.odd !== undefined) return;
    const free = bucket.free.get(plan.instanceType);
    if (free) free.push(plan);
    else bucket.free.set(plan.instanceType, [plan]);
  }

  private odd(): Odd | undefined {
    let dice = this.random() * 1000;
    for (const [odd, weight] of ODD_PER_MILLE) {
      dice -= weight;
      if (dice < 0) return odd;
    }
    return undefined;
  }

  private moveObject({ name, bucket: from }: NodePlan, bucket: string): KubeObject {
    const createdMs = this.size.nowMs - 60_000;
    const node = { name, step: 'Draining' as const, from, since: formatTime(createdMs) };
    const move = NodeMove.make(`move-${name}`, { nodes: [name], to: { kind: 'Bucket', bucket } });
    const metadata = { ...move.metadata, uid: uidOf(`move-${name}`), creationTimestamp: formatTime(createdMs) };
    return { ...move, metadata, status: { step: 'Draining', nodes: [node], startedAt: formatTime(createdMs) } };
  }

  /** Two agents on every node: part of the node, not work on it. */
  private makeDaemons(): void {
    const names = [...this.plans.map(({ name }) => name), ...this.plain.map(({ metadata }) => metadata.name)];
    for (const nodeName of names) {
      for (const agent of ['monitoring-agent', 'storage-agent']) {
        const requests = { cpu: '250m', memory: '256Mi' };
        const owner = { kind: 'DaemonSet', name: agent };
        this.pods.push(
          makePod({ namespace: 'agents', name: `${agent}-${nodeName}`, owner, requests, nodeName, atMs: this.agoMs }),
        );
      }
    }
  }

  private makeGangs(): void {
    const running = Math.round(this.size.gangs * 0.8);
    const homes = this.buckets.filter(({ role }) => role !== 'inference');
    for (let i = 0; i < this.size.gangs; i++) {
      const bucket = this.pick(homes);
      const type = this.pick(bucket.types);
      const free = bucket.free.get(type) ?? [];
      let nodes = gangSize(this.random);
      // One node in twelve stays idle: what buckets may take from each other.
      const room = Math.floor(free.length * 0.92);
      if (i < running) nodes = Math.min(nodes, room);
      const on = i < running ? free.splice(0, nodes) : [];
      this.makeGang(`job-${i}`, bucket, { type, size: Math.max(1, nodes), on });
    }
  }

  private makeGang(name: string, bucket: Bucket, gang: { type: string; size: number; on: readonly NodePlan[] }): void {
    const { type, size, on } = gang;
    const running = on.length > 0;
    const atMs = running ? this.agoMs : this.size.nowMs - Math.floor(this.random() * HOUR_MS);
    const requests = wholeNode(type);
    const about = { namespace: bucket.name, name, queue: bucket.name, atMs };
    const minResources = { pods: String(size) };
    this.podGroups.push(
      makePodGroup(about, { minMember: size, minResources, running, oneLeaf: size > 1 && this.random() < 0.1 }),
    );
    if (running && this.random() < 0.5) this.checkpoints.push(this.checkpointObject(bucket.name, name));
    const picky = this.random() < 0.3;
    for (let i = 0; i < size; i++) {
      const plan: PodPlan = {
        namespace: bucket.name,
        name: `${name}-worker-${i}`,
        owner: { kind: 'Job', name },
        requests,
        atMs,
      };
      const needs = { bucket: bucket.name, gang: name, ...(picky && { instanceType: type }) };
      this.pods.push(makePod({ ...plan, ...needs, nodeName: on[i]?.name }));
    }
  }

  private checkpointObject(namespace: string, gang: string): KubeObject {
    const takenAt = formatTime(this.size.nowMs - Math.floor(this.random() * 600_000));
    const checkpoint = Checkpoint.make(gang, { gang, takenAt, durationSeconds: 40 });
    return { ...checkpoint, metadata: { ...checkpoint.metadata, namespace, uid: uidOf(`${namespace}/${gang}`) } };
  }

  /** Moves that have ended: one for every fifty nodes, two hours of them, half with a gang that gave way. */
  private pastMoves(): readonly KubeObject[] {
    return Array.from({ length: Math.ceil(this.size.nodes / 50) }, (_, i) => {
      const [plan, to] = [this.pick(this.plans), this.pick(this.buckets)];
      const time = formatTime(this.size.nowMs - Math.floor(this.random() * 2 * HOUR_MS));
      const name = `past-${i}`;
      const move = NodeMove.make(name, { nodes: [plan.name], to: { kind: 'Bucket', bucket: to.name } });
      const gang = {
        key: `VolcanoJob ${this.pick(this.buckets).name}/job-${i}`,
        step: 'Resumed',
        gaveWayAt: time,
      };
      const status = {
        step: 'HandedOver',
        nodes: [{ name: plan.name, step: 'HandedOver', from: this.pick(this.buckets).name, since: time }],
        gangs: i % 2 ? [gang] : [],
        finishedAt: time,
      };
      return { ...move, metadata: { ...move.metadata, uid: uidOf(name), creationTimestamp: time }, status };
    });
  }

  /** Replicas of one or four accelerators, packed onto the nodes of inference buckets; one in fifty waits. */
  private makeDeployments(): void {
    for (const bucket of this.buckets.filter(({ role }) => role === 'inference')) {
      const nodes = [...bucket.free.values()].flat();
      const busy = nodes.slice(0, Math.floor(nodes.length * 0.9));
      let replicas = 0;
      for (let i = 0; i < busy.length; i += 10) {
        const gpus = this.random() < 0.5 ? 1 : 4;
        const slots = busy.slice(i, i + 10).flatMap(({ name }) => Array<string>(8 / gpus).fill(name));
        const filled = slots.filter(() => this.random() < 0.8);
        const waiting = Array<undefined>(Math.ceil(filled.length / 50)).fill(undefined);
        this.makeDeployment(bucket, `model-${replicas++}`, gpus, [...filled, ...waiting]);
      }
    }
  }

  private makeDeployment(bucket: Bucket, name: string, gpus: number, places: readonly (string | undefined)[]): void {
    const requests = { cpu: String(8 * gpus), memory: `${64 * gpus}Gi`, 'nvidia.com/gpu': String(gpus) };
    const about = { namespace: bucket.name, name: `podgroup-${name}`, queue: bucket.name, atMs: this.agoMs };
    this.podGroups.push(makePodGroup(about, { minMember: 1, minResources: requests, running: true }));
    this.disruptionBudgets.push({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace: bucket.name, uid: uidOf(`budget ${bucket.name}/${name}`) },
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: `${name}-5d4f8c7b9c` } } },
      status: { disruptionsAllowed: 1 },
    });
    for (const [i, nodeName] of places.entries()) {
      const atMs = nodeName ? this.agoMs : this.size.nowMs - Math.floor(this.random() * 600_000);
      const owner = { kind: 'ReplicaSet', name: `${name}-5d4f8c7b9c` };
      const plan = { namespace: bucket.name, name: `${owner.name}-${i}`, owner, requests, nodeName, atMs };
      this.pods.push(makePod({ ...plan, bucket: bucket.name, gang: about.name }));
    }
  }

  /** Pods without accelerators, as many as are still to come. */
  private makeWebServers(): void {
    const owner = { kind: 'ReplicaSet', name: 'web-6b7f9c5d8' };
    const requests = { cpu: '500m', memory: '512Mi' };
    for (let i = 0; this.pods.length < this.size.pods; i++) {
      const nodeName = this.plain[i % this.plain.length]!.metadata.name;
      this.pods.push(
        makePod({ namespace: 'web', name: `${owner.name}-${i}`, owner, requests, nodeName, atMs: this.agoMs }),
      );
    }
  }

  private bucketObject({ name, types, owned }: Bucket, index: number): KubeObject {
    const { priority } = ROLES[index % ROLES.length]!;
    const nodes = { min: Math.floor(owned / 4), max: Math.ceil(owned * 1.3) + 8 };
    return CapacityBucket.make(name, { priority, nodes, instanceTypes: [...types] });
  }
}

function namespace(name: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}
