import { CapacityBucket, CapacityPool, unmetMinimums } from '../../../api';
import { CAPACITY_BUCKETS, CAPACITY_POOLS } from '../../../domain/resources';
import { refOf, type Rule } from '../rule';

/** The pools as they are now: a block may have ended, a reservation be smaller than it was. */
export const minimumsCanBeMet: Rule = {
  id: 'minimums-can-be-met',
  protects: 'every bucket can have its minimum: together they do not ask for more nodes than there can be',
  sees: 'nodes.min of CapacityBuckets against status.limit of the CapacityPools of their types',
  severity: 'Warning',
  owner: 'person',
  source: 'own',
  atSynth: false,
  check: (state) => {
    const pools = state.objects(CAPACITY_POOLS).flatMap((object) => {
      const parsed = CapacityPool.parse(object);
      return 'spec' in parsed
        ? [{ type: parsed.spec.instanceType, limit: object.status?.limit as number | undefined }]
        : [];
    });
    const buckets = state.objects(CAPACITY_BUCKETS).flatMap((object) => {
      const parsed = CapacityBucket.parse(object);
      if (!('spec' in parsed)) return [];
      const { instanceTypes, nodes } = parsed.spec;
      return [{ name: object.metadata.name, instanceTypes, min: nodes.min }];
    });
    const available = (types: readonly string[]) => {
      const held = pools.filter(({ type }) => types.includes(type));
      if (held.some(({ limit }) => limit === undefined)) return undefined;
      return held.reduce((sum, { limit }) => sum + limit!, 0);
    };
    return unmetMinimums(buckets, available).map((unmet) => ({
      object: refOf(CAPACITY_BUCKETS, { metadata: { name: unmet.buckets[0]!.name } }),
      message: `the minimums of ${unmet.buckets.map(({ name }) => name).join(', ')} add up to ${unmet.needed} nodes of ${unmet.instanceTypes.join(', ')}, and there can be ${unmet.available} now: lower nodes.min or add capacity`,
    }));
  },
};
