/** A fleet to which things happen: the world of long histories in tests. PURE. */
import { toRunningGangs, type MoveFacts, type NodeFacts, type PodFacts, type PodGroupFacts } from '../../fleet';
import { inBucket } from '../../fleet/testing';
import { toFleetState, type FleetState } from './fleet-state';
import type { CapacitySnapshot } from './snapshot';
import { makeGang, makeNodes } from './testing';

const SECOND = 1000;

/** Something that happens to the fleet. Numbers choose among what is there. */
export type Happening =
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'gang'; readonly bucket: number; readonly size: number; readonly gpus: number }
  | { readonly kind: 'schedule' }
  | { readonly kind: 'endGang'; readonly which: number }
  | { readonly kind: 'handOver'; readonly which: number; readonly abort: boolean }
  | { readonly kind: 'touch'; readonly which: number; readonly how: 'hold' | 'cordon' | 'break' | 'heal' }
  | { readonly kind: 'die'; readonly which: number }
  | { readonly kind: 'supply' }
  | { readonly kind: 'save'; readonly which: number };

/** A fleet and its time. */
export interface World {
  snapshot: CapacitySnapshot;
  nowMs: number;
  made: number;
}

type Of<K extends Happening['kind']> = Extract<Happening, { readonly kind: K }>;
const HAPPEN: { readonly [K in Happening['kind']]: (world: World, event: Of<K>) => void } = {
  wait: (world, { seconds }) => void (world.nowMs += seconds * SECOND),
  gang: addGang,
  schedule,
  endGang: (world, { which }) => {
    const { podGroups } = world.snapshot;
    const group = podGroups[which % Math.max(1, podGroups.length)];
    if (group) dropGang(world, group.key);
  },
  handOver,
  touch: (world, { which, how }) => editNode(world, which, (node) => TOUCHES[how](node)),
  die: (world, { which }) => {
    const { nodes } = world.snapshot;
    const node = nodes[which % Math.max(1, nodes.length)];
    if (node) removeNodes(world, new Set([node.name]));
  },
  supply: supplyNodes,
  save: (world, { which }) => {
    const { podGroups, checkpoints = [] } = world.snapshot;
    const group = podGroups[which % Math.max(1, podGroups.length)];
    const saved = group && { gang: group.key, takenAtMs: world.nowMs };
    world.snapshot = { ...world.snapshot, checkpoints: [...checkpoints, saved] };
  },
};

/** Lets it happen. */
export function happen(world: World, event: Happening): void {
  (HAPPEN[event.kind] as (world: World, event: Happening) => void)(world, event);
}

const TOUCHES: Record<'hold' | 'cordon' | 'break' | 'heal', (node: NodeFacts) => NodeFacts> = {
  hold: (node) => ({ ...node, held: true }),
  cordon: (node) => ({ ...node, unschedulable: true }),
  break: (node) => ({ ...node, ready: false }),
  heal: (node) => ({ ...node, held: false, unschedulable: false, ready: true }),
};

function addGang(world: World, { bucket, size, gpus }: Extract<Happening, { kind: 'gang' }>): void {
  const { snapshot, nowMs } = world;
  const name = snapshot.buckets[bucket % snapshot.buckets.length]!.name;
  const requests = { cpu: 1, pods: 1, 'nvidia.com/gpu': gpus };
  const gang = makeGang(`g${world.made++}`, size, { bucket: name, createdAtMs: nowMs, requests });
  world.snapshot = {
    ...snapshot,
    pods: [...snapshot.pods, ...gang.pods],
    podGroups: [...snapshot.podGroups, gang.podGroup],
  };
}

function dropGang(world: World, key: string): void {
  const { snapshot } = world;
  const pods = snapshot.pods.filter(({ gang }) => gang !== key);
  world.snapshot = { ...snapshot, pods, podGroups: snapshot.podGroups.filter((group) => group.key !== key) };
}

/** A gang scheduler: whole gangs onto Active nodes of their bucket. */
function schedule(world: World): void {
  const { snapshot, nowMs } = world;
  const fleet = toFleetState(snapshot, nowMs);
  const free = new Map<string, number>();
  for (const bucket of fleet.buckets) {
    for (const { facts, used } of bucket.active) free.set(facts.name, 8 - (used['nvidia.com/gpu'] ?? 0));
  }
  const bound = new Map<PodFacts, string>();
  for (const group of snapshot.podGroups) bindGang(group, snapshot, { fleet, free, bound });
  const pods = snapshot.pods.map((pod) => {
    const nodeName = bound.get(pod);
    return nodeName === undefined ? pod : { ...pod, nodeName, phase: 'Running' as const };
  });
  world.snapshot = { ...snapshot, pods };
}

function bindGang(
  group: PodGroupFacts,
  snapshot: CapacitySnapshot,
  { fleet, free, bound }: { fleet: FleetState; free: Map<string, number>; bound: Map<PodFacts, string> },
): void {
  const waiting = snapshot.pods.filter(({ gang, nodeName }) => gang === group.key && nodeName === undefined);
  const taken: [PodFacts, string, number][] = [];
  for (const pod of waiting) {
    const gpus = pod.requests['nvidia.com/gpu']!;
    const nodes = fleet.buckets.find(({ name }) => name === pod.bucket)?.active ?? [];
    const node = nodes.find(({ facts }) => free.get(facts.name)! >= gpus)?.facts.name;
    if (node === undefined) {
      for (const [, name, used] of taken) free.set(name, free.get(name)! + used);
      return;
    }
    free.set(node, free.get(node)! - gpus);
    taken.push([pod, node, gpus]);
  }
  for (const [pod, node] of taken) bound.set(pod, node);
}

/** The moves controller ends one move: hands its nodes over, or gives up. */
function handOver(world: World, { which, abort }: Extract<Happening, { kind: 'handOver' }>): void {
  const { snapshot, nowMs } = world;
  const live = snapshot.moves.filter(({ finishedAtMs }) => finishedAtMs === undefined);
  const move = live[which % Math.max(1, live.length)];
  if (!move) return;
  const at = new Map(snapshot.nodes.map((node) => [node.name, node] as const));
  const done = (name: string) => {
    const node = at.get(name);
    if (!node) return 'Lost' as const;
    return abort || node.held || node.unschedulable ? ('Aborted' as const) : ('HandedOver' as const);
  };
  const nodes = move.nodes.map(({ name }) => ({ name, step: done(name), from: at.get(name)?.bucket, sinceMs: nowMs }));
  const given = new Set(nodes.filter(({ step }) => step === 'HandedOver').map(({ name }) => name));
  const gangs = stopGangs(world, given);
  world.snapshot = {
    ...snapshot,
    moves: snapshot.moves.map((other) => (other === move ? { ...move, nodes, gangs, finishedAtMs: nowMs } : other)),
    pods: world.snapshot.pods,
    nodes: snapshot.nodes.map((node) =>
      given.has(node.name) && move.bucket ? { ...node, ...inBucket(move.bucket, nowMs) } : node,
    ),
  };
  if (move.to === 'Release') removeNodes(world, given);
}

/** Gangs on these nodes are suspended and, once the nodes are gone, wait again as a whole. */
function stopGangs(world: World, nodes: ReadonlySet<string>): MoveFacts['gangs'] {
  const { snapshot, nowMs } = world;
  const running = [...toRunningGangs(snapshot.podGroups, snapshot.pods).values()];
  const stopped = running.filter(({ members }) => members.some(({ nodeName }) => nodes.has(nodeName!)));
  const pods = new Set(stopped.flatMap(({ members }) => members));
  world.snapshot = {
    ...snapshot,
    pods: snapshot.pods.map((pod) =>
      pods.has(pod) ? { ...pod, nodeName: undefined, phase: 'Pending', createdAtMs: nowMs } : pod,
    ),
  };
  return stopped.map(({ key }) => ({ key, step: 'Resumed', gaveWayAtMs: nowMs }));
}

function removeNodes(world: World, gone: ReadonlySet<string>): void {
  const { snapshot } = world;
  const restarted = (pod: PodFacts): PodFacts =>
    pod.nodeName !== undefined && gone.has(pod.nodeName)
      ? { ...pod, nodeName: undefined, phase: 'Pending', createdAtMs: world.nowMs }
      : pod;
  world.snapshot = {
    ...snapshot,
    nodes: snapshot.nodes.filter(({ name }) => !gone.has(name)),
    pods: snapshot.pods.map(restarted),
  };
}

function editNode(world: World, which: number, edit: (node: NodeFacts) => NodeFacts): void {
  const { nodes } = world.snapshot;
  const at = which % Math.max(1, nodes.length);
  world.snapshot = { ...world.snapshot, nodes: nodes.map((node, i) => (i === at ? edit(node) : node)) };
}

/** The pools controller: on-demand nodes up to what is requested, block nodes up to 6. Never removes any by itself. */
function supplyNodes(world: World): void {
  const { snapshot, nowMs } = world;
  const fresh = snapshot.pools.flatMap((pool) => {
    const there = snapshot.nodes.filter((node) => node.pool === pool.name).length;
    const wanted = pool.name === 'p5' ? 6 : (pool.status.requested ?? 0);
    const missing = Math.min(2, Math.max(0, wanted - there));
    const first = (world.made += 10);
    const { instanceType } = pool.spec!;
    return makeNodes(missing, { pool: pool.name, instanceType, createdAtMs: nowMs, leaf: `leaf-${first % 3}` }, first);
  });
  world.snapshot = { ...snapshot, nodes: [...snapshot.nodes, ...fresh] };
}
