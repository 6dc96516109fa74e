/**
 * Bus bandwidth of collectives, keyed by type, nodes, collective, message size and algorithm.
 *
 * A row is what somebody measured on a healthy cluster; a node must reach four fifths of it, which leaves room for versions and launchers
 * and is far above what a lost NVLink or half of the EFA devices leave. Bandwidth grows with the message, so a message is held to the largest
 * row that is not larger. What no row covers is judged against the fleet's median alone.
 *
 * Not repeated: 800 GB/s between p5 nodes and 500 GB/s within one at up to 256 MiB (the AWS sample; its own logs read 129 to 396 and 436), two
 * p5 nodes at 128 MiB (three runs, a factor of three apart), figures of other clouds' networks. All-gather and reduce-scatter get no NVLS and
 * read a fifth lower on a healthy node: they are never held to what all-reduce reads.
 */
import type { HealthSourceKey } from './health-sources';
import { HEALTH_CHECKS, type CollectiveKey, type HealthLevel, type HealthThreshold } from './health-threshold';
import type { InstanceType } from './instance-type';

/** One measured bus bandwidth. */
export interface CollectiveReference extends CollectiveKey {
  readonly instanceTypes: readonly string[];
  /** What was measured. */
  readonly busGbPerS: number;
  readonly source: HealthSourceKey;
  readonly note?: string;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Share of a measured bandwidth that a node must reach. */
export const COLLECTIVE_FLOOR = 0.8;

const A100 = ['p4d.24xlarge', 'p4de.24xlarge'];
const HOPPER = ['p5.48xlarge', 'p5e.48xlarge', 'p5en.48xlarge'];
const ALLREDUCE = { collective: 'allreduce', algorithm: 'auto' } as const;
const ONE_A100 = { ...ALLREDUCE, instanceTypes: A100, nodes: 1, source: 'mlEngineering' } as const;
const TWO_A100 = { ...ALLREDUCE, instanceTypes: A100, nodes: 2, source: 'awsNccl' } as const;
const ONE_HOPPER = {
  ...ALLREDUCE,
  instanceTypes: HOPPER,
  nodes: 1,
  source: 'mlEngineering',
  note: 'Measured on H200; H100 has the same 18 links of NVLink 4.',
} as const;
const TWO_P5 = {
  ...ALLREDUCE,
  instanceTypes: ['p5.48xlarge', 'p5e.48xlarge'],
  nodes: 2,
  source: 'awsNccl',
  note: 'Measured on p5; p5e has the same 32 EFA devices.',
} as const;
const FOUR_P5EN = { collective: 'allreduce', instanceTypes: ['p5en.48xlarge'], nodes: 4, source: 'nvcre' } as const;
const ONE_B200 = {
  collective: 'allreduce',
  instanceTypes: ['p6-b200.48xlarge'],
  nodes: 1,
  source: 'mlEngineering',
} as const;

/** What was measured, by whom. */
export const COLLECTIVE_REFERENCES: readonly CollectiveReference[] = [
  { ...ONE_A100, messageBytes: 128 * MIB, busGbPerS: 176.9 },
  { ...ONE_A100, messageBytes: 1 * GIB, busGbPerS: 229 },
  { ...ONE_A100, messageBytes: 8 * GIB, busGbPerS: 234.6 },
  { ...TWO_A100, messageBytes: 128 * MIB, busGbPerS: 64 },
  { ...TWO_A100, messageBytes: 1 * GIB, busGbPerS: 76.8 },
  { ...TWO_A100, messageBytes: 2 * GIB, busGbPerS: 78.3 },
  { ...ONE_HOPPER, messageBytes: 256 * MIB, busGbPerS: 436 },
  { ...ONE_HOPPER, messageBytes: 16 * GIB, busGbPerS: 482 },
  { ...ONE_HOPPER, algorithm: 'nvls', messageBytes: 256 * MIB, busGbPerS: 436 },
  { ...ONE_HOPPER, algorithm: 'nvls', messageBytes: 16 * GIB, busGbPerS: 482 },
  { ...ONE_HOPPER, algorithm: 'ring', messageBytes: 16 * GIB, busGbPerS: 366 },
  { ...TWO_P5, messageBytes: 1 * GIB, busGbPerS: 437 },
  { ...TWO_P5, messageBytes: 8 * GIB, busGbPerS: 479 },
  { ...TWO_P5, messageBytes: 16 * GIB, busGbPerS: 487 },
  {
    ...FOUR_P5EN,
    algorithm: 'auto',
    messageBytes: 4 * GIB,
    busGbPerS: 364.9,
    note: 'The tuner of AWS chooses the ring.',
  },
  { ...FOUR_P5EN, algorithm: 'ring', messageBytes: 4 * GIB, busGbPerS: 364.9 },
  { ...FOUR_P5EN, algorithm: 'nvlstree', messageBytes: 4 * GIB, busGbPerS: 310 },
  { ...ONE_B200, algorithm: 'nvls', messageBytes: 16 * GIB, busGbPerS: 838 },
  { ...ONE_B200, algorithm: 'ring', messageBytes: 16 * GIB, busGbPerS: 682 },
  {
    ...ALLREDUCE,
    instanceTypes: ['p6-b200.48xlarge'],
    nodes: 2,
    source: 'awsNccl',
    messageBytes: 8 * GIB,
    busGbPerS: 524,
  },
];

/** What the scripts run, and the sizes that say something; smaller ones measure latency and the launcher. */
const MEASURED: Readonly<Record<string, readonly string[]>> = {
  allgather: ['128mib', '1gib'],
  allreduce: ['128mib', '1gib', '8gib'],
  alltoall: ['128mib', '1gib'],
  reducescatter: ['128mib', '1gib'],
  sendrecv: ['128mib', '1gib'],
};
const BYTES: Readonly<Record<string, number>> = { '128mib': 128 * MIB, '1gib': GIB, '8gib': 8 * GIB };

/** What a GPU node must reach in collectives over so many nodes; where nobody measured, the fleet's median must say it. */
export function collectiveThresholds(
  type: InstanceType,
  { nodes, algorithm }: Pick<CollectiveKey, 'nodes' | 'algorithm'>,
): HealthThreshold[] {
  if (type.accelerators.kind !== 'gpu' || type.accelerators.count * nodes < 2) return [];
  const bandwidths = Object.entries(MEASURED).flatMap(([collective, sizes]) =>
    sizes.map((size) => bandwidth(type, size, { nodes, collective, messageBytes: BYTES[size]!, algorithm })),
  );
  return [...bandwidths, ...health()];
}

function bandwidth({ name }: InstanceType, size: string, key: CollectiveKey): HealthThreshold {
  const reference = COLLECTIVE_REFERENCES.filter(
    (row) =>
      row.instanceTypes.includes(name) &&
      row.nodes === key.nodes &&
      row.collective === key.collective &&
      row.algorithm === key.algorithm &&
      row.messageBytes <= key.messageBytes,
  ).sort((a, b) => b.messageBytes - a.messageBytes)[0];
  return {
    measurement: `nccl.${key.collective}.${size}.busbw.gb_s`,
    part: `nccl.${key.collective}`,
    meaning: `${key.collective} of ${sizeText(key.messageBytes)}, bus bandwidth`,
    unit: 'GB/s',
    level: levelOf(key),
    requiredIn: key.collective === 'allreduce' && key.messageBytes === GIB ? HEALTH_CHECKS : [],
    belowMedianPercent: 15,
    // Healthy runs of smaller messages differ by a factor.
    breach: key.messageBytes >= GIB ? 'Fail' : 'Note',
    remedy: 'Replace',
    ...floorOf(reference),
  };
}

function levelOf({ collective, messageBytes }: CollectiveKey): HealthLevel {
  if (messageBytes > GIB) return 'Deep';
  return collective === 'allreduce' ? 'Quick' : 'Standard';
}

function floorOf(reference: CollectiveReference | undefined): Pick<HealthThreshold, 'min' | 'source' | 'note'> {
  if (!reference) return { source: 'median' };
  const { busGbPerS, messageBytes, source, note } = reference;
  return {
    min: Math.floor(busGbPerS * COLLECTIVE_FLOOR),
    source,
    note: `Four fifths of ${busGbPerS} GB/s at ${sizeText(messageBytes)}.${note === undefined ? '' : ` ${note}`}`,
  };
}

function sizeText(bytes: number): string {
  return bytes >= GIB ? `${bytes / GIB} GiB` : `${bytes / MIB} MiB`;
}

function health(): HealthThreshold[] {
  const common = { part: 'nccl.allreduce', level: 'Quick', requiredIn: [], remedy: 'Replace' } as const;
  return [
    {
      ...common,
      measurement: 'nccl.wrong.count',
      meaning: 'elements with a wrong value',
      unit: 'elements',
      max: 0,
      breach: 'Fail',
      source: 'ours',
    },
    {
      ...common,
      part: 'nccl.straggler',
      measurement: 'nccl.straggler.ratio',
      meaning: 'slowest rank of the node against the median rank',
      unit: 'times',
      max: 1.1,
      breach: 'Note',
      source: 'mlEngineering',
      note: 'Healthy GPUs differ by 5 percent.',
    },
  ];
}
