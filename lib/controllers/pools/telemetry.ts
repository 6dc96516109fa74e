/** Words that pools says to the outside: metrics, Event reasons, condition types and their reasons. */
import { metricNames, type MetricRow } from '../../domain/metrics';

const perPool = (name: string, help: string) => ({ name, type: 'gauge', labels: ['pool'], help }) as const;

/** The metrics, all prefixed with the controller. */
export const METRICS = {
  desired: perPool('aicluster_pools_desired_nodes', 'Nodes that the pool should have: replicas of its NodePool.'),
  nodes: perPool('aicluster_pools_nodes', 'Nodes that the pool has.'),
  ready: perPool('aicluster_pools_ready_nodes', 'Nodes of the pool that are Ready.'),
  failures: perPool(
    'aicluster_pools_launch_failures',
    'How often in a row EC2 had no capacity for the pool; 0 once it has all its nodes. From 5 on it is asked every 15 minutes.',
  ),
  end: {
    name: 'aicluster_pools_reservation_end_timestamp_seconds',
    type: 'gauge',
    labels: ['pool', 'instance_type'],
    help: 'When (Unix time) the reservation of the pool ends; +Inf for one without an end; absent for on-demand pools.',
  },
  actions: {
    name: 'aicluster_pools_actions_total',
    type: 'counter',
    labels: ['type', 'result'],
    help: 'Actions taken, by type and result.',
  },
  reads: {
    name: 'aicluster_pools_reservation_reads_total',
    type: 'counter',
    labels: ['result'],
    help: 'Reads of reservations from EC2, by result.',
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Metric names. */
export const METRIC = metricNames(METRICS);

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
  instanceRefused: 'InstanceRefused',
  endFailed: 'InstanceEndFailed',
  endUnknown: 'InstanceEndUnknown',
  drainCutShort: 'DrainCutShort',
  blockEndMove: 'BlockEndMove',
  blockExtended: 'BlockExtended',
  nodePoolDeleted: 'NodePoolDeleted',
} as const;
