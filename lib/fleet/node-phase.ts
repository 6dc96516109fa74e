/**
 * The life of a node as one word. Total: every node has exactly one phase; deterministic: the same facts give the same phase.
 * Everybody uses this function and nobody invents another.
 *
 * Several rows of the table may be true at once (a cordoned node that reboots while it moves); the first line below wins. The
 * order follows from who may act: what is already happening cannot be stopped by anybody, then a person's explicit word, then
 * what is certain to happen, then a person's cordon, then a claim of ours, then whether the machine works at all, then whether
 * it is proved, and only a node that passes all of that has a place in a bucket.
 *
 *  1 Leaving      under way: deletionTimestamp, or Karpenter disrupts it. No word of ours or a person's brings it back.
 *  2 Held         a person's annotation. Nobody of ours acts, not even when a repair by EKS is due.
 *  3 Leaving      announced: accelerators broken (EKS replaces it at T+10 min, but no node of a managed node group) or its block ends soon. Before Cordoned,
 *                 because a zonal shift cordons nodes with gangs on them, and those gangs still want their checkpoint.
 *  4 Cordoned     a person or a zonal shift. Not counted, not taken, not replaced; a move under way pauses.
 *  5 Moving       a live NodeMove names it; also what a dead move left behind (claim annotation, releasing taint), until moves
 *                 has cleaned it: such a node is neither usable nor free.
 *  6 Joining      not Ready, or not registered by Karpenter. Also a node that was Ready before: nobody can use it.
 *  7 Quarantined  the verdict is False: failed for good. With or without probation taint: the verdict is written first.
 *  8 Validating   probation taint, and a NodeValidation has it.
 *    Suspect      probation taint, and the verdict is Unknown.
 *    Probation    probation taint.
 *  9 Rebooted     proved under another boot id.
 * 10 Orphan       its keys name no bucket: a label without such a bucket, label, taint and Volcano's group not equal,
 *                 or neither a bucket nor the unassigned taint, so that anybody's pods may land there.
 * 11 Squatted     a pod of another bucket is on it.
 * 12 Active       in a bucket.
 *    Unassigned   proved, in none.
 */
import { FOREIGN_KEYS, PROBATION_TAINT, RELEASING_TAINT, UNASSIGNED_TAINT } from '../domain/node-keys';
import { hasTaint } from '../domain/taints';
import type { NodeFacts } from './node-facts';

/** Every phase, in the order of a node's life. */
export const NODE_PHASES = [
  'Joining',
  'Probation',
  'Validating',
  'Suspect',
  'Unassigned',
  'Active',
  'Moving',
  'Leaving',
  'Cordoned',
  'Held',
  'Quarantined',
  'Rebooted',
  'Orphan',
  'Squatted',
] as const;

/** The phase of a node. */
export type NodePhase = (typeof NODE_PHASES)[number];

/** What a phase depends on beside the node itself. */
export interface PhaseContext {
  /** Names of the CapacityBuckets that exist. */
  readonly buckets: ReadonlySet<string>;
  /** Node → NodeMove, for moves of this node that have not ended. */
  readonly liveMoves: ReadonlyMap<string, string>;
  /** Nodes with a pod of another bucket on them. */
  readonly squatted: ReadonlySet<string>;
  /** Nodes that a NodeValidation has now. */
  readonly validating?: ReadonlySet<string>;
  /** Pool → when (epoch ms) its nodes begin to leave because its block ends; see `blockLeaveAtMs`. */
  readonly leaveAtMs?: ReadonlyMap<string, number>;
}

/** The phase of a node, by the precedence above. */
export function nodePhase(node: NodeFacts, context: PhaseContext, nowMs: number): NodePhase {
  return (
    leavingNow(node) ??
    held(node) ??
    leavingSoon(node, context, nowMs) ??
    cordoned(node) ??
    moving(node, context) ??
    joining(node) ??
    unproved(node, context) ??
    misplaced(node, context) ??
    (node.bucket === undefined ? 'Unassigned' : 'Active')
  );
}

/** Whether this node belongs to a pool of ours; phases of other nodes mean nothing. */
export function isFleetNode(node: NodeFacts): boolean {
  return node.pool !== undefined;
}

function leavingNow(node: NodeFacts): NodePhase | undefined {
  return node.deletedAtMs !== undefined || hasTaint(node.taints, FOREIGN_KEYS.karpenterDisrupted)
    ? 'Leaving'
    : undefined;
}

const held = (node: NodeFacts): NodePhase | undefined => (node.held ? 'Held' : undefined);
const cordoned = (node: NodeFacts): NodePhase | undefined => (node.unschedulable ? 'Cordoned' : undefined);

function leavingSoon(node: NodeFacts, context: PhaseContext, nowMs: number): NodePhase | undefined {
  // Of a managed node group nobody replaces it: it is measured, and mended by node-health.
  if (node.acceleratorsBrokenSinceMs !== undefined && node.nodeGroup === undefined) return 'Leaving';
  const leaveAtMs = node.pool === undefined ? undefined : context.leaveAtMs?.get(node.pool);
  return leaveAtMs !== undefined && nowMs >= leaveAtMs ? 'Leaving' : undefined;
}

function moving(node: NodeFacts, context: PhaseContext): NodePhase | undefined {
  const claimed = context.liveMoves.has(node.name) || node.claim !== undefined;
  return claimed || hasTaint(node.taints, RELEASING_TAINT) ? 'Moving' : undefined;
}

function joining(node: NodeFacts): NodePhase | undefined {
  return !node.ready || hasTaint(node.taints, FOREIGN_KEYS.karpenterUnregistered) ? 'Joining' : undefined;
}

function unproved(node: NodeFacts, context: PhaseContext): NodePhase | undefined {
  if (node.validated === 'False') return 'Quarantined';
  if (hasTaint(node.taints, PROBATION_TAINT)) {
    if (context.validating?.has(node.name)) return 'Validating';
    return node.validated === 'Unknown' ? 'Suspect' : 'Probation';
  }
  return rebooted(node) ? 'Rebooted' : undefined;
}

function rebooted({ bootId, verdict }: NodeFacts): boolean {
  return bootId !== undefined && verdict?.bootId !== undefined && verdict.bootId !== bootId;
}

function misplaced(node: NodeFacts, context: PhaseContext): NodePhase | undefined {
  const { bucket, bucketTaint, nodegroup } = node;
  const unassigned = hasTaint(node.taints, UNASSIGNED_TAINT);
  const consistent =
    bucket === undefined
      ? unassigned && bucketTaint === undefined && nodegroup === undefined
      : !unassigned && bucketTaint === bucket && nodegroup === bucket && context.buckets.has(bucket);
  if (!consistent) return 'Orphan';
  return context.squatted.has(node.name) ? 'Squatted' : undefined;
}
