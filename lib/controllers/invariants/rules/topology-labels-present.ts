import { FOREIGN_KEYS } from '../../../domain/node-keys';
import { NODES } from '../../../domain/resources';
import { hasEfa } from '../cloud-questions';
import { refOf, type Repair, type Rule } from '../rule';
import { instanceIdOf } from '../../../domain/instance-id';
import type { FleetNode, InvariantState } from '../state';

/** The cloud controller labels a node minutes after it has joined. */
const GRACE_MS = 10 * 60_000;
const LAYERS = [1, 2, 3] as const;

/** Volcano packs gangs by these labels; where EKS did not write them, and EC2 knows the place, they are filled in. */
export const topologyLabelsPresent: Rule = {
  id: 'topology-labels-present',
  protects: 'gangs are packed under as few switches as there are: a node without a place is last in every order',
  sees: 'labels topology.k8s.aws/network-node-layer-1 to -3 of fleet nodes with EFA',
  severity: 'Warning',
  owner: 'invariants',
  source: 'https://docs.aws.amazon.com/eks/latest/userguide/node-topology.html',
  atSynth: false,
  check: (state) =>
    state.fleet
      .filter(({ facts }) => hasEfa(facts.instanceType) && state.nowMs > facts.createdAtMs + GRACE_MS)
      .flatMap((node) => {
        const labels = node.object.metadata.labels ?? {};
        const missing = LAYERS.filter((layer) => !labels[FOREIGN_KEYS.networkLayer(layer)]);
        if (missing.length === 0) return [];
        const repair = filled(node, missing, state);
        const message = `it lacks the network layers ${missing.join(', ')}: gangs are not packed around it${repair ? '' : ', and EC2 has not said where it is'}`;
        const fields = missing.map((layer) => FOREIGN_KEYS.networkLayer(layer));
        return [{ object: refOf(NODES, node.object), message, fields, ...(repair ? { repair } : {}) }];
      }),
};

/** Only what is missing: a label that is there is the cloud controller's. */
function filled(
  { facts, object }: FleetNode,
  missing: readonly (1 | 2 | 3)[],
  { cloud }: InvariantState,
): Repair | undefined {
  const layers = cloud.places?.get(instanceIdOf(facts.providerID) ?? '')?.networkNodes;
  if (layers?.length !== LAYERS.length) return undefined;
  const labels = Object.fromEntries(
    missing.map((layer) => [FOREIGN_KEYS.networkLayer(layer), layers[layer - 1]!] as const),
  );
  const { name, resourceVersion } = object.metadata;
  return { verb: 'Patch', resource: NODES, name: { name }, patch: { metadata: { resourceVersion, labels } } };
}
