/**
 * The comparison of Kubernetes with EC2 and with itself: the map of this folder. PURE.
 *
 * First it is said, then it is repaired: only what the policy names, what looks at least two minutes apart have found, and nobody has put
 * right for as long as the policy says, so many within an hour. Since when something is so stands in the status of the JanitorPolicy and
 * survives the process. Whoever applies an action looks at everything live once more: a cache may be behind by minutes.
 */
import type { SyncAction } from './actions';
import { attachmentsOfDeadNodes, interfacesOfDeadNodes, orphanPodGroups } from './leftovers';
import { claimsWithoutInstance, instancesWithoutNode, nodesWithoutInstance, podsOnNoNode } from './nodes';
import type { SyncFinding, SyncPolicy, SyncSnapshot } from './snapshot';
import type { Suspicion } from './suspicion';

/** Two looks that count as two are so far apart: longer than any watch is silent before it is replaced. */
const APART_MS = 120_000;
/** Findings that the status has room for. */
const MOST_FINDINGS = 128;

/** What one look comes to. */
export interface SyncPlan {
  /** For the status: what is repaired first, then what is oldest. */
  readonly findings: readonly SyncFinding[];
  /** How many there are, those without room included. */
  readonly found: number;
  /** How many could be repaired by now, if the policy named their kind, dry run were off and the budget larger. */
  readonly due: number;
  readonly actions: readonly SyncAction[];
}

/** Compares. */
export function planSync(snapshot: SyncSnapshot, policy: SyncPolicy, nowMs: number): SyncPlan {
  // Whole seconds, as the status and the API server write times.
  const lookMs = Math.floor(nowMs / 1000) * 1000;
  const since = sinceOf(snapshot.known);
  const found = suspicionsOf(snapshot, policy, nowMs)
    .map((suspicion) => ({ suspicion, sinceMs: since(suspicion, lookMs) }))
    .sort(inOrder(policy));
  const kept = found.slice(0, MOST_FINDINGS);
  const waitMs = Math.max(policy.olderThanMs, APART_MS);
  const due = kept.filter(({ suspicion, sinceMs }) => suspicion.repair && nowMs - sinceMs >= waitMs);
  const room = policy.dryRun ? 0 : Math.max(0, policy.perHour - snapshot.doneLastHour);
  return {
    findings: kept.map(({ suspicion: { kind, object, message }, sinceMs }) => ({ kind, object, sinceMs, message })),
    found: found.length,
    due: due.length,
    actions: due
      .flatMap(({ suspicion: { repair } }) => (repair && policy.repair.has(repair.needs) ? [repair.action] : []))
      .slice(0, room),
  };
}

function suspicionsOf(snapshot: SyncSnapshot, policy: SyncPolicy, nowMs: number): readonly Suspicion[] {
  return [
    ...nodesWithoutInstance(snapshot, policy, nowMs),
    ...claimsWithoutInstance(snapshot, policy, nowMs),
    ...instancesWithoutNode(snapshot, policy, nowMs),
    ...attachmentsOfDeadNodes(snapshot),
    ...interfacesOfDeadNodes(snapshot, policy, nowMs),
    ...orphanPodGroups(snapshot),
    ...podsOnNoNode(snapshot),
  ];
}

/** Since when: as the look before says, unless it spoke of another object of the same name, or of a time that is yet to come. */
function sinceOf(known: readonly SyncFinding[]): (suspicion: Suspicion, lookMs: number) => number {
  const before = new Map(known.map((finding) => [`${finding.kind} ${finding.object}`, finding] as const));
  return ({ kind, object, bornMs }, lookMs) => {
    const sinceMs = before.get(`${kind} ${object}`)?.sinceMs;
    return sinceMs === undefined || sinceMs <= bornMs || sinceMs > lookMs ? lookMs : sinceMs;
  };
}

interface Found {
  readonly suspicion: Suspicion;
  readonly sinceMs: number;
}

/** What is only said must not crowd out what is repaired: without a place in the status nothing is remembered of it. */
function inOrder({ repair }: SyncPolicy): (a: Found, b: Found) => number {
  const rank = ({ suspicion }: Found) => (suspicion.repair && repair.has(suspicion.repair.needs) ? 0 : 1);
  const name = ({ suspicion: { kind, object } }: Found) => `${kind} ${object}`;
  return (a, b) => rank(a) - rank(b) || a.sinceMs - b.sinceMs || (name(a) < name(b) ? -1 : 1);
}
