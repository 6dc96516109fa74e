/** Volcano, the scheduler of gangs. */
import { Duration } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import { Construct } from 'constructs';
import { VOLCANO_CHART_REPOSITORY, VOLCANO_VERSION, volcanoValues } from '../charts';

/** Props of `VolcanoScheduler`. */
export interface VolcanoSchedulerProps {
  /** A cluster with a kubectl provider. */
  readonly cluster: eks.ICluster;
  /**
   * Version of the Helm chart and of the images.
   * @default '1.15.2', the newest release of the line whose behaviour was recorded
   */
  readonly version?: string;
  /**
   * Where the Helm chart comes from: `https://…` or `oci://…`.
   * @default 'https://volcano-sh.github.io/helm-charts'
   */
  readonly chartRepository?: string;
  /**
   * Registry of the images, for example `111122223333.dkr.ecr.us-east-2.amazonaws.com/docker-hub` of a pull-through cache.
   * @default 'docker.io'
   */
  readonly imageRegistry?: string;
  /**
   * Labels of the nodes that Volcano itself runs on.
   * @default - the `system` node pool of EKS Auto Mode
   */
  readonly nodeSelector?: { readonly [label: string]: string };
}

/**
 * Volcano's own Helm chart, pinned, with the configuration of `volcanoValues`. Its queues are not made here: they follow the nodes
 * of the buckets and belong to the capacity controller.
 */
export class VolcanoScheduler extends Construct {
  /** The release, for others to depend on: it is ready when Volcano runs. */
  readonly release: eks.HelmChart;

  constructor(scope: Construct, id: string, props: VolcanoSchedulerProps) {
    super(scope, id);
    const version = props.version ?? VOLCANO_VERSION;
    this.release = new eks.HelmChart(this, 'Resource', {
      cluster: props.cluster,
      chart: 'volcano',
      release: 'volcano',
      namespace: 'volcano-system',
      createNamespace: true,
      repository: props.chartRepository ?? VOLCANO_CHART_REPOSITORY,
      version,
      wait: true,
      // The system nodes may have to start first. The handler of aws-cdk-lib itself ends at 15 minutes, without a word of Helm's.
      timeout: Duration.minutes(13),
      values: volcanoValues({
        imageTag: `v${version}`,
        imageRegistry: props.imageRegistry,
        nodeSelector: props.nodeSelector,
      }),
    });
  }
}
