/**
 * Every EKS add-on this project knows: whose permissions it needs, and whether EKS Auto Mode has a place for it. Data.
 *
 * There is no add-on for the EFA, NVIDIA or Neuron device plugins: Auto Mode brings them, and the chart
 * `aws-efa-k8s-device-plugin` refuses to run on Auto Mode nodes.
 */
import { type AddonEntry, GUIDE, ON_SYSTEM_NODES, QUOTED, identity } from './addon-entry';
import { BUILT_IN, OBSERVABILITY, STORAGE } from './addon-rows';

/** Certificates and names. */
const NETWORK: readonly AddonEntry[] = [
  {
    name: 'aws-privateca-connector-for-kubernetes',
    autoMode: 'supported',
    identities: [
      identity('aws-privateca-issuer', 'aws-privateca-issuer', ['AWSPrivateCAConnectorForKubernetesPolicy']),
    ],
    requires: ['cert-manager'],
    source: GUIDE,
  },
  {
    name: 'cert-manager',
    autoMode: 'supported',
    identities: [],
    note: 'its service account needs Route 53 for DNS-01 challenges',
    source: 'Community add-ons',
  },
  {
    name: 'external-dns',
    autoMode: 'supported',
    identities: [
      identity(
        'external-dns',
        'external-dns',
        ['AmazonRoute53FullAccess'],
        [
          {
            actions: ['route53:ChangeResourceRecordSets', 'route53:ListHostedZones', 'route53:ListResourceRecordSets'],
            on: 'any',
          },
        ],
      ),
    ],
    configuration: { tolerations: ON_SYSTEM_NODES },
    source: 'Community add-ons',
  },
];

/** SageMaker. */
const SAGEMAKER: readonly AddonEntry[] = [
  {
    name: 'amazon-sagemaker-hyperpod-taskgovernance',
    autoMode: 'requires-hyperpod',
    identities: [],
    source: GUIDE,
  },
  {
    name: 'amazon-sagemaker-hyperpod-observability',
    autoMode: 'requires-hyperpod',
    identities: [
      identity('hyperpod-observability', 'hyperpod-observability-operator-otel-collector', [
        'AmazonPrometheusRemoteWriteAccess',
        'CloudWatchAgentServerPolicy',
      ]),
    ],
    source: QUOTED,
  },
  {
    name: 'amazon-sagemaker-hyperpod-training-operator',
    autoMode: 'supported',
    identities: [
      identity('aws-hyperpod', 'hp-training-operator-controller-manager', [
        'AmazonSageMakerHyperPodTrainingOperatorAccess',
      ]),
    ],
    requires: ['cert-manager'],
    note: 'its policy asks for the tag SageMaker=true',
    source: QUOTED,
  },
  {
    name: 'amazon-sagemaker-hyperpod-inference',
    autoMode: 'requires-hyperpod',
    identities: [],
    note: 'takes executionRoleArn and tlsCertificateS3Bucket in its configuration, with a policy of your own',
    source: 'third parties',
  },
  {
    name: 'amazon-sagemaker-spaces',
    autoMode: 'requires-hyperpod',
    identities: [
      identity('jupyter-k8s-system', 'jupyter-k8s-controller-manager', ['AmazonSageMakerSpacesControllerPolicy']),
      identity('jupyter-k8s-system', 'jupyter-k8s-authmiddleware', ['AmazonSageMakerSpacesRouterPolicy']),
    ],
    source: QUOTED,
  },
];

const MARKETPLACE: readonly AddonEntry[] = [
  ['datadog_operator', 'namespace datadog-agent, no service account'],
  ['dynatrace_dynatrace-operator', ''],
  ['grafana-labs_kubernetes-monitoring', 'namespace monitoring'],
  ['groundcover_agent', ''],
  ['kubecost_kubecost', 'namespace kubecost; needs a StorageClass of EBS volumes'],
  ['netapp_trident-operator', ''],
  ['new-relic_kubernetes-operator', 'namespace newrelic'],
  ['splunk_splunk-otel-collector-chart', 'namespace splunk-monitoring'],
  ['teleport_teleport', ''],
  ['upbound_universal-crossplane', ''],
].map(([name, note]) => ({
  name: name!,
  autoMode: 'supported',
  identities: [],
  marketplace: true,
  note: note || undefined,
  source: 'Marketplace add-ons',
}));

/** The catalog. */
export const ADDONS: readonly AddonEntry[] = [
  ...BUILT_IN,
  ...STORAGE,
  ...OBSERVABILITY,
  ...NETWORK,
  ...SAGEMAKER,
  ...MARKETPLACE,
];

/** The add-on of this name, if the catalog has it. */
export function findAddon(name: string): AddonEntry | undefined {
  return ADDONS.find((addon) => addon.name === name);
}
