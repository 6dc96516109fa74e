/** What distributed training depends on and is not so: the findings in the status of the InvariantPolicy, with what each rule is for. PURE. */
import { INVARIANT_POLICY_NAME, type InvariantPolicyStatus } from '../../api';
import { RULES } from '../../controllers/invariants/rules';
import { parseTime, type KubeObject } from '../../domain/kube';
import { INVARIANT_POLICIES } from '../../domain/resources';
import { section, since } from './words';

type Finding = NonNullable<InvariantPolicyStatus['findings']>[number];

/** One rule that is broken, or was asked for. */
export interface RuleExplanation {
  readonly rule: string;
  readonly severity: string;
  readonly owner: string;
  readonly protects: string;
  readonly sees: string;
  readonly source: string;
  readonly findings: readonly Finding[];
}

/** The answer. */
export interface InvariantsExplanation {
  readonly message: string;
  readonly rules: readonly RuleExplanation[];
  /** Findings there was no room for in the status are in these counts, too. */
  readonly counts?: InvariantPolicyStatus['counts'];
}

/** Explains all that is broken, or one rule; undefined when there is no rule of that name. */
export function explainInvariants(
  objects: readonly KubeObject[],
  name: string | undefined,
): InvariantsExplanation | undefined {
  const policy = objects.find(
    ({ kind, metadata }) => kind === INVARIANT_POLICIES.kind && metadata.name === INVARIANT_POLICY_NAME,
  );
  const status: InvariantPolicyStatus = policy?.status ?? {};
  const open = (status.findings ?? []).filter(({ resolvedAt }) => resolvedAt === undefined);
  const broken = new Set(open.map(({ rule }) => rule));
  const rules = RULES.filter(({ id }) => (name === undefined ? broken.has(id) : id === name)).map((rule) => ({
    ...{ rule: rule.id, severity: rule.severity, owner: rule.owner },
    ...{ protects: rule.protects, sees: rule.sees, source: rule.source },
    findings: open.filter((finding) => finding.rule === rule.id),
  }));
  if (name !== undefined && rules.length === 0) return undefined;
  const unlooked = policy ? 'the invariants have not been looked at yet: is aicluster-janitor up?' : NO_POLICY;
  return { message: status.message ?? unlooked, rules, ...(status.counts ? { counts: status.counts } : {}) };
}

const NO_POLICY =
  'there is no InvariantPolicy named default: findings are only in the metrics and Events of aicluster-janitor';

/** Ids of all rules. */
export const ruleNames = (): readonly string[] => RULES.map(({ id }) => id);

/** For people. */
export function invariantsText({ message, rules }: InvariantsExplanation, nowMs: number): readonly string[] {
  return [
    `invariants: ${message}`,
    ...rules.flatMap(({ rule, severity, owner, protects, sees, source, findings }) => [
      ...section(`${rule} (${severity}, put right by ${owner})`, [
        `protects: ${protects}`,
        `seen by:  ${sees}`,
        `source:   ${source}`,
        ...(findings.length === 0 ? ['kept'] : findings.map((finding) => toLine(finding, nowMs))),
      ]),
    ]),
  ];
}

function toLine({ object, message, since: from, conflict, manager, repairs }: Finding, nowMs: number): string {
  const fought = conflict ? `; CONFLICT: put right ${repairs ?? 0} times, changed by ${manager ?? 'somebody'}` : '';
  return `${object}, ${since(parseTime(from), nowMs)}: ${message}${fought}`;
}
