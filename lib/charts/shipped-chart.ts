/** What must stay as it was deployed, written down in the cluster for the invariants to compare with. */
import type { Construct } from 'constructs';
import type { KubeObject } from '../domain/kube';
import { CONTROLLERS_NAMESPACE } from '../domain/namespaces';
import { SHIPPED_CONFIG_MAP, SHIPPED_KEY } from '../domain/shipped';
import { PlainChart } from './plain-chart';

/** Props of `ShippedChart`. */
export interface ShippedChartProps {
  /** The charts whose objects must stay as they are: `AdmissionChart`, `PrioritiesChart`. */
  readonly charts: readonly { toJson(): any[] }[];
  /**
   * Namespace of the controllers.
   * @default 'aicluster-system'
   */
  readonly namespace?: string;
}

/** A ConfigMap with every object of these charts. */
export class ShippedChart extends PlainChart {
  constructor(scope: Construct, id: string, { charts, namespace = CONTROLLERS_NAMESPACE }: ShippedChartProps) {
    const objects = charts.flatMap((chart) => chart.toJson() as KubeObject[]);
    super(scope, id, [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: SHIPPED_CONFIG_MAP, namespace },
        data: { [SHIPPED_KEY]: JSON.stringify(objects) },
      },
    ]);
  }
}
