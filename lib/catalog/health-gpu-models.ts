/** What the sources say of GPU models: data of the expectations in health-gpu-state.ts and health-gpu-speed.ts. */
import type { HealthSourceKey } from './health-sources';
import type { InstanceType } from './instance-type';

/** What the sources say of one GPU model; what is left out is judged against the fleet's median. */
export interface GpuModel {
  /** NVLinks of one GPU, when several GPUs are on the node. */
  readonly nvlinks?: number;
  readonly pcieLanes?: number;
  /** GB/s of a copy within device memory, read and written. */
  readonly hbm?: { readonly gbPerS: number; readonly source: HealthSourceKey; readonly note?: string };
  /** Best bf16 TFLOPS that a search over shapes found. */
  readonly bestTflops?: number;
  /** GB/s from pinned host memory. */
  readonly hostToDevice?: number;
  /** The data-centre parts that remap rows in HBM and report it. */
  readonly datacentre: boolean;
}

const DERIVED_HBM =
  'Derived: the share of the specified bandwidth that DCGM asks of an H100 (1905 of 3350 GB/s). DCGM’s own 2333 MB/s for the H200 is a slip of the unit and is not used.';

const MODELS: Readonly<Record<string, GpuModel>> = {
  a100: {
    nvlinks: 12,
    pcieLanes: 16,
    hbm: { gbPerS: 969, source: 'dcgm', note: 'DCGM’s row of the 40 GB part on PCIe, which has the same memory.' },
    bestTflops: 271.2,
    datacentre: true,
  },
  'a100-80': {
    nvlinks: 12,
    pcieLanes: 16,
    hbm: { gbPerS: 1173, source: 'dcgm' },
    bestTflops: 271.2,
    datacentre: true,
  },
  h100: {
    nvlinks: 18,
    pcieLanes: 16,
    hbm: { gbPerS: 1905, source: 'dcgm' },
    bestTflops: 794.5,
    hostToDevice: 48,
    datacentre: true,
  },
  h200: {
    nvlinks: 18,
    hbm: { gbPerS: 2700, source: 'dcgm', note: DERIVED_HBM },
    bestTflops: 794.5,
    hostToDevice: 48,
    datacentre: true,
  },
  b200: {
    nvlinks: 18,
    hbm: { gbPerS: 4350, source: 'dcgm', note: DERIVED_HBM },
    bestTflops: 1745,
    hostToDevice: 48,
    datacentre: true,
  },
  b300: {
    nvlinks: 18,
    hbm: { gbPerS: 4350, source: 'dcgm', note: DERIVED_HBM },
    bestTflops: 1769,
    hostToDevice: 48,
    datacentre: true,
  },
  a10g: { pcieLanes: 8, hbm: { gbPerS: 362, source: 'dcgm' }, datacentre: false },
  l40s: { datacentre: false },
  'rtx-pro-6000': { datacentre: false },
};

const UNKNOWN_MODEL: GpuModel = { datacentre: false };

/** What is known of the GPUs of a type: by model and memory, else by model, else nothing. */
export function gpuModel({ accelerators: { model, memoryGb } }: InstanceType): GpuModel {
  return MODELS[`${model}-${memoryGb}`] ?? MODELS[model] ?? UNKNOWN_MODEL;
}
