import type { Rule } from './rule';
import { bucketsOf, poolsOf } from './parsed';

/** The minimums of the buckets can be met all at once. Pools without a maximum (whole blocks) are read from EC2 later and count as enough. */
export const minimumsFit: Rule = {
  name: 'minimums-fit',
  severity: 'error',
  states: 'the minimums of all buckets can be met at once by the pools',
  check: (assembly) => {
    const pools = poolsOf(assembly);
    const buckets = bucketsOf(assembly).filter(({ spec }) => spec.nodes.min > 0);
    // Hall's condition: for each set of instance types, the buckets that can use only these need no more than the pools have of them.
    const tooSmall = unionsOf(buckets.map(({ spec }) => spec.instanceTypes)).flatMap((types) => {
      const inside = buckets.filter(({ spec }) => spec.instanceTypes.every((type) => types.has(type)));
      const needed = inside.reduce((sum, { spec }) => sum + spec.nodes.min, 0);
      const held = pools.filter(({ spec }) => types.has(spec.instanceType));
      if (held.some(({ spec }) => spec.nodes.max === undefined)) return [];
      const available = held.reduce((sum, { spec }) => sum + (spec.nodes.max ?? 0), 0);
      return needed <= available ? [] : [{ inside, types, needed, available }];
    });
    const unique = new Map(tooSmall.map((finding) => [finding.inside.map(({ name }) => name).join(), finding]));
    return [...unique.values()].map(({ inside, types, needed, available }) => ({
      object: inside
        .map(({ name }) => `CapacityBucket/${name}`)
        .sort()
        .join(', '),
      message: `minimums add up to ${needed} nodes of ${[...types].join(', ')}, and the pools have at most ${available}: lower nodes.min or add capacity`,
    }));
  },
};

/** Every union of some of the lists, smallest first: enough for Hall's condition, and few, because instance types are few. */
function unionsOf(lists: readonly (readonly string[])[]): Set<string>[] {
  const unions = new Map<string, Set<string>>();
  for (const list of lists) {
    for (const union of [new Set<string>(), ...unions.values()]) {
      const larger = new Set([...union, ...list]);
      unions.set([...larger].sort().join(), larger);
    }
  }
  return [...unions.values()].sort((a, b) => a.size - b.size);
}
