/** What has to be brought back, or soon will: stuck gangs and work that has ended in failure. PURE. */
import type { PodGroupFacts } from '../../fleet';
import { gangStateOf, toMembers, type GangWorld, type StuckGang } from './gang-states';
import { aloneOnReported } from './hung';
import type { WorkKind } from './pod-templates';
import { podWork, type WorkFacts } from './work';
import type { WorkFinding, WorkPolicy } from './work-actions';
import type { WorkPod, WorkSnapshot } from './work-snapshot';

/** One piece of work that has to be brought back. */
export interface WorkCase {
  /** Of the gang, or of the work. */
  readonly key: string;
  readonly work: WorkFacts;
  /** Group of a LeaderWorkerSet. */
  readonly group?: string;
  readonly how: 'Restart' | 'Copy';
  readonly state: WorkFinding['state'];
  readonly pods: readonly WorkPod[];
  readonly sinceMs?: number;
  readonly dueAtMs?: number;
  readonly message: string;
  /** Nobody gave it an owner that retries: only what the infrastructure took is brought back. */
  readonly bare: boolean;
}

/** What is looked up again and again. */
export interface WorkWorld {
  readonly snapshot: WorkSnapshot;
  readonly policy: WorkPolicy;
  readonly nowMs: number;
  readonly works: ReadonlyMap<string, WorkFacts>;
  readonly groups: ReadonlyMap<string, PodGroupFacts>;
  readonly members: ReadonlyMap<string, readonly WorkPod[]>;
  /** Every gang that is stuck or soon will be, by key. */
  readonly stuck: ReadonlyMap<string, StuckGang>;
  /** Bare pods that ended or whose node has, by key of their work. */
  readonly ended: ReadonlyMap<string, WorkPod>;
}

/** Files what is in the snapshot. */
export function toWorkWorld(snapshot: WorkSnapshot, policy: WorkPolicy, nowMs: number): WorkWorld {
  const groups = new Map(snapshot.podGroups.map((group) => [group.key, group] as const));
  const members = toMembers(snapshot.pods, groups);
  const names = [...snapshot.nodes.keys()].map((name) => snapshot.hostnames.get(name) ?? name);
  const hosts = new Set([...names, ...snapshot.nodes.keys()]);
  const gangs: GangWorld = { snapshot, groups, hosts, alone: aloneOnReported(snapshot, groups), policy, nowMs };
  const stuck = new Map<string, StuckGang>();
  for (const [key, pods] of members) {
    const found = gangStateOf(key, pods, gangs);
    if (found) stuck.set(key, found);
  }
  const works = new Map(snapshot.works.map((work) => [work.key, work] as const));
  return { snapshot, policy, nowMs, works, groups, members, stuck, ended: endedPods(snapshot) };
}

function endedPods({ pods, deadSince }: WorkSnapshot): ReadonlyMap<string, WorkPod> {
  const alone = pods.filter(({ facts }) => {
    if (facts.owner || facts.system || facts.gang !== undefined || facts.workload || facts.phase === 'Succeeded')
      return false;
    return facts.phase === 'Failed' || deadSince.has(facts.nodeName ?? '');
  });
  return new Map(alone.map((pod) => [`Pod ${pod.facts.key}`, pod] as const));
}

/** The object to ask for a gang, and its group where it has several. */
export function workOfGang(key: string, { works }: WorkWorld): { readonly work?: WorkFacts; readonly group?: string } {
  const [kind = '', path = ''] = key.split(' ');
  const [namespace = '', name = '', group] = path.split('/');
  const work = works.get(`${kind} ${namespace}/${name}`);
  // The RayCluster of a RayJob is made anew by it: the RayJob is asked.
  return { work: work?.maker === undefined ? work : works.get(work.maker), group };
}

/** Kinds whose end in failure is an end for good. */
const ENDING: ReadonlySet<WorkKind> = new Set<WorkKind>(['VolcanoJob', 'Job', 'JobSet', 'PyTorchJob', 'RayJob']);

/** Everything that has to be brought back now, sorted by key; and when more will be. */
export function casesOf(world: WorkWorld): {
  readonly cases: readonly WorkCase[];
  readonly moments: readonly number[];
} {
  const { nowMs } = world;
  const due = [...world.stuck.values()].filter(({ dueAtMs }) => dueAtMs <= nowMs);
  const moments = [...world.stuck.values()].map(({ dueAtMs }) => dueAtMs).filter((atMs) => atMs > nowMs);
  const cases = [
    ...due.flatMap((gang) => gangCase(gang, world) ?? []),
    ...endedGangs(world),
    ...endedWork(world),
    ...[...world.ended].map(([key, pod]): WorkCase => {
      const message = 'the pod has no owner that would make it anew';
      return { key, work: podWork(pod), how: 'Copy', state: 'Ended', pods: [pod], message, bare: true };
    }),
  ];
  return { cases: cases.sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))), moments };
}

function gangCase(gang: StuckGang, world: WorkWorld): WorkCase | undefined {
  const { key, state, members, sinceMs, dueAtMs, message } = gang;
  const { work, group } = workOfGang(key, world);
  if (!work) return undefined;
  const bare = isBare(work, members);
  return { key, work, group, how: bare ? 'Copy' : 'Restart', state, pods: members, sinceMs, dueAtMs, message, bare };
}

/** A PodGroup that a person made, and pods that nobody would make anew. */
function isBare({ kind, owned }: WorkFacts, members: readonly WorkPod[]): boolean {
  return kind === 'PodGroup' && !owned && members.every(({ facts }) => facts.owner === undefined);
}

/** Gangs of bare pods of which nothing is left. */
function endedGangs(world: WorkWorld): WorkCase[] {
  const { snapshot, members, stuck } = world;
  return [...members].flatMap(([key, pods]): WorkCase[] => {
    const { work } = workOfGang(key, world);
    const over = ({ facts }: WorkPod) => facts.phase === 'Failed' || snapshot.deadSince.has(facts.nodeName ?? '');
    if (stuck.has(key) || !work || !isBare(work, pods) || !pods.every(over)) return [];
    return [{ key, work, how: 'Copy', state: 'Ended', pods, message: 'none of its pods is left', bare: true }];
  });
}

function endedWork({ snapshot, members }: WorkWorld): WorkCase[] {
  const ended = snapshot.works.filter(({ phase, kind }) => phase === 'Failed' && ENDING.has(kind));
  if (ended.length === 0) return [];
  // Pods of a plain Job are no gang, and are evidence all the same.
  const byOwner = podsByOwner(ended, snapshot.pods);
  return ended.map((work) => {
    const present = members.get(work.key) ?? byOwner.get(work.uid) ?? [];
    const seen = new Set(present.map(({ facts }) => facts.uid));
    const ends = snapshot.remembered.get(work.key) ?? [];
    const remembered = ends.map(({ pod }) => pod).filter(({ facts }) => !seen.has(facts.uid));
    const message = `it has ended: ${work.why ?? 'in failure'}`;
    const pods = [...present, ...remembered];
    return { key: work.key, work, how: 'Copy', state: 'Ended', pods, message, bare: false };
  });
}

function podsByOwner(works: readonly WorkFacts[], pods: readonly WorkPod[]): ReadonlyMap<string, readonly WorkPod[]> {
  const byOwner = new Map<string, WorkPod[]>(works.map(({ uid }) => [uid, []]));
  for (const pod of pods) byOwner.get(pod.facts.workload?.uid ?? '')?.push(pod);
  return byOwner;
}
