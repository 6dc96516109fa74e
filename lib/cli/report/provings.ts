/** What validations found: which nodes were proved when and together with how many others, who failed, and who was replaced for it. */
import { parseTime, type KubeObject } from '../../domain/kube';
import { escapeHtml, formatClock } from './charts';

/** One node that failed, or of which nothing could be said. */
export interface NotProved {
  readonly node: string;
  readonly result: string;
  readonly why: string;
  /** Milliseconds from the start, when its replacement was asked for; absent: it was not. */
  readonly replacedAt?: number;
}

/** One validation that is over. */
export interface Proving {
  /** Milliseconds from the start. */
  readonly t: number;
  /** Milliseconds from its first check to its last verdict. */
  readonly tookMs: number;
  /** `New`, `Reboot`, `Report`, `Age`, `Person`. */
  readonly reason: string;
  readonly level: string;
  /** `9 nodes of p5.48xlarge`, as the controller said. */
  readonly what: string;
  readonly nodes: number;
  readonly rounds: number;
  readonly passed: number;
  /** Of those that passed: who owes the test with a partner. */
  readonly provisional: number;
  readonly failed: number;
  readonly unreliable: number;
  readonly notProved: readonly NotProved[];
}

/** The NodeValidations that are over, by time, with the NodeMoves that replaced nodes for their health. */
export function toProvings(
  validations: readonly KubeObject[],
  moves: readonly KubeObject[],
  startMs: number,
): readonly Proving[] {
  const replaced = moves.filter(({ spec }) => spec.reason === 'Health' && spec.to?.kind === 'Replacement');
  return validations
    .flatMap(({ spec, status }): Proving[] => {
      const finishedMs = parseTime(status?.finishedAt);
      if (finishedMs === undefined) return [];
      const { nodes = [], rounds = [], passed = 0, failed = 0, unreliable = 0 } = status;
      return [
        {
          ...{ t: finishedMs - startMs, tookMs: finishedMs - (parseTime(status.startedAt) ?? finishedMs) },
          ...{ reason: spec.reason, level: spec.level, what: spec.message ?? '', nodes: spec.nodes.length },
          ...{ rounds: rounds.length, passed, failed, unreliable },
          provisional: nodes.filter((node: any) => node.provisional === true).length,
          notProved: nodes
            .filter(({ result }: any) => result === 'Fail' || result === 'Unreliable')
            .map((node: any) => toNotProved(node, finishedMs, { replaced, startMs })),
        },
      ];
    })
    .sort((a, b) => a.t - b.t || (a.what < b.what ? -1 : 1));
}

interface Replaced {
  readonly replaced: readonly KubeObject[];
  readonly startMs: number;
}

function toNotProved(record: any, finishedMs: number, { replaced, startMs }: Replaced): NotProved {
  const { name, result, reason = '', message = '' } = record;
  const asked = replaced
    .filter(({ spec }) => spec.nodes.includes(name))
    .map(({ metadata }) => parseTime(metadata.creationTimestamp) ?? startMs)
    .filter((atMs) => atMs >= finishedMs)
    .sort((a, b) => a - b)[0];
  const gone = asked === undefined || result !== 'Fail' ? {} : { replacedAt: asked - startMs };
  return { node: name, result, why: message || reason, ...gone };
}

/** A table of them; a sentence when there are none. */
export function provingsTable(provings: readonly Proving[]): string {
  if (provings.length === 0) return '<p>No node was proved on this day.</p>';
  const rows = provings.map(
    (one) =>
      `<tr><td><time>${formatClock(one.t, true)}</time></td><td>${escapeHtml(`${one.reason}, ${one.level}: ${one.what}`)}</td>` +
      `<td>${one.nodes}</td><td>${one.rounds} in ${minutes(one.tookMs)}</td><td>${passedCell(one)}</td><td>${one.failed}</td>` +
      `<td>${one.unreliable}</td><td>${one.notProved.map(notProvedLine).join('<br>')}</td></tr>`,
  );
  return (
    '<div class="scroll"><table><thead><tr><th>time</th><th>why</th><th>nodes</th><th>rounds</th><th>passed</th>' +
    `<th>failed</th><th>unreliable</th><th>who did not pass</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`
  );
}

function passedCell({ passed, provisional }: Proving): string {
  return provisional === 0 ? String(passed) : `${passed} (${provisional} provisionally)`;
}

function notProvedLine({ node, result, why, replacedAt }: NotProved): string {
  const fate = replacedAt === undefined ? 'not replaced' : `replacement asked for at ${formatClock(replacedAt, true)}`;
  return escapeHtml(`${node}: ${result}: ${why}; ${fate}`);
}

function minutes(ms: number): string {
  return `${(ms / 60_000).toFixed(1)} min`;
}
