/**
 * What would get a bucket its nodes, most direct first. PURE. Each line is something a person can do, or a time to wait for; it says
 * nothing of a bucket that lacks nothing.
 */
import type { Unit } from '../../controllers/capacity/demand';
import type { BucketState, PoolState } from '../../controllers/capacity/fleet-state';
import { findCondition } from '../../domain/conditions';
import { HOLD_ANNOTATION } from '../../domain/node-keys';
import type { NodePhase } from '../../fleet';
import type { Fleet } from './fleet';
import { counted, until } from './words';

/** What would help. */
export function helpFor(fleet: Fleet, bucket: BucketState, waiting: readonly Unit[]): readonly string[] {
  if (bucket.facts.deleting) return ['the bucket is being deleted: it gets no nodes any more'];
  if (!bucket.spec) return [`mend the spec: kubectl edit cbkt ${bucket.name}`];
  const lacking = bucket.active.length < bucket.spec.nodes.min;
  const lost = waiting.flatMap(({ outOfReach }) => outOfReach ?? []);
  if (waiting.length === lost.length && !lacking) return lost;
  const own = [...arriving(bucket), ...unusable(bucket), ...bounds(bucket), ...impossible(bucket)];
  return [...lost, ...own, ...fromPools(fleet, bucket), ...fromOthers(fleet, bucket)];
}

function arriving({ arriving, batches }: BucketState): readonly string[] {
  if (arriving.length === 0) return [];
  return [
    `wait: ${counted(arriving.length, 'node')} on the way (kubectl describe nmv ${[...batches.keys()].join(' ')})`,
  ];
}

/** What takes a node of the bucket out of use, and how it comes back. */
const REMEDIES: Partial<Record<NodePhase, string>> = {
  Held: `take off the annotation: kubectl annotate node NODE ${HOLD_ANNOTATION}-`,
  Cordoned: 'kubectl uncordon NODE, unless a zonal shift is under way',
  Orphan: 'undo the edit of its labels and taints, see aicluster explain node NODE',
  Squatted: 'end the pod of another bucket that is on it, see aicluster explain node NODE',
  Joining: 'wait until it is Ready',
  Leaving: 'its instance or block ends; it does not come back',
};

function unusable({ owned }: BucketState): readonly string[] {
  return owned.flatMap(({ facts, phase }) => {
    const remedy = REMEDIES[phase];
    return remedy ? [`${facts.name} is ${phase}: ${remedy.replaceAll('NODE', facts.name)}`] : [];
  });
}

function bounds({ name, spec, facts, active, arriving }: BucketState): readonly string[] {
  const { max } = spec!.nodes;
  const demand = facts.status.demand ?? 0;
  if (demand <= max && active.length + arriving.length < max) return [];
  const wanted = Math.max(demand, max + 1);
  return [`raise spec.nodes.max of CapacityBucket ${name} from ${max} to ${wanted}: it needs ${demand}`];
}

function impossible({ name, spec, facts }: BucketState): readonly string[] {
  const demandMet = findCondition(facts.status.conditions, 'DemandMet');
  if (demandMet?.reason !== 'Impossible') return [];
  return [
    `some of it can never be served as it is: make the gang smaller, or let CapacityBucket ${name} use more than ${spec!.instanceTypes.join(', ')}`,
  ];
}

function fromPools({ state, nowMs }: Fleet, bucket: BucketState): readonly string[] {
  const { spec, active, arriving, facts } = bucket;
  const lacking = Math.max(facts.status.demand ?? 0, spec!.nodes.min) - active.length - arriving.length;
  return spec!.instanceTypes.flatMap((type) => {
    const pools = [...state.pools.values()].filter(({ instanceType }) => instanceType === type);
    if (pools.length === 0) return [`add a CapacityPool of ${type}: there is none`];
    return pools.flatMap((pool) => waitFor(pool, nowMs) ?? enlarge(pool, lacking));
  });
}

/** What comes by itself. */
function waitFor({ name, backOffUntilMs, startsAtMs }: PoolState, nowMs: number): string | undefined {
  if (startsAtMs !== undefined) return `wait until ${until(startsAtMs, nowMs)}: the block of pool ${name} starts`;
  if (backOffUntilMs === undefined) return undefined;
  return `wait until ${until(backOffUntilMs, nowMs)}: EC2 had none for pool ${name} and is asked again`;
}

/** When a block that ends, or has ended, does. */
function endOf({ conditions, window }: PoolState['facts']['status']): string | undefined {
  const supplied = findCondition(conditions, 'Supplied')?.reason ?? '';
  return ['BlockEnding', 'BlockEnded'].includes(supplied) ? (window?.end ?? 'now') : undefined;
}

function enlarge({ name, facts, nodes, onDemand }: PoolState, lacking: number): readonly string[] {
  const { limit = facts.spec?.nodes.max } = facts.status;
  const end = endOf(facts.status);
  if (end) return [`extend the block of pool ${name} (it ends ${end}), or add a CapacityPool of another reservation`];
  const room = limit === undefined ? Infinity : limit - nodes.length;
  if (room >= lacking) return [];
  const has = room > 0 ? `it can grow by ${room}, and ${lacking} are lacking` : `all ${limit} nodes of it exist`;
  if (onDemand) return [`raise spec.nodes.max of CapacityPool ${name}: ${has}`];
  return [`add capacity to CapacityPool ${name}: ${has}, and its reservation holds no more`];
}

function fromOthers({ state, nowMs }: Fleet, taker: BucketState): readonly string[] {
  const types = new Set(taker.spec!.instanceTypes);
  return state.buckets.flatMap((giver) => {
    const usable = giver.active.filter(({ facts }) => types.has(facts.instanceType));
    if (giver === taker || !giver.spec || usable.length === 0) return [];
    return fromBucket(giver, taker, { usable, nowMs });
  });
}

interface Usable {
  readonly usable: BucketState['active'];
  readonly nowMs: number;
}

function fromBucket(giver: BucketState, taker: BucketState, { usable, nowMs }: Usable): readonly string[] {
  const { name, spec, budget, minHoldMs } = giver;
  const has = `${name} has ${counted(usable.length, 'node')} of such a type`;
  if (giver.active.length <= spec!.nodes.min) {
    return [`${has}, and keeps its minimum of ${spec!.nodes.min}: lower spec.nodes.min of CapacityBucket ${name}`];
  }
  if (giver.rank >= taker.rank) {
    return [`${has}, and its priority ${spec!.priority} is not lower: it gives only what it does not need`];
  }
  if (budget.left <= 0) return [`${has}, and ${brakeOf(giver, nowMs)}`];
  const heldUntil = usable.map(({ facts }) => (facts.assignedAtMs ?? 0) + minHoldMs).filter((atMs) => atMs > nowMs);
  if (heldUntil.length < usable.length) return [];
  return [`wait until ${until(Math.min(...heldUntil), nowMs)}: ${has}, held for moves.minHold ${spec!.moves.minHold}`];
}

function brakeOf({ name, spec, budget }: BucketState, nowMs: number): string {
  if (budget.bound === 'inFlight') return `moves.inFlight ${spec!.moves.inFlight} of ${name} are moving: wait for them`;
  const when = budget.nextAtMs === undefined ? '' : `: wait until ${until(budget.nextAtMs, nowMs)}`;
  return `moves.perHour ${spec!.moves.perHour} of ${name} is used up${when}`;
}
