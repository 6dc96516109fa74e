/**
 * Which object restarts a pod together with its mates: the owner that a person would name. Read from the pod alone, by the labels
 * and owners that each operator writes, because the CRDs of most of them may be absent and nobody watches them.
 */
import type { ObjectMeta } from '../domain/kube';

/** Workloads whose pods are lost and restarted together. */
export type WorkloadKind = 'VolcanoJob' | 'Job' | 'JobSet' | 'LeaderWorkerSet' | 'RayCluster' | 'RayJob' | 'PyTorchJob';

/** A workload. */
export interface WorkloadRef {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  /** Group of a LeaderWorkerSet: each restarts for itself. */
  readonly group?: string;
  /** Of the owner, where the pod names it directly. */
  readonly uid?: string;
}

/** Labels by which operators mark pods of theirs. */
const LABELS = {
  jobSet: 'jobset.sigs.k8s.io/jobset-name',
  leaderWorkerSet: 'leaderworkerset.sigs.k8s.io/name',
  leaderWorkerGroup: 'leaderworkerset.sigs.k8s.io/group-index',
  rayCluster: 'ray.io/cluster',
  // KubeRay labels RayClusters so, not their pods: there only when the pod template says it.
  rayOrigin: 'ray.io/originated-from-crd',
  rayOriginName: 'ray.io/originated-from-cr-name',
} as const;

/** API group → Kind of direct owners. */
const OWNERS: Readonly<Record<string, WorkloadKind>> = {
  'batch.volcano.sh Job': 'VolcanoJob',
  'batch Job': 'Job',
  'kubeflow.org PyTorchJob': 'PyTorchJob',
};

/** The workload of a pod; undefined for pods of Deployments, StatefulSets, DaemonSets, and pods alone. */
export function workloadOf(metadata: ObjectMeta): WorkloadRef | undefined {
  return byLabel(metadata) ?? byOwner(metadata);
}

/** `VolcanoJob research/llama`, `LeaderWorkerSet web/vllm/3`: equal for the same workload before and after a restart. */
export function workloadKey({ kind, namespace, name, group }: WorkloadRef): string {
  return `${kind} ${namespace}/${name}${group === undefined ? '' : `/${group}`}`;
}

/** The workload that a key names: of a suspended gang there are no pods to read it from. */
export function parseWorkload(key: string): WorkloadRef {
  const [kind = '', path = ''] = key.split(' ');
  const [namespace = '', name = '', group] = path.split('/');
  return { kind: kind as WorkloadKind, namespace, name, ...(group === undefined ? {} : { group }) };
}

function byLabel({ namespace = '', labels = {} }: ObjectMeta): WorkloadRef | undefined {
  const jobSet = labels[LABELS.jobSet];
  if (jobSet) return { kind: 'JobSet', namespace, name: jobSet };
  const leaderWorkerSet = labels[LABELS.leaderWorkerSet];
  if (leaderWorkerSet) {
    return { kind: 'LeaderWorkerSet', namespace, name: leaderWorkerSet, group: labels[LABELS.leaderWorkerGroup] };
  }
  const rayJob = labels[LABELS.rayOrigin] === 'RayJob' ? labels[LABELS.rayOriginName] : undefined;
  if (rayJob) return { kind: 'RayJob', namespace, name: rayJob };
  const rayCluster = labels[LABELS.rayCluster];
  return rayCluster ? { kind: 'RayCluster', namespace, name: rayCluster } : undefined;
}

function byOwner({ namespace = '', ownerReferences = [] }: ObjectMeta): WorkloadRef | undefined {
  const owner = ownerReferences.find(({ controller }) => controller);
  if (!owner) return undefined;
  const kind = OWNERS[`${owner.apiVersion.split('/')[0]} ${owner.kind}`];
  return kind && { kind, namespace, name: owner.name, uid: owner.uid };
}
