/** The bucket of models, data sets and checkpoints. */
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { EncryptionKey } from './encryption-key';

/** Props of `ModelBucket`. */
export interface ModelBucketProps {
  /**
   * Key of the objects.
   * @default - an `EncryptionKey` of its own
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * Days after which a replaced or deleted version is gone for good. Checkpoints are large: every version costs.
   * @default 30
   */
  readonly noncurrentVersionDays?: number;
  /**
   * Days after which an object goes to Intelligent-Tiering, which then follows how often it is read.
   * @default 30
   */
  readonly intelligentTieringDays?: number;
  /**
   * Days for which access logs are kept.
   * @default 365
   */
  readonly accessLogDays?: number;
  /**
   * What happens to the bucket when its stack is deleted.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** An S3 bucket that is encrypted, versioned, private, reached by TLS alone, and whose readers are on record. */
export class ModelBucket extends Construct {
  /** The bucket. */
  readonly bucket: s3.Bucket;
  /** Key of the objects. */
  readonly encryptionKey: kms.IKey;

  constructor(scope: Construct, id: string, props: ModelBucketProps = {}) {
    super(scope, id);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    this.encryptionKey =
      props.encryptionKey ?? new EncryptionKey(this, 'Key', { description: 'Models and checkpoints' });
    this.bucket = new s3.Bucket(this, 'Resource', {
      ...PRIVATE,
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: this.encryptionKey,
      // One data key for each bucket and hour instead of a KMS call for each object.
      bucketKeyEnabled: true,
      versioned: true,
      lifecycleRules: [
        {
          noncurrentVersionExpiration: Duration.days(props.noncurrentVersionDays ?? 30),
          abortIncompleteMultipartUploadAfter: Duration.days(7),
          expiredObjectDeleteMarker: true,
          transitions: [
            {
              storageClass: s3.StorageClass.INTELLIGENT_TIERING,
              transitionAfter: Duration.days(props.intelligentTieringDays ?? 30),
            },
          ],
        },
      ],
      removalPolicy,
    });
    this.logAccess(addLogBucket(this, props.accessLogDays ?? 365, removalPolicy));
  }

  /** By bucket policy: unless an app has the right feature flag, the L2 would use an ACL, which private buckets refuse. */
  private logAccess(logs: s3.Bucket): void {
    (this.bucket.node.defaultChild as s3.CfnBucket).loggingConfiguration = {
      destinationBucketName: logs.bucketName,
      logFilePrefix: LOG_PREFIX,
    };
    logs.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AccessLogs',
        principals: [new iam.ServicePrincipal('logging.s3.amazonaws.com')],
        actions: ['s3:PutObject'],
        resources: [logs.arnForObjects(`${LOG_PREFIX}*`)],
        conditions: {
          ArnLike: { 'aws:SourceArn': this.bucket.bucketArn },
          StringEquals: { 'aws:SourceAccount': Stack.of(this).account },
        },
      }),
    );
  }
}

const LOG_PREFIX = 'access/';

const PRIVATE = {
  blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
  objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
};

/** S3 delivers access logs only to a bucket with S3's own keys. */
function addLogBucket(scope: Construct, days: number, removalPolicy: RemovalPolicy): s3.Bucket {
  return new s3.Bucket(scope, 'AccessLogs', {
    ...PRIVATE,
    encryption: s3.BucketEncryption.S3_MANAGED,
    lifecycleRules: [{ expiration: Duration.days(days), abortIncompleteMultipartUploadAfter: Duration.days(7) }],
    removalPolicy,
  });
}
