/** Caches, and what EC2 said last → what plan.ts decides on. */
import { HEALTH_POLICY_NAME, type CapacityBucketSpec } from '../../api';
import type { KubeObject, Pod } from '../../domain/kube';
import { VALIDATION_NAMESPACE } from '../../domain/namespaces';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  EVENTS,
  FAULT_REPORTS,
  NAMESPACES,
  NODE_HEALTH_POLICIES,
  NODE_MOVES,
  NODE_VALIDATIONS,
  NODES,
  PODS,
} from '../../domain/resources';
import {
  isEndless,
  isFleetNode,
  liveMovesByNode,
  nodePhase,
  occupies,
  once,
  squats,
  toMoveFactsList,
  toNamespaceBuckets,
  toNodeFactsList,
  toPodFactsList,
  type NodeFacts,
  type PodFacts,
} from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { validatingNodes } from './batches';
import { faultOfEvent, faultsOfConditions, type Fault, type ReportOrigin } from './faults';
import {
  isDeparture,
  readReport,
  toCheckPodFacts,
  toHealthMove,
  toPolicyState,
  toPoolHealth,
  toValidationState,
} from './reading';
import type { CheckPodFacts, HealthNode, HealthSnapshot, PoolHealth, ValidationState } from './snapshot';

/** What the process was started with, and what it knows from elsewhere. */
export interface HealthSurroundings {
  readonly images: HealthSnapshot['images'];
  /** Namespaces whose reports are a person's. */
  readonly personNamespaces: ReadonlySet<string>;
  /** What EC2 said of the instances when it was last asked. */
  readonly cloudFaults: readonly Fault[];
}

/** The health of the whole fleet, as the caches show it. */
export function observeHealth(
  { cache }: Pick<ControllerContext, 'cache'>,
  surroundings: HealthSurroundings,
  nowMs: number,
): HealthSnapshot {
  const policy = cache(NODE_HEALTH_POLICIES).get(HEALTH_POLICY_NAME);
  const validations = cache(NODE_VALIDATIONS).list().map(toValidationState);
  const pools = new Map(
    cache(CAPACITY_POOLS)
      .list()
      .map((pool) => [pool.metadata.name, toPoolHealth(pool)] as const),
  );
  const nodeObjects = cache(NODES).list();
  const nodes = toHealthNodes({ cache }, { validations, pools, nowMs });
  const reports = cache(FAULT_REPORTS)
    .list()
    .map((report) => readReport(report, originOf(report, { cache }, surroundings), nowMs));
  const moves = cache(NODE_MOVES).list();
  return {
    ...(policy ? { policy: toPolicyState(policy) } : {}),
    nodes,
    validations,
    checkPods: toCheckPods({ cache }),
    moves: moves.filter(isDeparture).map(toHealthMove),
    moveNames: new Set(moves.map(({ metadata }) => metadata.name)),
    pools,
    minimums: new Map(
      cache(CAPACITY_BUCKETS)
        .list()
        .map(({ metadata, spec }) => [metadata.name, (spec as CapacityBucketSpec)?.nodes?.min ?? 0] as const),
    ),
    faults: [
      ...nodeObjects
        .filter(({ metadata }) => nodes.has(metadata.name))
        .flatMap((node) => faultsOfConditions(node, nowMs)),
      ...cache(EVENTS)
        .list()
        .filter(warns)
        .flatMap((event) => faultOfEvent(event, nowMs) ?? [])
        .filter(({ node }) => nodes.has(node)),
      ...surroundings.cloudFaults.filter(({ node }) => nodes.has(node)),
      ...reports.flatMap(({ fault }) => (fault ? [fault] : [])),
    ],
    reports: reports.map(({ state }) => state),
    demand: demandOf(cache(CAPACITY_BUCKETS).list()),
    runsOn: countOwners(toPodFactsList(cache(PODS).list())),
    images: surroundings.images,
  };
}

/** Whether the agent warns of a node in this Event: most are about something else, and each is read once. */
const warns: (event: KubeObject) => boolean = once((event) => faultOfEvent(event, 0) !== undefined);

/** Buckets whose work waits, and the types it could use, as capacity says it. */
function demandOf(buckets: readonly KubeObject[]): HealthSnapshot['demand'] {
  const waiting = buckets.filter(({ status }) => status?.demandSince !== undefined);
  return {
    buckets: new Set(waiting.map(({ metadata }) => metadata.name)),
    instanceTypes: new Set(waiting.flatMap(({ spec }) => (spec as CapacityBucketSpec)?.instanceTypes ?? [])),
  };
}

interface Around {
  readonly validations: readonly ValidationState[];
  readonly pools: ReadonlyMap<string, PoolHealth>;
  readonly nowMs: number;
}

function toHealthNodes({ cache }: Pick<ControllerContext, 'cache'>, around: Around): ReadonlyMap<string, HealthNode> {
  const facts = toNodeFactsList(cache(NODES).list()).filter(isFleetNode);
  const byName = new Map(facts.map((node) => [node.name, node] as const));
  const { work, ending, squatted } = workByNode({ cache }, byName);
  const context = {
    buckets: new Set(
      cache(CAPACITY_BUCKETS)
        .list()
        .map(({ metadata }) => metadata.name),
    ),
    liveMoves: liveMovesByNode(toMoveFactsList(cache(NODE_MOVES).list())),
    squatted,
    validating: validatingNodes(around),
    leaveAtMs: new Map(
      [...around.pools].flatMap(([name, { leaveAtMs }]) =>
        leaveAtMs === undefined ? [] : [[name, leaveAtMs] as const],
      ),
    ),
  };
  return new Map(
    facts.map((node) => {
      const phase = nodePhase(node, context, around.nowMs);
      const keys = work.get(node.name) ?? [];
      const endless = keys.length > 0 && !ending.has(node.name) ? { endless: true as const } : {};
      return [node.name, { facts: node, phase, work: keys, ...endless }] as const;
    }),
  );
}

function workByNode({ cache }: Pick<ControllerContext, 'cache'>, nodes: ReadonlyMap<string, NodeFacts>) {
  const buckets = toNamespaceBuckets(cache(NAMESPACES).list());
  const work = new Map<string, string[]>();
  const ending = new Set<string>();
  const squatted = new Set<string>();
  for (const pod of toPodFactsList(cache(PODS).list())) {
    const node = pod.nodeName === undefined ? undefined : nodes.get(pod.nodeName);
    if (!node || pod.namespace === VALIDATION_NAMESPACE) continue;
    if (squats(pod, node.bucket, buckets)) squatted.add(node.name);
    if (!occupies(pod, buckets)) continue;
    if (!isEndless(pod)) ending.add(node.name);
    const list = work.get(node.name);
    if (list) list.push(pod.key);
    else work.set(node.name, [pod.key]);
  }
  return { work, ending, squatted };
}

function countOwners(pods: readonly PodFacts[]): ReadonlyMap<string, number> {
  const nodes = new Map<string, Set<string>>();
  for (const { namespace, owner, nodeName, ended } of pods) {
    if (!owner || nodeName === undefined || ended) continue;
    const key = `${namespace}/${owner.name}`;
    nodes.set(key, (nodes.get(key) ?? new Set()).add(nodeName));
  }
  return new Map([...nodes].map(([owner, on]) => [owner, on.size] as const));
}

function toCheckPods({ cache }: Pick<ControllerContext, 'cache'>): ReadonlyMap<string, CheckPodFacts> {
  const pods = cache(PODS).byIndex(CHECKS_INDEX, VALIDATION_NAMESPACE).map(toCheckPodFacts);
  return new Map(pods.map((pod) => [pod.name, pod] as const));
}

/** Index of the cache of pods: the namespace of the check pods. */
export const CHECKS_INDEX = 'checks';

/** Who wrote a report: a pod by its node and owner, a person by the namespace. */
function originOf(
  report: KubeObject,
  { cache }: Pick<ControllerContext, 'cache'>,
  { personNamespaces }: HealthSurroundings,
): ReportOrigin {
  const { namespace = '' } = report.metadata;
  const pod = cache(PODS).get(`${namespace}/${report.spec?.pod}`) as Pod | undefined;
  const owner = pod?.metadata.ownerReferences?.find(({ controller }) => controller)?.name;
  const podNode = pod?.spec?.nodeName;
  return {
    person: personNamespaces.has(namespace),
    ...(podNode ? { podNode } : {}),
    ...(owner ? { owner } : {}),
  };
}
