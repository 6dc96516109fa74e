/** Whose pods these are: only work in buckets is the janitor's business, and only where nobody said to leave it alone. PURE. */
import type { JanitorPolicySpec } from '../../api';
import { CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE } from '../../domain/namespaces';
import type { JanitorPod } from './pod';
import type { JanitorSnapshot } from './snapshot';

/** Why a pod is left alone; In: it is not. */
export type Scope = 'In' | 'Outside' | 'Ignored' | 'System';

type ScopeFacts = Pick<JanitorSnapshot, 'namespaceBuckets' | 'ignoredNamespaces' | 'ignoredOwners'>;

/** Whether the janitor may have to do with this pod at all. */
export function scopeOf(pod: JanitorPod, facts: ScopeFacts, { excludeNamespaces }: JanitorPolicySpec): Scope {
  const { namespace, bucket, system, owner } = pod.facts;
  const excluded = isExcluded(namespace) || excludeNamespaces.includes(namespace);
  // A bucket of its own counts without accelerators, too: the data loaders of a gang belong to its bucket.
  if (excluded || (bucket === undefined && !facts.namespaceBuckets.has(namespace))) return 'Outside';
  if (system) return 'System';
  const ignored = pod.ignored || facts.ignoredNamespaces.has(namespace);
  return ignored || (owner !== undefined && facts.ignoredOwners.has(owner.uid)) ? 'Ignored' : 'In';
}

/** Namespaces that are never touched, whatever a policy says. */
export function isExcluded(namespace: string): boolean {
  return namespace.startsWith('kube-') || namespace === CONTROLLERS_NAMESPACE || namespace === VALIDATION_NAMESPACE;
}
