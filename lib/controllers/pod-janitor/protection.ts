/** Pods of which two at once do harm. PURE. */
import type { JanitorPod } from './pod';
import type { JanitorSnapshot } from './snapshot';

/** Why a pod must be proved dead before another may take its place. */
export interface Protection {
  readonly kind: 'StatefulSet' | 'ReadWriteOnce' | 'Leader';
  readonly words: string;
}

/** What protects this pod; undefined: nothing does. A claim that nobody has seen counts as one that only one node may write. */
export function protectionOf(
  pod: JanitorPod,
  { claims, leaders }: Pick<JanitorSnapshot, 'claims' | 'leaders'>,
): Protection | undefined {
  if (pod.stateful)
    return { kind: 'StatefulSet', words: 'it has an identity that only one pod may have (StatefulSet)' };
  const { key, namespace } = pod.facts;
  if (leaders.has(key)) return { kind: 'Leader', words: 'it holds a Lease, and would be a second leader' };
  const claim = pod.claims.find(({ name, modes }) => isExclusive(modes ?? claims.get(`${namespace}/${name}`)?.modes));
  return claim && { kind: 'ReadWriteOnce', words: `only one node may write to its volume (claim ${claim.name})` };
}

function isExclusive(modes: readonly string[] = []): boolean {
  return modes.length === 0 || modes.some((mode) => mode.startsWith('ReadWriteOnce'));
}
