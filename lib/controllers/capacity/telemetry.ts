/** Words that capacity says to the outside: metrics, Event reasons, condition types. */
import { metricNames, type MetricRow } from '../../domain/metrics';

const MINUTE = 60;
const HOUR = 3600;
/** Upper bounds of waits in seconds: from a free node at hand to a day in the queue. */
const WAITS = [
  5,
  15,
  30,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  8 * HOUR,
  24 * HOUR,
];

const perBucket = (name: string, help: string) => ({ name, type: 'gauge', labels: ['bucket'], help }) as const;

/** The metrics, all prefixed with the controller. */
export const METRICS = {
  owned: perBucket('aicluster_capacity_owned_nodes', 'Nodes with the bucket on them, in whatever phase.'),
  active: perBucket('aicluster_capacity_active_nodes', 'Usable nodes of the bucket. Minimum and maximum count these.'),
  idle: perBucket('aicluster_capacity_idle_nodes', 'Usable nodes of the bucket without work.'),
  arriving: perBucket('aicluster_capacity_arriving_nodes', 'Nodes on their way into the bucket.'),
  demand: perBucket(
    'aicluster_capacity_demand_nodes',
    'Nodes that the pods and gangs of the bucket need, running and waiting.',
  ),
  target: perBucket('aicluster_capacity_target_nodes', 'Nodes that the bucket should have, by priority and bounds.'),
  minimum: perBucket('aicluster_capacity_minimum_nodes', 'spec.nodes.min of the bucket.'),
  maximum: perBucket('aicluster_capacity_maximum_nodes', 'spec.nodes.max of the bucket.'),
  waitingSince: perBucket(
    'aicluster_capacity_waiting_since_timestamp_seconds',
    'Since when (Unix time) the oldest gang or pod without a node has waited; absent while none waits. Waited seconds: time() minus this.',
  ),
  queueWait: {
    name: 'aicluster_capacity_queue_wait_seconds',
    type: 'histogram',
    labels: ['bucket'],
    buckets: WAITS,
    help: 'How long gangs and pods waited that got their nodes: from the creation of the youngest pod that had to be placed to the look at which all were seen bound. Counts what was seen waiting first, so nothing that found room within the half second between two looks, and nothing that gave up.',
  },
  phases: {
    name: 'aicluster_capacity_fleet_nodes',
    type: 'gauge',
    labels: ['phase'],
    help: 'Nodes of all pools by phase. Orphan: labels and taints contradict each other.',
  },
  suspended: {
    name: 'aicluster_capacity_suspended_gangs',
    type: 'gauge',
    labels: [],
    help: 'Gangs that gave way to a NodeMove and may not run again yet.',
  },
  suspendedSince: {
    name: 'aicluster_capacity_suspended_since_timestamp_seconds',
    type: 'gauge',
    labels: [],
    help: 'When (Unix time) the pods of the gang that has been suspended longest began to end; absent while none is suspended.',
  },
  oldestMove: {
    name: 'aicluster_capacity_oldest_move_timestamp_seconds',
    type: 'gauge',
    labels: ['reason'],
    help: 'When (Unix time) the oldest NodeMove that has not finished was made; absent while there is none.',
  },
  actions: {
    name: 'aicluster_capacity_actions_total',
    type: 'counter',
    labels: ['type', 'result'],
    help: 'Actions taken, by type and result.',
  },
  decision: {
    name: 'aicluster_capacity_decision_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time that one decision over the whole fleet took, observation included.',
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Metric names. */
export const METRIC = metricNames(METRICS);

/** Condition types of a CapacityBucket. */
export const CONDITION = {
  /** The spec is valid. */
  accepted: 'Accepted',
  /** It has at least its minimum of usable nodes. */
  minimumMet: 'MinimumMet',
  /** It has the nodes its work needs. */
  demandMet: 'DemandMet',
  /** Volcano's queue of its name is its own. Only where Volcano is installed. */
  queueFollows: 'QueueFollows',
} as const;

/** Reasons of Events. */
export const EVENT = {
  nodesAssigned: 'NodesAssigned',
  nodesReleased: 'NodesReleased',
  nodesRequested: 'NodesRequested',
  invalidSpec: 'InvalidSpec',
  queueTaken: 'QueueTaken',
} as const;
