import type { Template } from 'aws-cdk-lib/assertions';
import { Match } from 'aws-cdk-lib/assertions';
import { LustreFileSystem, type LustreFileSystemProps } from './lustre-file-system';
import { makeCluster, makeNetwork, makeStack, manifestsOf, templateOf } from './make-stack';
import { ModelBucket } from './model-bucket';
import { StorageClasses, type BlockStorageClass } from './storage-classes';

describe('StorageClasses', () => {
  const classesOf = (classes?: BlockStorageClass[]) => {
    const stack = makeStack();
    new StorageClasses(stack, 'Storage', { cluster: makeCluster(stack), classes });
    return manifestsOf(templateOf(stack));
  };

  it("makes encrypted gp3 classes of Auto Mode's own driver, one of them the default", () => {
    const [gp3, fast] = classesOf();
    expect(gp3.provisioner).toBe('ebs.csi.eks.amazonaws.com');
    expect(gp3.metadata.annotations['storageclass.kubernetes.io/is-default-class']).toBe('true');
    expect(fast.metadata.annotations['storageclass.kubernetes.io/is-default-class']).toBe('false');
    expect(gp3.volumeBindingMode).toBe('WaitForFirstConsumer');
    expect(gp3.parameters).toEqual({
      type: 'gp3',
      encrypted: 'true',
      iops: '3000',
      throughput: '125',
      kmsKeyId: expect.stringMatching(/Key.*Arn/),
    });
  });

  it('refuses two defaults', () => {
    expect(() =>
      classesOf([
        { name: 'a', isDefault: true },
        { name: 'b', isDefault: true },
      ]),
    ).toThrow('Storage classes a and b');
  });
});

describe('ModelBucket', () => {
  const stack = makeStack();
  new ModelBucket(stack, 'Models');
  const template = templateOf(stack);

  it('is encrypted with a key of its own, versioned, private and logged', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: Match.anyValue() },
          },
        ],
      },
      VersioningConfiguration: { Status: 'Enabled' },
      LoggingConfiguration: { LogFilePrefix: 'access/' },
    });
    template.allResourcesProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
  });

  it('refuses requests without TLS, and stays when its stack goes', () => {
    template.resourceCountIs('AWS::S3::BucketPolicy', 2);
    expect(JSON.stringify(template.findResources('AWS::S3::BucketPolicy'))).toContain('aws:SecureTransport');
    template.allResources('AWS::S3::Bucket', { DeletionPolicy: 'Retain' });
  });

  it('lets old versions and broken uploads expire', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      LifecycleConfiguration: {
        Rules: [
          Match.objectLike({
            NoncurrentVersionExpiration: { NoncurrentDays: 30 },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            Transitions: [{ StorageClass: 'INTELLIGENT_TIERING', TransitionInDays: 30 }],
          }),
        ],
      },
    });
  });
});

describe('LustreFileSystem', () => {
  const lustre = (props: Partial<LustreFileSystemProps> = {}, withBucket = false): Template => {
    const stack = makeStack();
    const network = makeNetwork(stack);
    const { cluster } = makeCluster(stack, { network });
    new LustreFileSystem(stack, 'Lustre', {
      vpc: network.vpc,
      subnet: network.acceleratorSubnets[0]!,
      clientSecurityGroups: [cluster.clusterSecurityGroup],
      dataRepository: withBucket ? new ModelBucket(stack, 'Models').bucket : undefined,
      ...props,
    });
    return templateOf(stack);
  };

  it('is persistent, of the version of Auto Mode clients, in one subnet', () => {
    lustre().hasResource('AWS::FSx::FileSystem', {
      DeletionPolicy: 'Retain',
      Properties: {
        FileSystemType: 'LUSTRE',
        FileSystemTypeVersion: '2.15',
        StorageCapacity: 4800,
        SubnetIds: [Match.anyValue()],
        LustreConfiguration: Match.objectLike({ DeploymentType: 'PERSISTENT_2', PerUnitStorageThroughput: 500 }),
      },
    });
  });

  it('opens the ports of Lustre to its clients, both ways, and nothing to everybody', () => {
    const template = lustre();
    for (const [FromPort, ToPort] of [
      [988, 988],
      [1018, 1023],
    ]) {
      const port = { IpProtocol: 'tcp', FromPort, ToPort };
      template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
        ...port,
        Description: 'Lustre from the nodes',
      });
      template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', { ...port, Description: 'Lustre to the nodes' });
      template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
        ...port,
        Description: 'Lustre servers answer the nodes',
      });
    }
    expect(JSON.stringify(template.findResources('AWS::EC2::SecurityGroupIngress'))).not.toContain('0.0.0.0/0');
  });

  it('is linked to the bucket both ways, without backups, and may use its key', () => {
    const template = lustre({}, true);
    template.hasResourceProperties('AWS::FSx::DataRepositoryAssociation', {
      FileSystemPath: '/data',
      BatchImportMetaDataOnCreate: true,
      S3: {
        AutoImportPolicy: { Events: ['NEW', 'CHANGED', 'DELETED'] },
        AutoExportPolicy: { Events: ['NEW', 'CHANGED', 'DELETED'] },
      },
    });
    template.hasResourceProperties('AWS::FSx::FileSystem', {
      LustreConfiguration: Match.objectLike({ AutomaticBackupRetentionDays: 0 }),
    });
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: { Statement: Match.arrayWith([Match.objectLike({ Sid: 'LustreDataRepositories' })]) },
    });
  });

  it('with EFA lets its servers talk freely among themselves', () => {
    const template = lustre({ efa: true, throughputMbpsPerTib: 1000 });
    template.hasResourceProperties('AWS::FSx::FileSystem', {
      LustreConfiguration: Match.objectLike({ EfaEnabled: true }),
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
      IpProtocol: '-1',
      Description: 'EFA among the servers',
    });
  });

  it.each([
    [{ capacityGib: 3000 }, 'write 1200 or a multiple of 2400, for example 4800'],
    [{ throughputMbpsPerTib: 300 }, 'write 125, 250, 500 or 1000'],
    [{ efa: true, capacityGib: 4800 }, 'with EFA at 500 MB/s per TiB write a multiple of 9600, for example 9600'],
  ])('refuses %j', (props, message) => {
    expect(() => lustre(props)).toThrow(message);
  });

  it('refuses backups of a linked file system', () => {
    expect(() => lustre({ backupDays: 7 }, true)).toThrow(
      'FSx cannot back up a file system that is linked to a bucket',
    );
  });
});
