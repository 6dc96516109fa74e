/** The Grafana dashboard: who has the nodes, who waits, what moves, where nodes come from, who is proved, what is stuck or broken, how the controllers do. */
import { NODE_HEALTH } from './health-panels';
import { JANITOR } from './janitor-panels';
import { DATASOURCE, layOut, type RowSpec } from './panels';

const of = (metric: string) => `max by (bucket) (aicluster_capacity_${metric}{bucket=~"$bucket"})`;
const pools = (metric: string) => `max by (pool) (aicluster_pools_${metric})`;
const quantile = (q: number, metric: string, by: string, window: string) =>
  `histogram_quantile(${q}, sum by (${by}) (rate(${metric}[${window}])))`;

const NOW: RowSpec = {
  title: 'Now',
  panels: [
    {
      type: 'stat',
      title: 'Nodes usable',
      description: 'Usable nodes of all buckets chosen above.',
      unit: 'short',
      queries: { [`sum(${of('active_nodes')})`]: 'usable' },
    },
    {
      type: 'stat',
      title: 'Nodes needed',
      description: 'Nodes that the work of these buckets needs, running and waiting.',
      unit: 'short',
      queries: { [`sum(${of('demand_nodes')})`]: 'needed' },
    },
    {
      type: 'stat',
      title: 'Below minimum',
      description: 'Buckets with fewer usable nodes than their minimum. Why: aicluster explain bucket NAME.',
      unit: 'short',
      redFrom: 1,
      queries: { [`sum(${of('active_nodes')} < bool ${of('minimum_nodes')})`]: 'buckets' },
    },
    {
      type: 'stat',
      title: 'Oldest wait',
      description: 'How long the oldest gang or pod has waited for a node.',
      unit: 's',
      redFrom: 3600,
      queries: { [`max(time() - ${of('waiting_since_timestamp_seconds')}) or vector(0)`]: 'waited' },
    },
    {
      type: 'stat',
      title: 'Gangs suspended',
      description: 'Gangs that gave way to a move and may not run again yet.',
      unit: 'short',
      queries: { 'max(aicluster_capacity_suspended_gangs)': 'gangs' },
    },
    {
      type: 'stat',
      title: 'Replicas that work',
      description: 'Replicas with the lease and full caches, by process: 1 is right, 0 is nobody.',
      unit: 'short',
      queries: { 'sum by (process) (aicluster_controllers_working)': '{{process}}' },
    },
  ],
};

const BUCKETS: RowSpec = {
  title: 'Buckets',
  panels: [
    {
      title: 'Usable nodes by bucket',
      description: 'Nodes that can take work now. Minimum and maximum count these.',
      unit: 'short',
      queries: { [of('active_nodes')]: '{{bucket}}' },
    },
    {
      title: 'Demand and target',
      description:
        'What the work needs, and what the capacity controller wants the bucket to have, by priority and bounds.',
      unit: 'short',
      queries: { [of('demand_nodes')]: '{{bucket}} needs', [of('target_nodes')]: '{{bucket}} should have' },
    },
    {
      title: 'Demand that has no node',
      description: 'Nodes needed beyond those that are usable.',
      unit: 'short',
      queries: { [`clamp_min(${of('demand_nodes')} - ${of('active_nodes')}, 0)`]: '{{bucket}}' },
    },
    {
      title: 'Idle and arriving nodes',
      description: 'Usable nodes without work, and nodes on their way into the bucket.',
      unit: 'short',
      queries: { [of('idle_nodes')]: '{{bucket}} idle', [of('arriving_nodes')]: '{{bucket}} arriving' },
    },
    {
      title: 'Queue wait',
      description: 'How long gangs and pods waited that got their nodes: half of them less, one in twenty more.',
      unit: 's',
      queries: Object.fromEntries(
        [0.5, 0.95].map((q) => [
          quantile(q, 'aicluster_capacity_queue_wait_seconds_bucket{bucket=~"$bucket"}', 'bucket, le', '1h'),
          `{{bucket}} p${q * 100}`,
        ]),
      ),
    },
    {
      title: 'Oldest wait by bucket',
      description: 'How long the oldest gang or pod that has no node has waited.',
      unit: 's',
      queries: { [`time() - ${of('waiting_since_timestamp_seconds')}`]: '{{bucket}}' },
    },
  ],
};

const MOVES: RowSpec = {
  title: 'Moves',
  panels: [
    {
      title: 'Moves finished in an hour',
      description: 'NodeMoves by reason and how they ended.',
      unit: 'short',
      queries: { 'sum by (reason, outcome) (increase(aicluster_moves_finished_total[1h]))': '{{reason}} {{outcome}}' },
    },
    {
      title: 'Work lost in an hour',
      description: 'Accelerators × seconds since the last checkpoint of gangs that gave way, by the bucket that gave.',
      unit: 's',
      queries: {
        'sum by (bucket) (increase(aicluster_moves_accelerator_seconds_lost_total{bucket=~"$bucket"}[1h]))':
          '{{bucket}}',
      },
    },
    {
      title: 'Oldest move under way',
      description: 'Age of the oldest NodeMove that has not finished, by reason.',
      unit: 's',
      queries: { 'time() - min by (reason) (aicluster_capacity_oldest_move_timestamp_seconds)': '{{reason}}' },
    },
    {
      title: 'Nodes by phase',
      description: 'All nodes of the pools. Orphan: their keys contradict each other.',
      unit: 'short',
      queries: { 'max by (phase) (aicluster_capacity_fleet_nodes)': '{{phase}}' },
    },
  ],
};

const SUPPLY: RowSpec = {
  title: 'Pools',
  panels: [
    {
      title: 'Nodes by pool',
      description: 'Nodes there should be, and nodes that are Ready.',
      unit: 'short',
      width: 8,
      queries: { [pools('desired_nodes')]: '{{pool}} desired', [pools('ready_nodes')]: '{{pool}} ready' },
    },
    {
      title: 'Refused by EC2 in a row',
      description: 'Launches that found no capacity; from 5 on the pool asks every 15 minutes.',
      unit: 'short',
      width: 8,
      queries: { [pools('launch_failures')]: '{{pool}}' },
    },
    {
      title: 'Left of the reservation',
      description: 'Until the reservation ends; those without an end are not shown.',
      unit: 's',
      width: 8,
      queries: { [`(${pools('reservation_end_timestamp_seconds')} < Inf) - time() > 0`]: '{{pool}}' },
    },
  ],
};

const CONTROLLERS: RowSpec = {
  title: 'Controllers',
  panels: [
    {
      title: 'Decision time',
      description: 'Of one decision over the whole fleet: the median, and the slowest of a hundred.',
      unit: 's',
      width: 8,
      queries: Object.fromEntries(
        [0.5, 0.99].map((q) => [quantile(q, 'aicluster_capacity_decision_seconds_bucket', 'le', '10m'), `p${q * 100}`]),
      ),
    },
    {
      title: 'Reconciles that did not go well',
      description: 'By controller and outcome. Conflict is daily life; Bug is ours.',
      unit: 'ops',
      width: 8,
      queries: {
        'sum by (controller, outcome) (rate(aicluster_reconciles_total{outcome!="Done"}[10m]))':
          '{{controller}} {{outcome}}',
      },
    },
    {
      title: 'Silence of the API server',
      description: 'Seconds since something was heard about a resource type. Bookmarks come every minute.',
      unit: 's',
      width: 8,
      queries: { 'max by (resource) (aicluster_cache_seconds_since_heard)': '{{resource}}' },
    },
    {
      title: 'Memory',
      description: 'Resident memory of the controllers, by pod. Their limit is 1 GiB.',
      unit: 'bytes',
      queries: { 'process_resident_memory_bytes and on (instance) aicluster_controllers_working': '{{instance}}' },
    },
    {
      title: 'Actions',
      description: 'What the controllers did, and what was refused.',
      unit: 'ops',
      queries: Object.fromEntries(
        ['capacity', 'health', 'janitor', 'moves', 'pools'].map((name) => [
          `sum by (type, result) (rate(aicluster_${name}_actions_total[10m]))`,
          `${name} {{type}} {{result}}`,
        ]),
      ),
    },
  ],
};

const VARIABLES = [
  { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1, hide: 0 },
  {
    name: 'bucket',
    label: 'Bucket',
    type: 'query',
    datasource: DATASOURCE,
    query: { query: 'label_values(aicluster_capacity_active_nodes, bucket)', refId: 'bucket' },
    definition: 'label_values(aicluster_capacity_active_nodes, bucket)',
    refresh: 2,
    sort: 1,
    hide: 0,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  },
];

/** DASHBOARD_SCHEMA_VERSION in DashboardMigrator.ts of Grafana 11; later ones migrate it when they load it. */
const SCHEMA_VERSION = 39;

/** The dashboard as JSON. */
export function dashboard(): object {
  return {
    uid: 'aicluster-capacity',
    title: 'AI cluster: capacity',
    description: 'Which class of work has which nodes, who waits for how long and why, and what it costs.',
    tags: ['aicluster', 'capacity'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: '',
    links: [],
    annotations: { list: [] },
    templating: { list: VARIABLES },
    panels: layOut([NOW, BUCKETS, MOVES, SUPPLY, NODE_HEALTH, JANITOR, CONTROLLERS]),
  };
}
