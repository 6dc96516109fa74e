import type { KubeObject } from '../../../domain/kube';
import { DISRUPTION_BUDGETS } from '../../../domain/resources';
import { selectsLabels } from '../../../domain/selectors';
import { refOf, type Rule } from '../rule';

/** A budget that never allows anything holds moves, drains and upgrades until somebody takes it away. */
export const budgetsLetDrain: Rule = {
  id: 'budgets-let-drain',
  protects: 'nodes can be emptied: a budget that allows nothing for ever blocks moves, drains and upgrades',
  sees: 'PodDisruptionBudgets over pods of a bucket: maxUnavailable 0, or minAvailable of all',
  severity: 'Warning',
  owner: 'person',
  source: 'https://docs.aws.amazon.com/eks/latest/userguide/troubleshooting.html (PodEvictionFailure)',
  atSynth: true,
  check: (state) =>
    state.objects(DISRUPTION_BUDGETS).flatMap((budget) => {
      const { namespace } = budget.metadata;
      const guarded = state.work.filter(
        ({ facts }) => facts.namespace === namespace && selectsLabels(budget.spec?.selector, facts.labels),
      );
      const why = guarded.length === 0 ? undefined : whyNever(budget);
      return why === undefined
        ? []
        : [
            {
              object: refOf(DISRUPTION_BUDGETS, budget),
              message: `${why}: allow at least one, or nodes under its ${guarded.length} pods are never emptied`,
            },
          ];
    }),
};

function whyNever({ spec = {}, status = {} }: KubeObject): string | undefined {
  const { maxUnavailable, minAvailable } = spec;
  if (maxUnavailable === 0 || maxUnavailable === '0%') return `maxUnavailable is ${maxUnavailable}`;
  if (minAvailable === '100%') return 'minAvailable is 100%';
  const expected = Number(status.expectedPods ?? 0);
  if (typeof minAvailable === 'number' && expected > 0 && minAvailable >= expected)
    return `minAvailable is ${minAvailable} of ${expected} pods`;
  return undefined;
}
