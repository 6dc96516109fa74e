/**
 * What is kept of an object in a watch cache: what decisions read, and nothing else. Most of a pod is containers' environment, volumes,
 * probes and the kubelet's reports, and 20,000 of them would not fit into the memory a controller may take; whatever is kept is also
 * looked at by every collection of garbage. What pods of one workload and nodes of one type carry alike is kept once.
 *
 * `prune.test.ts` holds this list to what `lib/fleet` reads. Writes are patches, so nothing is lost by them.
 */
import { CHECK_LABEL } from '../domain/checks';
import type { Container, KubeObject, Node, Pod } from '../domain/kube';
import { AGENT_CONDITIONS, FOREIGN_KEYS, VALIDATED_CONDITION } from '../domain/node-keys';
import { oneCopy } from '../domain/one-copy';
import { CHECKPOINT_REQUESTED_ANNOTATION, DELETION_COST_ANNOTATION, MIRROR_ANNOTATION } from '../domain/pod-keys';
import { NODES, POD_GROUPS, PODS, resourceName, VOLCANO_JOBS, type ResourceType } from '../domain/resources';

const PRUNES: Readonly<Record<string, (object: KubeObject) => KubeObject>> = {
  [resourceName(PODS)]: prunePod,
  [resourceName(NODES)]: pruneNode,
  [resourceName(POD_GROUPS)]: prunePodGroup,
  [resourceName(VOLCANO_JOBS)]: pruneVolcanoJob,
};

/** The prune function of a resource type; undefined where objects are kept as they are, but for managedFields. */
export function pruneOf(resource: ResourceType): ((object: KubeObject) => KubeObject) | undefined {
  return PRUNES[resourceName(resource)];
}

/** A copy without `metadata.managedFields`, which nobody reads from a cache. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const copyOf = oneCopy<any>();

type Metadata = KubeObject['metadata'];

/** Metadata without managedFields. Annotations are kept by name: some are as large as the object itself, like kubectl's copy of it. */
export function pruneMeta(
  { managedFields: _, annotations = {}, ...metadata }: Metadata,
  keep: readonly string[],
): Metadata {
  const kept = keep.filter((key) => annotations[key] !== undefined).map((key) => [key, annotations[key]!] as const);
  return kept.length > 0 ? { ...metadata, annotations: Object.fromEntries(kept) } : metadata;
}

/** Annotations of pods that `lib/fleet` reads. */
export const POD_ANNOTATIONS: readonly string[] = [
  FOREIGN_KEYS.gangName,
  MIRROR_ANNOTATION,
  CHECKPOINT_REQUESTED_ANNOTATION,
  DELETION_COST_ANNOTATION,
];

function prunePod({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { labels, ownerReferences, ...meta } = pruneMeta(metadata, POD_ANNOTATIONS);
  return {
    apiVersion,
    kind,
    metadata: { ...meta, labels: copyOf(labels ?? {}), ownerReferences: copyOf(ownerReferences ?? []) },
    spec: prunePodSpec(spec ?? { containers: [] }),
    status: {
      ...{ phase: status?.phase, startTime: status?.startTime },
      // What a check says is in the status of its container.
      ...(labels?.[CHECK_LABEL] && { reason: status?.['reason'], containerStatuses: status?.['containerStatuses'] }),
    },
  };
}

function prunePodSpec({ nodeName, schedulingGates, nodeSelector, affinity, ...spec }: NonNullable<Pod['spec']>) {
  const { tolerations = [], overhead, containers, initContainers } = spec;
  const { nodeAffinity } = affinity ?? {};
  const rest = {
    nodeSelector,
    affinity: nodeAffinity && { nodeAffinity },
    // Of the others nobody asks which taints they tolerate.
    tolerations: tolerations.filter(({ key }) => !key),
    overhead,
    containers: containers.map(pruneContainer),
    initContainers: initContainers?.map(pruneContainer),
  };
  return { nodeName, schedulingGates, ...copyOf(rest) };
}

function pruneContainer({ name, resources, restartPolicy }: Container): Container {
  return { name, ...(resources && { resources }), ...(restartPolicy && { restartPolicy }) };
}

const NODE_CONDITIONS: ReadonlySet<string> = new Set(['Ready', VALIDATED_CONDITION, ...AGENT_CONDITIONS]);

function pruneNode({ apiVersion, kind, metadata, spec, status = {} }: Node): Node {
  const { allocatable, conditions = [], nodeInfo } = status;
  const { providerID, taints, unschedulable } = spec ?? {};
  const annotations = Object.keys(metadata.annotations ?? {}).filter((key) => key !== LAST_APPLIED);
  return {
    apiVersion,
    kind,
    metadata: pruneMeta(metadata, annotations),
    spec: { providerID, taints: copyOf(taints ?? []), unschedulable },
    status: {
      allocatable: copyOf(allocatable ?? {}),
      conditions: conditions
        .filter(({ type }) => NODE_CONDITIONS.has(type))
        .map(({ type, status, reason, lastTransitionTime }) => ({
          ...{ type, status, lastTransitionTime },
          // The XID is in the reason of what is broken.
          ...(status === 'False' && { reason }),
        })),
      nodeInfo: { bootID: nodeInfo?.bootID },
    },
  };
}

/** kubectl's copy of the whole object. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

function prunePodGroup({ apiVersion, kind, metadata, spec = {}, status = {} }: KubeObject): KubeObject {
  const { minMember, minResources, queue, networkTopology } = spec;
  const conditions: readonly { readonly type: string; readonly status: string }[] = status.conditions ?? [];
  return {
    apiVersion,
    kind,
    metadata: pruneMeta(metadata, []),
    spec: { minMember, minResources: copyOf(minResources ?? {}), queue, networkTopology },
    status: { phase: status.phase, conditions: copyOf(conditions.map(({ type, status }) => ({ type, status }))) },
  };
}

/** Only what says whether the loss of one pod stops all of them; moves reads Jobs live. */
function pruneVolcanoJob({ apiVersion, kind, metadata, spec = {} }: KubeObject): KubeObject {
  const tasks: readonly { readonly policies?: unknown }[] = spec.tasks ?? [];
  const policies = { policies: spec.policies, tasks: tasks.map(({ policies }) => ({ policies })) };
  return { apiVersion, kind, metadata: pruneMeta(metadata, []), spec: copyOf(policies) };
}
