/**
 * Karpenter with static NodePools, as recorded: one NodeClaim per replica, never more than `limits.nodes` of them, launch, registration
 * and initialization, expiry at one instant, drift that is seen. Draining and ending is in `karpenter-drain.ts`, which nodes go when
 * `replicas` falls in `karpenter-pool.ts`.
 */
import { isTrue } from '../domain/conditions';
import type { KubeObject, Node } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { NODE_CLAIMS, NODES } from '../domain/resources';
import type { CloudModel, Instance } from './cloud';
import { deleteIfThere, Later, patchStatus, withConditions, type Inside } from './inside';
import { claimOf, poolOf, type KarpenterContext, type KarpenterTimes } from './karpenter-context';
import { startDrains } from './karpenter-drain';
import {
  durationMs,
  FINALIZER,
  INITIALIZED,
  REGISTERED,
  registeredTaints,
  renderNode,
  required,
  uninitialized,
} from './karpenter-objects';
import { startPools } from './karpenter-pool';
import { between } from './random';
import { NODE_CLASSES } from './served-kinds';

/** Time between two NodeClaims that expiry deletes. */
const EXPIRY_STEP_MS = 1000;

/** Starts Karpenter. */
export function startKarpenter(inside: Inside, cloud: CloudModel, times: KarpenterTimes): void {
  const { server } = inside;
  const context: KarpenterContext = { inside, cloud, times, refused: () => undefined };
  const pools = startPools(context);
  const full: KarpenterContext = { ...context, refused: (pool) => pools.touch(pool, times.refusedMs) };
  startDrains(full);
  startExpiry(inside);
  const initialize = new Later(inside.clock, 20, (name) => tryInitialize(inside, name));
  server.onChange(({ type, object }) => {
    if (type !== 'ADDED') return;
    inside.clock.after(between(inside.random, ...times.launchMs), () => launch(full, object));
  }, NODE_CLAIMS);
  server.onChange(({ type, object }) => {
    if (type !== 'DELETED' && poolOf(object)) initialize.touch(object.metadata.name);
  }, NODES);
  cloud.onInstanceLost((instance) => loseNode(inside, instance));
}

function live({ server }: Inside, claim: KubeObject): KubeObject | undefined {
  const now = server.find(NODE_CLAIMS, claim.metadata);
  return now?.metadata.uid === claim.metadata.uid && !now?.metadata.deletionTimestamp ? now : undefined;
}

function launch(context: KarpenterContext, created: KubeObject): void {
  const { inside, cloud, times } = context;
  const claim = live(inside, created);
  if (!claim) return;
  const instance = cloud.launch({
    nodePool: claim.metadata.labels?.[FOREIGN_KEYS.nodePool],
    instanceType: required(claim.spec, FOREIGN_KEYS.instanceType) ?? '',
    availabilityZone: required(claim.spec, FOREIGN_KEYS.zone),
    reservationId: reservationOf(inside, claim),
  });
  if ('insufficient' in instance) return refuse(context, claim, instance.insufficient);
  patchStatus(inside, NODE_CLAIMS, claim, {
    providerID: `aws:///${instance.availabilityZone}/${instance.id}`,
    conditions: withConditions(
      inside,
      claim.status?.conditions,
      { type: 'Launched', status: 'True' },
      { type: 'Registered', status: 'Unknown', reason: 'NodeNotFound' },
      { type: 'Initialized', status: 'Unknown', reason: 'AwaitingReconciliation' },
    ),
  });
  inside.clock.after(between(inside.random, ...times.bootMs), () => boot(context, claim, instance));
}

/** The reservation of a claim that insists on reserved capacity, from its node class. */
function reservationOf({ server }: Inside, { spec }: KubeObject): string | undefined {
  if (required(spec, 'karpenter.sh/capacity-type') !== 'reserved') return undefined;
  const nodeClass = server.find(NODE_CLASSES, { name: spec.nodeClassRef?.name ?? '' });
  return nodeClass?.spec?.capacityReservationSelectorTerms?.[0]?.id;
}

function refuse({ inside, refused }: KarpenterContext, claim: KubeObject, message: string): void {
  const launched = { type: 'Launched', status: 'False', reason: 'InsufficientCapacity', message } as const;
  patchStatus(inside, NODE_CLAIMS, claim, { conditions: withConditions(inside, claim.status?.conditions, launched) });
  refused(poolOf(claim));
  inside.clock.after(500, () => deleteIfThere(inside, NODE_CLAIMS, claim));
}

function boot({ inside, cloud, times }: KarpenterContext, created: KubeObject, instance: Instance): void {
  const claim = live(inside, created);
  if (!claim || !cloud.running().some(({ id }) => id === instance.id)) return;
  const node = inside.server.create(NODES, renderNode(claim, instance, cloud.topology(instance)));
  inside.clock.after(between(inside.random, ...times.registerMs), () => register(inside, claim, node));
}

function register(inside: Inside, created: KubeObject, booted: KubeObject): void {
  const claim = live(inside, created);
  const node = inside.server.find(NODES, { name: booted.metadata.name }) as Node | undefined;
  if (!claim || !node || node.metadata.uid !== booted.metadata.uid) return;
  inside.server.mergePatch(
    NODES,
    { name: node.metadata.name },
    {
      metadata: { labels: { [REGISTERED]: 'true' }, finalizers: [...(node.metadata.finalizers ?? []), FINALIZER] },
      spec: { taints: registeredTaints(claim, node) },
    },
  );
  const registered = { type: 'Registered', status: 'True' } as const;
  patchStatus(inside, NODE_CLAIMS, claim, {
    nodeName: node.metadata.name,
    conditions: withConditions(inside, claim.status?.conditions, registered).map(withoutReason('Registered')),
  });
}

const withoutReason = (type: string) => (condition: { readonly type: string }) =>
  condition.type === type ? { ...condition, reason: undefined, message: undefined } : condition;

function tryInitialize(inside: Inside, name: string): void {
  const node = inside.server.find(NODES, { name }) as Node | undefined;
  if (!node || node.metadata.labels?.[REGISTERED] !== 'true') return;
  const claim = claimOf(inside, node);
  if (!claim || isTrue(claim.status?.conditions, 'Initialized')) return;
  const waits = uninitialized(claim, node);
  const before = claim.status?.conditions;
  if (waits) {
    const waiting = { type: 'Initialized', status: 'Unknown', reason: waits.reason } as const;
    return patchStatus(inside, NODE_CLAIMS, claim, { conditions: withConditions(inside, before, waiting) });
  }
  inside.server.mergePatch(NODES, { name }, { metadata: { labels: { [INITIALIZED]: 'true' } } });
  const conditions = withConditions(inside, before, { type: 'Initialized', status: 'True' });
  patchStatus(inside, NODE_CLAIMS, claim, { conditions: conditions.map(withoutReason('Initialized')) });
}

/** NodeClaims are deleted when they are old, whatever budgets say, one a second. */
function startExpiry(inside: Inside): void {
  let lastMs = 0;
  inside.server.onChange(({ type, object }) => {
    const expireMs = durationMs(object.spec?.expireAfter);
    if (type !== 'ADDED' || expireMs === undefined) return;
    inside.clock.after(expireMs, () => {
      lastMs = Math.max(inside.clock.now(), lastMs + EXPIRY_STEP_MS);
      inside.clock.after(lastMs - inside.clock.now(), () => deleteIfThere(inside, NODE_CLAIMS, object));
    });
  }, NODE_CLAIMS);
}

/** The instance is gone: nothing is left to drain. */
function loseNode(inside: Inside, instance: Instance): void {
  const { server } = inside;
  const node = server.find(NODES, { name: instance.id }) as Node | undefined;
  const claim = server.all(NODE_CLAIMS).find(({ status }) => status?.providerID?.endsWith(`/${instance.id}`));
  if (node) {
    deleteIfThere(inside, NODES, node);
    if (server.find(NODES, node.metadata)) server.mergePatch(NODES, node.metadata, { metadata: { finalizers: [] } });
  }
  if (!claim) return;
  deleteIfThere(inside, NODE_CLAIMS, claim);
  if (server.find(NODE_CLAIMS, claim.metadata))
    server.mergePatch(NODE_CLAIMS, claim.metadata, { metadata: { finalizers: [] } });
}
