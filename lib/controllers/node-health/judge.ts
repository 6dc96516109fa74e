/**
 * What one check pod measured → what is said of its node. PURE.
 *
 *   1. A message that cannot be read, or is of another node, boot, check or level: unreliable.
 *   2. A part that gave no number (tool missing, time-out, not understood, broken): its checks are unreliable.
 *   3. Every measurement against its threshold of the catalog, or of the policy, and against the fleet's median. A breach fails, is doubted
 *      where it may be somebody else's, or is noted.
 *   4. Every XID by its class.
 *
 * One check that fails, fails the node; else one that is unreliable makes it unreliable; else it passes. Unreliable is never healthy and never a
 * reason to replace. Whether a failure is the check's own fault only a batch can tell: judge-batch.ts.
 */
import {
  HEALTH_LEVELS,
  HEALTH_REMEDIES,
  HEALTH_SOURCES,
  boundsText,
  findXid,
  type HealthCheck,
  type HealthExtra,
  type HealthLevel,
  type HealthRemedy,
  type HealthThreshold,
  type InstanceType,
} from '../../catalog';
import { expectationsOf, partIsSilent, type CheckOverride } from './expectations';
import { parseMeasurements, plainText, type Measurements } from './measurements';
import { LEAST_FOR_MEDIAN, keyOf, type Medians } from './medians';

/** What is said of a check or a node. */
export type HealthResult = 'Pass' | 'Fail' | 'Unreliable';

/** What one check says. */
export interface CheckVerdict {
  /** Name of the measurement, or of the part that gave none. */
  readonly check: string;
  readonly result: HealthResult;
  /** Passed, and worth a word. */
  readonly noted?: true;
  /** One sentence: check, value, threshold, source. */
  readonly sentence: string;
  /** What may bring the node back, when it failed. */
  readonly remedy?: HealthRemedy;
}

/** What is said of a node after one check pod. */
export interface NodeJudgement {
  readonly result: HealthResult;
  /** By name of the check. */
  readonly checks: readonly CheckVerdict[];
  /** The strongest remedy of what failed. */
  readonly remedy?: HealthRemedy;
  /** Absent when nothing could be read. */
  readonly measured?: Measurements;
}

/** What was asked for, and what it is compared with. */
export interface JudgeContext {
  /** Undefined for a type that the catalog does not have: nothing can be said of it. */
  readonly type: InstanceType | undefined;
  readonly node: string;
  /** Boot the check was begun in. */
  readonly bootId?: string;
  readonly check: HealthCheck;
  /** How many nodes the check runs on: what a collective over fewer reads is another thing. */
  readonly nodes: number;
  readonly level: HealthLevel;
  /** What the check pod was asked to measure beside the usual. */
  readonly extras: ReadonlySet<HealthExtra>;
  readonly overrides: readonly CheckOverride[];
  readonly medians: Medians;
}

/** Judges the termination message of a check pod. */
export function judgeMessage(message: string | undefined, context: JudgeContext): NodeJudgement {
  const parsed = parseMeasurements(message);
  if (!parsed.ok) return unreadable(`The check cannot be read: ${parsed.reason}.`);
  return judgeMeasurements(parsed.measured, context);
}

/** Judges measurements that could be read. */
export function judgeMeasurements(measured: Measurements, context: JudgeContext): NodeJudgement {
  const { type } = context;
  if (!type) return { ...unreadable('Its instance type is not in the catalog.'), measured };
  const other = mismatch(measured, context);
  if (other !== undefined) return { ...unreadable(`The check is of something else: ${other}.`), measured };
  const expectations = expectationsOf(type, measured.algorithm, context);
  const checks = [
    ...brokenParts(measured, context),
    ...expectations.flatMap((row) => judgeThreshold(row, measured, context)),
    ...judgeXids(measured, context.overrides, type),
  ];
  return { ...summed(worstOfEach(checks)), measured };
}

/** The same judgement with other checks: what they come to. */
export function summed(checks: readonly CheckVerdict[]): Omit<NodeJudgement, 'measured'> {
  const failed = checks.filter(({ result }) => result === 'Fail');
  const remedy = HEALTH_REMEDIES.findLast((each) => failed.some((check) => check.remedy === each));
  const doubtful = checks.some(({ result }) => result === 'Unreliable');
  const result = failed.length > 0 ? 'Fail' : doubtful ? 'Unreliable' : 'Pass';
  return { result, checks, ...(remedy === undefined ? {} : { remedy }) };
}

function unreadable(sentence: string): NodeJudgement {
  return summed([{ check: 'message', result: 'Unreliable', sentence: plainText(sentence, 240) }]);
}

function mismatch(measured: Measurements, { node, bootId, check, nodes, level }: JudgeContext): string | undefined {
  if (measured.node !== node) return `node ${measured.node} instead of ${node}`;
  if (bootId !== undefined && measured.bootId !== bootId) return 'the machine has started anew since';
  if (measured.check !== check) return `check ${measured.check} instead of ${check}`;
  if (measured.nodes !== undefined && measured.nodes !== nodes) return `${measured.nodes} nodes instead of ${nodes}`;
  if (HEALTH_LEVELS.indexOf(measured.level) < HEALTH_LEVELS.indexOf(level)) {
    return `level ${measured.level} instead of ${level}`;
  }
  return undefined;
}

function brokenParts({ errors }: Measurements, { overrides, type }: JudgeContext): CheckVerdict[] {
  return errors
    .filter((error) => !partIsSilent(error, overrides, type))
    .map(({ part, kind, text }) => ({
      check: part,
      result: 'Unreliable',
      sentence: `${part}: no answer (${kind}${text === '' ? '' : `: ${text}`}).`,
    }));
}

function judgeThreshold(row: HealthThreshold, measured: Measurements, context: JudgeContext): CheckVerdict[] {
  const { measurement, part, requiredIn } = row;
  const value = measured.values.get(measurement);
  if (value === undefined) {
    // What its part says of itself is said already.
    if (!requiredIn.includes(context.check) || measured.errors.some((error) => error.part === part)) return [];
    return [{ check: measurement, result: 'Unreliable', sentence: `${measurement}: not measured.` }];
  }
  const breach = breachOf(row, value, medianOf(row, measured, context));
  if (breach === undefined) return [{ check: measurement, result: 'Pass', sentence: `${measurement}: ${value}.` }];
  const at = measured.at.get(measurement);
  const sentence = `${measurement}: ${`${value} ${row.unit}`.trim()}${at === undefined ? '' : ` (device ${at})`}, ${breach} (${row.meaning}; ${HEALTH_SOURCES[row.source]}).`;
  return [{ check: measurement, sentence, ...broken(row) }];
}

function broken({ breach, remedy }: HealthThreshold): Pick<CheckVerdict, 'result' | 'noted' | 'remedy'> {
  switch (breach) {
    case 'Fail':
      return { result: 'Fail', remedy };
    case 'Unreliable':
      return { result: 'Unreliable' };
    case 'Note':
      return { result: 'Pass', noted: true };
  }
}

function medianOf({ measurement }: HealthThreshold, measured: Measurements, { type, medians }: JudgeContext) {
  const median = medians.get(keyOf(type?.name ?? '', measurement, measured));
  return median && median.nodes >= LEAST_FOR_MEDIAN ? median.value : undefined;
}

function breachOf(row: HealthThreshold, value: number, median: number | undefined): string | undefined {
  const { min, max, belowMedianPercent, aboveMedianPercent } = row;
  if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
    const { belowMedianPercent: _, aboveMedianPercent: __, ...limits } = row;
    return `expected ${boundsText(limits)}`;
  }
  if (median === undefined) return undefined;
  if (belowMedianPercent !== undefined && value < median * (1 - belowMedianPercent / 100)) {
    return `expected at most ${belowMedianPercent} % below the fleet's median of ${median}`;
  }
  if (aboveMedianPercent !== undefined && value > median * (1 + aboveMedianPercent / 100)) {
    return `expected at most ${aboveMedianPercent} % above the fleet's median of ${median}`;
  }
  return undefined;
}

const XID_NAME = /^gpu\.xid\.(\d{1,4})\.count$/;

function judgeXids({ values }: Measurements, overrides: readonly CheckOverride[], type: InstanceType): CheckVerdict[] {
  return [...values.entries()].flatMap(([check, count]): CheckVerdict[] => {
    const code = XID_NAME.exec(check)?.[1];
    if (code === undefined || count === 0 || partIsSilent({ part: check }, overrides, type)) return [];
    const xid = findXid(Number(code));
    if (xid.class === 'Ignore') return [];
    const sentence = `${check}: XID ${xid.code} (${xid.name}) ${count} times since the machine started, class ${xid.class}. ${xid.sentence}`;
    const remedy = HEALTH_REMEDIES.find((each) => each === xid.class);
    return [remedy ? { check, result: 'Fail', sentence, remedy } : { check, result: 'Pass', noted: true, sentence }];
  });
}

const RANK: Readonly<Record<HealthResult, number>> = { Pass: 0, Unreliable: 1, Fail: 2 };

/** One verdict for each name, the worst, sorted by name. */
function worstOfEach(checks: readonly CheckVerdict[]): CheckVerdict[] {
  const worst = new Map<string, CheckVerdict>();
  for (const each of checks) {
    const known = worst.get(each.check);
    if (!known || RANK[known.result] < RANK[each.result]) worst.set(each.check, each);
  }
  return [...worst.values()].sort((a, b) => (a.check < b.check ? -1 : 1));
}
