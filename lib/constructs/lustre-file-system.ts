/** A shared parallel file system for training data and checkpoints: FSx for Lustre, linked to S3. */
import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as fsx from 'aws-cdk-lib/aws-fsx';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/** TCP ports between Lustre clients and servers. */
const LUSTRE_PORTS: readonly (readonly [from: number, to: number])[] = [
  [988, 988],
  [1018, 1023],
];
/** MB/s for each TiB, and the step of the capacity in GiB that EFA needs at that throughput. */
const EFA_CAPACITY_STEP_GIB: Readonly<Record<number, number>> = { 125: 38_400, 250: 19_200, 500: 9_600, 1000: 4_800 };

/** Props of `LustreFileSystem`. */
export interface LustreFileSystemProps {
  /** The VPC. */
  readonly vpc: ec2.IVpc;
  /** The one subnet, and so the one zone, of the file system: choose the zone of the Capacity Block. */
  readonly subnet: ec2.ISubnet;
  /** Security groups of the nodes that mount it: the cluster's group. */
  readonly clientSecurityGroups: ec2.ISecurityGroup[];
  /**
   * Size in GiB: 1200, or a multiple of 2400.
   * @default 4800
   */
  readonly capacityGib?: number;
  /**
   * MB/s for each TiB: 125, 250, 500 or 1000.
   * @default 500
   */
  readonly throughputMbpsPerTib?: number;
  /**
   * Whether the servers speak EFA. Nodes of EKS Auto Mode mount over TCP all the same, because nothing can set up Lustre's
   * EFA client on them: this is for other clients, and only a new file system can have it.
   * @default false
   */
  readonly efa?: boolean;
  /**
   * Bucket whose objects appear as files and to which new files are written.
   * @default - not linked
   */
  readonly dataRepository?: s3.IBucket;
  /**
   * Directory of the file system in which the bucket appears.
   * @default '/data'
   */
  readonly dataRepositoryPath?: string;
  /**
   * Key of the file system.
   * @default - the account's key for FSx
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * Days for which daily backups are kept. FSx cannot back up a file system that is linked to a bucket.
   * @default - 7, or 0 with a data repository
   */
  readonly backupDays?: number;
  /**
   * What happens to the file system when its stack is deleted.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** FSx for Lustre 2.15, PERSISTENT_2 on SSD, compressed and encrypted, in one zone. */
export class LustreFileSystem extends Construct {
  /** Size in GiB, for the capacity of a static volume. */
  readonly capacityGib: number;
  /** Id, `fs-…`: the volume handle of a static volume. */
  readonly fileSystemId: string;
  /** DNS name, attribute `dnsname` of a static volume. */
  readonly dnsName: string;
  /** Mount name, attribute `mountname` of a static volume. */
  readonly mountName: string;
  /** Security group of the servers. */
  readonly securityGroup: ec2.ISecurityGroup;

  constructor(scope: Construct, id: string, props: LustreFileSystemProps) {
    super(scope, id);
    const capacityGib = props.capacityGib ?? 4800;
    const throughput = props.throughputMbpsPerTib ?? 500;
    requireCapacity(this.node.path, capacityGib, throughput, props.efa ?? false);
    this.capacityGib = capacityGib;
    this.securityGroup = this.addSecurityGroup(props);
    const fileSystem = new fsx.CfnFileSystem(this, 'Resource', {
      fileSystemType: 'LUSTRE',
      // Nodes of Auto Mode come with the client of this version.
      fileSystemTypeVersion: '2.15',
      storageType: 'SSD',
      storageCapacity: capacityGib,
      subnetIds: [props.subnet.subnetId],
      securityGroupIds: [this.securityGroup.securityGroupId],
      kmsKeyId: props.encryptionKey?.keyArn,
      lustreConfiguration: {
        deploymentType: 'PERSISTENT_2',
        perUnitStorageThroughput: throughput,
        dataCompressionType: 'LZ4',
        metadataConfiguration: { mode: 'AUTOMATIC' },
        efaEnabled: props.efa ? true : undefined,
        automaticBackupRetentionDays: backupDays(this.node.path, props),
      },
      tags: [{ key: 'Name', value: this.node.path }],
    });
    fileSystem.applyRemovalPolicy(props.removalPolicy ?? RemovalPolicy.RETAIN);
    this.fileSystemId = fileSystem.ref;
    this.dnsName = fileSystem.attrDnsName;
    this.mountName = fileSystem.attrLustreMountName;
    if (props.dataRepository) this.link(props.dataRepository, props.dataRepositoryPath ?? '/data');
  }

  private addSecurityGroup(props: LustreFileSystemProps): ec2.SecurityGroup {
    const group = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: `Lustre servers of ${this.node.path}`,
      allowAllOutbound: false,
    });
    if (props.efa) {
      group.addIngressRule(group, ec2.Port.allTraffic(), 'EFA among the servers');
      group.addEgressRule(group, ec2.Port.allTraffic(), 'EFA among the servers');
    }
    const ranges = LUSTRE_PORTS.map(([from, to]) => ec2.Port.tcpRange(from, to));
    for (const port of ranges) {
      group.addIngressRule(group, port, 'Lustre among the servers');
      group.addEgressRule(group, port, 'Lustre among the servers');
    }
    props.clientSecurityGroups.forEach((client, index) => {
      for (const port of ranges) {
        group.addIngressRule(client, port, 'Lustre from the nodes');
        group.addEgressRule(client, port, 'Lustre to the nodes');
      }
      LUSTRE_PORTS.forEach(([fromPort, toPort]) => {
        new ec2.CfnSecurityGroupIngress(this, `Client${index}-${fromPort}`, {
          groupId: client.securityGroupId,
          sourceSecurityGroupId: group.securityGroupId,
          ipProtocol: 'tcp',
          fromPort,
          toPort,
          description: 'Lustre servers answer the nodes',
        });
      });
    });
    return group;
  }

  private link(bucket: s3.IBucket, path: string): void {
    const events = ['NEW', 'CHANGED', 'DELETED'];
    allowFsx(this, bucket.encryptionKey);
    new fsx.CfnDataRepositoryAssociation(this, 'DataRepository', {
      fileSystemId: this.fileSystemId,
      fileSystemPath: path,
      dataRepositoryPath: bucket.s3UrlForObject(),
      batchImportMetaDataOnCreate: true,
      s3: { autoImportPolicy: { events }, autoExportPolicy: { events } },
    });
  }
}

/** FSx reads and writes the bucket with a service-linked role, which the key's policy must name. */
function allowFsx(scope: Construct, key: kms.IKey | undefined): void {
  const stack = Stack.of(scope);
  key?.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'LustreDataRepositories',
      // The role appears with the file system, after the key: anybody, on the condition of being that role.
      principals: [new iam.AnyPrincipal()],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: {
        StringEquals: { 'kms:CallerAccount': stack.account, 'kms:ViaService': `s3.${stack.region}.amazonaws.com` },
        ArnLike: {
          'aws:PrincipalArn': `arn:${stack.partition}:iam::${stack.account}:role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/AWSServiceRoleForFSxS3Access_fs-*`,
        },
      },
    }),
    true,
  );
}

function requireCapacity(path: string, capacityGib: number, throughput: number, efa: boolean): void {
  if (Token.isUnresolved(capacityGib) || Token.isUnresolved(throughput)) return;
  const efaStep = EFA_CAPACITY_STEP_GIB[throughput];
  if (efaStep === undefined) {
    throw new Error(`throughputMbpsPerTib of '${path}' is ${throughput}: write 125, 250, 500 or 1000.`);
  }
  const step = efa ? efaStep : 2400;
  if (capacityGib > 0 && capacityGib % step === 0) return;
  if (!efa && capacityGib === 1200) return;
  const above = Math.ceil(Math.max(capacityGib, 1) / step) * step;
  throw new Error(
    efa
      ? `capacityGib of '${path}' is ${capacityGib}: with EFA at ${throughput} MB/s per TiB write a multiple of ${step}, for example ${above}.`
      : `capacityGib of '${path}' is ${capacityGib}: write 1200 or a multiple of ${step}, for example ${above}.`,
  );
}

function backupDays(path: string, { backupDays: days, dataRepository }: LustreFileSystemProps): number {
  if (!dataRepository) return days ?? 7;
  if (days === undefined || days === 0) return 0;
  throw new Error(
    `backupDays of '${path}' is ${days}, but FSx cannot back up a file system that is linked to a bucket: leave it out; ` +
      `the files are in the bucket, which keeps versions.`,
  );
}
