/** Caches → what plan.ts decides on. */
import { NodeMove, type CapacityBucketSpec, type NodeMoveSpec, type NodeMoveStatus } from '../../api';
import { parseTime, type KubeObject } from '../../domain/kube';
import { BUCKET_KEY } from '../../domain/node-keys';
import { parseDuration } from '../../domain/duration';
import {
  CAPACITY_BUCKETS,
  CHECKPOINTS,
  DISRUPTION_BUDGETS,
  NAMESPACES,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
} from '../../domain/resources';
import {
  squats,
  gangKey,
  newestCheckpoints,
  occupies,
  once,
  toCheckpointFacts,
  toCheckpointFactsList,
  toDisruptionBudgetFacts,
  toNodeFactsList,
  toPodFactsList,
  toPodGroupFactsList,
  toRunningGangs,
  type NodeFacts,
  type PodFacts,
} from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { parseSetBacks } from './patches';
import { isOver } from './gangs';
import { isLeaving } from './leaving';
import {
  NO_GANGS,
  type BucketState,
  type CheckpointSeen,
  type GangsSeen,
  type MovesSnapshot,
  type MoveState,
} from './snapshot';

/** All moves, nodes, their work, the gangs that may have to give way, and the buckets, as the caches show them. */
export function observeMoves(context: Pick<ControllerContext, 'cache'>): MovesSnapshot {
  const { cache } = context;
  const nodeObjects = cache(NODES).list();
  const nodes = new Map(toNodeFactsList(nodeObjects).map((node) => [node.name, node] as const));
  const setBacks = nodeObjects.flatMap(({ metadata }) => {
    const count = parseSetBacks(metadata.annotations);
    return count ? [[metadata.name, count] as const] : [];
  });
  const buckets = cache(CAPACITY_BUCKETS).list().map(toBucketState);
  const moves = cache(NODE_MOVES).list().map(toMoveState);
  const byNamespace = namespaceBuckets(context);
  const pods = toPodFactsList(cache(PODS).list());
  const occupants = podsByNode(pods, nodes, byNamespace);
  return {
    moves,
    movesByName: new Map(moves.map((move) => [move.name, move] as const)),
    nodes,
    ...occupants,
    pods,
    checkpoints: cache(CHECKPOINTS).list().flatMap(toCheckpointSeen),
    buckets: new Map(buckets.map((bucket) => [bucket.name, bucket] as const)),
    setBacks: new Map(setBacks),
    namespaceBuckets: byNamespace,
    gangs: seenGangs(moves, nodes, occupants.work, context),
  };
}

/** Looks at gangs only while a move is under way or a node leaves: most of the time there is none. */
function seenGangs(
  moves: readonly MoveState[],
  nodes: ReadonlyMap<string, NodeFacts>,
  work: ReadonlyMap<string, readonly PodFacts[]>,
  { cache }: Pick<ControllerContext, 'cache'>,
): GangsSeen {
  const underWay = moves.filter(({ status, spec }) => spec && status.finishedAt === undefined);
  const leaving = [...nodes.values()].filter((node) => node.pool !== undefined && isLeaving(node));
  if (underWay.length + leaving.length === 0) return NO_GANGS;
  const podGroups = toPodGroupFactsList(cache(POD_GROUPS).list());
  const groups = new Map(podGroups.map((group) => [group.key, group] as const));
  const onLeaving = leaving.flatMap(({ name }) => work.get(name) ?? []).map((pod) => gangKey(pod, groups));
  const wanted = new Set([...onLeaving, ...underWay.flatMap((move) => gangsOf(move, work, groups))]);
  if (wanted.size === 0) return NO_GANGS;
  const bound = new Map<string, PodFacts[]>();
  for (const pod of toPodFactsList(cache(PODS).list())) {
    if (pod.nodeName === undefined || pod.ended || pod.system) continue;
    const key = gangKey(pod, groups);
    if (wanted.has(key)) append(bound, key, pod);
  }
  return {
    running: toRunningGangs(podGroups, [...bound.values()].flat()),
    bound,
    checkpoints: newestCheckpoints(toCheckpointFactsList(cache(CHECKPOINTS).list())),
    budgets: cache(DISRUPTION_BUDGETS).list().map(toDisruptionBudgetFacts),
  };
}

/** Gangs with work on nodes of the move, and those it has recorded and not let go. */
function gangsOf(
  { spec, status }: MoveState,
  work: ReadonlyMap<string, readonly PodFacts[]>,
  groups: Parameters<typeof gangKey>[1],
): string[] {
  const here = spec!.nodes.flatMap((node) => work.get(node) ?? []).map((pod) => gangKey(pod, groups));
  const held = (status.gangs ?? []).filter((gang) => !isOver(gang)).map(({ key }) => key);
  return [...here, ...held];
}

/** Namespace → the bucket its pods use, from the namespace's label. */
export function namespaceBuckets({ cache }: Pick<ControllerContext, 'cache'>): ReadonlyMap<string, string> {
  return new Map(
    cache(NAMESPACES)
      .list()
      .flatMap(({ metadata }) => {
        const bucket = metadata.labels?.[BUCKET_KEY];
        return bucket === undefined ? [] : [[metadata.name, bucket] as const];
      }),
  );
}

function podsByNode(
  pods: readonly PodFacts[],
  nodes: ReadonlyMap<string, NodeFacts>,
  byNamespace: ReadonlyMap<string, string>,
) {
  const work = new Map<string, PodFacts[]>();
  const squatters = new Map<string, PodFacts[]>();
  for (const pod of pods) {
    const node = pod.nodeName === undefined ? undefined : nodes.get(pod.nodeName);
    if (!node) continue;
    if (occupies(pod, byNamespace)) append(work, node.name, pod);
    if (squats(pod, node.bucket, byNamespace)) append(squatters, node.name, pod);
  }
  return { work, squatters };
}

function append<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** Memoised: caches keep one object for as long as it does not change, and history is long. */
const toMoveState: (object: KubeObject) => MoveState = once((object: KubeObject): MoveState => {
  const { metadata, status } = object;
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    generation: metadata.generation ?? 0,
    createdMs: parseTime(metadata.creationTimestamp) ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
    status: (status ?? {}) as NodeMoveStatus,
    ...(NodeMove.parse(object) as { spec: NodeMoveSpec }),
  };
});

/** None for one whose time cannot be read. */
const toCheckpointSeen: (object: KubeObject) => readonly CheckpointSeen[] = once((object: KubeObject) => {
  const { namespace = '', name, uid = '', resourceVersion = '' } = object.metadata;
  const facts = toCheckpointFacts(object);
  return facts ? [{ namespace, name, uid, resourceVersion, gang: facts.gang, takenAtMs: facts.takenAtMs }] : [];
});

function toBucketState({ metadata, spec }: KubeObject): BucketState {
  return {
    name: metadata.name,
    resourceVersion: metadata.resourceVersion ?? '',
    deletionMs: parseTime(metadata.deletionTimestamp),
    finalizers: metadata.finalizers ?? [],
    instanceTypes: (spec as CapacityBucketSpec).instanceTypes,
    checkpointTimeoutMs: parseDuration((spec as CapacityBucketSpec).moves?.checkpointTimeout ?? '5m'),
  };
}
