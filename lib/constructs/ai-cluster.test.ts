import { App, Stack, type StackProps } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import { AiCluster, type AiClusterProps, AlertRules, Capacity, Priority } from '.';
import { RELEASE_ANNOTATION } from '../charts';
import { resolveTokens } from '../cli/assembly';
import { CHECK_SCRIPTS } from '../domain/checks';
import { SHIPPED_CONFIG_MAP } from '../domain/shipped';
import type { KubeObject } from '../domain/kube';
import { makeLayer } from './make-stack';

const BLOCK = { instanceType: 'p5.48xlarge', reservationId: 'cr-0123456789abcdef0', availabilityZone: 'us-east-2a' };
const TRAINING = { name: 'training', priority: Priority.NORMAL, nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'] };
const ZONES = ['us-east-2a', 'us-east-2b'];

function makeAiCluster(
  props: Partial<AiClusterProps> = {},
  stackProps: StackProps = {},
): { stack: Stack; ai: AiCluster } {
  const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'Test', stackProps);
  const ai = new AiCluster(stack, 'Ai', {
    availabilityZones: ZONES,
    controllers: { controllerImage: 'example.com/controllers:1' },
    capacity: [Capacity.block('p5', { ...BLOCK, nodes: { max: 8 } })],
    buckets: [TRAINING],
    ...props,
  });
  return { stack, ai };
}

/** Names of the objects of a kind in the template, sorted. */
function objectsOf(stack: Stack, kind: string): string[] {
  const resources = Template.fromStack(stack).findResources('Custom::AWSCDK-EKS-KubernetesResource');
  return Object.values(resources)
    .flatMap(({ Properties: { Manifest } }) => JSON.parse(resolveTokens(Manifest)) as KubeObject[])
    .filter((object) => object.kind === kind)
    .map(({ metadata }) => metadata.name)
    .sort();
}

describe('AiCluster', () => {
  it('makes a pool and a NodeClass of each capacity, a bucket and a namespace of each bucket', () => {
    const { stack, ai } = makeAiCluster();
    ai.addCapacity(Capacity.onDemand('l40s', { instanceType: 'g6e.48xlarge', nodes: { max: 2 } }));
    ai.addCapacity(Capacity.autoscaled('a10g', { instanceFamilies: ['g5'] }));
    ai.addBucket({
      name: 'batch',
      priority: Priority.LOW,
      nodes: { max: 2 },
      instanceTypes: ['g6e.48xlarge'],
      createNamespace: false,
    });
    expect(objectsOf(stack, 'CapacityPool')).toEqual(['l40s', 'p5']);
    expect(objectsOf(stack, 'NodeClass')).toEqual(['a10g', 'l40s', 'p5']);
    expect(objectsOf(stack, 'NodePool')).toEqual(['a10g']);
    expect(objectsOf(stack, 'CapacityBucket')).toEqual(['batch', 'training']);
    expect(objectsOf(stack, 'Namespace')).toEqual(['aicluster-system', 'aicluster-validation', 'training']);
  });

  it.each([
    ['publish checkpoints', 'aicluster-checkpoint-writer'],
    ['report faults', 'aicluster-fault-reporter'],
  ])('lets the workloads of each namespace that it makes %s there', (_, role) => {
    const { stack, ai } = makeAiCluster();
    ai.addBucket({ ...TRAINING, name: 'mine', nodes: { max: 2 }, createNamespace: false });
    const writers = (kind: string) => objectsOf(stack, kind).filter((name) => name === role);
    expect(writers('ClusterRole')).toHaveLength(1);
    expect(writers('RoleBinding')).toHaveLength(1);
    const bindings = Object.values(
      Template.fromStack(stack).findResources('Custom::AWSCDK-EKS-KubernetesResource'),
    ).filter((resource) => {
      const text = JSON.stringify(resource);
      return text.includes('system:serviceaccounts:training') && text.includes(role);
    });
    expect(bindings).toHaveLength(1);
    expect(bindings[0]!['DependsOn']).toContainEqual(expect.stringMatching(/Namespacetraining/));
  });

  it('takes the nodes of a managed node group as a pool without NodeClass, of a type that Auto Mode does not run, too', () => {
    const { stack, ai } = makeAiCluster();
    const reserved = { reservationId: 'cr-0fedcba9876543210', availabilityZone: 'us-east-2a' };
    const group = { ...reserved, instanceType: 'p6e-gb200.36xlarge', nodeGroup: 'ultra', nodes: { max: 4 } };
    ai.addCapacity(Capacity.reservation('ultra', group));
    expect(objectsOf(stack, 'CapacityPool')).toEqual(['p5', 'ultra']);
    expect(objectsOf(stack, 'NodeClass')).toEqual(['p5']);
    expect(Capacity.reservation('ultra', group).toCapacityPool().spec).toMatchObject({ nodeGroup: 'ultra' });
    expect(() =>
      ai.addCapacity(Capacity.reservation('x', { ...group, placementGroupName: 'near', nodeGroup: 'x' })),
    ).toThrow("Capacity 'x' is node group 'x' with placement group 'near'");
  });

  it('marks a bucket that may be removed while it owns nodes', () => {
    const { stack } = makeAiCluster({ buckets: [{ ...TRAINING, releaseOnRemoval: true }] });
    const resources = JSON.stringify(Template.fromStack(stack).findResources('Custom::AWSCDK-EKS-KubernetesResource'));
    expect(resources).toContain(RELEASE_ANNOTATION);
  });

  it('makes a dashboard and alerts when asked, and needs the CRDs of an operator only then', () => {
    const made = (props: Partial<AiClusterProps>) => {
      const { stack } = makeAiCluster(props);
      const always: readonly string[] = [CHECK_SCRIPTS, SHIPPED_CONFIG_MAP];
      const names = (kind: string) => objectsOf(stack, kind).filter((name) => !always.includes(name));
      return ['ConfigMap', 'PrometheusRule', 'PodMonitor'].map(names);
    };
    expect(made({})).toEqual([[], [], []]);
    expect(made({ monitoring: {} })).toEqual([['aicluster-dashboard', 'aicluster-rules'], [], []]);
    const operator = { rules: AlertRules.PROMETHEUS_OPERATOR, dashboards: false };
    expect(made({ monitoring: operator })).toEqual([[], ['aicluster'], ['aicluster-controllers']]);
    expect(made({ monitoring: { rules: AlertRules.NONE } })).toEqual([['aicluster-dashboard'], [], []]);
  });

  it('applies the policies of all controllers, acting only where the props say so, and after the controllers', () => {
    const { stack } = makeAiCluster({ janitor: { dryRun: false }, invariants: { rules: [{ id: 'mig-off' }] } });
    const resources = Template.fromStack(stack).findResources('Custom::AWSCDK-EKS-KubernetesResource');
    const specOf = (kind: string) => {
      const [[, resource]] = Object.entries(resources).filter(([id]) => id.includes(`${kind}default`)) as any;
      expect(JSON.stringify(resource.DependsOn)).toContain('ManifestsControllers');
      return (JSON.parse(resolveTokens(resource.Properties.Manifest)) as KubeObject[])[0]!.spec;
    };
    expect(specOf('NodeHealthPolicy').remediation.dryRun).toBe(true);
    expect(specOf('JanitorPolicy').dryRun).toBe(false);
    expect(specOf('InvariantPolicy')).toMatchObject({ repair: { dryRun: true }, rules: [{ id: 'mig-off' }] });
  });

  it('says which prop of a policy is misspelt, and what was meant', () => {
    expect(() => makeAiCluster({ janitor: { dryrun: false } as any })).toThrow(
      /JanitorPolicy 'default' is invalid:\s+spec\.dryrun: no such field; did you mean dryRun\?/,
    );
    expect(() => makeAiCluster({ invariants: { rule: [] } as any })).toThrow(/spec\.rule: .*did you mean rules\?/);
    expect(() => makeAiCluster({ invariants: { rules: [{ id: 'mig-of' }] } })).toThrow(/no rule 'mig-of': .* mig-off/);
  });

  it('accepts buckets before the capacity they need', () => {
    const { stack, ai } = makeAiCluster({ capacity: [], buckets: [TRAINING] });
    ai.addCapacity(Capacity.block('p5', { ...BLOCK, nodes: { max: 8 } }));
    expect(() => Template.fromStack(stack)).not.toThrow();
  });

  it('synthesizes with account and region given, without a lookup', () => {
    const { stack } = makeAiCluster({}, { env: { account: '111122223333', region: 'us-east-2' } });
    const app = stack.node.root as App;
    expect(app.synth().manifest.missing ?? []).toEqual([]);
  });

  it("uses the customer's VPC and makes none", () => {
    const app = new App({ builtinCloudFormationValidation: false });
    const stack = new Stack(app, 'Test');
    const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-1',
      availabilityZones: ZONES,
      privateSubnetIds: ['subnet-a', 'subnet-b'],
      privateSubnetIpv4CidrBlocks: ['10.0.0.0/18', '10.0.64.0/18'],
    });
    new AiCluster(stack, 'Ai', {
      vpc,
      controllers: { controllerImage: 'x' },
      capacity: [Capacity.block('p5', { ...BLOCK, nodes: { max: 8 } })],
      buckets: [TRAINING],
    });
    Template.fromStack(stack).resourceCountIs('AWS::EC2::VPC', 0);
    Template.fromStack(stack).resourceCountIs('AWS::EKS::Cluster', 1);
  });

  it("uses the customer's cluster and adds no storage or add-ons to it unasked", () => {
    const app = new App({ builtinCloudFormationValidation: false });
    const stack = new Stack(app, 'Test');
    const cluster = new eks.Cluster(stack, 'Theirs', {
      version: eks.KubernetesVersion.V1_36,
      kubectlProviderOptions: { kubectlLayer: makeLayer(stack, 'Kubectl') },
    });
    new AiCluster(stack, 'Ai', {
      cluster,
      controllers: { controllerImage: 'x' },
      capacity: [Capacity.onDemand('l40s', { instanceType: 'g6e.48xlarge', nodes: { max: 2 } })],
      buckets: [],
    });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::EKS::Cluster', 1);
    template.resourceCountIs('AWS::FSx::FileSystem', 0);
    template.resourceCountIs('AWS::EKS::Addon', 0);
  });
});

describe('AiCluster refuses', () => {
  const throwing = (props: Partial<AiClusterProps>) => () => Template.fromStack(makeAiCluster(props).stack);

  it.each<[string, () => unknown, RegExp]>([
    [
      'an unknown instance type',
      () => Capacity.onDemand('x', { instanceType: 'p5.48xlrge', nodes: { max: 1 } }),
      /p5\.48xlrge[\s\S]*p5\.48xlarge/,
    ],
    [
      'on-demand capacity without a bound',
      throwing({ capacity: [Capacity.onDemand('x', { instanceType: 'g6e.48xlarge' })] }),
      /'x'[\s\S]*needs nodes\.max/,
    ],
    [
      'a placement group with a Capacity Block',
      throwing({ capacity: [Capacity.block('p5', { ...BLOCK, placementGroupName: 'pg' })] }),
      /'p5' is a Capacity Block with placement group 'pg'/,
    ],
    [
      'a block larger than EC2 sells',
      throwing({ capacity: [Capacity.block('p5', { ...BLOCK, nodes: { max: 65 } })] }),
      /nodes\.max 65[\s\S]*64/,
    ],
    [
      'nodes that outlive Auto Mode',
      throwing({ capacity: [Capacity.block('p5', { ...BLOCK, expireAfter: '600h' })] }),
      /600h[\s\S]*21 days/,
    ],
    [
      'a type Auto Mode does not run',
      throwing({ capacity: [Capacity.onDemand('gb', { instanceType: 'p6e-gb200.36xlarge', nodes: { max: 1 } })] }),
      /'gb'[\s\S]*Auto Mode does not run/,
    ],
    [
      'max below min',
      throwing({ buckets: [{ ...TRAINING, nodes: { min: 5, max: 4 } }] }),
      /'training'[\s\S]*min \(5\) must not be greater than max \(4\)/,
    ],
    ['a bucket name with a dot', throwing({ buckets: [{ ...TRAINING, name: 'a.b' }] }), /a\.b must be a DNS label/],
    [
      'a bucket no pool can serve',
      throwing({ buckets: [{ ...TRAINING, instanceTypes: ['p4d.24xlarge'] }] }),
      /'training' can use p4d\.24xlarge alone/,
    ],
    [
      'a minimum that cannot be met',
      throwing({ buckets: [{ ...TRAINING, nodes: { min: 9, max: 12 } }] }),
      /'training' asks for at least 9 nodes[\s\S]*is 8 nodes/,
    ],
    [
      'minimums that fit alone but not together',
      throwing({
        buckets: [
          { ...TRAINING, nodes: { min: 5, max: 8 } },
          { ...TRAINING, name: 'b', nodes: { min: 5, max: 8 } },
        ],
      }),
      /b 5, training 5[\s\S]*10 nodes together/,
    ],
    ['a bucket defined twice', throwing({ buckets: [TRAINING, TRAINING] }), /Bucket 'training' is defined twice/],
    ['no zones and no VPC', throwing({ availabilityZones: undefined }), /knows no zones: pass availabilityZones/],
    [
      'a zone nobody has subnets in',
      throwing({ capacity: [Capacity.block('p5', { ...BLOCK, availabilityZone: 'us-east-2f' })] }),
      /zone 'us-east-2f'/,
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(message);
  });

  it('a subnet that is too small, with its name, the nodes and the way out', () => {
    const stack = new Stack(new App(), 'Test');
    const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-1',
      availabilityZones: ZONES,
      privateSubnetIds: ['subnet-a', 'subnet-b'],
      privateSubnetIpv4CidrBlocks: ['10.0.0.0/26', '10.0.1.0/26'],
    });
    const act = () =>
      new AiCluster(stack, 'Ai', {
        vpc,
        controllers: { controllerImage: 'x' },
        capacity: [Capacity.block('p5', { ...BLOCK, nodes: { max: 8 } })],
        buckets: [],
      });
    expect(act).toThrow(/\/26/);
  });

  it('nothing, but warns, when a maximum is beyond all nodes', () => {
    const { stack } = makeAiCluster({ buckets: [{ ...TRAINING, nodes: { max: 200 } }] });
    (stack.node.root as App).synth();
    Annotations.fromStack(stack).hasWarning('*', Match.stringLikeRegexp('may grow to 200 nodes'));
  });
});
