/** What one look says in numbers: the values of every gauge. PURE. */
import type { CapacityPoolStatus } from '../../api';
import { parseTime } from '../../domain/kube';
import type { PoolAction } from './actions';
import type { PoolFacts, PoolsSnapshot } from './snapshot';
import { METRIC } from './telemetry';

/** One value with its labels. */
export interface Figure {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Row = { readonly facts: PoolFacts; readonly status: CapacityPoolStatus };

/** Gauge → its values, by the statuses as this look leaves them. */
export function toFigures(
  { pools }: PoolsSnapshot,
  actions: readonly PoolAction[],
): ReadonlyMap<string, readonly Figure[]> {
  const next = new Map<string, CapacityPoolStatus>();
  for (const action of actions) if (action.type === 'WriteStatus') next.set(action.pool, action.status);
  const rows = pools.map((facts): Row => ({ facts, status: next.get(facts.name) ?? facts.status }));
  const each = (value: (status: CapacityPoolStatus) => number | undefined) =>
    rows.map(({ facts, status }) => ({ labels: { pool: facts.name }, value: value(status) ?? 0 }));
  return new Map([
    [METRIC.desired, each(({ desired }) => desired)],
    [METRIC.nodes, each(({ nodes }) => nodes)],
    [METRIC.ready, each(({ ready }) => ready)],
    [METRIC.failures, each(({ backOff }) => backOff?.failures)],
    [METRIC.end, rows.flatMap(endOf)],
  ]);
}

/** A window that EC2 was never asked about says nothing, and a pool without a reservation has no end. */
function endOf({ facts, status }: Row): readonly Figure[] {
  if (!facts.spec || facts.spec.source === 'OnDemand' || !status.window) return [];
  const endMs = parseTime(status.window.end);
  const labels = { pool: facts.name, instance_type: facts.spec.instanceType };
  return [{ labels, value: endMs === undefined ? Infinity : endMs / 1000 }];
}
