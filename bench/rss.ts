/**
 * Resident memory of the processes that ship, one after the other, against a real API server with 5,000 nodes and 20,000 pods: while
 * each reads everything for the first time, and then for minutes while kubelets report, pods come and go, and gangs end and begin.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../test/proof-bed/bed';
import { startEc2StandIn, type Ec2StandIn } from '../test/proof-bed/ec2-stand-in';
import { Churn } from './churn';
import { toFigure, type Figure } from './figures';
import { makeFleet, type Fleet } from './fleet';
import { adminClient, say, startQuietBed } from './live-cluster';
import { fillBed, processorSeconds, readMemory, requireAlive, startProcess, type RunningProcess } from './live-fleet';

const SIZE = { nodes: 5_000, pods: 20_000, gangs: 1_000, buckets: 20, seed: 1 };
/** Longest wait for the first lists and the lease, and for the work that the first look finds. */
const READY_WITHIN_MS = 300_000;
const SETTLE_MS = 45_000;
const STEADY_MS = 130_000;
const SAMPLE_MS = 500;

const PROCESSES = ['capacity', 'health', 'janitor'] as const;

/** Starts a bed, fills it, runs the bundle as each of the processes, or as one of them, and samples. */
export async function rssBench(root: string, only?: string): Promise<Figure[]> {
  const names = PROCESSES.filter((name) => only === undefined || name === only);
  if (names.length === 0) throw new Error(`no process '${only}': there are ${PROCESSES.join(', ')}`);
  if (process.platform !== 'linux') throw new Error('rss reads /proc/PID/status: run it on Linux');
  const [bed, ec2] = await Promise.all([
    startQuietBed({ volcanoCrds: true, auditPolicy: NO_AUDIT }),
    startEc2StandIn(),
  ]);
  const client = await adminClient(bed);
  try {
    const fleet = makeFleet({ ...SIZE, nowMs: Date.now() });
    await fillBed(bed, client, fleet);
    reserve(ec2, fleet);
    const churn = new Churn(client, fleet, SIZE.seed);
    const figures: Figure[] = [];
    for (const name of names) {
      const running = await startProcess({ name, bed, ec2, root });
      figures.push(...(await measure(name, running, churn)));
      await running.program.kill();
    }
    return figures;
  } finally {
    await client.close();
    await ec2.close();
    await bed.stop();
  }
}

/** Lines for every object that is made here would only fill the disk. */
const NO_AUDIT = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n';

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

async function measure(process: string, { program, url }: RunningProcess, churn: Churn): Promise<Figure[]> {
  const startMs = performance.now();
  const ready = async () => (await fetch(`${url}/readyz`)).ok;
  const giveUp = () => requireAlive(program);
  await waitFor(`${process} to be ready`, ready, { timeoutMs: READY_WITHIN_MS, everyMs: 100, giveUp });
  const readyS = (performance.now() - startMs) / 1000;
  const listed = readMemory(program).peak;
  say(`ready after ${readyS.toFixed(1)} s; settling …`);
  await churn.during(sleep(SETTLE_MS));
  const settled = readMemory(program).peak;
  say(`measuring for ${STEADY_MS / 1000} s …`);
  const rss: number[] = [];
  const before = processorSeconds(program);
  await churn.during(sampleFor(STEADY_MS, () => rss.push(readMemory(program).rss)));
  const processors = (processorSeconds(program) - before) / (STEADY_MS / 1000);
  requireAlive(program);
  const parameters = { ...SIZE, podGroups: churn.podGroups, process };
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
