/** What never stops in a live cluster: kubelets report, pods are replaced, gangs end and others begin. */
import { formatTime, type KubeObject, type Pod } from '../lib/domain/kube';
import { FOREIGN_KEYS } from '../lib/domain/node-keys';
import { NODES, POD_GROUPS, PODS } from '../lib/domain/resources';
import { ApiError, NotFound } from '../lib/runtime/errors';
import type { KubernetesClient } from '../lib/runtime/kubernetes/client';
import { seededRandom } from '../lib/simulator/random';
import type { Fleet } from './fleet';
import { createOne, patiently } from './live-cluster';

/** Every kubelet writes the status of its Node this often. */
const NODE_REPORT_MS = 300_000;
const TICK_MS = 250;
const PODS_PER_SECOND = 4;
const GANG_EVERY_MS = 5_000;

/** Changes the cluster for as long as it is asked to. */
export class Churn {
  private readonly random: () => number;
  private readonly pods: Pod[];
  private readonly groups: KubeObject[];
  private changes = 0;
  private elapsedMs = 0;
  private born = 0;

  constructor(
    private readonly client: KubernetesClient,
    private readonly fleet: Fleet,
    seed: number,
  ) {
    this.random = seededRandom(seed + 2);
    this.pods = fleet.pods.filter(({ metadata }) => metadata.ownerReferences?.[0]?.kind === 'ReplicaSet');
    this.groups = [...fleet.podGroups];
  }

  /** In words. */
  readonly note =
    `Node status of every node each ${NODE_REPORT_MS / 60_000} min, ${PODS_PER_SECOND} pods replaced a second, ` +
    `a gang replaced every ${GANG_EVERY_MS / 1000} s`;

  get podGroups(): number {
    return this.groups.length;
  }

  /** Writes a second, as far as the server kept up. */
  changesPerSecond(): number {
    return this.changes / (this.elapsedMs / 1000);
  }

  /** Goes on until `work` is done; what it threw is thrown on. */
  async during<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => (done = true));
    // Two ends of one wait: whichever fails first is the one to hear of.
    await Promise.all([finished, this.run(() => done)]);
    return finished;
  }

  private async run(done: () => boolean): Promise<void> {
    const perTick = (this.fleet.nodes.length * TICK_MS) / NODE_REPORT_MS;
    const startMs = Date.now();
    for (let tick = 1; !done(); tick++) {
      const work: Promise<void>[] = [];
      while (this.random() < perTick - work.length) work.push(this.report());
      if (tick % (1000 / TICK_MS / PODS_PER_SECOND) === 0)
        work.push(this.replacePod(Math.floor(this.random() * this.pods.length)));
      if (tick % (GANG_EVERY_MS / TICK_MS) === 0) work.push(this.replaceGang());
      await Promise.all(work);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, startMs + tick * TICK_MS - Date.now())));
    }
    this.elapsedMs += Date.now() - startMs;
  }

  /** A kubelet says that all is as before, only later. */
  private async report(): Promise<void> {
    const { metadata, status } = this.fleet.nodes[Math.floor(this.random() * this.fleet.nodes.length)]!;
    const conditions = status.conditions.map((condition: object) => ({
      ...condition,
      lastHeartbeatTime: formatTime(Date.now()),
    }));
    await this.write(() =>
      this.client.mergePatch(NODES, { name: metadata.name }, { status: { conditions } }, { subresource: 'status' }),
    );
  }

  private async replacePod(index: number): Promise<void> {
    const pod = this.pods[index]!;
    const name = `${pod.metadata.name.slice(0, 40)}-r${++this.born}`;
    const next = { ...pod, metadata: { ...pod.metadata, name } };
    this.pods[index] = next;
    await this.deletePod(pod);
    await this.write(() => createOne(this.client, PODS, next));
  }

  /** A gang ends, and one of the same size takes its place: on its nodes when it ran, in the queue when it waited. */
  private async replaceGang(): Promise<void> {
    const index = Math.floor(this.random() * this.groups.length);
    const group = this.groups[index]!;
    const { namespace, name } = group.metadata;
    const next = `job-r${++this.born}`;
    const members = this.fleet.pods.filter(
      ({ metadata }) => metadata.namespace === namespace && metadata.annotations?.[FOREIGN_KEYS.gangName] === name,
    );
    // Deployments live on; a gang that has been replaced once is not in the fleet's list any more, and stays.
    if (members.length === 0 || members[0]!.metadata.ownerReferences?.[0]?.kind !== 'Job') return;
    const successor = { ...group, metadata: { ...group.metadata, name: next } };
    this.groups[index] = successor;
    await this.write(() => this.client.delete(POD_GROUPS, { name, namespace }));
    await this.write(() => createOne(this.client, POD_GROUPS, successor));
    for (const [i, pod] of members.entries()) {
      await this.deletePod(pod);
      const annotations = { ...pod.metadata.annotations, [FOREIGN_KEYS.gangName]: next };
      const metadata = { ...pod.metadata, name: `${next}-worker-${i}`, annotations };
      await this.write(() => createOne(this.client, PODS, { ...pod, metadata }));
    }
  }

  private deletePod({ metadata: { name, namespace } }: Pod): Promise<void> {
    return this.write(() => this.client.delete(PODS, { name, namespace }, { gracePeriodSeconds: 0 }));
  }

  private async write(call: () => Promise<unknown>): Promise<void> {
    try {
      await patiently(call);
      this.changes += 1;
    } catch (error) {
      // The controllers may have evicted it, or given the node back: their right.
      if (!(error instanceof NotFound)) throw error instanceof ApiError ? error : new Error(String(error));
    }
  }
}
