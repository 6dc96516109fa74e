/** Words that capacity says to the outside: metrics, Event reasons, condition types. */

/** Metric names, all prefixed with the controller. */
export const METRIC = {
  /** Usable nodes of a bucket. */
  active: 'aicluster_capacity_active_nodes',
  /** Nodes its work needs. */
  demand: 'aicluster_capacity_demand_nodes',
  /** Nodes it should have. */
  target: 'aicluster_capacity_target_nodes',
  /** Actions taken, by type and result. */
  actions: 'aicluster_capacity_actions_total',
  /** Seconds one decision took, observation included. */
  decision: 'aicluster_capacity_decision_seconds',
} as const;

/** Condition types of a CapacityBucket. */
export const CONDITION = {
  /** The spec is valid. */
  accepted: 'Accepted',
  /** It has at least its minimum of usable nodes. */
  minimumMet: 'MinimumMet',
  /** It has the nodes its work needs. */
  demandMet: 'DemandMet',
} as const;

/** Reasons of Events. */
export const EVENT = {
  nodesAssigned: 'NodesAssigned',
  nodesReleased: 'NodesReleased',
  nodesRequested: 'NodesRequested',
  invalidSpec: 'InvalidSpec',
} as const;
