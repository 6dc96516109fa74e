/**
 * The next step of one node within one move. PURE.
 *
 *   Pending → Claimed → (with work on it: CheckpointRequested → Suspending →) Draining → (Bucket) HandedOver by the swap
 *                                                   → (Release, Replacement) Empty → pools ends the instance → HandedOver
 *                                                   → (Validation) Empty → HandedOver by taking claim and releasing taint off
 *   Lost: the node is gone or is another instance. Aborted: the move lost its claim, or cannot go on.
 *
 * Schedulers bind from snapshots, so a pod may land after the taint: after tainting we wait two scheduler cycles, look at the pods
 * live, swap, and look again. A node that was in no bucket carried a taint all the time and is not waited for, only looked at.
 * A node with work on it goes where its gangs are (gangs.ts); it is never handed over under a pod, not even past the deadline.
 *
 * To Validation a node keeps its bucket: node-health has put it on probation before, which keeps work off, and when it is proved it
 * works again where it did. A node that is not on probation is not taken there, and one that no longer is stays what it was.
 *
 * To a bucket no node is taken that is not proved, and none is waited for: as long as a move has it, node-health does not prove it. The
 * move lets it go.
 */
import type { NodeMoveSpec } from '../../api';
import { parseTime } from '../../domain/kube';
import { FOREIGN_KEYS, PROBATION_TAINT } from '../../domain/node-keys';
import { hasTaint } from '../../domain/taints';
import type { NodeFacts, PodFacts } from '../../fleet';
import type { MoveAction } from './actions';
import type { MovedNode } from './claims';
import { isOver, type MovedGang } from './gangs';
import { claimPatch, releasingSinceMs, swapPatch, unclaimPatch } from './patches';
import { BUCKET_FINALIZER, type BucketState, type MoveState } from './snapshot';

/** Two scheduler cycles: what was bound from a snapshot older than the taint has landed after this. */
export const TWO_CYCLES_MS = 2_000;
/** `timeAdded` has whole seconds. */
const ROUNDING_MS = 1_000;
/** A node that a move names and that is not there: the watch may be behind for this long. */
export const APPEARS_WITHIN_MS = 60_000;

/** What a step is decided on. */
export interface StepInput {
  readonly move: MoveState;
  readonly spec: NodeMoveSpec;
  readonly record: MovedNode;
  readonly node: NodeFacts | undefined;
  readonly work: readonly PodFacts[];
  /** Gangs of the move that are on the node, as they are now. */
  readonly gangs: readonly MovedGang[];
  /** Why work on the node has not been asked yet. */
  readonly waits?: string;
  /** The bucket that gets the node, when it exists and stays. */
  readonly bucket: BucketState | undefined;
  /** The move that should have the node. */
  readonly winner: string | undefined;
  /** Whether another node may be taken from a bucket now. */
  readonly budgetLeft: boolean;
  readonly nowMs: number;
}

/** Where the node is now, and what to do about it. */
export interface Step {
  readonly record: MovedNode;
  readonly action?: MoveAction;
  /** Empty, if a live list agrees. */
  readonly confirmEmpty?: boolean;
  /** Look again at this moment. */
  readonly againMs?: number;
}

/** The next step. */
export function nextStep(input: StepInput): Step {
  const { record, node, move } = input;
  if (!node) return withoutNode(input);
  if (record.providerID !== undefined && record.providerID !== node.providerID) {
    return gone(input, `another instance (${node.providerID}) has its name now`);
  }
  if (node.claim === move.name) return record.step === 'Pending' ? claimed(input, node) : advance(input, node);
  return record.step === 'Pending' ? unclaimed(input, node) : lostClaim(input, node);
}

function at(record: MovedNode, step: MovedNode['step'], message: string): MovedNode {
  return { ...record, step, message };
}

function withoutNode(input: StepInput): Step {
  const { record, move, nowMs } = input;
  if (record.step !== 'Pending') return gone(input, 'the node is gone');
  const againMs = move.createdMs + APPEARS_WITHIN_MS;
  if (nowMs < againMs) return { record: at(record, 'Pending', 'there is no such node'), againMs };
  return { record: at(record, 'Lost', 'there is no such node') };
}

/** The instance is gone: what Release and Replacement wanted, if the node had been emptied; a loss otherwise. */
function gone({ record, spec }: StepInput, why: string): Step {
  return record.step === 'Empty' && endsInstance(spec)
    ? { record: at(record, 'HandedOver', 'the instance was ended') }
    : { record: at(record, 'Lost', why) };
}

/** Whether the instance is to end. */
export function endsInstance({ to: { kind } }: NodeMoveSpec): boolean {
  return kind === 'Release' || kind === 'Replacement';
}

function claimed({ record, move }: StepInput, node: NodeFacts): Step {
  const { providerID, bucket } = node;
  const known = { ...record, ...(providerID ? { providerID } : {}), ...(bucket ? { from: bucket } : {}) };
  return { record: at(known, 'Claimed', `claimed for NodeMove ${move.name}`) };
}

function lostClaim({ record, spec }: StepInput, node: NodeFacts): Step {
  if (spec.to.kind === 'Bucket' && node.bucket === spec.to.bucket && node.bucketTaint === spec.to.bucket) {
    return { record: at(record, 'HandedOver', `in bucket ${node.bucket}`) };
  }
  // Empty says that nothing ran on it; only then is the claim ours to take off.
  if (spec.to.kind === 'Validation' && record.step === 'Empty' && node.claim === undefined) {
    return { record: at(record, 'HandedOver', 'empty, and on probation until it is proved') };
  }
  const why = node.claim ? `NodeMove ${node.claim} took it over` : 'its claim was taken off the node';
  return { record: at(record, 'Aborted', why) };
}

function unclaimed(input: StepInput, node: NodeFacts): Step {
  const { record, spec, move, nowMs } = input;
  if (spec.to.kind === 'Bucket' && isIn(node, spec.to.bucket)) {
    return { record: at(record, 'HandedOver', `already in bucket ${node.bucket}`) };
  }
  const unfit = unfitFor(input, node) ?? unprovedFor(spec, node);
  if (unfit) return { record: at(record, 'Aborted', unfit) };
  const why = waitingFor(input, node) ?? queuedFor(input, node);
  if (why) return { record: at(record, 'Pending', why) };
  const patch = claimPatch(node, move.name, nowMs);
  const action: MoveAction = {
    type: 'PatchNode',
    verb: 'Claim',
    node: node.name,
    patch,
    why: spec.message ?? `reason ${spec.reason}`,
  };
  return { record, action };
}

function isIn(node: NodeFacts, bucket: string | undefined): boolean {
  return bucket !== undefined && node.bucket === bucket && node.bucketTaint === bucket && node.claim === undefined;
}

/** Why this node can never go there. */
function unfitFor({ bucket }: StepInput, node: NodeFacts): string | undefined {
  if (node.pool === undefined) return 'it was not made by a CapacityPool';
  if (!bucket || bucket.instanceTypes.includes(node.instanceType)) return undefined;
  return `bucket ${bucket.name} takes ${bucket.instanceTypes.join(', ')}, the node is ${node.instanceType}`;
}

/** What somebody else has to do first: until then the node is not claimed, and its work is not asked. */
export function waitingFor(input: Pick<StepInput, 'spec' | 'bucket'>, node: NodeFacts): string | undefined {
  if (node.held) return 'a person holds the node (annotation aicluster.dev/hold)';
  if (node.unschedulable) return 'the node is cordoned';
  if (node.deletedAtMs !== undefined || hasTaint(node.taints, FOREIGN_KEYS.karpenterDisrupted)) {
    return 'the node is leaving';
  }
  switch (input.spec.to.kind) {
    case 'Bucket':
      return notFitForWork(input, node);
    case 'Validation':
      return onProbation(node) ? undefined : `node-health has not put it on probation (taint ${PROBATION_TAINT})`;
    default:
      return undefined;
  }
}

const onProbation = (node: NodeFacts): boolean => hasTaint(node.taints, PROBATION_TAINT);

/** Why a bucket cannot take the node now. A node that leaves for good may be in any state. */
function notFitForWork({ spec, bucket }: Pick<StepInput, 'spec' | 'bucket'>, node: NodeFacts): string | undefined {
  if (!bucket) return `bucket ${spec.to.bucket} does not exist or is being deleted`;
  // Deleted without it, the bucket would be gone at once, and its nodes left to nobody.
  if (!bucket.finalizers.includes(BUCKET_FINALIZER)) return `bucket ${bucket.name} is not held by its finalizer yet`;
  if (!node.ready || hasTaint(node.taints, FOREIGN_KEYS.karpenterUnregistered)) return 'the node is not Ready';
  return undefined;
}

function unprovedFor({ to: { kind } }: NodeMoveSpec, node: NodeFacts): string | undefined {
  const unproved = onProbation(node) || node.validated === 'False';
  return kind === 'Bucket' && unproved ? 'the node is not proved: node-health has it first' : undefined;
}

/** Why it is not this move's turn. */
function queuedFor({ move, winner, budgetLeft, spec }: StepInput, node: NodeFacts): string | undefined {
  if (winner !== move.name) return `NodeMove ${winner} goes first`;
  const exempt = node.bucket === undefined || spec.reason === 'BlockEnd';
  return exempt || budgetLeft ? undefined : 'enough nodes of the fleet are on their way already';
}

/** A claimed node goes on. */
function advance(input: StepInput, node: NodeFacts): Step {
  const { record, nowMs } = input;
  const nowhere = nowhereToGo(input, node);
  if (nowhere) return pointless(input, node, nowhere);
  const waits = waitingFor(input, node);
  if (waits) return { record: at(record, record.step, waits) };
  const sinceMs = releasingSinceMs(node);
  if (node.bucket !== undefined && !sinceMs) {
    const patch = claimPatch(node, input.move.name, nowMs);
    const why = 'the releasing taint was taken off';
    return { record, action: { type: 'PatchNode', verb: 'Taint', node: node.name, patch, why } };
  }
  if (input.work.length > 0) return { record: withWork(input) };
  const againMs = sinceMs === undefined ? 0 : settledMs(sinceMs, record);
  if (nowMs < againMs) {
    // A step of its own would begin the wait anew: the time in which its work ended counts.
    const step = record.step === 'Claimed' ? 'Draining' : record.step;
    return { record: at(record, step, 'waiting two scheduler cycles for pods that were bound already'), againMs };
  }
  return emptied(input, node);
}

/** The taint says when it was decided; the record was made after it was seen. A slow write must not shorten the wait. */
function settledMs(taintedMs: number, { step, since }: MovedNode): number {
  // An Empty node has waited already; its `since` is younger and means something else.
  const seenMs = step === 'Empty' ? 0 : (parseTime(since) ?? 0);
  return Math.max(taintedMs, seenMs) + ROUNDING_MS + TWO_CYCLES_MS;
}

/** Why the node goes there no more. */
function nowhereToGo({ spec, bucket }: StepInput, node: NodeFacts): string | undefined {
  if (spec.to.kind === 'Bucket' && !bucket) return `bucket ${spec.to.bucket} does not exist or is being deleted`;
  const proved = spec.to.kind === 'Validation' && !onProbation(node);
  return proved ? 'it is not on probation any more: there is nothing to prove' : unprovedFor(spec, node);
}

/** There is nowhere to go: the node stays where it was. A held or leaving one is not even given its claim back. */
function pointless({ record }: StepInput, node: NodeFacts, why: string): Step {
  if (node.held || node.deletedAtMs !== undefined) return { record: at(record, record.step, why) };
  return { record: at(record, 'Aborted', why), action: unclaim(node, why) };
}

function emptied({ record, spec, move, nowMs }: StepInput, node: NodeFacts): Step {
  const why = `NodeMove ${move.name}: ${spec.message ?? spec.reason}`;
  if (spec.to.kind === 'Bucket') {
    const { bucket } = spec.to;
    const patch = swapPatch(node, bucket, nowMs);
    // The swap says itself in the node; the story goes on when it is seen there.
    return { record, action: { type: 'HandOver', node: node.name, bucket, patch, why } };
  }
  if (record.step !== 'Empty') {
    return { record: at(record, 'Draining', 'looking at its pods once more'), confirmEmpty: true };
  }
  if (spec.to.kind === 'Validation') {
    const { name, bucket } = node;
    return {
      record,
      action: { type: 'HandOver', node: name, bucket, toValidation: true, patch: unclaimPatch(node), why },
    };
  }
  return { record: at(record, 'Empty', `empty; pools will ${spec.to.kind === 'Release' ? 'release' : 'replace'} it`) };
}

function unclaim(node: NodeFacts, why: string): MoveAction {
  return { type: 'PatchNode', verb: 'Unclaim', node: node.name, patch: unclaimPatch(node), why };
}

/** The node is where the least advanced of its gangs is. */
function withWork({ record, spec, work, gangs, waits }: StepInput): MovedNode {
  const live = gangs.filter((gang) => !isOver(gang));
  const pending = live.find(({ step }) => step === 'Asked') ?? live.find(({ step }) => step === 'Checkpointed');
  const told = (gang: MovedGang) => `${gang.key}: ${gang.message ?? gang.step}`;
  if (pending) return at(record, 'CheckpointRequested', told(pending));
  const stopping = live.find(({ step }) => step === 'Suspending' || step === 'Suspended');
  if (stopping) return at(record, 'Suspending', `${told(stopping)}; ${busy(work)}`);
  // Something landed after all: an Empty node is looked at again before its claim goes.
  const step = record.step === 'Empty' && !endsInstance(spec) ? 'Draining' : record.step;
  return at(record, step, waits ?? busy(work));
}

function busy(work: readonly PodFacts[]): string {
  const shown = work
    .slice(0, 3)
    .map(({ key }) => key)
    .join(', ');
  const more = work.length > 3 ? ` and ${work.length - 3} more` : '';
  return `waiting for ${shown}${more} to end`;
}
