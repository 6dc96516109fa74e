/**
 * What must hold when nodes are taken from running work: only a higher bucket takes it, within every budget, and each gang is stopped
 * once, when its move has said so and no PodDisruptionBudget forbids it.
 */
import { PRIORITY_RANK, type CapacityBucketSpec, type NodeMoveSpec, type NodeMoveStatus } from '../api';
import { keyOf, parseTime, type KubeObject, type Node, type Pod } from '../domain/kube';
import { CAPACITY_BUCKETS, DISRUPTION_BUDGETS, NODE_MOVES, NODES, POD_GROUPS, PODS } from '../domain/resources';
import { departures, gangKey, occupies, toMoveFacts, toNodeFacts, toPodFacts, toPodGroupFacts } from '../fleet';
import type { Checked, Invariants } from './invariants';
import type { Change } from './object-store';
import { budgetsOf, disruptionsAllowed } from './pod-rules';
import { CONTROLLERS_ACTOR } from './replica';

type GangRecord = NonNullable<NodeMoveStatus['gangs']>[number];

const gangsOf = (move: KubeObject | undefined): readonly GangRecord[] => move?.status?.gangs ?? [];

/** Watches NodeMoves. */
export class TakingInvariants {
  constructor(
    private readonly invariants: Invariants,
    private readonly checked: Checked,
  ) {
    const { server } = checked;
    server.onChange((change) => this.checkMove(change), NODE_MOVES);
  }

  private now(): number {
    return this.checked.server.clock.now();
  }

  private checkMove({ type, object, before, actor }: Change): void {
    if (type === 'MODIFIED') return this.checkGangs(object, before);
    if (type === 'DELETED') return;
    if (actor === CONTROLLERS_ACTOR) this.checkOurs(object);
  }

  private checkGangs(move: KubeObject, before: KubeObject | undefined): void {
    const earlier = new Map(gangsOf(before).map((gang) => [gang.key, gang.gaveWayAt] as const));
    for (const gang of gangsOf(move)) {
      const was = earlier.get(gang.key);
      if (gang.gaveWayAt === undefined || gang.gaveWayAt === was) continue;
      if (was !== undefined) this.checkCameBack(move, gang, was);
      if (gang.how === 'Suspend') this.checkBudgets(move, gang);
    }
  }

  private bucketOf(nodeName: string): string | undefined {
    const node = this.checked.server.find(NODES, { name: nodeName });
    return node && toNodeFacts(node as Node).bucket;
  }

  private checkOurs(move: KubeObject): void {
    const spec = move.spec as NodeMoveSpec;
    if (spec.reason !== 'Capacity') return;
    for (const name of spec.nodes) this.checkGiver(move, name);
    const givers = new Set(spec.nodes.flatMap((name) => this.bucketOf(name) ?? []));
    for (const bucket of givers) if (bucket !== spec.to.bucket) this.checkBounds(move, bucket);
  }

  /** Running work is taken only for a strictly higher bucket, and never to give the node back. */
  private checkGiver({ metadata, spec }: KubeObject, nodeName: string): void {
    const from = this.bucketOf(nodeName);
    const to: string | undefined = spec.to.bucket;
    if (from === undefined || from === to || !this.isBusy(nodeName)) return;
    if (!this.invariants.isUndisturbed(from) || (to && !this.invariants.isUndisturbed(to))) return;
    if (to !== undefined && this.rank(to) > this.rank(from)) return;
    const message = `${metadata.name} takes busy ${nodeName} of ${from} for ${to ?? 'nobody'}`;
    this.invariants.breach('nothing is taken from an equal or higher bucket', `CapacityBucket ${from}`, message);
  }

  private isBusy(nodeName: string): boolean {
    const buckets = this.checked.view.namespaceBuckets();
    return (this.checked.server.all(PODS) as readonly Pod[]).some((pod) => {
      const own = pod.spec?.nodeName === nodeName && !pod.metadata.deletionTimestamp;
      return own && this.isKnown(pod) && occupies(toPodFacts(pod), buckets);
    });
  }

  /** Whether the controllers must know that it is bound. */
  private isKnown(pod: Pod): boolean {
    const made = this.checked.ages.ofPod(pod);
    return made !== undefined && this.checked.knowledge.must(made, 'work');
  }

  private specOf(bucket: string): CapacityBucketSpec | undefined {
    return this.checked.server.find(CAPACITY_BUCKETS, { name: bucket })?.spec as CapacityBucketSpec | undefined;
  }

  private rank(bucket: string): number {
    const priority = this.specOf(bucket)?.priority;
    return priority === undefined ? -1 : PRIORITY_RANK[priority];
  }

  /** No more nodes of a bucket are under way, or have left within the hour, than it says. */
  private checkBounds({ metadata }: KubeObject, bucket: string): void {
    const bounds = this.specOf(bucket)?.moves;
    if (!bounds || !this.invariants.isUndisturbed(bucket)) return;
    const moves = this.checked.server.all(NODE_MOVES).map(toMoveFacts);
    const gone = departures(moves, (node) => this.bucketOf(node), this.now()).get(bucket);
    if (!gone || (gone.live <= bounds.inFlight && gone.atMs.length <= bounds.perHour)) return;
    const message = `with ${metadata.name} ${gone.live} in flight (${bounds.inFlight}), ${gone.atMs.length} within the hour (${bounds.perHour})`;
    this.invariants.breach('no budget of moves is exceeded', `CapacityBucket ${bucket}`, message);
  }

  private podsOf(key: string): readonly Pod[] {
    const { server } = this.checked;
    const groups = new Map(server.all(POD_GROUPS).map((group) => [keyOf(group), toPodGroupFacts(group)] as const));
    return (server.all(PODS) as readonly Pod[]).filter(
      (pod) => pod.spec?.nodeName && gangKey(toPodFacts(pod), groups) === key,
    );
  }

  /** A gang gives way a second time only if it has come back onto the nodes. */
  private checkCameBack({ metadata, spec }: KubeObject, { key }: GangRecord, beforeAt: string): void {
    const beforeMs = parseTime(beforeAt) ?? 0;
    const back = this.podsOf(key).some((pod) => {
      return spec.nodes.includes(pod.spec!.nodeName!) && (parseTime(pod.metadata.creationTimestamp) ?? 0) >= beforeMs;
    });
    if (!back) this.invariants.breach('a gang is stopped once', `NodeMove ${metadata.name}`, `${key} gives way again`);
  }

  /** Suspending asks no budget, so moves has to; only past its deadline it need not. */
  private checkBudgets({ metadata, spec }: KubeObject, { key }: GangRecord): void {
    const deadlineMs = parseTime(spec.deadline);
    if (deadlineMs !== undefined && this.now() >= deadlineMs) return;
    const { server } = this.checked;
    const going = this.podsOf(key).filter(
      (pod) => pod.status?.phase === 'Running' && !pod.metadata.deletionTimestamp && this.isKnown(pod),
    );
    for (const budget of server.all(DISRUPTION_BUDGETS)) {
      if (!this.checked.knowledge.must(this.checked.ages.ofBudget(budget), 'work')) continue;
      const guarded = going.filter((pod) => budgetsOf(pod, [budget]).length > 0).length;
      // What its status still allows is what everybody believes.
      const believed: number = budget.status?.disruptionsAllowed ?? 0;
      const allowed = Math.max(believed, disruptionsAllowed(budget, server.all(PODS) as readonly Pod[]));
      if (guarded === 0 || guarded <= allowed) continue;
      const message = `${metadata.name} stops ${key}: ${guarded} pods of PodDisruptionBudget ${keyOf(budget)}, which allows ${allowed}`;
      this.invariants.breach('no disruption budget is violated', `NodeMove ${metadata.name}`, message);
    }
  }
}
