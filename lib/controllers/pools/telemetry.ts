/** Words that pools says to the outside: metrics, Event reasons, condition types and their reasons. */

/** Metric names, all prefixed with the controller. */
export const METRIC = {
  /** Nodes a pool should have. */
  desired: 'aicluster_pools_desired_nodes',
  /** Nodes a pool has. */
  nodes: 'aicluster_pools_nodes',
  /** Actions taken, by type and result. */
  actions: 'aicluster_pools_actions_total',
  /** Reads of reservations, by result. */
  reads: 'aicluster_pools_reservation_reads_total',
} as const;

/** Condition types of a CapacityPool. */
export const CONDITION = {
  /** The spec is valid and the name is ours to use. */
  accepted: 'Accepted',
  /** The pool has the nodes it should have. */
  supplied: 'Supplied',
  /** `nodes.max` fits into what the reservation holds. */
  withinReservation: 'WithinReservation',
  /** The end of the block has been announced. */
  endAnnounced: 'EndAnnounced',
  /** Every launched node has joined within its time. */
  nodesJoined: 'NodesJoined',
} as const;

/** Reasons of the condition Supplied: the one word that `kubectl get cpool` shows. */
export const SUPPLIED = {
  supplied: 'Supplied',
  launching: 'Launching',
  joining: 'Joining',
  insufficientCapacity: 'InsufficientCapacity',
  shrinking: 'Shrinking',
  blockNotStarted: 'BlockNotStarted',
  blockEnding: 'BlockEnding',
  blockEnded: 'BlockEnded',
  reservationNotRead: 'ReservationNotRead',
  reservationNotFound: 'ReservationNotFound',
  reservationMismatch: 'ReservationMismatch',
  notAccepted: 'NotAccepted',
  deleting: 'Deleting',
} as const;

/** Reasons of the Events about actions; changes of conditions are Events under the condition's own reason. */
export const EVENT = {
  scaled: 'NodePoolScaled',
  nodeRemoved: 'NodeRemoved',
  nodeReplaced: 'NodeReplaced',
  drainCutShort: 'DrainCutShort',
  blockEndMove: 'BlockEndMove',
  blockExtended: 'BlockExtended',
  nodePoolDeleted: 'NodePoolDeleted',
} as const;
