/** Alerts about the process janitor: stuck and killed work, and what training depends on. */
import type { Alert } from './alert';

const MINUTE = 60;
const HOUR = 3600;

/** The rule with an alert of its own. */
const ADMISSION = 'admission-policies-unmodified';

/** The alerts, sorted by name. */
export const JANITOR_ALERTS: readonly Alert[] = [
  {
    name: 'AdmissionPoliciesModified',
    severity: 'critical',
    // Without the list of what was deployed nothing is compared, and nothing is found.
    expr: `max(aicluster_invariants_findings{rule="${ADMISSION}"}) > 0 or max(aicluster_invariants_shipped_objects) == 0`,
    // A deployment writes the policies and what they are compared with one after the other, within a minute or two.
    for: '5m',
    summary: 'Admission policies are gone, or not as they were deployed',
    description:
      '{{ $value }} policies or bindings differ (0: nobody knows what was deployed). They keep foreign pods off nodes of buckets, and everything off nodes that are not proved; nothing of ours puts them back.',
  },
  {
    name: 'CacheOutOfSync',
    severity: 'warning',
    // Repaired is what is an hour old (sync.olderThan), 20 in an hour: after two hours nobody is going to, or EC2 and we are at odds for real.
    expr: `time() - min by (kind) (aicluster_janitor_different_since_timestamp_seconds) > ${2 * HOUR}`,
    for: '15m',
    summary: 'Kubernetes and EC2 disagree for hours: {{ $labels.kind }}',
    description:
      'The oldest finding of this kind is {{ $value | humanizeDuration }} old. What is not named in sync.repair of the JanitorPolicy is left to a person.',
  },
  {
    name: 'InvariantBroken',
    // Not critical: most such rules are broken by one piece of work, and for its owner; node-health has louder alerts of its own.
    severity: 'warning',
    expr: `max by (rule) (aicluster_invariants_findings{severity="Critical",rule!="${ADMISSION}"}) > 0`,
    // Controllers of ours put right what they own within a minute; whatever is left after ten is for somebody else.
    for: '10m',
    summary: 'The rule {{ $labels.rule }} is broken: work fails or is lost',
    description:
      '{{ $value }} objects have broken it for ten minutes. Which ones and what to do: aicluster explain invariants.',
  },
  {
    name: 'InvariantConflict',
    severity: 'warning',
    expr: 'max by (rule) (aicluster_invariants_conflicts) > 0',
    // It was put right as often as the policy says before it is called a conflict, so there is nothing to wait for but the next scrape.
    for: '1m',
    summary: 'Somebody keeps changing what the rule {{ $labels.rule }} looks at',
    description:
      '{{ $value }} findings were put right again and again, and are wrong. Nobody repairs them any more until it has been quiet for an hour.',
  },
  {
    name: 'InvariantsNotLookedAt',
    severity: 'warning',
    // The rules are looked at every half minute at the latest; six times missed is no coincidence. Never at all is the same.
    expr: [
      'max(aicluster_controllers_working{process="janitor"}) > 0',
      `unless on () max(aicluster_invariants_last_look_timestamp_seconds) > time() - ${3 * MINUTE}`,
    ].join(' '),
    for: '5m',
    summary: 'The janitor works, and has not looked at the invariants for minutes',
    description:
      '{{ $value }} replica works, and the last look at all rules is more than three minutes old: findings are those of then.',
  },
  {
    name: 'JanitorIsDown',
    severity: 'warning',
    expr: 'absent(aicluster_controllers_working{process="janitor"})',
    for: '15m',
    summary: 'No replica of aicluster-janitor can be scraped',
    description:
      'For fifteen minutes 0 replicas of aicluster-janitor have said anything. Stuck pods stay stuck, killed work does not come back, and broken rules are not named.',
  },
  {
    name: 'PodsStuckLong',
    severity: 'warning',
    // What may be freed is freed 2 to 15 minutes after it is stuck. Work that has ended in failure (Ended) waits for its next attempt.
    expr: `time() - min by (state) (aicluster_janitor_stuck_since_timestamp_seconds{state!="Ended"}) > ${HOUR}`,
    for: '5m',
    summary: 'Pods or gangs have been stuck for an hour: {{ $labels.state }}',
    description:
      'The oldest has been so for {{ $value | humanizeDuration }}. Either the janitor only watches (dryRun), or a rule keeps it from acting without proof.',
  },
  {
    name: 'WorkStopped',
    severity: 'warning',
    // A moment, not a state: told for six hours, because the Resubmission says so for seven days, and nobody may want the work back.
    expr: `time() - max by (reason) (aicluster_janitor_work_stopped_timestamp_seconds{reason!="Person"}) < ${6 * HOUR}`,
    for: '1m',
    summary: 'Killed work is not started again any more ({{ $labels.reason }})',
    description:
      'It was decided {{ $value | humanizeDuration }} ago. Application: it fails by itself; Attempts: too often, and nobody knows why.',
  },
];
