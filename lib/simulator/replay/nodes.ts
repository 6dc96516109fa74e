/** The nodes of the block: which bucket has each, what is free on it, and which move has it. */
import type { NodeFacts } from '../../fleet';
import { nodeFacts, type BucketName } from './fleet-facts';
import { EPOCH_MS, GPUS_PER_NODE } from './settings';

/** One node. */
export interface ReplayNode {
  readonly index: number;
  facts: NodeFacts;
  bucket: BucketName;
  freeGpus: number;
  /** A move has it: nothing new lands here. */
  releasing: boolean;
}

/** GPUs of one pod on one node. */
export interface Seat {
  readonly node: ReplayNode;
  readonly gpus: number;
}

/** All nodes; knows by free GPUs those that take pods. */
export class Nodes {
  readonly all: readonly ReplayNode[];
  private readonly byName: ReadonlyMap<string, ReplayNode>;
  private readonly open: Readonly<Record<BucketName, readonly Set<ReplayNode>[]>>;
  private facts: readonly NodeFacts[] | undefined;

  constructor(count: number, inference: number) {
    const levels = () => Array.from({ length: GPUS_PER_NODE + 1 }, () => new Set<ReplayNode>());
    this.open = { inference: levels(), training: levels() };
    this.all = Array.from({ length: count }, (_, index) => {
      const bucket = index < inference ? 'inference' : 'training';
      const facts = nodeFacts(index, bucket, EPOCH_MS - 86_400_000);
      return { index, facts, bucket, freeGpus: GPUS_PER_NODE, releasing: false };
    });
    this.byName = new Map(this.all.map((node) => [node.facts.name, node] as const));
    for (const node of this.all) this.file(node);
  }

  get(name: string): ReplayNode {
    return this.byName.get(name)!;
  }

  /** Facts of all nodes, by name. */
  toFacts(): readonly NodeFacts[] {
    return (this.facts ??= this.all.map(({ facts }) => facts));
  }

  /** Nodes of a bucket that take pods and are empty. */
  emptyCount(bucket: BucketName): number {
    return this.open[bucket][GPUS_PER_NODE]!.size;
  }

  /** Whether any node of the bucket has a free GPU. */
  hasRoom(bucket: BucketName): boolean {
    return this.open[bucket].some((level, free) => free > 0 && level.size > 0);
  }

  /** The node with the least free GPUs that takes this pod: small pods fill up nodes that are in use. */
  bestFit(bucket: BucketName, gpus: number): ReplayNode | undefined {
    for (let free = gpus; free <= GPUS_PER_NODE; free++) {
      for (const node of this.open[bucket][free]!) return node;
    }
    return undefined;
  }

  /** Puts a pod on a node. */
  sit({ node, gpus }: Seat): void {
    this.unfile(node);
    node.freeGpus -= gpus;
    this.file(node);
  }

  /** Takes a pod off its node. */
  stand({ node, gpus }: Seat): void {
    this.unfile(node);
    node.freeGpus += gpus;
    this.file(node);
  }

  /** A move has claimed and tainted the node. */
  release(node: ReplayNode): void {
    this.unfile(node);
    node.releasing = true;
  }

  /** The swap: one patch. */
  handOver(node: ReplayNode, bucket: BucketName, nowMs: number): void {
    node.bucket = bucket;
    node.facts = nodeFacts(node.index, bucket, nowMs);
    node.releasing = false;
    this.facts = undefined;
    this.file(node);
  }

  private file(node: ReplayNode): void {
    if (!node.releasing) this.open[node.bucket][node.freeGpus]!.add(node);
  }

  private unfile(node: ReplayNode): void {
    this.open[node.bucket][node.freeGpus]!.delete(node);
  }
}
