/** An EKS Auto Mode cluster that is private, encrypted, logged and hard to delete by accident. */
import { Annotations, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import { Construct, type IDependable } from 'constructs';
import { acknowledge, acknowledgeKubectl } from './acknowledgements';
import type { ExistingClusterProps, IAutoModeCluster } from './cluster-contract';
import { ClusterNetwork } from './cluster-network';
import { addClusterRole, addNodeAccess, addNodeRole } from './cluster-roles';
import { EncryptionKey } from './encryption-key';
import { ExistingCluster } from './existing-cluster';
import type { IClusterNetwork } from './network-contract';

export type { ExistingClusterProps, IAutoModeCluster } from './cluster-contract';

/** What happens when a Kubernetes version leaves standard support. */
export enum SupportType {
  /** AWS upgrades the cluster to the next version. */
  STANDARD = 'STANDARD',
  /** The cluster stays for 12 more months at six times the price of its control plane. */
  EXTENDED = 'EXTENDED',
}

/** Node pools that EKS itself brings to an Auto Mode cluster. */
export enum BuiltInNodePool {
  /** Small nodes for pods that tolerate `CriticalAddonsOnly`. */
  SYSTEM = 'system',
  /** Nodes for any pod. */
  GENERAL_PURPOSE = 'general-purpose',
}

/** Props of `AutoModeCluster`. */
export interface AutoModeClusterProps {
  /** Where the cluster lives. */
  readonly network: IClusterNetwork;
  /**
   * Name of the cluster. With a name, the log group of the control plane is made here, encrypted and with a retention.
   * @default - CloudFormation chooses a name, and EKS makes a log group that keeps everything for ever
   */
  readonly clusterName?: string;
  /**
   * Kubernetes version.
   * @default KubernetesVersion.V1_36
   */
  readonly version?: eks.KubernetesVersion;
  /**
   * Roles that may do everything in the cluster. Nobody else can: not even whoever deploys it.
   * @default - none, which synth warns about
   */
  readonly adminRoles?: iam.IRole[];
  /**
   * Ranges from which the API server may be reached over the internet, besides the VPC.
   * @default - none, the API server is reached from the VPC alone
   */
  readonly publicAccessCidrs?: string[];
  /**
   * Key that encrypts every Kubernetes object. It cannot be changed later.
   * @default - an `EncryptionKey` of its own
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * Whether EKS refuses to delete the cluster.
   * @default true
   */
  readonly deletionProtection?: boolean;
  /**
   * What happens when the Kubernetes version leaves standard support.
   * @default SupportType.STANDARD
   */
  readonly supportType?: SupportType;
  /**
   * Whether the cluster is registered for ARC zonal shift. This shifts nothing by itself.
   * @default true
   */
  readonly zonalShift?: boolean;
  /**
   * Node pools of EKS. `general-purpose` is left out by default: its nodes would take pods that belong to a bucket.
   * @default [BuiltInNodePool.SYSTEM]
   */
  readonly builtInNodePools?: BuiltInNodePool[];
  /**
   * Address family of pods and services. It cannot be changed later, and EFA nodes need IPv4.
   * @default IpFamily.IP_V4
   */
  readonly ipFamily?: eks.IpFamily;
  /**
   * Range of the addresses of Kubernetes services.
   * @default - EKS chooses 10.100.0.0/16 or 172.20.0.0/16, whichever is free in the VPC
   */
  readonly serviceIpv4Cidr?: string;
  /**
   * How long control plane logs are kept. Used with `clusterName` alone.
   * @default RetentionDays.ONE_YEAR
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * Lambda layer with kubectl and helm. Give one that fits `version`.
   * @default - kubectl 1.36
   */
  readonly kubectlLayer?: lambda.ILayerVersion;
  /**
   * Lambda layer with the AWS CLI.
   * @default - the layer of aws-cdk-lib
   */
  readonly awscliLayer?: lambda.ILayerVersion;
}

/** An EKS Auto Mode cluster, its roles, its key and its access entries. */
export class AutoModeCluster extends Construct implements IAutoModeCluster {
  /** Uses a cluster that exists. Throws when kubectl cannot reach it: node classes are Kubernetes objects. */
  static fromCluster(scope: Construct, id: string, props: ExistingClusterProps): IAutoModeCluster {
    return new ExistingCluster(scope, id, props);
  }

  /** The cluster. */
  readonly cluster: eks.Cluster;
  /** Where it lives. */
  readonly network: IClusterNetwork;
  /** Role of the control plane. */
  readonly role: iam.Role;
  /** Role of the nodes that NodeClasses make. The nodes of EKS's own pools have another, whose access entry EKS owns. */
  readonly nodeRole: iam.IRole;
  /** Key that encrypts every Kubernetes object. */
  readonly encryptionKey: kms.IKey;
  /** What lets the nodes join. */
  readonly nodeAccess: IDependable;
  private readonly kubectlSecurityGroup: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, props: AutoModeClusterProps) {
    super(scope, id);
    this.network = props.network;
    this.encryptionKey = props.encryptionKey ?? new EncryptionKey(this, 'Key');
    this.role = addClusterRole(this, 'Role', this.encryptionKey);
    this.kubectlSecurityGroup = new ec2.SecurityGroup(this, 'KubectlSecurityGroup', {
      vpc: props.network.vpc,
      description: 'kubectl of the CDK',
    });
    this.cluster = this.addCluster(props);
    this.letKubectlIn();
    this.setWhatTheL2Lacks(props);
    this.nodeRole = addNodeRole(this, 'NodeRole', 'Nodes of the NodeClasses of the cluster');
    this.nodeAccess = addNodeAccess(this, this.cluster, this.nodeRole);
    this.addAdmins(props.adminRoles ?? []);
    if (props.clusterName) this.addLogGroup(props.clusterName, props.logRetention ?? logs.RetentionDays.ONE_YEAR);
    acknowledgeKubectl(this.cluster);
    acknowledge(
      this.cluster,
      'CloudFormation-Validate::W9009',
      "EKS still takes 'secrets' alone as encryptionConfig.resources; since Kubernetes 1.28 the key covers every object",
    );
  }

  private addCluster(props: AutoModeClusterProps): eks.Cluster {
    const nodePools = props.builtInNodePools ?? [BuiltInNodePool.SYSTEM];
    return new eks.Cluster(this, 'Resource', {
      clusterName: props.clusterName,
      version: props.version ?? eks.KubernetesVersion.V1_36,
      vpc: props.network.vpc,
      vpcSubnets: [{ subnets: props.network.nodeSubnets }],
      // The L2 would add the first AmazonEKSBlockStoragePolicy, which AWS has replaced; our role already has all.
      role: this.role.withoutPolicyUpdates(),
      compute: {
        nodePools,
        nodeRole: nodePools.length > 0 ? addNodeRole(this, 'SystemNodeRole', 'Nodes of the pools of EKS') : undefined,
      },
      bootstrapClusterCreatorAdminPermissions: false,
      bootstrapSelfManagedAddons: false,
      endpointAccess: endpointAccess(this, props.publicAccessCidrs ?? []),
      secretsEncryptionKey: this.encryptionKey,
      clusterLogging: Object.values(eks.ClusterLoggingTypes),
      ipFamily: props.ipFamily,
      serviceIpv4Cidr: props.serviceIpv4Cidr,
      kubectlProviderOptions: {
        kubectlLayer: props.kubectlLayer ?? new KubectlV36Layer(this, 'Kubectl'),
        awscliLayer: props.awscliLayer,
        securityGroups: [this.kubectlSecurityGroup],
      },
    });
  }

  /**
   * kubectl runs with a group of its own: with the cluster's, the network interfaces of its functions, which outlive them,
   * would keep EKS from deleting that group and so the VPC from going.
   */
  private letKubectlIn(): void {
    const ingress = new ec2.CfnSecurityGroupIngress(this, 'KubectlIngress', {
      groupId: this.cluster.clusterSecurityGroupId,
      sourceSecurityGroupId: this.kubectlSecurityGroup.securityGroupId,
      ipProtocol: 'tcp',
      fromPort: 443,
      toPort: 443,
      description: 'kubectl of the CDK to the API server',
    });
    // Every manifest waits for this barrier of the L2, and is deleted before it.
    this.cluster.node.findChild('KubectlReadyBarrier').node.addDependency(ingress);
  }

  private setWhatTheL2Lacks(props: AutoModeClusterProps): void {
    const cluster = this.cluster.node.defaultChild as eks.CfnCluster;
    cluster.deletionProtection = props.deletionProtection ?? true;
    cluster.upgradePolicy = { supportType: props.supportType ?? SupportType.STANDARD };
    cluster.zonalShiftConfig = { enabled: props.zonalShift ?? true };
    // ClusterNetwork has tagged its subnets; for an imported VPC the reminder is right.
    if (props.network instanceof ClusterNetwork) {
      Annotations.of(this.cluster).acknowledgeWarning('@aws-cdk/aws-eks:clusterMustManuallyTagSubnet');
    }
  }

  private addAdmins(roles: readonly iam.IRole[]): void {
    roles.forEach((role, index) => this.cluster.grantClusterAdmin(`Admin${index}`, role.roleArn));
    if (roles.length > 0) return;
    Annotations.of(this).addWarningV2(
      'eks-ai-cluster:noAdmin',
      `Nobody can use kubectl on '${this.node.path}' when it is deployed: name at least one role in adminRoles.`,
    );
  }

  private addLogGroup(clusterName: string, retention: logs.RetentionDays): void {
    const logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/aws/eks/${clusterName}/cluster`,
      retention,
      encryptionKey: this.encryptionKey,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    // EKS makes the group itself, without retention, when it comes first.
    (this.cluster.node.defaultChild as eks.CfnCluster).node.addDependency(logGroup);
  }
}

function endpointAccess(scope: Construct, publicAccessCidrs: string[]): eks.EndpointAccess {
  if (publicAccessCidrs.length === 0) return eks.EndpointAccess.PRIVATE;
  if (publicAccessCidrs.includes('0.0.0.0/0')) {
    throw new Error(
      `publicAccessCidrs of '${scope.node.path}' hold 0.0.0.0/0, which opens the API server to everybody: name the ranges ` +
        `of your offices or of your build system.`,
    );
  }
  return eks.EndpointAccess.PUBLIC_AND_PRIVATE.onlyFrom(...publicAccessCidrs);
}
