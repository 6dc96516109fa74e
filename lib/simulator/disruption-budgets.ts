/** Kubernetes' disruption controller: how many pods of each PodDisruptionBudget may go now. */
import type { Pod } from '../domain/kube';
import { DISRUPTION_BUDGETS, PODS } from '../domain/resources';
import { Later, nameFromKey, keyOf, patchStatus, type Inside } from './inside';
import { disruptionsAllowed } from './pod-rules';

const REACT_MS = 50;

/** Starts it. */
export function startDisruptionBudgets(inside: Inside): void {
  const { server } = inside;
  const later = new Later(inside.clock, REACT_MS, (key) => {
    const budget = server.find(DISRUPTION_BUDGETS, nameFromKey(key));
    if (!budget) return;
    const allowed = Math.max(0, disruptionsAllowed(budget, server.all(PODS) as readonly Pod[]));
    if (budget.status?.disruptionsAllowed !== allowed) {
      const status = { disruptionsAllowed: allowed, observedGeneration: budget.metadata.generation };
      patchStatus(inside, DISRUPTION_BUDGETS, budget, status);
    }
  });
  server.onChange(({ type, object }) => type !== 'DELETED' && later.touch(keyOf(object)), DISRUPTION_BUDGETS);
  server.onChange(({ object }) => {
    for (const budget of server.all(DISRUPTION_BUDGETS)) {
      if (budget.metadata.namespace === object.metadata.namespace) later.touch(keyOf(budget));
    }
  }, PODS);
}
