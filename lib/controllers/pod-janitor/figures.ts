/** What one look says in metrics: every gauge whole, so that nothing is said of what is not there any more. PURE. */
import { isTrue, findCondition } from '../../domain/conditions';
import { parseTime } from '../../domain/kube';
import { isStopped, openAttempt, type LedgerState } from './ledger';
import type { PodFinding } from './plan-pods';
import type { SyncFinding } from './sync/snapshot';
import { METRIC } from './telemetry';
import type { WorkFinding } from './work-actions';

/** All series of one gauge. */
export interface JanitorFigure {
  readonly name: string;
  readonly series: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** What one look has found. */
export interface JanitorFindings {
  readonly pods: readonly Pick<PodFinding, 'state' | 'sinceMs'>[];
  readonly work: readonly Pick<WorkFinding, 'state' | 'sinceMs'>[];
  readonly ledgers: readonly Pick<LedgerState, 'status'>[];
  /** Absent: it was not compared in this look, and what was said of it stays. */
  readonly sync?: readonly Pick<SyncFinding, 'kind' | 'sinceMs'>[] | undefined;
}

/** One thing, under the word that is its label; `atMs` absent: nobody knows since when. */
interface Moment {
  readonly word: string;
  readonly atMs?: number | undefined;
}

/** The gauges of one look. */
export function janitorFigures({ pods, work, ledgers, sync }: JanitorFindings): readonly JanitorFigure[] {
  const stuck = [...pods, ...work].map(({ state, sinceMs }): Moment => ({ word: state, atMs: sinceMs }));
  const stops = ledgers.flatMap(stopOf);
  const steps = ledgers.map((ledger): Moment => ({ word: stepOf(ledger) }));
  return [
    counted(METRIC.stuck, 'state', stuck),
    timed(METRIC.stuckSince, 'state', stuck, Math.min),
    counted(METRIC.resubmissions, 'step', steps),
    counted(METRIC.stopped, 'reason', stops),
    timed(METRIC.stoppedAt, 'reason', stops, Math.max),
    ...(sync ? differences(sync) : []),
  ];
}

function differences(sync: NonNullable<JanitorFindings['sync']>): readonly JanitorFigure[] {
  const found = sync.map(({ kind, sinceMs }): Moment => ({ word: kind, atMs: sinceMs }));
  return [counted(METRIC.differences, 'kind', found), timed(METRIC.differentSince, 'kind', found, Math.min)];
}

function stepOf({ status }: Pick<LedgerState, 'status'>): string {
  if (isStopped(status)) return 'Stopped';
  if (openAttempt(status)) return 'UnderWay';
  return status.nextAt === undefined ? 'Idle' : 'Waiting';
}

function stopOf({ status: { conditions } }: Pick<LedgerState, 'status'>): Moment[] {
  if (!isTrue(conditions, 'Stopped')) return [];
  const { reason, lastTransitionTime } = findCondition(conditions, 'Stopped')!;
  return [{ word: reason ?? 'Unknown', atMs: parseTime(lastTransitionTime) }];
}

function counted(name: string, label: string, moments: readonly Moment[]): JanitorFigure {
  return toFigure(name, label, moments, (alike) => alike.length);
}

/** Moments become seconds; of those that nobody knows nothing is said. */
function timed(
  name: string,
  label: string,
  moments: readonly Moment[],
  chosen: (...times: number[]) => number,
): JanitorFigure {
  const known = moments.filter(({ atMs }) => atMs !== undefined && Number.isFinite(atMs));
  return toFigure(name, label, known, (alike) => chosen(...alike.map(({ atMs }) => atMs!)) / 1000);
}

function toFigure(
  name: string,
  label: string,
  moments: readonly Moment[],
  value: (alike: readonly Moment[]) => number,
): JanitorFigure {
  const byWord = new Map<string, Moment[]>();
  for (const moment of moments) {
    const alike = byWord.get(moment.word);
    if (alike) alike.push(moment);
    else byWord.set(moment.word, [moment]);
  }
  const sorted = [...byWord].sort(([a], [b]) => (a < b ? -1 : 1));
  return { name, series: sorted.map(([word, alike]) => ({ labels: { [label]: word }, value: value(alike) })) };
}
