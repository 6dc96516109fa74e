import { CapacityPool, KINDS, NodeMove, NodeValidation } from '../api';
import type { KubeObject } from '../domain/kube';
import * as r from '../domain/resources';
import { AlreadyExists, Conflict, Expired, Invalid, NotFound, TooManyRequests } from '../runtime/errors';
import type { WatchEvent } from '../runtime/ports';
import { ApiServer } from './api-server';
import { CRDS } from './served-kinds';
import { VirtualClock } from './virtual-clock';

const START = Date.UTC(2026, 0, 1);
function makeServer() {
  const clock = new VirtualClock(START);
  const server = new ApiServer({ clock });
  for (const kind of KINDS) server.create(CRDS, kind.crd());
  return { clock, server };
}
const node = (name: string, extra: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, ...extra },
  spec: {},
});
const pod = (name: string, spec: object = {}, labels = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels },
  spec: { containers: [{ name: 'c' }], ...spec },
});

describe('writes', () => {
  test('a create fills in what a server fills in, and a second one is AlreadyExists', () => {
    const { server } = makeServer();
    const made = server.create(r.NODES, node('n1'));
    expect(made.metadata).toMatchObject({ generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' });
    expect(made.metadata.uid).toBeTruthy();
    expect(() => server.create(r.NODES, node('n1'))).toThrow(AlreadyExists);
  });

  test('a patch with a stale resourceVersion is a Conflict and changes nothing', () => {
    const { server } = makeServer();
    const first = server.create(r.NODES, node('n1'));
    server.mergePatch(r.NODES, { name: 'n1' }, { metadata: { labels: { a: '1' } } });
    const stale = { metadata: { resourceVersion: first.metadata.resourceVersion, labels: { a: '2' } } };
    expect(() => server.mergePatch(r.NODES, { name: 'n1' }, stale)).toThrow(Conflict);
    expect(server.get(r.NODES, { name: 'n1' }).metadata.labels).toEqual({ a: '1' });
  });

  test('a patch that changes nothing makes no new version; spec moves the generation, labels and status do not', () => {
    const { server } = makeServer();
    const first = server.create(r.NODES, node('n1'));
    expect(server.mergePatch(r.NODES, { name: 'n1' }, { spec: {} })).toBe(first);
    server.mergePatch(r.NODES, { name: 'n1' }, { metadata: { labels: { a: '1' } } });
    server.mergePatch(r.NODES, { name: 'n1' }, { status: { conditions: [] } }, { subresource: 'status' });
    expect(server.get(r.NODES, { name: 'n1' }).metadata.generation).toBe(1);
    server.mergePatch(r.NODES, { name: 'n1' }, { spec: { unschedulable: true } });
    expect(server.get(r.NODES, { name: 'n1' }).metadata.generation).toBe(2);
  });

  test('status is written only through its subresource, which writes nothing else', () => {
    const { server } = makeServer();
    server.create(r.PODS, pod('p'));
    server.mergePatch(r.PODS, { name: 'p', namespace: 'default' }, { status: { phase: 'Running' } });
    expect(server.get(r.PODS, { name: 'p', namespace: 'default' }).status).toEqual({ phase: 'Pending' });
    const patch = { metadata: { labels: { a: '1' } }, status: { phase: 'Running' } };
    server.mergePatch(r.PODS, { name: 'p', namespace: 'default' }, patch, { subresource: 'status' });
    const after = server.get(r.PODS, { name: 'p', namespace: 'default' });
    expect([after.status?.phase, after.metadata.labels]).toEqual(['Running', {}]);
  });

  test('our Kinds get their defaults, lose unknown fields, and are refused with the field named', () => {
    const { server } = makeServer();
    const bucket = { apiVersion: 'aicluster.dev/v1alpha1', kind: 'CapacityBucket', metadata: { name: 'training' } };
    const spec = { nodes: { max: 4 }, instanceTypes: ['p5.48xlarge'], typo: 1 };
    const made = server.create(r.CAPACITY_BUCKETS, { ...bucket, spec });
    expect(made.spec.moves).toEqual({
      perHour: 60,
      inFlight: 8,
      minHold: '10m',
      coolDown: '30m',
      checkpointTimeout: '5m',
    });
    expect(made.spec.typo).toBeUndefined();
    const wrong = { ...bucket, metadata: { name: 'x' }, spec: { ...spec, nodes: { min: 5, max: 4 } } };
    expect(() => server.create(r.CAPACITY_BUCKETS, wrong)).toThrow(/spec\.nodes: min \(5\) must not be greater/);
    expect(() => server.mergePatch(r.CAPACITY_BUCKETS, { name: 'training' }, { spec: { nodes: { max: -1 } } })).toThrow(
      Invalid,
    );
  });

  test('the spec of a NodeMove cannot change', () => {
    const { server } = makeServer();
    const made = NodeMove.make('m', { nodes: ['n1'], to: { kind: 'Release' } });
    server.create(r.NODE_MOVES, made);
    expect(() => server.mergePatch(r.NODE_MOVES, { name: 'm' }, { spec: { nodes: ['n2'] } })).toThrow(
      /cannot be changed/,
    );
  });

  test('nor can the spec of a NodeValidation, while its status can', () => {
    const { server } = makeServer();
    server.create(r.NODE_VALIDATIONS, NodeValidation.make('v', { nodes: ['n1'] }));
    const change = { spec: { nodes: ['n2'] } };
    expect(() => server.mergePatch(r.NODE_VALIDATIONS, { name: 'v' }, change)).toThrow(
      'a NodeValidation cannot be changed: delete it (that ends its checks) and create another',
    );
    const status = { status: { step: 'Pairs' } };
    server.mergePatch(r.NODE_VALIDATIONS, { name: 'v' }, status, { subresource: 'status' });
    expect(server.get(r.NODE_VALIDATIONS, { name: 'v' })['status']).toEqual({ step: 'Pairs' });
  });

  test('a Kind without its CRD is a 404, also for lists', () => {
    const server = new ApiServer({ clock: new VirtualClock() });
    expect(() => server.list(r.CAPACITY_BUCKETS)).toThrow(NotFound);
  });
});

describe('deletion', () => {
  test('an object with finalizers stays until the last one is gone', () => {
    const { server } = makeServer();
    server.create(r.NODES, node('n1', { finalizers: ['a', 'b'] }));
    server.delete(r.NODES, { name: 'n1' });
    expect(server.get(r.NODES, { name: 'n1' }).metadata.deletionTimestamp).toBe('2026-01-01T00:00:00Z');
    server.mergePatch(r.NODES, { name: 'n1' }, { metadata: { finalizers: ['b'] } });
    expect(server.find(r.NODES, { name: 'n1' })).toBeDefined();
    server.mergePatch(r.NODES, { name: 'n1' }, { metadata: { finalizers: [] } });
    expect(server.find(r.NODES, { name: 'n1' })).toBeUndefined();
  });

  test('preconditions that do not hold are a Conflict', () => {
    const { server } = makeServer();
    server.create(r.NODES, node('n1'));
    expect(() => server.delete(r.NODES, { name: 'n1' }, { uid: 'other' })).toThrow(Conflict);
    expect(() => server.delete(r.NODES, { name: 'n1' }, { resourceVersion: '0' })).toThrow(Conflict);
  });

  test('a bound pod keeps its grace period, an unbound one goes at once', () => {
    const { server } = makeServer();
    server.create(r.PODS, pod('bound', { nodeName: 'n1', terminationGracePeriodSeconds: 60 }));
    server.create(r.PODS, pod('waiting'));
    for (const name of ['bound', 'waiting']) server.delete(r.PODS, { name, namespace: 'default' });
    const { metadata } = server.get(r.PODS, { name: 'bound', namespace: 'default' });
    expect(metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:01:00Z', deletionGracePeriodSeconds: 60 });
    expect(server.all(r.PODS)).toHaveLength(1);
  });

  test('an eviction asks the disruption budget and the UID', () => {
    const { server } = makeServer();
    const running = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    const uids = ['a', 'b'].map((name) => {
      const made = server.create(r.PODS, pod(name, { nodeName: 'n1' }, { app: 'web' }));
      server.mergePatch(r.PODS, made.metadata, { status: running }, { subresource: 'status' });
      return made.metadata.uid!;
    });
    server.create(r.DISRUPTION_BUDGETS, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b', namespace: 'default' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
    });
    expect(() => server.evict({ name: 'a', namespace: 'default' }, { uid: uids[1] })).toThrow(Conflict);
    server.evict({ name: 'a', namespace: 'default' }, { uid: uids[0] });
    expect(() => server.evict({ name: 'b', namespace: 'default' }, { uid: uids[1] })).toThrow(TooManyRequests);
    expect(server.get(r.PODS, { name: 'b', namespace: 'default' }).metadata.deletionTimestamp).toBeUndefined();
  });
});

describe('server-side apply', () => {
  const pool = (replicas: number, labels?: object): KubeObject => ({
    apiVersion: 'karpenter.sh/v1',
    kind: 'NodePool',
    metadata: { name: 'p' },
    spec: { replicas, ...(labels ? { template: { metadata: { labels } } } : {}) },
  });
  const ours = { fieldManager: 'eks-ai-cluster' };

  test('removes what its manager no longer applies, and nothing of anybody else', () => {
    const { server } = makeServer();
    server.apply(r.NODE_POOLS, pool(2, { a: '1', b: '2' }), ours);
    server.mergePatch(r.NODE_POOLS, { name: 'p' }, { spec: { template: { metadata: { labels: { hand: 'x' } } } } });
    const after = server.apply(r.NODE_POOLS, pool(2, { a: '1' }), ours);
    expect(after.spec.template.metadata.labels).toEqual({ a: '1', hand: 'x' });
  });

  test("is a Conflict over another manager's value, unless forced; afterwards the field is ours", () => {
    const { server } = makeServer();
    server.apply(r.NODE_POOLS, pool(2), ours);
    server.mergePatch(r.NODE_POOLS, { name: 'p' }, { spec: { replicas: 9 } }, { manager: 'kubectl' });
    expect(() => server.apply(r.NODE_POOLS, pool(3), ours)).toThrow(/conflict with "kubectl": \.spec\.replicas/);
    expect(server.apply(r.NODE_POOLS, pool(3), { ...ours, force: true }).spec.replicas).toBe(3);
    expect(server.apply(r.NODE_POOLS, pool(4), ours).spec.replicas).toBe(4);
  });

  test('two managers share a status: each owns its fields and its conditions', () => {
    const { server } = makeServer();
    server.create(
      r.CAPACITY_POOLS,
      CapacityPool.make('p', {
        instanceType: 'g6e.48xlarge',
        source: 'OnDemand',
        nodes: { max: 4 },
        nodeClassRef: { name: 'x' },
      }),
    );
    const status = (value: object) => ({
      apiVersion: 'aicluster.dev/v1alpha1',
      kind: 'CapacityPool',
      metadata: { name: 'p' },
      status: value,
    });
    const condition = (type: string, value: string) => ({ type, status: value, reason: 'R' });
    const subresource = 'status' as const;
    const pools = { fieldManager: 'pools', subresource };
    server.apply(r.CAPACITY_POOLS, status({ nodes: 1, conditions: [condition('Supplied', 'True')] }), pools);
    server.apply(r.CAPACITY_POOLS, status({ requested: 3, conditions: [condition('Asked', 'True')] }), {
      fieldManager: 'capacity',
      subresource,
    });
    const after = server.apply(r.CAPACITY_POOLS, status({ nodes: 2 }), pools);
    expect(after.status).toEqual({ nodes: 2, requested: 3, conditions: [condition('Asked', 'True')] });
  });

  test('does not create through a subresource, and equal applies make no new version', () => {
    const { server } = makeServer();
    const absent = { apiVersion: 'karpenter.sh/v1', kind: 'NodePool', metadata: { name: 'q' }, status: {} };
    expect(() => server.apply(r.NODE_POOLS, absent, { ...ours, subresource: 'status' })).toThrow(NotFound);
    const first = server.apply(r.NODE_POOLS, pool(2), ours);
    expect(server.apply(r.NODE_POOLS, pool(2), ours).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});

describe('lists and watches', () => {
  test('all pages of a list come from the moment of the first', () => {
    const { server } = makeServer();
    for (const name of ['a', 'b', 'c']) server.create(r.NODES, node(name));
    const first = server.list(r.NODES, { limit: 2 });
    server.delete(r.NODES, { name: 'c' });
    const second = server.list(r.NODES, { limit: 2, continueToken: first.continueToken });
    expect(second.items.map(({ metadata }) => metadata.name)).toEqual(['c']);
    expect(second.resourceVersion).toBe(first.resourceVersion);
    expect(second.continueToken).toBeUndefined();
  });

  test('a watch delivers history and news in order, and translates entering and leaving a selection', async () => {
    const { server, clock } = makeServer();
    const since = server.list(r.NODES).resourceVersion;
    server.create(r.NODES, node('a', { labels: { in: 'yes' } }));
    const seen: string[] = [];
    const onEvent = (event: WatchEvent) =>
      seen.push(event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.object.metadata.name}`);
    server.watch(
      r.NODES,
      { resourceVersion: since, labelSelector: 'in=yes' },
      { onEvent, onEnd: () => seen.push('end') },
    );
    server.create(r.NODES, node('b'));
    server.mergePatch(r.NODES, { name: 'b' }, { metadata: { labels: { in: 'yes' } } });
    server.mergePatch(r.NODES, { name: 'a' }, { metadata: { labels: { in: 'no' } } });
    await clock.advance(61_000);
    expect(seen).toEqual(['ADDED a', 'ADDED b', 'DELETED a', 'BOOKMARK']);
  });

  test('a watch from before the history is answered with Expired, and compaction ends open ones so', async () => {
    const { server, clock } = makeServer();
    const since = server.list(r.NODES).resourceVersion;
    const ends: unknown[] = [];
    const listener = { onEvent: () => undefined, onEnd: (error?: Error) => ends.push(error) };
    server.watch(r.NODES, { resourceVersion: since }, listener);
    server.create(r.NODES, node('a'));
    server.forgetHistory();
    server.watch(r.NODES, { resourceVersion: since }, listener);
    await clock.advance(1);
    expect(ends).toEqual([expect.any(Expired), expect.any(Expired)]);
    server.create(r.CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c', namespace: 'default' },
    });
  });
});
