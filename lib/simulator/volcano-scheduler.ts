/**
 * Volcano's scheduler in the configuration we ship: actions allocate and backfill; gangs whole or not at all; capability enforced when
 * pods are placed; node groups strict; hard network topology. Once a second, from one snapshot.
 */
import type { KubeObject, Pod } from '../domain/kube';
import { FOREIGN_KEYS, NODEGROUP_LABEL } from '../domain/node-keys';
import { parseQuantity } from '../domain/quantity';
import { NODES, POD_GROUPS, PODS, QUEUES } from '../domain/resources';
import { awaits, Binder, byPriority } from './default-scheduler';
import { Cycle, patchStatus, withConditions, type Inside } from './inside';
import {
  addTo,
  hasRoom,
  mayRunOn,
  requestsOf,
  sit,
  stand,
  takeSeats,
  toQuantities,
  type Amounts,
  type Seat,
} from './placement';
import { hasEnded } from './pod-rules';
import { jsonEqual } from './json';

/** Volcano's `schedule-period`. */
const PERIOD_MS = 1000;

/** One gang as the scheduler sees it in a cycle. */
interface Gang {
  readonly group: KubeObject;
  readonly pods: readonly Pod[];
  readonly waiting: readonly Pod[];
  /** Bound before this cycle, ending ones included: what the phase goes by. */
  readonly bound: number;
  /** Bound before this cycle and not ending: what the gang may count on. */
  readonly ready: number;
  readonly minMember: number;
}

interface Session {
  readonly inside: Inside;
  readonly binder: Binder;
  readonly seats: Map<string, Seat>;
  readonly queues: Map<string, KubeObject>;
  /** What each queue has bound and not ending. */
  readonly allocated: Map<string, Amounts>;
}

/** Starts Volcano's scheduler and its queue controller. */
export function startVolcanoScheduler(inside: Inside, binder = new Binder(inside, [0, 0])): void {
  const offset = Math.floor(inside.random() * PERIOD_MS);
  const cycle = new Cycle(inside.clock, PERIOD_MS, offset, () => schedule(inside, binder));
  for (const resource of [NODES, PODS, POD_GROUPS, QUEUES]) inside.server.onChange(() => cycle.touch(), resource);
  inside.server.onChange(({ type, object }) => {
    if (type === 'ADDED') inside.clock.after(20, () => openQueue(inside, object.metadata.name));
  }, QUEUES);
  for (const name of ['root', 'default']) {
    inside.server.create(QUEUES, { apiVersion: '', kind: 'Queue', metadata: { name }, spec: { weight: 1 } });
  }
}

function openQueue(inside: Inside, name: string): void {
  const queue = inside.server.find(QUEUES, { name });
  if (queue && !queue.status?.state) patchStatus(inside, QUEUES, queue, { state: 'Open' });
}

function schedule(inside: Inside, binder: Binder): void {
  const session = openSession(inside, binder);
  const gangs = readGangs(inside, binder);
  const refused = new Map<Gang, Pod[]>();
  for (const gang of gangs) {
    if (gang.waiting.length > 0) refused.set(gang, allocate(session, gang));
  }
  for (const gang of gangs) closeGang(inside, gang, refused.get(gang)?.length ?? 0);
  for (const queue of session.queues.values()) closeQueue(session, queue);
}

function openSession(inside: Inside, binder: Binder): Session {
  const queues = new Map(inside.server.all(QUEUES).map((queue) => [queue.metadata.name, queue]));
  const allocated = new Map<string, Amounts>([...queues.keys()].map((name) => [name, {}]));
  for (const pod of inside.server.all(PODS) as readonly Pod[]) {
    if (!pod.spec?.nodeName || hasEnded(pod) || pod.metadata.deletionTimestamp) continue;
    const group = groupOf(inside, pod);
    const sum = group ? allocated.get(queueOf(group)) : undefined;
    if (sum) addTo(sum, requestsOf(pod));
  }
  return { inside, binder, seats: takeSeats(inside, binder.assumed), queues, allocated };
}

const hasFailed = (pod: Pod): boolean => pod.status?.phase === 'Failed';

function queueOf(group: KubeObject): string {
  return group.spec?.queue ?? 'default';
}

function groupOf({ server }: Inside, pod: Pod): KubeObject | undefined {
  const name = pod.metadata.annotations?.[FOREIGN_KEYS.gangName];
  return name ? server.find(POD_GROUPS, { name, namespace: pod.metadata.namespace }) : undefined;
}

/** All gangs, higher priority first, then older, then by name. */
function readGangs(inside: Inside, binder: Binder): Gang[] {
  const byGroup = new Map<string, Pod[]>();
  for (const pod of inside.server.all(PODS) as readonly Pod[]) {
    const name = pod.metadata.annotations?.[FOREIGN_KEYS.gangName];
    if (!name) continue;
    const key = `${pod.metadata.namespace}/${name}`;
    const pods = byGroup.get(key);
    if (pods) pods.push(pod);
    else byGroup.set(key, [pod]);
  }
  const gangs = inside.server.all(POD_GROUPS).map((group): Gang => {
    const pods = byGroup.get(`${group.metadata.namespace}/${group.metadata.name}`) ?? [];
    return {
      group,
      pods,
      waiting: pods.filter((pod) => awaits(pod, 'volcano') && !binder.assumed.has(pod.metadata.uid!)).sort(byPriority),
      bound: pods.filter((pod) => pod.spec?.nodeName && (pod.metadata.deletionTimestamp || !hasFailed(pod))).length,
      ready: pods.filter((pod) => pod.spec?.nodeName && !pod.metadata.deletionTimestamp && !hasFailed(pod)).length,
      minMember: group.spec?.minMember ?? 1,
    };
  });
  const priority = ({ pods }: Gang) => pods[0]?.spec?.priority ?? 0;
  const born = ({ group }: Gang) => parseInt(group.metadata.uid!.slice(-12), 16);
  return gangs.sort((a, b) => priority(b) - priority(a) || born(a) - born(b));
}

/** Binds as many of the gang's pods as fit, if they make the gang ready; returns the pods that stay. */
function allocate(session: Session, gang: Gang): Pod[] {
  const queue = session.queues.get(queueOf(gang.group));
  if (!queue) return [...gang.waiting];
  for (const seats of domains(session, gang)) {
    const placed = place(session, gang, queue, seats);
    if (gang.ready + placed.size < gang.minMember || placed.size === 0) {
      giveBack(session, gang, placed);
      continue;
    }
    for (const [pod, seat] of placed) session.binder.bind(pod, seat.node.metadata.name);
    return gang.waiting.filter((pod) => !placed.has(pod));
  }
  return [...gang.waiting];
}

function place(session: Session, gang: Gang, queue: KubeObject, seats: readonly Seat[]): Map<Pod, Seat> {
  const allocated = session.allocated.get(queue.metadata.name)!;
  const placed = new Map<Pod, Seat>();
  for (const pod of gang.waiting) {
    if (!withinCapability(queue, allocated, requestsOf(pod))) continue;
    const seat = fullest(seats.filter((one) => admits(queue, one) && fits(one, pod)));
    if (!seat) continue;
    sit(seat, pod);
    addTo(allocated, requestsOf(pod));
    placed.set(pod, seat);
  }
  return placed;
}

function giveBack(session: Session, gang: Gang, placed: ReadonlyMap<Pod, Seat>): void {
  const allocated = session.allocated.get(queueOf(gang.group))!;
  for (const [pod, seat] of placed) {
    stand(seat, pod);
    for (const [name, amount] of Object.entries(requestsOf(pod))) allocated[name] = (allocated[name] ?? 0) - amount;
  }
}

function fits(seat: Seat, pod: Pod): boolean {
  return hasRoom(seat.free, requestsOf(pod)) && mayRunOn(pod, seat.node);
}

/** binpack: the node with the most pods, then by name. */
function fullest(seats: readonly Seat[]): Seat | undefined {
  let best: Seat | undefined;
  for (const seat of seats) if (!best || seat.pods > best.pods) best = seat;
  return best;
}

/** nodegroup, strict: a queue's pods run in its groups only, a queue without groups only on nodes without one. */
function admits(queue: KubeObject, { node }: Seat): boolean {
  const groups: readonly string[] | undefined =
    queue.spec?.affinity?.nodeGroupAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const group = node.metadata.labels?.[NODEGROUP_LABEL];
  return groups ? group !== undefined && groups.includes(group) : group === undefined;
}

function withinCapability(queue: KubeObject, allocated: Amounts, more: Amounts): boolean {
  const capability: Readonly<Record<string, string>> = queue.spec?.capability ?? {};
  return Object.entries(capability).every(
    ([name, most]) => !more[name] || (allocated[name] ?? 0) + more[name] <= parseQuantity(most),
  );
}

/** The sets of nodes the gang may use as a whole: with hard topology one per HyperNode, lowest tier first, else all nodes. */
function domains(session: Session, { group, pods }: Gang): Seat[][] {
  const all = [...session.seats.values()];
  const { mode, highestTierAllowed } = group.spec?.networkTopology ?? {};
  if (mode !== 'hard') return [all];
  const tiers = Array.from({ length: Math.min(highestTierAllowed ?? 1, 3) }, (_, i) => (3 - i) as 1 | 2 | 3);
  return tiers.flatMap((layer) => {
    const label = FOREIGN_KEYS.networkLayer(layer);
    const taken = new Set(pods.flatMap((pod) => labelOf(session.seats.get(pod.spec?.nodeName ?? ''), label) ?? []));
    const sets = [...byDomain(all, label)].filter(([domain]) => [...taken].every((used) => used === domain));
    return sets.map(([, seats]) => seats);
  });
}

function labelOf(seat: Seat | undefined, label: string): string | undefined {
  return seat?.node.metadata.labels?.[label];
}

function byDomain(seats: readonly Seat[], label: string): Map<string, Seat[]> {
  const sets = new Map<string, Seat[]>();
  for (const seat of seats) {
    const domain = labelOf(seat, label);
    if (domain !== undefined) sets.set(domain, [...(sets.get(domain) ?? []), seat]);
  }
  return sets;
}

const SCHEDULED = { type: 'Scheduled', status: 'True', reason: 'tasks in gang are ready to be scheduled' } as const;

/** Phase and conditions of a PodGroup, from what was bound before this cycle; conditions are never taken back. */
function closeGang(inside: Inside, gang: Gang, refusedNow: number): void {
  const { group, pods, bound, minMember } = gang;
  const running = pods.filter((pod) => pod.status?.phase === 'Running' && !pod.metadata.deletionTimestamp).length;
  const boundNow = gang.waiting.length - refusedNow;
  const starved = refusedNow > 0 && gang.ready + boundNow < minMember;
  const phase = nextPhase({ opened: openedPhase(group), bound, running, starved, minMember, pods });
  let conditions = group.status?.conditions;
  if (boundNow > 0 || bound >= Math.max(1, minMember)) conditions = withConditions(inside, conditions, SCHEDULED);
  if (starved) conditions = withConditions(inside, conditions, starvedCondition(gang, refusedNow));
  const next = { phase, running: running || undefined, conditions };
  if (!jsonEqual({ ...group.status, ...next }, group.status)) {
    patchStatus(inside, POD_GROUPS, group, { ...next, running: running || null });
  }
  if (starved) tellPods(inside, gang);
}

/** The phase a PodGroup has while its cycle runs: every one is Inqueue from its first cycle on. */
function openedPhase({ status }: KubeObject): string {
  const { phase = 'Pending' } = status ?? {};
  return phase === 'Pending' ? 'Inqueue' : phase;
}

function nextPhase(gang: {
  readonly opened: string;
  readonly bound: number;
  readonly running: number;
  readonly starved: boolean;
  readonly minMember: number;
  readonly pods: readonly Pod[];
}): string {
  const { opened, bound, running, starved, minMember, pods } = gang;
  if (pods.length >= minMember && pods.every(hasEnded)) return 'Completed';
  if (running > 0 && starved) return 'Unknown';
  if (bound >= minMember) return 'Running';
  return opened === 'Inqueue' ? 'Inqueue' : 'Pending';
}

function starvedCondition({ minMember, waiting }: Gang, refused: number) {
  const message = `${refused}/${waiting.length} tasks in gang unschedulable: pod group is not ready, ${waiting.length} Pending, ${minMember} minAvailable`;
  return { type: 'Unschedulable', status: 'True', reason: 'NotEnoughResources', message } as const;
}

function tellPods(inside: Inside, { waiting }: Gang): void {
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: 'pod group is not ready',
  } as const;
  for (const pod of waiting) {
    if (pod.status?.conditions?.some(({ type }) => type === 'PodScheduled')) continue;
    patchStatus(inside, PODS, pod, { conditions: withConditions(inside, pod.status?.conditions, condition) });
  }
}

function closeQueue({ inside, allocated }: Session, queue: KubeObject): void {
  const sums = toQuantities(allocated.get(queue.metadata.name)!);
  const next = Object.keys(sums).length > 0 ? sums : undefined;
  if (jsonEqual(queue.status?.allocated, next)) return;
  inside.server.mergePatch(
    QUEUES,
    { name: queue.metadata.name },
    { status: { allocated: null } },
    { subresource: 'status' },
  );
  if (next) patchStatus(inside, QUEUES, queue, { allocated: next });
}
