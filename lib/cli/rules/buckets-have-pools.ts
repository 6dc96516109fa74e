import type { Rule } from './rule';
import { bucketsOf, poolsOf } from './parsed';

/** Every bucket has at least one pool of a type it can use. */
export const bucketsHavePools: Rule = {
  name: 'buckets-have-pools',
  severity: 'error',
  states: 'every bucket has at least one pool of a type it can use',
  check: (assembly) => {
    const types = new Set(poolsOf(assembly).map(({ spec }) => spec.instanceType));
    return bucketsOf(assembly)
      .filter(({ spec }) => !spec.instanceTypes.some((type) => types.has(type)))
      .map(({ name, spec }) => ({
        object: `CapacityBucket/${name}`,
        message: `wants ${spec.instanceTypes.join(', ')}, and the pools have ${[...types].sort().join(', ') || 'nothing'}: add a pool of one of its types`,
      }));
  },
};
