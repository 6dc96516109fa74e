import { FOREIGN_KEYS } from '../../../domain/node-keys';
import { NODES } from '../../../domain/resources';
import { refOf, type Rule } from '../rule';
import { instanceIdOf } from '../../../domain/instance-id';

const LAYERS = [1, 2, 3] as const;

/** A label that says another switch than EC2 does is worse than none. It is not ours to change. */
export const topologyAgreesWithEc2: Rule = {
  id: 'topology-agrees-with-ec2',
  protects: 'gangs are packed by where instances are, and not by where a label says',
  sees: 'topology.k8s.aws/network-node-layer labels against DescribeInstanceTopology',
  severity: 'Warning',
  owner: 'person',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-topology-works.html',
  atSynth: false,
  check: ({ fleet, cloud }) =>
    fleet.flatMap(({ facts, object }) => {
      const layers = cloud.places?.get(instanceIdOf(facts.providerID) ?? '')?.networkNodes ?? [];
      const labels = object.metadata.labels ?? {};
      const wrong = LAYERS.filter((layer) => {
        const [label, place] = [labels[FOREIGN_KEYS.networkLayer(layer)], layers[layer - 1]];
        return label && place && label !== place;
      });
      if (wrong.length === 0) return [];
      const said = wrong.map((n) => `layer ${n} is ${labels[FOREIGN_KEYS.networkLayer(n)]}, EC2 says ${layers[n - 1]}`);
      const fields = wrong.map((layer) => FOREIGN_KEYS.networkLayer(layer));
      return [
        { object: refOf(NODES, object), message: `${said.join('; ')}: remove the label, EKS writes it again`, fields },
      ];
    }),
};
