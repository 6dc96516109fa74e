import { unmetMinimums } from '../../api';
import { bucketsOf, poolsOf } from './parsed';
import type { Rule } from './rule';

/** The minimums of the buckets can be met all at once. Pools without a maximum (whole blocks) are read from EC2 later and count as enough. */
export const minimumsFit: Rule = {
  name: 'minimums-fit',
  severity: 'error',
  states: 'the minimums of all buckets can be met at once by the pools',
  check: (assembly) => {
    const pools = poolsOf(assembly);
    const buckets = bucketsOf(assembly).map(({ name, spec: { instanceTypes, nodes } }) => ({
      name,
      instanceTypes,
      min: nodes.min,
    }));
    const available = (types: readonly string[]) => {
      const held = pools.filter(({ spec }) => types.includes(spec.instanceType));
      if (held.some(({ spec }) => spec.nodes.max === undefined)) return undefined;
      return held.reduce((sum, { spec }) => sum + spec.nodes.max!, 0);
    };
    return unmetMinimums(buckets, available).map((unmet) => ({
      object: unmet.buckets.map(({ name }) => `CapacityBucket/${name}`).join(', '),
      message: `minimums add up to ${unmet.needed} nodes of ${unmet.instanceTypes.join(', ')}, and the pools have at most ${unmet.available}: lower nodes.min or add capacity`,
    }));
  },
};
