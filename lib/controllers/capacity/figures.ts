/** What one look says in numbers: the values of every gauge. PURE. A gauge without series says that there is nothing to say. */
import type { CapacityBucketStatus, GangStep } from '../../api';
import type { BucketFacts, CapacityAction, CapacitySnapshot, Seen } from './snapshot';
import { METRIC } from './telemetry';

/** One look and what came of it. */
export interface Look {
  readonly snapshot: CapacitySnapshot;
  readonly actions: readonly CapacityAction[];
  readonly seen: Seen;
  readonly nowMs: number;
}

/** One value with its labels. */
export interface Figure {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Row = { readonly bucket: BucketFacts; readonly status: CapacityBucketStatus };

/** What each gauge of a bucket is; undefined: nothing to say. */
const OF_BUCKETS: readonly (readonly [name: string, value: (row: Row) => number | undefined])[] = [
  [METRIC.owned, ({ status }) => status.owned],
  [METRIC.active, ({ status }) => status.active],
  [METRIC.idle, ({ status }) => status.idle],
  [METRIC.arriving, ({ status }) => status.arriving],
  [METRIC.demand, ({ status }) => status.demand],
  [METRIC.target, ({ status }) => status.target],
  [METRIC.minimum, ({ bucket }) => bucket.spec?.nodes.min],
  [METRIC.maximum, ({ bucket }) => bucket.spec?.nodes.max],
];

/** Gangs that cannot run now because a move took their nodes. */
const AWAY: readonly GangStep[] = ['Suspending', 'Suspended'];

/** Gauge → its values. */
export function toFigures({ snapshot, actions, seen }: Look): ReadonlyMap<string, readonly Figure[]> {
  const rows = rowsOf(snapshot, actions);
  const figures = new Map<string, readonly Figure[]>();
  for (const [name, value] of OF_BUCKETS) {
    figures.set(
      name,
      rows.flatMap((row) => figure({ bucket: row.bucket.name }, value(row))),
    );
  }
  figures.set(
    METRIC.phases,
    [...seen.phases].sort().map(([phase, value]) => ({ labels: { phase }, value })),
  );
  figures.set(METRIC.waitingSince, waitingFigures(seen));
  return new Map([...figures, ...movesFigures(snapshot)]);
}

/** The status of a bucket as this look leaves it: what it will write, else what is written. */
function rowsOf({ buckets }: CapacitySnapshot, actions: readonly CapacityAction[]): readonly Row[] {
  const next = new Map<string, CapacityBucketStatus>();
  for (const action of actions) if (action.type === 'WriteStatus') next.set(action.bucket, action.status);
  return buckets.map((bucket) => ({ bucket, status: next.get(bucket.name) ?? bucket.status }));
}

/** Of every unit without its nodes, those included that no type or bound can ever serve: nobody else says how long they wait. */
function waitingFigures({ units }: Seen): readonly Figure[] {
  return [...units].flatMap(([bucket, waiting]) => {
    const sinceMs = Math.min(...waiting.map((unit) => unit.sinceMs));
    return waiting.length > 0 ? figure({ bucket }, seconds(sinceMs)) : [];
  });
}

function movesFigures({ moves }: CapacitySnapshot): readonly (readonly [string, readonly Figure[]])[] {
  const live = moves.filter(({ finishedAtMs }) => finishedAtMs === undefined);
  const gangs = live.flatMap((move) => move.gangs).filter(({ step }) => AWAY.includes(step));
  const since = gangs.flatMap(({ gaveWayAtMs }) => gaveWayAtMs ?? []);
  const oldest = new Map<string, number>();
  for (const { reason, createdAtMs } of live) {
    oldest.set(reason, Math.min(oldest.get(reason) ?? Infinity, createdAtMs));
  }
  return [
    [METRIC.suspended, figure({}, gangs.length)],
    [METRIC.suspendedSince, figure({}, since.length > 0 ? seconds(Math.min(...since)) : undefined)],
    [METRIC.oldestMove, [...oldest].sort().flatMap(([reason, atMs]) => figure({ reason }, seconds(atMs)))],
  ];
}

function figure(labels: Figure['labels'], value: number | undefined): readonly Figure[] {
  return value === undefined ? [] : [{ labels, value }];
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
