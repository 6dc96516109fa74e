import { allocatableCpuMillis, allocatableMemoryMib, estimateAllocatable } from './allocatable';
import { INSTANCE_TYPES, requireInstanceType } from './instance-types';

describe('what pods may use of a node', () => {
  const listed = INSTANCE_TYPES.filter((type) => type.allocatable !== null);

  it('is known from the reference for the P types up to B200', () => {
    expect(listed.map((type) => type.name)).toEqual([
      'p4de.24xlarge',
      'p5.48xlarge',
      'p5.4xlarge',
      'p5e.48xlarge',
      'p5en.48xlarge',
      'p6-b200.48xlarge',
    ]);
  });

  it.each(listed)('the estimate for $name is the number of the reference', (type) => {
    const { cpuMillis, memoryMib, pods } = type.allocatable!;
    expect([allocatableCpuMillis(type), allocatableMemoryMib(type, pods)]).toEqual([cpuMillis, memoryMib]);
  });

  it('takes from Arm instances what Linux keeps for contiguous memory: the number of the reference for m8gd.metal-48xl', () => {
    const m8gd = { ...requireInstanceType('p5.48xlarge'), architecture: 'arm64' as const, memoryGib: 768 };
    expect(allocatableMemoryMib(m8gd, 737)).toBe(718928);
  });

  it('has the shape of a Node, with accelerators and EFA', () => {
    expect(estimateAllocatable(requireInstanceType('p5.48xlarge'), 32)).toEqual({
      cpu: '191450m',
      memory: '1939158Mi',
      pods: '32',
      'nvidia.com/gpu': '8',
      'vpc.amazonaws.com/efa': '32',
    });
  });

  it('knows Neuron devices, and no EFA where there is none', () => {
    const type = { ...requireInstanceType('trn2.48xlarge'), efa: { count: 0, onCard0: false, cards: [] } };
    expect(Object.keys(estimateAllocatable(type, 32))).toEqual(['cpu', 'memory', 'pods', 'aws.amazon.com/neuron']);
  });
});
