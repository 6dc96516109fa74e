import * as fs from 'node:fs';
import { type Bed, NODE_CLASS_REF, startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';

interface NodeObject {
  metadata: { name: string; labels: Record<string, string> };
  spec: { taints?: { key: string; value?: string; effect: string }[] };
  status: { allocatable: Record<string, string>; conditions: { type: string; status: string }[] };
}

const UNASSIGNED = { key: 'aicluster.dev/unassigned', value: 'true', effect: 'NoSchedule' };

const nodePool = (name: string, instanceType: string, capacityType: string, replicas: number) => ({
  apiVersion: 'karpenter.sh/v1',
  kind: 'NodePool',
  metadata: { name },
  spec: {
    replicas,
    limits: { nodes: '8' },
    template: {
      spec: {
        nodeClassRef: NODE_CLASS_REF,
        taints: [UNASSIGNED],
        requirements: [
          { key: 'node.kubernetes.io/instance-type', operator: 'In', values: [instanceType] },
          { key: 'karpenter.sh/capacity-type', operator: 'In', values: [capacityType] },
          { key: 'topology.kubernetes.io/zone', operator: 'In', values: ['us-east-2b'] },
        ],
      },
    },
  },
});

const gpuPod = (name: string, schedulerName: string, annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', annotations },
  spec: {
    schedulerName,
    tolerations: [UNASSIGNED],
    containers: [{ name: 'main', image: 'none', resources: { limits: { 'nvidia.com/gpu': '8' } } }],
  },
});

/** Ready nodes of one NodePool that Karpenter has registered (until then they carry its own taint). */
async function nodesOf(bed: Bed, pool: string): Promise<NodeObject[]> {
  const path = `/api/v1/nodes?labelSelector=karpenter.sh/nodepool%3D${pool}`;
  const { items } = await bed.api<{ items: NodeObject[] }>({ path });
  const isReady = (node: NodeObject) =>
    node.status.conditions.some((one) => one.type === 'Ready' && one.status === 'True');
  const isRegistered = (node: NodeObject) => node.metadata.labels['karpenter.sh/registered'] === 'true';
  return items.filter((node) => isReady(node) && isRegistered(node));
}

const untilNodes = (bed: Bed, pool: string, count: number, timeoutMs = 60_000) =>
  waitFor(
    `${count} nodes of ${pool}`,
    async () => {
      const nodes = await nodesOf(bed, pool);
      return nodes.length === count && nodes;
    },
    { timeoutMs },
  );

const podPhase = async (bed: Bed, name: string) =>
  (await bed.api<{ status: { phase: string } }>({ path: `/api/v1/namespaces/default/pods/${name}` })).status.phase;

const untilPhase = (bed: Bed, pod: string, phase: string) =>
  waitFor(`pod ${pod} to be ${phase}`, async () => (await podPhase(bed, pod)) === phase);

describeOnBed('a full bed', () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await startBed({ karpenter: true, volcanoCrds: true });
  });

  afterAll(async () => {
    await bed?.stop();
  });

  test('Karpenter makes tainted nodes for static pools, reserved and on demand, of the size EC2 would give', async () => {
    await bed.apply(
      nodePool('block', 'p5.48xlarge', 'reserved', 2),
      nodePool('demand', 'g6e.48xlarge', 'on-demand', 1),
    );
    for (const [pool, count, instanceType, capacityType] of [
      ['block', 2, 'p5.48xlarge', 'reserved'],
      ['demand', 1, 'g6e.48xlarge', 'on-demand'],
    ] as const) {
      for (const node of await untilNodes(bed, pool, count)) {
        expect(node.spec.taints).toEqual([UNASSIGNED]);
        expect(node.metadata.labels).toMatchObject({
          'node.kubernetes.io/instance-type': instanceType,
          'karpenter.sh/capacity-type': capacityType,
          'topology.kubernetes.io/zone': 'us-east-2b',
        });
      }
    }
    const [p5] = await nodesOf(bed, 'block');
    expect(p5?.status.allocatable).toEqual({
      cpu: '191450m',
      memory: '1938410Mi',
      pods: '100',
      'nvidia.com/gpu': '8',
      'vpc.amazonaws.com/efa': '32',
    });
  });

  test('a pod that names Volcano as its scheduler is bound and runs; one told to fail fails with its message', async () => {
    const told = { 'test.aicluster.dev/exit-code': '3', 'test.aicluster.dev/message': 'XID 79' };
    await bed.apply(gpuPod('runs', 'volcano'), gpuPod('fails', 'default-scheduler', told));
    await untilPhase(bed, 'runs', 'Running');
    await untilPhase(bed, 'fails', 'Failed');
    const said = await bed.kubectl(
      'get',
      'pod',
      'fails',
      '-o',
      'jsonpath={..terminated.exitCode} {..terminated.message}',
    );
    expect(said).toBe('3 XID 79');
  });

  test("Volcano's Kinds are served, Command among them", async () => {
    const kinds = await bed.kubectl('api-resources', '-o', 'name', '--sort-by=name');
    for (const name of [
      'queues.scheduling',
      'podgroups.scheduling',
      'jobs.batch',
      'hypernodes.topology',
      'commands.bus',
    ]) {
      expect(kinds).toContain(`${name}.volcano.sh\n`);
    }
  });

  test('what a service account may not do is refused and in the audit log; the admin is not in it', async () => {
    await bed.api({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: 'audited' } } });
    const account = { path: '/api/v1/namespaces/audited/serviceaccounts', body: { metadata: { name: 'someone' } } };
    await bed.api({ method: 'POST', ...account });
    const token = await bed.tokenFor('audited', 'someone', { expirationSeconds: 600 });
    await expect(bed.api({ path: '/api/v1/nodes', token })).rejects.toMatchObject({ status: 403, reason: 'Forbidden' });
    const username = 'system:serviceaccount:audited:someone';
    const lines = await waitFor('its audit line', () => {
      const found = bed.auditLog().filter((line) => line.user.username === username);
      return found.length > 0 && found;
    });
    expect(
      lines.map((line) => [line.verb, line.objectRef?.resource, line.annotations?.['authorization.k8s.io/decision']]),
    ).toEqual([['list', 'nodes', 'forbid']]);
    expect(bed.auditLog().every((line) => line.user.username.startsWith('system:serviceaccount:'))).toBe(true);
  });

  test('the API server killed and started again has its data, its tokens and its followers', async () => {
    const kubeconfig = await bed.kubeconfigFor('default', 'default');
    const before = (await nodesOf(bed, 'block')).map((node) => node.metadata.name);
    await bed.restartApiServer({ downForMs: 1_000 });
    expect((await nodesOf(bed, 'block')).map((node) => node.metadata.name)).toEqual(before);
    expect(await bed.kubectl(`--kubeconfig=${kubeconfig}`, 'auth', 'whoami')).toContain(
      'system:serviceaccount:default:default',
    );
    await bed.kubectl('scale', 'nodepool', 'block', '--replicas=3');
    await untilNodes(bed, 'block', 3);
  });

  test('where EC2 has run out, Karpenter gives the claim up and says so; once there is capacity the node comes', async () => {
    bed.exhaust({ instanceType: 'p4d.24xlarge', zone: 'us-east-2b' });
    await bed.apply(nodePool('short', 'p4d.24xlarge', 'on-demand', 1));
    const warning = ['--field-selector=reason=InsufficientCapacityError', '-o', 'jsonpath={.items[*].message}'];
    const said = await waitFor('the event', () => bed.kubectl('get', 'events', '-A', ...warning));
    expect(said).toContain('no p4d.24xlarge left in [us-east-2b]');
    expect(await nodesOf(bed, 'short')).toEqual([]);
    bed.exhaust();
    await untilNodes(bed, 'short', 1, 180_000); // Karpenter looks once a minute
  });

  test('Karpenter killed and started again goes on', async () => {
    await bed.restartKarpenter();
    await bed.kubectl('scale', 'nodepool', 'demand', '--replicas=2');
    await untilNodes(bed, 'demand', 2);
  });
});

describeOnBed('a bed that cannot start', () => {
  test('fails at once with the words of the program, and leaves nothing behind', async () => {
    const start = startBed({ apiServerArgs: ['--no-such-flag'] });
    await expect(start).rejects.toThrow(
      /kube-apiserver ended by itself with exit code 1[^]*unknown flag: --no-such-flag/,
    );
    const bed = await startBed();
    await bed.stop();
    expect(fs.existsSync(bed.folder)).toBe(false);
  });
});

describeOnBed("KWOK's kubelets on command", () => {
  let bed: Bed;
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'by-hand', labels: { 'kwok.x-k8s.io/node': 'fake' } as Record<string, string> },
    status: { allocatable: { cpu: '8', memory: '32Gi', pods: '10', 'nvidia.com/gpu': '8' } },
  };
  const readiness = async () => {
    const { status } = await bed.api<NodeObject>({ path: '/api/v1/nodes/by-hand' });
    return status.conditions?.find((one) => one.type === 'Ready')?.status;
  };

  beforeAll(async () => {
    bed = await startBed();
    await bed.api({ method: 'POST', path: '/api/v1/nodes', body: node });
    await waitFor('the node to be Ready', async () => (await readiness()) === 'True');
  });

  afterAll(async () => {
    await bed?.stop();
  });

  test('a node made by hand keeps its size and turns NotReady and back with a label', async () => {
    const { status } = await bed.api<NodeObject & { status: { capacity: object } }>({ path: '/api/v1/nodes/by-hand' });
    expect([status.allocatable, status.capacity]).toEqual([node.status.allocatable, node.status.allocatable]);
    await bed.kubectl('label', 'node', 'by-hand', 'test.aicluster.dev/not-ready=true');
    await waitFor('the node to be NotReady', async () => (await readiness()) === 'False');
    await bed.kubectl('label', 'node', 'by-hand', 'test.aicluster.dev/not-ready-');
    await waitFor('the node to be Ready again', async () => (await readiness()) === 'True');
  });

  test('a pod hangs in Terminating until its annotation goes', async () => {
    await bed.apply(gpuPod('hangs', 'default-scheduler', { 'test.aicluster.dev/stuck-terminating': 'true' }));
    await untilPhase(bed, 'hangs', 'Running');
    await bed.kubectl('delete', 'pod', 'hangs', '--wait=false', '--grace-period=1');
    await expect(bed.kubectl('wait', 'pod/hangs', '--for=delete', '--timeout=3s')).rejects.toThrow('timed out');
    await bed.kubectl('annotate', 'pod', 'hangs', 'test.aicluster.dev/stuck-terminating-');
    await bed.kubectl('wait', 'pod/hangs', '--for=delete', '--timeout=30s');
  });

  test('a pod of a Job runs until it is told to end', async () => {
    const { metadata: _, ...template } = gpuPod('', 'default-scheduler');
    await bed.apply({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'train', namespace: 'default' },
      spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } },
    });
    const selector = ['-l', 'batch.kubernetes.io/job-name=train'];
    const phase = async () =>
      bed.kubectl('get', 'pods', ...selector, '-o', 'jsonpath={.items[0].status.phase}').catch(() => '');
    await waitFor('its pod to run', async () => (await phase()) === 'Running');
    await bed.kubectl('annotate', 'pods', ...selector, 'test.aicluster.dev/exit-code=0');
    await bed.kubectl('wait', 'job/train', '--for=condition=complete', '--timeout=30s');
  });
});
