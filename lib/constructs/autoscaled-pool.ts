/** Plain EKS Auto Mode for accelerated pods outside every bucket. */
import { NODE_POOLS, apiVersionOf } from '../domain/resources';
import type { KubeObject } from '../domain/kube';
import type { AutoscaledCapacityProps } from './capacity';

/** A dynamic NodePool: nodes come with pending pods and go when empty. Only pods that tolerate `nvidia.com/gpu` land there. */
export function toAutoscaledPool(name: string, props: AutoscaledCapacityProps): KubeObject {
  const gpuTaint = { key: 'nvidia.com/gpu', value: 'true', effect: 'NoSchedule' };
  return {
    apiVersion: apiVersionOf(NODE_POOLS),
    kind: NODE_POOLS.kind,
    metadata: { name },
    spec: {
      // What AWS shows for accelerated Auto Mode pools (EKS user guide, "Deploy an accelerated workload").
      disruption: { consolidationPolicy: 'WhenEmpty', consolidateAfter: '5m' },
      ...(props.maxGpus === undefined ? {} : { limits: { 'nvidia.com/gpu': props.maxGpus } }),
      template: {
        spec: {
          nodeClassRef: { group: 'eks.amazonaws.com', kind: 'NodeClass', name },
          requirements: [
            { key: 'eks.amazonaws.com/instance-family', operator: 'In', values: [...props.instanceFamilies] },
            { key: 'karpenter.sh/capacity-type', operator: 'In', values: ['on-demand'] },
          ],
          taints: [gpuTaint],
          terminationGracePeriod: '1h',
          expireAfter: '480h',
        },
      },
    },
  };
}
