/**
 * What distributed training depends on and no API shows: only who stands on the node sees it. Each with the measurement of node health that
 * does, or the plain word that none does. `health-checks.md` has the expectations, `checks/MEASUREMENTS.md` how each is measured.
 */

/** One property of a node. */
export interface NodeProperty {
  /** What holds when it is kept. */
  readonly property: string;
  /** Measurements that see it; none: nobody looks. */
  readonly measurements: readonly string[];
  /** What else is to be known; required where there is no measurement. */
  readonly note?: string;
}

/** The table, in the order of a node: accelerators, links, network, host. */
export const NODE_PROPERTIES: readonly NodeProperty[] = [
  { property: 'all accelerators answer', measurements: ['gpu.count', 'neuron.count'] },
  { property: 'ECC is on', measurements: ['gpu.ecc.off.count'] },
  {
    property: 'MIG is off on the card',
    measurements: ['gpu.mig.on.count'],
    note: 'rule `mig-off` sees slices that are advertised',
  },
  {
    property: 'persistence mode is on',
    measurements: ['gpu.dcgm.config.count'],
    note: 'only where the image of the check carries DCGM, and with other settings of the node in one number',
  },
  {
    property: 'clocks are not locked low',
    measurements: ['gpu.clock.app.sm.mhz', 'gpu.load.clock.sm.mhz', 'gpu.load.throttle.hw.count'],
    note: 'a card that is slow for it is found by `gpu.gemm.bf16.tflops`',
  },
  { property: 'every NVLink is up', measurements: ['gpu.nvlink.up.count', 'gpu.nvlink.down.count'] },
  { property: 'the fabric manager runs, and all GPUs have joined', measurements: ['gpu.fabric.unready.count'] },
  {
    property: 'kernel modules `efa` and `ib_uverbs` are loaded',
    measurements: ['efa.count', 'efa.pingpong.count'],
    note: 'by what needs them: without them there is no device',
  },
  {
    property: 'memory can be registered (`memlock`, huge pages)',
    measurements: ['efa.pingpong.gbit_s'],
    note: 'by what needs it, in the check pod; the limits themselves are not read, and a pod of your own may have lower ones. Rule `hugepages-agree` compares pods with `hugepages-2Mi` of their node',
  },
  {
    property: 'module `gdrdrv` is loaded (GPUDirect copies)',
    measurements: [],
    note: 'nobody looks; NCCL is slower for small messages without it, which `nccl.allreduce.8b.us` records',
  },
  { property: 'one MTU on all nodes', measurements: ['net.mtu.bytes'] },
  { property: 'names resolve', measurements: ['net.dns.lost.count', 'net.dns.ms'] },
  {
    property: 'the clock follows NTP',
    measurements: ['host.clock.synced.count', 'host.clock.max_error.ms', 'host.clock.offset.ms'],
  },
  {
    property: 'the CPU governor is `performance`',
    measurements: [],
    note: 'nobody looks at the setting; a node that is slow for it lags in `nccl.straggler.ratio`',
  },
];
