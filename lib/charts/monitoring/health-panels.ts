/** The row of node health: who is proved, who is not, what is known against whom, and what holds back what should be done. */
import type { RowSpec } from './panels';

/** The row. */
export const NODE_HEALTH: RowSpec = {
  title: 'Node health',
  panels: [
    {
      type: 'stat',
      title: 'Breaker',
      description: 'More than 0: too many nodes turned bad at once, and none is removed until a person resets it.',
      unit: 'short',
      redFrom: 1,
      queries: { 'max(aicluster_health_breaker_tripped)': 'tripped' },
    },
    {
      type: 'stat',
      title: 'Left to a person',
      description:
        'Nodes of which nothing could be said (Suspect). Why: kubectl get nval, aicluster explain node NAME.',
      unit: 'short',
      redFrom: 1,
      queries: { 'max(aicluster_health_nodes{phase="Suspect"}) or vector(0)': 'nodes' },
    },
    {
      type: 'stat',
      title: 'Failed',
      description: 'Nodes that failed a validation and are still there.',
      unit: 'short',
      redFrom: 1,
      queries: { 'max(aicluster_health_nodes{phase="Quarantined"}) or vector(0)': 'nodes' },
    },
    {
      title: 'Nodes by health',
      description: 'All nodes of the pools by what they are to node health; Proved are those that may work.',
      unit: 'short',
      queries: { 'max by (phase) (aicluster_health_nodes)': '{{phase}}' },
    },
    {
      title: 'Verdicts in an hour',
      description: 'Verdicts written on nodes. Unreliable is neither healthy nor a reason to replace.',
      unit: 'short',
      width: 8,
      queries: { 'sum by (result) (increase(aicluster_health_verdicts_total[1h]))': '{{result}}' },
    },
    {
      title: 'Longest wait for a verdict',
      description: 'Of nodes without work: since they were put on probation, or since their validation was made.',
      unit: 's',
      width: 8,
      queries: { 'time() - min by (phase) (aicluster_health_waiting_since_timestamp_seconds)': '{{phase}}' },
    },
    {
      title: 'Validations under way',
      description: 'By step: each node by itself, pairs of them, all together.',
      unit: 'short',
      width: 8,
      queries: { 'max by (step) (aicluster_health_validations)': '{{step}}' },
    },
    {
      title: 'Held back by a brake',
      description: 'Nodes that should leave work or be replaced and may not. DryRun: the policy only watches.',
      unit: 'short',
      width: 8,
      queries: { 'max by (brake) (aicluster_health_held_back)': '{{brake}}' },
    },
    {
      title: 'Faults known',
      description: 'What is said against nodes now, by who says so.',
      unit: 'short',
      width: 8,
      queries: { 'max by (source) (aicluster_health_faults)': '{{source}}' },
    },
    {
      title: 'Length of rounds',
      description: 'How long rounds of checks took: half of them less, one in twenty more.',
      unit: 's',
      width: 8,
      queries: Object.fromEntries(
        [0.5, 0.95].map((q) => [
          `histogram_quantile(${q}, sum by (check, le) (rate(aicluster_health_round_seconds_bucket[6h])))`,
          `{{check}} p${q * 100}`,
        ]),
      ),
    },
    {
      title: 'Evidence written in an hour',
      description: 'Files of evidence for the model bucket, by what became of them.',
      unit: 'short',
      queries: { 'sum by (result) (increase(aicluster_health_evidence_writes_total[1h]))': '{{result}}' },
    },
  ],
};
