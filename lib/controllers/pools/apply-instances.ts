/**
 * Ends instances of managed node groups in EC2. The NodeMove that emptied a node is the attempt that is counted, made long before; what
 * is kept here is only when EC2 is asked again, so that it is not asked at every look. It is lost with the process, and then EC2 is asked
 * once more: an instance can be ended twice without harm, and one that is gone is not asked for at all.
 */
import { instanceIdOf } from '../../domain/instance-id';
import type { Node } from '../../domain/kube';
import { CAPACITY_POOLS, NODES } from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { Ambiguous, ApiError, LeaseLost, NotFound, TooManyRequests } from '../../runtime/errors';
import type { CloudPort, InstanceFate } from '../../runtime/ports';
import type { EmptiedInstance, PoolAction } from './actions';
import { refuseDelete } from './removal';
import { EVENT, METRIC } from './telemetry';

type EndInstances = Extract<PoolAction, { readonly type: 'EndInstances' }>;

/** An instance that is ended takes its Node with it within minutes; one that is still there then is looked at again. */
const ENDS_WITHIN_MS = 3 * 60_000;
/** A call that failed is made again after this long, unless EC2 says longer. */
const RETRY_MS = 30_000;
/** What is refused is refused again until somebody changes something. */
const REFUSED_MS = 10 * 60_000;

/** By cloud: instance → until when EC2 is not asked again. */
const asked = new WeakMap<CloudPort, Map<string, number>>();

/** Instances (`spec.providerID`) that EC2 is not asked to end again for a while. */
export function askedUntilMs(cloud: CloudPort): Map<string, number> {
  const known = asked.get(cloud) ?? new Map<string, number>();
  asked.set(cloud, known);
  return known;
}

/** When the first of them may be asked for again. */
export function nextAskMs(cloud: CloudPort, nowMs: number): number | undefined {
  const known = askedUntilMs(cloud);
  for (const [instance, untilMs] of known) if (untilMs <= nowMs) known.delete(instance);
  return known.size === 0 ? undefined : Math.min(...known.values());
}

/** One call for all of them, after a live look at each Node; the port looks at each instance and its tags. */
export async function endInstances(action: EndInstances, context: ControllerContext): Promise<void> {
  const { cloud, clusterName } = context;
  const { nodeGroup, nodes } = action;
  if (clusterName === undefined) {
    wait(nodes, REFUSED_MS, context);
    const why = 'CLUSTER_NAME is not set: nobody knows which instances are ours';
    return tell(context, action, { reason: EVENT.instanceRefused, message: why, result: 'Refused' });
  }
  const still = await stillEmptied(action, context);
  const byId = new Map(still.flatMap((one) => entryOf(one)));
  if (byId.size === 0) return;
  const fates = await ask(
    action,
    still,
    () => cloud.terminateInstances([...byId.keys()], { cluster: clusterName, nodeGroups: [nodeGroup] }),
    context,
  );
  for (const fate of fates) tellFate(fate, { action, one: byId.get(fate.instanceId)! }, context);
}

function entryOf(one: EmptiedInstance): readonly (readonly [string, EmptiedInstance])[] {
  const id = instanceIdOf(one.providerID);
  return id === undefined ? [] : [[id, one]];
}

/** Those that are still exactly what was decided on, by the live Node. */
async function stillEmptied({ pool, nodes }: EndInstances, { cluster, log, metrics }: ControllerContext) {
  const still: EmptiedInstance[] = [];
  for (const one of nodes) {
    const live = await cluster.get(NODES, { name: one.node }).catch(ifGone);
    const refusal = live ? refuseDelete(live as Node, one) : 'it is gone';
    if (!refusal) still.push(one);
    else {
      metrics.count(METRIC.actions, { type: 'EndInstances', result: 'Refused' });
      log.warn('instance not ended', { node: one.node, pool, why: refusal });
    }
  }
  return still;
}

function ifGone(error: unknown): undefined {
  if (!(error instanceof NotFound)) throw error;
}

/** A call without an answer may have been carried out: it counts as made, and EC2 is not asked again before that would show. */
async function ask(
  action: EndInstances,
  nodes: readonly EmptiedInstance[],
  call: () => Promise<readonly InstanceFate[]>,
  context: ControllerContext,
): Promise<readonly InstanceFate[]> {
  try {
    const fates = await call();
    wait(nodes, ENDS_WITHIN_MS, context);
    return fates;
  } catch (error) {
    if (error instanceof LeaseLost || !(error instanceof ApiError)) throw error;
    const unknown = error instanceof Ambiguous;
    const pauseMs = error instanceof TooManyRequests ? Math.max(RETRY_MS, error.retryAfterMs) : RETRY_MS;
    wait(nodes, unknown ? ENDS_WITHIN_MS : pauseMs, context);
    const names = nodes.map(({ node }) => node).join(', ');
    const message = `${names}: ${error.message}`;
    tell(context, action, { reason: unknown ? EVENT.endUnknown : EVENT.endFailed, message, result: error.name });
    return [];
  }
}

function wait(nodes: readonly EmptiedInstance[], ms: number, { cloud, clock }: ControllerContext): void {
  for (const { providerID } of nodes) askedUntilMs(cloud).set(providerID, clock.now() + ms);
}

interface Ended {
  readonly action: EndInstances;
  readonly one: EmptiedInstance;
}

function tellFate({ outcome, why }: InstanceFate, { action, one }: Ended, context: ControllerContext): void {
  const { nodeGroup } = action;
  const named = `Node ${one.node} (${one.providerID})`;
  if (outcome === 'Refused') {
    wait([one], REFUSED_MS, context);
    const message = `${named} is not ended: ${why}`;
    return tell(context, action, { reason: EVENT.instanceRefused, message, result: 'Refused' });
  }
  const did = outcome === 'Done' ? 'its instance is ended' : 'its instance is gone already';
  const message = `${named}: ${did}, node group ${nodeGroup} makes another; NodeMove ${one.move} emptied it for Replacement`;
  tell(context, action, { reason: EVENT.nodeReplaced, message, result: outcome });
}

interface Told {
  readonly reason: string;
  readonly message: string;
  /** Outcome as metrics name it. */
  readonly result: string;
}

function tell(
  { cache, events, log, metrics }: ControllerContext,
  { type, pool }: EndInstances,
  { reason, message, result }: Told,
): void {
  metrics.count(METRIC.actions, { type, result });
  log.info(message, { pool, reason });
  const regarding = cache(CAPACITY_POOLS).get(pool);
  const severity = reason === EVENT.nodeReplaced ? 'Normal' : 'Warning';
  if (regarding) events.record({ regarding, type: severity, reason, action: 'End', message });
}
