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

/** What the permissions are about. */
export interface CloudScope {
  /** Name of the cluster: a token or text. */
  readonly clusterName: string;
  /** ARN of every instance of account and region, `arn:…:instance/*`. */
  readonly instances: string;
  /** ARN of every network interface of account and region, `arn:…:network-interface/*`. */
  readonly interfaces: string;
  readonly evidence?: EvidenceStore;
}

/** The statements of a process, the actions among them that count for every resource there is, and the resources with a wildcard. */
export function cloudStatements(process: ProcessPermissions, scope: CloudScope) {
  const permissions = process.controllers.flatMap(({ cloud }) => cloud);
  const of = (wanted: CloudPermission['on']) => actionsOf(permissions.filter(({ on }) => on === wanted));
  const [everywhere, onEvidence] = [of(undefined), of('evidence')];
  const [onNodeGroups, onInterfaces] = [of('nodeGroups'), of('interfaces')];
  const { evidence } = scope;
  const statements: iam.PolicyStatement[] = [];
  if (everywhere.length > 0) statements.push(new iam.PolicyStatement({ actions: everywhere, resources: ['*'] }));
  if (onNodeGroups.length > 0) statements.push(nodeGroupStatement(scope, onNodeGroups));
  if (onInterfaces.length > 0) statements.push(interfaceStatement(scope, onInterfaces));
  if (evidence && onEvidence.length > 0) statements.push(...evidenceStatements(evidence, onEvidence));
  return {
    ...{ statements, everywhere },
    /** Wildcard → why it is there. */
    wildcards: new Map([
      ...(onNodeGroups.length > 0 ? [[scope.instances, NODE_GROUPS_ONLY] as const] : []),
      ...(onInterfaces.length > 0 ? [[scope.interfaces, INTERFACES_ONLY] as const] : []),
      ...(evidence && onEvidence.length > 0 ? [[objectsOf(evidence), UNDER_PREFIX] as const] : []),
    ]),
  };
}

const NODE_GROUPS_ONLY =
  'instances come and go: those of managed node groups of this cluster, by the tags EKS puts on them';
const INTERFACES_ONLY = 'interfaces come and go: those that the VPC CNI made for this cluster, by its tag';
const UNDER_PREFIX = 'evidence of node health is written, and only under its own prefix';

/** Tags of EKS on the instances of a managed node group (EKS user guide, managed-node-groups.html). */
function nodeGroupStatement({ clusterName, instances }: CloudScope, actions: string[]): iam.PolicyStatement {
  const tag = (name: string) => `aws:ResourceTag/eks:${name}`;
  const conditions = {
    StringEquals: { [tag('cluster-name')]: clusterName },
    Null: { [tag('nodegroup-name')]: 'false' },
  };
  return new iam.PolicyStatement({ actions, resources: [instances], conditions });
}

/** Tag of the VPC CNI on the interfaces it makes (amazon-vpc-cni-k8s, README: CLUSTER_NAME). */
function interfaceStatement({ clusterName, interfaces }: CloudScope, actions: string[]): iam.PolicyStatement {
  const conditions = { StringEquals: { 'aws:ResourceTag/cluster.k8s.amazonaws.com/name': clusterName } };
  return new iam.PolicyStatement({ actions, resources: [interfaces], conditions });
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
