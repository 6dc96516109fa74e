/** Makers of pods, nodes and snapshots for tests of this folder: raw objects, read as the caches' are. */
import { JanitorPolicySpec } from '../../api';
import { formatTime, type KubeObject, type OwnerReference } from '../../domain/kube';
import { BUCKET_KEY, HOLD_ANNOTATION } from '../../domain/node-keys';
import { freshMemory, type JanitorMemory } from './memory';
import { toNodeStates, UNREACHABLE_TAINT, type InstanceState } from './node-state';
import { toAttachmentState, toClaimState, toPodEvents } from './objects';
import { toJanitorPods } from './pod';
import type { JanitorSnapshot } from './snapshot';

/** Now, in the tests of this folder. */
export const NOW_MS = Date.parse('2026-11-26T12:00:00Z');
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
/** The namespace of the bucket. */
export const NAMESPACE = 'research';

/** What a made pod differs in. Times are minutes before now; a negative one is to come. */
export interface PodWishes {
  readonly name?: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly phase?: string;
  /** Its deletion time (which includes the grace). */
  readonly deletedMin?: number;
  readonly grace?: number;
  readonly finalizers?: readonly string[];
  readonly owners?: readonly OwnerReference[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** When it was bound. */
  readonly boundMin?: number;
  readonly claims?: readonly string[];
  /** State of its container `main`. */
  readonly state?: object;
  readonly image?: string;
  readonly pinnedTo?: string;
}

const ago = (minutes: number) => formatTime(NOW_MS - minutes * MINUTE_MS);

/** An owner that restarts its pods, controlling. */
export function makeOwner(kind: string, name = 'owner', apiVersion = 'batch/v1'): OwnerReference {
  return { apiVersion, kind, name, uid: `uid-${kind}-${name}`, controller: true };
}

const PLAIN = {
  ...{ name: 'pod-0', namespace: NAMESPACE, node: 'node-0' as string | undefined, image: 'registry/train:1' },
  ...{ finalizers: [], owners: [], labels: {}, annotations: {}, claims: [], grace: 30, boundMin: 59 },
  state: { running: { startedAt: ago(50) } },
};

/** A Pod that runs on node-0, an hour old, of namespace research. */
export function makePod(wishes: PodWishes = {}): KubeObject {
  const { name, namespace, node, image, labels, annotations, ...of } = { ...PLAIN, ...wishes };
  const deletion =
    of.deletedMin === undefined ? {} : { deletionTimestamp: ago(of.deletedMin), deletionGracePeriodSeconds: of.grace };
  const metadata = { name, namespace, uid: `uid-${namespace}-${name}`, resourceVersion: '7' };
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: {
      ...{ ...metadata, creationTimestamp: ago(60), ...deletion },
      ...{ labels, annotations, finalizers: of.finalizers, ownerReferences: of.owners },
    },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      ...(of.pinnedTo === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': of.pinnedTo } }),
      containers: [{ name: 'main', image }],
      volumes: of.claims.map((claimName, i) => ({ name: `v${i}`, persistentVolumeClaim: { claimName } })),
    },
    status: {
      phase: of.phase ?? (node === undefined ? 'Pending' : 'Running'),
      startTime: ago(59),
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: ago(of.boundMin) }],
      containerStatuses: node === undefined ? [] : [{ name: 'main', image, state: of.state }],
    },
  };
}

/** A pod whose container waits, with this reason and message, bound for half an hour. */
export function makeWaiting(
  wishes: PodWishes & { readonly reason?: string; readonly message?: string } = {},
): KubeObject {
  const { reason = 'ContainerCreating', message = '' } = wishes;
  return makePod({ phase: 'Pending', boundMin: 30, state: { waiting: { reason, message } }, ...wishes });
}

/** What a made node differs in. */
export interface NodeWishes {
  readonly name?: string;
  readonly ready?: 'True' | 'False' | 'Unknown';
  readonly unreachable?: boolean;
  readonly held?: boolean;
  /** How many minutes ago the Node object was made. */
  readonly createdMin?: number;
  readonly instance?: string;
}

/** A Node that is Ready, of instance i-<name>. */
export function makeNode({ name = 'node-0', ready, unreachable = false, ...over }: NodeWishes = {}): KubeObject {
  const status = ready ?? (unreachable ? 'Unknown' : 'True');
  const taint = { key: UNREACHABLE_TAINT, effect: 'NoExecute', timeAdded: ago(10) };
  return {
    ...{ apiVersion: 'v1', kind: 'Node' },
    metadata: {
      ...{ name, uid: `uid-${name}`, resourceVersion: '3', creationTimestamp: ago(over.createdMin ?? 600) },
      annotations: over.held ? { [HOLD_ANNOTATION]: 'me' } : {},
      labels: { 'kubernetes.io/hostname': name },
    },
    spec: {
      providerID: `aws:///us-east-2a/${over.instance ?? instanceOf(name)}`,
      taints: unreachable ? [taint] : [],
    },
    status: { conditions: [{ type: 'Ready', status }] },
  };
}

/** The instance of a made node. */
export function instanceOf(node: string): string {
  return `i-${node.replaceAll('-', '')}`;
}

/** An Event about a made pod, a minute old. */
export function makeEvent(pod: KubeObject, reason: string, note: string, minutes = 1): KubeObject {
  const { name, namespace, uid } = pod.metadata;
  return {
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: `e-${name}`, namespace } },
    ...{ regarding: { kind: 'Pod', name, namespace, uid }, reason, note, type: 'Warning' },
    series: { count: 9, lastObservedTime: ago(minutes) },
  };
}

/** What a snapshot is made of: raw objects. */
export interface World {
  readonly pods?: readonly KubeObject[];
  readonly nodes?: readonly KubeObject[];
  /** Node → EC2's word for its instance. */
  readonly ec2?: Readonly<Record<string, string>>;
  readonly events?: readonly KubeObject[];
  readonly claims?: Readonly<Record<string, string>>;
  readonly attachments?: readonly unknown[];
  readonly leaders?: readonly string[];
  readonly ignoredNamespaces?: readonly string[];
  readonly ignoredOwners?: readonly string[];
  readonly reports?: readonly string[];
  readonly memory?: Partial<JanitorMemory>;
}

/** A memory that has seen these nodes gone for so many minutes, of a process that may act. */
export function makeMemory(gone: Readonly<Record<string, number>> = {}): JanitorMemory {
  const goneSince = new Map(Object.entries(gone).map(([name, minutes]) => [name, NOW_MS - minutes * MINUTE_MS]));
  return { ...freshMemory(NOW_MS - 60 * MINUTE_MS), goneSince };
}

const EMPTY = {
  ...{ pods: [], nodes: [], ec2: {}, events: [], claims: {}, attachments: [], leaders: [] },
  ...{ ignoredNamespaces: [], ignoredOwners: [], reports: [], memory: {} },
};

/** The snapshot of a world; research is the namespace of bucket training. */
export function makeSnapshot(world: World = {}): JanitorSnapshot {
  const { pods, nodes, ec2, ...of }: Required<World> = { ...EMPTY, ...world };
  const instances = Object.entries(ec2).map(([node, state]): InstanceState => {
    return { id: node.startsWith('i-') ? node : instanceOf(node), state };
  });
  const claims = Object.entries(of.claims).map(([name, mode]) =>
    toClaimState({ metadata: { name, namespace: NAMESPACE }, spec: { accessModes: [mode] } }),
  );
  return {
    pods: toJanitorPods(pods),
    nodes: toNodeStates(nodes),
    instances: new Map(instances.map((instance) => [instance.id, instance])),
    namespaceBuckets: new Map([[NAMESPACE, 'training']]),
    ignoredNamespaces: new Set(of.ignoredNamespaces),
    ignoredOwners: new Set(of.ignoredOwners),
    claims: new Map(claims.flatMap((claim) => (claim ? [[claim.key, claim] as const] : []))),
    leaders: new Set(of.leaders),
    events: toPodEvents(of.events),
    attachments: of.attachments.flatMap((one) => toAttachmentState(one) ?? []),
    reports: new Set(of.reports),
    memory: { ...makeMemory(), ...of.memory },
  };
}

/** A policy that may act, with these differences. */
export function makePolicy(over: object = {}): JanitorPolicySpec {
  return JanitorPolicySpec.parse({ dryRun: false, ...over });
}

/** The namespace of the bucket, as an object. */
export function makeNamespace(over: object = {}): KubeObject {
  return {
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { name: NAMESPACE, labels: { [BUCKET_KEY]: 'training' }, ...over },
  };
}
