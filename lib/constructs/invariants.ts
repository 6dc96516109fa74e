/** What training depends on, checked all the time: the InvariantPolicy of a cluster, as props of the same shape. */
import { INVARIANT_POLICY_NAME, InvalidObject, InvariantPolicy, unknownRules, type InvariantSeverity } from '../api';
import type { KubeObject } from '../domain/kube';

/** Which rules are checked, and what may be put right. */
export interface InvariantOptions {
  /**
   * What is said of single rules.
   * @default - all are checked as they are
   */
  readonly rules?: readonly InvariantRuleOverride[];
  /**
   * What may be put right.
   * @default - nothing: what is broken is named
   */
  readonly repair?: InvariantRepairOptions;
  /**
   * Most findings in the status of the policy, the worst first.
   * @default 256
   */
  readonly maxFindings?: number;
}

/** What is said of one rule. */
export interface InvariantRuleOverride {
  /** The rule, as findings and `docs/reference/invariants.md` name it. One that does not exist fails at synth. */
  readonly id: string;
  /**
   * Whether it is not checked.
   * @default false
   */
  readonly disabled?: boolean;
  /**
   * How bad it is when it is broken.
   * @default - the rule's own
   */
  readonly severity?: InvariantSeverity;
  /**
   * Whether it is put right, where the rule knows how.
   * @default true
   */
  readonly repair?: boolean;
}

/** How far the enforcer may go. */
export interface InvariantRepairOptions {
  /**
   * Whether what is broken is only named.
   * @default true
   */
  readonly dryRun?: boolean;
  /**
   * Most repairs of one object by one rule within an hour; after that it is a conflict with somebody else.
   * @default 3
   */
  readonly maxPerHour?: number;
}

/** The InvariantPolicy of these props. Throws InvalidObject naming every wrong field, misspelt ones and rules with the nearest. */
export function toInvariantPolicy(options: InvariantOptions = {}): KubeObject {
  // The same shape, but that nothing here changes its lists.
  const policy = InvariantPolicy.make(INVARIANT_POLICY_NAME, options as Parameters<typeof InvariantPolicy.make>[1]);
  const unknown = unknownRules(policy.spec!);
  if (unknown.length > 0) throw new InvalidObject(InvariantPolicy.kind, INVARIANT_POLICY_NAME, unknown);
  return policy;
}
