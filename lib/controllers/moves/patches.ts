/**
 * Edits of a Node, each ONE merge patch under `metadata.resourceVersion`: labels, annotations and the whole taint list together.
 * Taints are an atomic list, so a patch without the lock would erase what others added meanwhile. Keys of others stay as they are.
 */
import { formatTime, parseTime, type Taint } from '../../domain/kube';
import {
  ASSIGNED_AT_ANNOTATION,
  BUCKET_KEY,
  MOVE_ANNOTATION,
  NODEGROUP_LABEL,
  RELEASING_TAINT,
  SET_BACK_ANNOTATION,
  UNASSIGNED_TAINT,
} from '../../domain/node-keys';
import { editTaints } from '../../domain/taints';
import type { NodeFacts } from '../../fleet';
import type { SetBacks } from './snapshot';

/** A merge patch of a Node. */
export interface NodePatch {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string | null>>;
    readonly annotations?: Readonly<Record<string, string | null>>;
  };
  readonly spec?: { readonly taints: readonly Taint[] };
}

/** When the releasing taint was put on: undefined without the taint, 0 when the taint does not say. */
export function releasingSinceMs(node: NodeFacts): number | undefined {
  const taint = node.taints.find(({ key }) => key === RELEASING_TAINT);
  return taint && (parseTime(taint.timeAdded) ?? 0);
}

/** The claim, and for nodes in a bucket the releasing taint with the time it was put on. A taint that says its time is kept. */
export function claimPatch(node: NodeFacts, move: string, nowMs: number): NodePatch {
  const { resourceVersion } = node;
  const metadata = { resourceVersion, annotations: { [MOVE_ANNOTATION]: move } };
  return node.bucket === undefined ? { metadata } : { metadata, ...taints(withReleasing(node, nowMs)) };
}

/** The releasing taint alone, stamped: for nodes whose bucket is gone, and for a taint that does not say its time. */
export function releasingPatch(node: NodeFacts, nowMs: number): NodePatch {
  return { metadata: { resourceVersion: node.resourceVersion }, ...taints(withReleasing(node, nowMs)) };
}

/** Claim and releasing taint off; the node is what it was before. */
export function unclaimPatch(node: NodeFacts): NodePatch {
  return {
    metadata: { resourceVersion: node.resourceVersion, annotations: { [MOVE_ANNOTATION]: null } },
    ...taints(editTaints(node.taints, { remove: [RELEASING_TAINT] })),
  };
}

/** The swap: out of whatever it was in, into `bucket`, or into none. Ends the claim. */
export function swapPatch(node: NodeFacts, bucket: string | undefined, nowMs: number): NodePatch {
  return {
    metadata: {
      resourceVersion: node.resourceVersion,
      labels: bucketLabels(bucket),
      annotations: {
        [MOVE_ANNOTATION]: null,
        [ASSIGNED_AT_ANNOTATION]: bucket === undefined ? null : formatTime(nowMs),
      },
    },
    ...taints(placeTaints(editTaints(node.taints, { remove: [RELEASING_TAINT] }), bucket)),
  };
}

/** Labels and taints made to agree on `bucket` again, and the count of how often that was needed. */
export function setBackPatch(node: NodeFacts, bucket: string | undefined, count: SetBacks): NodePatch {
  return {
    metadata: {
      resourceVersion: node.resourceVersion,
      labels: bucketLabels(bucket),
      annotations: setBackNote(count),
    },
    ...taints(placeTaints(node.taints, bucket)),
  };
}

/** Only the count: somebody insists, and it has been said. */
export function conflictPatch(node: NodeFacts, count: SetBacks): NodePatch {
  return { metadata: { resourceVersion: node.resourceVersion, annotations: setBackNote(count) } };
}

/** Reads the count from the annotation `<count>@<time>`. */
export function parseSetBacks(annotations: Readonly<Record<string, string>> | undefined): SetBacks | undefined {
  const [count = '', time] = (annotations?.[SET_BACK_ANNOTATION] ?? '').split('@');
  const lastMs = parseTime(time);
  return /^\d+$/.test(count) && lastMs !== undefined ? { count: Number(count), lastMs } : undefined;
}

function setBackNote({ count, lastMs }: SetBacks) {
  return { [SET_BACK_ANNOTATION]: `${count}@${formatTime(lastMs)}` };
}

function bucketLabels(bucket: string | undefined) {
  return { [BUCKET_KEY]: bucket ?? null, [NODEGROUP_LABEL]: bucket ?? null };
}

function placeTaints(list: readonly Taint[], bucket: string | undefined): Taint[] {
  const add: Taint =
    bucket === undefined
      ? { key: UNASSIGNED_TAINT, effect: 'NoSchedule' }
      : { key: BUCKET_KEY, value: bucket, effect: 'NoSchedule' };
  return editTaints(list, { remove: [UNASSIGNED_TAINT, BUCKET_KEY], add: [add] });
}

function withReleasing(node: NodeFacts, nowMs: number): readonly Taint[] {
  if (releasingSinceMs(node)) return node.taints;
  const taint: Taint = { key: RELEASING_TAINT, effect: 'NoSchedule', timeAdded: formatTime(nowMs) };
  return editTaints(node.taints, { add: [taint] });
}

function taints(list: readonly Taint[]) {
  return { spec: { taints: list } };
}
