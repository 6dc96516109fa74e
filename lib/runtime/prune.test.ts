import type { KubeObject, Node, Pod } from '../domain/kube';
import { NODES, POD_GROUPS, PODS, VOLCANO_JOBS } from '../domain/resources';
import { toNodeFacts, toPodFacts, toPodGroupFacts, toVolcanoJobFacts } from '../fleet';
import { pruneOf } from './prune';
import { pruneWide } from './prune-wide';

const LARGE = {
  'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(4000),
  'example.com/note': 'y'.repeat(4000),
};
const MANAGED = [{ manager: 'kubelet', fieldsV1: 'z'.repeat(4000) }];

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'llama-worker-3',
    namespace: 'research',
    uid: 'u3',
    resourceVersion: '7',
    creationTimestamp: '2026-11-23T10:00:00Z',
    deletionTimestamp: '2026-11-23T12:00:00Z',
    labels: { app: 'llama', 'aicluster.dev/bucket': 'training', 'jobset.sigs.k8s.io/jobset-name': 'llama' },
    annotations: {
      ...LARGE,
      'scheduling.k8s.io/group-name': 'llama',
      'kubernetes.io/config.mirror': 'm',
      'aicluster.dev/checkpoint-requested': '2026-11-23T11:00:00Z',
      'controller.kubernetes.io/pod-deletion-cost': '12',
    },
    ownerReferences: [
      { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', name: 'llama', uid: 'j', controller: true },
    ],
    managedFields: MANAGED,
  },
  spec: {
    nodeName: 'n1',
    schedulingGates: [{ name: 'later' }],
    nodeSelector: { 'aicluster.dev/bucket': 'training', 'node.kubernetes.io/instance-type': 'p5.48xlarge' },
    affinity: {
      podAntiAffinity: { note: 'x'.repeat(4000) },
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: ['us-east-2a'] }] },
          ],
        },
      },
    },
    tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }, { operator: 'Exists' }],
    overhead: { cpu: '250m' },
    containers: [
      {
        name: 'work',
        env: [{ name: 'A', value: 'x'.repeat(4000) }],
        resources: { requests: { cpu: '4', 'nvidia.com/gpu': '8' }, limits: { memory: '64Gi' } },
      },
    ],
    initContainers: [
      { name: 'sidecar', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
      { name: 'init', resources: { requests: { memory: '128Gi' } } },
    ],
    volumes: [{ name: 'data', emptyDir: { note: 'x'.repeat(4000) } }],
  },
  status: {
    phase: 'Running',
    startTime: '2026-11-23T10:01:00Z',
    conditions: [{ type: 'Ready', status: 'True', message: 'x'.repeat(4000) }],
    containerStatuses: [{ name: 'work', imageID: 'x'.repeat(4000) }],
  },
} as unknown as Pod;

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'n1',
    uid: 'u1',
    resourceVersion: '9',
    creationTimestamp: '2026-11-23T10:00:00Z',
    deletionTimestamp: '2026-11-23T12:00:00Z',
    labels: {
      'aicluster.dev/pool': 'h100',
      'aicluster.dev/bucket': 'training',
      'volcano.sh/nodegroup-name': 'training',
      'node.kubernetes.io/instance-type': 'p5.48xlarge',
      'topology.kubernetes.io/zone': 'us-east-2a',
      'topology.k8s.aws/network-node-layer-3': 'nn-3',
    },
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(4000),
      'aicluster.dev/move': 'm-1',
      'aicluster.dev/hold': 'hands off',
      'aicluster.dev/assigned-at': '2026-11-23T10:05:00Z',
      'aicluster.dev/verdict': '{"bootId":"b1"}',
    },
    managedFields: MANAGED,
  },
  spec: {
    providerID: 'aws:///us-east-2a/i-1',
    unschedulable: true,
    taints: [{ key: 'aicluster.dev/bucket', value: 'training', effect: 'NoSchedule' }],
  },
  status: {
    allocatable: { cpu: '190', memory: '2000Gi', 'nvidia.com/gpu': '8' },
    capacity: { cpu: '192' },
    conditions: [
      { type: 'Ready', status: 'True', message: 'x'.repeat(4000) },
      { type: 'AcceleratedHardwareReady', status: 'False', lastTransitionTime: '2026-11-23T11:00:00Z' },
      { type: 'AiClusterValidated', status: 'True' },
      { type: 'MemoryPressure', status: 'False', message: 'x'.repeat(4000) },
    ],
    nodeInfo: { bootID: 'b1', osImage: 'x'.repeat(4000) },
    images: [{ names: ['x'.repeat(4000)] }],
  },
} as unknown as Node;

const POD_GROUP: KubeObject = {
  apiVersion: 'scheduling.volcano.sh/v1beta1',
  kind: 'PodGroup',
  metadata: { name: 'llama', namespace: 'research', creationTimestamp: '2026-11-23T10:00:00Z', annotations: LARGE },
  spec: {
    minMember: 4,
    minResources: { cpu: '16', 'nvidia.com/gpu': '32' },
    queue: 'training',
    networkTopology: { mode: 'hard', highestTierAllowed: 1 },
    minTaskMember: { worker: 'x'.repeat(4000) },
  },
  status: { phase: 'Running', conditions: [{ type: 'Scheduled', status: 'True', message: 'x'.repeat(4000) }] },
};

const volcanoJob = (action: string): KubeObject => ({
  apiVersion: 'batch.volcano.sh/v1alpha1',
  kind: 'Job',
  metadata: { name: 'llama', namespace: 'research', annotations: LARGE },
  spec: {
    policies: [{ event: 'TaskCompleted', action: 'CompleteJob' }],
    tasks: [{ policies: [{ event: 'PodEvicted', action }], template: { note: 'x'.repeat(4000) } }],
  },
  status: { controlledResources: { note: 'x'.repeat(4000) } },
});

describe('what is kept of an object', () => {
  test.each([
    ['a pod', PODS, POD, toPodFacts],
    ['a pod of nothing', PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }, toPodFacts],
    ['a node', NODES, NODE, toNodeFacts],
    ['a node of nothing', NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } }, toNodeFacts],
    ['a PodGroup', POD_GROUPS, POD_GROUP, toPodGroupFacts],
    ['a Volcano Job that stops as a whole', VOLCANO_JOBS, volcanoJob('RestartJob'), toVolcanoJobFacts],
    ['a Volcano Job that loses one pod', VOLCANO_JOBS, volcanoJob('RestartPod'), toVolcanoJobFacts],
  ] as const)('says the same of %s as the whole object, and is small', (_, resource, whole, toFacts) => {
    const kept = pruneOf(resource)!(whole);
    const read = toFacts as (object: KubeObject) => unknown;
    const [facts, factsOfWhole] = [read(kept), read(whole)].map((value) => JSON.parse(JSON.stringify(value)));
    // A pod without labels is a pod with none.
    expect({ labels: {}, ...facts }).toEqual({ labels: {}, ...factsOfWhole });
    expect(JSON.stringify(kept).length).toBeLessThan(2000);
    expect(kept.metadata.resourceVersion).toBe((whole as KubeObject).metadata.resourceVersion);
  });

  test('what pods carry alike is there once', () => {
    const another = JSON.parse(JSON.stringify(POD)) as Pod;
    const [a, b] = [POD, another].map(pruneOf(PODS)!);
    expect(a).not.toBe(b);
    expect(a!.metadata.labels).toBe(b!.metadata.labels);
    expect(a!.spec.containers).toBe(b!.spec.containers);
  });

  test('the janitor keeps the spec of pods alike once, though each has a volume of its own for its token', () => {
    const withToken = (token: string): KubeObject => {
      const pod = JSON.parse(JSON.stringify(POD)) as any;
      const [work] = pod.spec.containers;
      const volumes = [
        ...pod.spec.volumes,
        { name: 'shm', emptyDir: { medium: 'Memory' } },
        { name: token, projected: {} },
      ];
      const volumeMounts = [
        { name: 'shm', mountPath: '/dev/shm' },
        { name: token, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
      ];
      return { ...pod, spec: { ...pod.spec, volumes, containers: [{ ...work, volumeMounts }] } };
    };
    const [a, b] = ['kube-api-access-2kx9z', 'kube-api-access-7hqvd'].map((token) =>
      pruneWide(PODS)!(withToken(token)),
    );
    expect(a!.spec.containers).toBe(b!.spec.containers);
    expect(a!.spec.volumes).toBe(b!.spec.volumes);
    expect(a!.spec.containers[0].volumeMounts).toEqual([{ name: 'shm', mountPath: '/dev/shm' }]);
    expect(a!.spec.volumes.map(({ name }: { name: string }) => name)).toEqual(['data', 'shm']);
  });
});
