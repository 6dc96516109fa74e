/** What the API server knows about pods: how they are deleted, and whether a disruption budget lets one be evicted. */
import type { KubeObject, Pod } from '../domain/kube';
import { isTrue } from '../domain/conditions';
import { selectsLabels } from '../domain/selectors';

/** Seconds a pod gets to end when nobody says otherwise. */
const DEFAULT_GRACE_S = 30;

/** Whether the pod has ended. */
export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Seconds this pod gets when it is deleted: none when it never ran or has ended. */
export function graceSeconds(pod: Pod, asked: number | undefined): number {
  if (!pod.spec?.nodeName || hasEnded(pod)) return 0;
  return asked ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S;
}

/** Whether the pod counts as healthy for disruption budgets. */
function isHealthy(pod: Pod): boolean {
  return !pod.metadata.deletionTimestamp && isTrue(pod.status?.conditions, 'Ready');
}

/** The disruption budgets that guard a pod. */
export function budgetsOf(pod: Pod, budgets: Iterable<KubeObject>): KubeObject[] {
  return [...budgets].filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace && selectsLabels(spec?.selector, pod.metadata.labels),
  );
}

/** Pods of a budget that may be disrupted right now. */
export function disruptionsAllowed(budget: KubeObject, pods: Iterable<Pod>): number {
  const guarded = [...pods].filter(
    (pod) =>
      pod.metadata.namespace === budget.metadata.namespace &&
      selectsLabels(budget.spec?.selector, pod.metadata.labels) &&
      !hasEnded(pod),
  );
  const expected = guarded.length;
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const wanted =
    minAvailable !== undefined
      ? share(minAvailable, expected)
      : Math.max(0, expected - share(maxUnavailable ?? 0, expected));
  return guarded.filter(isHealthy).length - wanted;
}

/** An int-or-percent of a count; percentages round up. */
function share(value: number | string, of: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number(value.replace('%', '')) / 100) * of);
}
