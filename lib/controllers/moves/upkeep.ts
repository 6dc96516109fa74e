/**
 * Nodes that no live move has: their keys are kept right. PURE.
 *
 *   stale claim     the move is gone or finished → claim and releasing taint off (the move is read live first)
 *   keys disagree   somebody edited them by hand → set back, at most twice an hour; then a Conflict is reported and they are left alone
 *   orphan          its bucket does not exist, or is being deleted → no new pods, and when it is empty: unassigned
 *   releasing       the taint without a move → off after 60 s
 *   squatted        a pod of another bucket is on it → evicted; PodDisruptionBudgets delay that
 *
 * Which bucket a node is in, when its keys disagree: the taint says, because that is what keeps pods out; without any taint of ours
 * the labels. A node that is held, cordoned, leaving or not registered is not touched.
 */
import { FOREIGN_KEYS, UNASSIGNED_TAINT } from '../../domain/node-keys';
import { hasTaint } from '../../domain/taints';
import type { NodeFacts } from '../../fleet';
import type { MoveAction } from './actions';
import { isFinal, isLiveMove, recordOf } from './claims';
import { isLeaving } from './leaving';
import { conflictPatch, releasingPatch, releasingSinceMs, setBackPatch, swapPatch, unclaimPatch } from './patches';
import type { MovesSnapshot } from './snapshot';
import { TWO_CYCLES_MS } from './steps';

/** A releasing taint without a live move goes after this long. */
export const STRAY_TAINT_MS = 60_000;
/** Set back so often within the hour; then a person decides. */
export const SET_BACKS = 2;
/** After this long without another edit the count begins anew. */
export const SET_BACK_WINDOW_MS = 3_600_000;
/** `timeAdded` has whole seconds. */
const ROUNDING_MS = 1_000;

/** What is to be done about a node, and when to look again. */
export interface Upkeep {
  readonly actions: readonly MoveAction[];
  readonly againMs?: number;
}

const NOTHING: Upkeep = { actions: [] };

/** Upkeep of one node. */
export function upkeep(node: NodeFacts, snapshot: MovesSnapshot, nowMs: number): Upkeep {
  if (isOffLimits(node)) return NOTHING;
  if (node.claim !== undefined) return staleClaim(node, node.claim, snapshot);
  const bucket = bucketOf(node);
  if (!agrees(node, bucket)) return setBack(node, bucket, snapshot, nowMs);
  if (bucket !== undefined && !staysIn(bucket, snapshot)) return orphan(node, bucket, snapshot, nowMs);
  const stray = strayTaint(node, nowMs);
  const evictions = squatters(node, snapshot);
  return { actions: [...stray.actions, ...evictions], againMs: stray.againMs };
}

function isOffLimits(node: NodeFacts): boolean {
  return (
    node.pool === undefined ||
    node.held ||
    node.unschedulable ||
    isLeaving(node) ||
    hasTaint(node.taints, FOREIGN_KEYS.karpenterUnregistered)
  );
}

/** The bucket a node is in, whatever its keys say one by one. */
export function bucketOf(node: NodeFacts): string | undefined {
  if (node.bucketTaint !== undefined) return node.bucketTaint;
  if (hasTaint(node.taints, UNASSIGNED_TAINT)) return undefined;
  return node.nodegroup ?? node.bucket;
}

function agrees(node: NodeFacts, bucket: string | undefined): boolean {
  const unassigned = hasTaint(node.taints, UNASSIGNED_TAINT);
  const labels = node.bucket === bucket && node.nodegroup === bucket;
  return labels && node.bucketTaint === bucket && unassigned === (bucket === undefined);
}

function staysIn(bucket: string, { buckets }: MovesSnapshot): boolean {
  const found = buckets.get(bucket);
  return found !== undefined && found.deletionMs === undefined;
}

function staleClaim(node: NodeFacts, claim: string, { movesByName }: MovesSnapshot): Upkeep {
  const move = movesByName.get(claim);
  // A move that is being deleted takes its own claims off.
  if (move?.deleting) return NOTHING;
  const wants = move?.spec?.nodes.includes(node.name) && !isFinal(recordOf(move, node.name).step);
  if (move && isLiveMove(move) && wants) return NOTHING;
  const why = move ? `NodeMove ${claim} has ended` : `NodeMove ${claim} does not exist`;
  return { actions: [{ type: 'DropClaim', node: node.name, move: claim, patch: unclaimPatch(node), why }] };
}

function setBack(node: NodeFacts, bucket: string | undefined, { setBacks }: MovesSnapshot, nowMs: number): Upkeep {
  const known = setBacks.get(node.name);
  const recent = known && nowMs - known.lastMs < SET_BACK_WINDOW_MS ? known : { count: 0, lastMs: nowMs };
  const again = { againMs: recent.lastMs + SET_BACK_WINDOW_MS };
  if (recent.count > SET_BACKS) return { actions: [], ...again };
  const count = { count: recent.count + 1, lastMs: nowMs };
  const place = bucket === undefined ? 'no bucket' : `bucket ${bucket}`;
  if (recent.count === SET_BACKS) {
    const why = `labels and taints were changed by hand ${count.count} times within an hour; moves had it in ${place} and leaves it alone now: undo the edit, or make a NodeMove`;
    const patch = conflictPatch(node, count);
    return { actions: [{ type: 'PatchNode', verb: 'Conflict', node: node.name, patch, why }], ...again };
  }
  const why = `labels and taints were changed by hand: set back to ${place}; use a NodeMove to move a node`;
  const patch = setBackPatch(node, bucket, count);
  return { actions: [{ type: 'PatchNode', verb: 'SetBack', node: node.name, patch, why }] };
}

function orphan(node: NodeFacts, bucket: string, { work }: MovesSnapshot, nowMs: number): Upkeep {
  const why = `bucket ${bucket} is gone or being deleted`;
  const sinceMs = releasingSinceMs(node);
  if (!sinceMs) {
    const patch = releasingPatch(node, nowMs);
    return { actions: [{ type: 'PatchNode', verb: 'Taint', node: node.name, patch, why }] };
  }
  const againMs = sinceMs + ROUNDING_MS + TWO_CYCLES_MS;
  if (nowMs < againMs) return { actions: [], againMs };
  // Its own work is left to end; nothing new comes.
  if ((work.get(node.name) ?? []).length > 0) return NOTHING;
  const patch = swapPatch(node, undefined, nowMs);
  return { actions: [{ type: 'HandOver', node: node.name, bucket: undefined, patch, why }] };
}

function strayTaint(node: NodeFacts, nowMs: number): Upkeep {
  const sinceMs = releasingSinceMs(node);
  if (sinceMs === undefined) return NOTHING;
  const why = 'no NodeMove claims the node';
  if (sinceMs === 0) {
    const patch = releasingPatch(node, nowMs);
    return { actions: [{ type: 'PatchNode', verb: 'Taint', node: node.name, patch, why: `${why}: 60 s from now` }] };
  }
  const againMs = sinceMs + STRAY_TAINT_MS;
  if (nowMs < againMs) return { actions: [], againMs };
  return { actions: [{ type: 'PatchNode', verb: 'Untaint', node: node.name, patch: unclaimPatch(node), why }] };
}

function squatters(node: NodeFacts, { squatters: found }: MovesSnapshot): MoveAction[] {
  return (found.get(node.name) ?? [])
    .filter(({ deleting }) => !deleting)
    .map((pod) => ({
      type: 'Evict',
      node: node.name,
      pod,
      why: `it is on ${node.name} of ${node.bucket === undefined ? 'no bucket' : `bucket ${node.bucket}`}`,
    }));
}
