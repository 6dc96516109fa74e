/** Verdicts that are old, from the snapshot: who is closed to be proved again. PURE; the rules are in aging.ts. */
import type { NodeHealthPolicySpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import type { HealthAction } from './actions';
import { planRevalidations, type AgingNode } from './aging';
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
  const { maxAge, revalidatePerHour } = policy.verdict;
  const plan = planRevalidations({
    nodes: settled.map((node) => toAgingNode(node)),
    demand: snapshot.demand,
    usable: countBuckets(settled),
    minimums: snapshot.minimums,
    startedMs: startedForAge(snapshot, nowMs),
    othersWaiting: [...nodes.values()].some(({ phase }) => phase === 'Probation' || phase === 'Validating'),
    maxAgeMs: parseDuration(maxAge),
    perHour: revalidatePerHour,
    nowMs,
  });
  const aged = plan.nodes.map((name) => closeAction(nodes.get(name)!.facts, 'it was proved long ago', nowMs));
  const owing = debtor(snapshot, settled);
  const debt = owing && aged.length === 0 ? [closeAction(owing.facts, 'it owes the test with a partner', nowMs)] : [];
  return { actions: [...aged, ...debt], againMs: plan.nextMs ?? Infinity };
}

/** A node that passed by itself, with an idle one of its type to be tested with now, while nobody waits for either. */
function debtor({ demand, nodes }: HealthSnapshot, settled: readonly HealthNode[]): HealthNode | undefined {
  if ([...nodes.values()].some(({ phase }) => phase === 'Probation' || phase === 'Validating')) return undefined;
  const idle = settled.filter(({ facts, work }) => {
    const wanted = demand.instanceTypes.has(facts.instanceType) || demand.buckets.has(facts.bucket ?? '');
    return work.length === 0 && !wanted;
  });
  return idle.find(({ facts: { name, instanceType, verdict } }) => {
    const partner = idle.some(({ facts }) => facts.name !== name && facts.instanceType === instanceType);
    return verdict?.provisional === true && partner;
  });
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
