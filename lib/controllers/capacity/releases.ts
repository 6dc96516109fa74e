/**
 * Which nodes are given back: on-demand ones that nobody has needed for `idleFor`, beyond their bucket's minimum and demand and
 * their pool's minimum. PURE. Reserved nodes are paid for: they are never given back.
 */
import { UNKNOWN_LEAF } from '../../fleet';
import type { FleetState, NodeState, PoolState } from './fleet-state';
import { spend, standing, type Supply } from './supply';
import type { Unripe } from './targets';
import type { Work } from './work';

/** How long an unassigned node waits for somebody to want it. */
export const UNASSIGNED_FOR_MS = 5 * 60_000;

/** Nodes of one pool to give back together. */
export interface Release {
  readonly pool: string;
  /** Bucket they are taken from; none when unassigned. */
  readonly from?: string;
  readonly nodes: readonly NodeState[];
  readonly why: string;
}

/** Decides what is given back, and when (epoch ms) the next node may be. */
export function planReleases(
  works: readonly Work[],
  supply: Supply,
  view: { readonly fleet: FleetState; readonly unripe: readonly Unripe[]; readonly nowMs: number },
): { readonly releases: readonly Release[]; readonly nextAtMs: readonly number[] } {
  const { fleet, unripe, nowMs } = view;
  const spare = new Map<string, number>();
  for (const pool of fleet.pools.values()) spare.set(pool.name, pool.onDemand ? spareOf(pool) : 0);
  // Somebody waits for this type, or will in a moment.
  const wanted = new Set([...unripe, ...works.flatMap(({ waiting }) => waiting)].map(({ type }) => type));
  const releases: Release[] = [];
  const nextAtMs: number[] = [];
  for (const pool of fleet.pools.values()) {
    if (!pool.onDemand || wanted.has(pool.instanceType)) continue;
    const free = supply.unassignedLeft(pool.instanceType).filter(({ facts }) => facts.pool === pool.name);
    const since = ({ facts }: NodeState) => facts.createdAtMs + UNASSIGNED_FOR_MS;
    nextAtMs.push(...free.map(since).filter((atMs) => atMs > nowMs));
    const nodes = takeSpare(
      free.filter((node) => since(node) <= nowMs),
      pool,
      spare,
      Infinity,
    );
    if (nodes.length > 0) releases.push({ pool: pool.name, nodes, why: 'unassigned, and nobody asks for them' });
  }
  for (const work of [...works].reverse()) releases.push(...releasesOf(work, fleet, spare, wanted));
  return { releases, nextAtMs };
}

function spareOf(pool: PoolState): number {
  return Math.max(0, standing(pool) - (pool.facts.spec?.nodes.min ?? 0));
}

function releasesOf(
  work: Work,
  fleet: FleetState,
  spare: Map<string, number>,
  wanted: ReadonlySet<string>,
): readonly Release[] {
  const { min } = work.spec.nodes;
  const releases: Release[] = [];
  if (work.bucket.facts.deleting) return releases;
  for (const [type, packing] of work.packings) {
    if (wanted.has(type)) continue;
    for (const pool of fleet.pools.values()) {
      if (!pool.onDemand || pool.instanceType !== type) continue;
      const most = Math.min(work.matured.get(type) ?? 0, work.keeps - min, work.bucket.budget.left);
      const idle = packing.movable.nodes().filter(({ facts }) => facts.pool === pool.name);
      const nodes = takeSpare(idle, pool, spare, most);
      if (nodes.length === 0) continue;
      spend(work, type, nodes.length);
      const why = `surplus of ${work.name} for ${work.spec.hysteresis.idleFor}, beyond its demand and its minimum of ${min}`;
      releases.push({ pool: pool.name, from: work.name, nodes, why });
    }
  }
  return releases;
}

function takeSpare(
  nodes: readonly NodeState[],
  pool: PoolState,
  spare: Map<string, number>,
  most: number,
): readonly NodeState[] {
  const left = spare.get(pool.name) ?? 0;
  const chosen = byReleaseOrder(nodes).slice(0, Math.max(0, Math.min(most, left)));
  spare.set(pool.name, left - chosen.length);
  return chosen;
}

/** Scattered nodes first, so that what stays is whole: unknown leaf, then the leaf with the fewest of them, then the youngest. */
function byReleaseOrder(nodes: readonly NodeState[]): readonly NodeState[] {
  const size = new Map<string, number>();
  for (const { facts } of nodes) size.set(facts.leaf, (size.get(facts.leaf) ?? 0) + 1);
  const rank = ({ facts }: NodeState) => (facts.leaf === UNKNOWN_LEAF ? 0 : size.get(facts.leaf)!);
  return [...nodes].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      compareText(a.facts.leaf, b.facts.leaf) ||
      b.facts.createdAtMs - a.facts.createdAtMs ||
      compareText(a.facts.name, b.facts.name),
  );
}

const compareText = (a: string, b: string) => (a < b ? -1 : Number(a > b));
