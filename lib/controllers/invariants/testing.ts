/** A cluster in which every rule is kept, for tests that break one thing after the other. */
import { CapacityBucket, CapacityPool } from '../../api';
import { formatTime, type KubeObject } from '../../domain/kube';
import {
  BUCKET_KEY,
  FOREIGN_KEYS,
  NODEGROUP_LABEL,
  POOL_LABEL,
  PROBATION_TAINT,
  UNASSIGNED_TAINT,
} from '../../domain/node-keys';
import { resourceName, type ResourceType } from '../../domain/resources';
import { InvariantState, type CloudState } from './state';

/** When tests look. */
export const NOW_MS = Date.parse('2026-11-26T05:00:00Z');
const OLD = formatTime(NOW_MS - 3_600_000);

type Fields = Readonly<Record<string, any>>;

/** An object of any Kind. */
export function makeObject(kind: string, name: string, fields: Fields = {}): KubeObject {
  const { metadata, ...rest } = fields;
  return {
    apiVersion: 'v1',
    kind,
    metadata: { name, uid: `uid-${name}`, creationTimestamp: OLD, ...metadata },
    ...rest,
  };
}

/** A node of bucket training in pool p5, an hour old, with all it should have. */
export function makeNode(name: string, { labels, allocatable, spec, status }: Fields = {}): KubeObject {
  return makeObject('Node', name, {
    metadata: {
      labels: {
        [POOL_LABEL]: 'p5',
        [BUCKET_KEY]: 'training',
        [NODEGROUP_LABEL]: 'training',
        [FOREIGN_KEYS.instanceType]: 'p5.48xlarge',
        [FOREIGN_KEYS.zone]: 'us-east-2a',
        [FOREIGN_KEYS.networkLayer(1)]: 'nn-1',
        [FOREIGN_KEYS.networkLayer(2)]: 'nn-2',
        [FOREIGN_KEYS.networkLayer(3)]: 'nn-3',
        ...labels,
      },
    },
    spec: {
      providerID: `aws:///us-east-2a/i-${name.replace(/\W/g, '')}`,
      taints: [{ key: BUCKET_KEY, value: 'training', effect: 'NoSchedule' }],
      ...spec,
    },
    status: {
      allocatable: { cpu: '190', pods: '110', 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32', ...allocatable },
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { osImage: 'Bottlerocket 1.62.0', kernelVersion: '6.12.40' },
      ...status,
    },
  });
}

/** A rank of gang `research/llama` on a node: all of it, with EFA and shared memory. */
export function makeRank(name: string, nodeName: string, { labels, container, spec }: Fields = {}): KubeObject {
  const limits = { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32' };
  return makeObject('Pod', name, {
    metadata: {
      namespace: 'research',
      labels: { app: 'llama', ...labels },
      annotations: { [FOREIGN_KEYS.gangName]: 'llama' },
    },
    spec: {
      nodeName,
      hostname: name,
      subdomain: 'llama',
      tolerations: [{ key: BUCKET_KEY, value: 'training', effect: 'NoSchedule' }],
      containers: [
        {
          name: 'rank',
          image: 'example.com/train:cu128',
          resources: { requests: limits, limits },
          volumeMounts: [
            { name: 'shm', mountPath: '/dev/shm' },
            { name: 'data', mountPath: '/data' },
          ],
          ...container,
        },
      ],
      securityContext: { seLinuxOptions: { level: 's0:c1,c2' } },
      volumes: [
        { name: 'shm', emptyDir: { medium: 'Memory' } },
        { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
      ],
      ...spec,
    },
    status: { phase: 'Running' },
  });
}

const PODS = [makeRank('llama-0', 'p5-0'), makeRank('llama-1', 'p5-1')];
const AGENT = {
  metadata: { namespace: 'kube-system' },
  spec: { template: { spec: { tolerations: [{ operator: 'Exists' }], containers: [] } } },
};
const agentOn = (node: string) =>
  makeObject('Pod', `csi-${node}`, {
    metadata: {
      namespace: 'kube-system',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'csi', uid: 'u', controller: true }],
    },
    spec: { nodeName: node, containers: [], tolerations: [{ operator: 'Exists' }] },
    status: { phase: 'Running' },
  });

const POOL = CapacityPool.make('p5', {
  instanceType: 'p5.48xlarge',
  source: 'OnDemand',
  nodes: { min: 0, max: 8 },
  nodeClassRef: { name: 'p5' },
  validation: 'Standard',
});
const BUCKET = CapacityBucket.make('training', {
  priority: 'Normal',
  nodes: { min: 2, max: 8 },
  instanceTypes: ['p5.48xlarge'],
});

/** What the CDK app has deployed. */
export const SHIPPED: readonly KubeObject[] = [
  makeShipped('ValidatingAdmissionPolicy', 'aicluster-guard-entry', {
    spec: { failurePolicy: 'Fail', validations: [{ expression: 'true' }] },
  }),
  makeShipped('PriorityClass', 'aicluster-high', { value: 300_000, preemptionPolicy: 'Never' }),
];

function makeShipped(kind: string, name: string, fields: Fields): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name }, ...fields };
}

/** Every object of a cluster in which all is well. */
export function kept(): readonly KubeObject[] {
  const nodes = ['p5-0', 'p5-1'];
  return [
    ...nodes.map((name) => makeNode(name)),
    ...nodes.map((name) => makeObject('CSINode', name, { spec: { drivers: [{ name: 'fsx.csi.aws.com' }] } })),
    ...nodes.map(agentOn),
    ...PODS,
    makeObject('Namespace', 'research', { metadata: { labels: { [BUCKET_KEY]: 'training' } } }),
    makeObject('PodGroup', 'llama', { metadata: { namespace: 'research' }, spec: { minMember: 2, queue: 'training' } }),
    makeObject('Service', 'llama', {
      metadata: { namespace: 'research' },
      spec: { clusterIP: 'None', selector: { app: 'llama' } },
    }),
    makeObject('PersistentVolumeClaim', 'data', {
      metadata: { namespace: 'research' },
      spec: { accessModes: ['ReadWriteMany'], volumeName: 'pv' },
    }),
    makeObject('PersistentVolume', 'pv', { spec: { csi: { driver: 'fsx.csi.aws.com' } } }),
    { ...POOL, metadata: { ...POOL.metadata }, status: { limit: 8 } },
    { ...BUCKET, metadata: { ...BUCKET.metadata } },
    makeObject('NodePool', 'p5', {
      spec: {
        template: {
          spec: {
            taints: [{ key: UNASSIGNED_TAINT, effect: 'NoSchedule' }],
            startupTaints: [{ key: PROBATION_TAINT, effect: 'NoSchedule' }],
          },
        },
      },
    }),
    makeObject('Queue', 'training', {
      spec: { affinity: { nodeGroupAffinity: { requiredDuringSchedulingIgnoredDuringExecution: ['training'] } } },
    }),
    makeObject('DaemonSet', 'csi', AGENT),
    makeObject('NodeClass', 'p5', {
      spec: { securityGroupSelectorTerms: [{ id: 'sg-1' }], advancedNetworking: { networkInterfaces: [{}] } },
    }),
    ...SHIPPED,
  ];
}

const ALL = { protocol: '-1', groups: ['sg-1'], ranges: [] };

/** What EC2 says of it. */
export const CLOUD: CloudState = {
  places: new Map(['i-p50', 'i-p51'].map((id) => [id, { networkNodes: ['nn-1', 'nn-2', 'nn-3'] }] as const)),
  securityGroups: new Map([['sg-1', { groupId: 'sg-1', name: 'efa', ingress: [ALL], egress: [ALL] }]]),
};

/** The state of these objects. */
export function stateOf(objects: readonly KubeObject[], cloud: CloudState = CLOUD): InvariantState {
  const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace ?? ''}/${metadata.name}`;
  const sorted = [...objects].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const read = (resource: ResourceType) =>
    resourceName(resource) === 'jobs.batch.volcano.sh' ? [] : sorted.filter(({ kind }) => kind === resource.kind);
  return new InvariantState(read, NOW_MS, cloud, SHIPPED);
}
