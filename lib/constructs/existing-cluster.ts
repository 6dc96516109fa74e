/** A cluster that exists, for the other constructs. */
import type * as eks from 'aws-cdk-lib/aws-eks-v2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct, type IDependable } from 'constructs';
import type { ExistingClusterProps, IAutoModeCluster } from './cluster-contract';
import { addNodeAccess, addNodeRole } from './cluster-roles';
import type { IClusterNetwork } from './network-contract';

/** A cluster that exists, with a node role that may join it. */
export class ExistingCluster extends Construct implements IAutoModeCluster {
  readonly cluster: eks.ICluster;
  readonly network: IClusterNetwork;
  readonly nodeRole: iam.IRole;
  readonly nodeAccess?: IDependable;
  readonly encryptionKey?: kms.IKey;

  constructor(scope: Construct, id: string, props: ExistingClusterProps) {
    super(scope, id);
    if (!props.cluster.kubectlProvider && !props.cluster.kubectlProviderOptions) {
      throw new Error(
        `Cluster '${props.cluster.node.path}' has no kubectl provider, and node classes are Kubernetes objects: create it ` +
          `with kubectlProviderOptions, or import it with kubectlProvider.`,
      );
    }
    this.cluster = props.cluster;
    this.network = props.network;
    this.encryptionKey = props.encryptionKey;
    this.nodeRole = props.nodeRole ?? addNodeRole(this, 'NodeRole', 'Nodes of the NodeClasses of the cluster');
    if (!props.nodeRole) this.nodeAccess = addNodeAccess(this, props.cluster, this.nodeRole);
  }
}
