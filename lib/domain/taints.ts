/** Taints and tolerations: matching as kube-scheduler does it, and edits of the whole list. */
import { parseTime, type Taint, type Toleration } from './kube';

/** Whether one toleration matches one taint (the rules of kube-scheduler). */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (!toleration.key) return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

/** The first taint that keeps a pod with these tolerations off the node; PreferNoSchedule never does. */
export function untolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): Taint | undefined {
  return taints.find(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** Whether the list holds a taint with this key. */
export function hasTaint(taints: readonly Taint[] | undefined, key: string): boolean {
  return (taints ?? []).some((taint) => taint.key === key);
}

/** When (epoch ms) the taint of this key was put on; undefined without it, and where it does not say. */
export function taintedAtMs(taints: readonly Taint[] | undefined, key: string): number | undefined {
  return parseTime((taints ?? []).find((taint) => taint.key === key)?.timeAdded);
}

/** The list with every taint of `remove`'s keys gone and `add` appended; the others keep their place. */
export function editTaints(
  taints: readonly Taint[] | undefined,
  edit: { readonly remove?: readonly string[]; readonly add?: readonly Taint[] },
): Taint[] {
  const gone = new Set([...(edit.remove ?? []), ...(edit.add ?? []).map((taint) => taint.key)]);
  return [...(taints ?? []).filter((taint) => !gone.has(taint.key)), ...(edit.add ?? [])];
}
