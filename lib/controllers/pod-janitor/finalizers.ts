/**
 * Which finalizers may be taken off a pod. PURE. Only those on the list, and only when every owner of the pod is proved gone: what the plan
 * gives is whom to ask. Without an owner there is nobody whose absence could be proved, and it is only reported; so is every finalizer that
 * nobody put on the list, because it stands for something outside of Kubernetes that would be left behind.
 */
import type { JanitorPolicySpec } from '../../api';
import type { OwnerReference } from '../../domain/kube';
import { resourceOfOwner } from './owners';
import type { JanitorPod } from './pod';
import { at } from './reading';

/**
 * Always on the list. The Job controller sets it to count pods once, and takes it off; a Job deleted in the wrong moment left it on its
 * orphans (kubernetes #108645, #109429).
 */
export const BUILT_IN_FINALIZERS = ['batch.kubernetes.io/job-tracking'];

/** What can be done about the finalizers of a pod. */
export interface FinalizerView {
  /** The first that is on the list, and whom to ask first. */
  readonly remove?: { readonly finalizer: string; readonly owners: readonly OwnerReference[] };
  /** Why the others stay, or all of them. */
  readonly words: string;
}

/** Looks at the finalizers of a pod. */
export function viewFinalizers(
  { finalizers, owners }: JanitorPod,
  { finalizers: listed }: JanitorPolicySpec,
): FinalizerView {
  const known = new Set([...BUILT_IN_FINALIZERS, ...listed.map(({ name }) => name)]);
  const [finalizer] = finalizers.filter((name) => known.has(name)).sort();
  const unknown = finalizers.filter((name) => !known.has(name)).sort();
  const words = unknown.length > 0 ? [`${unknown.join(', ')} is not on the list: whoever set it takes it off`] : [];
  if (finalizer === undefined) return { words: words.join('; ') };
  const strange = owners.find((owner) => resourceOfOwner(owner) === undefined);
  if (owners.length > 0 && !strange) return { remove: { finalizer, owners }, words: words.join('; ') };
  const why = strange
    ? `nobody knows how to ask for its owner, a ${strange.kind}`
    : 'no owner is named that could be gone';
  return { words: [`${finalizer} stays: ${why}`, ...words].join('; ') };
}

/** Whether this owner is gone, by what a live GET gave: undefined is a 404. One of the same name and another UID is another object. */
export function isOwnerGone({ uid }: OwnerReference, found: unknown): boolean {
  if (found === undefined) return true;
  const other = at(at(found, 'metadata'), 'uid');
  return typeof other === 'string' && other.length > 0 && other !== uid;
}
