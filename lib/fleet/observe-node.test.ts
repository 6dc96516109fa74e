import type { Node } from '../domain/kube';
import { nodePhase } from './node-phase';
import { toNodeFacts } from './observe-node';

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'i-1',
    uid: 'u',
    resourceVersion: '7',
    creationTimestamp: '2026-11-23T12:00:00Z',
    labels: {
      'aicluster.dev/pool': 'p5',
      'node.kubernetes.io/instance-type': 'p5.48xlarge',
      'topology.kubernetes.io/zone': 'us-east-2a',
      'topology.k8s.aws/network-node-layer-2': 'nn-2',
      'topology.k8s.aws/network-node-layer-3': 'nn-3',
      'aicluster.dev/bucket': 'training',
      'volcano.sh/nodegroup-name': 'training',
    },
    annotations: { 'aicluster.dev/assigned-at': '2026-11-23T12:01:00Z', 'aicluster.dev/verdict': '{"bootId":"a"}' },
  },
  spec: {
    providerID: 'aws:///us-east-2a/i-1',
    taints: [{ key: 'aicluster.dev/bucket', value: 'training', effect: 'NoSchedule' }],
  },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    allocatable: { cpu: '191450m', 'nvidia.com/gpu': '8' },
    nodeInfo: { bootID: 'a' },
  },
};
const START = Date.parse('2026-11-23T12:00:00Z');
const context = { buckets: new Set(['training']), liveMoves: new Map(), squatted: new Set<string>() };

test('a Node becomes plain values', () => {
  expect(toNodeFacts(node)).toMatchObject({
    name: 'i-1',
    uid: 'u',
    resourceVersion: '7',
    providerID: 'aws:///us-east-2a/i-1',
    pool: 'p5',
    instanceType: 'p5.48xlarge',
    zone: 'us-east-2a',
    leaf: 'nn-3',
    spine: 'nn-2',
    ready: true,
    unschedulable: false,
    held: false,
    bucket: 'training',
    bucketTaint: 'training',
    nodegroup: 'training',
    verdict: { bootId: 'a' },
    createdAtMs: START,
    assignedAtMs: START + 60_000,
    allocatable: { cpu: 191.45, 'nvidia.com/gpu': 8 },
  });
  expect(nodePhase(toNodeFacts(node), context, START)).toBe('Active');
});

test('accelerators are broken only when EKS says False', () => {
  const saying = (status: 'True' | 'False' | 'Unknown') =>
    toNodeFacts({
      ...node,
      status: {
        ...node.status,
        conditions: [{ type: 'AcceleratedHardwareReady', status, lastTransitionTime: '2026-11-23T12:00:05Z' }],
      },
    }).acceleratorsBrokenSinceMs;
  expect([saying('True'), saying('Unknown'), saying('False')]).toEqual([undefined, undefined, START + 5000]);
});

test('an unreadable verdict is no evidence, and a bare Node breaks nothing', () => {
  const odd = { ...node, metadata: { ...node.metadata, annotations: { 'aicluster.dev/verdict': '{' } } };
  expect(toNodeFacts(odd).verdict).toEqual({});
  const bare = toNodeFacts({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'bare' } });
  expect(bare).toMatchObject({ leaf: 'unknown', instanceType: '', ready: false, taints: [] });
  expect(nodePhase(bare, context, START)).toBe('Joining');
});
