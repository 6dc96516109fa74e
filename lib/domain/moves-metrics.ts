/** The metrics of the moves controller, as rows; their names are in its telemetry.ts. */
import type { MetricRow } from './metrics';

type Row = readonly [name: string, type: MetricRow['type'], labels: readonly string[], help: string];

const ROWS: readonly Row[] = [
  ['aicluster_moves_actions_total', 'counter', ['type', 'result'], 'Actions taken, by type and result.'],
  ['aicluster_moves_steps_total', 'counter', ['step', 'reason'], 'Nodes that reached a step, by reason of the move.'],
  ['aicluster_moves_late_bindings_total', 'counter', [], 'Pods that landed on a node between its taint and its swap.'],
  [
    'aicluster_moves_evictions_total',
    'counter',
    ['result'],
    'Evictions, by result. Blocked: a PodDisruptionBudget forbade it.',
  ],
  ['aicluster_moves_nodes_in_flight', 'gauge', [], 'Nodes taken from buckets and not handed over yet.'],
  [
    'aicluster_moves_finished_total',
    'counter',
    ['reason', 'outcome'],
    'NodeMoves that ended, by reason and outcome: HandedOver, Lost, Aborted, Mixed, Deleted.',
  ],
  [
    'aicluster_moves_accelerator_seconds_lost_total',
    'counter',
    ['bucket'],
    'Work lost by gangs of the bucket that gave way: accelerators × seconds since the last checkpoint.',
  ],
  [
    'aicluster_moves_gang_steps_total',
    'counter',
    ['step', 'how'],
    'Gangs that reached a step of giving way, by how they give way.',
  ],
  ['aicluster_moves_gangs', 'gauge', ['step'], 'Gangs that a move holds now, by step.'],
];

/** The table. */
export const MOVES_METRICS: readonly MetricRow[] = ROWS.map(([name, type, labels, help]) => ({
  name,
  type,
  labels,
  help,
}));
