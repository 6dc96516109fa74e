/**
 * `replicas` and `limits.nodes` of a static NodePool. PURE.
 *
 * Two numbers, two meanings: `limits.nodes` is where the pool goes, `replicas` follows. Going down, the limit falls first, so that
 * nothing that leaves is replaced; `replicas` then falls only to the number of NodeClaims that exist, never below, so Karpenter is
 * never given a choice of victims (it takes empty nodes first: the warm spares). Going up, both rise together. This is the order
 * `limits.nodes` N−1 → delete the Node → `replicas` N−1, and it can be read back from the NodePool after a crash at any point.
 *
 * The limit equals the goal. Headroom would let Karpenter ask EC2 for a slot that does not exist (a full block), and costs a node
 * in three of six named removals. Karpenter was seen to forget a replacement for good with equality: a pool short of NodeClaims for
 * 2 minutes gets its limit raised by one, until they are all there again.
 */

/** Short of NodeClaims for this long: raise the limit by one. */
export const FORGOTTEN_AFTER_MS = 2 * 60_000;

/** Where a pool should go. */
export type Target =
  /** This many nodes; fewer than there are is reached by named removal and by not replacing what dies. */
  | { readonly kind: 'Count'; readonly nodes: number }
  /** Unknown: whatever there is. */
  | { readonly kind: 'Hold' }
  /** None, but nobody is pushed. */
  | { readonly kind: 'Fade' }
  /** None, now: the block ends, Karpenter drains all that is left. */
  | { readonly kind: 'Zero' };

/** What the pool is now. */
export interface PoolSize {
  readonly replicas: number;
  readonly limit: number;
  /** NodeClaims that exist, those being deleted included. */
  readonly claims: number;
  /** NodeClaims with an instance that nobody is ending. */
  readonly standing: number;
  /** Nodes that a move has emptied for Release and that still exist. */
  readonly released: number;
  readonly backingOff: boolean;
  /** For how long NodeClaims have been missing. */
  readonly shortForMs: number;
}

/** The numbers for the NodePool. */
export interface Size {
  readonly replicas: number;
  readonly limit: number;
}

/** The next numbers. */
export function nextSize(target: Target, now: PoolSize): Size {
  if (target.kind === 'Zero') return { replicas: 0, limit: 0 };
  const goal = targetNodes(target, now.replicas);
  const replicas = nextReplicas(goal, now);
  const afterRemoval = goal > now.replicas ? goal : Math.min(goal, now.replicas - now.released);
  const limit = Math.max(0, afterRemoval);
  if (now.backingOff) return { replicas, limit: Math.min(limit, now.standing) };
  const forgotten = now.claims < replicas && limit === replicas && now.shortForMs >= FORGOTTEN_AFTER_MS;
  return { replicas, limit: forgotten ? limit + 1 : limit };
}

function targetNodes(target: Exclude<Target, { kind: 'Zero' }>, replicas: number): number {
  switch (target.kind) {
    case 'Count':
      return target.nodes;
    case 'Hold':
      return replicas;
    case 'Fade':
      return 0;
  }
}

function nextReplicas(goal: number, now: PoolSize): number {
  if (goal >= now.replicas) return goal;
  const existing = Math.max(goal, Math.min(now.replicas, now.claims));
  // Only once the limit is that low can no NodeClaim appear that we have not seen.
  return now.limit <= existing ? existing : now.replicas;
}
