/** Makers of facts for tests of this room and of the controllers. */
import { UNASSIGNED_TAINT } from '../domain/node-keys';
import type { Taint } from '../domain/kube';
import type { MoveFacts } from './moves';
import type { NodeFacts } from './node-facts';
import type { PodFacts } from './pods';

/** A NoSchedule taint. */
export function taint(key: string, value?: string): Taint {
  return { key, effect: 'NoSchedule', ...(value === undefined ? {} : { value }) };
}

/** A Ready, unassigned p5 node named p5-0 unless said otherwise. */
export function makeNodeFacts(overrides: Partial<NodeFacts> = {}): NodeFacts {
  const name = overrides.name ?? 'p5-0';
  return {
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    providerID: `aws:///us-east-2a/i-${name}`,
    pool: 'p5',
    instanceType: 'p5.48xlarge',
    zone: 'us-east-2a',
    leaf: 'leaf-0',
    ready: true,
    unschedulable: false,
    taints: [taint(UNASSIGNED_TAINT)],
    held: false,
    createdAtMs: 0,
    allocatable: { cpu: 190, memory: 2 ** 40, pods: 110, 'nvidia.com/gpu': 8 },
    ...overrides,
  };
}

/** The fields that put a node into a bucket. */
export function inBucket(bucket: string, assignedAtMs = 0): Partial<NodeFacts> {
  return {
    bucket,
    bucketTaint: bucket,
    nodegroup: bucket,
    taints: [taint('aicluster.dev/bucket', bucket)],
    assignedAtMs,
  };
}

/** A pending pod that asks for 8 GPUs, of bucket training, unless said otherwise. */
export function makePodFacts(overrides: Partial<PodFacts> = {}): PodFacts {
  const { namespace = 'default', name = 'pod-0' } = overrides;
  const requests = overrides.requests ?? { cpu: 1, memory: 2 ** 30, pods: 1, 'nvidia.com/gpu': 8 };
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    uid: `uid-${namespace}-${name}`,
    phase: overrides.nodeName === undefined ? 'Pending' : 'Running',
    deleting: false,
    ended: false,
    gated: false,
    requests,
    accelerated: (requests['nvidia.com/gpu'] ?? 0) > 0,
    shape: JSON.stringify([requests, overrides.needs ?? {}]),
    needs: {},
    bucket: 'training',
    system: false,
    toleratesEverything: false,
    createdAtMs: 0,
    ...overrides,
  };
}

/** A live NodeMove of node p5-0 into bucket training unless said otherwise. */
export function makeMoveFacts(overrides: Partial<MoveFacts> = {}): MoveFacts {
  return {
    name: 'move-0',
    reason: 'Capacity',
    to: 'Bucket',
    bucket: 'training',
    nodes: [{ name: 'p5-0', step: 'Pending' }],
    gangs: [],
    createdAtMs: 0,
    ...overrides,
  };
}
