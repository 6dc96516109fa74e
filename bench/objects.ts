/** Nodes, pods and PodGroups as a real cluster writes them: full size, with everything that a cache must drop or keep. */
import { createHash } from 'node:crypto';
import { estimateAllocatable, requireInstanceType } from '../lib/catalog';
import { formatTime, type KubeObject, type Node, type OwnerReference, type Pod, type Taint } from '../lib/domain/kube';
import {
  ASSIGNED_AT_ANNOTATION,
  BUCKET_KEY,
  FOREIGN_KEYS,
  HOLD_ANNOTATION,
  MOVE_ANNOTATION,
  NODEGROUP_LABEL,
  POOL_LABEL,
  RELEASING_TAINT,
  UNASSIGNED_TAINT,
  VALIDATED_CONDITION,
} from '../lib/domain/node-keys';

/** States of a node, beside the one where it simply works. */
export type Odd = 'Unassigned' | 'Joining' | 'Cordoned' | 'Held' | 'Leaving' | 'Quarantined' | 'Moving';

/** A node of a pool. */
export interface NodePlan {
  readonly name: string;
  readonly pool: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly leaf: string;
  readonly odd?: Odd;
  /** Bucket it is in; none for nodes that are in no bucket. */
  readonly bucket?: string;
  readonly atMs: number;
}

/** Stable identifier in the form of a UUID. */
export function uidOf(text: string): string {
  const hex = createHash('sha1').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** The Node. */
export function makeNode(plan: NodePlan): Node {
  const { name, pool, instanceType, zone, leaf, odd, bucket, atMs } = plan;
  const allocatable = estimateAllocatable(requireInstanceType(instanceType), 110);
  const annotations: Record<string, string> = { 'karpenter.sh/nodepool-hash': '1234567890123456789' };
  if (bucket) annotations[ASSIGNED_AT_ANNOTATION] = formatTime(atMs + 600_000);
  if (odd === 'Held') annotations[HOLD_ANNOTATION] = 'an engineer looks at it';
  if (odd === 'Moving') annotations[MOVE_ANNOTATION] = `move-${name}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: uidOf(name),
      creationTimestamp: formatTime(atMs),
      labels: {
        ...nodeLabels(name, instanceType, zone),
        [POOL_LABEL]: pool,
        [FOREIGN_KEYS.nodePool]: pool,
        [FOREIGN_KEYS.networkLayer(3)]: leaf,
        ...(bucket && { [BUCKET_KEY]: bucket, [NODEGROUP_LABEL]: bucket }),
      },
      annotations,
    },
    spec: {
      providerID: `aws:///${zone}/i-0${uidOf(name).replaceAll('-', '').slice(0, 16)}`,
      taints: taintsOf(bucket, odd),
      ...(odd === 'Cordoned' && { unschedulable: true }),
    },
    status: nodeStatus(allocatable, odd, atMs),
  };
}

/** A node of the cluster's own, for what needs no accelerators. */
export function makePlainNode(name: string, zone: string, atMs: number): Node {
  const allocatable = { cpu: '15890m', memory: '60Gi', pods: '110' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: uidOf(name),
      creationTimestamp: formatTime(atMs),
      labels: { ...nodeLabels(name, 'm7i.4xlarge', zone), [FOREIGN_KEYS.nodePool]: 'general-purpose' },
    },
    spec: { providerID: `aws:///${zone}/i-0${uidOf(name).replaceAll('-', '').slice(0, 16)}` },
    status: nodeStatus(allocatable, undefined, atMs),
  };
}

function nodeLabels(name: string, instanceType: string, zone: string): Record<string, string> {
  const [family = '', size = ''] = instanceType.split('.');
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/os': 'linux',
    [FOREIGN_KEYS.instanceType]: instanceType,
    [FOREIGN_KEYS.zone]: zone,
    'topology.kubernetes.io/region': 'us-east-2',
    'topology.k8s.aws/zone-id': 'use2-az1',
    'karpenter.sh/capacity-type': 'reserved',
    'karpenter.sh/initialized': 'true',
    'karpenter.sh/registered': 'true',
    'eks.amazonaws.com/compute-type': 'auto',
    'eks.amazonaws.com/instance-family': family,
    'eks.amazonaws.com/instance-size': size,
    'eks.amazonaws.com/instance-category': family.slice(0, 1),
    'eks.amazonaws.com/nodeclass': family,
    'app.kubernetes.io/managed-by': 'eks',
  };
}

function taintsOf(bucket: string | undefined, odd: Odd | undefined): Taint[] {
  const place: Taint = bucket
    ? { key: BUCKET_KEY, value: bucket, effect: 'NoSchedule' }
    : { key: UNASSIGNED_TAINT, value: 'true', effect: 'NoSchedule' };
  const taints = [place];
  if (odd === 'Moving') taints.push({ key: RELEASING_TAINT, effect: 'NoSchedule' });
  if (odd === 'Leaving') taints.push({ key: FOREIGN_KEYS.karpenterDisrupted, effect: 'NoSchedule' });
  return taints;
}

function nodeStatus(allocatable: Readonly<Record<string, string>>, odd: Odd | undefined, atMs: number) {
  const time = formatTime(atMs + 120_000);
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: time,
    lastTransitionTime: time,
  });
  const healthy = (type: string) =>
    condition(type, 'True', `${type}Healthy`, `monitoring says that ${type} is healthy`);
  return {
    allocatable,
    capacity: { ...allocatable, 'ephemeral-storage': '31383170Mi', 'hugepages-1Gi': '0', 'hugepages-2Mi': '0' },
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      condition('Ready', odd === 'Joining' ? 'False' : 'True', 'KubeletReady', 'kubelet is posting ready status'),
      ...['AcceleratedHardwareReady', 'ContainerRuntimeReady', 'KernelReady', 'NetworkingReady', 'StorageReady'].map(
        healthy,
      ),
      ...(odd === 'Quarantined' ? [condition(VALIDATED_CONDITION, 'False', 'GpuFault', 'Xid 79 on GPU 3')] : []),
    ],
    addresses: [
      { type: 'InternalIP', address: '10.20.30.40' },
      { type: 'Hostname', address: 'ip-10-20-30-40.us-east-2.compute.internal' },
    ],
    nodeInfo: {
      ...{
        architecture: 'amd64',
        operatingSystem: 'linux',
        bootID: uidOf(`boot ${atMs}`),
        machineID: uidOf('machine'),
      },
      ...{ systemUUID: uidOf('system'), kernelVersion: '6.12.53', osImage: 'Bottlerocket (EKS Auto, Nvidia) 2026.11' },
      ...{ containerRuntimeVersion: 'containerd://2.1.5', kubeletVersion: 'v1.36.2-eks-3e1ca0a', kubeProxyVersion: '' },
    },
    images: Array.from({ length: 20 }, (_, i) => ({
      names: [`602401143452.dkr.ecr.us-east-2.amazonaws.com/eks/image-${i}@sha256:${'0123456789abcdef'.repeat(4)}`],
      sizeBytes: 400_000_000 + i,
    })),
  };
}

/** A pod. */
export interface PodPlan {
  readonly namespace: string;
  readonly name: string;
  readonly owner: { readonly kind: string; readonly name: string };
  readonly requests: Readonly<Record<string, string>>;
  /** Node it runs on; without one it waits. */
  readonly nodeName?: string;
  readonly bucket?: string;
  readonly gang?: string;
  readonly instanceType?: string;
  readonly atMs: number;
}

/** The scheduler named in pods: one that does not exist, so that what waits goes on waiting. */
const SCHEDULER = 'volcano-of-the-benchmark';

/** The Pod, Running when it has a node. */
export function makePod(plan: PodPlan): Pod {
  const { namespace, name, owner, nodeName, bucket, gang, instanceType, atMs } = plan;
  const reference: OwnerReference = {
    apiVersion: owner.kind === 'Job' ? 'batch.volcano.sh/v1alpha1' : 'apps/v1',
    ...owner,
    uid: uidOf(`${namespace}/${owner.name}`),
    controller: true,
    blockOwnerDeletion: true,
  };
  const selector = {
    ...(bucket && { [BUCKET_KEY]: bucket }),
    ...(instanceType && { [FOREIGN_KEYS.instanceType]: instanceType }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: uidOf(`${namespace}/${name}`),
      creationTimestamp: formatTime(atMs),
      labels: { app: owner.name, 'pod-template-hash': '5d4f8c7b9c', ...(bucket && { [BUCKET_KEY]: bucket }) },
      annotations: {
        ...(gang && { [FOREIGN_KEYS.gangName]: gang }),
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': '9090',
      },
      ownerReferences: [reference],
    },
    spec: {
      ...podSpec(plan),
      ...(Object.keys(selector).length > 0 && { nodeSelector: selector }),
      ...(nodeName && { nodeName }),
    },
    status: nodeName ? runningStatus(atMs) : { phase: 'Pending', conditions: [waitingCondition(atMs)] },
  };
}

function podSpec({ requests, bucket }: PodPlan) {
  const mount = (name: string, mountPath: string) => ({ name, mountPath });
  return {
    schedulerName: SCHEDULER,
    terminationGracePeriodSeconds: 120,
    containers: [
      {
        name: 'work',
        image: '123456789012.dkr.ecr.us-east-2.amazonaws.com/team/trainer:2026-11-01',
        command: ['torchrun', '--nnodes=$(NODES)', '--nproc-per-node=8', 'train.py', '--config=/config/train.yaml'],
        env: Array.from({ length: 20 }, (_, i) => ({
          name: `SETTING_${i}`,
          value: `a value of usual length, number ${i}`,
        })),
        resources: { requests, limits: requests },
        volumeMounts: [mount('data', '/data'), mount('shm', '/dev/shm'), mount('config', '/config')],
        livenessProbe: { httpGet: { path: '/healthz', port: 9090 }, periodSeconds: 30 },
      },
      {
        name: 'logs',
        image: 'public.ecr.aws/aws-observability/aws-for-fluent-bit:2.34.3',
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        volumeMounts: [mount('config', '/config')],
      },
    ],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '64Gi' } },
      { name: 'config', configMap: { name: 'train', optional: true } },
    ],
    tolerations: [
      ...(bucket
        ? [{ key: BUCKET_KEY, operator: 'Equal' as const, value: bucket, effect: 'NoSchedule' as const }]
        : []),
      { key: 'nvidia.com/gpu', operator: 'Exists' as const, effect: 'NoSchedule' as const },
    ],
  };
}

function waitingCondition(atMs: number) {
  const message = '0/5000 nodes are available: 4100 Insufficient nvidia.com/gpu, 900 node(s) had untolerated taints.';
  return {
    ...{ type: 'PodScheduled', status: 'False' as const, reason: 'Unschedulable', message },
    lastTransitionTime: formatTime(atMs + 1000),
  };
}

function runningStatus(atMs: number) {
  const time = formatTime(atMs + 5000);
  const container = (name: string) => ({
    name,
    image: `registry.example/${name}:1`,
    imageID: `registry.example/${name}@sha256:${'fedcba9876543210'.repeat(4)}`,
    containerID: `containerd://${'0123456789abcdef'.repeat(4)}`,
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: time } },
    lastState: {},
  });
  return {
    phase: 'Running' as const,
    startTime: time,
    hostIP: '10.20.30.40',
    hostIPs: [{ ip: '10.20.30.40' }],
    podIP: '10.21.30.40',
    podIPs: [{ ip: '10.21.30.40' }],
    qosClass: 'Burstable',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
      (type) => ({
        ...{ type, status: 'True' as const, lastTransitionTime: time },
      }),
    ),
    containerStatuses: [container('work'), container('logs')],
  };
}

/** Volcano's PodGroup. */
export function makePodGroup(
  about: { readonly namespace: string; readonly name: string; readonly queue: string; readonly atMs: number },
  shape: {
    readonly minMember: number;
    readonly minResources: Readonly<Record<string, string>>;
    readonly running: boolean;
    readonly oneLeaf?: boolean;
  },
): KubeObject {
  const { namespace, name, queue, atMs } = about;
  const { minMember, minResources, running, oneLeaf } = shape;
  const time = formatTime(atMs + 2000);
  return {
    apiVersion: 'scheduling.volcano.sh/v1beta1',
    kind: 'PodGroup',
    metadata: { name, namespace, uid: uidOf(`podgroup ${namespace}/${name}`), creationTimestamp: formatTime(atMs) },
    spec: {
      minMember,
      minResources,
      queue,
      ...(oneLeaf && { networkTopology: { mode: 'hard', highestTierAllowed: 1 } }),
    },
    status: {
      phase: running ? 'Running' : 'Inqueue',
      conditions: [
        {
          type: running ? 'Scheduled' : 'Unschedulable',
          status: 'True',
          transitionID: uidOf(name),
          lastTransitionTime: time,
        },
      ],
      ...(running && { running: minMember }),
    },
  };
}
