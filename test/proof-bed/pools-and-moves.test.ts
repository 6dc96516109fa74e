/** pools and moves on a real API server with real Karpenter: grow, assign, change hands, release by name, replace, destroy. */
import { CapacityBucket, CapacityPool, KINDS, NodeMove } from '../../lib/api';
import { movesController } from '../../lib/controllers/moves/controller';
import { poolsController } from '../../lib/controllers/pools/controller';
import { BUCKET_KEY } from '../../lib/domain/node-keys';
import { CAPACITY_POOLS } from '../../lib/domain/resources';
import { kubernetesClient } from '../../lib/runtime/kubernetes/client';
import { fixedToken } from '../../lib/runtime/kubernetes/connection';
import { MemoryMetrics } from '../../lib/runtime/memory-metrics';
import { runControllers, type Runner } from '../../lib/runtime/run-controllers';
import { systemClock } from '../../lib/runtime/system-clock';
import { CloudModel } from '../../lib/simulator/cloud';
import { NODE_CLASS_REF, startBed, waitFor, type Bed } from './bed';
import { describeOnBed } from './describe-on-bed';

const POOL = {
  instanceType: 'p5.48xlarge',
  source: 'OnDemand' as const,
  nodes: { min: 0, max: 6 },
  nodeClassRef: NODE_CLASS_REF,
  terminationGracePeriod: '1m',
};

describeOnBed('pools and moves', () => {
  let bed: Bed;
  let runner: Runner;
  let client: ReturnType<typeof kubernetesClient>;
  const errors: string[] = [];

  const read = async (path: string) => bed.api<any>({ path });
  const nodes = async (bucket?: string): Promise<string[]> => {
    const selector = bucket ? `?labelSelector=${encodeURIComponent(`${BUCKET_KEY}=${bucket}`)}` : '';
    const { items } = await read(`/api/v1/nodes${selector}`);
    return items
      .filter((node: any) => node.metadata.labels['karpenter.sh/nodepool'] === 'p5')
      .map((node: any) => node.metadata.name)
      .sort();
  };
  const ours = (plural: string, name: string) => read(`/apis/aicluster.dev/v1alpha1/${plural}/${name}`);
  const nodePool = () => read('/apis/karpenter.sh/v1/nodepools/p5');
  const request = (requested: number) =>
    client.apply(
      CAPACITY_POOLS,
      { apiVersion: 'aicluster.dev/v1alpha1', kind: 'CapacityPool', metadata: { name: 'p5' }, status: { requested } },
      { fieldManager: 'capacity', force: true, subresource: 'status' },
    );
  const until = (what: string, check: () => Promise<boolean>) =>
    waitFor(what, check, { timeoutMs: 120_000, everyMs: 300 });

  beforeAll(async () => {
    bed = await startBed({ karpenter: true });
    await bed.apply(...KINDS.map((kind) => kind.crd()));
    await bed.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
    await bed.kubectl('create', 'serviceaccount', 'controllers', '--namespace=default');
    await bed.kubectl(
      'create',
      'clusterrolebinding',
      'controllers',
      '--clusterrole=cluster-admin',
      '--serviceaccount=default:controllers',
    );
    const token = await bed.tokenFor('default', 'controllers');
    client = kubernetesClient({
      connection: { server: bed.serverUrl, tls: { ca: bed.authority }, credentials: fixedToken(token) },
      random: Math.random,
    });
    runner = runControllers({
      controllers: [poolsController, movesController],
      cluster: client,
      cloud: new CloudModel(systemClock, Math.random).port(),
      clock: systemClock,
      random: Math.random,
      log: {
        info: () => undefined,
        warn: (m, f) => errors.push(`${m} ${JSON.stringify(f)}`),
        error: (m, f) => errors.push(`${m} ${JSON.stringify(f)}`),
      },
      metrics: new MemoryMetrics(),
      onFatal: (error) => errors.push(`fatal ${error.message}`),
    });
    runner.start();
  }, 600_000);

  afterAll(async () => {
    await runner?.stop();
    await bed?.stop();
  }, 120_000);

  it('a pool grows to what is asked, its nodes in no bucket', async () => {
    await bed.apply(
      CapacityPool.make('p5', POOL),
      CapacityBucket.make('training', { nodes: { max: 6 }, instanceTypes: ['p5.48xlarge'] }),
      CapacityBucket.make('inference', { nodes: { max: 6 }, instanceTypes: ['p5.48xlarge'] }),
    );
    await until('the NodePool', async () => (await nodePool().catch(() => undefined)) !== undefined);
    await request(4);
    await until('4 nodes Supplied', async () => {
      const { status } = await ours('capacitypools', 'p5');
      return (
        status?.conditions?.find((one: any) => one.type === 'Supplied')?.reason === 'Supplied' && status.ready === 4
      );
    });
    expect(await nodes()).toHaveLength(4);
    expect((await nodePool()).spec).toMatchObject({ replicas: 4, limits: { nodes: 4 } });
  });

  it('nodes get a bucket, change it, one leaves by name, one is replaced; Karpenter takes no other', async () => {
    const [a, b, c, d] = (await nodes()) as [string, string, string, string];
    await bed.apply(NodeMove.make('assign', { nodes: [a, b], to: { kind: 'Bucket', bucket: 'training' } }));
    await until('assigned', async () => (await nodes('training')).length === 2);
    await bed.apply(NodeMove.make('take', { nodes: [a], to: { kind: 'Bucket', bucket: 'inference' } }));
    await until('moved', async () => (await nodes('inference'))[0] === a);
    const swapped = await read(`/api/v1/nodes/${a}`);
    expect(swapped.spec.taints).toEqual([{ key: BUCKET_KEY, value: 'inference', effect: 'NoSchedule' }]);
    await bed.apply(NodeMove.make('release', { nodes: [b], to: { kind: 'Release' } }));
    await request(3);
    await until('released', async () => !(await nodes()).includes(b) && (await nodePool()).spec.replicas === 3);
    expect(await nodes()).toEqual([a, c, d].sort());
    await bed.apply(NodeMove.make('replace', { nodes: [c], reason: 'Health', to: { kind: 'Replacement' } }));
    await until('replaced', async () => {
      const now = await nodes();
      return now.length === 3 && !now.includes(c);
    });
    expect(await nodes()).toEqual(expect.arrayContaining([a, d]));
    for (const name of ['assign', 'take', 'release', 'replace']) {
      await until(`${name} told`, async () => (await ours('nodemoves', name)).status.step === 'HandedOver');
    }
    expect((await nodePool()).spec).toMatchObject({ replicas: 3, limits: { nodes: 3 } });
  });

  it('buckets and pool are destroyed without hanging', async () => {
    await bed.kubectl('delete', 'cbkt', '--all', '--timeout=60s');
    await bed.kubectl('delete', 'cpool', '--all', '--timeout=120s');
    await until('no NodePool', async () => (await nodePool().catch(() => undefined)) === undefined);
    // A server that has just been given CRDs ends watches of theirs once more; the cache lists again.
    expect(errors.filter((line) => !line.includes('storage is (re)initializing'))).toEqual([]);
  });
});
