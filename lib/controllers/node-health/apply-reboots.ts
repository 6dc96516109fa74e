/**
 * Asks EC2 to reboot nodes of managed node groups that have failed. The attempt stands on the Node before anything is sent, so that no
 * crash and no lost answer hides it; where certainly nothing was sent it is noted, with the time of the next try. Nobody waits for the
 * answer: what must be closed meanwhile is closed within the second.
 */
import { instanceIdOf } from '../../domain/instance-id';
import { REBOOT_ANNOTATION } from '../../domain/node-keys';
import { NODES } from '../../domain/resources';
import { formatReboot } from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { Ambiguous, ApiError, LeaseLost, TooManyRequests } from '../../runtime/errors';
import type { CloudPort, InstanceFate } from '../../runtime/ports';
import type { RebootAction } from './actions';
import { EVENT, METRIC } from './telemetry';

/** EC2 takes so many instances in one call. */
const MOST_INSTANCES = 100;
/** A call that failed is made again after this long, unless EC2 says longer. */
const RETRY_MS = 30_000;
/** What is refused is refused again until somebody changes something. */
const REFUSED_MS = 10 * 60_000;

/** By cloud: what went wrong in asking and is a bug of ours, for the next look to throw. */
const bugs = new WeakMap<CloudPort, { readonly error: unknown }>();

/** Notes the attempts and sends them off, in one call for each node group. Returns what kept attempts from being noted. */
export async function applyReboots(actions: readonly RebootAction[], context: ControllerContext): Promise<unknown[]> {
  const bug = bugs.get(context.cloud);
  bugs.delete(context.cloud);
  const failures: unknown[] = bug ? [bug.error] : [];
  for (const nodeGroup of [...new Set(actions.map((action) => action.nodeGroup))].sort()) {
    const wanted = actions.filter((action) => action.nodeGroup === nodeGroup).slice(0, MOST_INSTANCES);
    const reserved: RebootAction[] = [];
    for (const action of wanted) {
      try {
        await reserve(action, context);
        reserved.push(action);
      } catch (error) {
        failures.push(error);
        context.metrics.count(METRIC.actions, { type: action.type, result: (error as Error).name });
      }
    }
    if (reserved.length === 0) continue;
    void send(nodeGroup, reserved, context).catch((error: unknown) => {
      if (!(error instanceof ApiError)) bugs.set(context.cloud, { error });
    });
  }
  return failures;
}

/** Under the version that it was decided on: a hold, a cordon or another boot that nobody has told us of yet makes this a Conflict. */
async function reserve(action: RebootAction, { cluster, cache }: ControllerContext): Promise<void> {
  const { node, resourceVersion, bootId, atMs } = action;
  const text = formatReboot({ atMs, ...(bootId === undefined ? {} : { bootId }) });
  const metadata = { resourceVersion, annotations: { [REBOOT_ANNOTATION]: text } };
  cache(NODES).assume(await cluster.mergePatch(NODES, { name: node }, { metadata }));
}

async function send(nodeGroup: string, reserved: readonly RebootAction[], context: ControllerContext): Promise<void> {
  const byId = new Map(reserved.map((action) => [instanceIdOf(action.providerID) ?? '', action] as const));
  const fates = await ask(nodeGroup, byId, context);
  for (const { instanceId, outcome, why = '' } of fates) {
    const action = byId.get(instanceId)!;
    if (outcome === 'Refused') await takeBack(action, { why, ms: REFUSED_MS }, context);
    else say(action, { reason: EVENT.rebooted, result: outcome, message: REBOOTED[outcome] }, context);
  }
}

const REBOOTED = {
  Done: 'its instance is asked to reboot',
  AlreadyGone: 'its instance is gone already, there is nothing to reboot',
} as const;

/** An answer that never came may have been a yes: the attempt stands, and is not repeated. */
async function ask(
  nodeGroup: string,
  byId: ReadonlyMap<string, RebootAction>,
  context: ControllerContext,
): Promise<readonly InstanceFate[]> {
  const { cloud, clusterName } = context;
  const all = [...byId.values()];
  if (clusterName === undefined) {
    const why = 'CLUSTER_NAME is not set: nobody knows which instances are ours';
    for (const action of all) await takeBack(action, { why, ms: REFUSED_MS }, context);
    return [];
  }
  try {
    return await cloud.rebootInstances([...byId.keys()], { cluster: clusterName, nodeGroups: [nodeGroup] });
  } catch (error) {
    if (error instanceof LeaseLost || !(error instanceof ApiError)) throw error;
    if (error instanceof Ambiguous) {
      const message = `${error.message}: nobody knows whether it reboots, so it counts as an attempt`;
      for (const action of all) say(action, { reason: EVENT.rebootUnknown, result: error.name, message }, context);
      return [];
    }
    const ms = error instanceof TooManyRequests ? Math.max(RETRY_MS, error.retryAfterMs) : RETRY_MS;
    for (const action of all) await takeBack(action, { why: error.message, ms }, context);
    return [];
  }
}

/** Nothing was sent: the attempt does not count, and the next is not made before. Unless this is written it counts, which is safe. */
async function takeBack(
  action: RebootAction,
  { why, ms }: { readonly why: string; readonly ms: number },
  context: ControllerContext,
): Promise<void> {
  const { cluster, cache, clock, log } = context;
  const { node, bootId, atMs } = action;
  const known = { atMs, ...(bootId === undefined ? {} : { bootId }) };
  const text = formatReboot({ ...known, notBeforeMs: clock.now() + ms, why });
  const metadata = { annotations: { [REBOOT_ANNOTATION]: text } };
  try {
    cache(NODES).assume(await cluster.mergePatch(NODES, { name: node }, { metadata }));
  } catch (error) {
    // A node that is gone, or a write that failed, must not leave the attempts of the others standing.
    if (error instanceof LeaseLost || !(error instanceof ApiError)) throw error;
    log.warn('an attempt to reboot was not taken back: it counts', { node, error: error.message });
    return;
  }
  say(action, { reason: EVENT.rebootNotSent, result: 'NotSent', message: `it is not rebooted: ${why}` }, context);
}

interface Said {
  readonly reason: string;
  /** Outcome as metrics name it. */
  readonly result: string;
  readonly message: string;
}

function say({ node, type, why }: RebootAction, { reason, result, message }: Said, context: ControllerContext): void {
  const { cache, events, log, metrics } = context;
  metrics.count(METRIC.actions, { type, result });
  log.info(message, { object: `Node ${node}`, reason });
  const regarding = cache(NODES).get(node);
  const told = `${message}; ${why}`.slice(0, 1024);
  if (regarding) events.record({ regarding, type: 'Warning', reason, action: 'Reboot', message: told });
}
