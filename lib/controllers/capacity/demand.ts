/**
 * Demand: what waits, as units that are placed whole. PURE.
 *
 * A gang short of minMember is one unit of all the pods it lacks; every other pod is a unit of its own (surplus members of a
 * gang, pods of Deployments, whose PodGroup has minMember 1). Hysteresis needs no memory: a pod that waits has waited since it
 * was created, because a bound pod never becomes unbound; so a unit counts once its youngest pod is `demandFor` old.
 */
import {
  bucketOfPod,
  difference,
  Filing,
  Gangs,
  sameEntries,
  type Amounts,
  type Gang,
  type PodFacts,
  type PodNeeds,
} from '../../fleet';
import { outOfReach, toQueues, type Queues } from './reach';
import type { CapacitySnapshot } from './snapshot';

/** Equal pods of a unit. */
export interface UnitPods {
  readonly shape: string;
  readonly requests: Amounts;
  readonly needs: PodNeeds;
  readonly count: number;
}

/** Pods that are placed together or not at all. */
export interface Unit {
  readonly key: string;
  /** For people: `gang research/llama` or `pod web/api-0`. */
  readonly label: string;
  readonly bucket: string;
  /** Queue of its PodGroup. Volcano places it on the nodes of that queue, and nowhere else. */
  readonly queue?: string;
  /** Why it can be placed nowhere, whatever room there is. */
  readonly outOfReach?: string;
  readonly gang: boolean;
  readonly oneLeaf: boolean;
  readonly pods: readonly UnitPods[];
  /** Equal for units that ask for the same, but for how much of it; absent where pods differ. */
  readonly kind?: string;
  /** Since when (epoch ms) all of it has waited. */
  readonly sinceMs: number;
}

/** Everything that waits, kept current from one look to the next. */
export class WaitingUnits {
  private namespaceBuckets: ReadonlyMap<string, string> = new Map();
  private pods: readonly PodFacts[] = [];
  private gangs = new Gangs();
  /** Of gangs in which something waits. */
  private readonly ofGangs = new Map<string, readonly Unit[]>();
  /** Of pods without a gang, by namespace. */
  private alone = this.fileAlone();

  /** Takes the next look: everything that waits, in no particular order. */
  update({ podGroups, pods, namespaceBuckets }: CapacitySnapshot): readonly Unit[] {
    if (!sameEntries(this.namespaceBuckets, namespaceBuckets)) this.startOver(namespaceBuckets);
    for (const key of this.gangs.update(podGroups, pods)) {
      const gang = this.gangs.get(key);
      const units = gang ? present(gangUnits(gang, this.bucketOf)) : [];
      if (units.length > 0) this.ofGangs.set(key, units);
      else this.ofGangs.delete(key);
    }
    this.alone.update(difference(this.pods, pods, ({ key }) => key));
    this.pods = pods;
    return [...[...this.ofGangs.values()].flat(), ...[...this.alone.summaries()].flatMap(([, units]) => units)];
  }

  private startOver(namespaceBuckets: ReadonlyMap<string, string>): void {
    this.namespaceBuckets = namespaceBuckets;
    this.pods = [];
    this.gangs = new Gangs();
    this.ofGangs.clear();
    this.alone = this.fileAlone();
  }

  private fileAlone(): Filing<PodFacts, readonly Unit[]> {
    return new Filing<PodFacts, readonly Unit[]>({
      valueOf: (pod) => (pod.gang === undefined && waits(pod) ? pod.namespace : undefined),
      compare: (a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)),
      summarise: (pods) => present(pods.map((pod) => podUnit(pod, this.bucketOf(pod)))),
    });
  }

  private readonly bucketOf = (pod: PodFacts) => bucketOfPod(pod, this.namespaceBuckets);
}

const present = (units: readonly (Unit | undefined)[]) => units.filter((unit) => unit !== undefined);

/** Units by bucket, oldest first. Pods without a bucket that exists are nobody's. `waiting`: from the look before, or new. */
export function toUnits(
  snapshot: CapacitySnapshot,
  waiting = new WaitingUnits(),
): ReadonlyMap<string, readonly Unit[]> {
  const names = snapshot.buckets.map(({ name }) => name).sort();
  const units = new Map<string, Unit[]>(names.map((name) => [name, []] as const));
  const queues = toQueues(snapshot.queues);
  for (const unit of waiting.update(snapshot)) units.get(unit.bucket)?.push(withReach(unit, queues));
  for (const list of units.values()) list.sort((a, b) => a.sinceMs - b.sinceMs || (a.key < b.key ? -1 : 1));
  return units;
}

function withReach(unit: Unit, queues: Queues): Unit {
  const why = outOfReach(unit, queues);
  return why === undefined ? unit : { ...unit, outOfReach: why };
}

function waits(pod: PodFacts): boolean {
  return pod.nodeName === undefined && !pod.ended && !pod.deleting && !pod.gated && !pod.system;
}

function gangUnits(gang: Gang, bucketOf: (pod: PodFacts) => string | undefined): (Unit | undefined)[] {
  if (gang.podless) return [podlessUnit(gang)];
  const waiting = gang.waiting.filter(waits);
  const first = waiting[0];
  if (!first) return [];
  const lacking = Math.max(0, gang.minMember - gang.placed.length);
  const alone = (pod: PodFacts) => podUnit(pod, bucketOf(pod) ?? gang.queue, gang.queue);
  if (lacking <= 1) return waiting.map(alone);
  const members = waiting.slice(0, lacking);
  // Members still to be created will look like the last one.
  const unborn = Array<PodFacts>(lacking - members.length).fill(members.at(-1)!);
  const whole = withKind({
    key: gang.key,
    label: `gang ${gang.key}`,
    bucket: bucketOf(first) ?? gang.queue ?? '',
    queue: gang.queue,
    gang: true,
    oneLeaf: gang.oneLeaf,
    pods: toUnitPods([...members, ...unborn]),
    sinceMs: Math.max(...members.map(({ createdAtMs }) => createdAtMs)),
  });
  return [whole, ...waiting.slice(lacking).map(alone)];
}

/** A gang whose pods come later: minMember pods that share minResources equally. */
function podlessUnit(gang: Gang): Unit | undefined {
  const requests: Record<string, number> = { pods: 1 };
  for (const [resource, amount] of Object.entries(gang.minResources)) {
    // Volcano writes quota names beside the plain ones.
    const counted = resource === 'pods' || /^(requests|limits|count)[./]/.test(resource);
    if (!counted) requests[resource] = amount / gang.minMember;
  }
  const shape = `podless:${JSON.stringify(requests)}`;
  return withKind({
    key: gang.key,
    label: `gang ${gang.key}`,
    bucket: gang.queue ?? '',
    queue: gang.queue,
    gang: true,
    oneLeaf: gang.oneLeaf,
    pods: [{ shape, requests, needs: {}, count: gang.minMember }],
    sinceMs: gang.createdAtMs,
  });
}

function podUnit(pod: PodFacts, bucket: string | undefined, queue?: string): Unit | undefined {
  if (bucket === undefined) return undefined;
  return withKind({
    key: `${pod.key}#pod`,
    label: `pod ${pod.key}`,
    bucket,
    queue,
    gang: false,
    oneLeaf: false,
    pods: toUnitPods([pod]),
    sinceMs: pod.createdAtMs,
  });
}

function withKind(unit: Unit): Unit {
  const [first, second] = unit.pods;
  return first && !second ? { ...unit, kind: `${unit.oneLeaf} ${first.shape}` } : unit;
}

function toUnitPods(pods: readonly PodFacts[]): readonly UnitPods[] {
  const byShape = new Map<string, { pod: PodFacts; count: number }>();
  for (const pod of pods) {
    const known = byShape.get(pod.shape);
    if (known) known.count += 1;
    else byShape.set(pod.shape, { pod, count: 1 });
  }
  return [...byShape].map(([shape, { pod, count }]) => ({ shape, requests: pod.requests, needs: pod.needs, count }));
}
