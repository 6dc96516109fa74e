/** The fleet as it truly is at this moment: phases of nodes and live moves, read from the server and not from anybody's cache. */
import { parseDuration } from '../domain/duration';
import { parseTime, type Node, type Pod } from '../domain/kube';
import { BUCKET_KEY } from '../domain/node-keys';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  NAMESPACES,
  NODE_MOVES,
  NODE_VALIDATIONS,
  NODES,
  PODS,
} from '../domain/resources';
import {
  blockLeaveAtMs,
  isFleetNode,
  liveMovesByNode,
  nodePhase,
  squats,
  toMoveFacts,
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
  private context: PhaseContext | undefined;

  constructor(private readonly server: ApiServer) {}

  /** Nodes of our pools. */
  nodes(): NodeFacts[] {
    return this.server
      .all(NODES)
      .map((node) => toNodeFacts(node as Node))
      .filter(isFleetNode);
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

  /** Node → live NodeMove. */
  liveMoves(): ReadonlyMap<string, string> {
    return this.current().liveMoves;
  }

  /** Nodes of a bucket that can take work. */
  active(bucket: string): number {
    return this.nodes().filter((node) => node.bucket === bucket && this.phase(node) === 'Active').length;
  }

  /** Which bucket the pods of each namespace use. */
  namespaceBuckets(): ReadonlyMap<string, string> {
    return new Map(
      this.server
        .all(NAMESPACES)
        .flatMap(({ metadata }) =>
          metadata.labels?.[BUCKET_KEY] ? [[metadata.name, metadata.labels[BUCKET_KEY]]] : [],
        ),
    );
  }

  private current(): PhaseContext {
    const now = this.server.clock.now();
    if (this.context && this.version === this.server.store.currentVersion && this.atMs === now) return this.context;
    this.version = this.server.store.currentVersion;
    this.atMs = now;
    this.known.clear();
    this.context = {
      buckets: new Set(this.server.all(CAPACITY_BUCKETS).map(({ metadata }) => metadata.name)),
      liveMoves: liveMovesByNode(this.server.all(NODE_MOVES).map(toMoveFacts)),
      squatted: this.squatted(),
      validating: new Set([...this.validating, ...this.underValidation()]),
      leaveAtMs: this.leaveTimes(),
    };
    return this.context;
  }

  private underValidation(): readonly string[] {
    return this.server
      .all(NODE_VALIDATIONS)
      .filter(({ metadata, status }) => !metadata.deletionTimestamp && status?.finishedAt === undefined)
      .flatMap(({ spec }) => spec.nodes as readonly string[]);
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

  private leaveTimes(): ReadonlyMap<string, number> {
    const times = new Map<string, number>();
    for (const { metadata, spec, status } of this.server.all(CAPACITY_POOLS)) {
      const endMs = parseTime(status?.window?.end);
      if (endMs === undefined) continue;
      times.set(metadata.name, blockLeaveAtMs(endMs, parseDuration(spec.terminationGracePeriod)));
    }
    return times;
  }
}
