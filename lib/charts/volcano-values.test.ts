import { parse } from 'yaml';
import { SCHEDULER_CONFIGURATION, volcanoValues } from './volcano-values';

describe('values of the Volcano chart', () => {
  const configuration = parse(SCHEDULER_CONFIGURATION);

  it('allocates and backfills, and never enqueues, preempts or reclaims', () => {
    expect(configuration.actions).toBe('allocate, backfill');
  });

  it('lets a queue use exactly the nodes of its group', () => {
    const plugins = configuration.tiers.flatMap((tier: any) => tier.plugins);
    expect(plugins.map(({ name }: any) => name)).toEqual([
      'priority',
      'gang',
      'predicates',
      'capacity',
      'nodeorder',
      'binpack',
      'nodegroup',
      'network-topology-aware',
    ]);
    expect(plugins.find(({ name }: any) => name === 'nodegroup').arguments).toEqual({ strict: true });
  });

  it("discovers EC2's network layers from the top down once a minute", () => {
    const { custom } = volcanoValues() as any;
    const [discovery] = custom.controller_config_override.networkTopologyDiscovery;
    expect(discovery).toMatchObject({ source: 'label', enabled: true, interval: '1m' });
    expect(discovery.config.networkTopologyTypes.aws.map(({ nodeLabel }: any) => nodeLabel)).toEqual([
      'topology.k8s.aws/network-node-layer-1',
      'topology.k8s.aws/network-node-layer-2',
      'topology.k8s.aws/network-node-layer-3',
      'kubernetes.io/hostname',
    ]);
  });

  it('elects a leader among two of everything', () => {
    const { custom } = volcanoValues() as any;
    expect(custom).toMatchObject({ leader_elect_enable: true, scheduler_replicas: 2, controller_replicas: 2 });
  });

  it('runs on the system nodes', () => {
    const { custom } = volcanoValues() as any;
    expect(custom.default_ns).toEqual({ 'karpenter.sh/nodepool': 'system' });
    expect(custom.default_tolerations).toEqual([{ key: 'CriticalAddonsOnly', operator: 'Exists' }]);
  });
});
