/** Objects → the fleet as the controllers see it, with their own functions: nothing is computed here that they compute too. */
import { observeCapacity } from '../../controllers/capacity/observe';
import { toUnits, type Unit } from '../../controllers/capacity/demand';
import { toFleetState, type FleetState } from '../../controllers/capacity/fleet-state';
import type { CapacitySnapshot } from '../../controllers/capacity/snapshot';
import { keyOf, parseTime, type KubeObject } from '../../domain/kube';
import {
  apiVersionOf,
  CHECKPOINTS,
  DISRUPTION_BUDGETS,
  NODE_MOVES,
  NODES,
  QUEUES,
  VOLCANO_JOBS,
  type ResourceType,
} from '../../domain/resources';
import {
  newestCheckpoints,
  toCheckpointFacts,
  toDisruptionBudgetFacts,
  toRunningGangs,
  toVolcanoJobFacts,
  type CheckpointFacts,
  type DisruptionBudgetFacts,
  type RunningGang,
  type VolcanoJobFacts,
} from '../../fleet';
import { lookAtHealth, type HealthLook } from './health';

/** One NodeMove as people tell it: dates and sentences, not only what plans need. */
export interface MoveStory {
  readonly name: string;
  readonly reason: string;
  /** `bucket inference`, `Release`. */
  readonly to: string;
  readonly bucket?: string;
  readonly message?: string;
  readonly createdAtMs: number;
  readonly finishedAtMs?: number;
  readonly nodes: readonly {
    readonly name: string;
    readonly step: string;
    readonly from?: string;
    readonly sinceMs?: number;
    readonly message?: string;
  }[];
  readonly gangs: readonly GangStory[];
}

/** One gang of a NodeMove. */
export interface GangStory {
  readonly key: string;
  readonly step: string;
  readonly sinceMs?: number;
  readonly gaveWayAtMs?: number;
  readonly acceleratorSecondsLost?: number;
  readonly message?: string;
}

/** Everything an explanation looks at. */
export interface Fleet {
  readonly nowMs: number;
  readonly snapshot: CapacitySnapshot;
  readonly state: FleetState;
  readonly units: ReadonlyMap<string, readonly Unit[]>;
  readonly gangs: ReadonlyMap<string, RunningGang>;
  readonly checkpoints: ReadonlyMap<string, CheckpointFacts>;
  readonly volcanoJobs: ReadonlyMap<string, VolcanoJobFacts>;
  readonly budgets: readonly DisruptionBudgetFacts[];
  /** Newest first. */
  readonly moves: readonly MoveStory[];
  readonly health: HealthLook;
  /** Node objects by name: what is on them, as written. */
  readonly nodes: ReadonlyMap<string, KubeObject>;
}

/** Reads the objects. */
export function toFleet(objects: readonly KubeObject[], nowMs: number): Fleet {
  const of = (resource: ResourceType) => {
    const apiVersion = apiVersionOf(resource);
    return objects.filter((object) => object.kind === resource.kind && object.apiVersion === apiVersion);
  };
  // Volcano makes two of its own. A file without any says nothing of them.
  const volcano = of(QUEUES).length > 0;
  const cache = (resource: ResourceType) => cacheOf(of(resource));
  const snapshot = observeCapacity({ cache }, volcano);
  const moves = of(NODE_MOVES).map(toStory);
  const gangs = toRunningGangs(snapshot.podGroups, snapshot.pods);
  const newest = newestCheckpoints(of(CHECKPOINTS).map(toCheckpointFacts));
  return {
    nowMs,
    snapshot,
    state: toFleetState(snapshot, nowMs),
    units: toUnits(snapshot),
    gangs,
    checkpoints: newest,
    volcanoJobs: new Map(of(VOLCANO_JOBS).map((job) => [keyOf(job), toVolcanoJobFacts(job)] as const)),
    budgets: of(DISRUPTION_BUDGETS).map(toDisruptionBudgetFacts),
    moves: moves.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.name < b.name ? -1 : 1)),
    health: lookAtHealth({ cache }, nowMs),
    nodes: new Map(of(NODES).map((node) => [node.metadata.name, node] as const)),
  };
}

/** Whether a node of a move is still on its way. */
export function isUnderWay(move: MoveStory, { step }: { readonly step: string }): boolean {
  return move.finishedAtMs === undefined && !['HandedOver', 'Lost', 'Aborted'].includes(step);
}

/** The read side of a cache, over a list. Its only index is by namespace: observing asks for no other. */
function cacheOf(objects: readonly KubeObject[]) {
  let byKey: ReadonlyMap<string, KubeObject> | undefined;
  return {
    list: () => objects,
    get: (key: string) => (byKey ??= new Map(objects.map((object) => [keyOf(object), object] as const))).get(key),
    byIndex: (_index: string, value: string) => objects.filter(({ metadata }) => metadata.namespace === value),
    hasSynced: () => true,
    assume: () => undefined,
  };
}

function toStory({ metadata, spec = {}, status = {} }: KubeObject): MoveStory {
  const { kind, bucket } = spec.to ?? {};
  return {
    name: metadata.name,
    reason: spec.reason,
    to: bucket === undefined ? kind : `bucket ${bucket}`,
    bucket,
    message: status.message ?? spec.message,
    createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
    finishedAtMs: parseTime(status.finishedAt),
    nodes: toNodeStories(spec.nodes, status.nodes),
    gangs: toGangStories(status.gangs),
  };
}

function toNodeStories(names: readonly string[] = [], reported: readonly any[] = []): MoveStory['nodes'] {
  const byName = new Map<string, any>(reported.map((node) => [node.name, node] as const));
  return names.map((name) => {
    const { step = 'Pending', from, since, message } = byName.get(name) ?? {};
    return { name, step, from, sinceMs: parseTime(since), message };
  });
}

function toGangStories(gangs: readonly any[] = []): readonly GangStory[] {
  return gangs.map(({ key, step, since, gaveWayAt, acceleratorSecondsLost, message }) => ({
    ...{ key, step, acceleratorSecondsLost, message },
    sinceMs: parseTime(since),
    gaveWayAtMs: parseTime(gaveWayAt),
  }));
}
