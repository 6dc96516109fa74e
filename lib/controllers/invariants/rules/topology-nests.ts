import { FOREIGN_KEYS } from '../../../domain/node-keys';
import { NODES } from '../../../domain/resources';
import { refOf, type Rule, type Violation } from '../rule';
import type { FleetNode } from '../state';

/** Every switch has one parent. Volcano's discovery makes a tree of the labels, and a node in two places breaks it. */
export const topologyNests: Rule = {
  id: 'topology-nests',
  protects:
    "Volcano's tree of the network is one: a leaf below two switches makes gangs of hard topology wait or spread",
  sees: 'each value of layer 3 with one value of layer 2, each of layer 2 with one of layer 1, over all fleet nodes',
  severity: 'Warning',
  owner: 'person',
  source: 'https://docs.aws.amazon.com/eks/latest/userguide/node-topology.html',
  atSynth: false,
  check: ({ fleet }) => [...outside(fleet, 3, 2), ...outside(fleet, 2, 1)],
};

function outside(fleet: readonly FleetNode[], layer: 2 | 3, above: 1 | 2): readonly Violation[] {
  const parents = new Map<string, Map<string, number>>();
  const placeOf = ({ object }: FleetNode) => {
    const labels = object.metadata.labels ?? {};
    return { place: labels[FOREIGN_KEYS.networkLayer(layer)], parent: labels[FOREIGN_KEYS.networkLayer(above)] };
  };
  for (const node of fleet) {
    const { place, parent } = placeOf(node);
    if (!place || !parent) continue;
    const seen = parents.get(place) ?? new Map<string, number>();
    parents.set(place, seen.set(parent, (seen.get(parent) ?? 0) + 1));
  }
  return fleet.flatMap((node) => {
    const { place, parent } = placeOf(node);
    const usual = usualParent(parents.get(place ?? ''));
    if (!place || !parent || usual === undefined || usual === parent) return [];
    const message = `layer ${layer} ${place} is below ${usual} elsewhere and below ${parent} here: compare with aws ec2 describe-instance-topology`;
    const fields = [FOREIGN_KEYS.networkLayer(layer), FOREIGN_KEYS.networkLayer(above)];
    return [{ object: refOf(NODES, node.object), message, fields }];
  });
}

/** What most nodes say; of equals the first by name. */
function usualParent(seen: ReadonlyMap<string, number> | undefined): string | undefined {
  const [first] = [...(seen ?? [])].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return first?.[0];
}
