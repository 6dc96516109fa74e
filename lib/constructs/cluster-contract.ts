/** What the other constructs need to know of a cluster, whoever made it. */
import type * as eks from 'aws-cdk-lib/aws-eks-v2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { IDependable } from 'constructs';
import type { IClusterNetwork } from './network-contract';

/** A cluster for the other constructs: `AutoModeCluster` makes one, `AutoModeCluster.fromCluster` wraps one that exists. */
export interface IAutoModeCluster {
  /** The cluster, with a kubectl provider. */
  readonly cluster: eks.ICluster;
  /** Where it lives. */
  readonly network: IClusterNetwork;
  /** Role of the nodes that NodeClasses make; it has an access entry. */
  readonly nodeRole: iam.IRole;
  /** What lets the nodes join, if it is made here: NodeClasses wait for it, and are deleted before it. */
  readonly nodeAccess?: IDependable;
  /** Key for what belongs to the cluster. */
  readonly encryptionKey?: kms.IKey;
}

/** Props of `AutoModeCluster.fromCluster`. */
export interface ExistingClusterProps {
  /** An EKS Auto Mode cluster, imported with `kubectlProvider` or `kubectlProviderOptions`. */
  readonly cluster: eks.ICluster;
  /** Where it lives. */
  readonly network: IClusterNetwork;
  /**
   * Role for nodes. It must have an access entry of type EC2 with `AmazonEKSAutoNodePolicy`.
   * @default - a role and its access entry are made
   */
  readonly nodeRole?: iam.IRole;
  /**
   * Key for what belongs to the cluster.
   * @default - each construct makes or omits its own
   */
  readonly encryptionKey?: kms.IKey;
}
