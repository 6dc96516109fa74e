/** The checks of a world must be able to fail: controllers that do what none may do are caught. */
import type { KubeObject, Node } from '../domain/kube';
import { BUCKET_KEY } from '../domain/node-keys';
import { CAPACITY_BUCKETS, NODE_MOVES, NODES, PODS, QUEUES } from '../domain/resources';
import type { Controller, ControllerContext } from '../runtime/controller';
import { CapacityBucket, CapacityPool, KINDS } from '../api';
import { makeDeployment, makeVolcanoJob } from './work';
import { makeWorld, type World } from './world';

const NODE_POOL: KubeObject = {
  apiVersion: 'karpenter.sh/v1',
  kind: 'NodePool',
  metadata: { name: 'l40s' },
  spec: {
    replicas: 3,
    limits: { nodes: 3 },
    template: {
      metadata: { labels: { 'aicluster.dev/pool': 'l40s' } },
      spec: {
        nodeClassRef: { group: 'eks.amazonaws.com', kind: 'NodeClass', name: 'l40s' },
        requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['g6e.48xlarge'] }],
        taints: [{ key: 'aicluster.dev/unassigned', effect: 'NoSchedule' }],
      },
    },
  },
};

function makeObjects(max = 3): KubeObject[] {
  const spec = {
    instanceType: 'g6e.48xlarge',
    source: 'OnDemand' as const,
    nodes: { max: 3 },
    nodeClassRef: { name: 'l40s' },
  };
  return [
    ...KINDS.map((kind) => kind.crd()),
    CapacityPool.make('l40s', spec),
    CapacityBucket.make('batch', { nodes: { min: 1, max }, instanceTypes: ['g6e.48xlarge'] }),
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'batch', labels: { [BUCKET_KEY]: 'batch' } } },
    NODE_POOL,
  ];
}

/** Does one thing to every node it sees, once. */
function rogue(what: (node: Node, context: ControllerContext) => Promise<unknown> | undefined): Controller {
  const done = new Set<string>();
  return {
    name: 'moves',
    watches: [{ resource: NODES, keys: ({ metadata }) => [metadata.name] }],
    reconcile: async (key, context) => {
      const node = context.cache(NODES).get(key) as Node | undefined;
      const registered = node?.metadata.labels?.['karpenter.sh/initialized'];
      if (!node || !registered || done.has(key)) return {};
      done.add(key);
      await what(node, context);
      return {};
    },
  };
}

async function run(
  controller: Controller,
  options: { readonly max?: number; readonly prepare?: (world: World) => void } = {},
) {
  const objects = makeObjects(options.max);
  const world = makeWorld({ seed: 1, objects, controllers: [controller], graceMs: 0 });
  options.prepare?.(world);
  await world.runUntil(10 * 60_000);
  return world;
}

const assign = (node: Node, context: ControllerContext, patch: object) =>
  context.cluster.mergePatch(NODES, { name: node.metadata.name }, patch);
const intoBatch = {
  metadata: { labels: { [BUCKET_KEY]: 'batch', 'volcano.sh/nodegroup-name': 'batch' } },
  spec: { taints: [{ key: BUCKET_KEY, value: 'batch', effect: 'NoSchedule' }] },
};
const names = (world: World) => [...new Set(world.violations.map(({ invariant }) => invariant))];

test('nodes join, are given to a bucket, and nothing is wrong', async () => {
  const world = await run(rogue((node, context) => assign(node, context, intoBatch)));
  expect(world.nodes()).toEqual({ total: 3, byBucket: { batch: 3 } });
  expect(world.violations).toEqual([]);
  world.checkSettled();
  expect(world.violations).toEqual([]);
});

test('more nodes than the maximum are caught', async () => {
  const world = await run(
    rogue((node, context) => assign(node, context, intoBatch)),
    { max: 2 },
  );
  expect(names(world)).toEqual(['never above max']);
});

test('a node with label and taint of different buckets is caught', async () => {
  const { spec } = intoBatch;
  const world = await run(
    rogue((node, context) => assign(node, context, { metadata: { labels: { [BUCKET_KEY]: 'other' } }, spec })),
  );
  expect(names(world)).toContain('no node in two buckets');
});

test('a lost foreign taint is caught', async () => {
  const controller = rogue((node, context) => assign(node, context, intoBatch));
  const foreign = { key: 'example.com/x', effect: 'NoSchedule' } as const;
  const world = await run(controller, {
    prepare: ({ server }) =>
      server.onChange(({ type, object, actor }) => {
        if (type === 'DELETED' || actor || object.spec.taints.some(({ key }: { key: string }) => key === foreign.key))
          return;
        if (object.metadata.labels?.['karpenter.sh/registered'] === 'true') {
          server.mergePatch(NODES, object.metadata, { spec: { taints: [...object.spec.taints, foreign] } });
        }
      }, NODES),
  });
  expect(names(world)).toContain('foreign keys stay');
});

test('an eviction without a move is caught', async () => {
  const controller = rogue(async (node, context) => {
    await assign(node, context, intoBatch);
    await new Promise<void>((resolve) => context.clock.after(120_000, resolve));
    const { items } = await context.cluster.list(PODS, { fieldSelector: `spec.nodeName=${node.metadata.name}` });
    for (const pod of items) await context.cluster.evict(pod.metadata, { uid: pod.metadata.uid! });
  });
  const world = await run(controller, {
    prepare: (one) => one.submit(makeDeployment({ name: 'web', namespace: 'batch', replicas: 2, accelerators: 8 })),
  });
  expect(names(world)).toContain('no pod is evicted without a live move');
});

test('a move that leaves a bucket below its minimum is caught, and one that never ends', async () => {
  const controller = rogue(async (node, context) => {
    await assign(node, context, intoBatch);
    await new Promise<void>((resolve) => context.clock.after(120_000, resolve));
    const spec = { nodes: [node.metadata.name], to: { kind: 'Release' } };
    await context.cluster.create(NODE_MOVES, {
      apiVersion: 'aicluster.dev/v1alpha1',
      kind: 'NodeMove',
      metadata: { name: `take-${node.metadata.name}` },
      spec,
    });
  });
  const world = makeWorld({ seed: 1, objects: makeObjects(), controllers: [controller], graceMs: 0, fenced: false });
  await world.runUntil(30 * 60_000);
  expect(names(world)).toEqual(['never below min while avoidable']);
  world.checkSettled();
  expect(names(world)).toContain('every NodeMove ends');
});

test('a verb that is not declared is refused and caught', async () => {
  const world = await run(rogue((_, context) => context.cluster.delete(CAPACITY_BUCKETS, { name: 'batch' })));
  expect(names(world)).toEqual(['no bug, no undeclared verb']);
  expect(world.violations[0]!.message).toContain('delete on capacitybuckets.aicluster.dev is not declared');
});

test('a bug in a controller is caught', async () => {
  const controller = rogue(() => {
    throw new TypeError('oops');
  });
  expect(names(await run(controller))).toEqual(['no bug, no undeclared verb']);
});

test('pods of a bucket run on its nodes only, and gangs get its queue', async () => {
  const world = await run(
    rogue((node, context) => assign(node, context, intoBatch)),
    {
      prepare: ({ server }) => {
        const affinity = { nodeGroupAffinity: { requiredDuringSchedulingIgnoredDuringExecution: ['batch'] } };
        server.create(QUEUES, { apiVersion: '', kind: 'Queue', metadata: { name: 'batch' }, spec: { affinity } });
      },
    },
  );
  world.submit(makeVolcanoJob({ name: 'gang', namespace: 'batch', pods: 2, accelerators: 8, runSeconds: 600 }));
  await world.advance(60_000);
  const placed = world.server.all(PODS).map((pod) => [pod.status?.phase, pod.spec.tolerations.length > 0]);
  expect(placed).toEqual([
    ['Running', true],
    ['Running', true],
  ]);
  expect(world.samples.at(-1)!.accelerators).toEqual({ total: 24, used: 16 });
  expect(world.events.map(({ kind }) => kind)).toContain('GangRunning');
});

test('the same seed gives the same history, another seed another', async () => {
  const history = async (seed: number) => {
    const world = makeWorld({
      seed,
      objects: makeObjects(),
      controllers: [rogue((node, context) => assign(node, context, intoBatch))],
      faults: { lagMs: [1, 900], crash: 0.1, failAfter: 0.1, duplicateEvent: 0.2 },
    });
    await world.runUntil(20 * 60_000);
    return world.fingerprint();
  };
  const first = await history(7);
  expect(await history(7)).toBe(first);
  expect(await history(8)).not.toBe(first);
});
