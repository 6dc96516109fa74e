import { findInstanceType } from '../../../catalog';
import { PROBATION_TAINT } from '../../../domain/node-keys';
import { CAPACITY_POOLS, NODES } from '../../../domain/resources';
import { hasTaint } from '../../../domain/taints';
import { EFA_RESOURCE } from '../../../domain/training';
import { refOf, type Rule, type Violation } from '../rule';
import type { FleetNode } from '../state';

/** Late enumeration on p5en takes seconds, the plugin's start minutes. */
const GRACE_MS = 10 * 60_000;

/** A node offers every EFA interface its type has; when all nodes of a pool differ alike, it is the pool and no node. */
export const efaAdvertised: Rule = {
  id: 'efa-advertised',
  protects: 'collectives use the whole network: a node with fewer interfaces slows its whole gang',
  sees: 'allocatable of vpc.amazonaws.com/efa of Ready fleet nodes, against the catalog',
  severity: 'Warning',
  owner: 'node-health',
  source: 'https://github.com/awslabs/awsome-distributed-training (EFA device count check)',
  atSynth: false,
  check: (state) => {
    const pools = new Map<string, FleetNode[]>();
    for (const node of state.fleet) {
      const { facts } = node;
      const settled =
        facts.ready && state.nowMs > facts.createdAtMs + GRACE_MS && !hasTaint(facts.taints, PROBATION_TAINT);
      if (settled && findInstanceType(facts.instanceType)?.efa.count)
        pools.set(facts.pool!, [...(pools.get(facts.pool!) ?? []), node]);
    }
    return [...pools].flatMap(([pool, nodes]) => ofPool(pool, nodes));
  },
};

function ofPool(pool: string, nodes: readonly FleetNode[]): readonly Violation[] {
  const has = ({ facts }: FleetNode) => facts.allocatable[EFA_RESOURCE] ?? 0;
  const wanted = findInstanceType(nodes[0]!.facts.instanceType)!.efa.count;
  const short = nodes.filter((node) => has(node) !== wanted);
  if (short.length === 0) return [];
  if (short.length === nodes.length && nodes.length > 1) {
    const object = refOf(CAPACITY_POOLS, { metadata: { name: pool } });
    const message = `all ${nodes.length} nodes have ${has(nodes[0]!)} of ${wanted} ${EFA_RESOURCE}: look at the NodeClass and the EFA device plugin, not at the nodes`;
    return [{ object, message }];
  }
  return short.map((node) => ({
    object: refOf(NODES, node.object),
    message: `${has(node)} of ${wanted} ${EFA_RESOURCE} are allocatable on a ${node.facts.instanceType}: have it proved with a NodeValidation`,
  }));
}
