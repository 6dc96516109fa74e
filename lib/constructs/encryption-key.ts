/** The customer managed key that encrypts what a cluster stores. */
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/** Props of `EncryptionKey`. */
export interface EncryptionKeyProps {
  /**
   * What the key is for, shown in the KMS console.
   * @default - a sentence that names the cluster's data
   */
  readonly description?: string;
  /**
   * What happens to the key when its stack is deleted.
   * @default RemovalPolicy.RETAIN - data encrypted with a deleted key is lost
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** A KMS key that rotates yearly, stays when its stack goes, and may be used by CloudWatch Logs of this account. */
export class EncryptionKey extends kms.Key {
  constructor(scope: Construct, id: string, props: EncryptionKeyProps = {}) {
    super(scope, id, {
      description: props.description ?? 'Encrypts the Kubernetes objects, volumes, buckets and logs of the AI cluster',
      enableKeyRotation: true,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    allowCloudWatchLogs(this);
  }
}

/** Lets CloudWatch Logs of this account and region use the key for its log groups; no effect on an imported key. */
export function allowCloudWatchLogs(key: kms.IKey): void {
  const stack = Stack.of(key);
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'LogGroupsOfThisAccount',
      principals: [new iam.ServicePrincipal(`logs.${stack.region}.amazonaws.com`)],
      actions: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': stack.formatArn({
            service: 'logs',
            resource: 'log-group',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    }),
    true,
  );
}
