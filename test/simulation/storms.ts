/** Storms: a world under faults and disturbances until it has made so many steps, calm now and then to see that nothing is left half done. */
import type { Controller } from '../../lib/runtime/controller';
import { parseTime, type KubeObject } from '../../lib/domain/kube';
import {
  CAPACITY_BUCKETS,
  FAULT_REPORTS,
  JOB_SETS,
  NODE_MOVES,
  NODE_VALIDATIONS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
} from '../../lib/domain/resources';
import { NODE_PHASES } from '../../lib/fleet';
import {
  Chaos,
  disturbanceNames,
  makeWorld,
  makeWorkloadKind,
  type FaultRates,
  type World,
  type WorldOptions,
} from '../../lib/simulator';
import type { Takings } from './takings';
import { BLOCK_NODES, blockReservation, NAMESPACES, ON_DEMAND_MAX, smallCluster } from './small-cluster';

/** A bad day on the network. */
export const BAD_NETWORK: Partial<FaultRates> = {
  latencyMs: [1, 40],
  lagMs: [1, 2_000],
  dropWatch: 0.004,
  duplicateEvent: 0.02,
  lateEvent: 0.02,
  silence: 0.0005,
  throttle: 0.005,
  failBefore: 0.01,
  failAfter: 0.005,
  foreignEdit: 0.02,
  crash: 0.005,
};

/** Work that comes and goes, on servers that do the same. */
export const WORK = [
  'gang',
  'service scaled',
  'burst',
  'disruption budget',
  'stopped by its user',
  'controller killed',
  'server restarted',
  'history forgotten',
  'watches dropped',
];

/** Nodes come and go in seconds: more happens in less time. */
const QUICK = {
  launchMs: [500, 3_000],
  bootMs: [2_000, 15_000],
  terminateMs: [3_000, 10_000],
  nodeReadyMs: 3_000,
  podStartMs: 500,
  podStopMs: 2_000,
  bindMs: [20, 900],
  checkMs: { 'one-node': 2_000, pair: 1_000, whole: 2_000 },
} as const;

/** What a storm is made of. */
export interface Storm {
  readonly seed: number;
  readonly controllers: readonly Controller[];
  /** What the cluster consists of. @default the small cluster */
  readonly objects?: readonly KubeObject[];
  /** Steps to make at least. */
  readonly steps: number;
  readonly faults?: Partial<FaultRates>;
  readonly everyMs?: readonly [number, number];
  /** Most that happens at one moment. */
  readonly atOnce?: number;
  readonly options?: Partial<WorldOptions>;
  /** What may happen. @default everything */
  readonly only?: readonly string[];
  /** How long it rages before the first calm. @default 20 minutes */
  readonly stormMs?: number;
  /** How long nothing happens after that. @default 45 minutes */
  readonly calmMs?: number;
  /** How often every phase is to meet every event: that is aimed at. */
  readonly meetings?: number;
  /** Whether the storm goes on until then, twice as long at most. @default true */
  readonly insists?: boolean;
  /** What else the storm goes on for. */
  readonly enough?: () => boolean;
}

/** Nodes enough for every phase at once. */
export const TIMES = 2;
const STORM_MS = 20 * 60_000;
/** When there are steps enough, but not meetings. */
const GUST_MS = 8 * 60_000;
/** After a storm the network stays bad for a while, and work comes in bursts. */
const RUSH_MS = 10 * 60_000;
const RUSH = {
  only: WORK.filter((name) => !['gang', 'service scaled'].includes(name)),
  everyMs: [500, 6_000],
} as const;
/** Longer than the longest work runs. */
const CALM_MS = 45 * 60_000;
/** So often persons look after things meanwhile. */
const LOOKS = 3;

/** Buckets whose brakes are seconds: nodes change hands as often as they can. */
export function hasty(object: KubeObject): KubeObject {
  if (object.kind !== CAPACITY_BUCKETS.kind) return object;
  const moves = { ...object.spec.moves, minHold: '20s', coolDown: '1m' };
  return { ...object, spec: { ...object.spec, moves, hysteresis: { demandFor: '5s', idleFor: '20s' } } };
}

/** Runs the storm; violations are in the world. */
export async function rage(storm: Storm, watch: (world: World) => unknown = () => undefined): Promise<World> {
  const world = makeWorld({
    seed: storm.seed,
    objects: [
      ...(storm.objects ?? smallCluster(TIMES).map(hasty)),
      ...[JOB_SETS, RAY_CLUSTERS, PYTORCH_JOBS].map(makeWorkloadKind),
    ],
    controllers: storm.controllers,
    times: QUICK,
    graceMs: 130_000,
    cloud: {
      reservations: [blockReservation({ times: TIMES })],
      onDemand: { 'g6e.48xlarge': ON_DEMAND_MAX * TIMES },
      slotDelayMs: [5_000, 60_000],
      throttle: 0.02,
      unavailable: 0.02,
    },
    sampleEveryMs: 600_000,
    ...storm.options,
  });
  watch(world);
  await world.advance(5 * 60_000);
  const chaos = new Chaos(world, {
    everyMs: storm.everyMs ?? [400, 8_000],
    namespaces: NAMESPACES,
    maxGang: Math.floor(BLOCK_NODES / 3),
    maxWork: 10,
    atOnce: storm.atOnce ?? 10,
    only: storm.only,
    meetings: storm.meetings,
  });
  while (goesOn(world, storm)) {
    world.setFaults(storm.faults ?? BAD_NETWORK);
    chaos.start();
    await blow(world, storm, chaos);
    world.setFaults({});
    chaos.makeAmends();
    await calm(world, chaos, storm.calmMs ?? CALM_MS);
    world.checkSettled();
    tidy(world);
  }
  return world;
}

/** A storm and a rush; a gust when there are steps enough, and a rush only if there must be more of them. */
async function blow(
  world: World,
  { steps, stormMs = STORM_MS, enough = () => true }: Storm,
  chaos: Chaos,
): Promise<void> {
  const long = world.steps < steps;
  await world.advance(long ? stormMs : GUST_MS);
  chaos.stop();
  if (long || !enough()) await rush(world, chaos);
}

/** Who wants more than there is may take it from others: nobody else does anything to nodes or buckets meanwhile. */
async function rush(world: World, chaos: Chaos): Promise<void> {
  chaos.makeAmends();
  chaos.start(RUSH);
  await world.advance(RUSH_MS);
  chaos.stop();
}

/** Nothing happens any more, but that persons look after what is left to them now and then. */
async function calm(world: World, chaos: Chaos, ms: number): Promise<void> {
  for (let i = 0; i < LOOKS; i++) {
    chaos.lookAfter();
    await world.advance(ms / LOOKS);
  }
}

function goesOn(world: World, { steps, meetings = 0, insists = true, enough = () => true }: Storm): boolean {
  if (world.violations.length > 0) return false;
  if (!insists) return world.steps < steps;
  return world.steps < steps || (world.steps < 2 * steps && !(enough() && notMet(world, meetings).length === 0));
}

/** Pairs of a phase and an event that were met less often than this. */
export function notMet(world: World, meetings: number): string[] {
  // Disturbances, faults of the network, and processes that start again.
  const events = [...disturbanceNames(world.options.controllers), 'restart'];
  return NODE_PHASES.flatMap((phase) => events.map((event) => `${phase} × ${event}`))
    .filter((pair) => (world.counters.get(pair) ?? 0) < meetings)
    .map((pair) => `${pair}: ${world.counters.get(pair) ?? 0} of ${meetings}`);
}

const HOUR_MS = 3_600_000;

/** Somebody tidies up: what ended more than an hour ago says nothing to any budget, and would be kept for a week. */
function tidy({ server, clock }: World): void {
  const old = (time: string | undefined) => (parseTime(time) ?? Infinity) < clock.now() - HOUR_MS;
  for (const { metadata } of server.all(FAULT_REPORTS)) {
    if (old(metadata.creationTimestamp)) server.delete(FAULT_REPORTS, metadata);
  }
  for (const { metadata, status } of server.all(NODE_VALIDATIONS)) {
    if (old(status?.finishedAt)) server.delete(NODE_VALIDATIONS, metadata);
  }
  for (const { metadata, status } of server.all(NODE_MOVES)) {
    const finishedMs = parseTime(status?.finishedAt);
    if (finishedMs !== undefined && finishedMs < clock.now() - HOUR_MS) server.delete(NODE_MOVES, metadata);
  }
}

/** The first breaches, readable. */
export function breaches(world: World): string[] {
  return world.violations
    .slice(0, 10)
    .map(({ t, invariant, object, message }) => `${t} ms: ${invariant}: ${object}: ${message}`);
}

/** Says which storm raged, so that a failure can be repeated. */
export function tell(name: string, { options, steps, violations }: World, takings?: Takings): void {
  const took = takings ? `, running work taken ${JSON.stringify(takings)}` : '';
  process.stderr.write(`${name}: ${steps} steps, ${violations.length} violations, SEED=${options.seed}${took}\n`);
}
