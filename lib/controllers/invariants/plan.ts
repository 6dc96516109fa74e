/**
 * The invariants of distributed training: everything is looked at, and what is wrong is said. PURE.
 *
 *   rules/      one rule, one file: state → violations
 *   state.ts    what rules look at
 *   findings.ts violations and the findings there were → findings, repairs that are due, conflicts
 *
 * Rules report, and the owner of the key repairs: a controller of ours, the CDK app, or a person. Only what nobody else owns is repaired
 * here, and only as the policy says.
 */
import {
  INVARIANT_POLICY_NAME,
  unknownRules,
  type FieldError,
  type InvariantPolicySpec,
  type InvariantPolicyStatus,
} from '../../api';
import { setCondition } from '../../domain/conditions';
import { jsonEqual } from '../../domain/json-equal';
import type { Condition } from '../../domain/kube';
import { INVARIANT_POLICIES } from '../../domain/resources';
import type { PolicyState as PolicyOf } from '../../fleet';
import {
  isOpen,
  planFindings,
  RANK,
  type DueRepair,
  type Finding,
  type FindingsPlan,
  type RuleResult,
  type Unnamed,
} from './findings';
import { refOf, type ObjectRef, type Rule, type Severity, type Violation } from './rule';
import type { InvariantState, Watched } from './state';
import { CONDITION } from './telemetry';

/** The InvariantPolicy as it is. */
export type PolicyState = PolicyOf<InvariantPolicySpec, InvariantPolicyStatus>;

/** What to say in `kubectl describe` of the object. */
export interface News {
  /** `rule object`. */
  readonly key: string;
  readonly object: ObjectRef;
  readonly severity: Severity;
  readonly conflict: boolean;
  readonly message: string;
}

/** What one look comes to. */
export interface InvariantsPlan {
  readonly findings: readonly Finding[];
  /** These, and what was put right within the hour: for the next look, where no policy keeps them. */
  readonly known: readonly Finding[];
  readonly repairs: readonly DueRepair[];
  readonly unnamed: readonly Unnamed[];
  readonly news: readonly News[];
  /** To be said next time. */
  readonly untold: readonly News[];
  /** The status to write; absent: it is as it should be, or there is no policy. */
  readonly status?: InvariantPolicyStatus;
  readonly rules: number;
  readonly pending: ReadonlyMap<string, number>;
  /** For the next look. */
  readonly checked: ReadonlyMap<string, Watched<readonly Violation[]>>;
  readonly againMs?: number;
}

/** So many are said at once, and the others in the next looks; the status has them all. */
const MOST_NEWS = 20;

/** What is known from the looks before. */
export interface LookBefore {
  /** What counts without a policy. */
  readonly defaults: InvariantPolicySpec;
  /** `rule object` → field manager that was found to write there. */
  readonly managers: ReadonlyMap<string, string>;
  /** Findings of the look before, in which nobody had made a policy to write them to. */
  readonly known: readonly Finding[];
  /** What was wrong and is no finding yet. */
  readonly pending: ReadonlyMap<string, number>;
  /** What there was too much of to say it all at once. */
  readonly untold: readonly News[];
  /** Rule → what it came to, and from what. */
  readonly checked: ReadonlyMap<string, Watched<readonly Violation[]>>;
}

/** Looks at everything. */
export function planInvariants(
  rules: readonly Rule[],
  state: InvariantState,
  policy: PolicyState | undefined,
  look: LookBefore,
): InvariantsPlan {
  const spec = policy?.spec ?? look.defaults;
  const results = resultsOf({ rules, state, spec, checked: look.checked });
  const bounds = {
    maxFindings: spec.maxFindings,
    maxRepairs: spec.repair.maxPerHour,
    // Without a policy nobody has said that anything may be changed.
    dryRun: spec.repair.dryRun || policy === undefined,
  };
  const { managers, pending } = look;
  const before = policy?.status.findings ?? look.known;
  const plan = planFindings(before, results, { bounds, managers, pending, nowMs: state.nowMs });
  const status = policy && statusOf(policy, plan, results.length, state.nowMs);
  const findings = plan.findings.filter(isOpen);
  const news = newsOf(plan, findings, look.untold);
  return {
    ...{ findings, known: plan.findings },
    repairs: plan.repairs,
    unnamed: plan.unnamed,
    news: news.slice(0, MOST_NEWS),
    untold: news.slice(MOST_NEWS),
    ...(status && !jsonEqual(status, policy.status) ? { status } : {}),
    rules: results.length,
    pending: plan.pending,
    checked: new Map(results.map(({ rule, watched }) => [rule.id, watched] as const)),
    ...(plan.againMs === undefined ? {} : { againMs: plan.againMs }),
  };
}

/** What is still wrong of what waits since the last look, and what is new; the worst first. */
function newsOf(plan: FindingsPlan, findings: readonly Finding[], untold: readonly News[]): readonly News[] {
  const keyOf = ({ rule, object }: Finding) => `${rule} ${object}`;
  const open = new Set(findings.map(keyOf));
  const fresh = plan.news.map(({ finding, violation }) => ({
    key: keyOf(finding),
    object: violation.object,
    severity: finding.severity,
    conflict: finding.conflict === true,
    message: `${finding.message} [${finding.rule}]`,
  }));
  const all = [...untold.filter(({ key }) => open.has(key)), ...fresh];
  return all.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

interface Looking {
  readonly rules: readonly Rule[];
  readonly state: InvariantState;
  readonly spec: InvariantPolicySpec;
  readonly checked: ReadonlyMap<string, Watched<readonly Violation[]>>;
}

type Checked = RuleResult & { readonly watched: Watched<readonly Violation[]> };

function resultsOf({ rules, state, spec, checked }: Looking): Checked[] {
  const said = new Map(spec.rules.map((one) => [one.id, one] as const));
  return rules
    .filter(({ id }) => said.get(id)?.disabled !== true)
    .map((rule) => {
      const before = checked.get(rule.id);
      // Pods change every moment, and most of the rest for days not.
      const watched = before && state.isAsSeen(before) ? before : state.watched(() => check(rule, state));
      return {
        ...{ rule, watched, violations: watched.value },
        severity: said.get(rule.id)?.severity ?? rule.severity,
        repairs: said.get(rule.id)?.repair ?? true,
      };
    });
}

/** A rule that fails on what it finds is said like any other: one broken object must not hide all the others. */
function check(rule: Rule, state: InvariantState): readonly Violation[] {
  try {
    return rule.check(state);
  } catch (error) {
    const object = refOf(INVARIANT_POLICIES, { metadata: { name: INVARIANT_POLICY_NAME } });
    return [{ object, message: `rule ${rule.id} could not be looked at, a bug: ${(error as Error).message}` }];
  }
}

function statusOf(policy: PolicyState, plan: FindingsPlan, rules: number, nowMs: number): InvariantPolicyStatus {
  const open = plan.findings.filter(isOpen);
  const { Critical: critical, Warning: warning, Info: info } = plan.counts;
  const conflicts = open.filter(({ conflict }) => conflict).length;
  const unknown = policy.errors === undefined ? unknownRules(policy.spec) : [];
  const said = words({ critical, warning, info, conflicts, more: plan.more, unknown: unknown.length });
  const conditions = setCondition(policy.status.conditions, acceptedOf(policy, unknown), nowMs);
  const kept = critical === 0 && warning === 0;
  return {
    observedGeneration: policy.generation,
    conditions: setCondition(
      conditions,
      { type: CONDITION.kept, status: kept ? 'True' : 'False', reason: kept ? 'Kept' : 'Broken', message: said },
      nowMs,
    ),
    counts: { critical, warning, info },
    findings: [...plan.findings],
    rules,
    message: said,
  };
}

/** What is said of a rule that does not exist changes nothing; all else counts. */
function acceptedOf({ errors }: PolicyState, unknown: readonly FieldError[]): Omit<Condition, 'lastTransitionTime'> {
  const { accepted: type } = CONDITION;
  if (errors) return { type, status: 'False', reason: 'Invalid', message: errors.join('; ') };
  if (unknown.length === 0) return { type, status: 'True', reason: 'Valid', message: 'the spec is valid' };
  const said = unknown.slice(0, 8).map(({ path, message }) => `${path}: ${message}`);
  return { type, status: 'False', reason: 'UnknownRule', message: `${said.join('; ')} All else counts.` };
}

interface Counts {
  readonly critical: number;
  readonly warning: number;
  readonly info: number;
  readonly conflicts: number;
  readonly more: number;
  /** Rules that the spec names and that do not exist. */
  readonly unknown: number;
}

function words({ critical, warning, info, conflicts, more, unknown }: Counts): string {
  const misspelt = unknown > 0 ? `; ${unknown} of spec.rules unknown: see Accepted` : '';
  if (critical + warning + info === 0) return `every rule is kept${misspelt}`;
  const fought = conflicts > 0 ? `; ${conflicts} of them somebody else keeps changing` : '';
  const rest = more > 0 ? `; ${more} more have no room here` : '';
  return `${critical} critical, ${warning} warnings, ${info} to know${fought}${rest}${misspelt}`;
}
