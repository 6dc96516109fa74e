/** The health story of one node, with node-health's own functions: verdict, evidence, what is said of it, what holds it back, the way out. PURE. */
import { NodeHealthPolicySpec } from '../../api';
import { attemptsOf } from '../../controllers/node-health/batches';
import type { Fault } from '../../controllers/node-health/faults';
import { observeHealth, type HealthSurroundings } from '../../controllers/node-health/observe';
import { planNodeHealth, type HealthOutcome } from '../../controllers/node-health/plan';
import type { Ruling } from '../../controllers/node-health/removals';
import type { HealthNode, HealthSnapshot, Round } from '../../controllers/node-health/snapshot';
import { patienceOf, severityNow } from '../../controllers/node-health/suspects';
import { findCondition } from '../../domain/conditions';
import { formatTime } from '../../domain/kube';
import { CONTROLLERS_NAMESPACE } from '../../domain/namespaces';
import { PROBATION_TAINT, VALIDATED_CONDITION } from '../../domain/node-keys';
import { hasTaint } from '../../domain/taints';
import { underWay, type UnderWay } from './validation';
import { wayOut } from './way-out';

/** What node-health sees, and what it would do about it. */
export interface HealthLook {
  readonly snapshot: HealthSnapshot;
  readonly policy: NodeHealthPolicySpec;
  readonly outcome: HealthOutcome;
}

/** From outside nobody knows what EC2 says, and no image runs. */
const OUTSIDE: HealthSurroundings = {
  images: { nvidia: '', neuron: '' },
  personNamespaces: new Set([CONTROLLERS_NAMESPACE]),
  cloudFaults: [],
};

/** Looks at the health of the fleet as the controller would. */
export function lookAtHealth(context: Parameters<typeof observeHealth>[0], nowMs: number): HealthLook {
  const snapshot = observeHealth(context, OUTSIDE, nowMs);
  const policy = snapshot.policy?.spec ?? NodeHealthPolicySpec.parse({});
  return { snapshot, policy, outcome: planNodeHealth(snapshot, nowMs) };
}

/** What is known of the health of a node. */
export interface HealthExplanation {
  /** Whether work may land on it; closed: it carries the probation taint. */
  readonly open: boolean;
  readonly verdict?: {
    readonly result: string;
    readonly level?: string;
    readonly at?: string;
    readonly provisional: boolean;
    /** Of another boot than the one it is in now. */
    readonly outdated: boolean;
    readonly validation?: string;
  };
  /** What decided, and what was measured. */
  readonly evidence: readonly string[];
  readonly underWay?: UnderWay;
  /** How often nothing could be said of this boot, and how often it is tried. */
  readonly tries?: { readonly inVain: number; readonly of: number };
  readonly said: readonly {
    readonly source: string;
    readonly kind: string;
    readonly at?: string;
    readonly became: string;
    readonly message: string;
  }[];
  /** Set when that is enough to measure it again: when it leaves its work for that. */
  readonly suspected?: { readonly leaves: string; readonly why: string };
  /** Closed, and its work goes on until it ends: until when at the latest, and why. */
  readonly waits?: string;
  /** Whether it should leave, and whether it may. */
  readonly leaves?: {
    readonly allowed: boolean;
    readonly why: string;
    readonly brake?: string;
    readonly until?: string;
    readonly person: boolean;
  };
  readonly policy: { readonly exists: boolean; readonly dryRun: boolean; readonly tripped: boolean };
  /** What a person may do. */
  readonly wayOut: readonly string[];
}

/** Explains the health of a node; undefined for nodes of no CapacityPool. */
export function explainHealth(look: HealthLook, name: string, object: Conditioned, nowMs: number) {
  const node = look.snapshot.nodes.get(name);
  if (!node) return undefined;
  const { snapshot, policy, outcome } = look;
  const told: HealthExplanation = {
    open: !hasTaint(node.facts.taints, PROBATION_TAINT),
    ...verdictOf(node),
    evidence: evidenceOf(node, snapshot, object),
    ...present('underWay', underWay(node, look, nowMs)),
    ...triesOf(node, look),
    said: outcome.reckoned.filter((one) => one.node === name).map((one) => saidOf(one, snapshot.faults)),
    ...present('suspected', suspectedOf(node, look, nowMs)),
    ...present('waits', outcome.waiting.find((one) => one.node === name)?.why),
    ...present('leaves', leavesOf(name, outcome.rulings)),
    policy: {
      exists: snapshot.policy !== undefined,
      dryRun: policy.remediation.dryRun || snapshot.policy === undefined,
      tripped: outcome.tripped,
    },
    wayOut: [],
  };
  return { ...told, wayOut: wayOut(node, told) };
}

/** The part of a Node that tells its conditions. */
interface Conditioned {
  readonly status?: { readonly conditions?: Parameters<typeof findCondition>[0] };
}

function present<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}

function verdictOf({ facts: { verdict, bootId } }: HealthNode): Pick<HealthExplanation, 'verdict'> {
  if (!verdict) return {};
  const { result = 'Unreadable', level, timeMs, provisional = false, validation } = verdict;
  return {
    verdict: {
      ...{ result, level, provisional, validation },
      outdated: bootId !== undefined && verdict.bootId !== undefined && verdict.bootId !== bootId,
      ...(timeMs === undefined ? {} : { at: formatTime(timeMs) }),
    },
  };
}

/** Of the validation that gave the verdict; where that is gone, what the condition says. */
function evidenceOf(
  { facts }: HealthNode,
  { validations }: HealthSnapshot,
  { status }: Conditioned,
): readonly string[] {
  const found = validations.find(({ name }) => name === facts.verdict?.validation);
  const record = found?.status.nodes?.find(({ name }) => name === facts.name);
  if (!record) return conditionWords(status);
  const { reason, message, measurements } = record;
  return [
    ...(reason ? [`decided by ${reason}`] : []),
    ...(message ? [message] : []),
    ...(found?.status.rounds ?? []).flatMap((round) => failedTests(round, facts.name, message)),
    ...(measurements ? [`measured: ${measurements}`] : []),
  ];
}

function conditionWords(status: Conditioned['status']): readonly string[] {
  const condition = findCondition(status?.conditions, VALIDATED_CONDITION);
  return condition?.message ? [`${condition.reason}: ${condition.message}`] : [];
}

/** Tests of a round that the node was in and that did not pass, unless that has been told. */
function failedTests({ number, tests }: Round, name: string, told = ''): readonly string[] {
  const failed = tests.filter(({ nodes, result, message }) => {
    const isTold = message !== undefined && told.startsWith(message);
    return nodes.includes(name) && result !== undefined && result !== 'Pass' && !isTold;
  });
  return failed.map(({ check, nodes, result, message }) => {
    const others = nodes.filter((one) => one !== name);
    const company = others.length === 0 ? 'by itself' : `with ${others.slice(0, 8).join(', ')}`;
    return `round ${number}, ${check} ${company}: ${result}${message ? `: ${message}` : ''}`;
  });
}

function triesOf({ facts }: HealthNode, { snapshot, policy }: HealthLook): Pick<HealthExplanation, 'tries'> {
  const inVain = attemptsOf(facts, snapshot);
  return inVain === 0 ? {} : { tries: { inVain, of: policy.remediation.attempts } };
}

function saidOf({ id, reckoning, message }: HealthOutcome['reckoned'][number], faults: readonly Fault[]) {
  const fault = faults.find((one) => one.id === id);
  return {
    source: fault?.source ?? 'Check',
    kind: fault?.code === undefined ? (fault?.kind ?? 'Slow') : `${fault.kind} ${fault.code}`,
    ...(fault ? { at: formatTime(fault.atMs) } : {}),
    became: reckoning,
    message,
  };
}

function suspectedOf(node: HealthNode, { outcome, policy }: HealthLook, nowMs: number): HealthExplanation['suspected'] {
  const found = outcome.suspicions.find((one) => one.node === node.facts.name && one.action === 'Validate');
  return found && { leaves: severityNow(node, found.severity, patienceOf(policy, nowMs)), why: found.why };
}

function leavesOf(name: string, rulings: readonly Ruling[]): HealthExplanation['leaves'] {
  const ruling = rulings.find(({ node }) => node === name);
  if (!ruling) return undefined;
  if (ruling.allowed) return { allowed: true, why: `${ruling.kind}: ${ruling.why}`, person: false };
  const { brake, why, untilMs, person = false } = ruling;
  return { allowed: false, why, brake, person, ...(untilMs === undefined ? {} : { until: formatTime(untilMs) }) };
}
