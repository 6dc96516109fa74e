/** Figures over time for charts: nodes by bucket and phase, demand against supply, how busy the accelerators are. */
import { parseQuantity } from '../domain/quantity';
import type { Pod } from '../domain/kube';
import { CAPACITY_BUCKETS, NODES, PODS } from '../domain/resources';
import { POOL_LABEL } from '../domain/node-keys';
import type { FleetView } from './fleet-view';
import type { ApiServer } from './api-server';
import { requestsOf } from './placement';
import { hasEnded } from './pod-rules';

/** What a bucket has and wants, in nodes, as its status says. */
export interface BucketSample {
  readonly owned: number;
  readonly active: number;
  readonly demand: number;
  readonly target: number;
}

/** The cluster at one moment; `t` in milliseconds since the start of the world. */
export interface Sample {
  readonly t: number;
  readonly nodes: number;
  /** Nodes by the bucket on them; `unassigned` for none. */
  readonly nodesByBucket: Readonly<Record<string, number>>;
  readonly nodesByPhase: Readonly<Record<string, number>>;
  readonly buckets: Readonly<Record<string, BucketSample>>;
  /** Accelerators there are, and those pods have. */
  readonly accelerators: { readonly total: number; readonly used: number };
  /** Pods that ask for accelerators and are not placed. */
  readonly waitingPods: number;
}

const ACCELERATORS = ['nvidia.com/gpu', 'aws.amazon.com/neuron'];

/** Reads one sample. */
export function takeSample(server: ApiServer, view: FleetView, startMs: number): Sample {
  const nodes = view.nodes();
  const pods = (server.all(PODS) as readonly Pod[]).filter((pod) => !hasEnded(pod) && asked(pod) > 0);
  const placed = pods.filter((pod) => pod.spec?.nodeName);
  return {
    t: server.clock.now() - startMs,
    nodes: nodes.length,
    nodesByBucket: countBy(nodes.map(({ bucket }) => bucket ?? 'unassigned')),
    nodesByPhase: countBy(nodes.map((node) => view.phase(node))),
    buckets: Object.fromEntries(
      server.all(CAPACITY_BUCKETS).map((bucket) => [bucket.metadata.name, bucketSample(bucket.status)]),
    ),
    accelerators: { total: allAccelerators(server), used: placed.reduce((sum, pod) => sum + asked(pod), 0) },
    waitingPods: pods.length - placed.length,
  };
}

function bucketSample(status: any): BucketSample {
  return {
    owned: status?.owned ?? 0,
    active: status?.active ?? 0,
    demand: status?.demand ?? 0,
    target: status?.target ?? 0,
  };
}

function asked(pod: Pod): number {
  return ACCELERATORS.reduce((sum, name) => sum + (requestsOf(pod)[name] ?? 0), 0);
}

function allAccelerators(server: ApiServer): number {
  let sum = 0;
  for (const { metadata, status } of server.all(NODES)) {
    if (!metadata.labels?.[POOL_LABEL]) continue;
    for (const name of ACCELERATORS) sum += parseQuantity(status?.allocatable?.[name] ?? 0);
  }
  return sum;
}

/** How often each word occurs, sorted by word. */
export function countBy(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
