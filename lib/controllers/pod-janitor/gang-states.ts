/**
 * The ways in which a gang is stuck as a whole. PURE.
 *
 *   GangHalfDead   some members have died, what is left is fewer than it needs, and nobody has acted
 *   GangHalfBound  some members hold nodes, the others get none
 *   GangNodeGone   what is left of it is on nodes that are gone, or waits for one by name
 *   GangHung       all members run, and it makes no progress: no Checkpoint for much longer than usual, or a collective timed out (hung.ts)
 *
 * A gang whose members are just being deleted is somebody's business already, and in none of these states.
 */
import { parseDuration } from '../../domain/duration';
import type { JanitorPolicySpec } from '../../api';
import { gangKey, type PodGroupFacts } from '../../fleet';
import { hung } from './hung';
import { keyOfWork, type SeenEnds } from './remember-ends';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

/** States of gangs. */
export type GangState = 'GangHalfDead' | 'GangHalfBound' | 'GangNodeGone' | 'GangHung';

/** A gang that is stuck, or soon will be. */
export interface StuckGang {
  /** As in `RunningGang`. */
  readonly key: string;
  readonly namespace: string;
  readonly state: GangState;
  /** When (epoch ms) it began. */
  readonly sinceMs: number;
  /** When (epoch ms) it has lasted long enough. */
  readonly dueAtMs: number;
  /** All its pods, those that have ended too. */
  readonly members: readonly WorkPod[];
  /** For people: what is wrong, without the key. */
  readonly message: string;
  /** It waits for this node by name, and would wait for it again. */
  readonly pinnedTo?: string;
}

/** What is known beside the gang itself. */
export interface GangWorld {
  readonly snapshot: Pick<WorkSnapshot, 'deadSince' | 'checkpoints' | 'faults' | 'remembered'>;
  readonly groups: ReadonlyMap<string, PodGroupFacts>;
  readonly hosts: ReadonlySet<string>;
  /** Node that somebody saw a collective hang on → the gang that has it to itself. */
  readonly alone: ReadonlyMap<string, string>;
  readonly policy: Pick<JanitorPolicySpec, 'gangs' | 'stuck'>;
  readonly nowMs: number;
}

/** Pods by the gang that they are lost with, each gang sorted by name; pods alone and parts of nodes are in none. */
export function toMembers(
  pods: readonly WorkPod[],
  groups: ReadonlyMap<string, PodGroupFacts>,
): ReadonlyMap<string, readonly WorkPod[]> {
  const byKey = new Map<string, WorkPod[]>();
  for (const pod of pods) {
    if (pod.facts.system) continue;
    const key = gangKey(pod.facts, groups);
    if (key.startsWith('Pod ')) continue;
    const members = byKey.get(key);
    if (members) members.push(pod);
    else byKey.set(key, [pod]);
  }
  for (const members of byKey.values()) members.sort((a, b) => (a.facts.name < b.facts.name ? -1 : 1));
  return byKey;
}

interface Members {
  readonly alive: readonly WorkPod[];
  readonly running: readonly WorkPod[];
  readonly waiting: readonly WorkPod[];
  /** Died, and, as far as anybody can tell, nobody has put another in their place. */
  readonly dead: readonly Died[];
  readonly need: number;
  readonly podGroup?: PodGroupFacts;
}

/** What is wrong with this gang, if anything. */
export function gangStateOf(key: string, pods: readonly WorkPod[], world: GangWorld): StuckGang | undefined {
  const members = sort(pods, world);
  if (!members) return undefined;
  const found =
    halfDead(members, world) ??
    nodeGone(members, world) ??
    halfBound(members, world) ??
    (runsWhole(members) ? hung({ key, pods: members.running, podGroup: members.podGroup }, world) : undefined);
  return found && { ...found, key, namespace: pods[0]!.facts.namespace, members: pods };
}

/** What is wrong with a gang. */
export type Found = Omit<StuckGang, 'key' | 'namespace' | 'members'>;

interface Died {
  readonly pod: WorkPod;
  readonly sinceMs: number;
}

/** Who is alive and who is not; undefined while some are being deleted. */
function sort(pods: readonly WorkPod[], { snapshot, groups, policy, nowMs }: GangWorld): Members | undefined {
  const patienceMs = parseDuration(policy.gangs.halfDeadAfter);
  const seen = seenDeadMs(pods, snapshot.remembered);
  const alive: WorkPod[] = [];
  const died: Died[] = [];
  for (const pod of pods) {
    const { facts, deletionMs = nowMs } = pod;
    if (facts.phase === 'Succeeded') continue;
    const sinceMs = diedAtMs(pod, snapshot.deadSince, seen.get(facts.uid) ?? nowMs);
    if (sinceMs !== undefined) died.push({ pod, sinceMs });
    else if (!facts.deleting) alive.push(pod);
    else if (nowMs < deletionMs + patienceMs) return undefined;
    else died.push({ pod, sinceMs: deletionMs });
  }
  const podGroup = pods.map(({ facts }) => groups.get(facts.gang ?? '')).find((group) => group !== undefined);
  const dead = podGroup ? died : died.filter((one) => !isReplaced(one, alive));
  const need = podGroup ? podGroup.minMember : alive.length + dead.length;
  const waiting = alive.filter(({ facts }) => facts.nodeName === undefined);
  const running = alive.filter(({ facts }) => facts.nodeName !== undefined);
  return { alive, running, waiting, dead, need, podGroup };
}

/** Labels that say which rank a pod is: of a Job (a JobSet's too), of a PyTorchJob. */
const RANK_LABELS = [
  'batch.kubernetes.io/job-name',
  'batch.kubernetes.io/job-completion-index',
  'training.kubeflow.org/replica-type',
  'training.kubeflow.org/replica-index',
];

function rankOf({ facts: { labels = {} } }: WorkPod): string | undefined {
  const rank = RANK_LABELS.flatMap((key) => labels[key] ?? []);
  return rank.length < 2 ? undefined : rank.join(' ');
}

/** Pods of one gang are made within this time; one that was made later stands for one that died. */
const MADE_WITHIN_MS = 60_000;

/** Another pod of the same rank; where pods do not say their rank, one that was made after it had died. */
function isReplaced({ pod }: Died, alive: readonly WorkPod[]): boolean {
  const rank = rankOf(pod);
  if (rank !== undefined) return alive.some((other) => rankOf(other) === rank);
  const afterMs = endOf(pod) ?? pod.facts.createdAtMs + MADE_WITHIN_MS;
  return alive.some(({ facts }) => facts.createdAtMs > afterMs);
}

/** When (epoch ms) each of them was first seen dead. */
function seenDeadMs(pods: readonly WorkPod[], remembered: SeenEnds): ReadonlyMap<string, number> {
  const ends = remembered.get(keyOfWork(pods[0]!.facts) ?? '') ?? [];
  return new Map(ends.map(({ pod, seenAtMs }) => [pod.facts.uid, seenAtMs] as const));
}

/** When (epoch ms) its last container ended, where its kubelet lived to say so; else what its conditions say. */
function endOf({ containers, endedMs }: WorkPod): number | undefined {
  const ends = containers.flatMap(({ finishedMs }) => finishedMs ?? []);
  return ends.length === 0 ? endedMs : Math.max(...ends);
}

/** When (epoch ms) the pod ended in failure, or its node did; undefined: neither. */
function diedAtMs(pod: WorkPod, deadSince: ReadonlyMap<string, number>, seenMs: number): number | undefined {
  const { phase, nodeName } = pod.facts;
  if (phase === 'Failed') return endOf(pod) ?? seenMs;
  return nodeName === undefined ? undefined : deadSince.get(nodeName);
}

function halfDead({ alive, running, dead, need }: Members, { policy }: GangWorld): Found | undefined {
  if (dead.length === 0 || running.length === 0 || alive.length >= need) return undefined;
  const sinceMs = Math.max(...dead.map(({ sinceMs: diedMs }) => diedMs));
  const { pod } = dead[0]!;
  const more = dead.length > 1 ? ` and ${dead.length - 1} more` : '';
  return {
    state: 'GangHalfDead',
    sinceMs,
    dueAtMs: sinceMs + parseDuration(policy.gangs.halfDeadAfter),
    message: `pod ${pod.facts.name}${more} has died, and ${alive.length} of the ${need} it needs are left`,
  };
}

function nodeGone({ alive, running, waiting, dead }: Members, world: GangWorld): Found | undefined {
  const { policy, snapshot, hosts } = world;
  const pinned = waiting.find(({ pinnedTo = [] }) => pinnedTo.length > 0 && !pinnedTo.some((name) => hosts.has(name)));
  if (pinned) {
    const host = pinned.pinnedTo![0]!;
    const sinceMs = Math.max(pinned.facts.createdAtMs, snapshot.deadSince.get(host) ?? 0);
    return {
      state: 'GangNodeGone',
      sinceMs,
      dueAtMs: sinceMs + parseDuration(policy.stuck.unbound),
      message: `pod ${pinned.facts.name} waits for node ${host}, which does not exist`,
      pinnedTo: host,
    };
  }
  const vanished = dead.filter(
    ({ pod }) => pod.facts.phase !== 'Failed' && snapshot.deadSince.has(pod.facts.nodeName!),
  );
  if (vanished.length === 0 || running.length > 0) return undefined;
  const sinceMs = Math.max(...vanished.map(({ sinceMs: diedMs }) => diedMs));
  const left = alive.length === 0 ? 'nothing of it is left elsewhere' : `${alive.length} of it wait for a node`;
  return {
    state: 'GangNodeGone',
    sinceMs,
    dueAtMs: sinceMs + parseDuration(policy.stuck.vanishedNode),
    message: `${vanished.length} of its pods are on nodes that are gone, and ${left}`,
  };
}

/** Only for a PodGroup: without one nobody knows how many belong together. */
function halfBound(members: Members, { policy }: GangWorld): Found | undefined {
  const { alive, running, waiting, need, podGroup } = members;
  if (!podGroup || running.length === 0 || running.length >= need || alive.length < need) return undefined;
  const sinceMs = Math.max(...alive.map(({ facts }) => facts.createdAtMs));
  return {
    state: 'GangHalfBound',
    sinceMs,
    dueAtMs: sinceMs + parseDuration(policy.gangs.halfBoundAfter),
    message: `${running.length} of its pods hold nodes and ${waiting.length} get none; it needs ${need} at once`,
  };
}

/** All of it runs. */
function runsWhole({ alive, running, need }: Members): boolean {
  const whole = running.length > 0 && alive.length === running.length && alive.length >= need;
  return whole && running.every(({ facts }) => facts.phase === 'Running');
}
