/** One stack with every construct of this package that makes AWS resources, as a security reviewer would be shown it. */
import { type App, type Environment, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import {
  AutoModeCluster,
  ClusterAddons,
  ClusterNetwork,
  EncryptionKey,
  LustreFileSystem,
  ModelBucket,
  NodeClasses,
  PodIdentity,
  StorageClasses,
  ZonalResilience,
} from '../../lib/constructs';

/** Adds the stack to an app. */
export function addWholeStack(app: App, env?: Environment): Stack {
  const stack = new Stack(app, 'Whole', { description: 'Every construct of eks-ai-cluster', env });
  const encryptionKey = new EncryptionKey(stack, 'Key');
  const network = new ClusterNetwork(stack, 'Network', {
    availabilityZones: ['us-east-2a', 'us-east-2b', 'us-east-2c'],
    secondaryCidrs: ['100.64.0.0/16'],
    demand: [{ instanceType: 'p5.48xlarge', nodes: 64 }],
    encryptionKey,
  });
  const admin = iam.Role.fromRoleArn(stack, 'Admin', 'arn:aws:iam::111122223333:role/Admin');
  const cluster = new AutoModeCluster(stack, 'Cluster', {
    network,
    encryptionKey,
    clusterName: 'cortex',
    adminRoles: [admin],
  });
  const models = new ModelBucket(stack, 'Models', { encryptionKey });
  new LustreFileSystem(stack, 'Lustre', {
    vpc: network.vpc,
    subnet: network.acceleratorSubnets[0]!,
    clientSecurityGroups: [cluster.cluster.clusterSecurityGroup],
    dataRepository: models.bucket,
    encryptionKey,
  });
  new NodeClasses(stack, 'NodeClasses', {
    cluster,
    classes: [
      { name: 'p5', instanceType: 'p5.48xlarge', reservationId: 'cr-0abc', availabilityZone: 'us-east-2a' },
      { name: 'l40s', instanceType: 'g6e.48xlarge' },
      { name: 'a10g' },
    ],
  });
  new StorageClasses(stack, 'StorageClasses', { cluster });
  new ClusterAddons(stack, 'Addons', { cluster: cluster.cluster, buckets: [models.bucket] });
  addWorkload(stack, cluster, models);
  addZones(stack, cluster);
  return stack;
}

function addWorkload(stack: Stack, { cluster }: AutoModeCluster, models: ModelBucket): void {
  new PodIdentity(stack, 'Trainer', {
    cluster,
    namespace: 'training',
    serviceAccount: 'trainer',
    statements: [
      new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: [models.bucket.arnForObjects('data')] }),
    ],
  });
}

function addZones(stack: Stack, cluster: AutoModeCluster): void {
  const alarm = (id: string, metricName: string) =>
    new cloudwatch.Alarm(stack, id, {
      metric: new cloudwatch.Metric({ namespace: 'Training', metricName }),
      threshold: 1,
      evaluationPeriods: 1,
    });
  new ZonalResilience(stack, 'Zones', {
    cluster,
    autoshift: true,
    outcomeAlarm: alarm('Unwell', 'FailedRequests'),
    blockingAlarm: alarm('Training', 'RunningGangs'),
    reservedZones: ['us-east-2a'],
  });
}
