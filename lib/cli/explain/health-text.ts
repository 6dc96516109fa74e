/** The health of a node for people. PURE. */
import { parseTime } from '../../domain/kube';
import type { HealthExplanation } from './health';
import { counted, lasted, section, since, until } from './words';

/** Sections about health; none where there is nothing to say. */
export function healthText(of: HealthExplanation | undefined, nowMs: number): readonly string[] {
  if (!of) return [];
  return [
    ...section('Health', [verdictLine(of, nowMs), ...triesLines(of), ...of.evidence.map((line) => `  ${line}`)]),
    ...section('Being proved', underWayLines(of, nowMs)),
    ...section(
      'Said of it',
      of.said.map(({ source, kind, at, became, message }) => {
        return `${source}: ${kind}${at ? ` ${since(parseTime(at), nowMs)}` : ''}: ${became}: ${message}`;
      }),
    ),
    ...section('Should it leave', leavesLines(of, nowMs)),
    ...section('Ways out', of.wayOut),
  ];
}

function verdictLine({ verdict, open }: HealthExplanation, nowMs: number): string {
  const door = open ? 'work may land on it' : 'no work lands on it (taint aicluster.dev/probation)';
  if (!verdict) return `never proved; ${door}`;
  const { result, level, at, provisional, outdated, validation } = verdict;
  const words = [
    result,
    ...(level ? [`at level ${level}`] : []),
    ...(provisional ? ['provisionally: the test with a partner is owed'] : []),
    ...(at ? [since(parseTime(at), nowMs)] : []),
    ...(validation ? [`by NodeValidation ${validation}`] : []),
  ];
  return `${words.join(' ')}${outdated ? '; it was rebooted since' : ''}; ${door}`;
}

function triesLines({ tries }: HealthExplanation): readonly string[] {
  if (!tries) return [];
  const { inVain, of } = tries;
  return [
    `${counted(inVain, 'validation')} of this boot said nothing of it; it is tried ${of} times${inVain >= of ? ', then a person decides' : ''}`,
  ];
}

function underWayLines({ underWay }: HealthExplanation, nowMs: number): readonly string[] {
  if (!underWay) return [];
  const { validation, level, reason, nodes, step, round, soFar, waitsFor } = underWay;
  const begun = underWay.since ? ` ${since(parseTime(underWay.since), nowMs)}` : ', not begun';
  const place = [...(step ? [step] : []), ...(round === undefined ? [] : [`round ${round}`])].join(', ');
  const head = validation
    ? [
        `NodeValidation ${validation} (${reason}, level ${level}, ${counted(nodes, 'node')})${begun}${place ? `: ${place}` : ''}`,
      ]
    : [];
  return [...head, ...(soFar ? [`of this node: ${soFar}`] : []), ...waitsFor.map((line) => `waits for ${line}`)];
}

/** When a suspected node leaves its work. */
const LEAVES: Readonly<Record<string, string>> = {
  Now: 'at once, with a checkpoint',
  NextCheckpoint: 'at the next checkpoint',
  EndOfGang: 'when that has ended',
};

function leavesLines(of: HealthExplanation, nowMs: number): readonly string[] {
  const { suspected, policy } = of;
  return [
    ...(suspected
      ? [`it is to be proved again, and leaves its work ${LEAVES[suspected.leaves]}: ${suspected.why}`]
      : []),
    ...(of.waits ? [of.waits] : []),
    ...rulingLines(of, nowMs),
    ...(policy.tripped ? ['the breaker has tripped: nothing is removed until a person resets it'] : []),
  ];
}

function rulingLines({ leaves }: HealthExplanation, nowMs: number): readonly string[] {
  if (!leaves) return [];
  if (leaves.allowed) return [`yes, and nothing holds it back: ${leaves.why}`];
  const untilMs = parseTime(leaves.until);
  // Some sentences say until when themselves.
  const said = leaves.until !== undefined && leaves.why.includes(leaves.until);
  const when =
    untilMs === undefined ? '' : said ? ` (in ${lasted(untilMs - nowMs)})` : `, until ${until(untilMs, nowMs)}`;
  return [
    `yes, but held back by ${leaves.brake}: ${leaves.why}${when}${leaves.person ? '; only a person can go on' : ''}`,
  ];
}
