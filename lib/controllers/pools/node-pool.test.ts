import { CapacityPool, type CapacityPoolSpec } from '../../api';
import { PROBATION_TAINT, UNASSIGNED_TAINT } from '../../domain/node-keys';
import { isApplied, limitOf, needsApply, renderNodePool } from './node-pool';

const block = CapacityPool.make('p5', {
  instanceType: 'p5.48xlarge',
  source: 'Block',
  reservationId: 'cr-0a',
  availabilityZone: 'us-east-2a',
  nodeClassRef: { name: 'p5' },
}).spec as CapacityPoolSpec;
const onDemand = CapacityPool.make('l40s', {
  instanceType: 'g6e.48xlarge',
  source: 'OnDemand',
  nodes: { max: 40 },
  nodeClassRef: { name: 'l40s' },
}).spec as CapacityPoolSpec;

describe('the NodePool of a CapacityPool', () => {
  it('is static, unassigned, never drifts by itself, and takes reserved capacity only', () => {
    const labels = { 'app.kubernetes.io/managed-by': 'eks-ai-cluster', 'aicluster.dev/pool': 'p5' };
    const { metadata, spec } = renderNodePool('p5', block, { replicas: 3, limit: 4 }, '7');
    expect(metadata).toEqual({ name: 'p5', labels, resourceVersion: '7' });
    expect(spec).toEqual({
      replicas: 3,
      limits: { nodes: 4 },
      disruption: {
        consolidationPolicy: 'WhenEmpty',
        consolidateAfter: 'Never',
        budgets: [{ nodes: '0', reasons: ['Drifted'] }],
      },
      template: {
        metadata: { labels: { 'aicluster.dev/pool': 'p5' } },
        spec: {
          nodeClassRef: { group: 'eks.amazonaws.com', kind: 'NodeClass', name: 'p5' },
          requirements: [
            { key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['p5.48xlarge'] },
            { key: 'karpenter.sh/capacity-type', operator: 'In', values: ['reserved'] },
            { key: 'topology.kubernetes.io/zone', operator: 'In', values: ['us-east-2a'] },
          ],
          taints: [{ key: UNASSIGNED_TAINT, effect: 'NoSchedule' }],
          startupTaints: [],
          expireAfter: '480h',
          terminationGracePeriod: '1h',
        },
      },
    });
  });

  it('takes on-demand capacity for an on-demand pool, in any zone', () => {
    const { requirements } = renderNodePool('l40s', onDemand, { replicas: 0, limit: 0 }, undefined).spec.template.spec;
    expect(requirements).toEqual([
      { key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['g6e.48xlarge'] },
      { key: 'karpenter.sh/capacity-type', operator: 'In', values: ['on-demand'] },
    ]);
  });

  it('registers its nodes on probation when they are to be proved, however deeply', () => {
    const startup = (validation: CapacityPoolSpec['validation']) =>
      renderNodePool('p5', { ...block, validation }, { replicas: 3, limit: 4 }, '7').spec.template.spec.startupTaints;
    const probation = [{ key: PROBATION_TAINT, effect: 'NoSchedule' }];
    expect(startup('None')).toEqual([]);
    for (const level of ['Quick', 'Standard', 'Deep'] as const) expect(startup(level)).toEqual(probation);
  });

  it('turns probation on and off for a NodePool that is there, and leaves one of an older version alone', () => {
    const size = { replicas: 3, limit: 4 };
    const none = renderNodePool('p5', block, size, '7');
    const proved = renderNodePool('p5', { ...block, validation: 'Standard' }, size, '7');
    const { startupTaints: _, ...older } = none.spec.template.spec;
    const before = { ...none, spec: { ...none.spec, template: { ...none.spec.template, spec: older } } };
    expect(needsApply(proved, none)).toBe(true);
    expect(needsApply(none, proved)).toBe(true);
    expect(needsApply(none, before)).toBe(false);
    expect(needsApply(proved, before)).toBe(true);
  });

  it('needs no apply when others have only added to it, or written the limit as a quantity', () => {
    const rendered = renderNodePool('p5', block, { replicas: 3, limit: 4 }, '7');
    const existing = {
      ...rendered,
      metadata: { ...rendered.metadata, resourceVersion: '9', annotations: { 'karpenter.sh/nodepool-hash': '1' } },
      spec: { ...rendered.spec, limits: { nodes: '4' }, weight: 1 },
    };
    expect(needsApply(rendered, existing)).toBe(false);
    expect(limitOf(existing)).toBe(4);
    expect(needsApply(renderNodePool('p5', block, { replicas: 3, limit: 3 }, '7'), existing)).toBe(true);
    expect(
      needsApply(renderNodePool('p5', { ...block, expireAfter: '24h' }, { replicas: 3, limit: 4 }, '7'), existing),
    ).toBe(true);
  });

  it('sees a list that is longer than it should be', () => {
    expect(isApplied([{ a: 1 }], [{ a: 1 }, { b: 2 }])).toBe(false);
    expect(isApplied({ a: [{ b: 1 }] }, { a: [{ b: 1, c: 2 }], d: 3 })).toBe(true);
  });
});
