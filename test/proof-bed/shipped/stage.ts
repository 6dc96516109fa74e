/** Everything an acceptance test needs, set up and taken down: bed, shipped objects, EC2, the gate before the API server, one replica. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ProcessName } from '../../../lib/controllers/processes';
import { type Bed, startBed, waitFor } from '../bed';
import { type Ec2StandIn, startEc2StandIn } from '../ec2-stand-in';
import { accountOf, install, Replica } from './controllers';
import { EVIDENCE_BUCKET, EvidenceStandIn } from './evidence-stand-in';
import { Machines } from './machines';
import { Operators } from './operators';
import { type ShippedAssembly, synthesizeShipped } from './shipped-assembly';
import { Trainers } from './trainers';
import { Witness } from './witness';
import { World } from './world';
import { WriteGate } from './write-gate';

/** Nodes of the Capacity Block, and most nodes on demand: small enough for two cores. */
export const BLOCK_NODES = 6;
export const ON_DEMAND_NODES = 4;

/** Sample values of the blueprint. */
const RESERVATION = 'cr-0123456789abcdef0';
const DAY_MS = 24 * 3_600_000;
/** In the tags of the instances that the janitor compares with the nodes. Nobody else has a use for it here. */
const CLUSTER_NAME = 'proof-bed';

/** The stage. */
export interface Stage {
  readonly bed: Bed;
  readonly shipped: ShippedAssembly;
  readonly world: World;
  readonly witness: Witness;
  /** Before the API server, of the process capacity. */
  readonly gate: WriteGate;
  /** The same, of the process health. */
  readonly healthGate: WriteGate;
  /** The same, of the process janitor. */
  readonly janitorGate: WriteGate;
  readonly ec2: Ec2StandIn;
  /** The bucket that evidence of checks is written to. */
  readonly evidence: EvidenceStandIn;
  /** Operators of gangs, and the training processes in their pods; not started. */
  readonly operators: Operators;
  readonly trainers: Trainers;
  /** What check pods come to; not started. */
  readonly machines: Machines;
  /** A pod of the controllers' Deployment, not started. */
  replica(name: string, process?: ProcessName, httpPort?: number): Replica;
  close(): Promise<void>;
}

/** Sets it up: a bed with Karpenter, and an active block in EC2. Nothing is deployed yet. */
export async function setStage(blockNodes = BLOCK_NODES): Promise<Stage> {
  // The bed last: what fails before it leaves no servers behind.
  const shipped = await synthesizeShipped({ blockNodes: String(blockNodes), onDemandNodes: String(ON_DEMAND_NODES) });
  const ec2 = await startEc2StandIn();
  const evidence = new EvidenceStandIn();
  const bucket = { EVIDENCE_BUCKET, AWS_ENDPOINT_URL_S3: await evidence.start() };
  const bed = await startBed({ karpenter: true, volcanoCrds: true });
  const nowMs = Date.now();
  ec2.reservations.set(RESERVATION, {
    instanceType: 'p5.48xlarge',
    availabilityZone: 'us-east-2a',
    state: 'active',
    totalInstanceCount: blockNodes,
    availableInstanceCount: blockNodes,
    reservationType: 'capacity-block',
    startDate: new Date(nowMs - DAY_MS).toISOString(),
    endDate: new Date(nowMs + 14 * DAY_MS).toISOString(),
  });
  const key = fs.readFileSync(path.join(bed.folder, 'certificates', 'apiserver.key'), 'utf8');
  const [gate, healthGate, janitorGate] = [0, 1, 2].map(
    () => new WriteGate({ server: bed.serverUrl, authority: bed.authority, key }),
  ) as [WriteGate, WriteGate, WriteGate];
  const servers: Readonly<Record<ProcessName, string>> = {
    capacity: await gate.start(),
    health: await healthGate.start(),
    janitor: await janitorGate.start(),
  };
  const bundle = install(bed, shipped.bundle);
  const world = new World(bed);
  const witness = new Witness(world);
  const operators = new Operators(bed);
  const trainers = new Trainers(bed);
  const machines = new Machines(bed);
  const replicas: Replica[] = [];
  return {
    bed,
    shipped,
    world,
    witness,
    gate,
    healthGate,
    janitorGate,
    ec2,
    evidence,
    operators,
    trainers,
    machines,
    replica: (name, process = 'capacity', httpPort = 0) => {
      const env = { ...envOf(shipped, process), ...bucket, ...(process === 'janitor' ? { CLUSTER_NAME } : {}) };
      const [server, { endpoint }] = [servers[process], ec2];
      const replica = new Replica(bed, name, { process, env, bundle, server, ec2: endpoint, httpPort });
      replicas.push(replica);
      return replica;
    },
    close: async () => {
      await Promise.all([witness, operators, trainers, machines].map((one) => one.stop()));
      await Promise.all(replicas.map((replica) => replica.terminate()));
      await Promise.all([gate, healthGate, janitorGate, ec2, evidence].map((one) => one.close()));
      shipped.remove();
      await bed.stop();
    },
  };
}

/** Images of the checks, as the Deployment of the process names them. */
function envOf({ resources }: ShippedAssembly, process: ProcessName): Record<string, string> {
  const objects = resources.flatMap((resource) => [...resource.objects]);
  const deployment = objects.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === accountOf(process),
  );
  const env: readonly { name: string; value?: string }[] = deployment!.spec.template.spec.containers[0].env;
  return Object.fromEntries(
    env.flatMap(({ name, value }) => (/CHECK_IMAGE$/.test(name) && value ? [[name, value]] : [])),
  );
}

/**
 * Kills the API server and starts it again. It is gone for everybody; the controllers reach it again when it says that it is ready,
 * as through the load balancer of EKS. Before that it would refuse everything: it has not read its own roles yet.
 */
export async function restartApiServer({ bed, gate, healthGate, janitorGate }: Stage): Promise<void> {
  gate.ready = healthGate.ready = janitorGate.ready = false;
  await bed.killApiServer();
  // Karpenter and the others live through it: one that dies between a launch and writing it down leaves a Node without a NodeClaim.
  const back = bed.startApiServer({ keepFollowers: true });
  await waitFor('the API server to be ready', async () => (await bed.api({ path: '/readyz' })) === 'ok');
  gate.ready = healthGate.ready = janitorGate.ready = true;
  await back;
}

/** Work of a bucket: `pods` pods, each a whole node, in the bucket's namespace. A second call changes the number. */
export async function setWork(
  { bed }: Stage,
  bucket: string,
  pods: number,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> {
  const labels = { app: 'work' };
  await bed.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'work', namespace: bucket },
    spec: {
      replicas: pods,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: {
          containers: [{ name: 'work', image: 'example/work', resources: { limits: { 'nvidia.com/gpu': '8' } } }],
        },
      },
    },
  });
}

/** Waits until exactly `count` pods of a bucket run on its nodes, and returns the names of these nodes. */
export function untilWorking({ world }: Stage, bucket: string, count: number): Promise<string[]> {
  return waitFor(
    `${count} pods of ${bucket} to run`,
    async () => {
      const work = (await world.work()).filter(({ metadata }) => metadata.namespace === bucket);
      const running = work.filter(({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp);
      return running.length === count && work.length === count && running.map(({ spec }) => spec!.nodeName!).sort();
    },
    { timeoutMs: 120_000 },
  );
}

/** Waits until the buckets own these numbers of nodes, nothing is under way, and returns their names by bucket. */
export function untilOwned({ world }: Stage, wanted: Record<string, number>): Promise<Record<string, string[]>> {
  const sorted = (counts: Record<string, number>) => JSON.stringify(Object.entries(counts).sort());
  let seen = '';
  return waitFor(
    `nodes by bucket to be ${sorted(wanted)}`,
    async () => {
      const owned = await world.byBucket();
      seen = sorted(Object.fromEntries(Object.entries(owned).map(([bucket, names]) => [bucket, names.length])));
      if (seen !== sorted(wanted)) throw new Error(seen);
      const unsettled = (await world.nodes()).filter(({ claimed, leaving }) => claimed || leaving);
      if (unsettled.length > 0) throw new Error(`still under way: ${unsettled.map(({ name }) => name).join(', ')}`);
      return owned;
    },
    { timeoutMs: 180_000 },
  );
}
