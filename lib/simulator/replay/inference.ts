/**
 * The inference bucket: one Deployment of pods that need a whole node, its autoscaler, and what its users miss.
 *
 * Every minute the autoscaler looks at the minute before, as a HorizontalPodAutoscaler on requests in service does. A pod serves once it
 * has a node, has started and has loaded its model. Misses are requests in service beyond what the serving pods can hold, times seconds.
 */
import type { PodFacts } from '../../fleet';
import type { EventQueue } from './event-queue';
import { servingPodFacts } from './fleet-facts';
import type { Nodes, ReplayNode } from './nodes';
import { EPOCH_MS, GPUS_PER_NODE, INFERENCE, SECOND_MS, TIMES } from './settings';

/** One replica. */
interface Replica {
  readonly id: number;
  readonly createdAtMs: number;
  node?: ReplayNode;
  facts: PodFacts;
  serving: boolean;
  ending: boolean;
}

/** The Deployment. */
export class Inference {
  requestSeconds = 0;
  missRequestSeconds = 0;
  heldMs = 0;
  private replicas: Replica[] = [];
  private nextId = 0;
  private load = 0;
  private countedAtMs = EPOCH_MS;
  private readonly wanted: { readonly atMs: number; readonly count: number }[] = [];
  private planned = false;

  constructor(
    private readonly events: EventQueue,
    private readonly nodes: Nodes,
    /** Nodes needed at the autoscaler's target, minute by minute. */
    private readonly needed: readonly number[],
    private readonly most: number,
  ) {
    this.load = needed[0]!;
    const first = Math.min(replicasFor(needed[0]!, most), nodes.emptyCount('inference'));
    for (let i = 0; i < first; i++) {
      const replica = this.create();
      this.bind(replica, this.nodes.bestFit('inference', GPUS_PER_NODE)!);
      replica.serving = true;
    }
    needed.forEach((_, bin) => events.at(EPOCH_MS + bin * INFERENCE.binMs, () => this.tick(bin)));
  }

  /** Called when pods have changed. */
  onChange: () => void = () => undefined;

  /** Pods that wait for a node. */
  get waiting(): number {
    return this.replicas.reduce((count, { node }) => count + Number(node === undefined), 0);
  }

  /** Facts of all pods. */
  *pods(): Iterable<PodFacts> {
    for (const { facts } of this.replicas) yield facts;
  }

  /** Pods that serve. */
  get serving(): number {
    return this.replicas.reduce((count, { serving }) => count + Number(serving), 0);
  }

  /** Nodes needed now, a fraction. */
  get demand(): number {
    return this.load;
  }

  /** Looks for free nodes soon. */
  scheduleSoon(): void {
    if (this.planned || this.waiting === 0) return;
    this.planned = true;
    this.events.after(TIMES.bindMs, () => {
      this.planned = false;
      this.schedule();
    });
  }

  /** Counts what was served and missed up to now. */
  count(): void {
    const seconds = (this.events.nowMs - this.countedAtMs) / SECOND_MS;
    this.countedAtMs = this.events.nowMs;
    const requests = this.load * INFERENCE.target * INFERENCE.requestsPerNode;
    const capacity = this.serving * INFERENCE.requestsPerNode;
    this.requestSeconds += requests * seconds;
    this.missRequestSeconds += Math.max(0, requests - capacity) * seconds;
    this.heldMs += this.replicas.filter(({ node }) => node).length * seconds * SECOND_MS;
  }

  private tick(bin: number): void {
    this.count();
    // What the minute before was is known now.
    if (bin > 0) this.scale(replicasFor(this.load, this.most));
    this.load = this.needed[bin]!;
  }

  private scale(desired: number): void {
    const { nowMs } = this.events;
    const current = this.replicas.filter(({ ending }) => !ending).length;
    const close = Math.abs(this.load / Math.max(1, current) - 1) <= INFERENCE.tolerance;
    this.wanted.push({ atMs: nowMs, count: close ? current : desired });
    while (this.wanted[0]!.atMs <= nowMs - INFERENCE.stabilizationMs) this.wanted.shift();
    const count = close ? current : Math.max(desired, Math.min(current, ...this.mostWanted()));
    for (let i = current; i < count; i++) this.create();
    if (count < current) this.shrink(current - count);
    if (count > current) this.scheduleSoon();
    if (count !== current) this.onChange();
  }

  /** The highest wish of the stabilization window, as a list of one. */
  private mostWanted(): readonly [number] {
    return [this.wanted.reduce((most, { count }) => Math.max(most, count), 0)];
  }

  private create(): Replica {
    const id = this.nextId++;
    const createdAtMs = this.events.nowMs;
    const facts = servingPodFacts({ name: `api-${id}`, gpus: GPUS_PER_NODE, createdAtMs });
    const replica: Replica = { id, createdAtMs, facts, serving: false, ending: false };
    this.replicas.push(replica);
    return replica;
  }

  private schedule(): void {
    for (const replica of this.replicas) {
      if (replica.node || replica.ending) continue;
      const node = this.nodes.bestFit('inference', GPUS_PER_NODE);
      if (!node) break;
      this.count();
      this.bind(replica, node);
      this.events.after(TIMES.podStartMs + TIMES.modelLoadMs, () => {
        this.count();
        replica.serving = !replica.ending;
      });
    }
  }

  private bind(replica: Replica, node: ReplayNode): void {
    this.nodes.sit({ node, gpus: GPUS_PER_NODE });
    replica.node = node;
    const { id, createdAtMs } = replica;
    const name = `api-${id}`;
    const startedAtMs = this.events.nowMs;
    const place = { name, gpus: GPUS_PER_NODE, createdAtMs, nodeName: node.facts.name, startedAtMs };
    replica.facts = servingPodFacts(place);
  }

  /** As a ReplicaSet chooses: pods without a node first, then those that do not serve yet, then the youngest. */
  private shrink(count: number): void {
    const rank = ({ node, serving }: Replica) => (node === undefined ? 0 : serving ? 2 : 1);
    const order = this.replicas.filter(({ ending }) => !ending).sort((a, b) => rank(a) - rank(b) || b.id - a.id);
    this.count();
    for (const replica of order.slice(0, count)) this.remove(replica);
  }

  private remove(replica: Replica): void {
    replica.ending = true;
    replica.serving = false;
    const { node } = replica;
    const drop = () => {
      this.count();
      this.replicas = this.replicas.filter((other) => other !== replica);
      if (node) this.nodes.stand({ node, gpus: GPUS_PER_NODE });
      this.scheduleSoon();
      this.onChange();
    };
    if (!node) return drop();
    replica.facts = { ...replica.facts, deleting: true };
    this.events.after(TIMES.graceMs, drop);
  }
}

function replicasFor(needed: number, most: number): number {
  return Math.min(most, Math.max(1, Math.ceil(needed)));
}
