import type { App } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { AutoModeCluster } from './auto-mode-cluster';
import { ClusterNetwork } from './cluster-network';
import { makeCluster, makeLayer, makeNetwork, makeStack, templateOf } from './make-stack';

const clusterOf = (props: Parameters<typeof makeCluster>[1] = {}) => {
  const stack = makeStack();
  makeCluster(stack, props);
  return templateOf(stack);
};

describe('AutoModeCluster', () => {
  const template = clusterOf();

  it('is private, encrypted, logged, protected and open to access entries alone', () => {
    template.hasResourceProperties('AWS::EKS::Cluster', {
      Version: '1.36',
      DeletionProtection: true,
      AccessConfig: { AuthenticationMode: 'API', BootstrapClusterCreatorAdminPermissions: false },
      ResourcesVpcConfig: { EndpointPrivateAccess: true, EndpointPublicAccess: false },
      EncryptionConfig: [{ Resources: ['secrets'], Provider: { KeyArn: Match.anyValue() } }],
      UpgradePolicy: { SupportType: 'STANDARD' },
      ZonalShiftConfig: { Enabled: true },
      ComputeConfig: { Enabled: true, NodePools: ['system'] },
    });
    const [cluster] = Object.values(template.findResources('AWS::EKS::Cluster'));
    expect(cluster!.Properties.Logging.ClusterLogging.EnabledTypes).toHaveLength(5);
    expect(cluster!.Properties.ResourcesVpcConfig.SubnetIds).toHaveLength(3);
  });

  it('has the policies that EKS documents today, and not the replaced one', () => {
    const text = JSON.stringify(template.findResources('AWS::IAM::Role'));
    expect(text).toContain('AmazonEKSBlockStoragePolicyV2');
    expect(text).not.toMatch(/AmazonEKSBlockStoragePolicy"/);
    expect(text).not.toContain('AmazonEKSWorkerNodePolicy');
  });

  it('lets nodes of our classes join with a role of their own', () => {
    template.hasResourceProperties('AWS::EKS::AccessEntry', {
      Type: 'EC2',
      AccessPolicies: [
        Match.objectLike({
          PolicyArn: { 'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp('AmazonEKSAutoNodePolicy')])] },
        }),
      ],
    });
  });

  it('keeps the ways to AWS until the cluster is gone', () => {
    const [cluster] = Object.values(template.findResources('AWS::EKS::Cluster'));
    expect(cluster!.DependsOn).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/PrivateRoute/),
        expect.stringMatching(/Endpoints/),
        expect.stringMatching(/nodesuseast2aRouteTable/),
      ]),
    );
  });

  it('runs kubectl in the node subnets', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.handler',
      VpcConfig: { SubnetIds: [Match.anyValue(), Match.anyValue(), Match.anyValue()] },
    });
  });

  it('lets kubectl in with a security group of its own, before any manifest', () => {
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: { 'Fn::GetAtt': [Match.anyValue(), 'ClusterSecurityGroupId'] },
      SourceSecurityGroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('KubectlSecurityGroup'), 'GroupId'] },
      FromPort: 443,
    });
    const [barrier] = Object.values(template.findResources('AWS::SSM::Parameter'));
    expect(barrier!.DependsOn).toEqual(expect.arrayContaining([expect.stringMatching(/KubectlIngress/)]));
    const handlers = template.findResources('AWS::Lambda::Function', { Properties: { Handler: 'index.handler' } });
    expect(JSON.stringify(Object.values(handlers)[0]!.Properties.VpcConfig)).not.toContain('ClusterSecurityGroupId');
  });

  it('warns when nobody could use it, and gives admins access', () => {
    const stack = makeStack();
    makeCluster(stack);
    Annotations.fromStack(stack).hasWarning('/Test/Cluster', Match.stringLikeRegexp('Nobody can use kubectl'));
    const other = makeStack();
    makeCluster(other, { adminRoles: [iam.Role.fromRoleArn(other, 'Admin', 'arn:aws:iam::111122223333:role/Admin')] });
    Annotations.fromStack(other).hasNoWarning('*', Match.anyValue());
    templateOf(other).hasResourceProperties('AWS::EKS::AccessEntry', {
      PrincipalArn: 'arn:aws:iam::111122223333:role/Admin',
    });
  });

  it('opens the API server to named ranges, never to everybody', () => {
    clusterOf({ publicAccessCidrs: ['203.0.113.0/24'] }).hasResourceProperties('AWS::EKS::Cluster', {
      ResourcesVpcConfig: { EndpointPublicAccess: true, PublicAccessCidrs: ['203.0.113.0/24'] },
    });
    expect(() => clusterOf({ publicAccessCidrs: ['0.0.0.0/0'] })).toThrow('opens the API server to everybody');
  });

  it('makes the log group before EKS does when it knows the name', () => {
    const named = clusterOf({ clusterName: 'cortex' });
    named.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: '/aws/eks/cortex/cluster',
      RetentionInDays: 365,
    });
    const [cluster] = Object.values(named.findResources('AWS::EKS::Cluster'));
    expect(cluster!.DependsOn).toEqual(expect.arrayContaining([expect.stringMatching(/Logs/)]));
  });

  it('has no system node role when EKS brings no pools', () => {
    const text = JSON.stringify(clusterOf({ builtInNodePools: [] }).toJSON());
    expect(text).not.toContain('NodeRoleArn');
  });

  it('synthesizes byte for byte the same twice, with an account and without lookups', () => {
    const synth = () => {
      const stack = makeStack({ env: { account: '111122223333', region: 'us-east-2' } });
      makeCluster(stack);
      const assembly = (stack.node.root as App).synth();
      expect(assembly.manifest.missing ?? []).toEqual([]);
      return JSON.stringify(assembly.getStackByName('Test').template);
    };
    expect(synth()).toBe(synth());
  });

  it("lives in a customer's VPC", () => {
    const stack = makeStack();
    const network = ClusterNetwork.fromVpc(stack, 'Network', { vpc: new ec2.Vpc(stack, 'Vpc') });
    makeCluster(stack, { network });
    templateOf(stack).resourceCountIs('AWS::EKS::Cluster', 1);
  });
});

describe('AutoModeCluster.fromCluster', () => {
  it('adds a node role and its access entry to a cluster that exists', () => {
    const stack = makeStack();
    const network = makeNetwork(stack);
    const cluster = new eks.Cluster(stack, 'Theirs', {
      version: eks.KubernetesVersion.V1_35,
      vpc: network.vpc,
      vpcSubnets: [{ subnets: network.nodeSubnets }],
      kubectlProviderOptions: { kubectlLayer: makeLayer(stack, 'K'), awscliLayer: makeLayer(stack, 'A') },
    });
    AutoModeCluster.fromCluster(stack, 'Existing', { cluster, network });
    templateOf(stack).hasResourceProperties('AWS::EKS::AccessEntry', { Type: 'EC2' });
  });

  it('refuses a cluster that kubectl cannot reach', () => {
    const stack = makeStack();
    const network = makeNetwork(stack);
    const cluster = eks.Cluster.fromClusterAttributes(stack, 'Theirs', { clusterName: 'theirs', vpc: network.vpc });
    expect(() => AutoModeCluster.fromCluster(stack, 'Existing', { cluster, network })).toThrow(
      'has no kubectl provider',
    );
  });
});
