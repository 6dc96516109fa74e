import { estimateAllocatable, requireInstanceType } from '../../lib/catalog';

/** Resources of one EC2 instance type as a Node of it would show them (allocatable). */
export interface BedInstanceType {
  readonly name: string;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** What EC2 may have run out of. */
export interface Offering {
  readonly instanceType: string;
  /** @default every zone */
  readonly zone?: string;
}

const PODS_PER_NODE = 100;

/** Instance types that the bed's Karpenter can launch unless told otherwise. */
export const DEFAULT_INSTANCE_TYPES: readonly BedInstanceType[] = [
  'p5.48xlarge',
  'p4d.24xlarge',
  'g6e.48xlarge',
  'g5.48xlarge',
].map((name) => ({ name, allocatable: estimateAllocatable(requireInstanceType(name), PODS_PER_NODE) }));

/** Zones in which every instance type is offered. */
export const ZONES = ['us-east-2a', 'us-east-2b', 'us-east-2c'] as const;

// What Karpenter's KWOK provider subtracts from an instance type's resources to get a node's allocatable.
const RESERVED_CPU_MILLI = 100;
const RESERVED_MEMORY_MI = 10;

/** The file that Karpenter's KWOK provider reads: each type in each zone, on demand and from a reservation. */
export function instanceTypesFile(types: readonly BedInstanceType[], zones: readonly string[] = ZONES): string {
  return JSON.stringify(
    types.map(({ name, allocatable }) => ({
      name,
      architecture: 'amd64',
      operatingSystems: ['linux'],
      resources: withReserve(allocatable),
      offerings: zones.flatMap((zone) => [offering(zone, 'on-demand', 10), offering(zone, 'reserved', 0.001)]),
    })),
  );
}

function offering(zone: string, capacityType: string, price: number): unknown {
  return {
    Price: price,
    Available: true,
    ReservationCapacity: 1000,
    Requirements: [
      { key: 'topology.kubernetes.io/zone', operator: 'In', values: [zone] },
      { key: 'karpenter.sh/capacity-type', operator: 'In', values: [capacityType] },
    ],
  };
}

function withReserve(allocatable: Readonly<Record<string, string>>): Record<string, string> {
  const cpu = parseInt(allocatable['cpu'] ?? '0', 10) + RESERVED_CPU_MILLI;
  const memory = parseInt(allocatable['memory'] ?? '0', 10) + RESERVED_MEMORY_MI;
  return { ...allocatable, cpu: `${cpu}m`, memory: `${memory}Mi` };
}

/** NodeClass that NodePools of the bed may name; ready from the start. */
export const NODE_CLASS_REF = { group: 'karpenter.kwok.sh', kind: 'KWOKNodeClass', name: 'default' } as const;
