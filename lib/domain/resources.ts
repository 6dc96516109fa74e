/** The Kubernetes resource types this project talks about: ours, Kubernetes' own, Karpenter's and Volcano's. */

/** Enough to build a URL, an RBAC rule or an object of one resource type. */
export interface ResourceType {
  /** API group, '' for core. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case, as in URLs and RBAC. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const type = (group: string, version: string, plural: string, kind: string, namespaced: boolean): ResourceType => ({
  group,
  version,
  plural,
  kind,
  namespaced,
});

/** Kubernetes' own. */
export const NODES = type('', 'v1', 'nodes', 'Node', false);
export const PODS = type('', 'v1', 'pods', 'Pod', true);
export const NAMESPACES = type('', 'v1', 'namespaces', 'Namespace', false);
export const LEASES = type('coordination.k8s.io', 'v1', 'leases', 'Lease', true);
export const EVENTS = type('events.k8s.io', 'v1', 'events', 'Event', true);
export const PRIORITY_CLASSES = type('scheduling.k8s.io', 'v1', 'priorityclasses', 'PriorityClass', false);
export const DEPLOYMENTS = type('apps', 'v1', 'deployments', 'Deployment', true);
export const REPLICA_SETS = type('apps', 'v1', 'replicasets', 'ReplicaSet', true);
export const JOBS = type('batch', 'v1', 'jobs', 'Job', true);

/** Karpenter's. */
export const NODE_POOLS = type('karpenter.sh', 'v1', 'nodepools', 'NodePool', false);
export const NODE_CLAIMS = type('karpenter.sh', 'v1', 'nodeclaims', 'NodeClaim', false);

/** Volcano's. */
export const QUEUES = type('scheduling.volcano.sh', 'v1beta1', 'queues', 'Queue', false);
export const POD_GROUPS = type('scheduling.volcano.sh', 'v1beta1', 'podgroups', 'PodGroup', true);
export const VOLCANO_JOBS = type('batch.volcano.sh', 'v1alpha1', 'jobs', 'Job', true);

/** Ours. */
export const CAPACITY_POOLS = type('aicluster.dev', 'v1alpha1', 'capacitypools', 'CapacityPool', false);
export const CAPACITY_BUCKETS = type('aicluster.dev', 'v1alpha1', 'capacitybuckets', 'CapacityBucket', false);
export const NODE_MOVES = type('aicluster.dev', 'v1alpha1', 'nodemoves', 'NodeMove', false);

/** `group/version`, or `v1` for core: the value of `apiVersion`. */
export function apiVersionOf(resource: ResourceType): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version;
}

/** `plural.group`, or the plural for core: how kubectl and RBAC messages name a resource. */
export function resourceName(resource: ResourceType): string {
  return resource.group ? `${resource.plural}.${resource.group}` : resource.plural;
}
