/** PodDisruptionBudgets of Kubernetes: which pods may go now. Suspending a gang asks no budget by itself, so we ask. PURE. */
import { keyOf, type KubeObject } from '../domain/kube';
import { selectsLabels, type LabelSelector } from '../domain/selectors';
import { once } from './memo';
import type { PodFacts } from './pods';

/** Facts about one PodDisruptionBudget. */
export interface DisruptionBudgetFacts {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly selector?: LabelSelector;
  /** Pods that may be disrupted now, by the word of Kubernetes' own controller; 0 until it has spoken. */
  readonly allowed: number;
}

/** Reads one PodDisruptionBudget. The same object gives the same facts object. */
export const toDisruptionBudgetFacts: (budget: KubeObject) => DisruptionBudgetFacts = once((budget) => ({
  key: keyOf(budget),
  namespace: budget.metadata.namespace ?? '',
  selector: budget.spec?.selector,
  allowed: Number(budget.status?.disruptionsAllowed) || 0,
}));

/** The budgets that forbid losing all of these pods at once now, sorted by key. Pods that are not Running ask no budget. */
export function forbiddenBy(
  pods: readonly PodFacts[],
  budgets: readonly DisruptionBudgetFacts[],
): readonly DisruptionBudgetFacts[] {
  if (budgets.length === 0) return [];
  const running = pods.filter(({ phase, deleting }) => phase === 'Running' && !deleting);
  return budgets.filter(({ namespace, selector, allowed }) => {
    const guarded = running.filter((pod) => pod.namespace === namespace && selectsLabels(selector, pod.labels));
    return guarded.length > allowed;
  });
}
