/** Pod object → PodFacts: where it is, what it asks for, which bucket and gang it belongs to. */
import {
  keyOf,
  parseTime,
  type Container,
  type KubeObject,
  type Pod,
  type PodSpec,
  type Toleration,
} from '../domain/kube';
import { BUCKET_KEY, FOREIGN_KEYS } from '../domain/node-keys';
import { oneCopy } from '../domain/one-copy';
import { CHECKPOINT_REQUESTED_ANNOTATION, DELETION_COST_ANNOTATION, MIRROR_ANNOTATION } from '../domain/pod-keys';
import { addInto, hasAccelerators, toAmounts, type Amounts } from './amounts';
import { onceEach } from './lists';
import { once } from './memo';
import { workloadOf, type WorkloadRef } from './workloads';

/** Node properties a pod insists on, as far as demand understands them. */
export interface PodNeeds {
  /** Instance types it accepts; absent: any. */
  readonly instanceTypes?: readonly string[];
  /** Accelerator models it accepts (`h100`); absent: any. */
  readonly accelerators?: readonly string[];
  /** Zones it accepts; absent: any. */
  readonly zones?: readonly string[];
}

/** Facts about one Pod. */
export interface PodFacts {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  /** Node it is bound to. */
  readonly nodeName?: string;
  /** Its deletion was asked for; it may still run. */
  readonly deleting: boolean;
  /** Succeeded or Failed: holds no resources any more. */
  readonly ended: boolean;
  /** Has scheduling gates: no scheduler looks at it, so it is no demand yet. */
  readonly gated: boolean;
  /** What a scheduler reserves for it: cores, bytes, devices, and 1 of `pods`. */
  readonly requests: Amounts;
  /** Whether it asks for accelerators. */
  readonly accelerated: boolean;
  /** Equal for pods with equal requests and needs: packing looks at shapes, not at pods. */
  readonly shape: string;
  readonly needs: PodNeeds;
  /** Bucket named by the pod itself: node selector, else label. See `bucketOfPod`. */
  readonly bucket?: string;
  /** Its gang, `namespace/name` of a PodGroup. */
  readonly gang?: string;
  /** Its controlling owner. */
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string };
  /** What restarts it together with its mates. */
  readonly workload?: WorkloadRef;
  readonly labels?: Readonly<Record<string, string>>;
  /** When (epoch ms) its kubelet took it on. */
  readonly startedAtMs?: number;
  /** When (epoch ms) a checkpoint was last asked of it. */
  readonly checkpointRequestedAtMs?: number;
  /** Who goes first when its ReplicaSet shrinks; absent: nobody has said. */
  readonly deletionCost?: number;
  /** Of a DaemonSet, or a mirror of a static pod: part of the node, not work on it. */
  readonly system: boolean;
  /** Tolerates every taint: may run on nodes of nobody. */
  readonly toleratesEverything: boolean;
  readonly createdAtMs: number;
}

/** Reads one Pod. The same object gives the same facts object. */
export const toPodFacts: (pod: Pod) => PodFacts = once(readPod);

/** Reads every Pod of a cache's list. Pods that did not change since the last list keep their facts objects. */
export const toPodFactsList: (pods: readonly KubeObject[]) => readonly PodFacts[] = onceEach(readPod, keyOf);

/** Namespace → the bucket its pods use, from the label of the namespace; one without a bucket is not in it. */
export function toNamespaceBuckets(namespaces: readonly KubeObject[]): ReadonlyMap<string, string> {
  return new Map(
    namespaces.flatMap(({ metadata }) => {
      const bucket = metadata.labels?.[BUCKET_KEY];
      return bucket ? [[metadata.name, bucket] as const] : [];
    }),
  );
}

/** The bucket whose nodes a pod uses: its own word, else, for pods with accelerators, its namespace's. */
export function bucketOfPod(pod: PodFacts, namespaceBuckets: ReadonlyMap<string, string>): string | undefined {
  return pod.bucket ?? (pod.accelerated && !pod.system ? namespaceBuckets.get(pod.namespace) : undefined);
}

/** Whether the pod is work that occupies its node: a node without any such pod is idle. */
export function occupies(pod: PodFacts, namespaceBuckets: ReadonlyMap<string, string>): boolean {
  if (pod.nodeName === undefined || pod.ended || pod.system) return false;
  return pod.accelerated || bucketOfPod(pod, namespaceBuckets) !== undefined;
}

/** Whether the pod, on a node of this bucket (or of none), belongs to another. */
export function squats(
  pod: PodFacts,
  bucketOfNode: string | undefined,
  namespaceBuckets: ReadonlyMap<string, string>,
): boolean {
  if (pod.nodeName === undefined || pod.ended || pod.system) return false;
  const bucket = bucketOfPod(pod, namespaceBuckets);
  return bucket !== undefined && bucket !== bucketOfNode;
}

/** Owners whose pods end only when somebody ends them. RayClusters may be either: they are not among them. */
const ENDLESS: ReadonlySet<string> = new Set(['ReplicaSet', 'StatefulSet', 'ReplicationController']);

/** Whether waiting for it to end is waiting for ever: a pod of a Deployment, a StatefulSet or a LeaderWorkerSet that nobody has stopped. */
export function isEndless({ owner, deleting }: PodFacts): boolean {
  return !deleting && owner !== undefined && ENDLESS.has(owner.kind);
}

function readPod(pod: Pod): PodFacts {
  const spec = pod.spec ?? NO_SPEC;
  const { shape, requests, needs } = readShape(spec);
  return {
    ...readIdentity(pod),
    ...readState(pod, spec),
    ...readOwner(pod),
    ...readWork(pod),
    requests,
    accelerated: hasAccelerators(requests),
    shape,
    needs,
    bucket: spec.nodeSelector?.[BUCKET_KEY] ?? pod.metadata.labels?.[BUCKET_KEY],
    toleratesEverything: (spec.tolerations ?? []).some(isCatchAll),
  };
}

/** Most pods of a fleet have one of a few shapes: then they share it. */
const copyOfShape = oneCopy<Pick<PodFacts, 'shape' | 'requests' | 'needs'>>();

function readShape(spec: PodSpec) {
  const requests = podRequests(spec);
  const needs = readNeeds(spec);
  const shape = shapeOf(requests, needs);
  return copyOfShape({ shape, requests, needs }, shape);
}

const NO_SPEC: PodSpec = { containers: [] };

function readIdentity({ metadata }: Pod) {
  const { name, namespace = '', uid = '' } = metadata;
  const createdAtMs = parseTime(metadata.creationTimestamp) ?? 0;
  return { key: `${namespace}/${name}`, namespace, name, uid, createdAtMs };
}

function readState({ metadata, status }: Pod, spec: PodSpec) {
  const phase = status?.phase ?? 'Pending';
  return {
    phase,
    nodeName: spec.nodeName || undefined,
    deleting: metadata.deletionTimestamp !== undefined,
    ended: phase === 'Succeeded' || phase === 'Failed',
    gated: Array.isArray(spec.schedulingGates) && spec.schedulingGates.length > 0,
  };
}

function readOwner({ metadata: { namespace = '', annotations = {}, ownerReferences = [] } }: Pod) {
  const owner = ownerReferences.find(({ controller }) => controller);
  const gang = annotations[FOREIGN_KEYS.gangName];
  return {
    owner: owner && { kind: owner.kind, name: owner.name, uid: owner.uid },
    gang: gang ? `${namespace}/${gang}` : undefined,
    system: owner?.kind === 'DaemonSet' || annotations[MIRROR_ANNOTATION] !== undefined,
  };
}

function readWork({ metadata, status }: Pod) {
  const { labels, annotations = {} } = metadata;
  const cost = annotations[DELETION_COST_ANNOTATION];
  return {
    labels,
    workload: workloadOf(metadata),
    startedAtMs: parseTime(status?.startTime),
    checkpointRequestedAtMs: parseTime(annotations[CHECKPOINT_REQUESTED_ANNOTATION]),
    deletionCost: cost !== undefined && /^-?\d+$/.test(cost) ? Number(cost) : undefined,
  };
}

function isCatchAll({ key, operator, effect }: Toleration): boolean {
  return !key && operator === 'Exists' && !effect;
}

/** As kube-scheduler counts: the sum of containers and sidecars, or the largest init container, plus overhead and one pod. */
function podRequests(spec: PodSpec): Amounts {
  const sum: Record<string, number> = {};
  const peak: Record<string, number> = {};
  for (const container of spec.containers) addInto(sum, containerRequests(container));
  for (const container of spec.initContainers ?? []) {
    const requests = containerRequests(container);
    if (container['restartPolicy'] === 'Always') addInto(sum, requests);
    else for (const resource in requests) peak[resource] = Math.max(peak[resource] ?? 0, requests[resource]!);
  }
  for (const resource in peak) sum[resource] = Math.max(sum[resource] ?? 0, peak[resource]!);
  addInto(sum, toAmounts(spec.overhead));
  return { ...sum, pods: 1 };
}

function containerRequests({ resources }: Container): Amounts {
  return toAmounts({ ...resources?.limits, ...resources?.requests });
}

const ACCELERATOR_NAME = 'eks.amazonaws.com/instance-gpu-name';

function readNeeds(spec: PodSpec): PodNeeds {
  return {
    instanceTypes: accepted(spec, FOREIGN_KEYS.instanceType),
    accelerators: accepted(spec, ACCELERATOR_NAME),
    zones: accepted(spec, FOREIGN_KEYS.zone),
  };
}

/** Values of a node label the pod accepts, by node selector or by required node affinity with one term. */
function accepted(spec: PodSpec, label: string): readonly string[] | undefined {
  const selected = spec.nodeSelector?.[label];
  if (selected !== undefined) return [selected];
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  // Terms are alternatives: with several, none of them is required by itself.
  if (!Array.isArray(terms) || terms.length !== 1) return undefined;
  const expressions: readonly { key: string; operator: string; values?: readonly string[] }[] =
    terms[0].matchExpressions ?? [];
  return expressions.find(({ key, operator }) => key === label && operator === 'In')?.values;
}

function shapeOf(requests: Amounts, needs: PodNeeds): string {
  const amounts = Object.keys(requests)
    .sort()
    .map((resource) => `${resource}=${requests[resource]}`);
  const wants = [needs.instanceTypes, needs.accelerators, needs.zones].map((values) => values?.join('|') ?? '');
  return [...amounts, ...wants].join(',');
}
