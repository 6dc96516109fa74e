/** What nodes of each type offer pods, and how many there can be. PURE. */
import { estimateAllocatable, findInstanceType } from '../../catalog';
import { addInto, toAmounts, type Amounts } from '../../fleet';
import type { BucketState, NodeState, PoolState } from './fleet-state';

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
  nodes: ReadonlyMap<string, NodeState>,
): ReadonlyMap<string, TypeShape> {
  const seen = new Map<string, Seen>();
  for (const { facts, overhead } of nodes.values()) {
    const { instanceType, ready, allocatable } = facts;
    if (!seen.has(instanceType)) seen.set(instanceType, { count: 0, overhead: {} });
    const type = seen.get(instanceType)!;
    type.count += 1;
    if (ready) type.allocatable ??= allocatable;
    keepLarger(type.overhead, overhead);
  }
  const types = new Set(buckets.flatMap(({ spec }) => spec?.instanceTypes ?? []));
  return new Map([...types].sort().map((type) => [type, toShape(type, seen.get(type), pools)] as const));
}

/** What the nodes of one type show. */
interface Seen {
  count: number;
  /** Of the first node that is Ready. */
  allocatable?: Amounts;
  /** Most that system pods take of any node. */
  readonly overhead: Record<string, number>;
}

function toShape(instanceType: string, seen: Seen | undefined, pools: ReadonlyMap<string, PoolState>): TypeShape {
  const offers: Record<string, number> = { ...(seen?.allocatable ?? catalogOffers(instanceType)) };
  addInto(offers, seen?.overhead ?? {}, -1);
  let most = 0;
  for (const pool of pools.values()) if (pool.instanceType === instanceType) most += mostNodes(pool);
  return {
    instanceType,
    offers,
    accelerator: findInstanceType(instanceType)?.accelerators.model,
    most: Math.max(most, seen?.count ?? 0),
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

function keepLarger(most: Record<string, number>, amounts: Amounts): void {
  for (const resource in amounts) most[resource] = Math.max(most[resource] ?? 0, amounts[resource]!);
}
