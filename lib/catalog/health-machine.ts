/** What any healthy accelerator node reads of its network cards, disks and machine. */
import type { HealthThreshold } from './health-threshold';
import type { InstanceType } from './instance-type';

/** Expectations of EFA, the network, disks and the machine. */
export function machineThresholds(type: InstanceType): HealthThreshold[] {
  return [...(type.efa.count > 0 ? efa(type) : []), ...network(), ...disks(type), ...shared(), ...machine(type)];
}

function efa({ efa: { count } }: InstanceType): HealthThreshold[] {
  const common = { extra: 'efa', level: 'Quick', requiredIn: ['OneNode'], breach: 'Fail', remedy: 'Replace' } as const;
  const counter = (name: string, meaning: string): HealthThreshold => ({
    ...common,
    part: 'efa.counters',
    requiredIn: [],
    measurement: `efa.${name}.count`,
    meaning: `${meaning} while the check ran`,
    unit: 'events',
    max: 0,
    breach: 'Note',
    source: 'eksAgent',
    note: 'The EKS agent makes Events of these and never a condition.',
  });
  return [
    {
      ...common,
      part: 'efa.count',
      measurement: 'efa.count',
      meaning: 'EFA devices',
      unit: 'devices',
      min: count,
      max: count,
      source: 'ec2',
      note: 'A count that no node of the type has ever shown is taken for a fault of the check.',
    },
    {
      ...common,
      part: 'efa.pingpong',
      level: 'Standard',
      measurement: 'efa.pingpong.count',
      meaning: 'EFA devices that answered themselves',
      unit: 'devices',
      min: count,
      source: 'ec2',
    },
    {
      ...common,
      part: 'efa.pingpong',
      level: 'Standard',
      measurement: 'efa.pingpong.gbit_s',
      meaning: 'loopback of the slowest EFA device',
      unit: 'Gbit/s',
      min: 20,
      belowMedianPercent: 20,
      source: 'awsSample',
    },
    counter('rx_drops', 'dropped packets'),
    counter('rdma_errors', 'failed RDMA reads and writes'),
    counter('retransmit_timeouts', 'retransmissions that ran out of time'),
    counter('unresponsive', 'remote ends that did not answer'),
    counter('impaired', 'impaired connections'),
  ];
}

function network(): HealthThreshold[] {
  return [
    {
      measurement: 'net.dns.lost.count',
      part: 'net.dns',
      meaning: 'names that did not resolve in three tries',
      unit: 'names',
      level: 'Quick',
      requiredIn: ['OneNode'],
      max: 0,
      breach: 'Unreliable',
      remedy: 'Reboot',
      source: 'ours',
      note: 'The names are served by the cluster: without them a node cannot work, and is not to blame.',
    },
    {
      measurement: 'net.mtu.bytes',
      part: 'net.mtu',
      meaning: 'smallest MTU of the interfaces that are up',
      unit: 'bytes',
      level: 'Quick',
      requiredIn: [],
      belowMedianPercent: 1,
      breach: 'Note',
      remedy: 'Replace',
      source: 'median',
    },
  ];
}

/** The two tools read differently, so they are never compared with each other. */
const DISK_TOOLS = ['direct', 'fio'] as const;

function disks({ nvmeGb }: InstanceType): HealthThreshold[] {
  if (nvmeGb === null) return [];
  const common = { unit: 'GB', breach: 'Fail', remedy: 'Replace' } as const;
  return [
    {
      ...common,
      measurement: 'nvme.size.gb',
      part: 'nvme.count',
      meaning: 'instance store in all',
      level: 'Quick',
      requiredIn: ['OneNode'],
      min: Math.floor(nvmeGb * 0.95),
      source: 'ec2',
      note: '95 percent of the documented size: disks are larger or smaller by how GB are counted; a missing one is an eighth.',
    },
    ...DISK_TOOLS.flatMap((tool) => speeds(`nvme.${tool}`, 'nvme')),
  ];
}

function shared(): HealthThreshold[] {
  const exchange = { part: 'shared.exchange', extra: 'shared', level: 'Quick', requiredIn: [] } as const;
  return [
    {
      ...exchange,
      measurement: 'shared.wrong.count',
      meaning: 'files of other nodes that read back different',
      unit: 'files',
      max: 0,
      breach: 'Fail',
      remedy: 'Replace',
      source: 'ours',
    },
    ...DISK_TOOLS.flatMap((tool) => speeds(`shared.${tool}`, 'shared')),
  ];
}

/** Speeds of a disk or a shared volume. A shared volume is slow for everybody or busy with others: it is noted and blames no node. */
function speeds(prefix: string, extra: 'nvme' | 'shared'): HealthThreshold[] {
  const common = {
    part: `${extra}.speed`,
    extra,
    level: 'Standard',
    requiredIn: [],
    remedy: 'Replace',
    source: 'median',
    breach: extra === 'nvme' ? 'Fail' : 'Note',
  } as const;
  const what = extra === 'nvme' ? 'instance store' : 'shared volume';
  return [
    { ...common, measurement: `${prefix}.read.gb_s`, meaning: `${what}, reads`, unit: 'GB/s', belowMedianPercent: 25 },
    {
      ...common,
      measurement: `${prefix}.write.gb_s`,
      meaning: `${what}, writes`,
      unit: 'GB/s',
      belowMedianPercent: 25,
    },
    {
      ...common,
      measurement: `${prefix}.read.iops`,
      meaning: `${what}, random reads`,
      unit: 'per second',
      belowMedianPercent: 25,
    },
    {
      ...common,
      breach: 'Note',
      measurement: `${prefix}.read.p99.ms`,
      meaning: `${what}, slowest of a hundred random reads`,
      unit: 'ms',
      aboveMedianPercent: 100,
    },
  ];
}

function machine({ vcpus, memoryGib }: InstanceType): HealthThreshold[] {
  const size = {
    part: 'host.size',
    level: 'Quick',
    requiredIn: [],
    breach: 'Note',
    remedy: 'Replace',
    source: 'ec2',
  } as const;
  return [
    { ...size, measurement: 'host.cpu.count', meaning: 'CPUs online', unit: 'CPUs', min: vcpus },
    {
      ...size,
      measurement: 'host.memory.gib',
      meaning: 'memory',
      unit: 'GiB',
      min: Math.floor(memoryGib * 0.9),
      note: 'The kernel and its crash dump keep some.',
    },
    {
      ...size,
      part: 'host.clock',
      measurement: 'host.clock.synced.count',
      meaning: 'whether the clock follows its source',
      unit: '',
      min: 1,
      source: 'ours',
      note: 'It may take a minute after the start, so it blames no node.',
    },
  ];
}
