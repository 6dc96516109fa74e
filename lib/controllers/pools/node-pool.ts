/**
 * The static NodePool of a CapacityPool. PURE.
 *
 * - `Drifted` has budget 0 and nodes live for 480 h: renewing nodes is rotation's work, on its terms.
 * - The ordinary taint `aicluster.dev/unassigned` keeps everything off until moves gives the node a bucket. `nvidia.com/gpu`, which
 *   plain Auto Mode pools carry, is not added: between them our taints leave no moment without one, and Neuron nodes would lie.
 * - The startup taint `aicluster.dev/probation`, unless the pool wants no validation: nodes register with it, so nothing but a check
 *   ever runs on an unproved one, and node-health takes it off. Karpenter waits for that without any time limit; the node counts as
 *   initialized from then on, also when the taint comes back later (seen on 1.14.1).
 * - `replicas` is never in a chart. It is applied here, under our field manager, with the resourceVersion it was decided on.
 */
import type { CapacityPoolSpec } from '../../api';
import type { KubeObject } from '../../domain/kube';
import { FOREIGN_KEYS, POOL_LABEL, PROBATION_TAINT, UNASSIGNED_TAINT } from '../../domain/node-keys';
import { parseQuantity } from '../../domain/quantity';
import { apiVersionOf, NODE_POOLS } from '../../domain/resources';
import type { Size } from './sizing';

/** Field manager of the objects this project applies. */
export const FIELD_MANAGER = 'eks-ai-cluster';
/** Label and value that say a NodePool is ours. */
export const MANAGED_BY = { key: 'app.kubernetes.io/managed-by', value: 'eks-ai-cluster' } as const;

const CAPACITY_TYPE = 'karpenter.sh/capacity-type';

/** The NodePool as it is applied; with `resourceVersion` it applies only over what was seen. */
export function renderNodePool(
  name: string,
  spec: CapacityPoolSpec,
  size: Size,
  resourceVersion: string | undefined,
): KubeObject {
  return {
    apiVersion: apiVersionOf(NODE_POOLS),
    kind: NODE_POOLS.kind,
    metadata: {
      name,
      labels: { [MANAGED_BY.key]: MANAGED_BY.value, [POOL_LABEL]: name },
      ...(resourceVersion ? { resourceVersion } : {}),
    },
    spec: {
      replicas: size.replicas,
      limits: { nodes: size.limit },
      // Static pools are not consolidated; the fields only say so.
      disruption: {
        consolidationPolicy: 'WhenEmpty',
        consolidateAfter: 'Never',
        budgets: [{ nodes: '0', reasons: ['Drifted'] }],
      },
      template: {
        metadata: { labels: { [POOL_LABEL]: name } },
        spec: {
          nodeClassRef: { ...spec.nodeClassRef },
          requirements: requirements(spec),
          taints: [{ key: UNASSIGNED_TAINT, effect: 'NoSchedule' }],
          // An empty list and not none: what is not rendered would stay when a pool turns its validation off.
          startupTaints: spec.validation === 'None' ? [] : [{ key: PROBATION_TAINT, effect: 'NoSchedule' }],
          expireAfter: spec.expireAfter,
          terminationGracePeriod: spec.terminationGracePeriod,
        },
      },
    },
  };
}

function requirements(spec: CapacityPoolSpec) {
  const isIn = (key: string, value: string) => ({ key, operator: 'In', values: [value] });
  return [
    isIn(FOREIGN_KEYS.instanceType, spec.instanceType),
    // Without `In [reserved]` Karpenter silently falls back to on-demand.
    isIn(CAPACITY_TYPE, spec.source === 'OnDemand' ? 'on-demand' : 'reserved'),
    ...(spec.availabilityZone ? [isIn(FOREIGN_KEYS.zone, spec.availabilityZone)] : []),
  ];
}

/** Whether everything in `rendered` is in `existing` already; what others added there does not matter. An empty list may be absent. */
export function isApplied(rendered: unknown, existing: unknown): boolean {
  if (Array.isArray(rendered)) {
    const list: unknown = existing ?? [];
    return (
      Array.isArray(list) && list.length === rendered.length && rendered.every((item, i) => isApplied(item, list[i]))
    );
  }
  if (rendered !== null && typeof rendered === 'object') {
    if (existing === null || typeof existing !== 'object') return false;
    return Object.entries(rendered).every(([key, value]) =>
      isApplied(value, (existing as Readonly<Record<string, unknown>>)[key]),
    );
  }
  return rendered === existing;
}

/** `limits.nodes` of a NodePool, which may be written as a number or a quantity. */
export function limitOf(nodePool: KubeObject): number {
  const nodes = nodePool.spec?.limits?.nodes as string | number | undefined;
  return nodes === undefined ? 0 : parseQuantity(nodes);
}

/** Whether the NodePool differs from what it should be. */
export function needsApply(rendered: KubeObject, existing: KubeObject): boolean {
  const { resourceVersion: _, ...metadata } = rendered.metadata;
  const { limits, ...spec } = rendered.spec;
  return (
    limits.nodes !== limitOf(existing) || !isApplied(metadata, existing.metadata) || !isApplied(spec, existing.spec)
  );
}
