/** A whole fleet on a real API server, and the processes that ship beside it: what benchmarks of running processes begin with. */
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { VALIDATION_NAMESPACE } from '../lib/domain/namespaces';
import { CONTROLLERS_NAMESPACE, processName } from '../lib/charts/controllers-chart';
import { CHECK_IMAGE, MALLOC_ENV, NEURON_CHECK_IMAGE, NODE_FLAGS } from '../lib/charts/controllers-pod';
import { rbacObjects } from '../lib/charts/rbac';
import type { ProcessName } from '../lib/controllers/processes';
import { PERMISSIONS } from '../lib/domain/permissions';
import { CAPACITY_BUCKETS, CAPACITY_POOLS, NAMESPACES, NODES, POD_GROUPS, PODS } from '../lib/domain/resources';
import type { KubernetesClient } from '../lib/runtime/kubernetes/client';
import { type Bed, type Program, waitFor } from '../test/proof-bed/bed';
import type { Ec2StandIn } from '../test/proof-bed/ec2-stand-in';
import type { Fleet } from './fleet';
import { createAll, installCrds, say } from './live-cluster';

const MB = 1024;

/** Makes every object of the fleet, our CRDs, and the accounts of our processes with what they may do. */
export async function fillBed(bed: Bed, client: KubernetesClient, fleet: Fleet): Promise<void> {
  await installCrds(bed);
  const own = [CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE];
  const namespaces = [
    ...fleet.namespaces,
    ...own.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  ];
  await createAll(client, NAMESPACES, namespaces);
  for (const { metadata } of namespaces) {
    // Pods name the default service account, which appears a moment after its namespace.
    const account = `/api/v1/namespaces/${metadata.name}/serviceaccounts/default`;
    await waitFor(`the service account of ${metadata.name}`, () => bed.api({ path: account }));
  }
  for (const process of PERMISSIONS)
    await bed.apply(...rbacObjects(process, processName(process), CONTROLLERS_NAMESPACE));
  await createAll(client, CAPACITY_POOLS, fleet.pools);
  await createAll(client, CAPACITY_BUCKETS, fleet.buckets);
  say(`${fleet.nodes.length} nodes …`);
  await createAll(client, NODES, fleet.nodes);
  say(`${fleet.podGroups.length} PodGroups …`);
  await createAll(client, POD_GROUPS, fleet.podGroups);
  say(`${fleet.pods.length} pods …`);
  await createAll(client, PODS, fleet.pods);
}

/** A process of ours that runs, and where it answers. */
export interface RunningProcess {
  readonly program: Program;
  readonly url: string;
}

/** What a process is started with. */
export interface ProcessStart {
  readonly name: ProcessName;
  readonly bed: Bed;
  readonly ec2: Ec2StandIn;
  /** Root of the project, where `dist` has the bundle. */
  readonly root: string;
}

/** The kubelet's part: as the pod of the Deployment would run, under its own service account. */
export async function startProcess({ name, bed, ec2, root }: ProcessStart): Promise<RunningProcess> {
  const file = join(bed.folder, `controllers-${name}.js`);
  copyFileSync(join(root, 'dist/controllers/index.js'), file);
  const account = `aicluster-${name}`;
  const port = await freePort();
  const program = bed.run({
    name: `controllers-${name}`,
    file: process.execPath,
    args: [...NODE_FLAGS, file, name],
    env: {
      KUBECONFIG: await bed.kubeconfigFor(CONTROLLERS_NAMESPACE, account, { expirationSeconds: 7_200 }),
      POD_NAME: 'bench',
      POD_NAMESPACE: CONTROLLERS_NAMESPACE,
      HTTP_PORT: String(port),
      NODE_ENV: 'production',
      ...MALLOC_ENV,
      CHECK_IMAGE,
      NEURON_CHECK_IMAGE,
      AWS_REGION: 'us-east-2',
      AWS_ENDPOINT_URL_EC2: ec2.endpoint,
      AWS_ACCESS_KEY_ID: 'stand-in',
      AWS_SECRET_ACCESS_KEY: 'stand-in',
    },
  });
  return { program, url: `http://127.0.0.1:${port}` };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Throws when the process has ended. */
export function requireAlive(program: Program): void {
  const why = program.whyEnded();
  if (why) throw new Error(why);
}

/** Resident memory now and at its highest, in MB. Linux only. */
export function readMemory(program: Program): { readonly rss: number; readonly peak: number } {
  requireAlive(program);
  const status = readFileSync(`/proc/${program.process.pid}/status`, 'utf8');
  const read = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / MB;
  return { rss: read('VmRSS'), peak: read('VmHWM') };
}

/** Processor time so far; Linux counts in hundredths of a second everywhere. */
export function processorSeconds({ process }: Program): number {
  const stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
