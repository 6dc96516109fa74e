/**
 * What a batch tells that no single node can: whether a failure is the node's, or the check's. PURE.
 *
 *   1. More than half of at least four nodes (of the batch, or of one type in it) fail the same check: the check is at fault, the threshold
 *      wrong, or something they share is. Nobody is blamed.
 *   2. Every node of a type shows another count of EFA devices than the catalog, and none ever showed the catalog's: the count is, or the
 *      catalog. Auto Mode with efa-only interfaces has not been seen on a live account.
 *
 * What was a failure becomes unreliable: no node is replaced for it, and none goes to work because of it.
 */
import { summed, type CheckVerdict, type HealthResult, type NodeJudgement } from './judge';
import { plainText } from './measurements';

/** One node of a batch, as it was judged alone. */
export interface BatchMember {
  readonly node: string;
  readonly type: string;
  readonly judgement: NodeJudgement;
}

/** A check that blames too many. */
export interface CheckFault {
  readonly check: string;
  /** Of one type only, when the batch has several. */
  readonly type?: string;
  readonly failed: number;
  readonly of: number;
  /** One sentence for the Event and the status. */
  readonly sentence: string;
}

/** The batch, judged. */
export interface BatchJudgement {
  /** By name of the node. */
  readonly judgements: ReadonlyMap<string, NodeJudgement>;
  readonly faults: readonly CheckFault[];
}

/** Fewer nodes than these say nothing about a check. */
export const LEAST_FOR_FAULT = 4;
const EFA_COUNT = 'efa.count';

/** Judges a batch. `provedTypes`: instance types of which some node has passed with all its EFA devices counted. */
export function judgeBatch(members: readonly BatchMember[], provedTypes: ReadonlySet<string>): BatchJudgement {
  const sorted = [...members].sort((a, b) => (a.node < b.node ? -1 : 1));
  const types = [...new Set(sorted.map(({ type }) => type))].sort();
  const faults = [
    ...faultsOf(sorted),
    ...types.flatMap((type) => [
      ...faultsOf(
        sorted.filter((member) => member.type === type),
        type,
      ),
      ...efaFault(
        sorted.filter((member) => member.type === type),
        type,
        provedTypes,
      ),
    ]),
  ];
  const judgements = sorted.map((member) => [member.node, excused(member, faults)] as const);
  return { judgements: new Map(judgements), faults: withoutTwins(faults) };
}

/** What one test of several nodes says: whatever one of them says, they say together. */
export function testResult(judgements: readonly NodeJudgement[]): {
  readonly result: HealthResult;
  readonly message?: string;
} {
  const checks = judgements.flatMap((each) => each.checks);
  const { result } = summed(judgements.length === 0 ? [NOBODY] : checks);
  const decisive = checks.find((check) => check.result === result);
  if (result === 'Pass' || !decisive) return { result };
  // As long as the status of a NodeValidation takes.
  return { result, message: plainText(decisive.sentence, 256) };
}

const NOBODY: CheckVerdict = { check: 'message', result: 'Unreliable', sentence: 'nobody answered' };

function faultsOf(members: readonly BatchMember[], type?: string): CheckFault[] {
  // Who could not be read could not have failed; an XID is absent where there was none, so absence is no reason to be left out.
  const readable = members.filter(({ judgement }) => judgement.measured !== undefined);
  if (readable.length < LEAST_FOR_FAULT) return [];
  const failures = new Map<string, number>();
  for (const check of readable.flatMap(({ judgement }) => judgement.checks)) {
    if (check.result === 'Fail') failures.set(check.check, (failures.get(check.check) ?? 0) + 1);
  }
  return [...failures.entries()]
    .filter(([, failed]) => failed * 2 > readable.length)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([check, failed]) => toFault(check, failed, readable.length, type));
}

function toFault(check: string, failed: number, of: number, type: string | undefined): CheckFault {
  const nodes = type === undefined ? `${of} nodes` : `${of} nodes of type ${type}`;
  const sentence = `${check}: ${failed} of ${nodes} fail it, so it is the check or something they share, and no node is blamed.`;
  return { check, failed, of, sentence, ...(type === undefined ? {} : { type }) };
}

function efaFault(members: readonly BatchMember[], type: string, proved: ReadonlySet<string>): CheckFault[] {
  const counted = members.flatMap(({ judgement }) => judgement.checks.filter(({ check }) => check === EFA_COUNT));
  const failed = counted.filter(({ result }) => result === 'Fail').length;
  if (failed === 0 || failed < counted.length || proved.has(type)) return [];
  const sentence = `${EFA_COUNT}: no node of type ${type} has ever shown the count of the catalog, so the count is in doubt and no node is blamed.`;
  return [{ check: EFA_COUNT, type, failed, of: counted.length, sentence }];
}

function excused({ type, judgement }: BatchMember, faults: readonly CheckFault[]): NodeJudgement {
  const checks = judgement.checks.map((check) => {
    const fault = faults.find((each) => each.check === check.check && (each.type ?? type) === type);
    return fault && check.result === 'Fail' ? toUnreliable(check, fault) : check;
  });
  const { measured } = judgement;
  return { ...summed(checks), ...(measured === undefined ? {} : { measured }) };
}

function toUnreliable({ check, sentence }: CheckVerdict, fault: CheckFault): CheckVerdict {
  return { check, result: 'Unreliable', sentence: `${sentence} ${fault.sentence}` };
}

/** A batch of one type has the same fault twice: of the batch and of the type. The wider one is told. */
function withoutTwins(faults: readonly CheckFault[]): CheckFault[] {
  return faults.filter((fault, i) => faults.findIndex((each) => each.check === fault.check && twin(each, fault)) === i);
}

function twin(a: CheckFault, b: CheckFault): boolean {
  return a.type === b.type || a.type === undefined;
}
