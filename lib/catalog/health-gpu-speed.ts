/** What a healthy GPU node reaches: matrix products, memory, PCIe, heat under load, DCGM. */
import { gpuModel, type GpuModel } from './health-gpu-models';
import type { HealthSourceKey } from './health-sources';
import type { HealthThreshold } from './health-threshold';
import type { InstanceType } from './instance-type';

/** Expectations of how fast the GPUs of a type are. */
export function gpuSpeedThresholds(type: InstanceType): HealthThreshold[] {
  return [...speed(gpuModel(type)), ...underLoad(), ...diagnostics()];
}

const SPEED = {
  part: 'gpu.speed',
  level: 'Quick',
  requiredIn: ['OneNode'],
  breach: 'Fail',
  remedy: 'Replace',
} as const;

function speed({ hbm, bestTflops, hostToDevice }: GpuModel): HealthThreshold[] {
  return [
    {
      ...SPEED,
      measurement: 'gpu.hbm.gb_s',
      meaning: 'device memory of the slowest GPU, read and written',
      unit: 'GB/s',
      belowMedianPercent: 10,
      ...floor(hbm?.gbPerS, hbm?.source, hbm?.note),
    },
    {
      ...SPEED,
      measurement: 'gpu.h2d.gb_s',
      meaning: 'host to device, slowest GPU',
      unit: 'GB/s',
      belowMedianPercent: 20,
      ...floor(
        hostToDevice,
        'azure',
        'Azure’s table says 52 and its configuration 48: both find a link at half its width.',
      ),
    },
    {
      ...SPEED,
      measurement: 'gpu.d2h.gb_s',
      meaning: 'device to host, slowest GPU',
      unit: 'GB/s',
      belowMedianPercent: 20,
      source: 'median',
    },
    ...products(bestTflops),
  ];
}

function products(bestTflops: number | undefined): HealthThreshold[] {
  return [
    {
      ...SPEED,
      measurement: 'gpu.gemm.bf16.tflops',
      meaning: 'matrix product of the slowest GPU',
      unit: 'TFLOPS',
      belowMedianPercent: 10,
      ...floor(
        // Three quarters, as DCGM does with its own readings: our shape is not the best one.
        bestTflops === undefined ? undefined : Math.floor(bestTflops * 0.75),
        'mlEngineering',
        'Three quarters of the best that a search over shapes reached; healthy GPUs differ by 5 percent.',
      ),
    },
    {
      ...SPEED,
      measurement: 'gpu.gemm.wrong.count',
      meaning: 'matrix products that differ from the same product before',
      unit: 'results',
      max: 0,
      source: 'ours',
    },
    {
      ...SPEED,
      requiredIn: [],
      measurement: 'gpu.gemm.differ.count',
      meaning: 'GPUs whose product is not that of the others',
      unit: 'GPUs',
      max: 0,
      source: 'ours',
    },
    {
      ...SPEED,
      requiredIn: [],
      measurement: 'gpu.gemm.spread.percent',
      meaning: 'how far apart the fastest and the slowest GPU are',
      unit: '%',
      max: 10,
      breach: 'Note',
      source: 'mlEngineering',
    },
  ];
}

/** An absolute floor with its source, or nothing but the median. */
function floor(
  min: number | undefined,
  source: HealthSourceKey | undefined,
  note: string | undefined,
): Pick<HealthThreshold, 'min' | 'source' | 'note'> {
  if (min === undefined || source === undefined) return { source: 'median' };
  return { min, source, ...(note === undefined ? {} : { note }) };
}

function underLoad(): HealthThreshold[] {
  const load = { part: 'gpu.load', level: 'Quick', requiredIn: [], breach: 'Note', remedy: 'Replace' } as const;
  return [
    {
      ...load,
      measurement: 'gpu.load.temperature.c',
      meaning: 'hottest GPU under load',
      unit: '°C',
      max: 87,
      source: 'hyperpod',
    },
    {
      ...load,
      measurement: 'gpu.load.throttle.hw.count',
      meaning: 'GPUs that the hardware slowed down under load',
      unit: 'GPUs',
      max: 0,
      source: 'ours',
    },
    {
      ...load,
      measurement: 'gpu.load.throttle.sw_thermal.count',
      meaning: 'GPUs slowed down for heat under load',
      unit: 'GPUs',
      max: 0,
      source: 'ours',
    },
  ];
}

function diagnostics(): HealthThreshold[] {
  const dcgm = { part: 'gpu.dcgm', level: 'Quick', requiredIn: [], remedy: 'Replace', source: 'dcgm' } as const;
  return [
    {
      ...dcgm,
      measurement: 'gpu.dcgm.fail.count',
      meaning: 'DCGM tests that failed',
      unit: 'tests',
      max: 0,
      breach: 'Fail',
    },
    {
      ...dcgm,
      measurement: 'gpu.dcgm.warn.count',
      meaning: 'DCGM tests with a warning',
      unit: 'tests',
      max: 0,
      breach: 'Note',
    },
  ];
}
