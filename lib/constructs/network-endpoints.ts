/** Private doors from the network to AWS APIs. */
import { Stack, Tags } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';

/**
 * Interface endpoints made unless the caller says otherwise: what nodes, pods and kubectl of a private cluster call, so
 * that none of it leaves AWS or is billed by a NAT gateway.
 */
export const DEFAULT_INTERFACE_ENDPOINTS: readonly string[] = [
  'ec2',
  'ecr.api',
  'ecr.dkr',
  'eks',
  'eks-auth',
  'fsx',
  'logs',
  'monitoring',
  'sts',
];

/** Props of `NetworkEndpoints`. */
export interface NetworkEndpointsProps {
  /** The VPC. */
  readonly vpc: ec2.IVpc;
  /** Ranges of the VPC; they alone may call the endpoints. */
  readonly cidrs: string[];
  /** Where the interfaces live: one subnet for each zone. */
  readonly subnetIds: string[];
  /** Route tables that get the route to S3. */
  readonly routeTableIds: string[];
  /** Short names of AWS services, for example `ecr.api`. */
  readonly services: string[];
}

/** A gateway endpoint for S3 (free) and interface endpoints with private DNS names. */
export class NetworkEndpoints extends Construct {
  constructor(scope: Construct, id: string, props: NetworkEndpointsProps) {
    super(scope, id);
    const { region } = Stack.of(this);
    new ec2.CfnVPCEndpoint(this, 'S3', {
      vpcId: props.vpc.vpcId,
      serviceName: `com.amazonaws.${region}.s3`,
      vpcEndpointType: 'Gateway',
      routeTableIds: props.routeTableIds,
    });
    if (props.services.length === 0) return;
    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: 'HTTPS from the VPC to AWS APIs',
      allowAllOutbound: false,
    });
    for (const cidr of props.cidrs)
      securityGroup.addIngressRule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(443), `HTTPS from ${cidr}`);
    for (const service of props.services) {
      const endpoint = new ec2.CfnVPCEndpoint(this, service, {
        vpcId: props.vpc.vpcId,
        serviceName: `com.amazonaws.${region}.${service}`,
        vpcEndpointType: 'Interface',
        privateDnsEnabled: true,
        subnetIds: props.subnetIds,
        securityGroupIds: [securityGroup.securityGroupId],
      });
      Tags.of(endpoint).add('Name', `${this.node.path}/${service}`);
    }
  }
}
