/** Caches, and what this process remembers → what plan-pods.ts and plan-work.ts decide on. */
import { JANITOR_POLICY_NAME, JanitorPolicy, JanitorPolicySpec, type JanitorPolicyStatus } from '../../api';
import type { KubeObject, Node } from '../../domain/kube';
import {
  CHECKPOINTS,
  EVENTS,
  FAULT_REPORTS,
  JANITOR_POLICIES,
  JOB_SETS,
  JOBS,
  LEADER_WORKER_SETS,
  NAMESPACES,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  RAY_JOBS,
  RESUBMISSIONS,
  VOLCANO_JOBS,
  VOLUME_ATTACHMENTS,
  VOLUME_CLAIMS,
  type ResourceType,
} from '../../domain/resources';
import { keyOf } from '../../domain/kube';
import {
  makePolicyReader,
  newestCheckpoints,
  toCheckpointFactsList,
  toMoveFactsList,
  toNamespaceBuckets,
  toNodeFactsList,
  toPodGroupFactsList,
  type PolicyState as PolicyOf,
} from '../../fleet';
import type { ControllerContext } from '../../runtime/controller';
import { toFaultSeen } from './fault-seen';
import { toLedgers } from './ledger';
import type { JanitorMemory } from './memory';
import { instanceBehind, toNodeStates, type InstanceState } from './node-state';
import { toAttachmentState, toClaimState, toPodEvents } from './objects';
import { toJanitorPods } from './pod';
import { HOSTNAME_LABEL, saysIgnore } from './reading';
import { rememberEnds, type SeenEnds } from './remember-ends';
import type { JanitorSnapshot } from './snapshot';
import { makeWorkReader, type WorkFacts } from './work';
import type { WorkSnapshot } from './work-snapshot';

/** Kinds of work that every cluster has, and those whose CRD may be absent. */
export const WORK: readonly ResourceType[] = [JOBS];
export const WORK_WHERE_THERE: readonly ResourceType[] = [
  VOLCANO_JOBS,
  JOB_SETS,
  LEADER_WORKER_SETS,
  RAY_CLUSTERS,
  RAY_JOBS,
  PYTORCH_JOBS,
  POD_GROUPS,
];

type Caches = Pick<ControllerContext, 'cache'>;

/** The JanitorPolicy as it is; with errors nothing is done. */
export type PolicyState = PolicyOf<JanitorPolicySpec, JanitorPolicyStatus>;

/** What counts while there is no policy, or none that can be understood: everything is said, nothing is done. */
export const DEFAULT_POLICY: JanitorPolicySpec = JanitorPolicySpec.parse({});

/** The policy; undefined when nobody has made one. */
export function observePolicy({ cache }: Caches): PolicyState | undefined {
  const object = cache(JANITOR_POLICIES).get(JANITOR_POLICY_NAME);
  return object && toPolicyState(object);
}

const toPolicyState = makePolicyReader<JanitorPolicySpec, JanitorPolicyStatus>(JanitorPolicy, DEFAULT_POLICY);

/** What this process remembers from one look to the next; all of it may be lost. */
export interface Remembered {
  readonly pods: JanitorMemory;
  readonly ends: SeenEnds;
  /** Node → since when (epoch ms) its machine is known to be gone. */
  readonly deadSince: ReadonlyMap<string, number>;
}

/** What is known beside the caches. */
export interface Look {
  readonly remembered: Remembered;
  /** By instance id, what EC2 said last. */
  readonly instances: ReadonlyMap<string, InstanceState>;
  readonly nowMs: number;
}

/** Everything about single pods. */
export function observePods({ cache }: Caches, works: readonly WorkFacts[], look: Look): JanitorSnapshot {
  const namespaces = cache(NAMESPACES).list();
  const claims = cache(VOLUME_CLAIMS)
    .list()
    .flatMap((claim) => toClaimState(claim) ?? []);
  return {
    pods: toJanitorPods(cache(PODS).list()),
    nodes: toNodeStates(cache(NODES).list()),
    instances: look.instances,
    namespaceBuckets: toNamespaceBuckets(namespaces),
    ignoredNamespaces: namesOf(namespaces.filter(saysIgnore)),
    ignoredOwners: new Set(works.filter(({ ignored }) => ignored).map(({ uid }) => uid)),
    claims: new Map(claims.map((claim) => [claim.key, claim] as const)),
    leaders: new Set(),
    events: toPodEvents(cache(EVENTS).list()),
    attachments: cache(VOLUME_ATTACHMENTS)
      .list()
      .flatMap((attachment) => toAttachmentState(attachment) ?? []),
    reports: new Set(cache(FAULT_REPORTS).list().map(keyOf)),
    memory: look.remembered.pods,
  };
}

/** Makes what reads all work: objects that did not change keep their facts. */
export function makeWorkObserver(): (context: Caches) => readonly WorkFacts[] {
  const readers = [...WORK, ...WORK_WHERE_THERE].map((resource) => ({ resource, read: makeWorkReader() }));
  return ({ cache }) => readers.flatMap(({ resource, read }) => read(cache(resource).list()));
}

/** Everything about work. */
export function observeWork(
  { cache }: Caches,
  works: readonly WorkFacts[],
  pods: JanitorSnapshot,
  look: Look,
): WorkSnapshot {
  const nodes = cache(NODES).list();
  const deadSince = deadNodes(pods, look);
  const ends = { works, pods: pods.pods, deadSince };
  return {
    works,
    pods: pods.pods,
    podGroups: toPodGroupFactsList(cache(POD_GROUPS).list()),
    checkpoints: newestCheckpoints(toCheckpointFactsList(cache(CHECKPOINTS).list())),
    nodes: new Map(toNodeFactsList(nodes).map((node) => [node.name, node] as const)),
    hostnames: hostnamesOf(nodes),
    deadSince,
    faults: cache(FAULT_REPORTS).list().map(toFaultSeen),
    ledgers: toLedgers(cache(RESUBMISSIONS).list()),
    moves: toMoveFactsList(cache(NODE_MOVES).list()),
    namespaceBuckets: pods.namespaceBuckets,
    ignoredNamespaces: pods.ignoredNamespaces,
    remembered: rememberEnds(look.remembered.ends, ends, look.nowMs),
  };
}

function namesOf(objects: readonly KubeObject[]): ReadonlySet<string> {
  return new Set(objects.map(({ metadata }) => metadata.name));
}

function hostnamesOf(nodes: readonly Node[]): ReadonlyMap<string, string> {
  return new Map(
    nodes.flatMap(({ metadata: { name, labels } }) => {
      const hostname = labels?.[HOSTNAME_LABEL];
      return hostname && hostname !== name ? [[name, hostname] as const] : [];
    }),
  );
}

/** Nodes that pods are bound to and that are gone, and those whose instance EC2 says has ended. */
function deadNodes(
  { pods, nodes, instances }: JanitorSnapshot,
  { remembered, nowMs }: Look,
): ReadonlyMap<string, number> {
  const dead = new Map<string, number>();
  const since = (name: string) => remembered.deadSince.get(name) ?? nowMs;
  for (const { facts } of pods) {
    const { nodeName } = facts;
    if (nodeName !== undefined && !nodes.has(nodeName)) dead.set(nodeName, since(nodeName));
  }
  for (const node of nodes.values()) {
    const state = instances.get(instanceBehind(node.name, node) ?? '')?.state;
    if (state === 'terminated' || state === 'stopped') dead.set(node.name, since(node.name));
  }
  return dead;
}
