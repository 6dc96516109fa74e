/**
 * Every annotation that this project puts on somebody else's work, and the ONE controller that may write it. Keys on Nodes are in
 * node-keys.ts.
 */
import { GROUP, type KeyOwner } from './node-keys';

/** One row of the table. */
export interface WorkKey {
  readonly key: string;
  /** Where it is: on each pod, or on the object that owns the pods. */
  readonly on: 'pod' | 'workload';
  readonly owner: KeyOwner | 'capacity' | 'pod-janitor';
  readonly meaning: string;
}

/**
 * On pods: when (RFC 3339) a checkpoint was asked for, because their node is about to be taken. Workloads read it through a
 * downward-API file and answer with a Checkpoint whose `takenAt` is not older.
 */
export const CHECKPOINT_REQUESTED_ANNOTATION = `${GROUP}/checkpoint-requested`;
/**
 * On a workload: who suspended it, and will resume it: the name of a NodeMove, or `Resubmission/<name>/<number>` where the pod janitor
 * restarts it. Without it a suspension is its user's.
 */
export const SUSPENDED_BY_ANNOTATION = `${GROUP}/suspended-by`;
/**
 * On a Volcano Job that a NodeMove has suspended: its `status.retryCount` before. ResumeJob adds one, which is given back first; the
 * annotation goes right before ResumeJob is sent, so whoever comes after a crash knows how far it was.
 */
export const RETRIES_ANNOTATION = `${GROUP}/retries-before-suspension`;
/**
 * On a pod, the object that owns pods, or a namespace, as annotation or label: what the janitor may do there. `ignore`: nothing; `force`, on
 * a pod alone: it may be deleted on a node that cannot be reached, without proof that it has ended.
 */
export const JANITOR_KEY = `${GROUP}/janitor`;
/** On a copy of work that had ended in failure: name of the Resubmission that made it. */
export const RESUBMISSION_LABEL = `${GROUP}/resubmission`;
/** On a copy of a pod: the name that the first of them had, so that names do not grow from copy to copy. */
export const COPY_OF_ANNOTATION = `${GROUP}/copy-of`;
/** On pods, Kueue's own: what `force` is to the janitor. */
export const SAFE_TO_FORCE_DELETE_ANNOTATION = 'kueue.x-k8s.io/safe-to-forcefully-delete';
/** On pods, Kubernetes' own: which pods of a ReplicaSet go first when it shrinks. Lower goes first; absent is 0. */
export const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
/** On pods, the kubelet's own: a mirror of a static pod, part of the node. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** The table. */
export const WORK_KEYS: readonly WorkKey[] = [
  {
    key: CHECKPOINT_REQUESTED_ANNOTATION,
    on: 'pod',
    owner: 'moves',
    meaning: 'a checkpoint is asked for: the node is about to be taken',
  },
  {
    key: SUSPENDED_BY_ANNOTATION,
    on: 'workload',
    owner: 'moves',
    meaning: 'the NodeMove that suspended it, or the attempt of the pod janitor that restarts it',
  },
  { key: RETRIES_ANNOTATION, on: 'workload', owner: 'moves', meaning: 'retries it had before it was suspended' },
  {
    key: DELETION_COST_ANNOTATION,
    on: 'pod',
    owner: 'capacity',
    meaning: 'shrinking Deployments empty whole nodes',
  },
  {
    key: JANITOR_KEY,
    on: 'pod',
    owner: 'person',
    meaning: 'ignore: hands off; force: may be force-deleted on an unreachable node without proof',
  },
  { key: JANITOR_KEY, on: 'workload', owner: 'person', meaning: 'ignore: hands off it and its pods' },
  { key: RESUBMISSION_LABEL, on: 'workload', owner: 'pod-janitor', meaning: 'the Resubmission that made this copy' },
  { key: COPY_OF_ANNOTATION, on: 'pod', owner: 'pod-janitor', meaning: 'the name of the pod that it is a copy of' },
];
