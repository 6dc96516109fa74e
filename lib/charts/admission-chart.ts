/** How pods reach a bucket, and what keeps the others out: admission policies, evaluated in the API server itself. */
import type { Construct } from 'constructs';
import { CONTROLLERS_NAMESPACE } from '../domain/namespaces';
import { guardBuckets } from './admission/guard-buckets';
import { guardChecks } from './admission/guard-checks';
import { guardPods } from './admission/guard-pods';
import { steerGangs } from './admission/steer-gangs';
import { steerPods } from './admission/steer-pods';
import { trainingPolicies, type TrainingProperties } from './admission/training';
import { PlainChart } from './plain-chart';

/** Props of `AdmissionChart`. */
export interface AdmissionChartProps {
  /**
   * Namespace of our controllers: the one that checks nodes is known by its service account there.
   * @default 'aicluster-system'
   */
  readonly controllersNamespace?: string;
  /**
   * Name of the PriorityClass marked `globalDefault`, if the cluster has one. Kubernetes writes it into pods before the policies see
   * them, so such pods must be told from those that chose it.
   * @default - there is none
   */
  readonly globalDefaultPriorityClass?: string;
  /**
   * Properties of pods that train together, and what is done about those that lack them.
   * @default - whoever makes them is warned
   */
  readonly training?: TrainingProperties;
}

/** Every admission policy. Apply after the CRDs: the policies read CapacityBuckets, and a policy without its Kind refuses all. */
export class AdmissionChart extends PlainChart {
  constructor(scope: Construct, id: string, props: AdmissionChartProps = {}) {
    super(scope, id, [
      ...steerPods({ globalDefaultPriorityClass: props.globalDefaultPriorityClass }),
      ...steerGangs(),
      ...guardPods(),
      ...guardChecks(props.controllersNamespace ?? CONTROLLERS_NAMESPACE),
      ...guardBuckets(),
      ...trainingPolicies(props.training),
    ]);
  }
}
