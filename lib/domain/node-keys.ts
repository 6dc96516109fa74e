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
/** The condition by which EKS says that a node's accelerators work. */
export const ACCELERATORS_CONDITION = 'AcceleratedHardwareReady';
/** Conditions of the node monitoring agent that say that a part of the node does not work (EKS user guide, node-health-nma.md). */
export const AGENT_CONDITIONS = [
  ACCELERATORS_CONDITION,
  'ContainerRuntimeReady',
  'KernelReady',
  'NetworkingReady',
  'StorageReady',
] as const;
/** Annotation: time, level, boot id and GPU serials of the last verdict. */
export const VERDICT_ANNOTATION = `${GROUP}/verdict`;
/** Annotation: when and in which boot the instance was asked to reboot because the node had failed. Written BEFORE the call. */
export const REBOOT_ANNOTATION = `${GROUP}/reboot`;
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
  {
    key: REBOOT_ANNOTATION,
    kinds: ['annotation'],
    owner: 'node-health',
    meaning: 'the attempt to mend it by a reboot, noted before it is made',
  },
  { key: HOLD_ANNOTATION, kinds: ['annotation'], owner: 'person', meaning: 'hands off' },
];

/** One key that others put on Nodes. */
export interface ForeignNodeKey {
  readonly key: string;
  readonly kind: KeyKind;
  /** Who writes it. */
  readonly writer: string;
  /** What we do with it; we never write it. */
  readonly ours: string;
}

const AGENT = 'node monitoring agent';

/**
 * What others write on Nodes, next to our keys: the table of docs/guides/node-health-coexistence.md, which a test compares with it. No
 * code of ours writes any of these: another writer of `AcceleratedHardwareReady` would hand nodes to EKS to be replaced, or fight the
 * agent for it.
 */
export const FOREIGN_NODE_KEYS: readonly ForeignNodeKey[] = [
  {
    key: 'AcceleratedHardwareReady',
    kind: 'condition',
    writer: AGENT,
    ours: 'False is a notice of 10 minutes: the gang is asked for a checkpoint and leaves at once',
  },
  ...['ContainerRuntimeReady', 'KernelReady', 'NetworkingReady', 'StorageReady'].map((key): ForeignNodeKey => {
    const ours =
      'False is a notice of 30 minutes: the gang leaves at its next checkpoint, at the latest 15 minutes before';
    return { key, kind: 'condition', writer: AGENT, ours };
  }),
  {
    key: 'Ready',
    kind: 'condition',
    writer: 'kubelet',
    ours: "a node that is not Ready is in nobody's count; pools looks after it",
  },
  ...['DiskPressure', 'MemoryPressure', 'PIDPressure'].map((key): ForeignNodeKey => {
    return { key, kind: 'condition', writer: 'kubelet', ours: 'nothing: kubelet evicts by itself' };
  }),
  {
    key: 'karpenter.sh/disrupted',
    kind: 'taint',
    writer: 'Karpenter, EKS Auto Mode',
    ours: 'the node is leaving: gangs are asked for a checkpoint, nothing else is done',
  },
  { key: 'karpenter.sh/unregistered', kind: 'taint', writer: 'Karpenter, EKS Auto Mode', ours: 'the node is joining' },
  {
    key: 'node.kubernetes.io/unschedulable',
    kind: 'taint',
    writer: 'kube-controller-manager, when a person or a zonal shift cordons',
    ours: "the node is nobody's to touch, count or replace",
  },
  {
    key: 'topology.k8s.aws/network-node-layer-',
    kind: 'label',
    writer: 'cloud controller of EKS',
    ours: 'where a node sits in the network; filled in from EC2 where it is missing, never changed',
  },
  {
    key: 'eks.amazonaws.com/nodegroup',
    kind: 'label',
    writer: 'EKS, on nodes of managed node groups',
    ours: 'only nodes of the group that their CapacityPool names are rebooted or replaced',
  },
  {
    key: 'readiness.k8s.io/',
    kind: 'taint',
    writer: 'Node Readiness Controller',
    ours: 'nothing; its rules may wait for our condition AiClusterValidated',
  },
];

/** Keys of others that we read, never write. */
export const FOREIGN_KEYS = {
  /** Karpenter is about to remove the node. */
  karpenterDisrupted: 'karpenter.sh/disrupted',
  /** Karpenter has not registered the node yet. */
  karpenterUnregistered: 'karpenter.sh/unregistered',
  /** Which NodePool made the node. */
  nodePool: 'karpenter.sh/nodepool',
  /** Which managed node group of EKS made the node. */
  eksNodeGroup: 'eks.amazonaws.com/nodegroup',
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
