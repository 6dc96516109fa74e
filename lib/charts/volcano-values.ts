/** Values for Volcano's own Helm chart: the scheduler configuration whose behaviour is recorded and simulated. Pure. */
import { FOREIGN_KEYS } from '../domain/node-keys';
import { SYSTEM_NODES, SYSTEM_TOLERATIONS } from './system-nodes';

/** Version of Volcano's chart and images. 1.15 is the line whose behaviour was recorded; .2 is its newest release. */
export const VOLCANO_VERSION = '1.15.2';

/** Where Volcano publishes its chart. */
export const VOLCANO_CHART_REPOSITORY = 'https://volcano-sh.github.io/helm-charts';

/** Options of `volcanoValues`. */
export interface VolcanoValuesOptions {
  /**
   * Registry of the images `volcanosh/vc-…`, for example a pull-through cache.
   * @default 'docker.io'
   */
  readonly imageRegistry?: string;
  /**
   * Tag of the images.
   * @default - the one that belongs to `VOLCANO_VERSION`
   */
  readonly imageTag?: string;
  /**
   * Labels of the nodes that Volcano itself runs on.
   * @default - the `system` node pool of EKS Auto Mode
   */
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

/**
 * Volcano's scheduler configuration, word for word the one of the recorded runs.
 *
 * No `enqueue`: its quota lets a gang that can never fit block those that can. No `preempt` and no `reclaim`: they pick pods, not
 * gangs, and ask no disruption budget. `nodegroup` is strict, so a queue has exactly the nodes that carry its label.
 */
export const SCHEDULER_CONFIGURATION = `actions: "allocate, backfill"
tiers:
- plugins:
  - name: priority
  - name: gang
- plugins:
  - name: predicates
  - name: capacity
  - name: nodeorder
  - name: binpack
  - name: nodegroup
    arguments:
      strict: true
  - name: network-topology-aware
`;

/** Network layers from the top down, as EC2 labels them, and the node itself at the bottom. */
const TOPOLOGY = [
  FOREIGN_KEYS.networkLayer(1),
  FOREIGN_KEYS.networkLayer(2),
  FOREIGN_KEYS.networkLayer(3),
  'kubernetes.io/hostname',
];

/** The values. The chart brings the CRDs of all of Volcano's controllers, so none of them has to be switched off. */
export function volcanoValues(options: VolcanoValuesOptions = {}): Record<string, unknown> {
  return {
    basic: {
      image_registry: options.imageRegistry ?? 'docker.io',
      image_tag_version: options.imageTag ?? `v${VOLCANO_VERSION}`,
      image_pull_policy: 'IfNotPresent',
    },
    custom: {
      scheduler_config_override: SCHEDULER_CONFIGURATION,
      // An object, not text: the chart pipes it through toYaml, which would turn text into a quoted block.
      controller_config_override: {
        networkTopologyDiscovery: [
          {
            source: 'label',
            enabled: true,
            // Without it discovery looks once an hour.
            interval: '1m',
            config: { networkTopologyTypes: { aws: TOPOLOGY.map((nodeLabel) => ({ nodeLabel })) } },
          },
        ],
      },
      leader_elect_enable: true,
      scheduler_replicas: 2,
      controller_replicas: 2,
      admission_replicas: 2,
      scheduler_schedule_period: '1s',
      // Measured on 500 nodes and 100 gangs: 5.4 s to place all instead of 9 s with the chart's 50 requests a second.
      controller_kube_api_qps: 1000,
      controller_kube_api_burst: 2000,
      controller_worker_threads: 10,
      default_tolerations: SYSTEM_TOLERATIONS,
      default_ns: options.nodeSelector ?? SYSTEM_NODES,
      scheduler_resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: '4Gi' } },
      controller_resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '2Gi' } },
      admission_resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    },
  };
}
