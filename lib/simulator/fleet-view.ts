/** The fleet as it truly is at this moment: phases of nodes and live moves, read from the server and not from anybody's cache. */
import { parseDuration } from '../domain/duration';
import { parseTime, type KubeObject, type Node, type Pod } from '../domain/kube';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  NAMESPACES,
  NODE_MOVES,
  NODE_VALIDATIONS,
  NODES,
  PODS,
  type ResourceType,
} from '../domain/resources';
import {
  blockLeaveAtMs,
  isFleetNode,
  liveMovesByNode,
  nodePhase,
  once,
  squats,
  toMoveFacts,
  toNamespaceBuckets,
  toNodeFacts,
  toPodFacts,
  type NodeFacts,
  type NodePhase,
  type PhaseContext,
} from '../fleet';
import type { ApiServer } from './api-server';

/** Phases and moves, computed when asked for and kept until something changes. */
export class FleetView {
  /** Nodes that a validation has, as whoever stands in for node-health says; its own say so themselves. */
  readonly validating = new Set<string>();
  private version = -1;
  private atMs = -1;
  private readonly known = new Map<string, NodePhase>();
  private everyPhase: ReadonlyMap<string, NodePhase> | undefined;
  private context: PhaseContext | undefined;
  /** Nodes of our pools. */
  readonly nodes: () => readonly NodeFacts[];
  /** Which bucket the pods of each namespace use. */
  readonly namespaceBuckets: () => ReadonlyMap<string, string>;
  private readonly bucketNames: () => ReadonlySet<string>;
  private readonly moves: () => ReadonlyMap<string, string>;
  private readonly underValidation: () => readonly string[];
  private readonly leaveTimes: () => ReadonlyMap<string, number>;

  constructor(private readonly server: ApiServer) {
    this.nodes = this.kept(NODES, (nodes) => nodes.map((node) => toNodeFacts(node as Node)).filter(isFleetNode));
    this.namespaceBuckets = this.kept(NAMESPACES, toNamespaceBuckets);
    this.bucketNames = this.kept(CAPACITY_BUCKETS, (all) => new Set(all.map(({ metadata }) => metadata.name)));
    this.moves = this.kept(NODE_MOVES, (moves) => liveMovesByNode(moves.map(toMoveFacts)));
    this.underValidation = this.kept(NODE_VALIDATIONS, nodesUnderValidation);
    this.leaveTimes = this.kept(CAPACITY_POOLS, leaveTimes);
  }

  /** What is read of all objects of one type, kept until one of them changes. */
  private kept<R>(resource: ResourceType, read: (objects: readonly KubeObject[]) => R): () => R {
    const known = once(read);
    return () => known(this.server.all(resource));
  }

  /** The phase of a node. */
  phase(node: NodeFacts): NodePhase {
    const context = this.current();
    let phase = this.known.get(node.name);
    if (!phase) {
      phase = nodePhase(node, context, this.atMs);
      this.known.set(node.name, phase);
    }
    return phase;
  }

  /** The phase of every node. */
  phases(): ReadonlyMap<string, NodePhase> {
    this.current();
    return (this.everyPhase ??= new Map(this.nodes().map((node) => [node.name, this.phase(node)])));
  }

  /** Node → live NodeMove. */
  liveMoves(): ReadonlyMap<string, string> {
    return this.current().liveMoves;
  }

  /** Nodes of a bucket that can take work. */
  active(bucket: string): number {
    return this.nodes().filter((node) => node.bucket === bucket && this.phase(node) === 'Active').length;
  }

  private current(): PhaseContext {
    const now = this.server.clock.now();
    if (this.context && this.version === this.server.store.currentVersion && this.atMs === now) return this.context;
    this.version = this.server.store.currentVersion;
    this.atMs = now;
    this.known.clear();
    this.everyPhase = undefined;
    this.context = {
      buckets: this.bucketNames(),
      liveMoves: this.moves(),
      squatted: this.squatted(),
      validating: new Set([...this.validating, ...this.underValidation()]),
      leaveAtMs: this.leaveTimes(),
    };
    return this.context;
  }

  /** Whether a pod of another bucket is on it. */
  isSquatted(node: string): boolean {
    return this.squatted().has(node);
  }

  private squatted(): ReadonlySet<string> {
    const nodes = new Map(this.nodes().map((node) => [node.name, node]));
    const buckets = this.namespaceBuckets();
    const squatted = new Set<string>();
    for (const pod of this.server.all(PODS)) {
      const node = nodes.get(pod.spec?.nodeName ?? '');
      if (node && squats(toPodFacts(pod as Pod), node.bucket, buckets)) squatted.add(node.name);
    }
    return squatted;
  }
}

function nodesUnderValidation(validations: readonly KubeObject[]): readonly string[] {
  return validations
    .filter(({ metadata, status }) => !metadata.deletionTimestamp && status?.finishedAt === undefined)
    .flatMap(({ spec }) => spec.nodes as readonly string[]);
}

function leaveTimes(pools: readonly KubeObject[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { metadata, spec, status } of pools) {
    const endMs = parseTime(status?.window?.end);
    if (endMs === undefined) continue;
    times.set(metadata.name, blockLeaveAtMs(endMs, parseDuration(spec.terminationGracePeriod)));
  }
  return times;
}
