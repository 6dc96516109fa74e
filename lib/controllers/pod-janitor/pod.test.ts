import { NODES, PODS } from '../../domain/resources';
import { pruneFor } from '../../runtime/prune-wide';
import { toNodeState } from './node-state';
import { toJanitorPod, toJanitorPods } from './pod';
import { makeNode, makeOwner, makePod, makeWaiting, NOW_MS } from './testing';

const pinned = (affinity: object) => {
  const pod = makePod({ node: undefined });
  return toJanitorPod({ ...pod, spec: { ...pod.spec, affinity: { nodeAffinity: affinity } } })?.pinnedTo;
};
const required = (...nodeSelectorTerms: readonly object[]) => ({
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
});
const hostnames = (...values: readonly string[]) => ({
  matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }],
});

describe('a pod', () => {
  it('is pinned when every alternative names nodes, and only then', () => {
    const byName = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-2'] }] };
    expect(pinned(required(hostnames('node-1', 'node-3'), byName))).toEqual(['node-1', 'node-2', 'node-3']);
    const open = { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] };
    expect(pinned(required(hostnames('node-1'), open))).toBeUndefined();
    expect(pinned(required())).toBeUndefined();
    const notIn = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: ['node-1'] }] };
    expect(pinned(required(notIn))).toBeUndefined();
    expect(toJanitorPod(makePod({ node: undefined, pinnedTo: 'node-1' }))?.pinnedTo).toEqual(['node-1']);
  });

  it('has the claims that it names, and those that its ephemeral volumes make, with their modes', () => {
    const pod = makePod({ claims: ['data'] });
    const template = { spec: { accessModes: ['ReadWriteOnce'] } };
    const volumes = [...pod.spec.volumes, { name: 'scratch', ephemeral: { volumeClaimTemplate: template } }];
    expect(toJanitorPod({ ...pod, spec: { ...pod.spec, volumes } })?.claims).toEqual([
      { name: 'data' },
      { name: 'pod-0-scratch', modes: ['ReadWriteOnce'] },
    ]);
  });

  it('whose deletion time cannot be read is deleting, and nobody knows until when', () => {
    const pod = makePod({ deletedMin: 6 });
    const odd = toJanitorPod({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '17' } });
    expect(odd).toMatchObject({ facts: { deleting: true } });
    expect(odd?.deletionMs).toBeUndefined();
    expect(toJanitorPod(pod)?.deletionMs).toBe(NOW_MS - 360_000);
  });

  it('keeps its facts for as long as it does not change', () => {
    const pods = [makePod(), makePod({ name: 'pod-1' })];
    const [first] = toJanitorPods(pods);
    expect(toJanitorPods([...pods])[0]).toBe(first);
  });
});

test('what the watch cache of the process keeps is all that is read', () => {
  const owners = [makeOwner('Job')];
  const annotations = { 'aicluster.dev/janitor': 'force', 'kueue.x-k8s.io/safe-to-forcefully-delete': 'true' };
  const wishes = { deletedMin: 6, finalizers: ['x.com/y'], owners, annotations, claims: ['c'], pinnedTo: 'node-1' };
  const plain = makePod(wishes);
  const target = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' };
  const full = {
    ...plain,
    spec: { ...plain.spec, restartPolicy: 'Never', affinity: { nodeAffinity: required(hostnames('node-1')) } },
    status: {
      ...plain.status,
      ...{ podIP: '10.0.0.1', reason: 'Evicted', conditions: [...plain.status.conditions, target] },
    },
  };
  const ended = makePod({
    state: { terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: '2026-11-26T11:00:00Z' } },
  });
  const [prunePod, pruneNode] = [pruneFor('janitor')(PODS)!, pruneFor('janitor')(NODES)!];
  for (const pod of [full, ended, makeWaiting({ reason: 'ErrImagePull', message: 'no' })]) {
    expect(toJanitorPod(prunePod(pod))).toEqual(toJanitorPod(pod));
  }
  const node = makeNode({ unreachable: true, held: true });
  expect(toNodeState(pruneNode(node))).toEqual(toNodeState(node));
});
