import type { App } from 'aws-cdk-lib';
import { Stack, Token } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { CidrError, SubnetTooSmall, overlaps, parseCidr } from '../catalog';
import { ClusterNetwork } from './cluster-network';
import { ZONES, makeNetwork, makeStack, templateOf } from './make-stack';
import { NetworkError, subnetsInZone } from './network-contract';
import { type NetworkLayoutInput, layOutNetwork } from './network-layout';

const LAYOUT: NetworkLayoutInput = {
  vpcCidr: '10.0.0.0/16',
  secondaryCidrs: [],
  availabilityZones: ZONES,
  demand: [],
  publicPrefixLength: 26,
};

describe('the layout of the network', () => {
  it('gives every zone an accelerator subnet, and no two subnets share an address', () => {
    const zones = layOutNetwork({ ...LAYOUT, demand: [{ instanceType: 'p5.48xlarge', nodes: 64 }] });
    const cidrs = zones.flatMap((zone) => [zone.publicCidr, zone.nodeCidr, zone.acceleratorCidr]);
    expect(cidrs).toHaveLength(9);
    const clashes = cidrs.flatMap((a, i) => cidrs.slice(i + 1).filter((b) => overlaps(parseCidr(a), parseCidr(b))));
    expect(clashes).toEqual([]);
  });

  it('keeps every address when a zone is added at the end', () => {
    const before = layOutNetwork({ ...LAYOUT, availabilityZones: ZONES.slice(0, 2) });
    expect(layOutNetwork(LAYOUT).slice(0, 2)).toEqual(before);
  });

  it('cuts accelerator subnets from the secondary ranges when there are any', () => {
    const zones = layOutNetwork({ ...LAYOUT, secondaryCidrs: ['100.64.0.0/18', '100.65.0.0/19'] });
    expect(zones.every((zone) => zone.acceleratorCidr.startsWith('100.6'))).toBe(true);
  });

  it('grows the subnets with the plan: 200 nodes need a /18', () => {
    const [zone] = layOutNetwork({
      ...LAYOUT,
      secondaryCidrs: ['100.64.0.0/16'],
      demand: [{ instanceType: 'p5.48xlarge', nodes: 200 }],
    });
    expect(zone!.acceleratorCidr).toBe('100.64.0.0/18');
  });

  it('says which subnet, which nodes and what to do when the plan does not fit', () => {
    const layOut = () => layOutNetwork({ ...LAYOUT, demand: [{ instanceType: 'p5.48xlarge', nodes: 400 }] });
    expect(layOut).toThrow(CidrError);
    expect(layOut).toThrow(
      "Subnet 'accelerators-us-east-2b' (/17, for 400 × p5.48xlarge) has no room in 10.0.0.0/16 with 3 zones. " +
        "Add a range such as '100.64.0.0/16' to secondaryCidrs, plan fewer nodes, or use fewer zones.",
    );
  });

  it('refuses a size that cannot hold the plan, with the size that can', () => {
    const layOut = () =>
      layOutNetwork({ ...LAYOUT, acceleratorPrefixLength: 24, demand: [{ instanceType: 'p5.48xlarge', nodes: 16 }] });
    expect(layOut).toThrow(SubnetTooSmall);
    expect(layOut).toThrow(
      "Subnet 'accelerators-us-east-2a' (/24) holds 4 nodes of 33 addresses each, but 16 are planned: make it a /22.",
    );
  });

  it('refuses ranges that overlap', () => {
    expect(() => layOutNetwork({ ...LAYOUT, secondaryCidrs: ['10.0.128.0/17'] })).toThrow(
      'Ranges 10.0.0.0/16 and 10.0.128.0/17 of the VPC overlap',
    );
  });
});

describe('ClusterNetwork', () => {
  it('makes public, node and accelerator subnets that hand out no public address, and a NAT gateway in each zone', () => {
    const stack = makeStack();
    makeNetwork(stack);
    const template = templateOf(stack);
    template.resourceCountIs('AWS::EC2::Subnet', 9);
    template.resourceCountIs('AWS::EC2::NatGateway', 3);
    template.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: false });
    template.resourceCountIs('AWS::EC2::FlowLog', 1);
  });

  it('opens its endpoints to the ranges of the VPC alone', () => {
    const stack = makeStack();
    makeNetwork(stack, { secondaryCidrs: ['100.64.0.0/16'] });
    templateOf(stack).hasResourceProperties('AWS::EC2::SecurityGroup', {
      GroupDescription: 'HTTPS from the VPC to AWS APIs',
      SecurityGroupIngress: [
        Match.objectLike({ CidrIp: '10.0.0.0/16', FromPort: 443, ToPort: 443 }),
        Match.objectLike({ CidrIp: '100.64.0.0/16', FromPort: 443, ToPort: 443 }),
      ],
    });
  });

  it('makes a subnet of a secondary range after the range is part of the VPC', () => {
    const stack = makeStack();
    makeNetwork(stack, { secondaryCidrs: ['100.64.0.0/16'] });
    const subnets = templateOf(stack).findResources('AWS::EC2::Subnet', { Properties: { CidrBlock: '100.64.0.0/20' } });
    expect(Object.values(subnets)[0]!.DependsOn).toEqual([expect.stringMatching(/Range/)]);
  });

  it.each([
    ['no account and no region', {}],
    ['a region', { env: { region: 'us-east-2' } }],
    ['an account and a region', { env: { account: '111122223333', region: 'us-east-2' } }],
  ])('needs no lookup with %s', (_, props) => {
    const stack = makeStack(props);
    makeNetwork(stack);
    expect((stack.node.root as App).synth().manifest.missing ?? []).toEqual([]);
  });

  it('refuses one zone, a token, and a zone of another region', () => {
    const zones = (availabilityZones: string[]) => () =>
      makeNetwork(makeStack({ env: { region: 'us-east-2' } }), { availabilityZones });
    expect(zones(['us-east-2a'])).toThrow('EKS needs two different zones or more');
    expect(zones(['us-east-2a', Token.asString({ Ref: 'Zone' })])).toThrow("write names such as 'us-east-2a'");
    expect(zones(['us-east-2a', 'eu-west-1a'])).toThrow("Zone 'eu-west-1a' of 'Test/Network' is not in us-east-2");
  });

  it('refuses to leave kubectl without a way to Lambda', () => {
    expect(() => makeNetwork(makeStack(), { natGateways: 0 })).toThrow("'lambda' is not among its interfaceEndpoints");
    const stack = makeStack();
    makeNetwork(stack, { natGateways: 0, interfaceEndpoints: ['lambda'] });
    templateOf(stack).resourceCountIs('AWS::EC2::NatGateway', 0);
  });

  it('refuses more NAT gateways than zones', () => {
    expect(() => makeNetwork(makeStack(), { natGateways: 4 })).toThrow('write a whole number from 0 to 3');
  });
});

describe("ClusterNetwork.fromVpc, a customer's VPC", () => {
  const demand = [{ instanceType: 'p5.48xlarge', nodes: 300 }];

  it('uses the private subnets of the VPC and makes nothing', () => {
    const stack = makeStack();
    const vpc = new ec2.Vpc(stack, 'Vpc');
    const network = ClusterNetwork.fromVpc(stack, 'Network', { vpc });
    expect(network.nodeSubnets).toEqual(vpc.privateSubnets);
    expect(network.acceleratorSubnets).toEqual(vpc.privateSubnets);
    expect(Object.keys(templateOf(stack).toJSON().Resources).filter((id) => id.startsWith('Network'))).toEqual([]);
  });

  it('refuses a subnet that is known to be too small', () => {
    const stack = makeStack();
    const vpc = new ec2.Vpc(stack, 'Vpc', { ipAddresses: ec2.IpAddresses.cidr('10.0.0.0/20') });
    expect(() => ClusterNetwork.fromVpc(stack, 'Network', { vpc, demand })).toThrow(
      /Subnet 'Test\/Vpc\/PrivateSubnet1' \(\/22\) holds \d+ nodes of 33 addresses each, but 300 are planned: make it a \/18/,
    );
  });

  it('says so when it cannot know the size', () => {
    const stack = makeStack();
    const subnet = (id: string) =>
      ec2.Subnet.fromSubnetAttributes(stack, id, { subnetId: `subnet-${id}`, routeTableId: 'r' });
    const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ZONES });
    ClusterNetwork.fromVpc(stack, 'Network', { vpc, nodeSubnets: [subnet('a'), subnet('b')], demand });
    Annotations.fromStack(stack).hasWarning('/Test/Network', Match.stringLikeRegexp('unknown at synth'));
  });

  it('asks for subnets when the VPC shows fewer than two', () => {
    const stack = makeStack();
    const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ZONES });
    expect(() => ClusterNetwork.fromVpc(stack, 'Network', { vpc })).toThrow(
      'pass nodeSubnets (and acceleratorSubnets)',
    );
  });
});

describe('the subnets of one zone', () => {
  it('are those in the zone', () => {
    const network = makeNetwork(makeStack());
    expect(subnetsInZone(network.acceleratorSubnets, 'us-east-2b')).toEqual([network.acceleratorSubnets[1]]);
    expect(subnetsInZone(network.acceleratorSubnets, undefined)).toHaveLength(3);
  });

  it('are an error that names the zones there are', () => {
    const network = makeNetwork(makeStack());
    expect(() => subnetsInZone(network.acceleratorSubnets, 'us-east-2d')).toThrow(NetworkError);
    expect(() => subnetsInZone(network.acceleratorSubnets, 'us-east-2d')).toThrow(
      "No accelerator subnet is in zone 'us-east-2d'; there are subnets in us-east-2a, us-east-2b, us-east-2c.",
    );
  });

  it('include those whose zone only CloudFormation knows', () => {
    const stack = new Stack();
    const vpc = new ec2.Vpc(stack, 'Vpc');
    expect(subnetsInZone(vpc.privateSubnets, 'us-east-2b')).toHaveLength(vpc.privateSubnets.length);
  });
});
