/** Buckets that the planned pools cannot serve. */
import { unmetMinimums } from '../api';
import { nearest } from '../domain/nearest';
import { type ClusterPlan, type Conflict, type PlannedBucket, type PlannedPool, known } from './cluster-plan';

/** Every conflict between buckets and pools. */
export function bucketConflicts(plan: ClusterPlan): Conflict[] {
  return [
    ...plan.buckets.flatMap((bucket) => typesWithoutPool(bucket, plan.pools)),
    ...plan.buckets.flatMap((bucket) => boundsBeyondPools(bucket, plan.pools)),
    ...minimumsBeyondPools(plan),
  ];
}

/**
 * Types of a bucket that no pool has: an error when it leaves the bucket without any node, else a warning, because a
 * capacity of that type may come later.
 */
export function typesWithoutPool(bucket: PlannedBucket, pools: readonly PlannedPool[]): Conflict[] {
  const offered = [...new Set(pools.map(({ instanceType }) => instanceType))].sort();
  const missing = bucket.instanceTypes.filter((type) => !offered.includes(type));
  const nearby = offered.length > 0 ? ` (there is ${nearest(missing[0] ?? '', offered).join(', ')})` : '';
  if (missing.length === bucket.instanceTypes.length) {
    return [
      {
        severity: 'error',
        rule: 'bucket-without-pool',
        message:
          `Bucket '${bucket.name}' can use ${missing.join(', ')} alone, but no capacity has any of these types${nearby}: add a ` +
          `capacity of ${missing[0]}, or change instanceTypes.`,
      },
    ];
  }
  return missing.map((type) => ({
    severity: 'warning',
    rule: 'bucket-type-without-pool',
    message: `Bucket '${bucket.name}' lists ${type}, but no capacity has it${nearby}: it is of no use until one does.`,
  }));
}

/** A minimum that can never be met is an error; a maximum beyond all nodes is a number that means nothing: a warning. */
export function boundsBeyondPools(bucket: PlannedBucket, pools: readonly PlannedPool[]): Conflict[] {
  const possible = possibleNodes(pools.filter(({ instanceType }) => bucket.instanceTypes.includes(instanceType)));
  if (possible === undefined) return [];
  const types = bucket.instanceTypes.join(', ');
  const min = known(bucket.minNodes) ?? 0;
  const max = known(bucket.maxNodes);
  if (min > possible) {
    return [
      {
        severity: 'error',
        rule: 'bucket-minimum-beyond-pools',
        message:
          `Bucket '${bucket.name}' asks for at least ${min} nodes of ${types}, but all capacity of these types is ${possible} ` +
          `nodes: lower nodes.min, add capacity, or allow more instanceTypes.`,
      },
    ];
  }
  if (max === undefined || max <= possible) return [];
  return [
    {
      severity: 'warning',
      rule: 'bucket-maximum-beyond-pools',
      message:
        `Bucket '${bucket.name}' may grow to ${max} nodes, but all capacity of ${types} is ${possible} nodes: it can never ` +
        `have more. Set nodes.max to ${possible}, or add capacity.`,
    },
  ];
}

/** Minimums that each fit but not together. */
function minimumsBeyondPools({ buckets, pools }: ClusterPlan): Conflict[] {
  const asking = buckets.map(({ name, instanceTypes, minNodes }) => ({
    name,
    instanceTypes,
    min: known(minNodes) ?? 0,
  }));
  const available = (types: readonly string[]) =>
    possibleNodes(pools.filter(({ instanceType }) => types.includes(instanceType)));
  return (
    unmetMinimums(asking, available)
      // One minimum beyond everything is told by its own bucket.
      .filter((unmet) => unmet.buckets.length > 1 && unmet.buckets.every(({ min }) => min <= unmet.available))
      .map(({ buckets: each, instanceTypes, needed, available: have }) => ({
        severity: 'error',
        rule: 'minimums-beyond-pools',
        message:
          `The minimums of the buckets (${each.map(({ name, min }) => `${name} ${min}`).join(', ')}) are ${needed} nodes together, ` +
          `but all capacity of ${instanceTypes.join(', ')} is ${have} nodes: lower a nodes.min or add capacity.`,
      }))
  );
}

/** Most nodes the pools can have together: EC2 sells blocks of 64 at most. Undefined when one of them has no known bound. */
function possibleNodes(pools: readonly PlannedPool[]): number | undefined {
  let total = 0;
  for (const pool of pools) {
    const bound = known(pool.maxNodes) ?? known(pool.reservedInstances) ?? (pool.source === 'Block' ? 64 : undefined);
    if (bound === undefined) return undefined;
    total += bound;
  }
  return pools.length > 0 ? total : undefined;
}
