/** One action of the plan, one call; then Event, metric, and the cache is told. */
import { NodeMove } from '../../api';
import { findCondition } from '../../domain/conditions';
import type { KubeObject } from '../../domain/kube';
import { BUCKET_KEY } from '../../domain/node-keys';
import { DELETION_COST_ANNOTATION } from '../../domain/pod-keys';
import {
  apiVersionOf,
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  NODE_MOVES,
  PODS,
  QUEUES,
  type ResourceType,
} from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { AlreadyExists, NotFound } from '../../runtime/errors';
import type { CapacityAction } from './snapshot';
import { CONDITION, EVENT, METRIC } from './telemetry';

/** Field manager of Queues and of the status of buckets. */
export const FIELD_MANAGER = 'eks-ai-cluster';
/** Field manager of `requested` in the status of pools; the rest of that status is pools'. */
export const REQUEST_MANAGER = 'eks-ai-cluster-capacity';

type Of<T extends CapacityAction['type']> = Extract<CapacityAction, { readonly type: T }>;

/** Does one action. */
export async function applyCapacityAction(action: CapacityAction, context: ControllerContext): Promise<void> {
  switch (action.type) {
    case 'CreateMove':
      return createMove(action, context);
    case 'RequestNodes':
      return requestNodes(action, context);
    case 'ApplyQueue':
      return applyQueue(action, context);
    case 'DeleteQueue':
      return deleteQueue(action, context);
    case 'SetDeletionCost':
      return setDeletionCost(action, context);
    case 'WriteStatus':
      return writeStatus(action, context);
  }
}

async function createMove(action: Of<'CreateMove'>, context: ControllerContext): Promise<void> {
  const { cluster, cache } = context;
  const { name, nodes, bucket, regarding, why } = action;
  const to = bucket === undefined ? { kind: 'Release' as const } : { kind: 'Bucket' as const, bucket };
  const move = NodeMove.make(name, { nodes: [...nodes], reason: 'Capacity', to, message: why });
  try {
    cache(NODE_MOVES).assume(await cluster.create(NODE_MOVES, move));
  } catch (error) {
    // Made before a crash, or by this loop on an older look: the watch brings it.
    if (error instanceof AlreadyExists) return;
    throw error;
  }
  const subject = cache(regarding.kind === 'CapacityBucket' ? CAPACITY_BUCKETS : CAPACITY_POOLS).get(regarding.name);
  const [reason, verb] = bucket === undefined ? [EVENT.nodesReleased, 'Release'] : [EVENT.nodesAssigned, 'Assign'];
  say(context, subject, { reason, action: verb, message: `${nodes.length} nodes (NodeMove ${name}) ${why}` });
}

async function requestNodes({ pool, nodes, why }: Of<'RequestNodes'>, context: ControllerContext): Promise<void> {
  const object = statusObject(CAPACITY_POOLS, pool, { requested: nodes });
  const options = { fieldManager: REQUEST_MANAGER, force: true, subresource: 'status' } as const;
  const applied = await context.cluster.apply(CAPACITY_POOLS, object, options);
  context.cache(CAPACITY_POOLS).assume(applied);
  say(context, applied, { reason: EVENT.nodesRequested, action: 'Request', message: `${nodes} nodes: ${why}` });
}

async function applyQueue({ name, spec, why }: Of<'ApplyQueue'>, { cluster, cache, log }: ControllerContext) {
  const queue: KubeObject = {
    apiVersion: apiVersionOf(QUEUES),
    kind: QUEUES.kind,
    metadata: { name, labels: { [BUCKET_KEY]: name } },
    spec,
  };
  cache(QUEUES).assume(await cluster.apply(QUEUES, queue, { fieldManager: FIELD_MANAGER, force: true }));
  log.info('queue follows', { queue: name, why });
}

async function deleteQueue({ name, uid, why }: Of<'DeleteQueue'>, { cluster, log }: ControllerContext) {
  try {
    await cluster.delete(QUEUES, { name }, { uid });
    log.info('queue deleted', { queue: name, why });
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}

async function setDeletionCost(action: Of<'SetDeletionCost'>, { cluster, cache }: ControllerContext): Promise<void> {
  const { namespace, name, uid, cost } = action;
  // The UID is the lock: restarted pods of StatefulSets keep their names.
  const metadata = { uid, annotations: { [DELETION_COST_ANNOTATION]: String(cost) } };
  cache(PODS).assume(await cluster.mergePatch(PODS, { namespace, name }, { metadata }));
}

async function writeStatus({ bucket, status, before }: Of<'WriteStatus'>, context: ControllerContext): Promise<void> {
  const { cluster, cache } = context;
  const object = statusObject(CAPACITY_BUCKETS, bucket, status);
  const options = { fieldManager: FIELD_MANAGER, force: true, subresource: 'status' } as const;
  const applied = await cluster.apply(CAPACITY_BUCKETS, object, options);
  cache(CAPACITY_BUCKETS).assume(applied);
  const became = (type: string) => {
    const now = findCondition(status.conditions, type);
    const was = findCondition(before.conditions, type);
    return now?.status === 'False' && was?.status !== 'False' ? now : undefined;
  };
  for (const [type, reason, action] of BAD_NEWS) {
    const news = became(type);
    if (news) say(context, applied, { reason, action, message: news.message ?? type, type: 'Warning' });
  }
}

/** Conditions that are told as an Event when they become False, with its reason and action. */
const BAD_NEWS = [
  [CONDITION.accepted, EVENT.invalidSpec, 'Validate'],
  [CONDITION.queueFollows, EVENT.queueTaken, 'Follow'],
] as const;

/** Without resourceVersion: the manager owns every field it sends, and the status is computed from scratch each time. */
function statusObject(resource: ResourceType, name: string, status: object): KubeObject {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name }, status };
}

function say(
  { events, log, metrics }: ControllerContext,
  regarding: KubeObject | undefined,
  event: { reason: string; action: string; message: string; type?: 'Normal' | 'Warning' },
): void {
  const { type = 'Normal', ...rest } = event;
  metrics.count(METRIC.actions, { type: event.action, result: 'Done' });
  log.info(event.message, { object: regarding?.metadata.name, reason: event.reason });
  if (regarding) events.record({ regarding, type, ...rest });
}
