/**
 * What must hold after every step of a simulated cluster, whatever fails. A breach is written down with its time and object, and the
 * run goes on.
 */
import { CHECK_LABEL } from '../domain/checks';
import { PRIORITY_RANK, type CapacityBucketSpec } from '../api';
import { keyOf, parseTime, type KubeObject, type Node, type Pod } from '../domain/kube';
import { BUCKET_KEY, MOVE_ANNOTATION, PROBATION_TAINT } from '../domain/node-keys';
import { parseQuantity } from '../domain/quantity';
import { hasTaint } from '../domain/taints';
import {
  CAPACITY_BUCKETS,
  CAPACITY_POOLS,
  NAMESPACES,
  NODE_CLAIMS,
  NODE_MOVES,
  NODE_POOLS,
  NODES,
  POD_GROUPS,
  PODS,
  resourceName,
} from '../domain/resources';
import { bucketOfPod, gangKey, squats, toMoveFacts, toNodeFacts, toPodFacts, toPodGroupFacts } from '../fleet';
import type { Ages } from './ages';
import type { ApiServer } from './api-server';
import type { FleetView } from './fleet-view';
import { Disturbed } from './disturbed';
import type { Knowledge } from './knowledge';
import { poolOf } from './karpenter-context';
import { isConsistent, keepsForeignKeys } from './node-invariants';
import type { Change } from './object-store';
import { hasEnded } from './pod-rules';
import { CONTROLLERS_ACTOR } from './replica';

/** A breach. */
export interface Violation {
  /** Milliseconds since the start of the world. */
  readonly t: number;
  readonly invariant: string;
  readonly object: string;
  readonly message: string;
}

/** What the checks need. */
export interface Checked {
  readonly server: ApiServer;
  readonly view: FleetView;
  readonly knowledge: Knowledge;
  readonly ages: Ages;
}

/** Between the look at the pods of a node and its hand-over one may still land: it is found and evicted afterwards. */
const LANDING_MS = 200;

/** Watches every change and reports what must not be. */
export class Invariants {
  readonly violations: Violation[] = [];
  private readonly startMs: number;
  private readonly disturbed: Disturbed;

  constructor(private readonly checked: Checked) {
    this.startMs = checked.server.clock.now();
    this.disturbed = new Disturbed(checked);
    checked.server.onChange((change) => this.check(change));
  }

  /** Writes down a breach found elsewhere. */
  breach(invariant: string, object: string, message: string): void {
    this.violations.push({ t: this.now() - this.startMs, invariant, object, message });
  }

  private now(): number {
    return this.checked.server.clock.now();
  }

  private check(change: Change): void {
    const ours = change.actor === CONTROLLERS_ACTOR;
    const name = resourceName(change.resource);
    if (name === resourceName(NODE_CLAIMS)) return this.checkClaims(change);
    if (!ours) return this.disturbed.note(change);
    // Whoever decided before a node was well again did not know of it.
    if (name === resourceName(NODES) && opens(change)) this.disturbed.note(change);
    if (name === resourceName(NODES)) return this.checkOurNode(change);
    if (name === resourceName(NODE_POOLS)) return this.checkPool(change);
    if (name === resourceName(NODE_MOVES)) return this.checkMove(change);
    if (name === resourceName(PODS)) return this.checkEviction(change);
  }

  /** Whether whoever decided at this time must have known of all that anybody else has done to the bucket. */
  isUndisturbed(bucket: string, decidedMs = this.now()): boolean {
    return this.disturbed.isUndisturbed(bucket, decidedMs);
  }

  private checkOurNode({ type, object, before }: Change): void {
    if (type !== 'MODIFIED' || !before) return;
    const breach: typeof this.breach = (...args) => this.breach(...args);
    keepsForeignKeys(object as Node, before as Node, breach);
    if (before.metadata.deletionTimestamp === object.metadata.deletionTimestamp)
      isConsistent(object as Node, before as Node, breach);
    const is = object.metadata.labels?.[BUCKET_KEY];
    // Keys that are set back to what the taint says bring nobody anywhere.
    const was = [before.metadata.labels?.[BUCKET_KEY], toNodeFacts(before as Node).bucketTaint];
    if (is !== undefined && !was.includes(is)) this.checkArrival(object as Node, before as Node, is);
  }

  private checkArrival(node: Node, before: Node, bucket: string): void {
    const { server, view } = this.checked;
    const max = server.find(CAPACITY_BUCKETS, { name: bucket })?.spec?.nodes.max;
    const active = view.active(bucket);
    // Whoever deletes a bucket before moves has put its finalizer on it leaves the controllers with an old word for a moment.
    if (max === undefined && this.isUndisturbed(bucket))
      this.breach('bucket exists', `Node ${node.metadata.name}`, `given to ${bucket}, which does not exist`);
    else if (max !== undefined && active > max && this.wasDecided(before, bucket)) {
      this.breach(
        'never above max',
        `CapacityBucket ${bucket}`,
        `${active} active nodes with ${node.metadata.name}, max ${max}`,
      );
    }
    if (this.hasStrangers(node, bucket)) {
      this.breach(
        'no pod is moved with its node',
        `Node ${node.metadata.name}`,
        `given to ${bucket} with pods of another bucket on it`,
      );
    }
  }

  /**
   * Whether the controllers themselves decided that the bucket gets the node, and nobody has disturbed it since: a move under way is not
   * taken back because another node of the bucket is well again, and a person's NodeMove is carried out whatever the bounds.
   */
  private wasDecided({ metadata }: Node, bucket: string): boolean {
    const name = metadata.annotations?.[MOVE_ANNOTATION] ?? '';
    const createdMs = parseTime(this.checked.server.find(NODE_MOVES, { name })?.metadata.creationTimestamp);
    return !this.disturbed.byHand.has(name) && this.isUndisturbed(bucket, createdMs);
  }

  private hasStrangers(node: Node, bucket: string): boolean {
    const buckets = this.checked.view.namespaceBuckets();
    return this.checked.server.all(PODS).some((pod) => {
      if (pod.spec?.nodeName !== node.metadata.name || this.checked.ages.msOfPod(pod) < LANDING_MS) return false;
      const facts = toPodFacts(pod as Pod);
      const own = bucketOfPod(facts, buckets);
      return !facts.ended && !facts.system && own !== undefined && own !== bucket;
    });
  }

  /** A move for capacity may not leave a bucket with fewer usable nodes than its minimum. */
  private checkMove({ type, object }: Change): void {
    if (type === 'ADDED' && (object.spec.reason ?? 'Capacity') === 'Capacity') this.checkMinimums(object);
  }

  private checkMinimums(object: KubeObject): void {
    const { view } = this.checked;
    const wanted = new Set<string>(object.spec.nodes);
    const givers = view.nodes().flatMap(({ name, bucket }) => (bucket && wanted.has(name) ? [bucket] : []));
    for (const bucket of new Set(givers)) {
      const min = this.boundsOf(bucket)?.min ?? 0;
      const left = view.active(bucket);
      const { bucket: taker } = object.spec.to;
      if (left >= min || this.needsMinimum(taker, bucket)) continue;
      if (!this.isUndisturbed(bucket) || (taker && !this.isUndisturbed(taker))) continue;
      const message = `${object.metadata.name} leaves ${left} active nodes, min ${min}`;
      this.breach('never below min while avoidable', `CapacityBucket ${bucket}`, message);
    }
  }

  private boundsOf(bucket: string): CapacityBucketSpec['nodes'] | undefined {
    return this.checked.server.find(CAPACITY_BUCKETS, { name: bucket })?.spec?.nodes;
  }

  /** Minimums come by priority: a bucket below its own may take a lower one's. */
  private needsMinimum(taker: string | undefined, giver: string): boolean {
    const { server, view } = this.checked;
    const bucket = (name: string) => server.find(CAPACITY_BUCKETS, { name })?.spec as CapacityBucketSpec | undefined;
    const [to, from] = [taker === undefined ? undefined : bucket(taker), bucket(giver)];
    if (!taker || !to || !from) return false;
    return PRIORITY_RANK[to.priority] > PRIORITY_RANK[from.priority] && view.active(taker) < to.nodes.min;
  }

  /** Pods are ended only on nodes that a live move has. A check is ours, and works for nobody. */
  private checkEviction({ object, before, type }: Change): void {
    const began = type === 'DELETED' || (object.metadata.deletionTimestamp && !before?.metadata.deletionTimestamp);
    const nodeName = object.spec?.nodeName as string | undefined;
    if (!began || !nodeName || isOver(object as Pod) || this.mayEnd(object as Pod, nodeName)) return;
    this.breach(
      'no pod is evicted without a live move',
      `Pod ${object.metadata.name}`,
      `evicted from ${nodeName}, which no live move has`,
    );
  }

  private mayEnd(pod: Pod, nodeName: string): boolean {
    return this.checked.view.liveMoves().has(nodeName) || this.squatted(pod) || this.givesWay(pod);
  }

  /** A pod of another bucket is evicted wherever it is; that its node or its namespace has changed since may not be known. */
  private squatted(pod: Pod): boolean {
    const { server, view, ages, knowledge } = this.checked;
    const { nodeName = '' } = pod.spec!;
    const node = server.find(NODES, { name: nodeName }) as Node | undefined;
    const edits = [ages.edit(NODES, nodeName), ages.edit(NAMESPACES, pod.metadata.namespace!)];
    if (!edits.every((made) => knowledge.must(made, 'work'))) return true;
    return node !== undefined && squats(toPodFacts(pod), toNodeFacts(node).bucket, view.namespaceBuckets());
  }

  /** Members of a gang end together, wherever they are, when a live move evicts it. */
  private givesWay(pod: Pod): boolean {
    const { server } = this.checked;
    const groups = new Map(server.all(POD_GROUPS).map((group) => [keyOf(group), toPodGroupFacts(group)] as const));
    const key = gangKey(toPodFacts(pod), groups);
    return server
      .all(NODE_MOVES)
      .map(toMoveFacts)
      .some(({ finishedAtMs, gangs }) => {
        return finishedAtMs === undefined && gangs.some((gang) => gang.key === key && gang.step === 'Suspending');
      });
  }

  private checkPool({ type, object, before }: Change): void {
    if (type === 'DELETED') return;
    const { name } = object.metadata;
    const grows = object.spec.replicas > replicasOf(before);
    const most = this.mostNodes(name);
    if (!grows || object.spec.replicas <= most) return;
    this.breach(
      'never more than a pool may have',
      `NodePool ${name}`,
      `${object.spec.replicas} replicas, at most ${most}`,
    );
  }

  private mostNodes(pool: string): number {
    const { spec, status } = this.checked.server.find(CAPACITY_POOLS, { name: pool }) ?? {};
    const bounds = [status?.limit, spec?.nodes.max].filter((bound) => bound !== undefined);
    return bounds.length > 0 ? Math.max(...bounds) : Infinity;
  }

  private checkClaims({ type, object }: Change): void {
    if (type !== 'ADDED') return;
    const name = poolOf(object);
    const limit = nodeLimit(this.checked.server.find(NODE_POOLS, { name }));
    const claims = this.checked.server.all(NODE_CLAIMS).filter((claim) => poolOf(claim) === name).length;
    if (claims > limit)
      this.breach(
        'never more NodeClaims than limits.nodes',
        `NodePool ${name}`,
        `${claims} NodeClaims, limit ${limit}`,
      );
  }
}

/** A node of a bucket is proved, and counts again. */
function opens({ object, before }: Change): boolean {
  const closed = (node: KubeObject | undefined) => hasTaint((node as Node | undefined)?.spec?.taints, PROBATION_TAINT);
  return closed(before) && !closed(object);
}

/** Most nodes of a NodePool; a pool without a limit has none. */
function nodeLimit(pool: KubeObject | undefined): number {
  const nodes = pool?.spec?.limits?.nodes;
  return nodes === undefined ? Infinity : parseQuantity(nodes);
}

function replicasOf(pool: KubeObject | undefined): number {
  return pool?.spec?.replicas ?? 0;
}

/** Whether nobody loses by its end: it has ended by itself, or it is a check of ours. */
function isOver(pod: Pod): boolean {
  return hasEnded(pod) || pod.metadata.labels?.[CHECK_LABEL] !== undefined;
}
