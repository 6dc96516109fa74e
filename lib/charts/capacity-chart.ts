/** Our custom resources: where nodes come from, and which work may own them. */
import type { Construct } from 'constructs';
import { CapacityBucket, CapacityPool } from '../api';
import { RELEASE_ANNOTATION } from './admission/guard-buckets';
import { PlainChart } from './plain-chart';

/** One CapacityPool of a chart. */
export interface PoolEntry {
  /** Name of the pool; its NodePool and NodeClass usually carry the same. */
  readonly name: string;
  /** What the pool is, as in `kubectl explain capacitypool.spec`. */
  readonly spec: Parameters<typeof CapacityPool.make>[1];
}

/** One CapacityBucket of a chart. */
export interface BucketEntry {
  /** Name of the bucket: also the value of its node label, its taint and its Volcano queue. */
  readonly name: string;
  /** What the bucket is, as in `kubectl explain capacitybucket.spec`. */
  readonly spec: Parameters<typeof CapacityBucket.make>[1];
  /**
   * Whether the bucket may be deleted while it owns nodes. They go back to the unassigned ones, and what runs there is evicted.
   * @default false - the API server refuses the deletion with a sentence
   */
  readonly releaseOnRemoval?: boolean;
}

/** Props of `CapacityChart`. */
export interface CapacityChartProps {
  /** Where nodes come from. */
  readonly pools: readonly PoolEntry[];
  /** Which work may own them. */
  readonly buckets: readonly BucketEntry[];
}

/** CapacityPools and CapacityBuckets, validated here with the rules of the API server; throws `InvalidObject`. */
export class CapacityChart extends PlainChart {
  constructor(scope: Construct, id: string, props: CapacityChartProps) {
    super(scope, id, [
      ...props.pools.map(({ name, spec }) => CapacityPool.make(name, spec)),
      ...props.buckets.map(({ name, spec, releaseOnRemoval }) =>
        CapacityBucket.make(name, spec, releaseOnRemoval ? { annotations: { [RELEASE_ANNOTATION]: 'true' } } : {}),
      ),
    ]);
  }
}
