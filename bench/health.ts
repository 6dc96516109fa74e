/**
 * How soon nodes that turn bad are closed to new work: a hundred conditions of the node monitoring agent at once, on a real API server,
 * and the process that ships under its own service account. From the condition in a watch to our taint in the same watch.
 */
import { cpus, loadavg } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEALTH_POLICY_NAME, NodeHealthPolicy } from '../lib/api';
import { CONTROLLERS_NAMESPACE } from '../lib/domain/namespaces';
import { HEALTH_ACCOUNT } from '../lib/charts/admission/guard-checks';
import { formatTime, type Condition, type Node } from '../lib/domain/kube';
import { BUCKET_KEY, PROBATION_TAINT, VALIDATED_CONDITION, VERDICT_ANNOTATION } from '../lib/domain/node-keys';
import { NODE_HEALTH_POLICIES, NODES } from '../lib/domain/resources';
import { hasTaint } from '../lib/domain/taints';
import { formatVerdict, toNodeFacts } from '../lib/fleet';
import type { KubernetesClient } from '../lib/runtime/kubernetes/client';
import type { WatchHandle } from '../lib/runtime/ports';
import { type AuditLine, type Bed, waitFor } from '../test/proof-bed/bed';
import { startEc2StandIn } from '../test/proof-bed/ec2-stand-in';
import { toFigure, type Figure } from './figures';
import { makeFleet, type Fleet } from './fleet';
import { adminClient, createOne, inParallel, patiently, say, startQuietBed } from './live-cluster';
import { fillBed, readMemory, startProcess, type RunningProcess } from './live-fleet';

/** One node in fifty has no accelerators and belongs to no pool: a thousand nodes are ours. */
const SIZE = { nodes: 1_021, pods: 3_000, gangs: 200, buckets: 20, seed: 1 };
const FAULTS = 100;
/** Of the conditions that the agent has the one that is a report and not the end of the node. */
const CONDITION = 'NetworkingReady';
const READY_WITHIN_MS = 300_000;
const SETTLE_MS = 4_000;
const CLOSED_WITHIN_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Starts a bed, fills it with proved nodes, runs the process, breaks a hundred nodes. */
export async function healthBench(root: string): Promise<Figure[]> {
  if (process.platform !== 'linux') throw new Error('health reads /proc/PID/status: run it on Linux');
  const [bed, ec2] = await Promise.all([startQuietBed(), startEc2StandIn()]);
  const client = await adminClient(bed);
  try {
    const fleet = provedFleet(Date.now());
    await fillBed(bed, client, fleet);
    // A person has looked at dry runs: what is suspected may be closed while it works.
    await createOne(client, NODE_HEALTH_POLICIES, NodeHealthPolicy.make(HEALTH_POLICY_NAME, ACTING));
    const running = await startProcess({ name: 'health', bed, ec2, root });
    await untilItWorks(running);
    return await storm(bed, client, running, working(fleet));
  } finally {
    await client.close();
    await ec2.close();
    await bed.stop();
  }
}

const ACTING = { remediation: { dryRun: false } };

/** Every node of the fleet was proved an hour ago, in the boot it is in. */
function provedFleet(nowMs: number): Fleet {
  const fleet = makeFleet({ ...SIZE, nowMs });
  const proved = (node: Node): Node => {
    const { metadata, status } = node;
    const timeMs = nowMs - HOUR_MS;
    const { bootId } = toNodeFacts(node);
    const verdict = formatVerdict({ timeMs, level: 'Standard', result: 'Pass', validation: 'before', ...{ bootId } });
    const condition = { type: VALIDATED_CONDITION, status: 'True', reason: 'Passed', message: 'it passed' } as const;
    const others = conditionsOf(node).filter(({ type }) => type !== VALIDATED_CONDITION);
    return {
      ...node,
      metadata: { ...metadata, annotations: { ...metadata.annotations, [VERDICT_ANNOTATION]: verdict } },
      status: { ...status, conditions: [...others, { ...condition, lastTransitionTime: formatTime(timeMs) }] },
    };
  };
  // The CRD of PodGroups is not there, and nobody here reads them.
  return { ...fleet, nodes: fleet.nodes.map(proved), podGroups: [] };
}

const conditionsOf = (node: Node) => (node.status?.conditions ?? []) as readonly Condition[];

/** A hundred nodes that are in a bucket and nobody's to leave alone, from all over the fleet. */
function working({ nodes }: Fleet): readonly Node[] {
  const open = nodes.filter((node) => {
    const { bucket, ready, unschedulable, held, claim, taints } = toNodeFacts(node);
    const plain = bucket !== undefined && ready && !unschedulable && !held && claim === undefined;
    return plain && taints.every(({ key }) => key === BUCKET_KEY);
  });
  const step = Math.floor(open.length / FAULTS);
  return Array.from({ length: FAULTS }, (_, i) => open[i * step]!);
}

async function untilItWorks({ program, url }: RunningProcess): Promise<void> {
  const working = async () => /^aicluster_health_nodes\{/m.test(await (await fetch(`${url}/metrics`)).text());
  const giveUp = () => {
    const why = program.whyEnded();
    if (why) throw new Error(why);
  };
  await waitFor('node-health to have looked', working, { timeoutMs: READY_WITHIN_MS, everyMs: 100, giveUp });
  await sleep(SETTLE_MS);
}

async function storm(
  bed: Bed,
  client: KubernetesClient,
  { program }: RunningProcess,
  bad: readonly Node[],
): Promise<Figure[]> {
  const quiet = readMemory(program).rss;
  const [load = NaN] = loadavg();
  const seen = new Sightings(client, new Set(bad.map(({ metadata }) => metadata.name)));
  await seen.start();
  say(`${bad.length} conditions …`);
  const [startMs, sinceMs] = [performance.now(), Date.now()];
  const patchMs: number[] = [];
  await inParallel(bad, async (node) => {
    const fromMs = performance.now();
    await breakNode(client, node);
    patchMs.push(performance.now() - fromMs);
  });
  const brokenMs = performance.now() - startMs;
  await waitFor('the nodes to be closed', () => seen.closed() === bad.length, {
    timeoutMs: CLOSED_WITHIN_MS,
    everyMs: 50,
  });
  const closedMs = performance.now() - startMs;
  await sleep(SETTLE_MS);
  seen.stop();
  const asked = requestsSince(bed.auditLog(), sinceMs);
  say(`requests: ${[...asked].map(([what, count]) => `${count} ${what}`).join(', ')}`);
  const { rss, peak } = readMemory(program);
  const parameters = { nodes: SIZE.nodes, pods: SIZE.pods, faults: bad.length };
  const sum = [...asked.values()].reduce((a, b) => a + b, 0);
  return [
    toFigure('health', 'ms', seen.delaysMs(), { ...parameters, measure: 'condition to taint', note: DELAY_NOTE }),
    toFigure('health', 'ms', patchMs, {
      ...{ ...parameters, measure: 'one patch of ours meanwhile' },
      note: `the yardstick: what this server took for one condition of the storm, 32 at a time; load of the machine ${load.toFixed(1)} on ${cpus().length} processors`,
    }),
    toFigure('health', 'ms', [closedMs], {
      ...{ ...parameters, measure: 'until all are closed' },
      note: `from the first condition sent; the last was written after ${brokenMs.toFixed(0)} ms`,
    }),
    toFigure('health', 'requests', [sum / bad.length], {
      ...{ ...parameters, measure: 'API requests a fault' },
      note: 'all of the process, watches and lease apart, until 4 s after the last taint; taints, moves within the brakes, Events',
    }),
    toFigure('health', 'MB', [quiet], { ...parameters, measure: 'VmRSS before', note: 'all lists in, nothing to do' }),
    toFigure('health', 'MB', [rss], { ...parameters, measure: 'VmRSS after', note: 'after the storm' }),
    toFigure('health', 'MB', [peak], { ...parameters, measure: 'VmHWM', note: 'its peak, first lists included' }),
  ];
}

const DELAY_NOTE = `${CONDITION}=False in a watch to the probation taint in the same watch, one value a node; API server, etcd and this on one machine`;

/** What the node monitoring agent does. */
async function breakNode(client: KubernetesClient, node: Node): Promise<void> {
  const time = formatTime(Date.now());
  const conditions = conditionsOf(node).map((one) =>
    one.type === CONDITION
      ? { ...one, status: 'False', reason: 'IPAMDNotReady', message: 'ipamd does not answer', lastTransitionTime: time }
      : one,
  );
  await patiently(() =>
    client.mergePatch(NODES, { name: node.metadata.name }, { status: { conditions } }, { subresource: 'status' }),
  );
}

/** When each node was first seen broken, and first seen closed. */
class Sightings {
  private readonly brokenMs = new Map<string, number>();
  private readonly closedMs = new Map<string, number>();
  private handle: WatchHandle | undefined;
  private ended: Error | undefined;

  constructor(
    private readonly client: KubernetesClient,
    private readonly names: ReadonlySet<string>,
  ) {}

  async start(): Promise<void> {
    const { resourceVersion } = await this.client.list(NODES, { limit: 1 });
    this.handle = this.client.watch(
      NODES,
      { resourceVersion },
      {
        onEvent: (event) => event.type !== 'BOOKMARK' && this.see(event.object as Node),
        onEnd: (error) => (this.ended = error ?? new Error('the watch of nodes ended')),
      },
    );
  }

  stop(): void {
    this.handle?.stop();
  }

  closed(): number {
    if (this.ended) throw this.ended;
    return this.closedMs.size;
  }

  delaysMs(): readonly number[] {
    return [...this.names].map((name) => this.closedMs.get(name)! - this.brokenMs.get(name)!);
  }

  private see(node: Node): void {
    const { name } = node.metadata;
    if (!this.names.has(name)) return;
    const nowMs = performance.now();
    const broken = conditionsOf(node).some(({ type, status }) => type === CONDITION && status === 'False');
    if (broken && !this.brokenMs.has(name)) this.brokenMs.set(name, nowMs);
    if (hasTaint(node.spec?.taints ?? [], PROBATION_TAINT) && !this.closedMs.has(name)) this.closedMs.set(name, nowMs);
  }
}

/** What node-health asked of the API server, by verb and resource. */
function requestsSince(lines: readonly AuditLine[], sinceMs: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const account = `system:serviceaccount:${CONTROLLERS_NAMESPACE}:${HEALTH_ACCOUNT}`;
  const own = lines.filter(
    ({ user, stage, requestReceivedTimestamp }) =>
      user.username === account && stage === 'ResponseComplete' && Date.parse(requestReceivedTimestamp) >= sinceMs,
  );
  for (const { verb, objectRef } of own) {
    if (verb === 'watch' || objectRef?.resource === 'leases') continue;
    const what = [verb, objectRef?.resource, objectRef?.subresource].filter(Boolean).join(' ');
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
