/**
 * Which nodes are proved together next. PURE.
 *
 * Whoever is on probation, works on nothing, and is in no validation. Newcomers are collected for a while, by type and level, because
 * nodes find out about each other only together. A node of which nothing could be said is tried again so many times, then left to a person.
 */
import type { NodeHealthPolicySpec, NodeValidationSpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { hasTaint, taintedAtMs } from '../../domain/taints';
import { freeName, shortHash, type NodeFacts } from '../../fleet';
import type { HealthAction } from './actions';
import type { HealthNode, HealthSnapshot, ValidatedNode, ValidationState } from './snapshot';
import { isMeasurable, UNKNOWN_TYPE } from './measurable';
import { failedBeforeReset, hasFailed, isOfThisBoot, type BreakerWord } from './suspects';
import { NOT_LOOKED_AT } from './verdicts';

/** A node whose devices do not appear is proved all the same after this long: that they are missing is an answer, too. */
const DEVICES_WITHIN_MS = 10 * 60_000;

/** Batches that are due, and when the next one is. */
export interface Batches {
  readonly actions: readonly HealthAction[];
  readonly againMs: number;
}

interface Candidate {
  readonly node: NodeFacts;
  readonly sinceMs: number;
  readonly level: NodeValidationSpec['level'];
  readonly reason: NodeValidationSpec['reason'];
}

/** Nodes that a validation has that is not over. */
export function validatingNodes({ validations }: Pick<HealthSnapshot, 'validations'>): ReadonlySet<string> {
  const live = validations.filter(({ status, spec, deleting }) => spec && !deleting && status.finishedAt === undefined);
  return new Set(live.flatMap(({ spec }) => spec!.nodes));
}

/** What batches are planned with, beside the snapshot. */
export interface BatchesAround {
  readonly policy: NodeHealthPolicySpec;
  /** Nodes whose verdict is not written yet: they have been proved. */
  readonly judged: ReadonlySet<string>;
  readonly breaker: BreakerWord;
  readonly nowMs: number;
}

/** Plans the next validations. */
export function planBatches(snapshot: HealthSnapshot, around: BatchesAround): Batches {
  const { policy, nowMs } = around;
  const { window, maxNodes } = policy.batch;
  const windowMs = parseDuration(window);
  const taken = new Set(snapshot.validations.map(({ name }) => name));
  const actions: HealthAction[] = [];
  let againMs = Infinity;
  for (const group of groupsOf(candidates(snapshot, around))) {
    for (let from = 0; from < group.length; from += maxNodes) {
      const part = group.slice(from, from + maxNodes);
      const ripeMs = Math.min(...part.map(({ sinceMs }) => sinceMs)) + windowMs;
      if (nowMs >= ripeMs || part.length === maxNodes) actions.push(batch(part, taken));
      else againMs = Math.min(againMs, ripeMs);
    }
  }
  return { actions, againMs };
}

function candidates(snapshot: HealthSnapshot, { policy, judged, breaker, nowMs }: BatchesAround): readonly Candidate[] {
  const busy = new Set([...validatingNodes(snapshot), ...judged]);
  const spokenOfMs = lastWordMs(snapshot);
  return [...snapshot.nodes.values()]
    .filter((node) => {
      const { facts, work } = node;
      return (
        isUnproved(node, breaker) && work.length === 0 && !busy.has(facts.name) && nowMs >= (devicesByMs(facts) ?? 0)
      );
    })
    .filter(({ facts }) => attemptsOf(facts, snapshot) < policy.remediation.attempts)
    .map((node) => candidate(node, { pools: snapshot.pools, policy, spokenOfMs }))
    .sort((a, b) => (a.node.name < b.node.name ? -1 : 1));
}

/** On probation; one that failed, or that nobody can measure, only if that was said of another boot, or before the breaker was reset. */
export function isUnproved(node: HealthNode, breaker: BreakerWord): boolean {
  if (node.phase === 'Quarantined') {
    return hasTaint(node.facts.taints, PROBATION_TAINT) && (!hasFailed(node) || failedBeforeReset(node, breaker));
  }
  return node.phase === 'Probation' || (node.phase === 'Suspect' && (isMeasurable(node.facts) || !isOfThisBoot(node)));
}

/** Until when the accelerators of a node are waited for; undefined when they are there. */
export function devicesByMs({ allocatable, createdAtMs }: NodeFacts): number | undefined {
  const devices = (allocatable['nvidia.com/gpu'] ?? 0) + (allocatable['aws.amazon.com/neuron'] ?? 0);
  return devices > 0 ? undefined : createdAtMs + DEVICES_WITHIN_MS;
}

/** How often this boot of this instance was tried in vain since anything was last said of it, whether that is written on the node or not. */
export function attemptsOf(node: NodeFacts, { validations }: Pick<HealthSnapshot, 'validations'>): number {
  const finishedMs = ({ status }: ValidationState) => parseTime(status.finishedAt) ?? 0;
  const telling = validations.filter((one) => ['Pass', 'Fail'].includes(recordOf(one, node)?.result ?? ''));
  const writtenMs = node.verdict?.result === 'Unreliable' ? 0 : (node.verdict?.timeMs ?? 0);
  const sinceMs = Math.max(writtenMs, ...telling.map(finishedMs));
  return validations.filter((one) => finishedMs(one) >= sinceMs && wasInVain(one, node)).length;
}

function wasInVain(validation: ValidationState, node: NodeFacts): boolean {
  const record = recordOf(validation, node);
  if (validation.spec?.reason === 'Person' || record?.result !== 'Unreliable') return false;
  const reason = record.reason ?? '';
  // No check could have changed that: known to a later release, it has all its tries.
  return !NOT_LOOKED_AT.has(reason) && reason !== UNKNOWN_TYPE;
}

/** What a validation says of this boot of this instance. */
function recordOf({ status }: ValidationState, { name, providerID, bootId }: NodeFacts): ValidatedNode | undefined {
  const record = status.nodes?.find((one) => one.name === name);
  return record?.providerID === providerID && record?.bootId === bootId ? record : undefined;
}

interface CandidateAround {
  readonly pools: HealthSnapshot['pools'];
  readonly policy: NodeHealthPolicySpec;
  readonly spokenOfMs: ReadonlyMap<string, number>;
}

/** Node → when something was last said against it, or it was last taken from its work to be proved. */
function lastWordMs({ faults, moves }: HealthSnapshot): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  const note = (node: string, atMs: number) => void last.set(node, Math.max(atMs, last.get(node) ?? 0));
  for (const { node, loudness, atMs } of faults) if (loudness !== 'Info') note(node, atMs);
  for (const { to, createdMs, nodes } of moves) {
    if (to === 'Validation') for (const { name } of nodes) note(name, createdMs);
  }
  return last;
}

function candidate({ facts: node, phase }: HealthNode, { pools, policy, spokenOfMs }: CandidateAround): Candidate {
  const addedMs = taintedAtMs(node.taints, PROBATION_TAINT);
  const sinceMs = addedMs ?? node.createdAtMs;
  const poolLevel = pools.get(node.pool ?? '')?.level ?? 'Standard';
  const reason = reasonNow(node, sinceMs, { policy, spokenOfMs });
  // One that had failed is proved as deeply as it was found out.
  const quick = SHORT.has(reason) && phase !== 'Quarantined' && node.verdict?.result !== 'Fail';
  return { node, sinceMs, reason, level: quick ? 'Quick' : poolLevel };
}

/** Long ago it was proved as well, and is for that no less suspected. */
function reasonNow(
  node: NodeFacts,
  closedMs: number,
  { policy, spokenOfMs }: Pick<CandidateAround, 'policy' | 'spokenOfMs'>,
): Candidate['reason'] {
  const reason = reasonOf(node, closedMs, parseDuration(policy.verdict.maxAge));
  const isSpokenOf = (spokenOfMs.get(node.name) ?? 0) > (node.verdict?.timeMs ?? 0);
  return isSpokenOf && (reason === 'Age' || reason === 'Debt') ? 'Report' : reason;
}

/** Nothing is said against these nodes, and the rest was measured before. */
const SHORT: ReadonlySet<Candidate['reason']> = new Set<Candidate['reason']>(['Reboot', 'Age', 'Debt']);

/** Why a node is on probation, as its last verdict tells it. */
function reasonOf({ verdict, bootId }: NodeFacts, closedMs: number, maxAgeMs: number): Candidate['reason'] {
  if (!verdict?.result || verdict.result === 'Unreliable') return 'New';
  if (verdict.bootId !== bootId) return 'Reboot';
  if (verdict.provisional) return 'Debt';
  return closedMs - (verdict.timeMs ?? 0) >= maxAgeMs ? 'Age' : 'Report';
}

function groupsOf(all: readonly Candidate[]): readonly (readonly Candidate[])[] {
  const groups = new Map<string, Candidate[]>();
  for (const one of all) {
    const key = `${one.node.instanceType} ${one.level} ${one.reason}`;
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function batch(group: readonly Candidate[], taken: ReadonlySet<string>): HealthAction {
  const { level, reason, node } = group[0]!;
  const identity = group.map(({ node: { uid, bootId } }) => `${uid}/${bootId}`).join(',');
  const names = group.map(({ node: { name } }) => name);
  const why = `${names.length} ${names.length === 1 ? 'node' : 'nodes'} of ${node.instanceType}`;
  const name = freeName(`${reason.toLowerCase()}-${shortHash(identity)}`, taken);
  return { type: 'CreateValidation', name, spec: { nodes: names, level, reason, message: why }, why };
}
