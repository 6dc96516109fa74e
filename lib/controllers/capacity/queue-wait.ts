/**
 * How long units waited that got their nodes. PURE: what was seen waiting at the last look is an argument.
 *
 * A unit that does not wait any more was placed, or deleted, or is a gang of which all but one member are bound, whose last member
 * is now a unit of its own. So only pods seen bound count, and a gang that is almost there is followed until it is, or is gone.
 */
import type { Unit } from './demand';
import type { CapacitySnapshot } from './snapshot';

/** A unit that was seen waiting. */
type Wait = Pick<Unit, 'bucket' | 'sinceMs'>;

/** What was seen waiting, by key of the unit, and which buckets there were. */
export interface Waits {
  readonly byUnit: ReadonlyMap<string, Wait>;
  readonly buckets: readonly string[];
}

/** Before the first look. */
export const NO_WAITS: Waits = { byUnit: new Map(), buckets: [] };

/** What the next look makes of it. */
export interface FollowedWaits {
  readonly waits: Waits;
  readonly placed: readonly { readonly bucket: string; readonly seconds: number }[];
  /** Buckets that there are no more. */
  readonly gone: readonly string[];
}

/** Follows what waits from one look to the next. */
export function followWaits(
  before: Waits,
  units: ReadonlyMap<string, readonly Unit[]>,
  snapshot: CapacitySnapshot,
  nowMs: number,
): FollowedWaits {
  const byUnit = new Map<string, Wait>();
  for (const { key, bucket, sinceMs } of [...units.values()].flat()) byUnit.set(key, { bucket, sinceMs });
  const left = [...before.byUnit].filter(([key, { bucket }]) => !byUnit.has(key) && units.has(bucket));
  const members = left.length > 0 ? membersOf(snapshot) : new Map<string, Members>();
  const placed: { bucket: string; seconds: number }[] = [];
  for (const [key, wait] of left) {
    const { bound, pending, least } = members.get(key) ?? NOBODY;
    if (bound >= least) {
      placed.push({ bucket: wait.bucket, seconds: Math.max(0, nowMs - wait.sinceMs) / 1000 });
    } else if (pending.length > 0) {
      byUnit.set(key, wait);
      pending.forEach((member) => byUnit.delete(member));
    }
  }
  const buckets = [...units.keys()];
  return { waits: { byUnit, buckets }, placed, gone: before.buckets.filter((bucket) => !units.has(bucket)) };
}

interface Members {
  bound: number;
  /** Their keys as units of their own. */
  readonly pending: string[];
  /** As many bound make the unit placed. */
  readonly least: number;
}

const NOBODY: Members = { bound: 0, pending: [], least: 1 };

/** Pods by unit: each is a member of its gang, and a unit of its own. */
function membersOf({ pods, podGroups }: CapacitySnapshot): ReadonlyMap<string, Members> {
  const least = new Map(podGroups.map(({ key, minMember }) => [key, minMember] as const));
  const members = new Map<string, Members>();
  for (const pod of pods) {
    if (pod.ended || pod.deleting) continue;
    const alone = `${pod.key}#pod`;
    for (const key of pod.gang === undefined ? [alone] : [alone, pod.gang]) {
      if (!members.has(key)) members.set(key, { bound: 0, pending: [], least: least.get(key) ?? 1 });
      const unit = members.get(key)!;
      if (pod.nodeName === undefined) unit.pending.push(alone);
      else unit.bound += 1;
    }
  }
  return members;
}
