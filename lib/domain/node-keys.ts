/**
 * Every label, taint, annotation and condition that this project puts on a Node, and the ONE controller that may write it.
 *
 * A key with two writers is a fight that shows at three in the morning; `test/house.test.ts` proves that no file outside the
 * owner's folder writes a key it does not own.
 */

/** Who may write a key. `person` keys are never written by any controller. */
export type KeyOwner = 'moves' | 'pools' | 'node-health' | 'person';

/** Where on the Node a key lives. */
export type KeyKind = 'label' | 'taint' | 'annotation' | 'condition';

/** One row of the table of node keys. */
export interface NodeKey {
  readonly key: string;
  readonly kinds: readonly KeyKind[];
  readonly owner: KeyOwner;
  readonly meaning: string;
}

/** API group of our Kinds, and prefix of every key we own. */
export const GROUP = 'aicluster.dev';

/** Startup taint: the node has not proved itself; only validation pods tolerate it. */
export const PROBATION_TAINT = `${GROUP}/probation`;
/** Ordinary taint of every bucket pool: the node belongs to no bucket yet. */
export const UNASSIGNED_TAINT = `${GROUP}/unassigned`;
/** Label and taint (`=<bucket>:NoSchedule`): which bucket owns the node. On namespaces and pods: which bucket they use. */
export const BUCKET_KEY = `${GROUP}/bucket`;
/** Volcano's own label: which queue may use the node. Always equal to the bucket's queue. */
export const NODEGROUP_LABEL = 'volcano.sh/nodegroup-name';
/** Taint: the node is leaving its bucket; no new pods. Without a live NodeMove it is removed after 60 s. */
export const RELEASING_TAINT = `${GROUP}/releasing`;
/** Annotation: name of the NodeMove that has claimed this node. The NodeMove object is the authority. */
export const MOVE_ANNOTATION = `${GROUP}/move`;
/** Annotation: when (RFC 3339) the node last entered a bucket; minimum hold counts from here. */
export const ASSIGNED_AT_ANNOTATION = `${GROUP}/assigned-at`;
/** Annotation `<count>@<time>`: how often the keys of this node were changed by hand and set back within the last hour. */
export const SET_BACK_ANNOTATION = `${GROUP}/set-back`;
/** Label put on every node of a CapacityPool by its NodePool template: which pool made the node. */
export const POOL_LABEL = `${GROUP}/pool`;
/** Condition: the verdict of node health. */
export const VALIDATED_CONDITION = 'AiClusterValidated';
/** Annotation: time, level, boot id and GPU serials of the last verdict. */
export const VERDICT_ANNOTATION = `${GROUP}/verdict`;
/** Annotation set by a person: no controller of ours touches the node. */
export const HOLD_ANNOTATION = `${GROUP}/hold`;

/** The table. */
export const NODE_KEYS: readonly NodeKey[] = [
  {
    key: PROBATION_TAINT,
    kinds: ['taint'],
    owner: 'node-health',
    meaning: 'not proved; only validation pods tolerate it',
  },
  { key: UNASSIGNED_TAINT, kinds: ['taint'], owner: 'moves', meaning: 'no bucket yet' },
  { key: BUCKET_KEY, kinds: ['label', 'taint'], owner: 'moves', meaning: 'which bucket owns the node' },
  { key: NODEGROUP_LABEL, kinds: ['label'], owner: 'moves', meaning: "always equal to the bucket's Volcano queue" },
  { key: RELEASING_TAINT, kinds: ['taint'], owner: 'moves', meaning: 'leaving its bucket; no new pods' },
  { key: MOVE_ANNOTATION, kinds: ['annotation'], owner: 'moves', meaning: 'the NodeMove that has claimed the node' },
  { key: ASSIGNED_AT_ANNOTATION, kinds: ['annotation'], owner: 'moves', meaning: 'when the node entered its bucket' },
  { key: SET_BACK_ANNOTATION, kinds: ['annotation'], owner: 'moves', meaning: 'how often its keys were set back' },
  { key: POOL_LABEL, kinds: ['label'], owner: 'pools', meaning: 'the CapacityPool that made the node' },
  { key: VALIDATED_CONDITION, kinds: ['condition'], owner: 'node-health', meaning: 'the verdict of node health' },
  { key: VERDICT_ANNOTATION, kinds: ['annotation'], owner: 'node-health', meaning: 'evidence of the verdict' },
  { key: HOLD_ANNOTATION, kinds: ['annotation'], owner: 'person', meaning: 'hands off' },
];

/** Keys of others that we read, never write. */
export const FOREIGN_KEYS = {
  /** Karpenter is about to remove the node. */
  karpenterDisrupted: 'karpenter.sh/disrupted',
  /** Karpenter has not registered the node yet. */
  karpenterUnregistered: 'karpenter.sh/unregistered',
  /** Which NodePool made the node. */
  nodePool: 'karpenter.sh/nodepool',
  instanceType: 'node.kubernetes.io/instance-type',
  zone: 'topology.kubernetes.io/zone',
  /** Network topology of EC2, coarse to fine; layer 3 is a leaf. */
  networkLayer: (layer: 1 | 2 | 3) => `topology.k8s.aws/network-node-layer-${layer}`,
  /** Annotation on a pod: the name of its gang (PodGroup) in Volcano. */
  gangName: 'scheduling.k8s.io/group-name',
  /** Volcano's queue of a pod without a PodGroup of its own. */
  queueName: 'scheduling.volcano.sh/queue-name',
  /** On a NodeClaim: when a drain is cut short. Our force valve. */
  terminationTimestamp: 'karpenter.sh/nodeclaim-termination-timestamp',
} as const;
