import type { BucketPriority } from '../api';

/** Priority of a bucket: who is served first, and who may take nodes from whom. Only strictly lower buckets give. */
export class Priority {
  /** Served first; takes idle nodes from Normal and Low. */
  static readonly HIGH = new Priority('High');
  /** The middle. */
  static readonly NORMAL = new Priority('Normal');
  /** Served last; gives to everyone. */
  static readonly LOW = new Priority('Low');

  private constructor(
    /** The value in the CapacityBucket. */
    readonly value: BucketPriority,
  ) {}
}
