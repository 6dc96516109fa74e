/** By which tags things in EC2 are known to belong to an EKS cluster. */

/** On the instances of a managed node group (EKS user guide, managed-node-groups.html). */
export const NODEGROUP_CLUSTER_TAG = 'eks:cluster-name';
/** On the same: the node group. */
export const NODEGROUP_TAG = 'eks:nodegroup-name';
/** On whatever EKS Auto Mode makes (AWS managed policies AmazonEKSComputePolicy and AmazonEKSNetworkingPolicy ask for it). */
export const AUTO_CLUSTER_TAG = 'eks:eks-cluster-name';
/** On an instance of EKS Auto Mode: the NodePool. */
export const AUTO_POOL_TAG = 'eks:kubernetes-node-pool-name';
/** On a network interface of EKS Auto Mode: the node it is for. */
export const AUTO_INTERFACE_TAG = 'eks:kubernetes-cni-node-name';
/** On an instance of Karpenter's (karpenter.sh, concepts/nodeclasses, spec.tags). */
export const KARPENTER_POOL_TAG = 'karpenter.sh/nodepool';
/** On every instance that has joined, for bills (EKS user guide, eks-using-tags.html). */
export const BILLING_CLUSTER_TAG = 'aws:eks:cluster-name';
/** On a network interface of the VPC CNI (amazon-vpc-cni-k8s, pkg/awsutils/awsutils.go): the cluster, the instance, the hour. */
export const CNI_CLUSTER_TAG = 'cluster.k8s.amazonaws.com/name';
export const CNI_INSTANCE_TAG = 'node.k8s.amazonaws.com/instance_id';
export const CNI_CREATED_TAG = 'node.k8s.amazonaws.com/createdAt';

/** Kubernetes' own, with the value `owned`. */
export const ownedTag = (cluster: string): string => `kubernetes.io/cluster/${cluster}`;

/** Tags by key. */
export type Tags = ReadonlyMap<string, string | undefined>;

/** Tags as EC2 lists them, by key. */
export function tagsOf(tags: readonly { readonly Key?: string; readonly Value?: string }[] | undefined): Tags {
  return new Map((tags ?? []).map(({ Key = '', Value }) => [Key, Value] as const));
}

/** Whether an instance belongs to the cluster: none of its tags may name another. */
export function isOfCluster(tags: Tags, cluster: string): boolean {
  const named = [AUTO_CLUSTER_TAG, NODEGROUP_CLUSTER_TAG, BILLING_CLUSTER_TAG].flatMap((key) => tags.get(key) ?? []);
  if (named.length > 0) return named.every((name) => name === cluster);
  return tags.get(ownedTag(cluster)) === 'owned';
}
