/** Words that moves says to the outside: metrics, Event reasons, condition types. */

/** Metric names. */
export const METRIC = {
  /** Actions taken, by type and result. */
  actions: 'aicluster_moves_actions_total',
  /** Nodes that reached a step, by step and reason of the move. */
  steps: 'aicluster_moves_steps_total',
  /** Pods that landed on a node between taint and swap. */
  lateBindings: 'aicluster_moves_late_bindings_total',
  /** Pods evicted because they were on a node of another bucket. */
  evictions: 'aicluster_moves_evictions_total',
  /** Nodes taken from buckets and not handed over yet. */
  inFlight: 'aicluster_moves_nodes_in_flight',
} as const;

/** Condition types of a NodeMove. */
export const CONDITION = {
  /** The spec is valid and what it asks for can be done. */
  accepted: 'Accepted',
  /** Every node has reached a final step. */
  finished: 'Finished',
} as const;

/** Event reasons; steps of a move are Events under the step's own name. */
export const EVENT = {
  squatterEvicted: 'SquatterEvicted',
  evictionBlocked: 'EvictionBlocked',
  keysSetBack: 'NodeKeysSetBack',
  conflict: 'Conflict',
  orphanReleased: 'OrphanReleased',
  claimRemoved: 'StaleClaimRemoved',
  taintRemoved: 'ReleasingTaintRemoved',
  bucketReleased: 'BucketReleased',
} as const;
