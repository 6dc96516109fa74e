/** What a healthy GPU node says of itself: inventory, memory, links. */
import { gpuModel, type GpuModel } from './health-gpu-models';
import type { HealthThreshold } from './health-threshold';
import type { InstanceType } from './instance-type';

/** Expectations of what the driver tells about the GPUs of a type. */
export function gpuStateThresholds(type: InstanceType): HealthThreshold[] {
  const model = gpuModel(type);
  return [
    ...inventory(type, model),
    ...memory(model),
    ...remaps(model),
    ...driverLog(),
    ...(type.accelerators.count > 1 ? links(model) : []),
    ...pcie(model),
  ];
}

const INVENTORY = { part: 'gpu.inventory', level: 'Quick', requiredIn: [], breach: 'Fail', source: 'ours' } as const;
const ALONE = ['OneNode'] as const;

function inventory(type: InstanceType, model: GpuModel): HealthThreshold[] {
  const { count, memoryMib } = type.accelerators;
  const rows: HealthThreshold[] = [
    {
      ...INVENTORY,
      measurement: 'gpu.count',
      meaning: 'GPUs that answer',
      unit: 'GPUs',
      min: count,
      max: count,
      requiredIn: ALONE,
      remedy: 'Reboot',
      source: 'ec2',
    },
    {
      ...INVENTORY,
      measurement: 'gpu.models.count',
      meaning: 'different GPU models',
      unit: 'models',
      max: 1,
      remedy: 'Replace',
    },
    {
      ...INVENTORY,
      measurement: 'gpu.mig.on.count',
      meaning: 'GPUs in MIG mode',
      unit: 'GPUs',
      max: 0,
      breach: 'Note',
      remedy: 'Reset',
    },
  ];
  if (model.datacentre) {
    rows.push({
      ...INVENTORY,
      measurement: 'gpu.ecc.off.count',
      meaning: 'GPUs without ECC',
      unit: 'GPUs',
      max: 0,
      breach: 'Note',
      remedy: 'Reset',
    });
  }
  if (memoryMib !== null) {
    rows.push({
      ...INVENTORY,
      measurement: 'gpu.memory.mib',
      meaning: 'memory of the smallest GPU',
      unit: 'MiB',
      // nvidia-smi shows up to half a percent less than the label; a GPU that lost memory (XID 168) shows far less.
      min: Math.floor(memoryMib * 0.97),
      remedy: 'Replace',
      source: 'ec2',
      note: '97 percent of what EKS writes on the node: the driver keeps some.',
    });
  }
  return rows;
}

function memory(model: GpuModel): HealthThreshold[] {
  const requiredIn = model.datacentre ? ALONE : [];
  return [
    {
      ...INVENTORY,
      requiredIn,
      measurement: 'gpu.ecc.volatile.uncorrected.count',
      meaning: 'uncorrected memory errors since the driver was loaded',
      unit: 'errors',
      max: 0,
      remedy: 'Reset',
      source: 'gcm',
    },
    {
      ...INVENTORY,
      measurement: 'gpu.ecc.aggregate.sram.uncorrected.count',
      meaning: 'uncorrected SRAM errors in the life of the worst GPU',
      unit: 'errors',
      max: 4,
      remedy: 'Replace',
      source: 'nvidiaMemory',
      note: 'NVIDIA counts per bank; the GPU tells the sum only, so this is the strictest reading.',
    },
  ];
}

function remaps({ datacentre }: GpuModel): HealthThreshold[] {
  const requiredIn = datacentre ? ALONE : [];
  return [
    {
      ...INVENTORY,
      requiredIn,
      part: 'gpu.remap',
      measurement: 'gpu.remap.failure.count',
      meaning: 'GPUs whose row remapping failed',
      unit: 'GPUs',
      max: 0,
      remedy: 'Replace',
      source: 'nvidiaMemory',
    },
    {
      ...INVENTORY,
      part: 'gpu.remap',
      measurement: 'gpu.remap.uncorrectable.count',
      meaning: 'rows of the worst GPU remapped after uncorrectable errors',
      unit: 'rows',
      max: 512,
      remedy: 'Replace',
      source: 'nvidiaMemory',
    },
    {
      ...INVENTORY,
      part: 'gpu.remap',
      measurement: 'gpu.remap.pending.count',
      meaning: 'GPUs that finish a row remapping at their next reset',
      unit: 'GPUs',
      max: 0,
      breach: 'Note',
      remedy: 'Reset',
      source: 'nvidiaMemory',
      note: 'Work may run until then, unharmed (decision 0012).',
    },
  ];
}

function driverLog(): HealthThreshold[] {
  return [
    {
      ...INVENTORY,
      part: 'gpu.xid',
      requiredIn: ALONE,
      measurement: 'gpu.xid.lines.count',
      meaning: 'XIDs since the machine started; each is judged by its class',
      unit: 'lines',
      breach: 'Note',
      remedy: 'Reset',
      source: 'xids',
    },
    {
      ...INVENTORY,
      part: 'gpu.xid',
      measurement: 'gpu.lost.lines.count',
      meaning: 'lines of the driver that a GPU has fallen off the bus',
      unit: 'lines',
      max: 0,
      remedy: 'Reboot',
      source: 'xids',
      note: 'As XID 79: newer drivers say it without a number.',
    },
    {
      ...INVENTORY,
      part: 'gpu.xid',
      measurement: 'gpu.sxid.lines.count',
      meaning: 'NVSwitch errors since the machine started',
      unit: 'lines',
      max: 0,
      breach: 'Note',
      remedy: 'Reboot',
      source: 'awsSample',
    },
  ];
}

function links({ nvlinks }: GpuModel): HealthThreshold[] {
  if (nvlinks === undefined) return [];
  const counter = (name: string, meaning: string): HealthThreshold => ({
    ...INVENTORY,
    part: 'gpu.nvlink.errors',
    measurement: `gpu.nvlink.${name}.count`,
    meaning,
    unit: 'errors',
    max: 0,
    breach: 'Note',
    remedy: 'Reboot',
    source: 'awsSample',
  });
  return [
    {
      ...INVENTORY,
      part: 'gpu.nvlink',
      requiredIn: ALONE,
      measurement: 'gpu.nvlink.up.count',
      meaning: 'NVLinks up on the worst GPU',
      unit: 'links',
      min: nvlinks,
      remedy: 'Reboot',
      source: 'awsSample',
    },
    {
      ...INVENTORY,
      part: 'gpu.nvlink',
      measurement: 'gpu.nvlink.down.count',
      meaning: 'NVLinks that are inactive',
      unit: 'links',
      max: 0,
      remedy: 'Reboot',
      source: 'awsSample',
    },
    {
      ...INVENTORY,
      measurement: 'gpu.fabric.unready.count',
      meaning: 'GPUs that have not joined the NVSwitch fabric',
      unit: 'GPUs',
      max: 0,
      remedy: 'Reboot',
      source: 'awsSample',
    },
    counter('replay', 'NVLink replays'),
    counter('recovery', 'NVLink recoveries'),
    counter('crc', 'NVLink CRC errors'),
  ];
}

function pcie({ pcieLanes }: GpuModel): HealthThreshold[] {
  if (pcieLanes === undefined) return [];
  return [
    {
      ...INVENTORY,
      measurement: 'gpu.pcie.lanes',
      meaning: 'PCIe lanes of the worst GPU',
      unit: 'lanes',
      min: pcieLanes,
      remedy: 'Replace',
      source: 'dcgm',
    },
    {
      ...INVENTORY,
      part: 'gpu.load',
      measurement: 'gpu.load.pcie.gen',
      meaning: 'PCIe generation of the worst GPU under load',
      unit: 'generation',
      min: 3,
      remedy: 'Replace',
      source: 'dcgm',
    },
  ];
}
