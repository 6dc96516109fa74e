import { findCondition } from '../../../domain/conditions';
import { AGENT_CONDITIONS } from '../../../domain/node-keys';
import { NODES } from '../../../domain/resources';
import { refOf, type Rule } from '../rule';

/** What the node monitoring agent says is broken: fabric manager and NVLink among the accelerators, DNS and clock in the kernel and network. */
export const nodePartsWork: Rule = {
  id: 'node-parts-work',
  protects: 'accelerators, NVLink and its fabric manager, network, storage, kernel and runtime of a node work',
  sees: 'the conditions of the node monitoring agent of EKS',
  severity: 'Critical',
  owner: 'node-health',
  source: 'https://docs.aws.amazon.com/eks/latest/userguide/node-health-nma.html',
  atSynth: false,
  check: ({ fleet }) =>
    fleet.flatMap(({ object }) => {
      const broken = AGENT_CONDITIONS.filter(
        (type) => findCondition(object.status?.conditions, type)?.status === 'False',
      );
      if (broken.length === 0) return [];
      const words = broken.map((type) => {
        const { reason } = findCondition(object.status?.conditions, type)!;
        return reason ? `${type}=False (${reason})` : `${type}=False`;
      });
      return [{ object: refOf(NODES, object), message: `${words.join(', ')}: node-health takes it from work` }];
    }),
};
