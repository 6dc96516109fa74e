/** Words that moves says to the outside: metrics, Event reasons, condition types. */

/** Metric names. */
export const METRIC = {
  /** Actions taken, by type and result. */
  actions: 'aicluster_moves_actions_total',
  /** Nodes that reached a step, by step and reason of the move. */
  steps: 'aicluster_moves_steps_total',
  /** Pods that landed on a node between taint and swap. */
  lateBindings: 'aicluster_moves_late_bindings_total',
  /** Pods evicted: on a node of another bucket, or of a gang that gives way. */
  evictions: 'aicluster_moves_evictions_total',
  /** Nodes taken from buckets and not handed over yet. */
  inFlight: 'aicluster_moves_nodes_in_flight',
  /** Moves that have ended, by reason and outcome: HandedOver, Lost, Aborted, Mixed, Deleted. */
  finished: 'aicluster_moves_finished_total',
  /** Work lost by gangs that gave way, in accelerator-seconds, by the bucket they were in. */
  lost: 'aicluster_moves_accelerator_seconds_lost_total',
  /** Gangs that reached a step, by step and how they give way. */
  gangSteps: 'aicluster_moves_gang_steps_total',
  /** Gangs that a move holds now, by step: asked, waited for, stopped and not resumed yet. */
  gangs: 'aicluster_moves_gangs',
} as const;

/** Condition types of a NodeMove. */
export const CONDITION = {
  /** The spec is valid and what it asks for can be done. */
  accepted: 'Accepted',
  /** Every node has reached a final step. */
  finished: 'Finished',
} as const;

/** Event reasons; steps of a node are Events under the step's own name, those of a gang with `Gang` before it. */
export const EVENT = {
  squatterEvicted: 'SquatterEvicted',
  evictionBlocked: 'EvictionBlocked',
  keysSetBack: 'NodeKeysSetBack',
  conflict: 'Conflict',
  orphanReleased: 'OrphanReleased',
  claimRemoved: 'StaleClaimRemoved',
  taintRemoved: 'ReleasingTaintRemoved',
  bucketReleased: 'BucketReleased',
  checkpointRequested: 'CheckpointRequested',
  gangEvicted: 'GangEvicted',
  disruptionForbidden: 'DisruptionForbidden',
  refused: 'SuspensionRefused',
  suspended: 'SuspendedByNodeMove',
  resumed: 'ResumedByNodeMove',
} as const;
