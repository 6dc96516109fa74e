/** Plays a day on a cluster in memory with the real controllers, and collects what a report needs. */
import type { CapacityPoolSpec } from '../../api';
import type { KubeObject } from '../../domain/kube';
import type { Controller } from '../../runtime/controller';
import { NODES } from '../../domain/resources';
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
