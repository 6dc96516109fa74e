/**
 * Does one action about a pod, if it is still right: everything it was decided on is read live first (recheck.ts judges), and every write
 * carries the UID and the resourceVersion of what was read. A read that fails rejects, and nothing is done.
 */
import { FaultReport, type JanitorPolicySpec } from '../../api';
import { formatTime, nameOfKey, type KubeObject, type OwnerReference } from '../../domain/kube';
import { FAULT_REPORTS, LEASES, NAMESPACES, NODES, PODS, VOLUME_CLAIMS } from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { AlreadyExists, ifThere, NotFound } from '../../runtime/errors';
import type { PodAction } from './actions';
import { instanceBehind, toNodeState } from './node-state';
import { toJanitorPod } from './pod';
import {
  endPatch,
  finalizerPatch,
  recheckForceDelete,
  recheckRemoveFinalizer,
  type LiveLook,
  type Recheck,
} from './recheck';
import { presenceOf404, resourceOfOwner } from './owners';
import { EVENT, METRIC } from './telemetry';

type Of<T extends PodAction['type']> = Extract<PodAction, { readonly type: T }>;

/** Does it. Resolves to whether it was done; rejects with what reading or writing came to. */
export async function applyPodAction(
  action: PodAction,
  context: ControllerContext,
  policy: JanitorPolicySpec,
): Promise<void> {
  const { metrics } = context;
  try {
    metrics.count(METRIC.actions, { type: action.type, result: await apply(action, context, policy) });
  } catch (error) {
    metrics.count(METRIC.actions, { type: action.type, result: (error as Error).name });
    throw error;
  }
}

function apply(action: PodAction, context: ControllerContext, policy: JanitorPolicySpec): Promise<'Done' | 'Refused'> {
  switch (action.type) {
    case 'ForceDelete':
      return forceDelete(action, context, policy);
    case 'RemoveFinalizer':
      return removeFinalizer(action, context, policy);
    case 'ReportFault':
      return reportFault(action, context);
    case 'Say':
      return sayIt(action, context);
  }
}

async function forceDelete(action: Of<'ForceDelete'>, context: ControllerContext, policy: JanitorPolicySpec) {
  const { cluster, cache, clock } = context;
  const live = await look(action.pod, context);
  const checked = recheckForceDelete(action, live, { policy, nowMs: clock.now() });
  if (!checked.go) return refused(action, checked, context);
  const name = nameOfKey(action.pod);
  let { resourceVersion } = checked;
  if (action.endFirst) {
    const ended = await cluster.mergePatch(PODS, name, endPatch(live.pod, action, clock.now()), {
      subresource: 'status',
    });
    cache(PODS).assume(ended);
    resourceVersion = ended.metadata.resourceVersion!;
  }
  // Whoever reads the pod's story reads it before the pod is gone.
  say(live.pod as KubeObject, context, { reason: EVENT.freed, action: 'ForceDelete', message: action.message });
  await cluster.delete(PODS, name, { uid: action.uid, resourceVersion, gracePeriodSeconds: 0 });
  return 'Done' as const;
}

async function removeFinalizer(action: Of<'RemoveFinalizer'>, context: ControllerContext, policy: JanitorPolicySpec) {
  const live = await look(action.pod, context);
  const { namespace } = nameOfKey(action.pod);
  const found: unknown[] = [];
  for (const owner of action.owners) found.push(await findOwner(owner, namespace, context));
  const checked = recheckRemoveFinalizer(action, { ...live, found }, { policy, nowMs: context.clock.now() });
  if (!checked.go) return refused(action, checked, context);
  const written = await context.cluster.mergePatch(PODS, nameOfKey(action.pod), finalizerPatch(live.pod, action));
  say(written, context, { reason: EVENT.finalizer, action: 'RemoveFinalizer', message: action.message });
  return 'Done' as const;
}

async function reportFault(action: Of<'ReportFault'>, { cluster, cache }: ControllerContext) {
  const { namespace, report, node, pod, kind, message, observedMs } = action;
  const made = FaultReport.make(report, { node, pod, kind, message, observedAt: formatTime(observedMs) });
  try {
    const created = await cluster.create(FAULT_REPORTS, { ...made, metadata: { ...made.metadata, namespace } });
    cache(FAULT_REPORTS).assume(created);
  } catch (error) {
    if (!(error instanceof AlreadyExists)) throw error;
  }
  return 'Done' as const;
}

async function sayIt({ pod, uid, reason, message }: Of<'Say'>, context: ControllerContext) {
  const object = context.cache(PODS).get(pod);
  if (object?.metadata.uid !== uid) return 'Refused' as const;
  say(object, context, { reason, action: 'Look', message });
  return 'Done' as const;
}

function refused({ pod, type }: PodAction & { readonly pod: string }, recheck: Recheck, { log }: ControllerContext) {
  log.info('left alone after all', { pod, type, why: recheck.go ? '' : recheck.words });
  return 'Refused' as const;
}

function say(
  regarding: KubeObject,
  { events, log }: ControllerContext,
  said: { readonly reason: string; readonly action: string; readonly message: string },
): void {
  const { namespace, name } = regarding.metadata;
  log.info(said.message, { pod: `${namespace}/${name}`, reason: said.reason });
  events.record({ regarding, type: 'Warning', ...said });
}

/** Everything a decision about this pod rests on, read live. */
async function look(pod: string, context: ControllerContext): Promise<LiveLook> {
  const { cluster } = context;
  const name = nameOfKey(pod);
  const live = await ifThere(cluster.get(PODS, name));
  const read = toJanitorPod(live);
  const owner = read?.owners.find(({ controller }) => controller);
  const claims = await Promise.all(
    (read?.claims ?? []).map((claim) => ifThere(cluster.get(VOLUME_CLAIMS, { ...name, name: claim.name }))),
  );
  const { items: leases } = await cluster.list(LEASES, { namespace: name.namespace });
  return {
    ...{ pod: live, leases },
    ...(await lookAtMachine(read?.facts.nodeName, context)),
    namespace: await ifThere(cluster.get(NAMESPACES, { name: name.namespace })),
    owner: owner && (await findOwner(owner, name.namespace, context)),
    claims: claims.filter((claim) => claim !== undefined),
  };
}

async function lookAtMachine(name: string | undefined, { cluster, cloud }: ControllerContext) {
  if (name === undefined) return { node: undefined, instance: undefined };
  const node = await ifThere(cluster.get(NODES, { name }));
  const id = instanceBehind(name, toNodeState(node));
  const states = id === undefined ? [] : await cloud.readInstanceStatus([id]);
  const state = states.find(({ instanceId }) => instanceId === id)?.state;
  return { node, instance: id !== undefined && state !== undefined ? { id, state } : undefined };
}

/** An owner, where we know how to ask for it. Where its Kind itself is not served, "not found" says nothing: that rejects. */
async function findOwner(owner: OwnerReference, namespace: string, { cluster }: ControllerContext): Promise<unknown> {
  const resource = resourceOfOwner(owner);
  if (!resource) return undefined;
  try {
    return await cluster.get(resource, { name: owner.name, namespace });
  } catch (error) {
    if (error instanceof NotFound && presenceOf404(owner, error.message) === 'Absent') return undefined;
    throw error;
  }
}
