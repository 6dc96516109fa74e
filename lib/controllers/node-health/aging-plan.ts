/** Verdicts that are old, from the snapshot: who is closed to be proved again. PURE; the rules are in aging.ts. */
import type { NodeHealthPolicySpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import type { HealthAction } from './actions';
import { planRevalidations, type AgingNode } from './aging';
import { debtsDue } from './isolate-partners';
import { toFleetNode } from './searching';
import type { HealthNode, HealthSnapshot } from './snapshot';
import { closeAction } from './verdicts';

const HOUR_MS = 3_600_000;

/** Closures for age, and when the next one is due. */
export interface AgingPlan {
  readonly actions: readonly HealthAction[];
  readonly againMs: number;
}

/** Who is proved again because it was long ago, or because a partner for the test it owes is there. */
export function planAging(snapshot: HealthSnapshot, policy: NodeHealthPolicySpec, nowMs: number): AgingPlan {
  const { nodes } = snapshot;
  const settled = [...nodes.values()].filter(isProved);
  const usable = countBuckets(settled);
  const { maxAge, revalidatePerHour } = policy.verdict;
  const plan = planRevalidations({
    nodes: settled.map((node) => toAgingNode(node)),
    demand: snapshot.demand,
    usable,
    minimums: snapshot.minimums,
    startedMs: startedForAge(snapshot, nowMs),
    othersWaiting: [...nodes.values()].some(isWaiting),
    maxAgeMs: parseDuration(maxAge),
    perHour: revalidatePerHour,
    nowMs,
  });
  const aged = plan.nodes.map((name) => closeAction(nodes.get(name)!.facts, 'it was proved long ago', nowMs));
  const owing = aged.length === 0 ? debtors(snapshot, settled, usable) : [];
  const debts = owing.map(({ facts }) => closeAction(facts, 'it owes the test with a partner', nowMs));
  return { actions: [...aged, ...debts], againMs: plan.nextMs ?? Infinity };
}

/**
 * Nodes that passed by themselves and can be tested with another now: nobody waits for them, their buckets keep their minimums, and nobody
 * else is being proved, because that one may bring a partner of its own.
 */
function debtors(
  snapshot: HealthSnapshot,
  settled: readonly HealthNode[],
  usable: ReadonlyMap<string, number>,
): readonly HealthNode[] {
  const { nodes } = snapshot;
  if ([...nodes.values()].some(isWaiting)) return [];
  const wanted = new Set(settled.filter((node) => isWanted(node, snapshot)).map(({ facts }) => facts.name));
  const owing = settled.filter(({ facts }) => facts.verdict?.provisional === true && !wanted.has(facts.name));
  const spare = aboveMinimum(owing, usable, snapshot).map(({ facts }) => facts.name);
  const fleet = settled.map((node) => toFleetNode(node, wanted.has(node.facts.name)));
  return debtsDue(spare, fleet).flatMap((due) => due.nodes.map((name) => nodes.get(name)!));
}

function isWanted({ facts: { bucket = '', instanceType } }: HealthNode, { demand }: HealthSnapshot): boolean {
  return demand.instanceTypes.has(instanceType) || demand.buckets.has(bucket);
}

/** As many of them as their buckets can be without. */
function aboveMinimum(
  some: readonly HealthNode[],
  usable: ReadonlyMap<string, number>,
  { minimums }: HealthSnapshot,
): readonly HealthNode[] {
  const left = new Map(usable);
  return some.filter(({ facts: { bucket } }) => {
    if (bucket === undefined) return true;
    const count = left.get(bucket) ?? 0;
    if (count <= (minimums.get(bucket) ?? 0)) return false;
    left.set(bucket, count - 1);
    return true;
  });
}

function isWaiting({ phase }: HealthNode): boolean {
  return phase === 'Probation' || phase === 'Validating';
}

function isProved({ facts, phase }: HealthNode): boolean {
  return (
    (phase === 'Active' || phase === 'Unassigned') &&
    facts.verdict?.result === 'Pass' &&
    facts.verdict.timeMs !== undefined
  );
}

/** Work shows only while it runs: a node that works now is not idle, and what ran before is taken from when it last entered its bucket. */
function toAgingNode({ facts, work }: HealthNode): AgingNode {
  const { name, bucket, instanceType, verdict } = facts;
  const verdictMs = verdict?.timeMs ?? 0;
  const idle = work.length === 0 ? { idleSinceMs: verdictMs } : {};
  return { name, instanceType, verdictMs, ...(bucket === undefined ? {} : { bucket }), ...idle };
}

function countBuckets(nodes: readonly HealthNode[]): ReadonlyMap<string, number> {
  const count = new Map<string, number>();
  for (const { facts } of nodes)
    if (facts.bucket !== undefined) count.set(facts.bucket, (count.get(facts.bucket) ?? 0) + 1);
  return count;
}

function startedForAge({ validations }: HealthSnapshot, nowMs: number): readonly number[] {
  return validations
    .filter(({ spec }) => spec?.reason === 'Age')
    .flatMap(({ spec, createdMs, status }) => spec!.nodes.map(() => parseTime(status.startedAt) ?? createdMs))
    .filter((atMs) => atMs > nowMs - HOUR_MS);
}
