/**
 * The last look, right before something is done to a pod: everything read live, judged by the same functions as in the plan. PURE.
 * Whoever applies reads first, and does nothing when any of the reads fails: only a 404 means "not there".
 */
import type { JanitorPolicySpec } from '../../api';
import { setCondition } from '../../domain/conditions';
import type { Condition, KubeObject } from '../../domain/kube';
import { toNamespaceBuckets } from '../../fleet';
import type { PodAction } from './actions';
import { decide, type Surroundings, type Wish } from './decide';
import { isOwnerGone } from './finalizers';
import { toNodeState, type InstanceState, type NodeState } from './node-state';
import { holdsLease, toClaimState } from './objects';
import { resourceOfOwner } from './owners';
import { toJanitorPod, type JanitorPod } from './pod';
import { at, listOf, saysIgnore, textOf } from './reading';
import { stuckOf, toStuckTimes } from './stuck';

/** What was read live. Undefined: a 404. */
export interface LiveLook {
  readonly pod: unknown;
  /** The Node of the pod's name for it. */
  readonly node: unknown;
  /** What EC2 said just now of the instance behind it (where the Node is gone: of the instance that is its name); undefined: nothing. */
  readonly instance: InstanceState | undefined;
  readonly namespace: unknown;
  /** The pod's controlling owner. */
  readonly owner: unknown;
  /** The claims that the pod names. */
  readonly claims: readonly unknown[];
  /** All Leases of its namespace. */
  readonly leases: readonly unknown[];
}

/** What the last look came to: do it under this version, or leave it, because of this. */
export type Recheck =
  { readonly go: true; readonly resourceVersion: string } | { readonly go: false; readonly words: string };

type Of<T extends PodAction['type']> = Extract<PodAction, { readonly type: T }>;

const stop = (words: string): Recheck => ({ go: false, words });

/** Whether this pod is still to be force-deleted, for the reason it was decided for. */
export function recheckForceDelete(
  action: Of<'ForceDelete'>,
  live: LiveLook,
  moment: { readonly policy: JanitorPolicySpec; readonly nowMs: number },
): Recheck {
  const looked = lookAgain(action, live, moment);
  if ('go' in looked) return looked;
  const { pod, wish } = looked;
  if (wish.type !== 'ForceDelete' || wish.proof.kind !== action.proof.kind) return stop(wish.words);
  return { go: true, resourceVersion: pod.resourceVersion };
}

/** Whether this finalizer is still to be taken off. `found`: what a live GET gave for each of the action's owners, in their order. */
export function recheckRemoveFinalizer(
  action: Of<'RemoveFinalizer'>,
  live: LiveLook & { readonly found: readonly unknown[] },
  moment: { readonly policy: JanitorPolicySpec; readonly nowMs: number },
): Recheck {
  const looked = lookAgain(action, live, moment);
  if ('go' in looked) return looked;
  const { pod, wish } = looked;
  if (wish.type !== 'RemoveFinalizer' || wish.finalizer !== action.finalizer) return stop(wish.words);
  const isAsked = ({ uid }: { readonly uid: string }) => action.owners.some((owner) => owner.uid === uid);
  if (action.owners.length !== live.found.length || !wish.owners.every(isAsked)) return stop('it has other owners now');
  const alive = action.owners.find((owner, i) => !resourceOfOwner(owner) || !isOwnerGone(owner, live.found[i]));
  if (alive) return stop(`its owner, ${alive.kind} ${alive.name}, is there`);
  return { go: true, resourceVersion: pod.resourceVersion };
}

interface Looked {
  readonly pod: JanitorPod;
  readonly wish: Wish;
}

function lookAgain(
  action: Of<'ForceDelete'> | Of<'RemoveFinalizer'>,
  live: LiveLook,
  { policy, nowMs }: { readonly policy: JanitorPolicySpec; readonly nowMs: number },
): Looked | Recheck {
  const pod = toJanitorPod(live.pod);
  const unfit = pod ? misread(pod, action, live) : 'the pod is gone';
  if (!pod || unfit || policy.dryRun) return stop(unfit ?? 'dryRun');
  const { nodeName } = pod.facts;
  const machines = machinesOf(nodeName, live);
  const goneSince = new Map(nodeName === undefined ? [] : [[nodeName, action.sinceMs] as const]);
  const stuck = stuckOf(pod, { ...machines, goneSince, events: new Map(), times: toStuckTimes(policy), nowMs });
  if (stuck?.state !== action.state || nowMs < stuck.dueMs) return stop('it is not stuck in that way any more');
  return { pod, wish: decide(pod, stuck, { ...machines, ...surroundingsOf(pod, live), policy, nowMs }) };
}

/** Why what was read is not what was asked for; undefined: it is. */
function misread({ facts }: JanitorPod, { uid, pod }: Of<'ForceDelete'> | Of<'RemoveFinalizer'>, live: LiveLook) {
  if (facts.uid !== uid || facts.key !== pod) return 'the pod is gone';
  if (live.node !== undefined && nameOf(live.node) !== facts.nodeName) return 'another node was read';
  return nameOf(live.namespace) === facts.namespace ? undefined : 'another namespace was read';
}

const nameOf = (object: unknown) => at(at(object, 'metadata'), 'name');

function machinesOf(nodeName: string | undefined, { node, instance }: LiveLook) {
  const state = toNodeState(node);
  return {
    nodes: new Map<string, NodeState>(nodeName !== undefined && state ? [[nodeName, state]] : []),
    instances: new Map(instance ? [[instance.id, instance] as const] : []),
  };
}

function surroundingsOf(
  { facts, owners }: JanitorPod,
  { namespace, owner, claims, leases }: LiveLook,
): Omit<Surroundings, 'nodes' | 'instances' | 'policy' | 'nowMs'> {
  // The owner that was read, whichever it is, speaks for the one that the pod names.
  const ignoredOwner = saysIgnore(owner) ? owners.map(({ uid }) => uid) : [];
  return {
    namespaceBuckets: toNamespaceBuckets([namespace as KubeObject]),
    ignoredNamespaces: new Set(saysIgnore(namespace) ? [facts.namespace] : []),
    ignoredOwners: new Set(ignoredOwner),
    claims: new Map(
      listOf(claims).flatMap((claim) => {
        const state = toClaimState(claim);
        return state ? [[state.key, state] as const] : [];
      }),
    ),
    leaders: new Set(holdsLease(facts, leases) ? [facts.key] : []),
    ...{ attachments: [], pulls: { failing: new Map(), came: new Map() } },
    ...{ withoutAddress: new Set<string>(), withoutDriver: new Set<string>() },
  };
}

/** Reason of the DisruptionTarget condition that we write. */
export const DELETED_REASON = 'DeletionByPodJanitor';

/**
 * Merge patch of a pod's status before it goes: it was lost, its program did not fail. The Job controller counts such a pod by its podFailurePolicy
 * (`DisruptionTarget`), as it does when Kubernetes itself evicts. A merge patch replaces the list, so all conditions are in it.
 */
export function endPatch(
  pod: unknown,
  { uid, message }: Pick<Of<'ForceDelete'>, 'uid' | 'message'>,
  nowMs: number,
): object {
  const metadata = at(pod, 'metadata');
  const known = listOf(at(at(pod, 'status'), 'conditions')).filter((one) =>
    textOf(at(one, 'type')),
  ) as readonly Condition[];
  const target = { type: 'DisruptionTarget', status: 'True', reason: DELETED_REASON, message } as const;
  return {
    metadata: { uid, resourceVersion: at(metadata, 'resourceVersion') },
    status: { phase: 'Failed', conditions: setCondition(known, target, nowMs) },
  };
}

/** Merge patch of a pod without this finalizer. */
export function finalizerPatch(
  pod: unknown,
  { uid, finalizer }: Pick<Of<'RemoveFinalizer'>, 'uid' | 'finalizer'>,
): object {
  const metadata = at(pod, 'metadata');
  const finalizers = listOf(at(metadata, 'finalizers')).filter((name) => name !== finalizer);
  return { metadata: { uid, resourceVersion: at(metadata, 'resourceVersion'), finalizers } };
}
