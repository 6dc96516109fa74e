import { NODES } from '../../../domain/resources';
import { refOf, type Rule } from '../rule';

/** A bucket counts whole accelerators: slices of one are nobody's demand, and NCCL cannot use them together. */
export const migOff: Rule = {
  id: 'mig-off',
  protects: 'accelerators are whole: capacity counts whole ones, and collectives do not work across slices',
  sees: 'allocatable nvidia.com/mig-… of fleet nodes',
  severity: 'Warning',
  owner: 'person',
  source: 'https://docs.nvidia.com/datacenter/tesla/mig-user-guide',
  atSynth: false,
  check: ({ fleet }) =>
    fleet.flatMap(({ facts, object }) => {
      const slices = Object.keys(facts.allocatable).filter((resource) => resource.startsWith('nvidia.com/mig-'));
      if (slices.length === 0) return [];
      return [
        {
          object: refOf(NODES, object),
          message: `it offers ${slices.sort().join(', ')}: switch MIG off on nodes of a bucket`,
        },
      ];
    }),
};
