/** What moves took from running work: who gave way for whom, what it was thought to cost, and what it did cost. */
import { parseTime, type KubeObject } from '../../domain/kube';
import { escapeHtml, formatClock } from './charts';

/** One gang that gave way. */
export interface GivenWay {
  /** `VolcanoJob training/llama`. */
  readonly gang: string;
  readonly accelerators: number;
  /** Seconds between its checkpoint and the moment it gave way; absent: it has reported none. */
  readonly checkpointAgeS?: number;
  /** Accelerators × seconds. */
  readonly lost: number;
}

/** One move that took nodes from running work. */
export interface Taking {
  /** Milliseconds from the start. */
  readonly t: number;
  readonly move: string;
  /** Why these nodes, as the controller said when it chose. */
  readonly why: string;
  readonly nodes: number;
  readonly gangs: readonly GivenWay[];
}

/** The NodeMoves for which a gang gave way, by time. */
export function toTakings(moves: readonly KubeObject[], startMs: number): readonly Taking[] {
  return moves
    .filter(
      ({ spec, status }) => spec.reason === 'Capacity' && (status?.gangs ?? []).some(({ gaveWayAt }: any) => gaveWayAt),
    )
    .map(({ metadata, spec, status }) => ({
      t: (parseTime(metadata.creationTimestamp) ?? startMs) - startMs,
      move: metadata.name,
      why: spec.message ?? '',
      nodes: spec.nodes.length,
      gangs: status.gangs.filter(({ gaveWayAt }: any) => gaveWayAt).map(toGivenWay),
    }))
    .sort((a, b) => a.t - b.t || (a.move < b.move ? -1 : 1));
}

function toGivenWay({ key, accelerators = 0, checkpointAt, gaveWayAt, acceleratorSecondsLost = 0 }: any): GivenWay {
  const [savedMs, leftMs] = [parseTime(checkpointAt), parseTime(gaveWayAt)];
  return {
    gang: key,
    accelerators,
    lost: acceleratorSecondsLost,
    ...(savedMs === undefined || leftMs === undefined
      ? {}
      : { checkpointAgeS: Math.max(0, (leftMs - savedMs) / 1000) }),
  };
}

/** A table of them; a sentence when there are none. */
export function takingsTable(takings: readonly Taking[]): string {
  if (takings.length === 0) return '<p>No running work was stopped on this day.</p>';
  const rows = takings.map(
    ({ t, why, nodes, gangs }) =>
      `<tr><td><time>${formatClock(t, true)}</time></td><td>${nodes}</td><td>${escapeHtml(why)}</td>` +
      `<td>${gangs.map(gangLine).join('<br>')}</td><td>${hours(gangs.reduce((sum, { lost }) => sum + lost, 0))}</td></tr>`,
  );
  return (
    '<div class="scroll"><table><thead><tr><th>time</th><th>nodes</th><th>why these</th><th>who gave way</th>' +
    `<th>GPU-hours lost</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`
  );
}

function gangLine({ gang, accelerators, checkpointAgeS, lost }: GivenWay): string {
  const saved = checkpointAgeS === undefined ? 'no checkpoint' : `checkpoint ${Math.round(checkpointAgeS)} s before`;
  return `${escapeHtml(gang)}: ${accelerators} GPUs, ${saved}, ${hours(lost)} GPU-hours`;
}

function hours(acceleratorSeconds: number): string {
  return (acceleratorSeconds / 3600).toFixed(1);
}
