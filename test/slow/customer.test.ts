/**
 * The package as a customer meets it: `npm pack`, a fresh `cdk init` app of their own, their VPC, then their cluster.
 *
 * Everything runs in their folder with their versions: TypeScript and jest are what `cdk init` puts there, not ours.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');
const env = { ...process.env, CDK_VALIDATION: 'false', CI: 'true', NODE_OPTIONS: '' };

const STACK = `
import { Stack, type StackProps } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import { AiCluster, type BucketProps, Capacity, Priority } from 'eks-ai-cluster';

const capacity = [
  Capacity.block('p5', { instanceType: 'p5.48xlarge', reservationId: 'cr-0123456789abcdef0', availabilityZone: 'us-east-2a', nodes: { max: 8 }, validation: 'Standard' }),
  Capacity.onDemand('l40s', { instanceType: 'g6e.48xlarge', nodes: { max: 4 } }),
];
const buckets: BucketProps[] = [
  { name: 'inference', priority: Priority.HIGH, nodes: { min: 2, max: 6 }, instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'] },
  { name: 'training', priority: Priority.NORMAL, nodes: { min: 2, max: 8 }, instanceTypes: ['p5.48xlarge'] },
];

function theirVpc(stack: Stack): ec2.IVpc {
  return ec2.Vpc.fromVpcAttributes(stack, 'TheirVpc', {
    vpcId: 'vpc-0123456789abcdef0',
    vpcCidrBlock: '10.0.0.0/16',
    availabilityZones: ['us-east-2a', 'us-east-2b'],
    privateSubnetIds: ['subnet-0000000000000000a', 'subnet-0000000000000000b'],
    privateSubnetIpv4CidrBlocks: ['10.0.0.0/18', '10.0.64.0/18'],
  });
}

export class WithTheirVpc extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    const ai = new AiCluster(this, 'Cortex', { vpc: theirVpc(this), capacity, buckets, health: { dryRun: false }, janitor: { dryRun: false } });
    ai.addBucket({ name: 'batch', priority: Priority.LOW, nodes: { max: 2 }, instanceTypes: ['g6e.48xlarge'] });
  }
}

export class WithTheirCluster extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    const vpc = theirVpc(this);
    const cluster = new eks.Cluster(this, 'TheirCluster', {
      version: eks.KubernetesVersion.V1_36,
      vpc,
      vpcSubnets: [{ subnets: vpc.privateSubnets }],
      mastersRole: iam.Role.fromRoleArn(this, 'Admin', 'arn:aws:iam::111122223333:role/admin'),
      kubectlProviderOptions: { kubectlLayer: new KubectlV36Layer(this, 'Kubectl') },
    });
    new AiCluster(this, 'Cortex', { vpc, cluster, capacity, buckets });
  }
}
`;

const TEST = `
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as theirs from '../lib/customer-stack';

describe.each(['WithTheirVpc', 'WithTheirCluster'] as const)('%s', (name) => {
  const synth = () => Template.fromStack(new theirs[name](new App(), name) as Stack);

  it('synthesizes', () => {
    const template = synth();
    template.resourceCountIs('AWS::EC2::VPC', 0);
    template.resourceCountIs('AWS::EKS::Cluster', 1);
  });

  it('matches its snapshot', () => {
    expect(synth().toJSON()).toMatchSnapshot();
  });

  it('is the same when synthesized again', () => {
    expect(JSON.stringify(synth().toJSON())).toBe(JSON.stringify(synth().toJSON()));
  });
});
`;

describe('a customer', () => {
  let folder: string;
  let app: string;
  let tarball: string;
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, {
      cwd: app,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    });

  /** Output of a command that must fail. */
  function failureOf(command: string, ...args: string[]): string {
    try {
      run(command, ...args);
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      return `${stdout}\n${stderr}`;
    }
    throw new Error(`${command} ${args.join(' ')} was expected to fail`);
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'aicluster-customer-'));
    app = join(folder, 'customer');
    mkdirSync(app);
    // The package is built by `npm test` before this runs; packing must not build again under it.
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
      cwd: ROOT,
      env,
      stdio: 'pipe',
    });
    tarball = join(
      folder,
      readdirSync(folder).find((name) => name.endsWith('.tgz'))!,
    );
    execFileSync(join(ROOT, 'node_modules/.bin/cdk'), ['init', 'app', '--language', 'typescript', '--generate-only'], {
      cwd: app,
      env,
      stdio: 'pipe',
    });
    writeFileSync(join(app, 'lib/customer-stack.ts'), STACK);
    writeFileSync(join(app, 'test/customer.test.ts'), TEST);
    writeFileSync(
      join(app, 'bin/customer.ts'),
      `import { App } from 'aws-cdk-lib';\nimport { WithTheirVpc } from '../lib/customer-stack';\nnew WithTheirVpc(new App(), 'Customer');\n`,
    );
    run('npm', 'install', '--no-audit', '--no-fund', tarball, '@aws-cdk/lambda-layer-kubectl-v36');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('compiles against the types in the package', () => {
    run('npx', 'tsc');
  });

  it('writes a jest snapshot, and the next run equals it', () => {
    run('npx', 'jest', '--ci=false');
    const snapshot = readFileSync(join(app, 'test/__snapshots__/customer.test.ts.snap'), 'utf8');
    run('npx', 'jest', '--ci');
    expect(readFileSync(join(app, 'test/__snapshots__/customer.test.ts.snap'), 'utf8')).toBe(snapshot);
    expect(snapshot).toContain('CapacityBucket');
  });

  it('does not load controllers or Kubernetes clients by importing the package', () => {
    const loaded = run(
      'node',
      '-e',
      "require('eks-ai-cluster'); console.log(Object.keys(require.cache).join('\\n'))",
    ).split('\n');
    expect(loaded.some((path) => path.includes('eks-ai-cluster/dist/lib/'))).toBe(true);
    expect(
      loaded.filter((path) =>
        /client-node|undici|@aws-sdk|dist\/controllers|lib\/(runtime|simulator|controllers)\//.test(path),
      ),
    ).toEqual([]);
  });

  it('is told by the compiler about a misspelt prop', () => {
    const path = join(app, 'lib/customer-stack.ts');
    writeFileSync(path, STACK.replace('min: 2, max: 6', 'min: 2, maximum: 6'));
    expect(failureOf('npx', 'tsc')).toMatch(/'maximum' does not exist in type 'BucketNodes'/);
    writeFileSync(path, STACK);
  });

  it('has the scripts that prove nodes, and gets them into the cluster together with a policy that acts', () => {
    const scripts = readdirSync(join(app, 'node_modules/eks-ai-cluster/checks'));
    expect(scripts).toEqual(expect.arrayContaining(['run.sh', 'one_node.py', 'many_nodes.py', 'collective.py']));
    const snapshot = readFileSync(join(app, 'test/__snapshots__/customer.test.ts.snap'), 'utf8');
    expect(snapshot).toContain('one_node.py');
    expect(snapshot).toMatch(/validation[^a-zA-Z]*Standard/);
    expect(snapshot).toMatch(/NodeHealthPolicy.*dryRun[^a-zA-Z]*false/);
    expect(snapshot).toMatch(/JanitorPolicy.*dryRun[^a-zA-Z]*false/);
  });

  it('is told at synth about a misspelt measurement in the props of node health, with the nearest one', () => {
    const path = join(app, 'lib/customer-stack.ts');
    writeFileSync(path, STACK.replace('dryRun: false', "dryRun: false, checks: [{ name: 'gpu.hbm.gbs', min: 2000 }]"));
    const told = failureOf('npx', 'tsx', 'bin/customer.ts');
    expect(told).toMatch(/NodeHealthPolicy 'default' is invalid:\s+spec\.checks\.0\.name: .*gpu\.hbm\.gb_s/);
    writeFileSync(path, STACK);
  });

  it('is told at synth about an unknown instance type, by name and with the nearest ones', () => {
    const script =
      "const {Capacity}=require('eks-ai-cluster'); Capacity.onDemand('x',{instanceType:'p5.48xlrge',nodes:{max:1}})";
    expect(failureOf('node', '-e', script)).toMatch(/p5\.48xlrge[\s\S]*p5\.48xlarge/);
  });

  it('can use the command line that comes with it', () => {
    expect(JSON.parse(run('npx', 'aicluster', 'catalog', 'p5.48xlarge', '--json'))).toMatchObject({
      instanceType: 'p5.48xlarge',
      efa: { count: 32 },
    });
  });

  it('stays light: no more than 40 packages with everything it needs', () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    writeFileSync(join(empty, 'package.json'), JSON.stringify({ name: 'empty', version: '1.0.0' }));
    execFileSync('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund', tarball], {
      cwd: empty,
      env,
      stdio: 'pipe',
    });
    const lock = JSON.parse(readFileSync(join(empty, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, unknown>;
    };
    const packages = Object.keys(lock.packages).filter((path) => path);
    expect(packages).toContain('node_modules/eks-ai-cluster');
    expect(packages.length).toBeLessThanOrEqual(40);
  });
});
