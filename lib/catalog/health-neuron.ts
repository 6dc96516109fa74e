/** What a healthy Trainium node reads. No source publishes bandwidths: those are judged against the fleet. */
import type { HealthThreshold } from './health-threshold';
import type { InstanceType } from './instance-type';

/** Expectations of a Neuron type. */
export function neuronThresholds({ accelerators: { count, neuronCores } }: InstanceType): HealthThreshold[] {
  const inventory = {
    part: 'neuron.inventory',
    level: 'Quick',
    requiredIn: ['OneNode'],
    breach: 'Fail',
    remedy: 'Reboot',
    source: 'ec2',
  } as const;
  const rows: HealthThreshold[] = [
    {
      ...inventory,
      measurement: 'neuron.count',
      meaning: 'Neuron devices that answer',
      unit: 'devices',
      min: count,
      max: count,
    },
    {
      ...inventory,
      requiredIn: [],
      measurement: 'neuron.memory.gib',
      meaning: 'memory of the smallest device',
      unit: 'GiB',
      belowMedianPercent: 3,
      remedy: 'Replace',
      source: 'median',
    },
    {
      ...inventory,
      requiredIn: [],
      measurement: 'neuron.links.count',
      meaning: 'NeuronLink neighbours of the worst device',
      unit: 'links',
      belowMedianPercent: 1,
      source: 'median',
    },
    ...['memory', 'sram'].map(errors),
    {
      measurement: 'neuron.allreduce.busbw.gb_s',
      part: 'neuron.nccom',
      meaning: 'all-reduce over all cores of the node',
      unit: 'GB/s',
      level: 'Standard',
      requiredIn: [],
      belowMedianPercent: 10,
      breach: 'Fail',
      remedy: 'Replace',
      source: 'median',
    },
  ];
  if (neuronCores !== null) {
    rows.push({
      ...inventory,
      measurement: 'neuron.cores.count',
      meaning: 'NeuronCores',
      unit: 'cores',
      min: neuronCores,
      max: neuronCores,
    });
  }
  return rows;
}

function errors(memory: string): HealthThreshold {
  return {
    measurement: `neuron.ecc.${memory}.uncorrected.count`,
    part: 'neuron.monitor',
    meaning: `uncorrected ${memory} errors since the driver was loaded`,
    unit: 'errors',
    level: 'Quick',
    requiredIn: ['OneNode'],
    max: 0,
    breach: 'Fail',
    remedy: 'Replace',
    source: 'eksAgent',
    note: 'EKS replaces a node for one: NeuronHBMUncorrectableError, NeuronSRAMUncorrectableError.',
  };
}
