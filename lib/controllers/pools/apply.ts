/** One action of the plan, one call; then Event, metric, and the cache is told. */
import { NodeMove, type CapacityPoolStatus } from '../../api';
import { formatTime, type KubeObject, type Node } from '../../domain/kube';
import { FOREIGN_KEYS, POOL_LABEL } from '../../domain/node-keys';
import { apiVersionOf, CAPACITY_POOLS, NODE_CLAIMS, NODE_MOVES, NODE_POOLS, NODES } from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { AlreadyExists, Conflict, NotFound } from '../../runtime/errors';
import type { DeleteNode, PoolAction } from './actions';
import { endInstances } from './apply-instances';
import { FIELD_MANAGER } from './node-pool';
import { refuseDelete } from './removal';
import { EVENT, METRIC, SUPPLIED } from './telemetry';

/** Field manager of the part of a CapacityPool's status that pools owns; capacity owns `requested` under its own. */
export const STATUS_MANAGER = 'eks-ai-cluster-pools';

type Of<T extends PoolAction['type']> = Extract<PoolAction, { readonly type: T }>;

/** Does one action. Rejects with Conflict when the world has changed since it was decided. */
export async function applyPoolAction(action: PoolAction, context: ControllerContext): Promise<void> {
  switch (action.type) {
    case 'SetFinalizers':
      return setFinalizers(action, context);
    case 'ApplyNodePool':
      return applyNodePool(action, context);
    case 'DeleteNodePool':
      await context.cluster.delete(NODE_POOLS, { name: action.pool }, { uid: action.uid });
      return say(context, action.pool, EVENT.nodePoolDeleted, 'Delete', `NodePool deleted: ${action.why}`);
    case 'DeleteNode':
      return deleteNode(action, context);
    case 'EndInstances':
      return endInstances(action, context);
    case 'CutDrainShort':
      return cutDrainShort(action, context);
    case 'CreateMove':
      return createMove(action, context);
    case 'DeleteMove':
      await context.cluster.delete(NODE_MOVES, { name: action.move }, { uid: action.uid });
      return say(
        context,
        action.pool,
        EVENT.blockExtended,
        'Abort',
        `NodeMove ${action.move} withdrawn: ${action.why}`,
      );
    case 'WriteStatus':
      return writeStatus(action, context);
  }
}

async function setFinalizers(action: Of<'SetFinalizers'>, { cluster, cache }: ControllerContext): Promise<void> {
  const { pool, resourceVersion, finalizers } = action;
  const patch = { metadata: { resourceVersion, finalizers } };
  cache(CAPACITY_POOLS).assume(await cluster.mergePatch(CAPACITY_POOLS, { name: pool }, patch));
}

async function applyNodePool(action: Of<'ApplyNodePool'>, context: ControllerContext): Promise<void> {
  const { cluster, cache } = context;
  const { pool, object, size, before } = action;
  if (before && size.replicas < before.replicas && size.replicas > 0) await requireNoVictim(action, context);
  // force: whoever else set one of our fields by hand is overruled; the lock is the resourceVersion.
  const applied = await cluster.apply(NODE_POOLS, object, { fieldManager: FIELD_MANAGER, force: true });
  cache(NODE_POOLS).assume(applied);
  if (before?.replicas !== size.replicas || before.limit !== size.limit) {
    say(context, pool, EVENT.scaled, 'Scale', `NodePool: ${action.why}`);
  }
}

/** Fewer replicas than NodeClaims would make Karpenter choose a victim, so they are counted live; the cache may be behind. */
async function requireNoVictim({ pool, size }: Of<'ApplyNodePool'>, { cluster }: ControllerContext): Promise<void> {
  let count = 0;
  let continueToken: string | undefined;
  do {
    const page = await cluster.list(NODE_CLAIMS, { labelSelector: `${FOREIGN_KEYS.nodePool}=${pool}`, continueToken });
    count += page.items.length;
    continueToken = page.continueToken;
  } while (continueToken);
  if (count > size.replicas) {
    throw new Conflict(
      `NodePool ${pool} has ${count} NodeClaims: replicas ${size.replicas} would end one of them`,
      409,
    );
  }
}

async function deleteNode(action: DeleteNode, context: ControllerContext): Promise<void> {
  const { cluster, log, metrics } = context;
  const live = (await cluster.get(NODES, { name: action.node })) as Node;
  const refusal = refuseDelete(live, action);
  if (refusal) {
    metrics.count(METRIC.actions, { type: action.type, result: 'Refused' });
    log.warn('node not deleted', { node: action.node, pool: action.pool, why: refusal });
    return;
  }
  const { uid, resourceVersion } = live.metadata;
  await cluster.delete(NODES, { name: action.node }, { uid, resourceVersion });
  const reason = action.replace ? EVENT.nodeReplaced : EVENT.nodeRemoved;
  say(context, action.pool, reason, 'Delete', `Node ${action.node} (${action.providerID}): ${action.why}`);
}

async function cutDrainShort(action: Of<'CutDrainShort'>, context: ControllerContext): Promise<void> {
  const patch = { metadata: { annotations: { [FOREIGN_KEYS.terminationTimestamp]: formatTime(action.atMs) } } };
  const claim = await context.cluster.mergePatch(NODE_CLAIMS, { name: action.claim }, patch);
  context.cache(NODE_CLAIMS).assume(claim);
  const message = `NodeClaim ${action.claim} is drained by force: ${action.why}`;
  say(context, action.pool, EVENT.drainCutShort, 'Drain', message, 'Warning');
}

async function createMove(action: Of<'CreateMove'>, context: ControllerContext): Promise<void> {
  const move = NodeMove.make(
    action.name,
    {
      nodes: [action.node],
      reason: action.reason,
      to: { kind: 'Release' },
      deadline: formatTime(action.deadlineMs),
      message: action.why,
    },
    { labels: { [POOL_LABEL]: action.pool } },
  );
  try {
    context.cache(NODE_MOVES).assume(await context.cluster.create(NODE_MOVES, move));
  } catch (error) {
    if (error instanceof AlreadyExists) return;
    throw error;
  }
  say(context, action.pool, EVENT.blockEndMove, 'Release', `Node ${action.node} is asked to leave: ${action.why}`);
}

async function writeStatus(action: Of<'WriteStatus'>, context: ControllerContext): Promise<void> {
  const { cluster, cache } = context;
  const { pool, resourceVersion, status } = action;
  const object: KubeObject = {
    apiVersion: apiVersionOf(CAPACITY_POOLS),
    kind: CAPACITY_POOLS.kind,
    metadata: { name: pool, resourceVersion },
    status,
  };
  const options = { fieldManager: STATUS_MANAGER, force: true, subresource: 'status' } as const;
  cache(CAPACITY_POOLS).assume(await cluster.apply(CAPACITY_POOLS, object, options));
  for (const changed of changedConditions(action.before, status)) {
    const type = WARNINGS.has(changed.reason ?? '') ? 'Warning' : 'Normal';
    say(context, pool, changed.reason ?? changed.type, 'Report', changed.message ?? changed.type, type);
  }
}

/** Reasons somebody should look at; all others are the ordinary course of things. */
const WARNINGS = new Set<string>([
  ...['Invalid', 'NameTaken', 'LargerThanReservation', 'JoiningTooLong', 'EndsWithin24h', 'EndsWithin2h'],
  ...[SUPPLIED.insufficientCapacity, SUPPLIED.reservationNotFound, SUPPLIED.reservationMismatch],
  ...[SUPPLIED.blockEnding, SUPPLIED.blockEnded],
]);

/** Conditions whose status or reason is new: each is worth an Event. */
function changedConditions(before: CapacityPoolStatus, after: CapacityPoolStatus) {
  return (after.conditions ?? []).filter((condition) => {
    const known = before.conditions?.find(({ type }) => type === condition.type);
    return known?.status !== condition.status || known?.reason !== condition.reason;
  });
}

function say(
  { cache, events, log, metrics }: ControllerContext,
  pool: string,
  reason: string,
  ...[action, message, type = 'Normal']: [action: string, message: string, type?: 'Normal' | 'Warning']
): void {
  metrics.count(METRIC.actions, { type: action, result: 'Done' });
  log.info(message, { pool, reason });
  const regarding = cache(CAPACITY_POOLS).get(pool);
  if (regarding) events.record({ regarding, type, reason, action, message });
}

/** Whether the error only says that the object is gone, which is what deleting wanted. */
export function isGone(error: unknown, action: PoolAction): boolean {
  const deletes = action.type === 'DeleteNode' || action.type === 'DeleteNodePool' || action.type === 'DeleteMove';
  return error instanceof NotFound && (deletes || action.type === 'CutDrainShort');
}
