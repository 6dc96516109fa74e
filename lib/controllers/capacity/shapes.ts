/** What nodes of each type offer pods, and how many there can be. PURE. */
import { estimateAllocatable, findInstanceType } from '../../catalog';
import { addInto, toAmounts, type Amounts, type NodeFacts } from '../../fleet';
import type { BucketState, PoolState } from './fleet-state';
import { keepLarger, type PoolNodes, type SeenType } from './node-groups';

/** What a fresh node of a type offers pods. */
export interface TypeShape {
  readonly instanceType: string;
  readonly offers: Amounts;
  /** `h100`, when the catalog knows the type. */
  readonly accelerator?: string;
  /** Most nodes of this type there can be, by all pools. */
  readonly most: number;
}

/** Shapes of every type a bucket names: as a node that is there says, or else the catalog, less what system pods take. */
export function toShapes(
  buckets: readonly BucketState[],
  pools: ReadonlyMap<string, PoolState>,
  groups: Iterable<readonly [string, PoolNodes]>,
): ReadonlyMap<string, TypeShape> {
  const seen = seenTypes(groups);
  const types = new Set(buckets.flatMap(({ spec }) => spec?.instanceTypes ?? []));
  return new Map([...types].sort().map((type) => [type, toShape(type, seen.get(type) ?? UNSEEN, pools)] as const));
}

/** What nodes show, all pools together. */
function seenTypes(groups: Iterable<readonly [string, PoolNodes]>): ReadonlyMap<string, SeenType> {
  const types = new Map<string, SeenType>();
  for (const [, { seen }] of groups) {
    for (const [type, { count, first, overhead }] of seen) {
      const known = types.get(type);
      const most: Record<string, number> = { ...known?.overhead };
      keepLarger(most, overhead);
      types.set(type, { count: (known?.count ?? 0) + count, first: firstOf(known?.first, first), overhead: most });
    }
  }
  return types;
}

function firstOf(a: NodeFacts | undefined, b: NodeFacts | undefined): NodeFacts | undefined {
  if (!a || !b) return a ?? b;
  return a.name < b.name ? a : b;
}

const UNSEEN: SeenType = { count: 0, overhead: {} };

function toShape(
  instanceType: string,
  { first, overhead, count }: SeenType,
  pools: ReadonlyMap<string, PoolState>,
): TypeShape {
  const offers: Record<string, number> = { ...(first?.allocatable ?? catalogOffers(instanceType)) };
  addInto(offers, overhead, -1);
  let most = 0;
  for (const pool of pools.values()) if (pool.instanceType === instanceType) most += mostNodes(pool);
  return {
    instanceType,
    offers,
    accelerator: findInstanceType(instanceType)?.accelerators.model,
    most: Math.max(most, count),
  };
}

/** Pods of a node that nobody has seen yet; the cap of Auto Mode. */
const ASSUMED_PODS = 110;

function catalogOffers(instanceType: string): Amounts {
  const known = findInstanceType(instanceType);
  return known ? toAmounts(estimateAllocatable(known, ASSUMED_PODS)) : {};
}

function mostNodes({ facts, nodes }: PoolState): number {
  return facts.spec?.nodes.max ?? facts.status.limit ?? facts.status.window?.instances ?? nodes.length;
}
