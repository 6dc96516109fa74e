/** The pools and buckets of an assembly, parsed; invalid ones are left to the rule `objects-are-valid`. */
import { CapacityBucket, CapacityPool, type CapacityBucketSpec, type CapacityPoolSpec } from '../../api';
import type { AssemblyManifests } from '../assembly';

/** A parsed object with its name. */
export interface Named<S> {
  readonly name: string;
  readonly spec: S;
}

/** Every valid CapacityPool. */
export function poolsOf(assembly: AssemblyManifests): Named<CapacityPoolSpec>[] {
  return assembly.objects.flatMap(({ object }) => {
    if (object.kind !== CapacityPool.kind) return [];
    const parsed = CapacityPool.parse(object);
    return 'spec' in parsed ? [{ name: object.metadata.name, spec: parsed.spec }] : [];
  });
}

/** Every valid CapacityBucket. */
export function bucketsOf(assembly: AssemblyManifests): Named<CapacityBucketSpec>[] {
  return assembly.objects.flatMap(({ object }) => {
    if (object.kind !== CapacityBucket.kind) return [];
    const parsed = CapacityBucket.parse(object);
    return 'spec' in parsed ? [{ name: object.metadata.name, spec: parsed.spec }] : [];
  });
}
