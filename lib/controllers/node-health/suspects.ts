/** Who should leave work, or go: by what is said of a node, by another boot, by a verdict. PURE; whether it may is said by others. */
import type { NodeHealthPolicySpec } from '../../api';
import { parseDuration } from '../../domain/duration';
import { PROBATION_TAINT } from '../../domain/node-keys';
import { hasTaint, taintedAtMs } from '../../domain/taints';
import type { Breaker } from './breaker';
import type { WantedRemoval } from './removals';
import type { NodeSuspicion } from './reports';
import type { Severity } from './severity';
import type { HealthNode, HealthSnapshot, ValidationState } from './snapshot';

/** Whether work may land on it. */
export function isOpen({ facts }: HealthNode): boolean {
  return !hasTaint(facts.taints, PROBATION_TAINT);
}

/** How long the end of work is waited for, and when it is. */
export interface Patience {
  readonly gangEndsWithinMs: number;
  readonly nowMs: number;
}

/** What the policy says of it. */
export function patienceOf({ remediation }: NodeHealthPolicySpec, nowMs: number): Patience {
  return { gangEndsWithinMs: parseDuration(remediation.gangEndsWithin), nowMs };
}

/** Until when the work on a closed node may take to end; undefined where it never ends, or nobody knows since when it is waited for. */
export function endsByMs({ facts, endless }: HealthNode, { gangEndsWithinMs }: Patience): number | undefined {
  const closedMs = taintedAtMs(facts.taints, PROBATION_TAINT);
  return endless || closedMs === undefined ? undefined : closedMs + gangEndsWithinMs;
}

/** When the node leaves: the end of a gang is waited for only where there is one, and only so long. */
export function severityNow(node: HealthNode, severity: Severity, patience: Patience): Severity {
  if (severity !== 'EndOfGang' || node.work.length === 0) return severity;
  // Open still: it is closed first, and then waited for.
  if (isOpen(node)) return node.endless ? 'NextCheckpoint' : severity;
  return patience.nowMs < (endsByMs(node, patience) ?? 0) ? severity : 'NextCheckpoint';
}

/** Nodes that are suspected, or came back with another boot, and of which something is still to be done. */
export function suspectedNodes(
  { nodes }: HealthSnapshot,
  suspicions: readonly NodeSuspicion[],
  patience: Patience,
): readonly WantedRemoval[] {
  const { nowMs } = patience;
  const suspected = suspicions
    .filter(({ node, action }) => action === 'Validate' && isUnsettled(nodes.get(node)))
    .map(({ node, severity: said, sinceMs, why }): WantedRemoval => {
      const severity = severityNow(nodes.get(node)!, said, patience);
      return { node, because: 'Suspected', severity, evidenceMs: sinceMs, why };
    });
  const known = new Set(suspected.map(({ node }) => node));
  const rebooted = [...nodes.values()]
    .filter((node) => !known.has(node.facts.name) && isRebooted(node) && isUnsettled(node))
    .map(({ facts }): WantedRemoval => {
      const why = 'it was rebooted since it was proved';
      return { node: facts.name, because: 'Suspected', severity: 'NextCheckpoint', evidenceMs: nowMs, why };
    });
  return [...suspected, ...rebooted];
}

function isRebooted(node: HealthNode): boolean {
  const {
    facts: { verdict, bootId },
    phase,
  } = node;
  if (phase === 'Quarantined') return !hasFailed(node);
  return phase === 'Rebooted' || (phase === 'Probation' && verdict?.bootId !== undefined && verdict.bootId !== bootId);
}

/** Open, or closed and still at work. */
function isUnsettled(node: HealthNode | undefined): boolean {
  return node !== undefined && (isOpen(node) || node.work.length > 0);
}

/** Whether what is written on it was found out about this very boot. A condition alone, whose verdict was never written, is of none. */
export function isOfThisBoot({ facts: { verdict, bootId } }: HealthNode): boolean {
  return verdict?.result !== undefined && verdict.bootId === bootId;
}

/**
 * Whether it failed, in the boot it is in. Its condition alone does not say so: whose validation was deleted between the two writes of a
 * verdict has the new condition and the old annotation, for good.
 */
export function hasFailed(node: HealthNode): boolean {
  return node.phase === 'Quarantined' && isOfThisBoot(node) && node.facts.verdict?.result === 'Fail';
}

/** Whether it failed before a person reset the breaker: that is no reason to replace it any more, and it is measured again. */
export function failedBeforeReset(node: HealthNode, { tripped, notBeforeMs }: BreakerWord): boolean {
  return hasFailed(node) && !tripped && (node.facts.verdict?.timeMs ?? 0) <= notBeforeMs;
}

/** What the breaker says of evidence. */
export type BreakerWord = Pick<Breaker, 'tripped' | 'notBeforeMs'>;

/** Nodes whose verdict is that they failed, in the boot they are in: after another one, or a reset, they are measured again. */
export function failedNodes({ nodes, validations }: HealthSnapshot, breaker: BreakerWord): readonly WantedRemoval[] {
  const byName = new Map(validations.map((one) => [one.name, one] as const));
  return [...nodes.values()]
    .filter((node) => hasFailed(node) && !failedBeforeReset(node, breaker))
    .map(({ facts: { name, verdict } }): WantedRemoval => {
      const failed = { node: name, because: 'Failed', severity: 'Now', evidenceMs: verdict?.timeMs ?? 0 } as const;
      return { ...failed, ...foundBy(name, byName.get(verdict?.validation ?? '')) };
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** What the validation says that failed it; it may be gone, or a person may have written the verdict. */
function foundBy(
  node: string,
  validation: ValidationState | undefined,
): Pick<WantedRemoval, 'why' | 'validation' | 'failedChecks'> {
  const record = validation?.status.nodes?.find(({ name }) => name === node);
  return {
    why: record?.message ?? 'its validation failed',
    ...(validation ? { validation: validation.name } : {}),
    ...(record?.reason ? { failedChecks: [record.reason] } : {}),
  };
}
