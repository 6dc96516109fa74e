/** What the brakes look at, from the snapshot: nodes, and the removals there were. PURE. */
import { FINAL_STEPS, type NodeHealthPolicySpec } from '../../api';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { hasTaint, taintedAtMs } from '../../domain/taints';
import { UNKNOWN_LEAF, type NodeFacts, type NodePhase } from '../../fleet';
import { ATTEMPTS_WINDOW_MS } from './brake-rules';
import type { Breaker } from './breaker';
import type { BatchFailures, BrakeFacts, BrakeNode, PastRemoval } from './removals';
import type { HealthMove, HealthNode, HealthSnapshot, ValidationState } from './snapshot';

type MovedNode = HealthMove['nodes'][number];

/** What rulings are made on. */
export interface BrakeInput {
  readonly snapshot: HealthSnapshot;
  readonly policy: NodeHealthPolicySpec;
  readonly breaker: Breaker;
  readonly nowMs: number;
}

/** Everything but who should leave. */
export function brakeFacts({ snapshot, policy, breaker, nowMs }: BrakeInput): Omit<BrakeFacts, 'wanted'> {
  const { remediation } = policy;
  return {
    nodes: [...snapshot.nodes.values()].map(toBrakeNode),
    pools: [...snapshot.pools.values()],
    minimums: snapshot.minimums,
    history: [
      ...snapshot.moves.flatMap((move) => toRemovals(move, snapshot.nodes)),
      ...closedNodes(snapshot),
      ...reboots(snapshot, nowMs),
    ],
    batches: new Map(snapshot.validations.map((one) => [one.name, failuresOf(one)] as const)),
    breaker,
    // A shift cordons the nodes of its zone, and cordoned nodes are nobody's to remove.
    shiftedZones: new Set<string>(),
    settings: { ...remediation, dryRun: remediation.dryRun || snapshot.policy === undefined },
    nowMs,
  };
}

/** To be proved, and what works there goes on; a rebooted one is closed in this very look, and counts in it as it will in the next. */
const TO_PROVE: ReadonlySet<NodePhase> = new Set<NodePhase>(['Probation', 'Suspect', 'Validating', 'Rebooted']);

/** A node as brakes see it. */
export function toBrakeNode({ facts, phase, work }: HealthNode): BrakeNode {
  const { name, providerID, pool = '', nodeGroup, bucket, leaf, zone, createdAtMs } = facts;
  const working = work.length > 0 && TO_PROVE.has(phase) ? { working: true as const } : {};
  const group = nodeGroup === undefined ? {} : { nodeGroup };
  return { name, providerID, pool, ...group, bucket, leaf, zone, phase, createdAtMs, ...working };
}

/** What a NodeMove has done, or is doing, to the population. */
export function toRemovals(move: HealthMove, present: HealthSnapshot['nodes']): readonly PastRemoval[] {
  return move.nodes.map((moved) => toRemoval(move, moved, present.get(moved.name)?.facts));
}

function toRemoval(move: HealthMove, moved: MovedNode, present: NodeFacts | undefined): PastRemoval {
  const { name, step, providerID, from } = moved;
  const node = isSame(providerID, present) ? present : undefined;
  const ended = move.finishedMs !== undefined || FINAL_STEPS.includes(step);
  const place = { pool: move.pool ?? '', bucket: from, leaf: UNKNOWN_LEAF, ...(node ? placeOf(node, from) : {}) };
  // A move that was made a moment ago does not name its machine yet: the node's own, or it would count beside itself.
  const machine = providerID ?? node?.providerID;
  return {
    ...{ node: name, providerID: machine, ...place, atMs: move.createdMs, outcome: outcomeOf(step, ended) },
    kind: move.to === 'Replacement' ? 'Replacement' : 'Validation',
    ...(isAway(step, ended, node) ? {} : { endedAtMs: endOf(move, moved) }),
  };
}

function isSame(providerID: string | undefined, present: NodeFacts | undefined): boolean {
  return providerID === undefined || present?.providerID === providerID;
}

function placeOf({ pool = '', bucket, leaf }: NodeFacts, from: string | undefined) {
  return { pool, bucket: from ?? bucket, leaf };
}

/** Still on its way, or emptied and not proved again yet. */
function isAway(step: MovedNode['step'], ended: boolean, node: NodeFacts | undefined): boolean {
  return !ended || (step === 'HandedOver' && node !== undefined && hasTaint(node.taints, PROBATION_TAINT));
}

function endOf({ createdMs, finishedMs }: HealthMove, { sinceMs }: MovedNode): number {
  return sinceMs ?? finishedMs ?? createdMs;
}

function outcomeOf(step: MovedNode['step'], ended: boolean): PastRemoval['outcome'] {
  if (!ended) return 'Pending';
  return step === 'Aborted' ? 'NotSent' : 'Done';
}

/** Nodes that were proved once, are closed now and work on nothing: away without a move. One that still works is not away. */
function closedNodes({ nodes, moves }: HealthSnapshot): readonly PastRemoval[] {
  return [...nodes.values()].flatMap(({ facts, work }): PastRemoval[] => {
    if (work.length > 0) return [];
    const closedMs = taintedAtMs(facts.taints, PROBATION_TAINT);
    if (closedMs === undefined || facts.verdict?.result !== 'Pass' || hasLiveMove(facts.name, moves)) return [];
    const { name: node, providerID, pool = '', bucket, leaf } = facts;
    return [{ node, providerID, pool, bucket, leaf, kind: 'Validation', atMs: closedMs, outcome: 'Done' }];
  });
}

/** Attempts to mend nodes by a reboot, as they stand on the nodes. */
function reboots({ nodes }: HealthSnapshot, nowMs: number): readonly PastRemoval[] {
  return [...nodes.values()].flatMap(({ facts }): PastRemoval[] => {
    const { name: node, providerID, pool = '', bucket, leaf, reboot } = facts;
    if (!reboot || reboot.atMs <= nowMs - ATTEMPTS_WINDOW_MS) return [];
    const { atMs, notBeforeMs: untilMs, why = 'nobody knows why' } = reboot;
    const attempt = { node, providerID, pool, bucket, leaf, kind: 'Reboot', atMs } as const;
    if (untilMs !== undefined) return [{ ...attempt, outcome: 'NotSent', inVain: { why, untilMs } }];
    const outcome = reboot.bootId === facts.bootId ? 'Pending' : 'Done';
    // As with a move to Validation: it is away until it is proved.
    const back = hasTaint(facts.taints, PROBATION_TAINT) ? {} : { endedAtMs: facts.verdict?.timeMs ?? atMs };
    return [{ ...attempt, outcome, ...back }];
  });
}

/**
 * These were not measured, and say nothing for the check: those that wait for their turn in another validation, above all. Whom the search
 * said nothing of (NoVerdict) had passed by itself.
 */
const NOT_MEASURED: ReadonlySet<string> = new Set(['NoNode', 'NotFree']);

function failuresOf({ status }: ValidationState): BatchFailures {
  const failed = new Map<string, number>();
  const nodes = (status.nodes ?? []).filter(({ reason = '' }) => !NOT_MEASURED.has(reason));
  for (const { result, reason } of nodes) {
    if (result === 'Fail' && reason) failed.set(reason, (failed.get(reason) ?? 0) + 1);
  }
  return { nodes: nodes.length, failed };
}

/** Whether a NodeMove for its health has the node now. */
export function hasLiveMove(node: string, moves: readonly HealthMove[]): boolean {
  return moves.some(({ finishedMs, nodes }) => finishedMs === undefined && nodes.some(({ name }) => name === node));
}
