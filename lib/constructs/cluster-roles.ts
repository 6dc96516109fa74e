/** The IAM roles of an Auto Mode cluster: control plane and nodes. */
import { Aws } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct, IDependable } from 'constructs';
import { acknowledgeManagedPolicies, acknowledgeResources } from './acknowledgements';

/** What EKS Auto Mode needs of the control plane's role (user guide, "Amazon EKS Auto Mode cluster IAM role"). */
const CLUSTER_POLICIES = [
  'AmazonEKSClusterPolicy',
  'AmazonEKSComputePolicy',
  'AmazonEKSBlockStoragePolicyV2',
  'AmazonEKSLoadBalancingPolicy',
  'AmazonEKSNetworkingPolicy',
];

/** The least a node needs: to join, and to pull images. */
const NODE_POLICIES = ['AmazonEKSWorkerNodeMinimalPolicy', 'AmazonEC2ContainerRegistryPullOnly'];

/** The role of the control plane, which also launches the nodes and encrypts their volumes. */
export function addClusterRole(scope: Construct, id: string, encryptionKey: kms.IKey): iam.Role {
  const role = new iam.Role(scope, id, {
    assumedBy: new iam.ServicePrincipal('eks.amazonaws.com').withSessionTags(),
    description: 'Control plane of the EKS cluster',
    managedPolicies: CLUSTER_POLICIES.map((name) => iam.ManagedPolicy.fromAwsManagedPolicyName(name)),
    inlinePolicies: {
      CustomTags: new iam.PolicyDocument({ statements: customTagStatements() }),
      Volumes: new iam.PolicyDocument({ statements: volumeStatements(encryptionKey) }),
    },
  });
  acknowledgeManagedPolicies(
    role,
    CLUSTER_POLICIES,
    'EKS documents these policies as what an Auto Mode control plane needs',
  );
  acknowledgeResources(
    role,
    () => ['*', ...volumeArns()],
    'What Auto Mode creates has no name beforehand; the conditions allow only resources tagged for this very cluster',
  );
  return role;
}

/** A role for nodes. */
export function addNodeRole(scope: Construct, id: string, description: string): iam.Role {
  const role = new iam.Role(scope, id, {
    assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
    description,
    managedPolicies: NODE_POLICIES.map((name) => iam.ManagedPolicy.fromAwsManagedPolicyName(name)),
  });
  acknowledgeManagedPolicies(role, NODE_POLICIES, 'EKS documents these two as the least a node of Auto Mode needs');
  return role;
}

/** Lets nodes with this role join. EKS makes such an entry by itself only for the role of its own pools. */
export function addNodeAccess(scope: Construct, cluster: eks.ICluster, role: iam.IRole): IDependable {
  return new eks.AccessEntry(scope, 'NodeAccess', {
    cluster,
    principal: role.roleArn,
    accessEntryType: eks.AccessEntryType.EC2,
    accessPolicies: [
      eks.AccessPolicy.fromAccessPolicyName('AmazonEKSAutoNodePolicy', {
        accessScopeType: eks.AccessScopeType.CLUSTER,
      }),
    ],
  });
}

/** The managed policies let EKS set its own tags only; a NodeClass or StorageClass with `tags` needs these. */
function customTagStatements(): iam.PolicyStatement[] {
  const ownCluster = { 'aws:RequestTag/eks:eks-cluster-name': '${aws:PrincipalTag/eks:eks-cluster-name}' };
  return [
    new iam.PolicyStatement({
      sid: 'Nodes',
      actions: ['ec2:CreateFleet', 'ec2:RunInstances', 'ec2:CreateLaunchTemplate'],
      resources: ['*'],
      conditions: {
        StringEquals: ownCluster,
        StringLike: {
          'aws:RequestTag/eks:kubernetes-node-class-name': '*',
          'aws:RequestTag/eks:kubernetes-node-pool-name': '*',
        },
      },
    }),
    new iam.PolicyStatement({
      sid: 'Volumes',
      actions: ['ec2:CreateVolume', 'ec2:CreateSnapshot'],
      resources: volumeArns(),
      conditions: { StringEquals: ownCluster },
    }),
    new iam.PolicyStatement({
      sid: 'NetworkInterfaces',
      actions: ['ec2:CreateNetworkInterface'],
      resources: ['*'],
      conditions: {
        StringEquals: ownCluster,
        StringLike: { 'aws:RequestTag/eks:kubernetes-cni-node-name': '*' },
      },
    }),
  ];
}

/** What the user guide asks for volumes of Auto Mode nodes with a customer managed key. */
function volumeStatements(key: kms.IKey): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      sid: 'EncryptVolumes',
      actions: [
        'kms:Encrypt',
        'kms:Decrypt',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
        'kms:GenerateDataKey',
        'kms:GenerateDataKeyWithoutPlaintext',
        'kms:DescribeKey',
      ],
      resources: [key.keyArn],
    }),
    new iam.PolicyStatement({
      sid: 'HandVolumesToEc2',
      actions: ['kms:CreateGrant', 'kms:ListGrants', 'kms:RevokeGrant'],
      resources: [key.keyArn],
      conditions: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    }),
  ];
}

function volumeArns(): string[] {
  return ['volume', 'snapshot'].map((kind) => `arn:${Aws.PARTITION}:ec2:*:*:${kind}/*`);
}
