/** One action of the plan, one call (a swap: live list, patch, live list); then Event, metric, and the cache is told. */
import type { NodeMoveStatus } from '../../api';
import { jsonEqual } from '../../domain/json-equal';
import type { KubeObject, Pod } from '../../domain/kube';
import { CHECKPOINT_REQUESTED_ANNOTATION } from '../../domain/pod-keys';
import { apiVersionOf, CAPACITY_BUCKETS, CHECKPOINTS, NODE_MOVES, NODES, PODS } from '../../domain/resources';
import { occupies, squats, toPodFacts, type PodFacts } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { Invalid, NotFound, TooManyRequests } from '../../runtime/errors';
import { applyWorkloadActs } from '../apply-workloads';
import type { MoveAction } from './actions';
import { isFinal } from './claims';
import { withOutcomes } from './gang-outcomes';
import { namespaceBuckets } from './observe';
import { withEmpty } from './report';
import { EVENT, METRIC, tell, WORKLOAD_VOICE } from './telemetry';

/** Field manager of the status of NodeMoves. */
export const STATUS_MANAGER = 'eks-ai-cluster-moves';
/** A pod landed late, or a PodDisruptionBudget refused: look again this soon. */
const AGAIN_MS = 5_000;

type Of<T extends MoveAction['type']> = Extract<MoveAction, { readonly type: T }>;

/** Does one action; returns when to look again, if the world should be asked and not only waited for. */
export async function applyMoveAction(action: MoveAction, context: ControllerContext): Promise<number | undefined> {
  switch (action.type) {
    case 'PatchNode':
      return patchNode(action, context);
    case 'HandOver':
      return handOver(action, context);
    case 'DropClaim':
      return dropClaim(action, context);
    case 'Evict':
      return evict(action, context);
    case 'AskCheckpoint':
      return askCheckpoint(action, context);
    case 'WriteStatus':
      return writeStatus(action, context);
    case 'SetFinalizers':
      return setFinalizers(action, context);
    case 'DeleteCheckpoint':
      return deleteCheckpoint(action, context);
    case 'DeleteMove': {
      const { uid, resourceVersion } = action;
      await context.cluster.delete(NODE_MOVES, { name: action.move }, { uid, resourceVersion });
      return undefined;
    }
  }
}

/** Verbs of patches that people should see on the Node, with the Event they are. */
const PATCH_EVENTS: Readonly<Record<string, readonly [reason: string, type: 'Normal' | 'Warning']>> = {
  SetBack: [EVENT.keysSetBack, 'Warning'],
  Conflict: [EVENT.conflict, 'Warning'],
  Untaint: [EVENT.taintRemoved, 'Normal'],
};

async function patchNode(action: Of<'PatchNode'>, context: ControllerContext): Promise<undefined> {
  const { verb, node, patch, why } = action;
  const patched = await context.cluster.mergePatch(NODES, { name: node }, patch);
  context.cache(NODES).assume(patched);
  context.metrics.count(METRIC.actions, { type: verb, result: 'Done' });
  context.log.info(verb, { node, why });
  const [reason, type] = PATCH_EVENTS[verb] ?? [];
  if (reason && type) context.events.record({ regarding: patched, type, reason, action: verb, message: why });
  return undefined;
}

async function handOver(action: Of<'HandOver'>, context: ControllerContext): Promise<number | undefined> {
  const { cluster, cache, metrics, log } = context;
  const { node, bucket, why } = action;
  const byNamespace = namespaceBuckets(context);
  const late = (await podsOn(node, context)).filter((pod) => occupies(pod, byNamespace));
  if (late.length > 0) {
    metrics.count(METRIC.lateBindings, {}, late.length);
    log.info('not handed over: pods landed late', { node, pods: late.map(({ key }) => key) });
    return AGAIN_MS;
  }
  const patched = await cluster.mergePatch(NODES, { name: node }, action.patch);
  cache(NODES).assume(patched);
  metrics.count(METRIC.actions, { type: 'HandOver', result: 'Done' });
  const place = bucket === undefined ? 'no bucket' : `bucket ${bucket}`;
  const orphaned = bucket === undefined && !action.toValidation;
  const reason = orphaned ? EVENT.orphanReleased : 'HandedOver';
  const message = `to ${action.toValidation ? 'validation' : place}: ${why}`;
  context.events.record({ regarding: patched, type: 'Normal', reason, action: 'Swap', message });
  const squatters = (await podsOn(node, context)).filter((pod) => squats(pod, bucket, byNamespace) && !pod.deleting);
  let again: number | undefined;
  for (const pod of squatters)
    again = (await evict({ pod, node, why: `it landed on ${node}, now in ${place}` }, context)) ?? again;
  return again;
}

/** Every pod bound to the node, read live: the cache may be behind, and an empty node is about to change hands. */
async function podsOn(node: string, { cluster }: ControllerContext): Promise<PodFacts[]> {
  const pods: PodFacts[] = [];
  let continueToken: string | undefined;
  do {
    const page = await cluster.list(PODS, { fieldSelector: `spec.nodeName=${node}`, continueToken });
    for (const pod of page.items) pods.push(toPodFacts(pod as Pod));
    continueToken = page.continueToken;
  } while (continueToken);
  return pods;
}

async function dropClaim(action: Of<'DropClaim'>, context: ControllerContext): Promise<undefined> {
  const { cluster, cache, events, metrics } = context;
  if (await isStillLive(action, context)) return undefined;
  const patched = await cluster.mergePatch(NODES, { name: action.node }, action.patch);
  cache(NODES).assume(patched);
  metrics.count(METRIC.actions, { type: 'DropClaim', result: 'Done' });
  const message = `claim of ${action.move} removed: ${action.why}`;
  events.record({ regarding: patched, type: 'Normal', reason: EVENT.claimRemoved, action: 'Unclaim', message });
  return undefined;
}

/** The object is the authority, not our cache of it. */
async function isStillLive({ move, node }: Of<'DropClaim'>, { cluster }: ControllerContext): Promise<boolean> {
  try {
    const { status } = await cluster.get(NODE_MOVES, { name: move });
    if (status?.finishedAt) return false;
    const step = (status as NodeMoveStatus | undefined)?.nodes?.find(({ name }) => name === node)?.step;
    return step === undefined || !isFinal(step);
  } catch (error) {
    if (error instanceof NotFound) return false;
    throw error;
  }
}

async function evict(
  { pod, node, gang, why }: Omit<Of<'Evict'>, 'type'>,
  context: ControllerContext,
): Promise<number | undefined> {
  const { cluster, cache, events, metrics } = context;
  const { namespace, name, uid } = pod;
  const regarding = cache(NODES).get(node);
  const say = (reason: string, message: string) => {
    if (regarding) events.record({ regarding, type: 'Warning', reason, action: 'Evict', message });
  };
  try {
    await cluster.evict({ namespace, name }, { uid });
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    if (!(error instanceof TooManyRequests)) throw error;
    metrics.count(METRIC.evictions, { result: 'Blocked' });
    say(EVENT.evictionBlocked, `pod ${pod.key} cannot be evicted yet (${error.message}): ${why}`);
    return Math.max(AGAIN_MS, error.retryAfterMs);
  }
  metrics.count(METRIC.evictions, { result: 'Done' });
  say(gang === undefined ? EVENT.squatterEvicted : EVENT.gangEvicted, `pod ${pod.key} evicted: ${why}`);
  return undefined;
}

/** With the pod's UID in the patch: another pod of that name is refused as Invalid, and was never meant. */
async function askCheckpoint(
  { pod, askedAt, why }: Of<'AskCheckpoint'>,
  context: ControllerContext,
): Promise<undefined> {
  const { cluster, cache, events, metrics } = context;
  const { namespace, name, uid } = pod;
  const patch = { metadata: { uid, annotations: { [CHECKPOINT_REQUESTED_ANNOTATION]: askedAt } } };
  try {
    const patched = await cluster.mergePatch(PODS, { namespace, name }, patch);
    cache(PODS).assume(patched);
    const message = `${why}: save your state`;
    const reason = EVENT.checkpointRequested;
    events.record({ regarding: patched, type: 'Normal', reason, action: 'AskCheckpoint', message });
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
  }
  metrics.count(METRIC.actions, { type: 'AskCheckpoint', result: 'Done' });
  return undefined;
}

/** Under its resourceVersion: a report that comes now is kept. */
async function deleteCheckpoint(action: Of<'DeleteCheckpoint'>, context: ControllerContext): Promise<undefined> {
  const { namespace, name, uid, resourceVersion, why } = action;
  await context.cluster.delete(CHECKPOINTS, { namespace, name }, { uid, resourceVersion });
  context.metrics.count(METRIC.actions, { type: 'DeleteCheckpoint', result: 'Done' });
  context.log.info('checkpoint deleted', { checkpoint: `${namespace}/${name}`, why });
  return undefined;
}

/** Looks live at what the status is about to say: nodes that seem empty, workloads to suspend or resume. */
async function writeStatus(action: Of<'WriteStatus'>, context: ControllerContext): Promise<number | undefined> {
  const { clock } = context;
  const report = await applyWorkloadActs(action.workloads, context, WORKLOAD_VOICE);
  const empty = await emptyNodes(action.confirm, context);
  const told = withOutcomes(action.status, report, action.workloads, clock.now());
  const status = empty.length > 0 ? withEmpty(told, empty, clock.now()) : told;
  if (!jsonEqual(status, action.before)) await storeStatus(action, status, context);
  if (report.failure) throw report.failure;
  const again = empty.length < action.confirm.length ? AGAIN_MS : Infinity;
  const next = Math.min(again, report.againMs ?? Infinity);
  return Number.isFinite(next) ? next : undefined;
}

async function emptyNodes(names: readonly string[], context: ControllerContext): Promise<string[]> {
  const byNamespace = namespaceBuckets(context);
  const empty: string[] = [];
  for (const node of names) {
    const pods = await podsOn(node, context);
    if (!pods.some((pod) => occupies(pod, byNamespace))) empty.push(node);
  }
  return empty;
}

async function storeStatus(
  { move, resourceVersion, before }: Of<'WriteStatus'>,
  status: NodeMoveStatus,
  context: ControllerContext,
): Promise<void> {
  const { cluster, cache } = context;
  const metadata = { name: move, resourceVersion };
  const object: KubeObject = { apiVersion: apiVersionOf(NODE_MOVES), kind: NODE_MOVES.kind, metadata, status };
  const options = { fieldManager: STATUS_MANAGER, force: true, subresource: 'status' } as const;
  const written = await cluster.apply(NODE_MOVES, object, options);
  cache(NODE_MOVES).assume(written);
  tell(written, before, status, context);
}

async function setFinalizers(action: Of<'SetFinalizers'>, context: ControllerContext): Promise<undefined> {
  const { name, resourceVersion, finalizers } = action;
  const resource = action.of === 'NodeMove' ? NODE_MOVES : CAPACITY_BUCKETS;
  const patch = { metadata: { resourceVersion, finalizers } };
  const patched = await context.cluster.mergePatch(resource, { name }, patch);
  context.cache(resource).assume(patched);
  if (action.of === 'CapacityBucket' && patched.metadata.deletionTimestamp) {
    const news = { type: 'Normal', reason: EVENT.bucketReleased, action: 'Release', message: action.why } as const;
    context.events.record({ regarding: patched, ...news });
  }
  const aborted = action.of === 'NodeMove' && patched.metadata.deletionTimestamp && !patched.status?.finishedAt;
  if (aborted) context.metrics.count(METRIC.finished, { reason: String(patched.spec?.reason), outcome: 'Deleted' });
  return undefined;
}
