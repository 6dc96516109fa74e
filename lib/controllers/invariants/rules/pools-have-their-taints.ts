import type { Taint } from '../../../domain/kube';
import { PROBATION_TAINT, UNASSIGNED_TAINT } from '../../../domain/node-keys';
import { CAPACITY_POOLS, NODE_POOLS } from '../../../domain/resources';
import { hasTaint } from '../../../domain/taints';
import { refOf, type Rule } from '../rule';

/** Nodes are born closed: in no bucket, and, where they are to be proved, on probation. */
export const poolsHaveTheirTaints: Rule = {
  id: 'pools-have-their-taints',
  protects: 'no pod slips onto a new node before it is proved and has a bucket',
  sees: 'taints and startup taints in the template of the NodePool of each CapacityPool',
  severity: 'Critical',
  owner: 'pools',
  source: 'own',
  atSynth: false,
  check: (state) =>
    state.objects(CAPACITY_POOLS).flatMap((pool) => {
      const nodePool = state.get(NODE_POOLS, pool.metadata.name);
      // Who is being made or removed is pools' business.
      if (!nodePool || pool.metadata.deletionTimestamp !== undefined) return [];
      const template = nodePool.spec?.template?.spec ?? {};
      const proves = (pool.spec?.validation ?? 'None') !== 'None';
      const missing = [
        ...lacks(template.taints, UNASSIGNED_TAINT, 'taint'),
        ...(proves ? lacks(template.startupTaints, PROBATION_TAINT, 'startup taint') : []),
      ];
      if (missing.length === 0) return [];
      const message = `its template lacks the ${missing.join(' and the ')}: new nodes take any pod; pools applies it again`;
      return [{ object: refOf(NODE_POOLS, nodePool), message, fields: ['taints', 'startupTaints'] }];
    }),
};

function lacks(taints: readonly Taint[] | undefined, key: string, word: string): string[] {
  return hasTaint(taints, key) ? [] : [`${word} ${key}`];
}
