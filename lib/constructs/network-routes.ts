/** The ways out of a cluster's network: internet gateway, public subnets, NAT gateways and one route table per zone. */
import { Tags } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { NetworkError } from './network-contract';
import type { ZoneLayout } from './network-layout';

/** Props of `NetworkRoutes`. */
export interface NetworkRoutesProps {
  /** The VPC. */
  readonly vpc: ec2.CfnVPC;
  /** The zones and their ranges. */
  readonly zones: ZoneLayout[];
  /** NAT gateways, from 0 to one for each zone. */
  readonly natGateways: number;
}

/** Public subnets hold NAT gateways and load balancers only: nothing in them gets a public address by itself. */
export class NetworkRoutes extends Construct {
  /** Ids of the public subnets, in the order of the zones. */
  readonly publicSubnetIds: string[];
  /** Id of the route table of the public subnets. */
  readonly publicRouteTableId: string;
  /** Ids of the private route tables, in the order of the zones. */
  readonly privateRouteTableIds: string[];

  constructor(scope: Construct, id: string, props: NetworkRoutesProps) {
    super(scope, id);
    const { zones, natGateways } = props;
    if (!Number.isInteger(natGateways) || natGateways < 0 || natGateways > zones.length) {
      throw new NetworkError(
        `natGateways of '${scope.node.path}' is ${natGateways}: write a whole number from 0 to ${zones.length}, its zones.`,
      );
    }
    const publicRoute = this.addPublicRoute(props.vpc);
    this.publicRouteTableId = publicRoute.routeTableId;
    const publicSubnets = zones.map((zone) => this.addPublicSubnet(props.vpc, zone, publicRoute.routeTableId));
    this.publicSubnetIds = publicSubnets.map((subnet) => subnet.ref);
    const nats = zones
      .slice(0, natGateways)
      .map((zone, index) => this.addNat(zone.availabilityZone, publicSubnets[index]!, publicRoute));
    this.privateRouteTableIds = zones.map((zone, index) =>
      this.addPrivateRoute(props.vpc, zone.availabilityZone, nats[index % Math.max(1, nats.length)]),
    );
  }

  private addPublicRoute(vpc: ec2.CfnVPC): ec2.CfnRoute {
    const gateway = new ec2.CfnInternetGateway(this, 'InternetGateway');
    const attachment = new ec2.CfnVPCGatewayAttachment(this, 'Attachment', {
      vpcId: vpc.ref,
      internetGatewayId: gateway.ref,
    });
    const table = this.addRouteTable(vpc, 'Public');
    const route = new ec2.CfnRoute(this, 'PublicRoute', {
      routeTableId: table.ref,
      destinationCidrBlock: '0.0.0.0/0',
      gatewayId: gateway.ref,
    });
    route.node.addDependency(attachment);
    return route;
  }

  private addPublicSubnet(vpc: ec2.CfnVPC, zone: ZoneLayout, routeTableId: string): ec2.CfnSubnet {
    const subnet = new ec2.CfnSubnet(this, `Public-${zone.availabilityZone}`, {
      vpcId: vpc.ref,
      availabilityZone: zone.availabilityZone,
      cidrBlock: zone.publicCidr,
      mapPublicIpOnLaunch: false,
    });
    Tags.of(subnet).add('Name', `${this.node.scope?.node.path}/public-${zone.availabilityZone}`);
    Tags.of(subnet).add('kubernetes.io/role/elb', '1');
    associate(subnet, routeTableId);
    return subnet;
  }

  private addNat(zone: string, subnet: ec2.CfnSubnet, publicRoute: ec2.CfnRoute): ec2.CfnNatGateway {
    const address = new ec2.CfnEIP(this, `NatAddress-${zone}`, { domain: 'vpc' });
    const nat = new ec2.CfnNatGateway(this, `Nat-${zone}`, {
      subnetId: subnet.ref,
      allocationId: address.attrAllocationId,
    });
    // A NAT gateway without a way to the internet gateway fails, and must go before it.
    nat.node.addDependency(publicRoute);
    return nat;
  }

  private addPrivateRoute(vpc: ec2.CfnVPC, zone: string, nat: ec2.CfnNatGateway | undefined): string {
    const table = this.addRouteTable(vpc, `Private-${zone}`);
    if (nat) {
      new ec2.CfnRoute(this, `PrivateRoute-${zone}`, {
        routeTableId: table.ref,
        destinationCidrBlock: '0.0.0.0/0',
        natGatewayId: nat.ref,
      });
    }
    return table.ref;
  }

  private addRouteTable(vpc: ec2.CfnVPC, id: string): ec2.CfnRouteTable {
    const table = new ec2.CfnRouteTable(this, `RouteTable-${id}`, { vpcId: vpc.ref });
    Tags.of(table).add('Name', `${this.node.scope?.node.path}/${id.toLowerCase()}`);
    return table;
  }
}

/** Associates a subnet with a route table. */
export function associate(subnet: ec2.CfnSubnet, routeTableId: string): ec2.CfnSubnetRouteTableAssociation {
  return new ec2.CfnSubnetRouteTableAssociation(subnet, 'RouteTable', { subnetId: subnet.ref, routeTableId });
}
