/** How Karpenter ends a node: taint, drain through the Eviction API, by force when its grace period is over, then the instance. */
import { findCondition } from '../domain/conditions';
import { formatTime, parseTime, type KubeObject, type Node, type Pod } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { NODE_CLAIMS, NODES, PODS } from '../domain/resources';
import { hasTaint, tolerates } from '../domain/taints';
import { ApiError } from '../runtime/errors';
import { deleteIfThere, patchStatus, withConditions, type Inside } from './inside';
import { claimOf, poolOf, type KarpenterContext } from './karpenter-context';
import { DISRUPTED_TAINT, DO_NOT_DISRUPT, durationMs, FINALIZER } from './karpenter-objects';
import { isDaemon } from './karpenter-pool';
import { podsOn } from './kubelet';
import { hasEnded } from './pod-rules';
import { between } from './random';

/** A drain is looked at so often. */
const LOOK_MS = 1000;
/** A refused eviction is tried again after this long at most. */
const RETRY_MS = 8000;

/** Starts draining and ending. */
export function startDrains(context: KarpenterContext): void {
  const { inside } = context;
  const { server, clock } = inside;
  server.onChange(({ type, object, before }) => {
    if (!poolOf(object)) return;
    const began = object.metadata.deletionTimestamp && !before?.metadata.deletionTimestamp;
    if (type !== 'DELETED' && !began) return;
    clock.after(10, () => {
      const claim = claimOf(inside, object);
      if (claim) deleteIfThere(inside, NODE_CLAIMS, claim);
    });
  }, NODES);
  server.onChange(({ object, before }) => {
    const began = object.metadata.deletionTimestamp && !before?.metadata.deletionTimestamp;
    if (began) clock.after(10, () => beginEnding(context, object));
  }, NODE_CLAIMS);
}

function live({ server }: Inside, claim: KubeObject): KubeObject | undefined {
  const now = server.find(NODE_CLAIMS, claim.metadata);
  return now?.metadata.uid === claim.metadata.uid ? now : undefined;
}

function nodeOf({ server }: Inside, claim: KubeObject): Node | undefined {
  return server
    .all(NODES)
    .find((node) => claim.status?.providerID !== undefined && node.spec?.providerID === claim.status.providerID) as
    Node | undefined;
}

function beginEnding(context: KarpenterContext, started: KubeObject): void {
  const { inside } = context;
  const claim = live(inside, started);
  if (!claim) return;
  const node = nodeOf(inside, claim);
  if (!node) return endInstance(context, claim);
  deleteIfThere(inside, NODES, node);
  taint(inside, node);
  const graceMs = durationMs(claim.spec?.terminationGracePeriod);
  const annotated = claim.metadata.annotations?.[FOREIGN_KEYS.terminationTimestamp];
  if (graceMs !== undefined && annotated === undefined) {
    const at = formatTime(parseTime(claim.metadata.deletionTimestamp)! + graceMs);
    inside.server.mergePatch(NODE_CLAIMS, claim.metadata, {
      metadata: { annotations: { [FOREIGN_KEYS.terminationTimestamp]: at } },
    });
  }
  const draining = { type: 'Drained', status: 'Unknown', reason: 'Draining' } as const;
  patchStatus(inside, NODE_CLAIMS, claim, { conditions: withConditions(inside, claim.status?.conditions, draining) });
  const readyAtMs = inside.clock.now() + between(inside.random, ...context.times.terminateMs);
  drain(context, claim, { readyAtMs, retryAtMs: 0 });
}

function taint({ server }: Inside, node: Node): void {
  const now = server.find(NODES, node.metadata) as Node | undefined;
  if (!now || hasTaint(now.spec?.taints, DISRUPTED_TAINT.key)) return;
  server.mergePatch(NODES, node.metadata, { spec: { taints: [...(now.spec?.taints ?? []), DISRUPTED_TAINT] } });
}

interface Drain {
  /** The instance is not ended before. */
  readonly readyAtMs: number;
  /** Refused evictions are not tried before. */
  retryAtMs: number;
}

function drain(context: KarpenterContext, started: KubeObject, state: Drain): void {
  const { inside } = context;
  const claim = live(inside, started);
  const node = claim && nodeOf(inside, claim);
  if (!claim) return;
  const now = inside.clock.now();
  const deadlineMs = parseTime(claim.metadata.annotations?.[FOREIGN_KEYS.terminationTimestamp]) ?? Infinity;
  const pods = node ? podsOn(inside, node.metadata.name).filter(mustLeave) : [];
  for (const pod of pods) push(inside, pod, deadlineMs, state);
  const over = pods.length === 0 || now >= deadlineMs;
  if (over && now >= Math.min(state.readyAtMs, deadlineMs)) return endInstance(context, claim);
  inside.clock.after(LOOK_MS, () => drain(context, claim, state));
}

/** Pods that are drained: not ended, not a DaemonSet's, and not such that tolerate Karpenter's taint. */
function mustLeave(pod: Pod): boolean {
  const stays = (pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, DISRUPTED_TAINT));
  return !hasEnded(pod) && !isDaemon(pod) && !stays;
}

function push(inside: Inside, pod: Pod, deadlineMs: number, state: Drain): void {
  const now = inside.clock.now();
  if (pod.metadata.deletionTimestamp) return;
  const graceMs = (pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
  if (now + LOOK_MS > deadlineMs - graceMs) {
    inside.server.delete(PODS, pod.metadata, { gracePeriodSeconds: Math.floor(graceMs / 1000) });
    return;
  }
  if (pod.metadata.annotations?.[DO_NOT_DISRUPT] === 'true' || now < state.retryAtMs) return;
  try {
    inside.server.evict(pod.metadata, { uid: pod.metadata.uid });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    state.retryAtMs = now + RETRY_MS;
  }
}

function endInstance(context: KarpenterContext, claim: KubeObject): void {
  const { inside, cloud } = context;
  const { server } = inside;
  const node = nodeOf(inside, claim);
  if (node && findCondition(claim.status?.conditions, 'Drained')) {
    patchStatus(inside, NODE_CLAIMS, claim, {
      conditions: withConditions(
        inside,
        claim.status?.conditions,
        { type: 'Drained', status: 'True' },
        { type: 'InstanceTerminating', status: 'True' },
      ),
    });
  }
  const id = (claim.status?.providerID as string | undefined)?.split('/').at(-1);
  if (id) cloud.terminate(id);
  if (node) releaseFinalizer(inside, NODES, node);
  releaseFinalizer(inside, NODE_CLAIMS, server.find(NODE_CLAIMS, claim.metadata) ?? claim);
}

function releaseFinalizer(inside: Inside, resource: typeof NODES, object: KubeObject): void {
  deleteIfThere(inside, resource, object);
  const now = inside.server.find(resource, object.metadata);
  if (!now) return;
  const finalizers = (now.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
  inside.server.mergePatch(resource, now.metadata, { metadata: { finalizers } });
}
