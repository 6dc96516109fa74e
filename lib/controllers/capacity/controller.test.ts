import { CapacityBucket, CapacityPool } from '../../api';
import { formatTime, keyOf, type KubeObject } from '../../domain/kube';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  NODE_MOVES,
  NODES,
  POD_GROUPS,
  PODS,
  QUEUES,
  resourceName,
  type ResourceType,
} from '../../domain/resources';
import type { ControllerContext } from '../../runtime/controller';
import { AlreadyExists, NotFound, Unavailable } from '../../runtime/errors';
import { capacityController } from './controller';

const NOW = Date.parse('2026-11-23T12:00:00Z');

/** A cluster of maps: enough API for one controller. `fail` rejects the n-th write and those after it. */
class FakeCluster {
  readonly objects = new Map<string, Map<string, KubeObject>>();
  readonly writes: string[] = [];
  failFrom = Infinity;
  missing = new Set<string>();
  private version = 1;

  of(resource: ResourceType): Map<string, KubeObject> {
    const name = resourceName(resource);
    if (!this.objects.has(name)) this.objects.set(name, new Map());
    return this.objects.get(name)!;
  }

  put(resource: ResourceType, object: KubeObject): KubeObject {
    const metadata = { uid: `uid-${object.metadata.name}`, ...object.metadata, resourceVersion: `${this.version++}` };
    const stored = { ...object, metadata };
    this.of(resource).set(keyOf(stored), stored);
    return stored;
  }

  private write(verb: string, resource: ResourceType, name: string): void {
    if (this.writes.length >= this.failFrom) throw new Unavailable('killed', 503);
    if (this.missing.has(resourceName(resource))) throw new NotFound('no such resource', 404);
    this.writes.push(`${verb} ${resourceName(resource)} ${name}`);
  }

  readonly port = {
    create: async (resource: ResourceType, object: KubeObject) => {
      this.write('create', resource, object.metadata.name);
      if (this.of(resource).has(keyOf(object))) throw new AlreadyExists('exists', 409);
      return this.put(resource, { ...object, metadata: { ...object.metadata, creationTimestamp: formatTime(NOW) } });
    },
    apply: async (resource: ResourceType, object: KubeObject, { subresource }: { subresource?: string }) => {
      this.write(`apply${subresource ? `/${subresource}` : ''}`, resource, object.metadata.name);
      const before = this.of(resource).get(keyOf(object));
      if (subresource && !before) throw new NotFound('gone', 404);
      const merged = { ...before, ...object, metadata: { ...before?.metadata, ...object.metadata } } as KubeObject;
      return this.put(resource, subresource ? { ...merged, status: { ...before?.status, ...object.status } } : merged);
    },
    delete: async (resource: ResourceType, { name }: { name: string }) => {
      this.write('delete', resource, name);
      this.of(resource).delete(name);
    },
  };

  context(): ControllerContext {
    const cache = (resource: ResourceType) => ({
      get: (key: string) => this.of(resource).get(key),
      list: () => [...this.of(resource).entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
      byIndex: () => [],
      hasSynced: () => true,
      assume: () => undefined,
    });
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    return {
      cluster: this.port,
      cache,
      clock: { now: () => NOW, after: () => () => undefined },
      events: { record: () => undefined },
      metrics: {
        count: () => undefined,
        gauge: () => undefined,
        gauges: () => undefined,
        forget: () => undefined,
        observe: () => undefined,
      },
      log: silent,
    } as unknown as ControllerContext;
  }
}

function node(name: string, pool: string, instanceType: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      creationTimestamp: '2026-11-23T11:00:00Z',
      labels: { 'aicluster.dev/pool': pool, 'node.kubernetes.io/instance-type': instanceType },
    },
    spec: { taints: [{ key: 'aicluster.dev/unassigned', effect: 'NoSchedule' }] },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      allocatable: { cpu: '191450m', memory: '1938410Mi', pods: '100', 'nvidia.com/gpu': '8' },
    },
  };
}

function pod(name: string, bucket: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'research',
      creationTimestamp: '2026-11-23T11:00:00Z',
      annotations: { 'scheduling.k8s.io/group-name': 'llama' },
    },
    spec: {
      nodeSelector: { 'aicluster.dev/bucket': bucket },
      containers: [{ name: 'c', resources: { limits: { 'nvidia.com/gpu': '8' } } }],
    },
  };
}

function makeFleet(): FakeCluster {
  const fake = new FakeCluster();
  for (let i = 0; i < 4; i++) fake.put(NODES, node(`p5-${i}`, 'p5', 'p5.48xlarge'));
  const nodeClassRef = { name: 'gpu' };
  fake.put(
    CAPACITY_POOLS,
    CapacityPool.make('p5', {
      instanceType: 'p5.48xlarge',
      source: 'Block',
      reservationId: 'cr-0abc',
      availabilityZone: 'us-east-2a',
      nodeClassRef,
    }),
  );
  fake.put(
    CAPACITY_POOLS,
    CapacityPool.make('l40s', { instanceType: 'g6e.48xlarge', source: 'OnDemand', nodes: { max: 4 }, nodeClassRef }),
  );
  fake.put(
    CAPACITY_BUCKETS,
    CapacityBucket.make('training', { nodes: { min: 1, max: 8 }, instanceTypes: ['p5.48xlarge'] }),
  );
  fake.put(
    CAPACITY_BUCKETS,
    CapacityBucket.make('batch', { priority: 'Low', nodes: { min: 1, max: 8 }, instanceTypes: ['g6e.48xlarge'] }),
  );
  for (const name of ['llama-0', 'llama-1']) fake.put(PODS, pod(name, 'training'));
  fake.put(POD_GROUPS, {
    apiVersion: 'scheduling.volcano.sh/v1beta1',
    kind: 'PodGroup',
    metadata: { name: 'llama', namespace: 'research' },
    spec: { minMember: 2, queue: 'training' },
    status: { phase: 'Inqueue' },
  });
  return fake;
}

/** Everything but versions, to compare end states. */
function endState(fake: FakeCluster): unknown {
  return [...fake.objects.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, objects]) => [
      resource,
      [...objects.values()]
        .map(({ metadata: { resourceVersion: _, ...metadata }, ...rest }) => ({ ...rest, metadata }))
        .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    ]);
}

/** Reconciles until nothing is written any more. */
async function settle(fake: FakeCluster): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const before = fake.writes.length;
    await capacityController.reconcile('fleet', fake.context());
    if (fake.writes.length === before) return;
  }
  throw new Error('never settles');
}

describe('the capacity controller', () => {
  test('makes NodeMoves, asks the pool, has queues follow, reports, and then is still', async () => {
    const fake = makeFleet();
    await settle(fake);
    const moves = [...fake.of(NODE_MOVES).values()];
    expect(moves.map(({ spec }) => [spec.to, spec.nodes.length, spec.message])).toEqual([
      [{ kind: 'Bucket', bucket: 'training' }, 1, expect.stringContaining('minimum of 1')],
      [{ kind: 'Bucket', bucket: 'training' }, 1, expect.stringContaining('gang research/llama')],
    ]);
    expect(fake.of(CAPACITY_POOLS).get('l40s')?.status).toEqual({ requested: 1 });
    expect(fake.of(CAPACITY_POOLS).get('p5')?.status).toBeUndefined();
    expect([...fake.of(QUEUES).keys()].sort()).toEqual(['batch', 'training']);
    const { status } = fake.of(CAPACITY_BUCKETS).get('training')!;
    expect(status).toMatchObject({ arriving: 2, demand: 2, target: 2, active: 0 });
    expect(CapacityBucket.status.safeParse(status).error).toBeUndefined();
  });

  test('killed between any two writes, the next leader comes to the same end', async () => {
    const whole = makeFleet();
    await settle(whole);
    const writes = whole.writes.length;
    expect(writes).toBeGreaterThan(5);
    for (let killed = 0; killed < writes; killed++) {
      const fake = makeFleet();
      fake.failFrom = killed;
      await expect(settle(fake)).rejects.toThrow('killed');
      fake.failFrom = Infinity;
      await settle(fake);
      expect(endState(fake)).toEqual(endState(whole));
    }
  });

  test('without Volcano the rest is done all the same, and queues are tried again after a minute', async () => {
    const fake = makeFleet();
    fake.missing.add('queues.scheduling.volcano.sh');
    const outcome = await capacityController.reconcile('fleet', fake.context());
    expect(fake.of(NODE_MOVES).size).toBe(2);
    expect(outcome.requeueAfterMs ?? 60_000).toBeLessThanOrEqual(60_000);
    const again = await capacityController.reconcile('fleet', fake.context());
    expect(again.requeueAfterMs).toBeLessThanOrEqual(60_000);
    expect(fake.writes.filter((write) => write.includes('queues'))).toEqual([]);
  });

  test('a NodeMove that exists already is taken for its own', async () => {
    const fake = makeFleet();
    await settle(fake);
    const count = fake.of(NODE_MOVES).size;
    const stale = makeFleet();
    for (const move of fake.of(NODE_MOVES).values()) stale.put(NODE_MOVES, move);
    const blind = stale.context();
    const cache = blind.cache.bind(blind);
    const behind = { ...cache(NODE_MOVES), list: () => [] };
    await capacityController.reconcile('fleet', {
      ...blind,
      cache: (resource: ResourceType) => (resource === NODE_MOVES ? behind : cache(resource)),
    } as ControllerContext);
    expect(stale.of(NODE_MOVES).size).toBe(count);
  });
});
