/** The row of the janitor: what is stuck, what was killed and comes back, what training depends on and is not so. */
import type { RowSpec } from './panels';

/** The row. */
export const JANITOR: RowSpec = {
  title: 'Janitor and invariants',
  panels: [
    {
      type: 'stat',
      title: 'Stuck',
      description: 'Pods and gangs that are stuck for long enough. Which and why: kubectl get jp default -o wide.',
      unit: 'short',
      redFrom: 1,
      queries: { 'sum(max by (state) (aicluster_janitor_stuck{state!="Ended"})) or vector(0)': 'stuck' },
    },
    {
      type: 'stat',
      title: 'Work given up',
      description: 'Work that is not started again, within seven days. Why: kubectl get resub -A -o wide.',
      unit: 'short',
      queries: { 'sum(max by (reason) (aicluster_janitor_stopped_work{reason!="Person"})) or vector(0)': 'stopped' },
    },
    {
      type: 'stat',
      title: 'Broken rules, critical',
      description: 'Objects that break a rule of severity Critical. Which: aicluster explain invariants.',
      unit: 'short',
      redFrom: 1,
      queries: {
        'sum(max by (rule) (aicluster_invariants_findings{severity="Critical"})) or vector(0)': 'objects',
      },
    },
    {
      type: 'stat',
      title: 'Conflicts',
      description: 'Findings that somebody else keeps changing back.',
      unit: 'short',
      redFrom: 1,
      queries: { 'sum(max by (rule) (aicluster_invariants_conflicts)) or vector(0)': 'conflicts' },
    },
    {
      type: 'stat',
      title: 'Last look at the rules',
      description: 'How long ago all rules were looked at. Half a minute is usual.',
      unit: 's',
      redFrom: 180,
      queries: { 'time() - max(aicluster_invariants_last_look_timestamp_seconds)': 'ago' },
    },
    {
      title: 'Stuck pods and gangs by state',
      description: 'By state. Ended: work that has ended in failure and is still there.',
      unit: 'short',
      width: 8,
      queries: { 'max by (state) (aicluster_janitor_stuck)': '{{state}}' },
    },
    {
      title: 'Longest stuck',
      description: 'Since when the oldest in each state. What may be freed is freed within 15 minutes.',
      unit: 's',
      width: 8,
      queries: {
        'time() - min by (state) (aicluster_janitor_stuck_since_timestamp_seconds{state!="Ended"})': '{{state}}',
      },
    },
    {
      title: 'Done by the janitor in an hour',
      description: 'Actions by type and result: force deletes, finalizers, restarts, copies, repairs.',
      unit: 'short',
      width: 8,
      queries: { 'sum by (type, result) (increase(aicluster_janitor_actions_total[1h]))': '{{type}} {{result}}' },
    },
    {
      title: 'Resubmissions',
      description: 'Ledgers of killed work by how far they are; they are kept for seven days.',
      unit: 'short',
      width: 8,
      queries: { 'max by (step) (aicluster_janitor_resubmissions)': '{{step}}' },
    },
    {
      title: 'Kubernetes against EC2',
      description: 'What they disagree about, by kind.',
      unit: 'short',
      width: 8,
      queries: { 'max by (kind) (aicluster_janitor_differences)': '{{kind}}' },
    },
    {
      title: 'Broken rules',
      description: 'Objects that break a rule, by rule and severity.',
      unit: 'short',
      width: 8,
      queries: { 'max by (rule, severity) (aicluster_invariants_findings)': '{{rule}} ({{severity}})' },
    },
    {
      title: 'Repairs in an hour',
      description: 'What the enforcer has put right, by rule and result.',
      unit: 'short',
      queries: { 'sum by (rule, result) (increase(aicluster_invariants_repairs_total[1h]))': '{{rule}} {{result}}' },
    },
  ],
};
