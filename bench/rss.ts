/**
 * Resident memory of the process that ships, against a real API server with 5,000 nodes and 20,000 pods: while it reads everything
 * for the first time, and then for minutes while kubelets report, pods come and go, and gangs end and begin.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTROLLERS_NAMESPACE, processName } from '../lib/charts/controllers-chart';
import { NODE_FLAGS } from '../lib/charts/controllers-pod';
import { rbacObjects } from '../lib/charts/rbac';
import { PERMISSIONS } from '../lib/domain/permissions';
import { CAPACITY_BUCKETS, CAPACITY_POOLS, NAMESPACES, NODES, POD_GROUPS, PODS } from '../lib/domain/resources';
import type { KubernetesClient } from '../lib/runtime/kubernetes/client';
import { type Bed, type Program, waitFor } from '../test/proof-bed/bed';
import { startEc2StandIn, type Ec2StandIn } from '../test/proof-bed/ec2-stand-in';
import { Churn } from './churn';
import { toFigure, type Figure } from './figures';
import { makeFleet, type Fleet } from './fleet';
import { adminClient, createAll, installCrds, say, startQuietBed } from './live-cluster';

const SIZE = { nodes: 5_000, pods: 20_000, gangs: 1_000, buckets: 20, seed: 1 };
/** Longest wait for the first lists and the lease, and for the work that the first look finds. */
const READY_WITHIN_MS = 300_000;
const SETTLE_MS = 45_000;
const STEADY_MS = 130_000;
const SAMPLE_MS = 500;
const MB = 1024;

/** Starts a bed, fills it, runs the bundle, samples. */
export async function rssBench(root: string): Promise<Figure[]> {
  if (process.platform !== 'linux') throw new Error('rss reads /proc/PID/status: run it on Linux');
  const [bed, ec2] = await Promise.all([
    startQuietBed({ volcanoCrds: true, auditPolicy: NO_AUDIT }),
    startEc2StandIn(),
  ]);
  const client = await adminClient(bed);
  try {
    const fleet = makeFleet({ ...SIZE, nowMs: Date.now() });
    await fill(bed, client, fleet);
    reserve(ec2, fleet);
    const { program, url } = await startControllers(bed, ec2, join(root, 'dist/controllers/index.js'));
    return await measure(program, url, new Churn(client, fleet, SIZE.seed));
  } finally {
    await client.close();
    await ec2.close();
    await bed.stop();
  }
}

/** Lines for every object that is made here would only fill the disk. */
const NO_AUDIT = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n';

async function fill(bed: Bed, client: KubernetesClient, fleet: Fleet): Promise<void> {
  await installCrds(bed);
  const namespaces = [
    ...fleet.namespaces,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: CONTROLLERS_NAMESPACE } },
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

function reserve(ec2: Ec2StandIn, { reservations }: Fleet): void {
  for (const [id, { instanceType, zone, nodes }] of reservations) {
    ec2.reservations.set(id, {
      ...{ instanceType, availabilityZone: zone, state: 'active', availableInstanceCount: 0 },
      ...{
        totalInstanceCount: nodes,
        reservationType: 'default',
        startDate: new Date(Date.now() - 86_400_000).toISOString(),
      },
    });
  }
}

/** The kubelet's part: as the pod of the Deployment would run, under its own service account. */
async function startControllers(bed: Bed, ec2: Ec2StandIn, bundle: string): Promise<{ program: Program; url: string }> {
  const file = join(bed.folder, 'controllers.js');
  copyFileSync(bundle, file);
  const [process_] = PERMISSIONS;
  const port = await freePort();
  const program = bed.run({
    name: 'controllers',
    file: process.execPath,
    args: [...NODE_FLAGS, file, process_!.process],
    env: {
      KUBECONFIG: await bed.kubeconfigFor(CONTROLLERS_NAMESPACE, processName(process_!), { expirationSeconds: 7_200 }),
      POD_NAME: 'bench',
      POD_NAMESPACE: CONTROLLERS_NAMESPACE,
      HTTP_PORT: String(port),
      NODE_ENV: 'production',
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

async function measure(program: Program, url: string, churn: Churn): Promise<Figure[]> {
  const startMs = performance.now();
  const ready = async () => (await fetch(`${url}/readyz`)).ok;
  const giveUp = () => requireAlive(program);
  await waitFor('the controllers to be ready', ready, { timeoutMs: READY_WITHIN_MS, everyMs: 100, giveUp });
  const readyS = (performance.now() - startMs) / 1000;
  const listed = readStatus(program).peak;
  say(`ready after ${readyS.toFixed(1)} s; settling …`);
  await churn.during(sleep(SETTLE_MS));
  const settled = readStatus(program).peak;
  say(`measuring for ${STEADY_MS / 1000} s …`);
  const rss: number[] = [];
  const before = processorSeconds(program);
  await churn.during(sampleFor(STEADY_MS, () => rss.push(readStatus(program).rss)));
  const processors = (processorSeconds(program) - before) / (STEADY_MS / 1000);
  requireAlive(program);
  const parameters = { ...SIZE, podGroups: churn.podGroups, process: 'capacity' };
  const steady = { ...parameters, measure: 'steady state', changesPerSecond: Math.round(churn.changesPerSecond()) };
  return [
    toFigure('rss', 'MB', rss, {
      ...steady,
      note: `VmRSS every ${SAMPLE_MS} ms for ${STEADY_MS / 1000} s, after ${SETTLE_MS / 1000} s to settle; ${churn.note}`,
    }),
    toFigure('rss', 'MB', [listed], {
      ...parameters,
      measure: 'peak until ready',
      note: 'VmHWM when /readyz first says yes: every first list is in',
    }),
    toFigure('rss', 'MB', [settled], {
      ...parameters,
      measure: 'peak until settled',
      note: 'VmHWM after the first decisions and what they write',
    }),
    toFigure('rss', 's', [readyS], {
      ...parameters,
      measure: 'time until ready',
      note: 'process start to /readyz, first lists of every cache; etcd and API server on the same machine',
    }),
    toFigure('rss', 'processors', [processors], {
      ...steady,
      note: 'processor time of the process in steady state, all threads, per second',
    }),
  ];
}

async function sampleFor(ms: number, sample: () => void): Promise<void> {
  for (const endMs = performance.now() + ms; performance.now() < endMs;) {
    sample();
    await sleep(SAMPLE_MS);
  }
}

function requireAlive(program: Program): void {
  const why = program.whyEnded();
  if (why) throw new Error(why);
}

/** Resident memory now and at its highest, in MB. */
function readStatus(program: Program): { readonly rss: number; readonly peak: number } {
  requireAlive(program);
  const status = readFileSync(`/proc/${program.process.pid}/status`, 'utf8');
  const read = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / MB;
  return { rss: read('VmRSS'), peak: read('VmHWM') };
}

/** Processor time so far; Linux counts in hundredths of a second everywhere. */
function processorSeconds({ process }: Program): number {
  const stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
