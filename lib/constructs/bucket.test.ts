import { type BucketProps, toCapacityBucket } from './bucket';
import { Priority } from './priority';

describe('a bucket', () => {
  const bucket = { name: 'batch', nodes: { max: 2 }, instanceTypes: ['g6e.48xlarge'] };

  it("has the priority it is given; a word of JavaScript's is refused and would have been Normal", () => {
    expect(toCapacityBucket({ ...bucket, priority: Priority.HIGH })['spec'].priority).toBe('High');
    expect(() => toCapacityBucket({ ...bucket, priority: 'High' } as unknown as BucketProps)).toThrow(
      `CapacityBucket 'batch' is invalid:\n  priority: must be Priority.HIGH, Priority.NORMAL or Priority.LOW (got "High")`,
    );
  });
});
