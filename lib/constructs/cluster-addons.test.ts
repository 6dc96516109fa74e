import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { ADDONS, findAddon } from './addon-catalog';
import { ClusterAddons, type ClusterAddonsProps } from './cluster-addons';
import { makeCluster, makeStack, templateOf } from './make-stack';
import { ModelBucket } from './model-bucket';

const addons = (props: Partial<ClusterAddonsProps> = {}, withBucket = false) => {
  const stack = makeStack();
  const buckets = withBucket ? [new ModelBucket(stack, 'Models').bucket] : undefined;
  new ClusterAddons(stack, 'Addons', { cluster: makeCluster(stack).cluster, buckets, ...props });
  return { stack, template: templateOf(stack) };
};

describe('the catalog of add-ons', () => {
  it('has each add-on once, with a source', () => {
    const names = ADDONS.map(({ name }) => name);
    expect(names).toHaveLength(new Set(names).size);
    expect(ADDONS.filter(({ source }) => !source)).toEqual([]);
    expect(names).toHaveLength(38);
  });

  it('requires only add-ons that it has', () => {
    expect(ADDONS.flatMap(({ requires }) => requires ?? []).filter((name) => !findAddon(name))).toEqual([]);
  });

  it('knows what Auto Mode brings', () => {
    expect(ADDONS.filter(({ autoMode }) => autoMode === 'builtin').map(({ name }) => name)).toEqual([
      'vpc-cni',
      'coredns',
      'kube-proxy',
      'eks-pod-identity-agent',
      'aws-ebs-csi-driver',
      'eks-node-monitoring-agent',
    ]);
  });
});

describe('ClusterAddons', () => {
  it('installs Lustre and S3 volumes, logs and metrics when nobody asks otherwise', () => {
    const { template } = addons();
    const names = Object.values(template.findResources('AWS::EKS::Addon')).map(
      ({ Properties }) => Properties.AddonName,
    );
    expect(names.sort()).toEqual([
      'amazon-cloudwatch-observability',
      'aws-fsx-csi-driver',
      'aws-mountpoint-s3-csi-driver',
      'metrics-server',
    ]);
  });

  it('gives each service account a role of its own through the add-on, with the least policy', () => {
    const { template } = addons();
    template.hasResourceProperties('AWS::EKS::Addon', {
      AddonName: 'aws-fsx-csi-driver',
      PodIdentityAssociations: [{ ServiceAccount: 'fsx-csi-controller-sa', RoleArn: Match.anyValue() }],
    });
    template.resourceCountIs('AWS::EKS::PodIdentityAssociation', 0);
    expect(JSON.stringify(template.toJSON())).not.toContain('AmazonFSxFullAccess');
    expect(JSON.stringify(template.toJSON())).not.toContain('AmazonS3FullAccess');
  });

  it('runs agents on tainted bucket nodes and controllers on system nodes, or volumes would not mount', () => {
    const { template } = addons();
    const text = JSON.stringify(
      template.findResources('AWS::EKS::Addon', { Properties: { AddonName: 'aws-fsx-csi-driver' } }),
    );
    expect(text).toContain(
      String.raw`\\\"node\\\":{\\\"tolerateAllTaints\\\":true}`.replaceAll(String.raw`\\\"`, String.raw`\"`),
    );
    expect(text).toContain('CriticalAddonsOnly');
    template.hasResourceProperties('AWS::EKS::Addon', {
      AddonName: 'metrics-server',
      ConfigurationValues: '{"tolerations":[{"key":"CriticalAddonsOnly","operator":"Exists"}]}',
    });
  });

  it('lets S3 volumes use the buckets given and their keys, and no others', () => {
    const { template } = addons({}, true);
    template.hasResourceProperties('AWS::IAM::Role', {
      Description: 'Add-on aws-mountpoint-s3-csi-driver, service account kube-system/s3-csi-driver-sa',
      Policies: [
        {
          PolicyName: 'Least',
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              Match.objectLike({ Action: 's3:ListBucket' }),
              Match.objectLike({ Action: Match.arrayWith(['s3:GetObject']) }),
              Match.objectLike({ Action: ['kms:Decrypt', 'kms:GenerateDataKey'] }),
            ],
          },
        },
      ],
    });
  });

  it('takes versions and configuration', () => {
    const { template } = addons({
      addons: [{ name: 'metrics-server', version: 'v0.8.0-eksbuild.2', configuration: { replicas: 3 } }],
    });
    template.hasResourceProperties('AWS::EKS::Addon', {
      AddonVersion: 'v0.8.0-eksbuild.2',
      ConfigurationValues: '{"tolerations":[{"key":"CriticalAddonsOnly","operator":"Exists"}],"replicas":3}',
    });
  });

  it.each([
    ['metric-server', "Unknown add-on 'metric-server' of 'Test/Addons'. Did you mean metrics-server"],
    ['sriov-network-metrics-exporter', 'does not run on Auto Mode nodes'],
    ['amazon-sagemaker-spaces', 'needs SageMaker HyperPod nodes'],
    ['adot', 'needs cert-manager: add it to addons as well'],
  ])('refuses %s', (name, message) => {
    expect(() => addons({ addons: [{ name }] })).toThrow(message);
  });

  it('warns about what Auto Mode brings anyway', () => {
    const { stack } = addons({ addons: [{ name: 'coredns' }] });
    Annotations.fromStack(stack).hasWarning('/Test/Addons', Match.stringLikeRegexp('built into EKS Auto Mode'));
  });
});
