/** A small cluster for simulations: one Capacity Block, one on-demand pool, three buckets, a namespace each. */
import { CapacityBucket, CapacityPool, KINDS } from '../../lib/api';
import type { KubeObject } from '../../lib/domain/kube';
import { BUCKET_KEY } from '../../lib/domain/node-keys';
import type { ReservationSeed } from '../../lib/simulator';

export const BLOCK_NODES = 10;
export const ON_DEMAND_MAX = 5;
export const NAMESPACES = ['inference', 'training', 'batch'];

const ZONE = 'us-east-2a';
const priorities: Readonly<Record<string, number>> = { high: 300_000, normal: 200_000, low: 100_000 };

/** The block; without an end unless one is given, of BLOCK_NODES unless it is so many times as large. */
export function blockReservation({
  times = 1,
  ...window
}: { readonly startMs?: number; readonly endMs?: number; readonly times?: number } = {}): ReservationSeed {
  return {
    id: 'cr-0abc',
    kind: 'CapacityBlock',
    instanceType: 'p5.48xlarge',
    availabilityZone: ZONE,
    totalInstances: BLOCK_NODES * times,
    ...window,
  };
}

/** Everything a world boots from; `times` as large as usual. */
export function smallCluster(times = 1): KubeObject[] {
  const nodeClass = (name: string, spec: object): KubeObject => ({
    apiVersion: 'eks.amazonaws.com/v1',
    kind: 'NodeClass',
    metadata: { name },
    spec,
  });
  return [
    ...KINDS.map((kind) => kind.crd()),
    nodeClass('p5', { capacityReservationSelectorTerms: [{ id: 'cr-0abc' }] }),
    nodeClass('l40s', {}),
    ...Object.entries(priorities).map(([name, value]) => ({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: `aicluster-${name}` },
      value,
    })),
    ...NAMESPACES.map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { [BUCKET_KEY]: name } },
    })),
    CapacityPool.make('p5', {
      instanceType: 'p5.48xlarge',
      source: 'Block',
      reservationId: 'cr-0abc',
      availabilityZone: ZONE,
      nodeClassRef: { name: 'p5' },
    }),
    CapacityPool.make('l40s', {
      instanceType: 'g6e.48xlarge',
      source: 'OnDemand',
      nodes: { max: ON_DEMAND_MAX * times },
      nodeClassRef: { name: 'l40s' },
    }),
    ...buckets(times),
  ];
}

function buckets(times: number): KubeObject[] {
  const moves = { perHour: 120, inFlight: 8, minHold: '1m', coolDown: '5m' };
  const hysteresis = { demandFor: '10s', idleFor: '1m' };
  const common = { moves, hysteresis };
  return [
    CapacityBucket.make('inference', {
      ...common,
      priority: 'High',
      nodes: { min: 2, max: 6 * times },
      instanceTypes: ['p5.48xlarge'],
    }),
    CapacityBucket.make('training', {
      ...common,
      priority: 'Normal',
      nodes: { min: 1, max: 8 * times },
      instanceTypes: ['p5.48xlarge'],
    }),
    CapacityBucket.make('batch', {
      ...common,
      priority: 'Low',
      nodes: { max: 6 * times },
      instanceTypes: ['g6e.48xlarge', 'p5.48xlarge'],
    }),
  ];
}
