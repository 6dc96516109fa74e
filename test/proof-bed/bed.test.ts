import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Bed, NODE_CLASS_REF, startBed, waitFor } from './bed';
import { describeOnBed } from './describe-on-bed';
import { commandLineOf, isAlive, killAndWait, type ProcessIdentity, signal } from './processes';

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

const untilNodes = (bed: Bed, pool: string, count: number) =>
  waitFor(`${count} nodes of ${pool}`, async () => {
    const nodes = await nodesOf(bed, pool);
    return nodes.length === count && nodes;
  });

const podPhase = async (bed: Bed, name: string) =>
  (await bed.api<{ status: { phase: string } }>({ path: `/api/v1/namespaces/default/pods/${name}` })).status.phase;

const untilPhase = (bed: Bed, pod: string, phase: string) =>
  waitFor(`pod ${pod} to be ${phase}`, async () => (await podPhase(bed, pod)) === phase);

/** All processes that a bed has started, as its own register says. */
function processesOf(bed: { readonly folder: string }): ProcessIdentity[] {
  const { guard, children } = JSON.parse(fs.readFileSync(path.join(bed.folder, 'processes.json'), 'utf8'));
  return [guard, ...children];
}

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

  test('Karpenter killed and started again goes on', async () => {
    await bed.restartKarpenter();
    await bed.kubectl('scale', 'nodepool', 'demand', '--replicas=2');
    await untilNodes(bed, 'demand', 2);
  });
});

describeOnBed('beds side by side', () => {
  test('two beds share no port and no object, and leave nothing running', async () => {
    const [one, two] = await Promise.all([startBed(), startBed()]);
    const processes = [...processesOf(one), ...processesOf(two)];
    try {
      expect(one.serverUrl).not.toBe(two.serverUrl);
      await one.kubectl('create', 'namespace', 'only-here');
      await expect(two.kubectl('get', 'namespace', 'only-here')).rejects.toThrow('not found');
      expect(processes.filter(isAlive)).toHaveLength(12); // 5 programs and a guard each
    } finally {
      await Promise.all([one.stop(), two.stop()]);
    }
    expect(processes.filter(isAlive)).toEqual([]);
    expect([one.folder, two.folder].filter((folder) => fs.existsSync(folder))).toEqual([]);
  });
});

describeOnBed('a bed whose owner dies', () => {
  test('is cleared away at once by its guard', async () => {
    const { owner, folder } = await bedOfAnotherProcess();
    const processes = processesOf({ folder });
    expect(processes.filter(isAlive).length).toBeGreaterThan(1);
    signal(owner, 'SIGKILL');
    await waitFor('the guard to clear the bed away', () => !processes.some(isAlive) && !fs.existsSync(folder));
  });

  test('is cleared away by the next bed when its guard died too, and a stranger with a recycled pid is spared', async () => {
    const { owner, folder } = await bedOfAnotherProcess();
    const stranger = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600000)']);
    const [guard, ...children] = processesOf({ folder }) as [ProcessIdentity, ...ProcessIdentity[]];
    await killAndWait([guard]);
    signal(owner, 'SIGKILL');
    await waitFor('the owner to be gone', () => commandLineOf(owner) === '');
    expect(children.filter(isAlive)).toHaveLength(children.length);
    pretendToHaveStarted(folder, stranger.pid ?? 0);
    try {
      const next = await startBed();
      await next.stop();
      expect(children.filter(isAlive)).toEqual([]);
      expect(commandLineOf(stranger.pid ?? 0)).not.toBe('');
    } finally {
      stranger.kill();
    }
  });
});

/** Starts a bed in a process of its own, as a test run would, and returns once it is up. */
async function bedOfAnotherProcess(): Promise<{ owner: number; folder: string }> {
  const script = `require('${path.join(__dirname, 'bed.ts')}').startBed().then((bed) => console.log('UP ' + bed.folder))
    .then(() => setTimeout(() => {}, 600_000))`;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], { cwd: __dirname });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const folder = await waitFor('the other process to have its bed', () => /^UP (.*)$/m.exec(said)?.[1]).catch(() => {
    throw new Error(`the other process said: ${said}`);
  });
  return { owner: child.pid ?? 0, folder };
}

/** Writes into a dead bed's register that it had started this process, as if the pid had been reused since. */
function pretendToHaveStarted(folder: string, pid: number): void {
  const file = path.join(folder, 'processes.json');
  const register = JSON.parse(fs.readFileSync(file, 'utf8'));
  register.children.push({ pid, startedAt: 'long ago' });
  fs.writeFileSync(file, JSON.stringify(register));
}
