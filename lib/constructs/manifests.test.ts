import { App, type Chart } from 'cdk8s';
import { PlainChart } from '../charts';
import { makeCluster, makeStack, templateOf } from './make-stack';
import { Manifests } from './manifests';

const KIND = 'Custom::AWSCDK-EKS-KubernetesResource';
const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

function makeChart(...names: string[]): Chart {
  return new PlainChart(
    new App(),
    'chart',
    names.map((name) => configMap(name)),
  );
}

/** What was applied, by logical id. */
function applied(fill: (manifests: Manifests) => void): Record<string, any> {
  const stack = makeStack();
  fill(new Manifests(stack, 'Manifests', { cluster: makeCluster(stack).cluster }));
  return templateOf(stack).findResources(KIND);
}

describe('manifests of charts', () => {
  it('puts a whole chart into one resource, or every object into its own', () => {
    expect(Object.keys(applied((manifests) => manifests.addChart(makeChart('a', 'b'))))).toHaveLength(1);
    const each = applied((manifests) => manifests.addChart(makeChart('a', 'b'), { oneEach: true }));
    expect(Object.keys(each).map((id) => id.replace(/[0-9A-F]{8}$/, ''))).toEqual([
      'ManifestsConfigMapdefaulta',
      'ManifestsConfigMapdefaultb',
    ]);
  });

  it('keeps the logical id of an object whatever stands beside it', () => {
    const ids = (...names: string[]) =>
      Object.keys(applied((manifests) => manifests.addChart(makeChart(...names), { oneEach: true })));
    expect(ids('a', 'b', 'c')).toEqual(expect.arrayContaining(ids('b')));
  });

  it('never prunes, and applies over what is there', () => {
    const [resource] = Object.values(applied((manifests) => manifests.addChart(makeChart('a'))));
    expect(resource.Properties.PruneLabel).toBeUndefined();
    expect(resource.Properties.Overwrite).toBe(true);
    expect(JSON.stringify(resource.Properties.Manifest)).not.toContain('aws.cdk.eks/prune');
  });

  it('leaves objects in the cluster when asked to, and deletes them otherwise', () => {
    const policies = applied((manifests) => {
      manifests.addObject(configMap('kept'), { retain: true });
      manifests.addObject(configMap('gone'));
    });
    expect(Object.values(policies).map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(['Retain', 'Delete']);
  });

  it('creates a resource after what it needs', () => {
    const resources = applied((manifests) => {
      const first = manifests.addChart(makeChart('a'));
      manifests.addObject(configMap('b'), { after: first });
    });
    const [first, second] = Object.keys(resources);
    expect(resources[second!].DependsOn).toContain(first);
  });

  it('makes nothing of an empty chart', () => {
    expect(applied((manifests) => expect(manifests.addChart(makeChart())).toEqual([]))).toEqual({});
  });

  it('refuses a manifest that CloudFormation cannot carry, with its size and the way out', () => {
    const large = configMap('large', { text: 'x'.repeat(200_000) });
    expect(() => applied((manifests) => manifests.addObject(large))).toThrow(
      /Manifest 'Test\/Manifests\/ConfigMap-default-large' has 201 kB in 1 objects.*split the chart, or apply it with oneEach/,
    );
  });
});
