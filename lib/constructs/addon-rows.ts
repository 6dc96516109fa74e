/** Rows of the add-on catalog that most clusters meet: built in, storage, observability. */
import { type AddonEntry, GUIDE, ON_EVERY_NODE, ON_SYSTEM_NODES, QUOTED, identity } from './addon-entry';

/** Built into Auto Mode. */
export const BUILT_IN: readonly AddonEntry[] = [
  {
    name: 'vpc-cni',
    autoMode: 'builtin',
    identities: [identity('kube-system', 'aws-node', ['AmazonEKS_CNI_Policy'])],
    source: GUIDE,
  },
  {
    name: 'coredns',
    autoMode: 'builtin',
    identities: [],
    note: 'needed for hybrid and managed nodes',
    source: GUIDE,
  },
  { name: 'kube-proxy', autoMode: 'builtin', identities: [], source: GUIDE },
  {
    name: 'eks-pod-identity-agent',
    autoMode: 'builtin',
    identities: [],
    note: 'uses the role of the node; needed for hybrid and managed nodes',
    source: GUIDE,
  },
  {
    name: 'aws-ebs-csi-driver',
    autoMode: 'builtin',
    identities: [identity('kube-system', 'ebs-csi-controller-sa', ['service-role/AmazonEBSCSIDriverPolicy'])],
    note: 'Auto Mode has ebs.csi.eks.amazonaws.com',
    source: GUIDE,
  },
  { name: 'eks-node-monitoring-agent', autoMode: 'builtin', identities: [], source: GUIDE },
];

/** Volumes, snapshots and secrets. */
export const STORAGE: readonly AddonEntry[] = [
  {
    name: 'aws-efs-csi-driver',
    autoMode: 'supported',
    identities: [identity('kube-system', 'efs-csi-controller-sa', ['service-role/AmazonEFSCSIDriverPolicy'])],
    configuration: { controller: { tolerations: ON_SYSTEM_NODES }, node: { tolerations: ON_EVERY_NODE } },
    source: QUOTED,
  },
  {
    name: 'aws-fsx-csi-driver',
    autoMode: 'supported',
    identities: [
      identity(
        'kube-system',
        'fsx-csi-controller-sa',
        ['AmazonFSxFullAccess'],
        [
          {
            actions: [
              'fsx:CreateFileSystem',
              'fsx:DeleteFileSystem',
              'fsx:DescribeFileSystems',
              'fsx:TagResource',
              'fsx:UpdateFileSystem',
              'iam:CreateServiceLinkedRole',
              's3:ListBucket',
            ],
            on: 'any',
          },
        ],
      ),
    ],
    configuration: { controller: { tolerations: ON_SYSTEM_NODES }, node: { tolerateAllTaints: true } },
    note: 'the controller cannot ask IMDS for its region on Auto Mode: ClusterAddons sets controller.region',
    source: GUIDE,
  },
  {
    name: 'aws-mountpoint-s3-csi-driver',
    autoMode: 'supported',
    identities: [
      identity(
        'kube-system',
        's3-csi-driver-sa',
        ['AmazonS3FullAccess'],
        [
          { actions: ['s3:ListBucket'], on: 'buckets' },
          { actions: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:DeleteObject'], on: 'objects' },
        ],
      ),
    ],
    configuration: { controller: { tolerations: ON_SYSTEM_NODES }, node: { tolerateAllTaints: true } },
    note: 'Pod Identity since version 2; mounts run as pods in namespace mount-s3',
    source: QUOTED,
  },
  {
    name: 'snapshot-controller',
    autoMode: 'supported',
    identities: [],
    configuration: { tolerations: ON_SYSTEM_NODES },
    source: GUIDE,
  },
  {
    name: 'aws-secrets-store-csi-driver-provider',
    autoMode: 'supported',
    identities: [],
    note: 'the service accounts of applications need the permissions, and usePodIdentity: "true" in SecretProviderClass',
    source: GUIDE,
  },
];

/** Metrics, logs, traces and threats. */
export const OBSERVABILITY: readonly AddonEntry[] = [
  {
    name: 'amazon-cloudwatch-observability',
    autoMode: 'supported',
    identities: [identity('amazon-cloudwatch', 'cloudwatch-agent', ['CloudWatchAgentServerPolicy'])],
    configuration: { tolerations: ON_EVERY_NODE },
    note: 'Application Signals needs AWSXrayWriteOnlyAccess as well',
    source: QUOTED,
  },
  {
    name: 'adot',
    autoMode: 'supported',
    identities: [
      identity('opentelemetry-operator-system', 'adot-col-prom-metrics', [
        'AmazonPrometheusRemoteWriteAccess',
        'CloudWatchAgentServerPolicy',
      ]),
      identity('opentelemetry-operator-system', 'adot-col-otlp-ingest', ['AWSXrayWriteOnlyAccess']),
      identity('opentelemetry-operator-system', 'adot-col-container-logs', ['CloudWatchAgentServerPolicy']),
    ],
    requires: ['cert-manager'],
    note: 'the service accounts exist only with the preset collectors',
    source: QUOTED,
  },
  {
    name: 'aws-network-flow-monitoring-agent',
    autoMode: 'supported',
    identities: [
      identity('amazon-network-flow-monitor', 'aws-network-flow-monitor-agent-service-account', [
        'CloudWatchNetworkFlowMonitorAgentPublishPolicy',
      ]),
    ],
    note: 'namespace and service account since version 1.0.1',
    source: GUIDE,
  },
  { name: 'aws-guardduty-agent', autoMode: 'supported', identities: [], source: GUIDE },
  {
    name: 'sriov-network-metrics-exporter',
    autoMode: 'unsupported',
    identities: [],
    note: 'namespace monitoring; bare metal EC2 nodes only',
    source: GUIDE,
  },
  {
    name: 'metrics-server',
    autoMode: 'supported',
    identities: [],
    configuration: { tolerations: ON_SYSTEM_NODES },
    note: 'eksctl installs it on Auto Mode by default, CloudFormation does not',
    source: 'Community add-ons',
  },
  {
    name: 'kube-state-metrics',
    autoMode: 'supported',
    identities: [],
    configuration: { tolerations: ON_SYSTEM_NODES },
    source: 'Community add-ons',
  },
  {
    name: 'prometheus-node-exporter',
    autoMode: 'supported',
    identities: [],
    configuration: { tolerations: ON_EVERY_NODE },
    source: 'Community add-ons',
  },
  {
    name: 'fluent-bit',
    autoMode: 'supported',
    identities: [identity('fluent-bit', 'fluent-bit')],
    configuration: { tolerations: ON_EVERY_NODE },
    note: 'needs the permissions of whatever it writes to',
    source: 'Community add-ons',
  },
];
