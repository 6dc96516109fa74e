import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CapacityBucket, CapacityPool } from '../api';
import type { KubeObject } from '../domain/kube';
import { readAssembly } from './assembly';
import { checkAssembly, checkCommand } from './check';

const pool = (name: string, max: number) =>
  CapacityPool.make(name, { instanceType: 'p5.48xlarge', source: 'OnDemand', nodes: { max }, nodeClassRef: { name } });
const bucket = (name: string, min: number, instanceTypes = ['p5.48xlarge']) =>
  CapacityBucket.make(name, { nodes: { min, max: 99 }, instanceTypes });
const nodeClass = (name: string): KubeObject => ({
  apiVersion: 'eks.amazonaws.com/v1',
  kind: 'NodeClass',
  metadata: { name },
});

describe('aicluster check', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'assembly-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** An assembly as the CDK writes it: one manifest resource per object, chained so that order matters. */
  function write(objects: readonly KubeObject[]): void {
    const resources = Object.fromEntries(
      objects.map((object, i) => [
        `M${i}`,
        {
          Type: 'Custom::AWSCDK-EKS-KubernetesResource',
          Properties: { Manifest: { 'Fn::Join': ['', ['[', JSON.stringify(object), ']']] } },
          DependsOn: i + 1 < objects.length ? [`M${i + 1}`] : [],
        },
      ]),
    );
    writeFileSync(
      join(folder, 'manifest.json'),
      JSON.stringify({
        artifacts: { S: { type: 'aws:cloudformation:stack', properties: { templateFile: 'S.json' } } },
      }),
    );
    writeFileSync(join(folder, 'S.json'), JSON.stringify({ Resources: resources }));
  }
  const rulesBroken = () => checkAssembly(readAssembly(folder)).map(({ rule, object }) => `${rule} ${object}`);

  it('finds nothing in a sound assembly', () => {
    write([pool('p5', 8), nodeClass('p5'), bucket('train', 4), bucket('serve', 4)]);
    expect(rulesBroken()).toEqual([]);
  });

  it('finds in pod templates what would be found in their pods', () => {
    const limits = { 'nvidia.com/gpu': '8', 'vpc.amazonaws.com/efa': '32' };
    const env = [{ name: 'FI_PROVIDER', value: 'tcp' }];
    const rank = { name: 'rank', image: 'example.com/train', resources: { limits }, env };
    const metadata = { name: 'llama', namespace: 'research' };
    const template = { spec: { containers: [rank], tolerations: [{ operator: 'Exists' }] } };
    write([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'research', labels: { 'aicluster.dev/bucket': 'train' } },
      },
      { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', metadata, spec: { tasks: [{ replicas: 2, template }] } },
    ]);
    expect(rulesBroken().sort()).toEqual([
      'efa-environment Job research/llama',
      'nobody-tolerates-probation Job research/llama',
      'shared-memory-sized Job research/llama',
    ]);
    expect(checkAssembly(readAssembly(folder)).map(({ severity }) => severity)).toEqual([
      'warning',
      'warning',
      'warning',
    ]);
  });

  it('reads objects after what they depend on', () => {
    write([bucket('last', 0), bucket('middle', 0), bucket('first', 0)]);
    expect(readAssembly(folder).objects.map(({ object }) => object.metadata.name)).toEqual(['first', 'middle', 'last']);
  });

  it('finds minimums that cannot be met together, though each alone could', () => {
    write([pool('p5', 8), nodeClass('p5'), bucket('train', 5), bucket('serve', 5)]);
    const [finding, ...others] = checkAssembly(readAssembly(folder));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      rule: 'minimums-fit',
      severity: 'error',
      message: expect.stringContaining('10 nodes of p5.48xlarge, and the pools have at most 8'),
    });
  });

  it('finds minimums that fit each type alone but not all types together', () => {
    const typed = (type: string, max: number) =>
      CapacityPool.make(type.split('.')[0]!, {
        instanceType: type,
        source: 'OnDemand',
        nodes: { max },
        nodeClassRef: { name: 'x' },
      });
    const [a, b, c] = ['p4d.24xlarge', 'p5.48xlarge', 'p5en.48xlarge'] as const;
    write([typed(a, 3), typed(b, 3), typed(c, 3), nodeClass('x'), bucket('one', 5, [a, b]), bucket('two', 5, [b, c])]);
    expect(rulesBroken()).toEqual(['minimums-fit CapacityBucket/one, CapacityBucket/two']);
  });

  it('finds a bucket that no pool can serve', () => {
    write([pool('p5', 8), nodeClass('p5'), bucket('serve', 0, ['g6e.48xlarge'])]);
    expect(rulesBroken()).toEqual(['buckets-have-pools CapacityBucket/serve']);
  });

  it('finds a pool whose NodeClass nobody makes, an invalid object, and a manifest that is too large', () => {
    const huge: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'huge' },
      data: { x: 'x'.repeat(200_001) },
    };
    const invalid = { ...bucket('bad', 0), spec: { nodes: { min: 5, max: 2 }, instanceTypes: ['p5.48xlarge'] } };
    write([pool('p5', 8), invalid, huge]);
    expect(rulesBroken()).toEqual([
      'objects-are-valid CapacityBucket/bad',
      'node-classes-exist CapacityPool/p5',
      'manifests-are-small ConfigMap/huge',
    ]);
  });

  it('exits 1 on an error and prints one line of JSON', () => {
    write([pool('p5', 1), nodeClass('p5'), bucket('train', 5)]);
    const lines: string[] = [];
    const code = checkCommand(['--assembly', folder, '--json'], {
      stdout: (line) => lines.push(line),
      stderr: () => undefined,
    });
    expect(code).toBe(1);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({
      rules: expect.arrayContaining(['minimums-fit']),
      findings: [{ rule: 'minimums-fit' }],
    });
  });

  it('says what to do when there is no assembly', () => {
    expect(() => readAssembly(join(folder, 'nowhere'))).toThrow(/run cdk synth first/);
  });
});
