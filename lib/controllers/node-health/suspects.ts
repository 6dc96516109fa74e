/** Who should leave work, or go: by what is said of a node, by another boot, by a verdict. PURE; whether it may is said by others. */
import { PROBATION_TAINT } from '../../domain/node-keys';
import { hasTaint } from '../../domain/taints';
import type { WantedRemoval } from './removals';
import type { NodeSuspicion } from './reports';
import type { HealthNode, HealthSnapshot, ValidationState } from './snapshot';

/** Whether work may land on it. */
export function isOpen({ facts }: HealthNode): boolean {
  return !hasTaint(facts.taints, PROBATION_TAINT);
}

/** Nodes that are suspected, or came back with another boot, and of which something is still to be done. */
export function suspectedNodes(
  { nodes }: HealthSnapshot,
  suspicions: readonly NodeSuspicion[],
  nowMs: number,
): readonly WantedRemoval[] {
  const suspected = suspicions
    .filter(({ node, action }) => action === 'Validate' && isUnsettled(nodes.get(node)))
    .map(({ node, severity, sinceMs, why }): WantedRemoval => {
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
  if (phase === 'Quarantined') return !isOfThisBoot(node);
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

/** Nodes whose verdict is that they failed, in the boot they are in: after another one they are measured again. */
export function failedNodes({ nodes, validations }: HealthSnapshot): readonly WantedRemoval[] {
  const byName = new Map(validations.map((one) => [one.name, one] as const));
  return [...nodes.values()]
    .filter((node) => node.phase === 'Quarantined' && isOfThisBoot(node) && node.facts.verdict?.result === 'Fail')
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
