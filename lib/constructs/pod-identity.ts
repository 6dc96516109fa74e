/** AWS permissions of the pods of one Kubernetes service account, by EKS Pod Identity. */
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/** Props of `PodIdentity`. */
export interface PodIdentityProps {
  /** The cluster whose pods get the permissions. */
  readonly cluster: eks.ICluster;
  /** Namespace of the service account. It need not exist yet. */
  readonly namespace: string;
  /** Name of the service account. It need not exist yet. */
  readonly serviceAccount: string;
  /**
   * What the pods may do.
   * @default - nothing until something is granted to the construct
   */
  readonly statements?: iam.PolicyStatement[];
  /**
   * Managed policies of the role. Prefer `statements`: most AWS managed policies allow more than one workload needs.
   * @default - none
   */
  readonly managedPolicies?: iam.IManagedPolicy[];
}

/** The trust policy of every role that pods may assume: the Pod Identity agent, with session tags. */
export function podIdentityPrincipal(): iam.IPrincipal {
  return new iam.ServicePrincipal('pods.eks.amazonaws.com').withSessionTags();
}

/**
 * A role and the association that hands it to one service account. No annotation on the service account, no OIDC
 * provider, and no `eks-pod-identity-agent` add-on: on Auto Mode the agent is built in.
 */
export class PodIdentity extends Construct implements iam.IGrantable {
  /** The role that the pods assume. */
  readonly role: iam.Role;
  /** Namespace of the service account. */
  readonly namespace: string;
  /** Name of the service account. */
  readonly serviceAccount: string;
  /** The association; things that need the permissions from their first second depend on it. */
  readonly association: eks.CfnPodIdentityAssociation;

  constructor(scope: Construct, id: string, props: PodIdentityProps) {
    super(scope, id);
    this.namespace = props.namespace;
    this.serviceAccount = props.serviceAccount;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: podIdentityPrincipal(),
      description: `Pods of service account ${props.namespace}/${props.serviceAccount}`,
      managedPolicies: props.managedPolicies,
    });
    props.statements?.forEach((statement) => this.role.addToPolicy(statement));
    this.association = new eks.CfnPodIdentityAssociation(this, 'Resource', {
      clusterName: props.cluster.clusterName,
      namespace: props.namespace,
      serviceAccount: props.serviceAccount,
      roleArn: this.role.roleArn,
    });
  }

  /** Grants made to this construct go to the role. */
  get grantPrincipal(): iam.IPrincipal {
    return this.role;
  }
}
