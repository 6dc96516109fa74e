/** Makers of what check pods print, for tests of this folder. */
import { requireInstanceType, type HealthExtra } from '../../catalog';
import type { JudgeContext } from './judge';

/** Measurements of a healthy p5.48xlarge by itself, at level Standard. */
export const HEALTHY_P5: Readonly<Record<string, number>> = {
  'efa.count': 32,
  'efa.pingpong.count': 32,
  'efa.pingpong.gbit_s': 61.2,
  'efa.rx_drops.count': 0,
  'gpu.count': 8,
  'gpu.models.count': 1,
  'gpu.memory.mib': 81559,
  'gpu.ecc.volatile.uncorrected.count': 0,
  'gpu.ecc.aggregate.sram.uncorrected.count': 0,
  'gpu.remap.failure.count': 0,
  'gpu.remap.pending.count': 0,
  'gpu.remap.uncorrectable.count': 0,
  'gpu.nvlink.up.count': 18,
  'gpu.nvlink.down.count': 0,
  'gpu.pcie.lanes': 16,
  'gpu.xid.lines.count': 0,
  'gpu.gemm.bf16.tflops': 702.4,
  'gpu.gemm.wrong.count': 0,
  'gpu.gemm.spread.percent': 3.1,
  'gpu.hbm.gb_s': 2511.7,
  'gpu.h2d.gb_s': 55.4,
  'gpu.d2h.gb_s': 53.9,
  'gpu.load.temperature.c': 61,
  'nccl.allreduce.128mib.busbw.gb_s': 401.2,
  'nccl.allreduce.1gib.busbw.gb_s': 461.9,
  'nccl.allgather.1gib.busbw.gb_s': 351.3,
  'nccl.wrong.count': 0,
  'nccl.straggler.ratio': 1.01,
  'net.dns.lost.count': 0,
  'net.mtu.bytes': 9001,
  'nvme.size.gb': 30720,
  'nvme.direct.read.gb_s': 6.4,
  'host.cpu.count': 192,
  'host.memory.gib': 1999,
  'host.clock.synced.count': 1,
};

/** The line of a healthy p5.48xlarge; `m` adds to its measurements, undefined takes one away. */
export function makeLine({
  m = {},
  ...head
}: { m?: Record<string, number | undefined>; [field: string]: unknown } = {}): string {
  return JSON.stringify({
    v: 1,
    level: 'standard',
    check: 'one-node',
    node: 'n-0',
    bootId: 'boot-0',
    nodes: 1,
    ranks: 8,
    backend: 'nccl',
    algo: 'auto',
    driver: '570.133.20',
    gpus: Array.from({ length: 8 }, (_, i) => ({ uuid: `GPU-${i}`, serial: `165300000${i}` })),
    m: { ...HEALTHY_P5, ...m },
    errors: [],
    seconds: 214,
    ...head,
  });
}

/** What was asked of node n-0, a p5.48xlarge, unless said otherwise. */
export function makeContext(overrides: Partial<JudgeContext> = {}): JudgeContext {
  return {
    type: requireInstanceType('p5.48xlarge'),
    node: 'n-0',
    bootId: 'boot-0',
    check: 'OneNode',
    nodes: 1,
    level: 'Standard',
    extras: new Set<HealthExtra>(['efa', 'nvme', 'shared']),
    overrides: [],
    medians: new Map(),
    ...overrides,
  };
}
