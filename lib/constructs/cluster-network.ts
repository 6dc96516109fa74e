/** The VPC of an AI cluster: room for accelerated nodes in every zone, and no lookups at synth. */
import { Stack, Tags, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct, Dependable } from 'constructs';
import { acknowledge } from './acknowledgements';
import { ExistingNetwork, type ExistingNetworkProps } from './existing-network';
import { type IClusterNetwork, NetworkError } from './network-contract';
import { DEFAULT_INTERFACE_ENDPOINTS, NetworkEndpoints } from './network-endpoints';
import { type ZoneLayout, layOutNetwork } from './network-layout';
import { NetworkRoutes, associate } from './network-routes';

/** Prefix length of the public subnets: NAT gateways and load balancers need few addresses. */
const PUBLIC_PREFIX_LENGTH = 26;

/** Accelerated nodes of one type that must find addresses at the same time, in whichever zone their capacity is. */
export interface AcceleratorDemand {
  /** EC2 instance type, for example `p5.48xlarge`. */
  readonly instanceType: string;
  /** Most nodes at the same time. */
  readonly nodes: number;
  /**
   * /28 prefixes of addresses for pods on each node; each prefix is 16 pods.
   * @default 2
   */
  readonly prefixesPerNode?: number;
}

/** Props of `ClusterNetwork`. */
export interface ClusterNetworkProps {
  /**
   * Names of the zones, for example `us-east-2a`: two at least. Order matters: subnets get their addresses in it, so add
   * new zones at the end. A Capacity Block may be sold in any of them.
   */
  readonly availabilityZones: string[];
  /**
   * Accelerated nodes that every zone must have addresses for.
   * @default - room for 80 EFA nodes in each zone
   */
  readonly demand?: AcceleratorDemand[];
  /**
   * Range of the VPC.
   * @default '10.0.0.0/16'
   */
  readonly vpcCidr?: string;
  /**
   * More ranges of the VPC. When given, accelerator subnets are cut from them alone.
   * @default - none, accelerator subnets are cut from `vpcCidr`
   */
  readonly secondaryCidrs?: string[];
  /**
   * Prefix length of each zone's subnet for nodes, pods and the control plane.
   * @default - the prefix of `vpcCidr` plus 3: a /19 of a /16
   */
  readonly nodePrefixLength?: number;
  /**
   * Prefix length of each zone's accelerator subnet. Changing it later replaces the subnet, which fails while nodes
   * are in it: choose early.
   * @default - what `demand` needs, and at least a /20
   */
  readonly acceleratorPrefixLength?: number;
  /**
   * NAT gateways. Each costs about 33 USD a month plus traffic; with fewer than zones, a zone without one loses its way
   * out together with another zone. 0 leaves only the endpoints, which must then include `lambda`.
   * @default - one for each zone
   */
  readonly natGateways?: number;
  /**
   * AWS services with an interface endpoint, by short name. Each costs about 7 USD a month in each zone.
   * @default - ec2, ecr.api, ecr.dkr, eks, eks-auth, fsx, logs, monitoring, sts
   */
  readonly interfaceEndpoints?: string[];
  /**
   * How long flow logs are kept.
   * @default RetentionDays.THREE_MONTHS
   */
  readonly flowLogRetention?: logs.RetentionDays;
  /**
   * Key of the flow logs. It must let CloudWatch Logs use it, as `EncryptionKey` does.
   * @default - a key owned by CloudWatch Logs
   */
  readonly encryptionKey?: kms.IKey;
}

/** A VPC with public, node and accelerator subnets in every zone named, NAT, endpoints and flow logs. */
export class ClusterNetwork extends Construct implements IClusterNetwork {
  /** Wraps a VPC that exists, checking what can be known of it at synth. */
  static fromVpc(scope: Construct, id: string, props: ExistingNetworkProps): IClusterNetwork {
    return new ExistingNetwork(scope, id, props);
  }

  /** The VPC, with its public and node subnets. */
  readonly vpc: ec2.IVpc;
  /** Private subnets of the control plane, of ordinary nodes and of their pods, in the order of the zones. */
  readonly nodeSubnets: ec2.ISubnet[];
  /** Private subnets of accelerated nodes, in the order of the zones. */
  readonly acceleratorSubnets: ec2.ISubnet[];

  constructor(scope: Construct, id: string, props: ClusterNetworkProps) {
    super(scope, id);
    this.requireZones(props.availabilityZones);
    const services = props.interfaceEndpoints ?? [...DEFAULT_INTERFACE_ENDPOINTS];
    requireWayToLambda(this.node.path, props.natGateways, services);
    const vpcCidr = props.vpcCidr ?? '10.0.0.0/16';
    const secondaryCidrs = props.secondaryCidrs ?? [];
    const zones = layOutNetwork({
      ...props,
      vpcCidr,
      secondaryCidrs,
      demand: props.demand ?? [],
      publicPrefixLength: PUBLIC_PREFIX_LENGTH,
    });
    const vpc = new ec2.CfnVPC(this, 'Resource', {
      cidrBlock: vpcCidr,
      enableDnsHostnames: true,
      enableDnsSupport: true,
    });
    Tags.of(vpc).add('Name', this.node.path);
    const ranges = secondaryCidrs.map(
      (cidrBlock) => new ec2.CfnVPCCidrBlock(this, `Range-${cidrBlock}`, { vpcId: vpc.ref, cidrBlock }),
    );
    const routes = new NetworkRoutes(this, 'Routes', { vpc, zones, natGateways: props.natGateways ?? zones.length });
    const nodes = this.addSubnets(vpc, zones, { kind: 'nodes', routes, ranges: [] });
    this.vpc = this.importVpc({ vpc, vpcCidr, zones, routes, nodes });
    this.nodeSubnets = this.vpc.privateSubnets;
    this.acceleratorSubnets = this.importAccelerators(
      zones,
      routes,
      this.addSubnets(vpc, zones, { kind: 'accelerators', routes, ranges }),
    );
    const endpoints = new NetworkEndpoints(this, 'Endpoints', {
      vpc: this.vpc,
      cidrs: [vpcCidr, ...secondaryCidrs],
      subnetIds: nodes.map((subnet) => subnet.ref),
      routeTableIds: routes.privateRouteTableIds,
      services,
    });
    // Whoever waits for the VPC (EKS's constructs do) waits for its ways out, and is deleted before them: kubectl must
    // still reach AWS while the last Kubernetes object is removed.
    Dependable.implement(this.vpc, { dependencyRoots: [vpc, routes, ...nodes, endpoints] });
    this.addFlowLog(props);
    acknowledge(
      this,
      'CloudFormation-Validate::W3010',
      'Zones are named on purpose: a Capacity Block is in one zone, and synth must be the same for everybody',
    );
  }

  private requireZones(zones: readonly string[]): void {
    if (zones.some((zone) => Token.isUnresolved(zone))) {
      throw new NetworkError(
        `availabilityZones of '${this.node.path}' hold a token: write names such as 'us-east-2a', so that synth is the ` +
          `same for everybody and needs no lookup.`,
      );
    }
    if (new Set(zones).size < 2 || new Set(zones).size !== zones.length) {
      throw new NetworkError(
        `availabilityZones of '${this.node.path}' are [${zones.join(', ')}]: EKS needs two different zones or more.`,
      );
    }
    const { region } = Stack.of(this);
    const stray = zones.find((zone) => !Token.isUnresolved(region) && !zone.startsWith(region));
    if (stray === undefined) return;
    throw new NetworkError(
      `Zone '${stray}' of '${this.node.path}' is not in ${region}, the region of its stack: name zones of ${region}, or ` +
        `give the stack the region of the zones.`,
    );
  }

  private addSubnets(vpc: ec2.CfnVPC, zones: readonly ZoneLayout[], subnets: PrivateSubnets): ec2.CfnSubnet[] {
    return zones.map((zone, index) => {
      const name = `${subnets.kind}-${zone.availabilityZone}`;
      const subnet = new ec2.CfnSubnet(this, name, {
        vpcId: vpc.ref,
        availabilityZone: zone.availabilityZone,
        cidrBlock: subnets.kind === 'nodes' ? zone.nodeCidr : zone.acceleratorCidr,
        mapPublicIpOnLaunch: false,
      });
      subnets.ranges.forEach((range) => subnet.node.addDependency(range));
      Tags.of(subnet).add('Name', `${this.node.path}/${name}`);
      if (subnets.kind === 'nodes') Tags.of(subnet).add('kubernetes.io/role/internal-elb', '1');
      associate(subnet, subnets.routes.privateRouteTableIds[index]!);
      return subnet;
    });
  }

  private importVpc(made: MadeVpc): ec2.IVpc {
    return ec2.Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: made.vpc.ref,
      vpcCidrBlock: made.vpcCidr,
      availabilityZones: made.zones.map((zone) => zone.availabilityZone),
      publicSubnetIds: made.routes.publicSubnetIds,
      publicSubnetRouteTableIds: made.zones.map(() => made.routes.publicRouteTableId),
      publicSubnetIpv4CidrBlocks: made.zones.map((zone) => zone.publicCidr),
      privateSubnetIds: made.nodes.map((subnet) => subnet.ref),
      privateSubnetRouteTableIds: made.routes.privateRouteTableIds,
      privateSubnetIpv4CidrBlocks: made.zones.map((zone) => zone.nodeCidr),
    });
  }

  private importAccelerators(
    zones: readonly ZoneLayout[],
    routes: NetworkRoutes,
    subnets: readonly ec2.CfnSubnet[],
  ): ec2.ISubnet[] {
    return zones.map((zone, index) =>
      ec2.Subnet.fromSubnetAttributes(this, `AcceleratorSubnet-${zone.availabilityZone}`, {
        subnetId: subnets[index]!.ref,
        availabilityZone: zone.availabilityZone,
        ipv4CidrBlock: zone.acceleratorCidr,
        routeTableId: routes.privateRouteTableIds[index],
      }),
    );
  }

  private addFlowLog(props: ClusterNetworkProps): void {
    const logGroup = new logs.LogGroup(this, 'FlowLogs', {
      retention: props.flowLogRetention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.encryptionKey,
    });
    new ec2.FlowLog(this, 'FlowLog', {
      resourceType: ec2.FlowLogResourceType.fromVpc(this.vpc),
      destination: ec2.FlowLogDestination.toCloudWatchLogs(logGroup),
    });
  }
}

/** The CDK applies every Kubernetes object with functions in the node subnets, and one of them calls the other. */
function requireWayToLambda(path: string, natGateways: number | undefined, services: readonly string[]): void {
  if (natGateways !== 0 || services.includes('lambda')) return;
  throw new NetworkError(
    `'${path}' has no NAT gateway, and 'lambda' is not among its interfaceEndpoints: kubectl of the CDK could not run. Add ` +
      `'lambda', or leave natGateways out.`,
  );
}

/** One kind of private subnets, a subnet for each zone. */
interface PrivateSubnets {
  readonly kind: 'nodes' | 'accelerators';
  readonly routes: NetworkRoutes;
  /** Ranges that must be part of the VPC first. */
  readonly ranges: readonly ec2.CfnVPCCidrBlock[];
}

/** What `fromVpcAttributes` is told. */
interface MadeVpc {
  readonly vpc: ec2.CfnVPC;
  readonly vpcCidr: string;
  readonly zones: readonly ZoneLayout[];
  readonly routes: NetworkRoutes;
  readonly nodes: readonly ec2.CfnSubnet[];
}
