/**
 * From a finished validation to what stands on its nodes. PURE.
 *
 * The condition is written first, then annotation and taint in one patch under the node's resourceVersion: whoever comes after a crash
 * finds either the old verdict or the new one. A verdict is about one boot of one instance; it is written on no other, and not twice.
 */
import { formatTime, parseTime } from '../../domain/kube';
import { PROBATION_TAINT, VERDICT_ANNOTATION } from '../../domain/node-keys';
import { editTaints, hasTaint, taintedAtMs } from '../../domain/taints';
import { formatVerdict, type NodeFacts } from '../../fleet';
import type { HealthAction, NodePatch } from './actions';
import type { HealthSnapshot, ValidatedNode, ValidationState } from './snapshot';

/** Reasons of results that say nothing of the node: it was never looked at. */
export const NOT_LOOKED_AT: ReadonlySet<string> = new Set(['NoNode', 'NotFree', 'NoVerdict']);

/** One verdict that does not stand on its node yet. */
export interface Verdict {
  readonly node: NodeFacts;
  readonly validation: ValidationState;
  readonly record: ValidatedNode;
  readonly finishedMs: number;
}

/** The newest verdicts that are not written yet, by node. */
export function dueVerdicts({ nodes, validations }: HealthSnapshot): readonly Verdict[] {
  const due = new Map<string, Verdict>();
  for (const verdict of validations.flatMap((validation) => verdictsOf(validation, nodes))) {
    const known = due.get(verdict.node.name);
    if (!known || known.finishedMs < verdict.finishedMs) due.set(verdict.node.name, verdict);
  }
  return [...due.values()].sort((a, b) => (a.node.name < b.node.name ? -1 : 1));
}

function verdictsOf(validation: ValidationState, nodes: HealthSnapshot['nodes']): readonly Verdict[] {
  const finishedMs = parseTime(validation.status.finishedAt);
  if (finishedMs === undefined) return [];
  return (validation.status.nodes ?? []).flatMap((record) => {
    const node = nodes.get(record.name)?.facts;
    // What a person holds is written when it is let go.
    return node && !node.held && isOf(record, node) && isNews(validation, record, finishedMs, node)
      ? [{ node, validation, record, finishedMs }]
      : [];
  });
}

function isOf({ providerID, bootId, result, reason = '' }: ValidatedNode, node: NodeFacts): boolean {
  if (result === undefined || NOT_LOOKED_AT.has(reason)) return false;
  return providerID === node.providerID && bootId === node.bootId && hasTaint(node.taints, PROBATION_TAINT);
}

/**
 * A node that was put on probation meanwhile waits for another validation. What opens it must have been measured after it was closed: times
 * have whole seconds, and a suspicion may come in the very second in which a validation ends. That it failed is as true if somebody closed
 * it once more before the end; and that nothing could be said of it opens nothing, and stands for good or nobody would hear of it.
 */
function isNews(
  { name, status }: ValidationState,
  { result = 'Unreliable' }: ValidatedNode,
  finishedMs: number,
  { verdict, taints }: NodeFacts,
): boolean {
  // By time: a person may have made another validation of the same name since.
  const stands = verdict?.timeMs === undefined ? verdict?.validation === name : verdict.timeMs >= finishedMs;
  if (stands) return false;
  const closedMs = taintedAtMs(taints, PROBATION_TAINT) ?? -Infinity;
  const startedMs = parseTime(status.startedAt) ?? finishedMs;
  return closedMs <= { Pass: startedMs, Fail: finishedMs, Unreliable: Infinity }[result];
}

const STATUS = { Pass: 'True', Fail: 'False', Unreliable: 'Unknown' } as const;

/** The writes of one verdict. */
export function verdictAction({ node, validation, record, finishedMs }: Verdict): HealthAction {
  const { result = 'Unreliable', provisional, serials = [] } = record;
  const reason = provisional
    ? 'PassedProvisionally'
    : { Pass: 'Passed', Fail: 'Failed', Unreliable: 'Unreliable' }[result];
  const message = record.message ?? `NodeValidation ${validation.name}`;
  return {
    type: 'WriteVerdict',
    node: node.name,
    result,
    condition: { status: STATUS[result], reason, message: message.slice(0, 1024) },
    patch: verdictPatch(node, validation, record, { finishedMs, serials, open: result === 'Pass' }),
    why: `${validation.name}: ${result}${record.reason ? ` (${record.reason})` : ''}`,
  };
}

interface Written {
  readonly finishedMs: number;
  readonly serials: readonly string[];
  readonly open: boolean;
}

function verdictPatch(
  node: NodeFacts,
  { name, spec }: ValidationState,
  { bootId, result, provisional }: ValidatedNode,
  { finishedMs, serials, open }: Written,
): NodePatch {
  const verdict = formatVerdict({
    ...{
      timeMs: finishedMs,
      level: spec?.level ?? 'Standard',
      result: result ?? 'Unreliable',
      validation: name,
      serials,
    },
    ...(bootId === undefined ? {} : { bootId }),
    ...(provisional ? { provisional } : {}),
  });
  return {
    metadata: {
      resourceVersion: node.resourceVersion,
      annotations: { [VERDICT_ANNOTATION]: verdict },
    },
    ...(open ? { spec: { taints: editTaints(node.taints, { remove: [PROBATION_TAINT] }) } } : {}),
  };
}

/** Puts a node on probation: nothing new lands there from now on. */
export function closeAction(node: NodeFacts, why: string, nowMs: number): HealthAction {
  const taint = { key: PROBATION_TAINT, effect: 'NoSchedule', timeAdded: formatTime(nowMs) } as const;
  const patch: NodePatch = {
    metadata: { resourceVersion: node.resourceVersion },
    spec: { taints: editTaints(node.taints, { add: [taint] }) },
  };
  return { type: 'Close', node: node.name, patch, why };
}
