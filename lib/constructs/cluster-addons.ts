/** EKS add-ons of a cluster, each with a role of its own. */
import { Annotations, Stack } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { nearest } from '../domain/nearest';
import { acknowledgeManagedPolicies, acknowledgeResources } from './acknowledgements';
import { ADDONS, findAddon } from './addon-catalog';
import type { AddonEntry, AddonIdentity } from './addon-entry';
import { podIdentityPrincipal } from './pod-identity';

/** One add-on of a cluster. */
export interface AddonRequest {
  /** Name as EKS knows it, for example `aws-fsx-csi-driver`. */
  readonly name: string;
  /**
   * Version, for example `v1.10.0-eksbuild.1`. Pin it where deployments must be the same next month.
   * @default - the default version of EKS for the Kubernetes version
   */
  readonly version?: string;
  /**
   * Values of the add-on's configuration schema; they win over those of the catalog, key by key at the top level.
   * @default - what the catalog says its pods need to find a node
   */
  readonly configuration?: { readonly [key: string]: any };
  /**
   * What its pods may do, in place of the policies of the catalog.
   * @default - the least policy of the catalog, or its managed policies
   */
  readonly statements?: iam.PolicyStatement[];
}

/** Add-ons of a cluster that nobody asked otherwise for: Lustre and S3 volumes, logs and metrics. */
export function defaultAddons(): AddonRequest[] {
  return [
    {
      name: 'aws-fsx-csi-driver',
      // Our volumes are static: the driver only looks file systems up. Dynamic ones need the catalog's least policy.
      statements: [new iam.PolicyStatement({ actions: ['fsx:DescribeFileSystems'], resources: ['*'] })],
    },
    { name: 'aws-mountpoint-s3-csi-driver' },
    { name: 'amazon-cloudwatch-observability' },
    { name: 'metrics-server' },
  ];
}

/** Props of `ClusterAddons`. */
export interface ClusterAddonsProps {
  /** The cluster. */
  readonly cluster: eks.ICluster;
  /**
   * The add-ons.
   * @default - aws-fsx-csi-driver, aws-mountpoint-s3-csi-driver, amazon-cloudwatch-observability, metrics-server
   */
  readonly addons?: AddonRequest[];
  /**
   * Buckets that pods may mount through Mountpoint for S3.
   * @default - none: a volume works only with the permissions of its own pod
   */
  readonly buckets?: s3.IBucket[];
}

/** EKS add-ons. The add-on owns its Pod Identity associations: making one beside it would conflict. */
export class ClusterAddons extends Construct {
  private readonly names: Set<string>;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ClusterAddonsProps,
  ) {
    super(scope, id);
    const requests = props.addons ?? defaultAddons();
    this.names = new Set(requests.map((request) => request.name));
    requests.forEach((request) => this.addAddon(request, this.requireEntry(request.name)));
  }

  private addAddon(request: AddonRequest, entry: AddonEntry): void {
    const configuration = { ...this.catalogConfiguration(entry), ...request.configuration };
    const associations = entry.identities.flatMap((identity) => {
      const role = this.addRole(request, identity);
      return role ? [{ roleArn: role.roleArn, serviceAccount: identity.serviceAccount }] : [];
    });
    new eks.CfnAddon(this, request.name, {
      clusterName: this.props.cluster.clusterName,
      addonName: request.name,
      addonVersion: request.version,
      resolveConflicts: 'OVERWRITE',
      ...(Object.keys(configuration).length > 0 && { configurationValues: Stack.of(this).toJsonString(configuration) }),
      ...(associations.length > 0 && { podIdentityAssociations: associations }),
    });
  }

  private addRole(request: AddonRequest, identity: AddonIdentity): iam.Role | undefined {
    const statements = request.statements ?? leastStatements(identity, this.props.buckets ?? []);
    const managed = statements === undefined ? identity.managedPolicies : [];
    if ((statements ?? []).length === 0 && managed.length === 0) return undefined;
    const role = new iam.Role(this, `${request.name}-${identity.serviceAccount}`, {
      assumedBy: podIdentityPrincipal(),
      description: `Add-on ${request.name}, service account ${identity.namespace}/${identity.serviceAccount}`,
      managedPolicies: managed.map((name) => iam.ManagedPolicy.fromAwsManagedPolicyName(name)),
      inlinePolicies: statements && { Least: new iam.PolicyDocument({ statements }) },
    });
    acknowledgeManagedPolicies(role, managed, `AWS documents this policy as what the add-on ${request.name} needs`);
    acknowledgeResources(
      role,
      () => wildcards(statements ?? []),
      `${request.name} gets the least policy known: nothing narrower exists than these resources`,
    );
    return role;
  }

  /** Pods of Auto Mode nodes cannot ask IMDS where they are. */
  private catalogConfiguration(entry: AddonEntry): Record<string, unknown> {
    if (entry.name !== 'aws-fsx-csi-driver') return { ...entry.configuration };
    const controller = entry.configuration?.controller as Record<string, unknown>;
    return { ...entry.configuration, controller: { ...controller, region: Stack.of(this).region } };
  }

  private requireEntry(name: string): AddonEntry {
    const entry = findAddon(name);
    if (!entry) {
      const known = nearest(
        name,
        ADDONS.map((addon) => addon.name),
      ).join(', ');
      throw new Error(`Unknown add-on '${name}' of '${this.node.path}'. Did you mean ${known}?`);
    }
    if (entry.autoMode === 'unsupported' || entry.autoMode === 'requires-hyperpod') {
      const why =
        entry.autoMode === 'unsupported' ? 'does not run on Auto Mode nodes' : 'needs SageMaker HyperPod nodes';
      throw new Error(`Add-on '${name}' of '${this.node.path}' ${why}: leave it out of this cluster.`);
    }
    if (entry.autoMode === 'builtin') {
      Annotations.of(this).addWarningV2(
        `eks-ai-cluster:builtInAddon:${name}`,
        `Add-on '${name}' is built into EKS Auto Mode: leave it out unless the cluster has other nodes as well.`,
      );
    }
    const missing = (entry.requires ?? []).filter((required) => !this.names.has(required));
    if (missing.length === 0) return entry;
    throw new Error(`Add-on '${name}' of '${this.node.path}' needs ${missing.join(', ')}: add it to addons as well.`);
  }
}

/** The least policy with its resources filled in; undefined when the catalog knows none. */
function leastStatements(identity: AddonIdentity, buckets: readonly s3.IBucket[]): iam.PolicyStatement[] | undefined {
  if (!identity.least) return undefined;
  const resources = {
    any: ['*'],
    buckets: buckets.map((bucket) => bucket.bucketArn),
    objects: buckets.map((bucket) => bucket.arnForObjects('*')),
  };
  const statements = identity.least
    .filter(({ on }) => resources[on].length > 0)
    .map(({ actions, on }) => new iam.PolicyStatement({ actions: [...actions], resources: resources[on] }));
  const keys = buckets.flatMap((bucket) => (bucket.encryptionKey ? [bucket.encryptionKey.keyArn] : []));
  if (keys.length > 0 && identity.least.some(({ on }) => on === 'objects')) {
    statements.push(new iam.PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: keys }));
  }
  return statements;
}

function wildcards(statements: readonly iam.PolicyStatement[]): string[] {
  return [...new Set(statements.flatMap(({ resources }) => resources))].filter((resource) => resource.endsWith('*'));
}
