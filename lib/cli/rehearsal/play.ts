/** Plays a day on a cluster in memory with the real controllers, and collects what a report needs. */
import type { CapacityPoolSpec } from '../../api';
import { UNREACHABLE_TAINT } from '../../controllers/pod-janitor/node-state';
import type { KubeObject, Node, OwnerReference, Pod } from '../../domain/kube';
import { NODE_CLAIMS, NODES, PODS, REPLICA_SETS, VOLCANO_JOBS } from '../../domain/resources';
import type { Controller } from '../../runtime/controller';
import { AILMENT, makeWorld, splitRandom, type ReservationSeed, type TimelineEntry, type World } from '../../simulator';
import type { AssemblyManifests } from '../assembly';
import { bucketsOf, poolsOf, type Named } from '../rules/parsed';
import { makeScenario, type ScenarioStep } from './scenario';

/** What to play. */
export interface PlayOptions {
  readonly assembly: AssemblyManifests;
  readonly controllers: readonly Controller[];
  readonly seed: number;
  /** Virtual hours. */
  readonly hours: number;
  /** When (virtual milliseconds) `onSave` gets every object there is. @default never */
  readonly saveAtMs?: number;
  /** Called once with the objects, which are not to be changed. */
  onSave?(objects: readonly KubeObject[]): void;
  /** Called as virtual time passes: for progress. */
  onProgress(elapsedMs: number, world: World): void;
  /** Called for each line of the story as it happens. */
  onEvent(entry: TimelineEntry): void;
}

const HOUR_MS = 3_600_000;
/** Which of the nodes that join is bad. */
const THE_BAD_ONE = 5;
const CHUNK_MS = 15 * 60_000;
/** Blocks end this long before the last hour does, so that the end is part of the story. */
const BLOCK_ENDS_BEFORE_MS = 1.5 * HOUR_MS;
/** A reservation whose size the blueprint leaves to EC2 is this large here. */
const UNKNOWN_BLOCK = 16;

/** Plays the day to its end. */
export async function play(options: PlayOptions): Promise<World> {
  const { assembly, controllers, seed, hours } = options;
  const startMs = Date.UTC(2026, 10, 2);
  const world = makeWorld({
    seed,
    startMs,
    objects: assembly.objects.map(({ object }) => object),
    controllers,
    replicas: 2,
    cloud: { reservations: reservationsOf(poolsOf(assembly), startMs, hours), leafSize: 8 },
  });
  world.timeline.onEntry((entry) => options.onEvent(entry));
  breakOne(world);
  const scenario = makeScenario({
    buckets: bucketsOf(assembly),
    pools: poolsOf(assembly),
    random: splitRandom(seed, 'scenario'),
  });
  for (const step of scenario) if (step.atMs < hours * HOUR_MS) world.at(step.atMs, () => submit(world, step));
  if (hours > 11) world.at(10.75 * HOUR_MS, () => crashLeader(world));
  if (hours > 6) world.at(4 * HOUR_MS, () => loseMachine(world));
  if (hours > 18) world.at(16.25 * HOUR_MS, () => hangTerminating(world));
  const { saveAtMs = Infinity } = options;
  const save = () => options.onSave?.(world.server.everything());
  if (saveAtMs < hours * HOUR_MS) world.at(saveAtMs, save);
  for (let t = CHUNK_MS; t <= hours * HOUR_MS; t += CHUNK_MS) {
    await world.runUntil(t);
    options.onProgress(t, world);
  }
  if (saveAtMs === hours * HOUR_MS) save();
  await world.stop();
  return world;
}

function submit(world: World, { says, object }: ScenarioStep): void {
  world.timeline.add('People', `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`, says);
  world.submit(object);
}

/** One of the first machines has a bad GPU: it is found before anything works on it. */
function breakOne(world: World): void {
  let seen = 0;
  world.server.onChange(({ type, object }) => {
    if (type !== 'ADDED' || ++seen !== THE_BAD_ONE) return;
    world.timeline.add(
      'Fault',
      `Node ${object.metadata.name}`,
      'one of its GPUs counts memory errors that cannot be corrected',
    );
    world.server.mergePatch(NODES, object.metadata, { metadata: { annotations: { [AILMENT]: 'bad-gpu' } } });
  }, NODES);
}

/** In the middle of the burst, as it would: the other replica goes on. */
function crashLeader(world: World): void {
  world.timeline.add(
    'Fault',
    'Deployment aicluster-capacity',
    'kill -9 of the replica that leads; the other one takes over',
  );
  world.replicas.find((replica) => replica.working())?.kill();
}

/** Under a gang that trains: EC2 has ended the instance, and its Node stays until somebody clears it away. */
function loseMachine(world: World): void {
  const node = nodeUnder(world, VOLCANO_JOBS.kind);
  if (node === undefined) return;
  world.timeline.add('Fault', `Node ${node}`, 'its machine dies under training: EC2 has terminated the instance');
  silence(world, node);
  world.cloud.terminate(node);
  world.clock.after(CLEARED_MS, () => clearAway(world, node));
}

/** Under a service: the kubelet is not heard of, the pod is to go and cannot, and only when EC2 stops the instance it is known to be dead. */
function hangTerminating(world: World): void {
  const node = nodeUnder(world, REPLICA_SETS.kind);
  if (node === undefined) return;
  world.timeline.add('Fault', `Node ${node}`, 'its kubelet is not heard of any more: a pod on it hangs terminating');
  silence(world, node);
  for (const pod of workOn(world, node)) world.remove(PODS, pod.metadata as { readonly name: string });
  world.clock.after(STOPPED_MS, () => {
    world.timeline.add('Fault', `Node ${node}`, 'EC2 has stopped its instance');
    world.cloud.setStatus(node, { state: 'stopped' });
  });
  world.clock.after(STOPPED_MS + CLEARED_MS, () => clearAway(world, node));
}

/** EC2 stops an instance whose status checks fail so much later. */
const STOPPED_MS = 20 * 60_000;
/** Karpenter looks for claims without a running instance now and then. */
const CLEARED_MS = 20 * 60_000;

function workOn(world: World, node: string): readonly Pod[] {
  const pods = world.server.all(PODS) as readonly Pod[];
  return pods.filter(({ spec, metadata }) => spec?.nodeName === node && metadata.ownerReferences !== undefined);
}

/** A node under work of this kind of owner; nodes are named by their instances here. */
function nodeUnder(world: World, kind: string): string | undefined {
  const pods = world.server.all(PODS) as readonly Pod[];
  const found = pods.find(
    ({ status, metadata }) =>
      status?.phase === 'Running' && metadata.ownerReferences?.some((owner) => owner.controller && isOf(kind, owner)),
  );
  return found?.spec?.nodeName;
}

const isOf = (kind: string, owner: OwnerReference): boolean =>
  owner.kind === kind && (kind !== VOLCANO_JOBS.kind || owner.apiVersion.startsWith(VOLCANO_JOBS.group));

/** What the node controller says of a kubelet that it has not heard of. */
function silence({ server }: World, name: string): void {
  const { spec, status } = server.get(NODES, { name }) as Node;
  const taints = ['NoSchedule', 'NoExecute'].map((effect) => ({ key: UNREACHABLE_TAINT, effect }));
  const conditions = status?.conditions?.map((one) => (one.type === 'Ready' ? { ...one, status: 'Unknown' } : one));
  server.mergePatch(NODES, { name }, { spec: { taints: [...(spec?.taints ?? []), ...taints] } });
  server.mergePatch(NODES, { name }, { status: { conditions } }, { subresource: 'status' });
}

function clearAway(world: World, node: string): void {
  const claims = world.server.all(NODE_CLAIMS).filter(({ status }) => status?.providerID?.endsWith(`/${node}`));
  for (const { metadata } of claims) world.remove(NODE_CLAIMS, { name: metadata.name });
}

/** The reservations behind the pools: open when the day begins, closing before it ends. */
function reservationsOf(pools: readonly Named<CapacityPoolSpec>[], startMs: number, hours: number): ReservationSeed[] {
  return pools.flatMap(({ spec }) => {
    if (spec.source === 'OnDemand') return [];
    const isBlock = spec.source === 'Block';
    return [
      {
        id: spec.reservationId!,
        kind: isBlock ? ('CapacityBlock' as const) : ('OnDemand' as const),
        instanceType: spec.instanceType,
        availabilityZone: spec.availabilityZone!,
        totalInstances: spec.nodes.max ?? UNKNOWN_BLOCK,
        startMs: startMs - HOUR_MS,
        ...(isBlock ? { endMs: startMs + Math.max(2 * HOUR_MS, hours * HOUR_MS - BLOCK_ENDS_BEFORE_MS) } : {}),
      },
    ];
  });
}
