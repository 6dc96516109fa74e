/** FaultReports and what the machines say, reckoned with; and what is written back to whoever reported. PURE. */
import { findXid } from '../../catalog';
import type { FaultReportStatus, NodeHealthPolicySpec } from '../../api';
import { setCondition } from '../../domain/conditions';
import { parseDuration } from '../../domain/duration';
import { jsonEqual } from '../../domain/json-equal';
import { parseTime } from '../../domain/kube';
import type { HealthAction } from './actions';
import { partnerFaults } from './partner-faults';
import { reckon, type NodeSuspicion, type Reckoned } from './reports';
import type { HealthSnapshot, ReportState } from './snapshot';

/** What the reports come to. */
export interface ReportPlan {
  readonly suspicions: readonly NodeSuspicion[];
  /** Every fault, and what became of it. */
  readonly reckoned: readonly Reckoned[];
  readonly actions: readonly HealthAction[];
  readonly againMs: number;
}

/** Reckons with every fault, and says to each report what became of it. */
export function planReports(snapshot: HealthSnapshot, policy: NodeHealthPolicySpec, nowMs: number): ReportPlan {
  const { nodes, faults, runsOn, reports } = snapshot;
  const resetMs = parseTime(snapshot.policy?.status.reset?.at);
  const reckonings = reckon([...faults, ...partnerFaults(snapshot)], {
    nowMs,
    sinceMs: new Map(
      [...nodes.values()].map(({ facts }) => [facts.name, facts.verdict?.timeMs ?? facts.createdAtMs] as const),
    ),
    ...(resetMs === undefined ? {} : { resetMs }),
    disprovedMs: disproved(snapshot),
    ofNodeGroups: new Set(
      [...nodes.values()].flatMap(({ facts }) => (facts.nodeGroup === undefined ? [] : [facts.name])),
    ),
    runsOn,
    perNodePerHour: policy.reports.perNodePerHour,
    xidOf: findXid,
  });
  const byId = new Map(reckonings.faults.map((one) => [one.id, one] as const));
  const maxAgeMs = parseDuration(policy.reports.maxAge);
  const old = reports.filter(({ createdMs }) => nowMs >= createdMs + maxAgeMs);
  const young = reports.filter((report) => !old.includes(report));
  return {
    reckoned: reckonings.faults,
    suspicions: reckonings.nodes.filter(({ node }) => nodes.has(node)),
    actions: [
      ...young.flatMap((report) => answer(report, byId.get(`report ${report.key}`), nowMs)),
      ...old.map(({ key, uid }): HealthAction => ({ type: 'DeleteReport', report: key, uid })),
    ],
    againMs: Math.min(...young.map(({ createdMs }) => createdMs + maxAgeMs)),
  };
}

/** Nodes that passed after reports had sent them to be measured. */
function disproved({ validations }: HealthSnapshot): ReadonlyMap<string, number> {
  const passed = new Map<string, number>();
  for (const { spec, status } of validations) {
    const finishedMs = parseTime(status.finishedAt);
    if (spec?.reason !== 'Report' || finishedMs === undefined) continue;
    for (const { name, result } of status.nodes ?? []) {
      if (result === 'Pass') passed.set(name, Math.max(passed.get(name) ?? 0, finishedMs));
    }
  }
  return passed;
}

function answer(report: ReportState, reckoned: Reckoned | undefined, nowMs: number): readonly HealthAction[] {
  const accepted = report.refused === undefined;
  const before = report.status.conditions;
  const said = {
    type: 'Accepted',
    status: accepted ? 'True' : 'False',
    reason: accepted ? 'Understood' : 'Refused',
  } as const;
  let conditions = setCondition(before, { ...said, message: report.refused ?? 'the node is known' }, nowMs);
  if (reckoned) {
    const counts = reckoned.reckoning === 'Counted' || reckoned.reckoning === 'Notice';
    const counted = { type: 'Counted', status: counts ? 'True' : 'False', reason: reckoned.reckoning } as const;
    conditions = setCondition(conditions, { ...counted, message: reckoned.message }, nowMs);
  }
  const status: FaultReportStatus = {
    ...report.status,
    conditions,
    ...(reckoned
      ? { node: reckoned.node, action: reckoned.reckoning, message: reckoned.message }
      : { message: report.refused }),
  };
  if (jsonEqual(status, report.status)) return [];
  return [{ type: 'WriteReport', report: report.key, resourceVersion: report.resourceVersion, status }];
}
