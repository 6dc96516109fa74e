/** Caches → what plan.ts decides on. */
import { CapacityPool, type CapacityPoolStatus, type NodeMoveSpec } from '../../api';
import { findInstanceType } from '../../catalog';
import { findCondition, isTrue } from '../../domain/conditions';
import { parseTime, type Condition, type KubeObject } from '../../domain/kube';
import { FOREIGN_KEYS, POOL_LABEL } from '../../domain/node-keys';
import { CAPACITY_POOLS, NODE_CLAIMS, NODE_MOVES, NODE_POOLS, NODES } from '../../domain/resources';
import { once, toNodeFactsList, type NodeFacts } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { limitOf, MANAGED_BY } from './node-pool';
import type { ClaimFacts, MoveFacts, NodePoolFacts, PoolFacts, PoolsSnapshot, Reading, SuppliedNode } from './snapshot';

/** What EC2 has said, and when it is asked again. */
export interface CloudAnswers {
  readonly readings: ReadonlyMap<string, Reading | null>;
  readonly askedUntilMs: PoolsSnapshot['askedUntilMs'];
}

/** The whole supply side, as the caches show it. */
export function observePools(context: Pick<ControllerContext, 'cache'>, answers: CloudAnswers): PoolsSnapshot {
  const pools = context.cache(CAPACITY_POOLS).list().map(toPoolFacts);
  const names = new Set(pools.map(({ name }) => name));
  const groups = new Map(pools.map(({ name, spec }) => [name, spec?.nodeGroup] as const));
  const ofPools = (object: KubeObject) => names.has(object.metadata.labels?.[FOREIGN_KEYS.nodePool] ?? '');
  const moves = context.cache(NODE_MOVES).list();
  const nodes = context.cache(NODES).list();
  const facts = toNodeFactsList(nodes);
  return {
    pools,
    nodePools: new Map(
      context
        .cache(NODE_POOLS)
        .list()
        .filter(({ metadata }) => names.has(metadata.name))
        .map((object) => [object.metadata.name, toNodePoolFacts(object)] as const),
    ),
    claims: context.cache(NODE_CLAIMS).list().filter(ofPools).map(toClaimFacts),
    nodes: nodes.flatMap((object, i) => {
      const pool = poolOf(object, facts[i]!, groups);
      return pool === undefined ? [] : [toSuppliedNode(object, facts[i]!, pool)];
    }),
    moves: moves.filter(({ status }) => !status?.finishedAt).map(toMoveFacts),
    moveNames: new Set(moves.map(({ metadata }) => metadata.name)),
    ...answers,
  };
}

/** The pool that supplies a node: of its NodePool's name, or the one that says which node group its nodes are of. */
function poolOf(
  { metadata: { labels = {} } }: KubeObject,
  { pool, nodeGroup }: NodeFacts,
  groups: ReadonlyMap<string, string | undefined>,
): string | undefined {
  const nodePool = labels[FOREIGN_KEYS.nodePool];
  if (nodePool !== undefined) return groups.has(nodePool) && !groups.get(nodePool) ? nodePool : undefined;
  return pool !== undefined && nodeGroup !== undefined && groups.get(pool) === nodeGroup ? pool : undefined;
}

/** The pools alone: which windows are due is decided before everything else. */
export const toPoolFacts: (object: KubeObject) => PoolFacts = once((object: KubeObject): PoolFacts => {
  const { metadata, status } = object;
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    generation: metadata.generation ?? 0,
    deletionMs: parseTime(metadata.deletionTimestamp),
    finalizers: metadata.finalizers ?? [],
    status: (status ?? {}) as CapacityPoolStatus,
    ...readSpec(object),
  };
});

/** A pool whose nodes nobody could prove is refused before it costs anything; those that it has stay as they are. */
function readSpec(object: KubeObject): Pick<PoolFacts, 'spec' | 'errors'> {
  const read = CapacityPool.parse(object);
  if (!('spec' in read) || read.spec.validation === 'None') return read;
  const { instanceType, validation } = read.spec;
  if (findInstanceType(instanceType)) return read;
  const message =
    `${validation} needs an instance type that the catalog of this release has, or its nodes wait on probation for ever: ` +
    `${instanceType} is not in it. Correct instanceType, set validation: None, or take a release that knows the type`;
  return { errors: [{ path: 'spec.validation', message }] };
}

function toNodePoolFacts(object: KubeObject): NodePoolFacts {
  const { metadata, spec } = object;
  return {
    ...identity(object),
    replicas: spec?.replicas ?? 0,
    limit: limitOf(object),
    deleting: metadata.deletionTimestamp !== undefined,
    ours: metadata.labels?.[MANAGED_BY.key] === MANAGED_BY.value && spec?.replicas !== undefined,
    object,
  };
}

function toClaimFacts({ metadata, status }: KubeObject): ClaimFacts {
  const { labels = {}, annotations = {} } = metadata;
  const launched = findCondition(status?.conditions, 'Launched');
  return {
    name: metadata.name,
    pool: labels[FOREIGN_KEYS.nodePool]!,
    nodeName: status?.nodeName || undefined,
    createdMs: parseTime(metadata.creationTimestamp) ?? 0,
    deletionMs: parseTime(metadata.deletionTimestamp),
    launched: launched?.status === 'True' || Boolean(status?.providerID),
    insufficient: refusalOf(launched),
    terminationMs: parseTime(annotations[FOREIGN_KEYS.terminationTimestamp]),
  };
}

/** What EC2 answered, when it was that there is no capacity. */
function refusalOf(launched: Condition | undefined): string | undefined {
  if (!launched || launched.status === 'True') return undefined;
  const answer = [launched.reason, launched.message].filter(Boolean).join(': ');
  return /insufficient\s?\w*\s?capacity/i.test(answer) ? answer : undefined;
}

function toSuppliedNode({ status }: KubeObject, node: NodeFacts, pool: string): SuppliedNode {
  return {
    name: node.name,
    uid: node.uid,
    pool,
    providerID: node.providerID,
    createdMs: node.createdAtMs,
    deletionMs: node.deletedAtMs,
    ready: isTrue(status?.conditions, 'Ready'),
    held: node.held,
    inBucket: node.bucket !== undefined,
    claimedBy: node.claim,
  };
}

function toMoveFacts(object: KubeObject): MoveFacts {
  const { metadata, spec, status } = object;
  const move = spec as NodeMoveSpec;
  return {
    ...identity(object),
    reason: move.reason ?? 'Capacity',
    to: move.to.kind,
    deadlineMs: parseTime(move.deadline),
    deleting: metadata.deletionTimestamp !== undefined,
    wants: move.nodes,
    nodes: status?.nodes ?? [],
    madeFor: metadata.labels?.[POOL_LABEL],
  };
}

function identity({ metadata }: KubeObject) {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
