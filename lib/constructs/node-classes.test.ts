import { Match } from 'aws-cdk-lib/assertions';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import { UnknownInstanceType } from '../catalog';
import { AutoModeCluster } from './auto-mode-cluster';
import { makeCluster, makeLayer, makeNetwork, makeStack, manifestsOf, templateOf } from './make-stack';
import { NodeClasses, type NodeClassDefinition } from './node-classes';

const nodeClasses = (...classes: NodeClassDefinition[]) => {
  const stack = makeStack();
  const made = new NodeClasses(stack, 'NodeClasses', { cluster: makeCluster(stack), classes, tags: { team: 'ml' } });
  const template = templateOf(stack);
  const specs = Object.fromEntries(manifestsOf(template).map((object) => [object.metadata.name, object.spec]));
  return { made, template, specs };
};

describe('the NodeClass of a Capacity Block of p5.48xlarge', () => {
  const { template, specs } = nodeClasses({
    name: 'p5',
    instanceType: 'p5.48xlarge',
    reservationId: 'cr-0abc',
    availabilityZone: 'us-east-2b',
  });

  it('attaches all 32 EFA interfaces behind one with addresses for 32 pods', () => {
    const { networkInterfaces } = specs.p5.advancedNetworking;
    expect(networkInterfaces).toHaveLength(33);
    expect(networkInterfaces[0]).toEqual({
      networkCardIndex: 0,
      deviceIndex: 0,
      interfaceType: 'interface',
      secondaryIPv4PrefixCount: 2,
    });
    expect(networkInterfaces.filter((nic: any) => nic.interfaceType === 'efa-only')).toHaveLength(32);
    expect(specs.p5.podSubnetSelectorTerms).toBeUndefined();
  });

  it('selects the reservation by id, and the accelerator subnet of its zone alone', () => {
    expect(specs.p5.capacityReservationSelectorTerms).toEqual([{ id: 'cr-0abc' }]);
    expect(specs.p5.subnetSelectorTerms).toEqual([{ id: expect.stringMatching(/acceleratorsuseast2b/) }]);
  });

  it('has the security group of the cluster and that of EFA', () => {
    expect(specs.p5.securityGroupSelectorTerms).toEqual([
      { id: expect.stringMatching(/ClusterSecurityGroupId/) },
      { id: expect.stringMatching(/EfaSecurityGroup/) },
    ]);
  });

  it('comes after the access entry that lets its nodes join, and goes before it', () => {
    const [manifest] = Object.values(template.findResources('Custom::AWSCDK-EKS-KubernetesResource'));
    expect(manifest!.DependsOn).toEqual(expect.arrayContaining([expect.stringMatching(/NodeAccess/)]));
  });

  it('uses the role with an access entry, by name, and encrypts its disk', () => {
    expect(specs.p5.role).toMatch(/NodeRole/);
    expect(specs.p5.role).not.toMatch(/System|Arn/);
    expect(specs.p5.ephemeralStorage).toEqual({ size: '200Gi', kmsKeyID: expect.stringMatching(/Key.*Arn/) });
    expect(specs.p5.tags).toEqual({ team: 'ml' });
  });

  it('opens the EFA group to itself both ways, and to nothing else', () => {
    const all = { IpProtocol: '-1', Description: 'EFA among nodes' };
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      ...all,
      SourceSecurityGroupId: Match.anyValue(),
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
      ...all,
      DestinationSecurityGroupId: Match.anyValue(),
    });
    const groups = Object.values(template.findResources('AWS::EC2::SecurityGroup'));
    const efa = groups.find(({ Properties }) => Properties.GroupDescription.startsWith('All traffic among EFA nodes'));
    expect(JSON.stringify(efa)).not.toContain('0.0.0.0/0');
  });
});

describe('NodeClasses', () => {
  it('makes one manifest resource for each class, without prune labels', () => {
    const { template, specs } = nodeClasses({ name: 'a', instanceType: 'p5.48xlarge' }, { name: 'b' });
    template.resourceCountIs('Custom::AWSCDK-EKS-KubernetesResource', 2);
    expect(Object.keys(specs).sort()).toEqual(['a', 'b']);
    expect(manifestsOf(template)[0].metadata).toEqual({ name: expect.any(String) });
  });

  it('spreads a class without a zone over every accelerator subnet', () => {
    const { specs } = nodeClasses({ name: 'l40s', instanceType: 'g6e.48xlarge' });
    expect(specs.l40s.subnetSelectorTerms).toHaveLength(3);
    expect(specs.l40s.capacityReservationSelectorTerms).toBeUndefined();
  });

  it('leaves a class of any type to Auto Mode: node subnets, the cluster group, no interfaces', () => {
    const { specs } = nodeClasses({ name: 'a10g' });
    expect(specs.a10g.advancedNetworking).toBeUndefined();
    expect(specs.a10g.securityGroupSelectorTerms).toHaveLength(1);
    expect(specs.a10g.subnetSelectorTerms).toEqual(Array(3).fill({ id: expect.stringMatching(/nodesuseast2/) }));
  });

  it('can leave EFA out, and can give more prefixes', () => {
    const { specs } = nodeClasses(
      { name: 'plain', instanceType: 'p5.48xlarge', efa: false },
      { name: 'dense', instanceType: 'p5.48xlarge', podPrefixes: 4 },
    );
    expect(specs.plain.advancedNetworking).toBeUndefined();
    expect(specs.dense.advancedNetworking.networkInterfaces[0].secondaryIPv4PrefixCount).toBe(4);
  });

  it('refuses a type it does not know, a name twice, and the name of EKS', () => {
    expect(() => nodeClasses({ name: 'p5', instanceType: 'p5.48xlarg' })).toThrow(UnknownInstanceType);
    expect(() => nodeClasses({ name: 'x' }, { name: 'x' })).toThrow("NodeClass 'x' is defined twice");
    expect(() => nodeClasses({ name: 'default' })).toThrow("NodeClass 'default' belongs to EKS Auto Mode");
  });

  it('names the zones there are when a zone has no subnet', () => {
    expect(() => nodeClasses({ name: 'p5', instanceType: 'p5.48xlarge', availabilityZone: 'us-east-2d' })).toThrow(
      "No accelerator subnet is in zone 'us-east-2d'",
    );
  });

  it('works on a cluster that exists, in another stack', () => {
    const foundation = makeStack();
    const network = makeNetwork(foundation);
    const theirs = new eks.Cluster(foundation, 'Theirs', {
      version: eks.KubernetesVersion.V1_35,
      vpc: network.vpc,
      vpcSubnets: [{ subnets: network.nodeSubnets }],
      kubectlProviderOptions: { kubectlLayer: makeLayer(foundation, 'K'), awscliLayer: makeLayer(foundation, 'A') },
    });
    const cluster = AutoModeCluster.fromCluster(foundation, 'Existing', { cluster: theirs, network });
    new NodeClasses(foundation, 'NodeClasses', { cluster, classes: [{ name: 'p5', instanceType: 'p5.48xlarge' }] });
    const [nodeClass] = manifestsOf(templateOf(foundation));
    expect(nodeClass.spec.role).toMatch(/ExistingNodeRole/);
    expect(nodeClass.spec.ephemeralStorage).toEqual({ size: '200Gi' });
  });
});
