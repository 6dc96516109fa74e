/**
 * The health of the whole fleet: who is proved, who is not, and what is done about it. PURE: one look, everything decided at once,
 * because batches, brakes and the breaker span the fleet.
 *
 *  1 verdicts     what finished validations found is written on their nodes: condition, then annotation and taint
 *  2 runs         validations under way: missing check pods, settled rounds, the next round (run.ts)
 *  3 reports      what agents, EC2, people and workloads say (reports.ts)
 *  4 the breaker  when much turns bad at once it is not the nodes (breaker.ts)
 *  5 remedies     who leaves work to be measured, who is replaced, within the brakes (remedy.ts)
 *  6 batches      who is proved next (batches.ts), and who is proved again because it was long ago (aging.ts)
 *  7 words        statuses of policy and reports; old validations, reports and check pods go
 *
 * Killed between any two writes: everything is rebuilt from objects. A node that nobody looks after keeps its taint and waits.
 */
import { NodeHealthPolicySpec, type NodeValidationStatus } from '../../api';
import { findInstanceType, type InstanceType } from '../../catalog';
import { parseDuration } from '../../domain/duration';
import { parseTime } from '../../domain/kube';
import { jsonEqual } from '../../domain/json-equal';
import type { NodeFacts } from '../../fleet';
import { hasTaint } from '../../domain/taints';
import { PROBATION_TAINT } from '../../domain/node-keys';
import type { HealthAction, HealthPlan } from './actions';
import { planAging } from './aging-plan';
import { planBatches } from './batches';
import { nextRulingMs } from './brakes';
import { lookAtBreaker } from './breaker-facts';
import { renderCheckPod } from './check-pod';
import { judgeRound } from './judging';
import type { Ruling } from './removals';
import { planRemedies, type Waiting } from './remedy';
import { planReports } from './report-plan';
import { policyAction } from './report';
import type { RunTimes, Settled } from './answers';
import type { NodeSuspicion, Reckoned } from './reports';
import { stepRun } from './run';
import { searchNext } from './searching';
import { turnOf } from './turns';
import type { HealthSnapshot, ValidationState } from './snapshot';
import { dueVerdicts, verdictAction } from './verdicts';

/** History is kept this long, as that of moves. */
export const KEPT_MS = 7 * 24 * 3_600_000;

/** A plan, and what was found on the way: for metrics, and for whoever asks why. */
export interface HealthOutcome extends HealthPlan {
  readonly rulings: readonly Ruling[];
  /** Closed nodes whose work is waited for to end. */
  readonly waiting: readonly Waiting[];
  readonly suspicions: readonly NodeSuspicion[];
  readonly reckoned: readonly Reckoned[];
  readonly tripped: boolean;
}

/** Decides for the whole fleet. */
export function planNodeHealth(snapshot: HealthSnapshot, nowMs: number): HealthOutcome {
  const policy = snapshot.policy?.spec ?? NodeHealthPolicySpec.parse({});
  const due = dueVerdicts(snapshot);
  const judged = new Set(due.map(({ node }) => node.name));
  const reports = planReports(snapshot, policy, nowMs);
  const breaker = lookAtBreaker(snapshot, policy, nowMs);
  const { suspicions } = reports;
  const remedies = planRemedies({ snapshot, policy, suspicions, breaker, nowMs });
  const { rulings, waiting } = remedies;
  const heldBack = new Map(rulings.flatMap((one) => (one.allowed ? [] : [[one.node, one.why] as const])));
  const letGo = new Set(rulings.flatMap((one) => (one.allowed ? [one.node] : [])));
  const runs = planRuns(snapshot, { policy, heldBack, letGo, nowMs });
  const batches = planBatches(snapshot, { policy, judged, breaker, nowMs });
  const aging = planAging(snapshot, policy, nowMs);
  const actions = [
    ...due.map(verdictAction),
    ...runs.actions,
    // A node whose verdict is being written is looked at again with it.
    ...remedies.actions.filter((action) => !('node' in action && judged.has(action.node))),
    ...batches.actions,
    ...aging.actions,
    ...policyAction(snapshot, { breaker, rulings, waiting, nowMs }),
    ...reports.actions,
    ...oldOnes(snapshot, nowMs),
  ];
  const moments = [runs, batches, aging, reports, remedies].map(({ againMs }) => againMs);
  moments.push(nextRulingMs(rulings) ?? Infinity);
  const next = Math.min(...moments.map((atMs) => (atMs > nowMs ? atMs : Infinity)));
  return {
    actions,
    requeueAfterMs: Number.isFinite(next) ? next - nowMs : undefined,
    ...{ rulings, waiting, suspicions, reckoned: reports.reckoned },
    tripped: breaker.tripped,
  };
}

interface Runs {
  readonly actions: readonly HealthAction[];
  readonly againMs: number;
}

interface RunsAround {
  readonly policy: NodeHealthPolicySpec;
  /** Node → the sentence of the brake that keeps it from leaving. */
  readonly heldBack: ReadonlyMap<string, string>;
  /** Nodes that they let go in this look. */
  readonly letGo: ReadonlySet<string>;
  readonly nowMs: number;
}

function planRuns(snapshot: HealthSnapshot, around: RunsAround): Runs {
  const actions: HealthAction[] = [];
  const facts = new Map([...snapshot.nodes].map(([name, node]) => [name, node.facts] as const));
  let againMs = Infinity;
  const held = holders(snapshot);
  for (const validation of snapshot.validations) {
    if (!validation.spec || validation.deleting) continue;
    const run = planRun({ ...validation, spec: validation.spec }, { ...around, snapshot, facts, held });
    actions.push(...run.actions);
    againMs = Math.min(againMs, run.againMs);
    for (const action of run.actions) if (action.type === 'WriteValidation') hold(held, validation.name, action.status);
  }
  return { actions: [...actions, ...donePods(snapshot)], againMs };
}

type Valid = ValidationState & { readonly spec: NonNullable<ValidationState['spec']> };

/** Node → the validation that has it: a machine measures one thing at a time, whoever asks. Grows within a look. */
type Holders = Map<string, string>;

function holders({ validations }: HealthSnapshot): Holders {
  const held: Holders = new Map();
  for (const { name, status, deleting } of validations) if (!deleting) hold(held, name, status);
  return held;
}

function hold(
  held: Holders,
  validation: string,
  { startedAt, finishedAt, nodes = [], rounds }: NodeValidationStatus,
): void {
  if (startedAt === undefined || finishedAt !== undefined) return;
  const round = rounds?.at(-1);
  const partners = round && round.finishedAt === undefined ? round.tests.flatMap((test) => test.nodes) : [];
  const own = nodes.filter(({ result }) => result === undefined).map(({ name }) => name);
  for (const node of [...own, ...partners]) if (!held.has(node)) held.set(node, validation);
}

interface Look extends RunsAround {
  readonly snapshot: HealthSnapshot;
  readonly facts: ReadonlyMap<string, NodeFacts>;
  readonly held: Holders;
}

function planRun(validation: Valid, look: Look): Runs {
  const { snapshot, held, nowMs } = look;
  const { name, status } = validation;
  if (status.finishedAt !== undefined) return { actions: [], againMs: Infinity };
  const holderOf = (node: string) => (held.get(node) === name ? undefined : held.get(node));
  const free = (node: string): boolean => isFree(node, snapshot) && holderOf(node) === undefined;
  if (status.startedAt !== undefined) return step(validation, look, { free });
  const { heldBack, letGo } = look;
  const turn = turnOf({ validation, snapshot, isFree: free, holderOf, heldBack, letGo, nowMs });
  if (turn.kind === 'Begins') return step(validation, look, { free, elsewhere: turn.elsewhere });
  if (turn.kind === 'Splits') {
    const { spec, name: rest } = turn;
    return { actions: [{ type: 'CreateValidation', name: rest, spec, why: spec.message ?? '' }], againMs: Infinity };
  }
  return { actions: writeStatus(validation, { ...status, message: turn.message }), againMs: turn.untilMs };
}

interface Stepping {
  free(node: string): boolean;
  readonly elsewhere?: ReadonlyMap<string, string>;
}

function step(validation: Valid, { snapshot, facts, policy, held, nowMs }: Look, { free, elsewhere }: Stepping): Runs {
  const { name, uid, spec } = validation;
  const isOthers = (node: string): boolean => (held.get(node) ?? name) !== name;
  const times = timesOf(policy, spec.level);
  const next = stepRun({
    validation,
    nodes: facts,
    pods: snapshot.checkPods,
    times,
    isFree: free,
    elsewhere: elsewhere ?? new Map(),
    judge: (round) => judgeRound(round, validation, snapshot, policy),
    search: (left, rounds) => searchNext(left, rounds, { validation, snapshot, policy, isOthers, nowMs }),
    nowMs,
  });
  const pods = next.pods.flatMap(({ test, check, rank, node }): HealthAction[] => {
    const type = findInstanceType(node.instanceType);
    // Who is not in the catalog begins no check; a process with a smaller one lets the test run out of time.
    if (!type) return [];
    const wish = { validation: { name, uid }, level: spec.level, image: imageOf(type, snapshot, policy) };
    const member = { test: test.name, nodes: test.nodes, check, rank, node, type };
    return [
      { type: 'CreatePod', validation: name, pod: renderCheckPod({ ...wish, ...member, timeoutMs: times.runMs }) },
    ];
  });
  const write = next.status ? writeStatus(validation, next.status, next.settled) : [];
  return { actions: [...write, ...pods], againMs: next.againMs ?? Infinity };
}

function writeStatus(
  { name, resourceVersion, status: before }: Valid,
  status: NodeValidationStatus,
  evidence?: readonly Settled[],
): readonly HealthAction[] {
  if (jsonEqual(status, before)) return [];
  const settled = evidence ? { evidence } : {};
  return [{ type: 'WriteValidation', validation: name, resourceVersion, status, before, ...settled }];
}

/** The image that checks run in: the policy's, else the one that the process was started with. */
function imageOf({ accelerators }: InstanceType, { images }: HealthSnapshot, policy: NodeHealthPolicySpec): string {
  return accelerators.kind === 'neuron' ? (policy.neuronImage ?? images.neuron) : (policy.image ?? images.nvidia);
}

/** On probation, and nothing works there. */
function isFree(name: string, { nodes }: HealthSnapshot): boolean {
  const node = nodes.get(name);
  return node !== undefined && node.work.length === 0 && hasTaint(node.facts.taints, PROBATION_TAINT);
}

function timesOf({ timeouts }: NodeHealthPolicySpec, level: Valid['spec']['level']): RunTimes {
  const run = { Quick: timeouts.quick, Standard: timeouts.standard, Deep: timeouts.deep }[level];
  return { startMs: parseDuration(timeouts.start), runMs: parseDuration(run) };
}

/** Check pods whose round is settled, or whose validation is over or gone. */
function donePods({ validations, checkPods }: HealthSnapshot): readonly HealthAction[] {
  const open = new Set(
    validations.flatMap(({ name, status, deleting }) => {
      const round = status.rounds?.at(-1);
      if (deleting || !round || round.finishedAt !== undefined) return [];
      return round.tests.map((test) => `${name} ${test.name}`);
    }),
  );
  return [...checkPods.values()]
    .filter(({ deleting, validation, test }) => !deleting && !open.has(`${validation} ${test}`))
    .map(({ name, uid }): HealthAction => ({ type: 'DeletePod', pod: name, uid }));
}

function oldOnes({ validations }: HealthSnapshot, nowMs: number): readonly HealthAction[] {
  return validations
    .filter(({ status, deleting }) => !deleting && nowMs >= (parseTime(status.finishedAt) ?? Infinity) + KEPT_MS)
    .map(({ name, uid }): HealthAction => ({ type: 'DeleteValidation', validation: name, uid }));
}
