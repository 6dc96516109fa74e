/** NodePools, NodeClaims and Nodes as Karpenter writes them. */
import { estimateAllocatable, INSTANCE_TYPES } from '../catalog';
import { isTrue } from '../domain/conditions';
import { parseDuration } from '../domain/duration';
import type { KubeObject, Node, Taint } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import type { Instance } from './cloud';
import { hashText } from './random';

/** Keeps NodeClaims and Nodes until Karpenter has drained and ended them. */
export const FINALIZER = 'karpenter.sh/termination';
export const REGISTERED = 'karpenter.sh/registered';
export const INITIALIZED = 'karpenter.sh/initialized';
export const HASH = 'karpenter.sh/nodepool-hash';
export const DO_NOT_DISRUPT = 'karpenter.sh/do-not-disrupt';
export const DISRUPTED_TAINT: Taint = { key: FOREIGN_KEYS.karpenterDisrupted, effect: 'NoSchedule' };
const UNREGISTERED: Taint = { key: FOREIGN_KEYS.karpenterUnregistered, effect: 'NoExecute' };
const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
/** Pods of a node before anything is known about its network. */
const PODS_PER_NODE = 110;

/** What makes a NodeClaim of this pool different from one of an older template. */
export function templateHash(pool: KubeObject): string {
  return hashText(JSON.stringify(pool.spec?.template ?? {})).toString(16);
}

/** The value a pool or claim requires of a label. */
export function required(spec: any, key: string): string | undefined {
  return spec?.requirements?.find((one: { key: string }) => one.key === key)?.values?.[0];
}

/** A duration in milliseconds; `Never` and nothing are undefined. */
export function durationMs(text: string | undefined): number | undefined {
  return text === undefined || text === 'Never' ? undefined : parseDuration(text);
}

/** The NodeClaim a pool makes. */
export function renderClaim(pool: KubeObject, name: string): KubeObject {
  const { template } = pool.spec;
  return {
    apiVersion: 'karpenter.sh/v1',
    kind: 'NodeClaim',
    metadata: {
      name,
      labels: { ...template.metadata?.labels, [FOREIGN_KEYS.nodePool]: pool.metadata.name },
      annotations: { ...template.metadata?.annotations, [HASH]: templateHash(pool) },
      finalizers: [FINALIZER],
      ownerReferences: [
        {
          apiVersion: 'karpenter.sh/v1',
          kind: 'NodePool',
          name: pool.metadata.name,
          uid: pool.metadata.uid!,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: { ...template.spec },
  };
}

/** The Node of an instance, as its kubelet registers it: the template's labels, none of its taints. */
export function renderNode(claim: KubeObject, instance: Instance, topology: Readonly<Record<string, string>>): Node {
  const type = INSTANCE_TYPES.find(({ name }) => name === instance.instanceType)!;
  const resources = estimateAllocatable(type, PODS_PER_NODE);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: instance.id,
      labels: {
        ...claim.metadata.labels,
        'kubernetes.io/hostname': instance.id,
        'kubernetes.io/arch': type.architecture,
        'karpenter.sh/capacity-type': instance.reservationId ? 'reserved' : 'on-demand',
        [FOREIGN_KEYS.instanceType]: instance.instanceType,
        [FOREIGN_KEYS.zone]: instance.availabilityZone,
        ...topology,
      },
    },
    spec: { providerID: `aws:///${instance.availabilityZone}/${instance.id}`, taints: [UNREGISTERED, NOT_READY] },
    status: {
      capacity: resources,
      allocatable: resources,
      nodeInfo: { bootID: `boot-${instance.id}` },
      conditions: [],
    },
  };
}

/** The taints of a Node once it is registered: the template's for Karpenter's own, whatever else it had stays. */
export function registeredTaints(claim: KubeObject, node: Node): Taint[] {
  const { taints = [], startupTaints = [] } = claim.spec ?? {};
  const kept = (node.spec?.taints ?? []).filter(({ key }) => key !== UNREGISTERED.key);
  return [...kept, ...taints, ...startupTaints];
}

/** Why a Node is not initialized yet, if so. */
export function uninitialized(claim: KubeObject, node: Node): { readonly reason: string } | undefined {
  const { taints = [] } = node.spec ?? {};
  const keys = new Set(taints.map(({ key }) => key));
  if (!isTrue(node.status?.conditions, 'Ready')) return { reason: 'NodeNotReady' };
  if (keys.has(UNREGISTERED.key) || keys.has(NOT_READY.key)) return { reason: 'KnownEphemeralTaintsExist' };
  const startup: readonly Taint[] = claim.spec?.startupTaints ?? [];
  return startup.some(({ key }) => keys.has(key)) ? { reason: 'StartupTaintsExist' } : undefined;
}
