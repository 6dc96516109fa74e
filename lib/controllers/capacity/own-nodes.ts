/** The nodes a bucket has, as what its waiting units can be put on. PURE. */
import type { CapacityBucketSpec } from '../../api';
import type { BucketState, FleetState } from './fleet-state';
import { activeOfType, type ActiveOfType, type NodeState } from './node-groups';
import { Packing } from './packing';
import { Shelf } from './placement';
import type { TypeShape } from './shapes';
import type { Work } from './work';

/** Types it wants, by preference, then those it only still has. */
export function typesOf({ nodes }: BucketState, spec: CapacityBucketSpec): ReadonlySet<string> {
  return new Set([...spec.instanceTypes, ...nodes.types]);
}

/** Of a type of which the bucket has none. */
export const NONE_ACTIVE = activeOfType([]);

/** Until when (epoch ms) minHold keeps a node. */
export function heldUntil({ facts }: NodeState, { minHoldMs }: BucketState): number {
  return (facts.assignedAtMs ?? 0) + minHoldMs;
}

/** Nodes that are there, by type, with nothing put on them yet. */
export function packingsOf(
  { bucket, spec }: Pick<Work, 'bucket' | 'spec'>,
  gone: ReadonlySet<NodeState>,
  shapes: FleetState['shapes'],
  nowMs: number,
): ReadonlyMap<string, Packing> {
  const packings = new Map<string, Packing>();
  for (const type of typesOf(bucket, spec)) {
    const active = without(bucket.nodes.byType.get(type) ?? NONE_ACTIVE, gone);
    const fixed = active.idle.filter((node) => heldUntil(node, bucket) > nowMs);
    const movable = new Shelf(active.idle.filter((node) => heldUntil(node, bucket) <= nowMs));
    packings.set(type, new Packing(shapes.get(type) ?? unknownShape(type), active, fixed, movable));
  }
  return packings;
}

function without(active: ActiveOfType, gone: ReadonlySet<NodeState>): ActiveOfType {
  const stay = (node: NodeState) => !gone.has(node);
  if (gone.size === 0 || (active.idle.every(stay) && active.busy.every(stay))) return active;
  return activeOfType([...active.idle, ...active.busy].filter(stay));
}

/** A type the bucket does not want any more: what it has of it may be used up, no more is had. */
function unknownShape(instanceType: string): TypeShape {
  return { instanceType, offers: {}, most: 0 };
}
