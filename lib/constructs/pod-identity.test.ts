import { Match } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { makeCluster, makeStack, templateOf } from './make-stack';
import { PodIdentity } from './pod-identity';

describe('PodIdentity', () => {
  const stack = makeStack();
  const identity = new PodIdentity(stack, 'Reader', {
    cluster: makeCluster(stack).cluster,
    namespace: 'training',
    serviceAccount: 'reader',
    statements: [new iam.PolicyStatement({ actions: ['fsx:DescribeFileSystems'], resources: ['*'] })],
  });
  new s3.Bucket(stack, 'Bucket').grantRead(identity);
  const template = templateOf(stack);

  it('lets the Pod Identity agent assume the role with session tags, and nobody else', () => {
    template.hasResourceProperties('AWS::IAM::Role', {
      Description: 'Pods of service account training/reader',
      AssumeRolePolicyDocument: {
        Statement: [
          Match.objectLike({
            Principal: { Service: 'pods.eks.amazonaws.com' },
            Action: ['sts:AssumeRole', 'sts:TagSession'],
          }),
        ],
      },
    });
  });

  it('associates the role with one service account', () => {
    template.hasResourceProperties('AWS::EKS::PodIdentityAssociation', {
      Namespace: 'training',
      ServiceAccount: 'reader',
    });
  });

  it('takes statements and grants', () => {
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Action: 'fsx:DescribeFileSystems' }),
          Match.objectLike({ Action: Match.arrayWith(['s3:GetObject*']) }),
        ]),
      },
    });
  });
});
