import type { KubeObject } from '../../domain/kube';
import { ADAPTERS } from './adapters';

const ask = { by: 'm', nowMs: 0, gaveWayAtMs: 0 };
const clusterOf = (labels: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: 'ray.io/v1',
  kind: 'RayCluster',
  metadata: { name: 'tune-x7k2p', namespace: 'research', labels },
  spec: {},
});
const madeBy = (kind: string) => ({ 'ray.io/originated-from-crd': kind, 'ray.io/originated-from-cr-name': 'tune' });

describe('a RayCluster', () => {
  const suspend = (labels: Readonly<Record<string, string>>) => ADAPTERS.RayCluster!.suspend(clusterOf(labels), ask);

  it('that a person made is suspended itself', () => {
    expect(suspend({}).writes).toMatchObject([{ verb: 'Patch', patch: { spec: { suspend: true } } }]);
  });

  it('that a RayJob made is left alone, and the RayJob asked: its pods do not say where they come from', () => {
    expect(suspend(madeBy('RayJob'))).toEqual({ writes: [], maker: 'RayJob research/tune' });
  });

  it('that a RayService made is evicted: a RayService cannot be suspended', () => {
    expect(suspend(madeBy('RayService'))).toEqual({ writes: [], outcome: 'Evict' });
  });
});
