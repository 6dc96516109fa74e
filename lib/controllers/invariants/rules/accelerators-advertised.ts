import { findInstanceType } from '../../../catalog';
import { PROBATION_TAINT } from '../../../domain/node-keys';
import { NODES } from '../../../domain/resources';
import { hasTaint } from '../../../domain/taints';
import { refOf, type Rule } from '../rule';

/** A device plugin starts with the node; minutes later what it does not advertise is missing. */
const GRACE_MS = 10 * 60_000;

/** A node offers every accelerator its type has; a GPU that fell off the bus is missed by nobody else. */
export const acceleratorsAdvertised: Rule = {
  id: 'accelerators-advertised',
  protects: 'a node has all its accelerators: one that is gone makes a gang of whole nodes wait for ever',
  sees: 'allocatable of nvidia.com/gpu or aws.amazon.com/neuron of Ready fleet nodes, against the catalog',
  severity: 'Critical',
  owner: 'node-health',
  source: 'https://github.com/aws/eks-node-monitoring-agent (NvidiaDeviceCountMismatch)',
  atSynth: false,
  check: ({ fleet, nowMs }) =>
    fleet.flatMap(({ facts, object }) => {
      const accelerators = findInstanceType(facts.instanceType)?.accelerators;
      const settled = facts.ready && nowMs > facts.createdAtMs + GRACE_MS && !hasTaint(facts.taints, PROBATION_TAINT);
      if (!accelerators || !settled) return [];
      const { resourceName, count } = accelerators;
      const has = facts.allocatable[resourceName] ?? 0;
      if (has === count) return [];
      const message = `${has} of ${count} ${resourceName} are allocatable on a ${facts.instanceType}: have it proved with a NodeValidation`;
      return [{ object: refOf(NODES, object), message }];
    }),
};
