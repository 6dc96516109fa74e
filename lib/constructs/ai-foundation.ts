/** What outlives every workload: network, key, cluster, storage. */
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ec2Values from 'aws-cdk-lib/aws-ec2';
import type * as eks from 'aws-cdk-lib/aws-eks-v2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { AutoModeCluster, type IAutoModeCluster } from './auto-mode-cluster';
import type { Capacity } from './capacity';
import { type AcceleratorDemand, ClusterNetwork } from './cluster-network';
import { EncryptionKey } from './encryption-key';
import { LustreFileSystem } from './lustre-file-system';
import { ModelBucket } from './model-bucket';
import { type IClusterNetwork, subnetsInZone } from './network-contract';
import { ZonalResilience, type ZonalAutoshiftOptions } from './zonal-resilience';

/** Most instances of one Capacity Block (EC2 user guide, "Capacity Blocks for ML", 2026-10): room for a block of unknown size. */
const LARGEST_BLOCK = 64;

/** What a foundation may be made of; shared by `AiFoundation` and `AiCluster`. */
export interface AiFoundationOptions {
  /**
   * Names of the zones, for example `['us-east-2a', 'us-east-2b', 'us-east-2c']`: two at least. New zones go at the end.
   * @default - required, unless `vpc` or `cluster` is given
   */
  readonly availabilityZones?: string[];
  /**
   * A VPC that exists, with private subnets in at least two zones.
   * @default - a VPC is made, with room for the planned nodes in every zone
   */
  readonly vpc?: ec2.IVpc;
  /**
   * An EKS Auto Mode cluster that exists, created or imported with a kubectl provider. Give its `vpc` too if it was imported without.
   * @default - a cluster is made
   */
  readonly cluster?: eks.ICluster;
  /**
   * Name of the cluster that is made.
   * @default - CloudFormation chooses a name
   */
  readonly clusterName?: string;
  /**
   * Kubernetes version of the cluster that is made.
   * @default KubernetesVersion.V1_36
   */
  readonly kubernetesVersion?: eks.KubernetesVersion;
  /**
   * Roles that may do everything in the cluster that is made.
   * @default - none, which synth warns about
   */
  readonly adminRoles?: iam.IRole[];
  /**
   * Ranges from which the API server may be reached over the internet.
   * @default - none, only from the VPC
   */
  readonly publicAccessCidrs?: string[];
  /**
   * Key for Kubernetes objects, volumes, buckets and logs. It cannot be changed later.
   * @default - a key is made that rotates yearly
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * Whether models, data and checkpoints get storage: an S3 bucket, and an FSx for Lustre file system linked to it.
   * @default true when the cluster is made here, false for a cluster that exists
   */
  readonly storage?: boolean;
  /**
   * Size in GiB of the Lustre file system: 1200, or a multiple of 2400.
   * @default 4800
   */
  readonly lustreCapacityGib?: number;
  /**
   * Zonal autoshift of the cluster that is made.
   * @default - zonal shift is on, autoshift is off
   */
  readonly zonalAutoshift?: ZonalAutoshiftOptions;
}

/** Props of `AiFoundation`. */
export interface AiFoundationProps extends AiFoundationOptions {
  /** The capacity that must find room in the network. */
  readonly capacity: Capacity[];
}

/** Network, key, cluster and storage of an AI cluster: a stack of its own keeps them when a workload's deployment fails. */
export class AiFoundation extends Construct {
  /** Where the cluster lives. */
  readonly network: IClusterNetwork;
  /** The cluster. */
  readonly cluster: IAutoModeCluster;
  /** The bucket of models, data and checkpoints, if there is storage. */
  readonly modelBucket?: ModelBucket;
  /** The Lustre file system, if there is storage. */
  readonly fileSystem?: LustreFileSystem;

  constructor(scope: Construct, id: string, props: AiFoundationProps) {
    super(scope, id);
    requireOneSource(this.node.path, props);
    const key = props.encryptionKey ?? (props.cluster ? undefined : new EncryptionKey(this, 'Key'));
    this.network = this.makeNetwork(props, key);
    this.cluster = this.makeCluster(props, key);
    if (props.storage ?? props.cluster === undefined) {
      this.modelBucket = new ModelBucket(this, 'Models', { encryptionKey: key });
      this.fileSystem = this.makeFileSystem(props, this.modelBucket, key);
    }
  }

  private makeNetwork(props: AiFoundationProps, encryptionKey: kms.IKey | undefined): IClusterNetwork {
    const demand = toDemand(props.capacity);
    const vpc = props.vpc ?? props.cluster?.vpc;
    if (vpc) return ClusterNetwork.fromVpc(this, 'Network', { vpc, demand });
    return new ClusterNetwork(this, 'Network', { availabilityZones: props.availabilityZones!, demand, encryptionKey });
  }

  private makeCluster(props: AiFoundationProps, encryptionKey: kms.IKey | undefined): IAutoModeCluster {
    const { network } = this;
    if (props.cluster)
      return AutoModeCluster.fromCluster(this, 'Cluster', { cluster: props.cluster, network, encryptionKey });
    const cluster = new AutoModeCluster(this, 'Cluster', {
      network,
      encryptionKey,
      clusterName: props.clusterName,
      version: props.kubernetesVersion,
      adminRoles: props.adminRoles,
      publicAccessCidrs: props.publicAccessCidrs,
    });
    new ZonalResilience(this, 'Zones', {
      reservedZones: zonesOfBlocks(props.capacity),
      ...props.zonalAutoshift,
      cluster,
    });
    return cluster;
  }

  /** In the zone of the first reserved capacity: that is where most of the reading is done. */
  private makeFileSystem(
    props: AiFoundationProps,
    models: ModelBucket,
    encryptionKey: kms.IKey | undefined,
  ): LustreFileSystem {
    const zone = props.capacity.find(({ reservationId }) => reservationId)?.availabilityZone;
    const clusterGroup = ec2Values.SecurityGroup.fromSecurityGroupId(
      this,
      'ClusterGroup',
      this.cluster.cluster.clusterSecurityGroupId,
    );
    return new LustreFileSystem(this, 'Lustre', {
      vpc: this.network.vpc,
      subnet: subnetsInZone(this.network.acceleratorSubnets, zone)[0]!,
      clientSecurityGroups: [clusterGroup],
      capacityGib: props.lustreCapacityGib,
      dataRepository: models.bucket,
      encryptionKey,
    });
  }
}

/** Zones that capacity is bound to: a shift away from one leaves it without a substitute. */
function zonesOfBlocks(capacity: readonly Capacity[]): string[] {
  return [
    ...new Set(
      capacity.flatMap(({ reservationId, availabilityZone }) =>
        reservationId && availabilityZone ? [availabilityZone] : [],
      ),
    ),
  ];
}

/** What the network must have room for: every pool at its largest, in whichever zone its capacity turns up. */
function toDemand(capacity: readonly Capacity[]): AcceleratorDemand[] {
  return capacity.flatMap(({ props }) => {
    if (!props) return [];
    return [
      {
        instanceType: props.instanceType,
        nodes: props.nodes?.max ?? LARGEST_BLOCK,
        prefixesPerNode: props.podPrefixes,
      },
    ];
  });
}

function requireOneSource(path: string, props: AiFoundationProps): void {
  if (props.cluster || props.vpc || props.availabilityZones) return;
  throw new Error(
    `'${path}' knows no zones: pass availabilityZones (for example ['us-east-2a', 'us-east-2b', 'us-east-2c']), or a vpc or cluster of yours. ` +
      `Zones are written out so that synth needs no credentials and is the same for everybody.`,
  );
}
