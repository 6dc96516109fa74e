import { Stack } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { ProcessPermissions } from '../domain/permissions';
import { cloudStatements } from './cloud-statements';

const process: ProcessPermissions = {
  process: 'capacity',
  controllers: [
    {
      controller: 'prover',
      cluster: [],
      cloud: [
        { action: 'ec2:DescribeInstanceStatus', why: 'scheduled events' },
        { action: 'ec2:RebootInstances', on: 'nodeGroups', why: 'mend it' },
        { action: 's3:PutObject', on: 'evidence', why: 'evidence outlives the node' },
      ],
    },
    { controller: 'other', cluster: [], cloud: [{ action: 'ec2:DescribeInstanceStatus', why: 'twice' }] },
  ],
};

const SCOPE = {
  clusterName: 'cortex',
  instances: 'arn:aws:ec2:us-east-2:1:instance/*',
  interfaces: 'arn:aws:ec2:us-east-2:1:network-interface/*',
};

describe('what a process may do in AWS', () => {
  const written = (bucket?: (stack: Stack) => s3.IBucket, prefix?: string) => {
    const stack = new Stack();
    const evidence = bucket && { bucket: bucket(stack), prefix };
    return cloudStatements(process, { ...SCOPE, evidence }).statements.map((one) =>
      stack.resolve(one.toStatementJson()),
    );
  };
  const describe_ = { Effect: 'Allow', Action: 'ec2:DescribeInstanceStatus', Resource: '*' };

  it('is on every resource only what names none, each action once', () => {
    expect(written()[0]).toEqual(describe_);
    expect(cloudStatements(process, SCOPE).everywhere).toEqual(['ec2:DescribeInstanceStatus']);
  });

  it('is to touch instances of node groups of this cluster alone', () => {
    const tag = (name: string) => `aws:ResourceTag/eks:${name}`;
    expect(written()).toEqual([
      describe_,
      {
        ...{ Effect: 'Allow', Action: 'ec2:RebootInstances', Resource: SCOPE.instances },
        Condition: { StringEquals: { [tag('cluster-name')]: 'cortex' }, Null: { [tag('nodegroup-name')]: 'false' } },
      },
    ]);
    expect([...cloudStatements(process, SCOPE).wildcards.keys()]).toEqual([SCOPE.instances]);
  });

  it('is to delete interfaces of this cluster alone', () => {
    const deletes = { action: 'ec2:DeleteNetworkInterface', on: 'interfaces', why: 'left behind' } as const;
    const janitor: ProcessPermissions = {
      process: 'janitor',
      controllers: [{ controller: 'sweeper', cluster: [], cloud: [deletes] }],
    };
    const { statements, wildcards } = cloudStatements(janitor, SCOPE);
    expect(statements.map((one) => one.toStatementJson())).toEqual([
      {
        ...{ Effect: 'Allow', Action: 'ec2:DeleteNetworkInterface', Resource: SCOPE.interfaces },
        Condition: { StringEquals: { 'aws:ResourceTag/cluster.k8s.amazonaws.com/name': 'cortex' } },
      },
    ]);
    expect([...wildcards.keys()]).toEqual([SCOPE.interfaces]);
  });

  it('is to write evidence under its prefix alone, and to ask for a data key where the bucket has a key', () => {
    const plain = written((stack) => new s3.Bucket(stack, 'B'));
    expect(plain).toHaveLength(3);
    expect(JSON.stringify(plain[2])).toContain('"Action":"s3:PutObject"');
    expect(JSON.stringify(plain[2]['Resource'])).toContain('/node-health/*');
    const keyed = written((stack) => new s3.Bucket(stack, 'B', { encryptionKey: new kms.Key(stack, 'K') }), 'proofs/');
    expect(JSON.stringify(keyed[2]['Resource'])).toContain('/proofs/*');
    expect(keyed[3]).toMatchObject({
      Action: 'kms:GenerateDataKey',
      Resource: { 'Fn::GetAtt': [expect.any(String), 'Arn'] },
    });
  });
});
