/**
 * PodDisruptionBudgets: which busy nodes may be taken all together without breaking any. PURE.
 *
 * A budget allows so many pods of so many to go. Whatever is chosen later must be within all budgets, so nodes are let through
 * here, the cheapest first, as long as everything let through so far could go at once. What is going already counts first.
 */
import { selectsLabels } from '../../domain/selectors';
import type { DisruptionBudgetFacts, RunningGang } from '../../fleet';
import type { CandidateNode } from './offer';

/** A node that may be taken as far as other rules go. */
export interface Guarded {
  readonly node: CandidateNode;
  readonly cost: number;
  readonly gangs: readonly RunningGang[];
}

/** Node → the budget that keeps it, for those that are kept. `going`: gangs that have been told to go. */
export function guard(
  nodes: readonly Guarded[],
  going: readonly RunningGang[],
  budgets: readonly DisruptionBudgetFacts[],
): ReadonlyMap<string, string> {
  const left = new Map([...budgets].map((budget) => [budget, budget.allowed] as const));
  const byNamespace = new Map<string, DisruptionBudgetFacts[]>();
  for (const budget of [...budgets].sort((a, b) => (a.key < b.key ? -1 : 1))) {
    byNamespace.set(budget.namespace, [...(byNamespace.get(budget.namespace) ?? []), budget]);
  }
  const through = new Set<RunningGang>();
  const demandOf = (gangs: readonly RunningGang[]) => {
    const demand = new Map<DisruptionBudgetFacts, number>();
    for (const gang of gangs) if (!through.has(gang)) addDemand(gang, byNamespace, demand);
    return demand;
  };
  const letThrough = (gangs: readonly RunningGang[], demand: ReadonlyMap<DisruptionBudgetFacts, number>) => {
    for (const gang of gangs) through.add(gang);
    for (const [budget, pods] of demand) left.set(budget, left.get(budget)! - pods);
  };
  for (const gang of going) letThrough([gang], demandOf([gang]));
  const kept = new Map<string, string>();
  const ordered = [...nodes].sort((a, b) => a.cost - b.cost || (a.node.name < b.node.name ? -1 : 1));
  for (const { node, gangs } of ordered) {
    const demand = demandOf(gangs);
    const broken = [...demand].find(([budget, pods]) => pods > left.get(budget)!);
    if (broken) kept.set(node.name, broken[0].key);
    else letThrough(gangs, demand);
  }
  return kept;
}

/** As Kubernetes counts: pods that are not Running, or are ending, ask no budget. */
function addDemand(
  { namespace, members }: RunningGang,
  byNamespace: ReadonlyMap<string, readonly DisruptionBudgetFacts[]>,
  demand: Map<DisruptionBudgetFacts, number>,
): void {
  const budgets = byNamespace.get(namespace) ?? [];
  for (const { phase, labels } of budgets.length === 0 ? [] : members) {
    if (phase !== 'Running') continue;
    for (const budget of budgets) {
      if (selectsLabels(budget.selector, labels)) demand.set(budget, (demand.get(budget) ?? 0) + 1);
    }
  }
}
