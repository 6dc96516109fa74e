/**
 * Single pods that are stuck, and what is done about them. PURE: one look at all of them, because budgets span the cluster.
 *
 *  1 gone       which nodes are gone that pods name, and since when (memory.ts)
 *  2 stuck      how each pod is stuck, if at all, and whether it is for long enough (stuck.ts, starting.ts)
 *  3 scope      work in buckets, where nobody said to leave it alone (scope.ts)
 *  4 decide     the one safe thing, within the hard rules (decide.ts, rules.ts, death.ts, finalizers.ts, image-pulls.ts)
 *  5 budgets    the longest stuck first (budgets.ts); what is said is said once
 *
 * With `dryRun` everything is recognised and said, and nothing is done. Whatever is done is looked at live once more (recheck.ts).
 */
import type { JanitorPolicySpec } from '../../api';
import { formatTime } from '../../domain/kube';
import { shortHash } from '../../fleet';
import type { PodAction } from './actions';
import { Budgets } from './budgets';
import { decide, type Surroundings, type Wish } from './decide';
import { readPulls } from './image-pulls';
import { AGAIN_MS, aboutOf, goneNodes, recentDeeds, type Deed, type JanitorMemory } from './memory';
import { instanceBehind } from './node-state';
import type { JanitorPod } from './pod';
import { scopeOf } from './scope';
import type { JanitorSnapshot } from './snapshot';
import { stuckOf, toStuckTimes, type Around, type Stuck, type StuckState } from './stuck';

/** A pod that is stuck for long enough. */
export interface PodFinding {
  /** `namespace/name`. */
  readonly pod: string;
  readonly uid: string;
  readonly state: StuckState;
  readonly sinceMs: number;
  readonly node?: string;
  /** `namespace/name` of its gang. */
  readonly gang?: string;
  readonly next: Wish['type'];
  /** Why that, for people. */
  readonly words: string;
  /** What keeps it from being done in this look. */
  readonly waits?: string;
}

/** What one look at single pods comes to. */
export interface PodPlan {
  /** In the order in which they are done. */
  readonly actions: readonly PodAction[];
  /** Every stuck pod, the longest first. */
  readonly findings: readonly PodFinding[];
  /** Instances that EC2 should be asked about: what it says of them could free a pod. */
  readonly askInstances: readonly string[];
  /** When (epoch ms) to look again even if nothing happens. */
  readonly againMs: number | undefined;
  /** For the next look. */
  readonly memory: JanitorMemory;
}

interface StuckPod {
  readonly pod: JanitorPod;
  readonly stuck: Stuck;
}

/** Decides for every single pod. */
export function planPods(snapshot: JanitorSnapshot, policy: JanitorPolicySpec, nowMs: number): PodPlan {
  const goneSince = goneNodes(snapshot.memory, snapshot.pods, snapshot, nowMs);
  const around: Around = { ...snapshot, goneSince, times: toStuckTimes(policy), nowMs };
  const all = snapshot.pods.flatMap((pod): StuckPod[] => {
    const stuck = stuckOf(pod, around);
    return stuck ? [{ pod, stuck }] : [];
  });
  const ours = all.filter(({ pod }) => scopeOf(pod, snapshot, policy) === 'In').sort(longestFirst);
  const due = ours.filter(({ stuck }) => nowMs >= stuck.dueMs);
  const surroundings = surroundingsOf(snapshot, all, { policy, nowMs });
  const spent = spend(due, { surroundings, snapshot, policy, nowMs });
  const moments = [spent.againMs, ...ours.map(({ stuck }) => stuck.dueMs).filter((ms) => ms > nowMs)];
  const again = Math.min(...moments);
  return {
    ...{ actions: spent.actions, findings: spent.findings },
    askInstances: instancesToAsk(snapshot, ours),
    againMs: Number.isFinite(again) ? again : undefined,
    memory: { ...snapshot.memory, goneSince, deeds: spent.deeds, said: spent.said },
  };
}

function longestFirst(a: StuckPod, b: StuckPod): number {
  return a.stuck.sinceMs - b.stuck.sinceMs || (a.pod.facts.key < b.pod.facts.key ? -1 : 1);
}

interface Moment {
  readonly policy: JanitorPolicySpec;
  readonly nowMs: number;
}

function surroundingsOf(snapshot: JanitorSnapshot, all: readonly StuckPod[], moment: Moment): Surroundings {
  const nodesWhere = (holds: (stuck: Stuck) => boolean) =>
    new Set(all.flatMap(({ pod, stuck }) => (holds(stuck) && pod.facts.nodeName ? [pod.facts.nodeName] : [])));
  return {
    ...snapshot,
    ...moment,
    // Which image is where is a look at every container of the cluster, and is asked for when one fails.
    pulls: readPulls(all.some(({ stuck }) => stuck.state === 'ImagePull') ? snapshot.pods : [], snapshot.events),
    withoutAddress: nodesWhere(({ state }) => state === 'NoAddress'),
    withoutDriver: nodesWhere(({ cause }) => cause?.state === 'VolumeAttached' && cause.kind === 'NoDriver'),
  };
}

interface Look extends Moment {
  readonly surroundings: Surroundings;
  readonly snapshot: JanitorSnapshot;
}

interface Spent {
  readonly actions: readonly PodAction[];
  readonly findings: readonly PodFinding[];
  readonly deeds: readonly Deed[];
  readonly said: ReadonlySet<string>;
  readonly againMs: number;
}

function spend(due: readonly StuckPod[], { surroundings, snapshot, policy, nowMs }: Look): Spent {
  const { memory, reports } = snapshot;
  const deeds = [...recentDeeds(memory, nowMs)];
  const budgets = new Budgets(policy.budgets, deeds, { nowMs, openAtMs: memory.openAtMs });
  const lastMs = new Map(deeds.map(({ about, atMs }) => [about, atMs]));
  const actions: PodAction[] = [];
  const findings: PodFinding[] = [];
  const said = new Set<string>();
  let againMs = Infinity;
  for (const { pod, stuck } of due) {
    const wish = decide(pod, stuck, surroundings);
    const action = toAction(pod, stuck, wish, policy.dryRun);
    const outcome = action && tryAction(pod, action, { budgets, lastMs, known: memory.said, reports, nowMs });
    findings.push({ ...toFinding(pod, stuck, wish), ...(outcome?.waits ? { waits: outcome.waits } : {}) });
    if (!action || !outcome) continue;
    if (outcome.untilMs !== undefined) againMs = Math.min(againMs, outcome.untilMs);
    if (outcome.deed) {
      actions.push(action);
      deeds.push(outcome.deed);
    }
    if (outcome.said) said.add(outcome.said);
  }
  return { actions, findings, deeds, said, againMs };
}

interface Attempt {
  readonly budgets: Budgets;
  /** When the same was tried last. */
  readonly lastMs: ReadonlyMap<string, number>;
  /** What was said before. */
  readonly known: ReadonlySet<string>;
  readonly reports: ReadonlySet<string>;
  readonly nowMs: number;
}

interface AttemptOutcome {
  /** It is done now. */
  readonly deed?: Deed;
  /** It is said now, or was before. */
  readonly said?: string;
  readonly waits?: string;
  readonly untilMs?: number;
}

function tryAction(pod: JanitorPod, action: PodAction, attempt: Attempt): AttemptOutcome {
  const about = aboutOf(action);
  if (action.type === 'Say' || action.type === 'ReportFault') {
    const isReported = action.type === 'ReportFault' && attempt.reports.has(`${action.namespace}/${action.report}`);
    if (isReported || attempt.known.has(about)) return { said: about };
    const outcome = pay(pod, { kind: 'Say', about }, attempt);
    return outcome.deed ? { ...outcome, said: about } : outcome;
  }
  const untilMs = (attempt.lastMs.get(about) ?? -Infinity) + AGAIN_MS[action.type];
  if (attempt.nowMs < untilMs) return { waits: 'it was tried a moment ago', untilMs };
  return pay(pod, { kind: 'Act', about }, attempt);
}

function pay({ facts }: JanitorPod, what: Pick<Deed, 'kind' | 'about'>, { budgets, nowMs }: Attempt): AttemptOutcome {
  const deed = { ...what, owner: facts.owner?.uid ?? facts.uid, namespace: facts.namespace };
  const wait = budgets.take(deed);
  return wait ? { waits: wait.words, untilMs: wait.untilMs } : { deed: { ...deed, atMs: nowMs } };
}

/** FaultReports and Events hold no more than that. */
const cut = (text: string) => text.slice(0, 1024);

function toAction(pod: JanitorPod, stuck: Stuck, wish: Wish, dryRun: boolean): PodAction | undefined {
  const { key, uid, nodeName } = pod.facts;
  const { state, sinceMs } = stuck;
  const said = { pod: key, uid } as const;
  const message = cut(`${state} since ${formatTime(sinceMs)}: ${wish.words}`);
  if (wish.type === 'Wait') return undefined;
  if (wish.type === 'Say') return { type: 'Say', ...said, reason: state, message };
  if (dryRun)
    return {
      type: 'Say',
      ...said,
      reason: `Would${wish.type}`,
      message: cut(`dryRun: would ${WOULD[wish.type]}: ${message}`),
    };
  const decided = { ...said, resourceVersion: pod.resourceVersion, state, sinceMs, message };
  switch (wish.type) {
    case 'ForceDelete':
      return { type: 'ForceDelete', ...decided, node: nodeName!, proof: wish.proof, endFirst: !pod.facts.ended };
    case 'RemoveFinalizer':
      return { type: 'RemoveFinalizer', ...decided, finalizer: wish.finalizer, owners: wish.owners };
    case 'ReportFault':
      return { type: 'ReportFault', ...reportOf(pod, stuck), kind: wish.kind, message };
  }
}

const WOULD = {
  ForceDelete: 'delete it',
  RemoveFinalizer: 'take the finalizer off, if its owners are gone',
  ReportFault: 'report its node',
};

function reportOf({ facts }: JanitorPod, { state, sinceMs }: Stuck) {
  const { namespace, name, uid, nodeName = '' } = facts;
  const report = `janitor-${shortHash(`${nodeName} ${uid} ${state}`)}`;
  return { report, namespace, pod: name, node: nodeName, observedMs: sinceMs };
}

function toFinding({ facts }: JanitorPod, { state, sinceMs }: Stuck, { type, words }: Wish): PodFinding {
  const { key, uid, nodeName, gang } = facts;
  const place = { ...(nodeName ? { node: nodeName } : {}), ...(gang ? { gang } : {}) };
  return { pod: key, uid, state, sinceMs, ...place, next: type, words };
}

/** Machines of pods that wait for proof: of unreachable nodes, and of nodes that are gone and are named by their instance. */
function instancesToAsk(snapshot: JanitorSnapshot, ours: readonly StuckPod[]): readonly string[] {
  const waiting = ours.filter(({ stuck }) => ['NodeGone', 'TerminatingNodeDown'].includes(stuck.state));
  const named = waiting.flatMap(({ pod }) => pod.facts.nodeName ?? []);
  const silent = [...snapshot.nodes.values()].filter(({ unreachable }) => unreachable).map(({ name }) => name);
  const ids = [...named, ...silent].flatMap((name) => instanceBehind(name, snapshot.nodes.get(name)) ?? []);
  return [...new Set(ids)].sort();
}
