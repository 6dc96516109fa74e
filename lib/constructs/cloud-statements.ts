/** What a process of the controllers may do in AWS, from the table of permissions: nothing is added by hand. */
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { CloudPermission, ProcessPermissions } from '../domain/permissions';

/** Where the evidence of node health is kept: JSON lines that outlive the node they tell of. */
export interface EvidenceStore {
  /** The bucket. */
  readonly bucket: s3.IBucket;
  /**
   * Beginning of the keys of its objects.
   * @default 'node-health/'
   */
  readonly prefix?: string;
}

/** Beginning of the keys of evidence unless told otherwise. */
export const EVIDENCE_PREFIX = 'node-health/';

/** The statements of a process, the actions among them that count for every resource there is, and the resources with a wildcard. */
export function cloudStatements(process: ProcessPermissions, evidence: EvidenceStore | undefined) {
  const permissions = process.controllers.flatMap(({ cloud }) => cloud);
  const everywhere = actionsOf(permissions.filter(({ on }) => on === undefined));
  const onEvidence = actionsOf(permissions.filter(({ on }) => on === 'evidence'));
  const statements: iam.PolicyStatement[] = [];
  if (everywhere.length > 0) statements.push(new iam.PolicyStatement({ actions: everywhere, resources: ['*'] }));
  if (evidence && onEvidence.length > 0) statements.push(...evidenceStatements(evidence, onEvidence));
  const wildcards = evidence && onEvidence.length > 0 ? [objectsOf(evidence)] : [];
  return { statements, everywhere, wildcards };
}

const objectsOf = ({ bucket, prefix = EVIDENCE_PREFIX }: EvidenceStore) => bucket.arnForObjects(`${prefix}*`);

/** With a key, S3 asks KMS for a data key in the name of whoever writes. */
function evidenceStatements(evidence: EvidenceStore, actions: string[]) {
  const { encryptionKey } = evidence.bucket;
  const objects = new iam.PolicyStatement({ actions, resources: [objectsOf(evidence)] });
  if (!encryptionKey) return [objects];
  const dataKey = new iam.PolicyStatement({ actions: ['kms:GenerateDataKey'], resources: [encryptionKey.keyArn] });
  return [objects, dataKey];
}

function actionsOf(permissions: readonly CloudPermission[]): string[] {
  return [...new Set(permissions.map(({ action }) => action))].sort();
}
