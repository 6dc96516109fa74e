/** The Kubernetes resource types this project talks about: ours, Kubernetes' own, Karpenter's, Volcano's and those of gangs. */

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

const namespaced = (group: string, version: string, plural: string, kind: string): ResourceType => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
});

const clusterWide = (group: string, version: string, plural: string, kind: string): ResourceType => ({
  ...namespaced(group, version, plural, kind),
  namespaced: false,
});

const admission = (plural: string, kind: string): ResourceType =>
  clusterWide('admissionregistration.k8s.io', 'v1', plural, kind);

/** Kubernetes' own. */
export const NODES = clusterWide('', 'v1', 'nodes', 'Node');
export const PODS = namespaced('', 'v1', 'pods', 'Pod');
export const NAMESPACES = clusterWide('', 'v1', 'namespaces', 'Namespace');
export const LEASES = namespaced('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const EVENTS = namespaced('events.k8s.io', 'v1', 'events', 'Event');
export const PRIORITY_CLASSES = clusterWide('scheduling.k8s.io', 'v1', 'priorityclasses', 'PriorityClass');
export const DEPLOYMENTS = namespaced('apps', 'v1', 'deployments', 'Deployment');
export const REPLICA_SETS = namespaced('apps', 'v1', 'replicasets', 'ReplicaSet');
export const JOBS = namespaced('batch', 'v1', 'jobs', 'Job');
export const DISRUPTION_BUDGETS = namespaced('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const STATEFUL_SETS = namespaced('apps', 'v1', 'statefulsets', 'StatefulSet');
export const DAEMON_SETS = namespaced('apps', 'v1', 'daemonsets', 'DaemonSet');
export const SERVICES = namespaced('', 'v1', 'services', 'Service');
export const CONFIG_MAPS = namespaced('', 'v1', 'configmaps', 'ConfigMap');
export const VOLUME_CLAIMS = namespaced('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const VOLUMES = clusterWide('', 'v1', 'persistentvolumes', 'PersistentVolume');
export const VOLUME_ATTACHMENTS = clusterWide('storage.k8s.io', 'v1', 'volumeattachments', 'VolumeAttachment');
export const CSI_NODES = clusterWide('storage.k8s.io', 'v1', 'csinodes', 'CSINode');
export const NETWORK_POLICIES = namespaced('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy');
export const VALIDATING_POLICIES = admission('validatingadmissionpolicies', 'ValidatingAdmissionPolicy');
export const VALIDATING_BINDINGS = admission('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding');
export const MUTATING_POLICIES = admission('mutatingadmissionpolicies', 'MutatingAdmissionPolicy');
export const MUTATING_BINDINGS = admission('mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding');

/** Karpenter's. */
export const NODE_POOLS = clusterWide('karpenter.sh', 'v1', 'nodepools', 'NodePool');
export const NODE_CLAIMS = clusterWide('karpenter.sh', 'v1', 'nodeclaims', 'NodeClaim');

/** EKS Auto Mode's. */
export const NODE_CLASSES = clusterWide('eks.amazonaws.com', 'v1', 'nodeclasses', 'NodeClass');

/** Volcano's. */
export const QUEUES = clusterWide('scheduling.volcano.sh', 'v1beta1', 'queues', 'Queue');
export const POD_GROUPS = namespaced('scheduling.volcano.sh', 'v1beta1', 'podgroups', 'PodGroup');
export const VOLCANO_JOBS = namespaced('batch.volcano.sh', 'v1alpha1', 'jobs', 'Job');
export const VOLCANO_COMMANDS = namespaced('bus.volcano.sh', 'v1alpha1', 'commands', 'Command');

/** Workloads of others that come as gangs. Their CRDs may be absent: nobody watches them, they are read and patched by name. */
export const JOB_SETS = namespaced('jobset.x-k8s.io', 'v1alpha2', 'jobsets', 'JobSet');
export const LEADER_WORKER_SETS = namespaced('leaderworkerset.x-k8s.io', 'v1', 'leaderworkersets', 'LeaderWorkerSet');
export const RAY_CLUSTERS = namespaced('ray.io', 'v1', 'rayclusters', 'RayCluster');
export const RAY_JOBS = namespaced('ray.io', 'v1', 'rayjobs', 'RayJob');
export const PYTORCH_JOBS = namespaced('kubeflow.org', 'v1', 'pytorchjobs', 'PyTorchJob');

/** Ours. */
export const CAPACITY_POOLS = clusterWide('aicluster.dev', 'v1alpha1', 'capacitypools', 'CapacityPool');
export const CAPACITY_BUCKETS = clusterWide('aicluster.dev', 'v1alpha1', 'capacitybuckets', 'CapacityBucket');
export const CHECKPOINTS = namespaced('aicluster.dev', 'v1alpha1', 'checkpoints', 'Checkpoint');
export const NODE_MOVES = clusterWide('aicluster.dev', 'v1alpha1', 'nodemoves', 'NodeMove');
export const NODE_HEALTH_POLICIES = clusterWide('aicluster.dev', 'v1alpha1', 'nodehealthpolicies', 'NodeHealthPolicy');
export const NODE_VALIDATIONS = clusterWide('aicluster.dev', 'v1alpha1', 'nodevalidations', 'NodeValidation');
export const JANITOR_POLICIES = clusterWide('aicluster.dev', 'v1alpha1', 'janitorpolicies', 'JanitorPolicy');
export const RESUBMISSIONS = namespaced('aicluster.dev', 'v1alpha1', 'resubmissions', 'Resubmission');
export const INVARIANT_POLICIES = clusterWide('aicluster.dev', 'v1alpha1', 'invariantpolicies', 'InvariantPolicy');
export const FAULT_REPORTS = namespaced('aicluster.dev', 'v1alpha1', 'faultreports', 'FaultReport');

/** `group/version`, or `v1` for core: the value of `apiVersion`. */
export function apiVersionOf(resource: ResourceType): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version;
}

/** `plural.group`, or the plural for core: how kubectl and RBAC messages name a resource. */
export function resourceName(resource: ResourceType): string {
  return resource.group ? `${resource.plural}.${resource.group}` : resource.plural;
}
