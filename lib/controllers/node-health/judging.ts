/**
 * A settled round → the result of each of its tests, and what is remembered of its nodes. PURE: judge.ts judges one message, judge-batch.ts
 * says when it is the check's own fault; here answers become judgements, and the medians come from the validations that are kept.
 */
import { findInstanceType, HEALTH_CHECKS, type HealthExtra, type InstanceType } from '../../catalog';
import type { NodeHealthPolicySpec, NodeValidationSpec } from '../../api';
import { instanceIdOf } from '../../domain/instance-id';
import { recognised } from './accelerators';
import { judgeMessage, summed, type JudgeContext, type NodeJudgement } from './judge';
import { judgeBatch, testResult, type BatchMember } from './judge-batch';
import { parseMeasurements, type Measurements } from './measurements';
import { mediansOf, withBatch, type Medians, type Sample } from './medians';
import type { Answer, Settled } from './answers';
import type { Judged } from './run';
import type { HealthSnapshot, ValidatedNode, ValidationState } from './snapshot';
import { decisive, formatSummary, parseSummary, serialsOf } from './summary';

type Valid = ValidationState & { readonly spec: NodeValidationSpec };

/** What a round is judged with. */
interface Judging {
  readonly round: readonly Settled[];
  readonly validation: Valid;
  readonly snapshot: HealthSnapshot;
  readonly policy: NodeHealthPolicySpec;
  readonly medians: Medians;
}

/** Judges all tests of one round. */
export function judgeRound(
  round: readonly Settled[],
  validation: Valid,
  snapshot: HealthSnapshot,
  policy: NodeHealthPolicySpec,
): readonly Judged[] {
  const medians = withBatch(fleetMedians(snapshot), mediansOf(samplesOf(round, snapshot)));
  const judging: Judging = { round, validation, snapshot, policy, medians };
  const alone = round.map(({ test, answers }) =>
    answers.map((answer) => ({ answer, judgement: judge(answer, test, judging) })),
  );
  const members = alone.flat().map(({ answer, judgement }): BatchMember => ({
    node: answer.node,
    type: typeOf(answer.node, snapshot),
    judgement,
  }));
  const batch = judgeBatch(members, provedTypes(snapshot)).judgements;
  return round.map(({ answers, test }): Judged => {
    const lost = answers.find(({ kind }) => kind === 'Lost');
    if (lost && lost.kind === 'Lost') return { result: 'Lost', message: `${lost.node}: ${lost.why}` };
    const judgements = answers.map(({ node }) => batch.get(node)!);
    return {
      ...testResult(judgements),
      nodes:
        test.check === 'OneNode'
          ? new Map(answers.map(({ node }, i) => [node, recordOf(node, judgements[i]!, snapshot)]))
          : new Map(),
    };
  });
}

function judge(answer: Answer, test: Settled['test'], judging: Judging): NodeJudgement {
  const { validation, snapshot, policy, medians } = judging;
  const { node } = answer;
  if (answer.kind !== 'Message') {
    return summed([{ check: 'message', result: 'Unreliable', sentence: `${node}: ${answer.why}` }]);
  }
  const type = findInstanceType(typeOf(node, snapshot));
  const bootId = validation.status.nodes?.find(({ name }) => name === node)?.bootId;
  const context: JudgeContext = {
    ...{ type, node, check: test.check, nodes: test.nodes.length, level: validation.spec.level, medians },
    ...(bootId === undefined ? {} : { bootId }),
    extras: extrasOf(type),
    overrides: policy.checks,
  };
  return withAcquaintances(judgeMessage(answer.text, context), node, snapshot);
}

/** What the check pods are asked to measure beside the usual: EFA where the type has it. */
function extrasOf(type: InstanceType | undefined): ReadonlySet<HealthExtra> {
  return new Set(type && type.efa.count > 0 ? (['efa'] as const) : []);
}

/** An accelerator that failed for good is no better in another instance, and replacing it again may bring it again: a person decides. */
function withAcquaintances(judgement: NodeJudgement, node: string, { policy, nodes }: HealthSnapshot): NodeJudgement {
  const serials = judgement.measured ? serialsOf(judgement.measured) : [];
  const own = instanceIdOf(nodes.get(node)?.facts.providerID);
  const known = recognised(serials, policy?.status.condemned ?? [], own)[0];
  if (!known) return judgement;
  const because = known.reason ? ` (${known.reason})` : '';
  const sentence = `gpu.serial: accelerator ${known.serial} failed on ${known.since}${because} and has come back in another instance.`;
  const checks = [...judgement.checks, { check: 'gpu.serial', result: 'Unreliable', sentence } as const];
  return { ...summed(checks), ...(judgement.measured ? { measured: judgement.measured } : {}) };
}

function recordOf(node: string, judgement: NodeJudgement, snapshot: HealthSnapshot): Partial<ValidatedNode> {
  const { measured } = judgement;
  const { reason, message } = decisive(judgement);
  return {
    ...(reason === undefined ? {} : { reason: reason.slice(0, 64) }),
    ...(message === undefined ? {} : { message }),
    ...(measured
      ? { serials: serialsOf(measured), measurements: formatSummary(typeOf(node, snapshot), measured) }
      : {}),
  };
}

function typeOf(node: string, { nodes }: HealthSnapshot): string {
  return nodes.get(node)?.facts.instanceType ?? '';
}

function samplesOf(round: readonly Settled[], snapshot: HealthSnapshot): readonly Sample[] {
  return round.flatMap(({ answers }) =>
    answers.flatMap((answer): Sample[] => {
      const parsed = answer.kind === 'Message' ? parseMeasurements(answer.text) : undefined;
      return parsed?.ok ? [{ type: typeOf(answer.node, snapshot), measured: parsed.measured }] : [];
    }),
  );
}

/** Medians of every node that passed and is still there, by its newest validation. */
function fleetMedians(snapshot: HealthSnapshot): Medians {
  const newest = new Map<string, Sample>();
  for (const { status, spec } of snapshot.validations) {
    for (const record of status.nodes ?? []) {
      const sample = toSample(record, spec?.level ?? 'Standard', snapshot);
      if (sample) newest.set(record.name, sample);
    }
  }
  return mediansOf([...newest.values()]);
}

function toSample(
  { name, providerID, result, measurements }: ValidatedNode,
  level: NodeValidationSpec['level'],
  { nodes }: HealthSnapshot,
): Sample | undefined {
  const node = nodes.get(name)?.facts;
  if (!node || node.providerID !== providerID || result !== 'Pass' || measurements === undefined) return undefined;
  const alone = {
    check: HEALTH_CHECKS[0],
    nodes: 1,
    algorithm: 'auto',
    accelerators: [],
    at: new Map(),
    errors: [],
  } as const;
  const measured: Measurements = { ...alone, level, node: name, bootId: '', values: parseSummary(measurements) };
  return { type: node.instanceType, measured };
}

/** Types of which some node has passed: what it showed is what a healthy node shows. */
function provedTypes({ nodes }: HealthSnapshot): ReadonlySet<string> {
  const proved = [...nodes.values()].filter(({ facts }) => facts.verdict?.result === 'Pass');
  return new Set(proved.map(({ facts }) => facts.instanceType));
}
