/**
 * From what is wrong now to what is said and done about it. PURE.
 *
 * One finding per (rule, object). It is kept for an hour after it was put right, so that a second writer who breaks it again and again
 * is told from a slip: put right so often within the hour, by us or by the owner of the key, the finding becomes a Conflict that names
 * the other writer, and nobody repairs it any more until it has been quiet for an hour. All of it is in the status of the
 * InvariantPolicy, so nothing is forgotten when the process dies.
 */
import { formatTime, parseTime } from '../../domain/kube';
import { toWords, type Repair, type Rule, type Severity, type Violation } from './rule';

/** One finding, as the status has it. */
export interface Finding {
  readonly rule: string;
  /** `Kind namespace/name`. */
  readonly object: string;
  readonly message: string;
  readonly severity: Severity;
  readonly owner: string;
  readonly since: string;
  /** How often it was put right within the hour. */
  readonly repairs?: number;
  readonly repairedAt?: string;
  /** Put right, and remembered for a while. */
  readonly resolvedAt?: string;
  /** It was put right as often as the policy says, and is wrong again: somebody else keeps changing it. */
  readonly conflict?: boolean;
  /** Field manager of the other writer. */
  readonly manager?: string;
}

/** A rule, and what breaks it now. */
export interface RuleResult {
  readonly rule: Pick<Rule, 'id' | 'owner'>;
  readonly severity: Severity;
  /** Whether the policy lets it be repaired. */
  readonly repairs: boolean;
  readonly violations: readonly Violation[];
}

/** Bounds of the policy. */
export interface FindingBounds {
  readonly maxFindings: number;
  /** Repairs of one finding within an hour. */
  readonly maxRepairs: number;
  readonly dryRun: boolean;
}

/** A repair that is due. */
export interface DueRepair {
  readonly rule: string;
  readonly object: string;
  readonly repair: Repair;
  readonly why: string;
}

/** A conflict of which the other writer is not known yet. */
export interface Unnamed {
  readonly rule: string;
  readonly object: string;
  readonly violation: Violation;
}

/** What it comes to. */
export interface FindingsPlan {
  readonly findings: readonly Finding[];
  /** Findings that are new, or that have become conflicts, with what breaks the rule. */
  readonly news: readonly { readonly finding: Finding; readonly violation: Violation }[];
  readonly repairs: readonly DueRepair[];
  readonly unnamed: readonly Unnamed[];
  /** For the next look. */
  readonly pending: ReadonlyMap<string, number>;
  /** Of all that is wrong, those without room included. */
  readonly counts: Readonly<Record<Severity, number>>;
  /** Findings there was no room for. */
  readonly more: number;
  readonly againMs?: number;
}

const HOUR_MS = 3_600_000;
/** The watch brings what we wrote within this time; before that what is seen is old. */
const SETTLE_MS = 5_000;
/** Owners put most things right within a second, and objects come one after the other: what is wrong for so long is a finding. */
export const PENDING_MS = 15_000;
/** The worst first. */
export const RANK: Readonly<Record<Severity, number>> = { Critical: 0, Warning: 1, Info: 2 };

const keyOf = ({ rule, object }: { readonly rule: string; readonly object: string }) => `${rule} ${object}`;

/** Decides on everything that is wrong, and on everything that was. */
export function planFindings(
  before: readonly Finding[],
  results: readonly RuleResult[],
  input: PlanInput,
): FindingsPlan {
  const old = new Map(before.map((finding) => [keyOf(finding), finding] as const));
  const plan = new Plan(input);
  for (const result of results) for (const violation of result.violations) plan.take(violation, result, old);
  for (const [key, finding] of old) if (!plan.has(key)) plan.resolve(finding);
  return plan.end();
}

/** What is known beside what is wrong. */
export interface PlanInput {
  readonly bounds: FindingBounds;
  /** `rule object` → field manager that was found to write there. */
  readonly managers: ReadonlyMap<string, string>;
  /** `rule object` → since when (epoch ms) it has been wrong without a break, of what is no finding yet, or had no room. */
  readonly pending: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

class Plan {
  private readonly found = new Map<string, Finding>();
  private readonly violations = new Map<string, Violation>();
  private readonly fresh: string[] = [];
  private readonly repairs: DueRepair[] = [];
  private readonly moments: number[] = [];

  private readonly pending = new Map<string, number>();
  private readonly bounds: FindingBounds;
  private readonly nowMs: number;

  constructor(private readonly input: PlanInput) {
    this.bounds = input.bounds;
    this.nowMs = input.nowMs;
  }

  has(key: string): boolean {
    return this.found.has(key);
  }

  take(violation: Violation, result: RuleResult, old: ReadonlyMap<string, Finding>): void {
    const { rule } = result;
    const key = keyOf({ rule: rule.id, object: toWords(violation.object) });
    // Of two things wrong with one object the first is said; the other comes when that is right.
    if (this.found.has(key)) return;
    const past = this.stillCounts(old.get(key));
    const open = past?.resolvedAt === undefined ? past : undefined;
    if (!past && this.isPending(key)) return;
    const finding = this.findingOf(key, violation, { result, past });
    this.violations.set(key, violation);
    if (!open || (finding.conflict && !open.conflict)) this.fresh.push(key);
    this.found.set(key, this.repair(finding, violation, result));
  }

  private findingOf(
    key: string,
    { object, message, fought }: Violation,
    { result, past }: { readonly result: RuleResult; readonly past: Finding | undefined },
  ): Finding {
    const { rule, severity } = result;
    const since = past && isOpen(past) ? past.since : formatTime(this.input.pending.get(key) ?? this.nowMs);
    return {
      ...{ rule: rule.id, object: toWords(object), message: message.slice(0, MESSAGE_LENGTH), severity },
      ...{ owner: rule.owner, since },
      ...historyOf(past),
      ...this.conflictOf(key, past, fought === true ? 'fought' : rule.owner),
    };
  }

  /** Whether it is too early to speak of it. */
  private isPending(key: string): boolean {
    const sinceMs = this.input.pending.get(key) ?? this.nowMs;
    if (this.nowMs >= sinceMs + PENDING_MS) return false;
    this.pending.set(key, sinceMs);
    this.moments.push(sinceMs + PENDING_MS);
    return true;
  }

  /** What was put right is forgotten an hour after the last time. */
  private stillCounts(past: Finding | undefined): Finding | undefined {
    const atMs = parseTime(past?.repairedAt);
    if (!past || atMs === undefined || this.nowMs < atMs + HOUR_MS) return past;
    const { repairs: _, repairedAt: __, conflict: ___, manager: ____, ...rest } = past;
    return rest.resolvedAt === undefined ? rest : undefined;
  }

  private conflictOf(key: string, past: Finding | undefined, owner: string): Partial<Finding> {
    const often = past !== undefined && isOurs(owner) && (past.repairs ?? 0) >= this.bounds.maxRepairs;
    if (!often && owner !== 'fought') return {};
    const manager = this.input.managers.get(key) ?? past?.manager;
    return { conflict: true, ...(manager === undefined ? {} : { manager }) };
  }

  private repair(finding: Finding, { repair }: Violation, { repairs }: RuleResult): Finding {
    if (!repair || !repairs || this.bounds.dryRun || finding.conflict) return finding;
    const settledMs = (parseTime(finding.repairedAt) ?? -Infinity) + SETTLE_MS;
    if (this.nowMs < settledMs) {
      this.moments.push(settledMs);
      return finding;
    }
    const { rule, object, message } = finding;
    this.repairs.push({ rule, object, repair, why: message });
    this.moments.push(this.nowMs + SETTLE_MS);
    return { ...finding, repairs: (finding.repairs ?? 0) + 1, repairedAt: formatTime(this.nowMs) };
  }

  /** It is right now: what its owner has repaired is counted, and remembered. */
  resolve(finding: Finding): void {
    const past = this.stillCounts(finding);
    if (!past) return;
    const justNow = past.resolvedAt === undefined;
    const byItsOwner = justNow && past.owner !== 'invariants' && isOurs(past.owner);
    const counted = byItsOwner
      ? { ...past, repairs: (past.repairs ?? 0) + 1, repairedAt: formatTime(this.nowMs) }
      : past;
    if (!counted.repairs) return;
    this.found.set(keyOf(counted), justNow ? { ...counted, resolvedAt: formatTime(this.nowMs) } : counted);
    this.moments.push(parseTime(counted.repairedAt)! + HOUR_MS);
  }

  end(): FindingsPlan {
    const all = [...this.found.values()].sort(compare);
    const findings = all.slice(0, this.bounds.maxFindings);
    const kept = new Set(findings.map(keyOf));
    // What had no room is not new in the next look either, or it would come and go with every second one.
    for (const one of all.slice(findings.length)) if (isOpen(one)) this.pending.set(keyOf(one), parseTime(one.since)!);
    const with_ = (key: string) => ({ finding: this.found.get(key)!, violation: this.violations.get(key)! });
    return {
      findings,
      news: this.fresh.filter((key) => kept.has(key)).map(with_),
      // What there is no room to remember would be repaired for ever.
      repairs: this.repairs.filter((one) => kept.has(keyOf(one))),
      unnamed: findings
        .filter(({ conflict, manager, resolvedAt }) => conflict && manager === undefined && resolvedAt === undefined)
        .map((finding) => ({ ...finding, violation: this.violations.get(keyOf(finding))! })),
      pending: this.pending,
      counts: countSeverities(all),
      more: all.length - findings.length,
      ...(this.moments.length > 0 ? { againMs: Math.min(...this.moments) } : {}),
    };
  }
}

function countSeverities(all: readonly Finding[]): Record<Severity, number> {
  const counts = { Critical: 0, Warning: 0, Info: 0 };
  for (const finding of all) if (isOpen(finding)) counts[finding.severity] += 1;
  return counts;
}

/** Whether a controller of ours puts it right: against a person, and against whoever deploys, there is no conflict. */
function isOurs(owner: string): boolean {
  return owner !== 'person' && owner !== 'cdk';
}

/** How often it was put right, and when last. */
function historyOf(past: Finding | undefined): Partial<Finding> {
  return past?.repairs ? { repairs: past.repairs, repairedAt: past.repairedAt! } : {};
}

/** Length of a message in the status. */
const MESSAGE_LENGTH = 512;

/** Open ones first, the worst of them first, the oldest of those; then by name. */
function compare(a: Finding, b: Finding): number {
  const open = Number(a.resolvedAt !== undefined) - Number(b.resolvedAt !== undefined);
  const rank = RANK[a.severity] - RANK[b.severity];
  if (open !== 0 || rank !== 0) return open || rank;
  const [left, right] = [`${a.since} ${keyOf(a)}`, `${b.since} ${keyOf(b)}`];
  return left < right ? -1 : Number(left > right);
}

/** Whether a finding is about something that is wrong now. */
export function isOpen({ resolvedAt }: Finding): boolean {
  return resolvedAt === undefined;
}
