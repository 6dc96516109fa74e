/** The reference blueprint as a whole: deterministic, offline, and made of what the issue of every conflict says. */
import { Template } from 'aws-cdk-lib/assertions';
import { resolveTokens } from '../lib/cli/assembly';
import type { KubeObject } from '../lib/domain/kube';
import { synthesize } from './golden/templates';

describe('the reference blueprint', () => {
  const templates = synthesize();
  const foundation = Template.fromJSON(templates.get('AiFoundation') as Record<string, unknown>);
  const workloads = Template.fromJSON(templates.get('AiWorkloads') as Record<string, unknown>);

  it('is byte-identical when synthesized again', () => {
    expect(JSON.stringify([...synthesize()])).toBe(JSON.stringify([...templates]));
  });

  it('asks for no lookup, whatever context is given', () => {
    expect(() =>
      synthesize({
        region: 'us-west-2',
        reservationId: 'cr-0aaaaaaaaaaaaaaaa',
        reservationZone: 'us-west-2b',
        blockNodes: '32',
      }),
    ).not.toThrow();
  });

  it('takes counts and reservation from the context', () => {
    const text = JSON.stringify(
      synthesize({ reservationId: 'cr-0aaaaaaaaaaaaaaaa', blockNodes: '32' }).get('AiWorkloads'),
    );
    expect(text).toContain('cr-0aaaaaaaaaaaaaaaa');
    expect(text).toContain('\\"max\\":32');
  });

  it('refuses a count that is none', () => {
    expect(() => synthesize({ blockNodes: 'many' })).toThrow(/blockNodes=many is not a whole number above 0/);
  });

  it('has one private, encrypted, protected Auto Mode cluster', () => {
    foundation.hasResourceProperties('AWS::EKS::Cluster', {
      DeletionProtection: true,
      AccessConfig: { AuthenticationMode: 'API', BootstrapClusterCreatorAdminPermissions: false },
      ComputeConfig: { Enabled: true },
      ResourcesVpcConfig: { EndpointPrivateAccess: true, EndpointPublicAccess: false },
      ZonalShiftConfig: { Enabled: true },
      Version: '1.36',
    });
    workloads.resourceCountIs('AWS::EKS::Cluster', 0);
  });

  it('wires all 33 interfaces of a P5 node into its NodeClass', () => {
    const text = JSON.stringify(workloads.toJSON());
    const efaOnly = text.match(/efa-only/g) ?? [];
    // 32 of p5.48xlarge, 4 of g6e.48xlarge.
    expect(efaOnly).toHaveLength(36);
  });

  it('has one manifest resource for each custom resource of ours', () => {
    const manifests = Object.values(workloads.findResources('Custom::AWSCDK-EKS-KubernetesResource')).map(
      ({ Properties }) => JSON.parse(resolveTokens(Properties.Manifest)) as KubeObject[],
    );
    const ours = manifests.filter((objects) =>
      objects.some(({ apiVersion }) => apiVersion === 'aicluster.dev/v1alpha1'),
    );
    expect(ours.map((objects) => objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).sort()).toEqual([
      ['CapacityBucket/batch'],
      ['CapacityBucket/inference'],
      ['CapacityBucket/training'],
      ['CapacityPool/l40s'],
      ['CapacityPool/p5'],
      ['InvariantPolicy/default'],
      ['JanitorPolicy/default'],
      ['NodeHealthPolicy/default'],
    ]);
  });

  it('never manages what controllers change at run time', () => {
    const text = JSON.stringify(workloads.toJSON());
    expect(text).not.toContain('\\"kind\\":\\"Queue\\"');
    expect(text).not.toContain('\\"replicas\\":0');
    // The only NodePool in a template is the one outside every bucket.
    expect(text.match(/\\"kind\\":\\"NodePool\\"/g)).toHaveLength(1);
  });
});
