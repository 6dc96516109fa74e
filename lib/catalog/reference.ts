/** Renders the reference page of the catalog. Generated, so that it cannot say something else than the code. */
import { efaInterfaces } from './efa-layout';
import type { InstanceType } from './instance-type';
import { INSTANCE_TYPES, requireInstanceType } from './instance-types';
import { DEFAULT_PREFIX_COUNT, ipsPerNode, maxPods, nodeIps } from './ip-plan';
import { ipTable, type IpTableRow } from './ip-table';
import { nodesPerSubnet } from './subnet-plan';

const DEFAULT_LAYOUT = { kind: 'static-prefixes', prefixes: DEFAULT_PREFIX_COUNT } as const;

/** The page docs/reference/instance-types.md. */
export function renderInstanceTypesReference(): string {
  return [
    '# Instance types',
    '',
    '<!-- Generated from lib/catalog by `npm run generate`. Do not edit. -->',
    '',
    'Every EC2 accelerator type this package can plan. A dash means that the sources give no number.',
    'The same on the command line: `aicluster catalog`, `aicluster catalog p5.48xlarge --json`.',
    '',
    ...hardware(),
    ...network(),
    ...addresses('p5.48xlarge'),
    ...subnets('p5.48xlarge'),
    ...notes(),
    ...sources(),
  ].join('\n');
}

function hardware(): string[] {
  return section(
    'Hardware',
    [
      'Type',
      'Architecture',
      'vCPU',
      'Memory GiB',
      'Accelerators',
      'Resource',
      'NVMe GB',
      'Auto Mode',
      'Capacity Block',
    ],
    INSTANCE_TYPES.map((type) => [
      `\`${type.name}\``,
      type.architecture,
      type.vcpus,
      type.memoryGib,
      acceleratorText(type),
      `\`${type.accelerators.resourceName}\``,
      type.nvmeGb,
      type.autoMode.support === 'supported' ? 'yes' : `no: ${type.autoMode.reason}`,
      { supported: 'yes', ultraserver: 'as an UltraServer', unsupported: 'no' }[type.capacityBlock],
    ]),
  );
}

function network(): string[] {
  return section(
    'Network',
    [
      'Type',
      'Network Gbps',
      'Cards',
      'Interfaces (card 0)',
      'IPv4 per interface',
      'EFA',
      'Interfaces with all EFA',
      'IPs per node*',
      'Pods per node*',
    ],
    INSTANCE_TYPES.map((type) => [
      `\`${type.name}\``,
      type.networkGbps,
      type.networkCards,
      `${type.enis.total} (${cell(type.enis.card0)})`,
      type.ipv4PerEni,
      type.efa.count,
      efaInterfaces(type).length,
      ipsPerNode(type, DEFAULT_LAYOUT),
      maxPods(type, DEFAULT_LAYOUT),
    ]),
    `\\* Auto Mode with static interfaces and ${DEFAULT_PREFIX_COUNT} prefixes on the primary interface, the default of EFA pools.`,
  );
}

function addresses(name: string): string[] {
  return section(
    `Addresses per node, by layout: ${name}`,
    ['Layout', 'IPs per node', 'Pods per node, at most'],
    ipTable(requireInstanceType(name)).map((row) => [row.name, ipRange(row), row.maxPods]),
    'Auto Mode allows at most 110 pods on any node.',
  );
}

function subnets(name: string): string[] {
  const ips = nodeIps(requireInstanceType(name), DEFAULT_LAYOUT);
  return section(
    `Nodes per subnet: ${name}, ${DEFAULT_PREFIX_COUNT} prefixes`,
    ['Subnet', 'Nodes', 'Nodes with a subnet CIDR reservation for prefixes'],
    [24, 23, 22, 21, 20, 19, 18].map((prefixLength) => [
      `/${prefixLength}`,
      nodesPerSubnet(prefixLength, ips),
      nodesPerSubnet(prefixLength, ips, 'reserved'),
    ]),
    'A prefix needs a whole free block of 16 addresses. Without a reservation every single address may spoil one block.',
  );
}

function notes(): string[] {
  const lines = INSTANCE_TYPES.flatMap((type) => type.notes.map((note) => `- \`${type.name}\`: ${note}`));
  return ['## Notes', '', ...lines, ''];
}

function sources(): string[] {
  const texts = new Set(INSTANCE_TYPES.map(({ source }) => `- ${source.text} (read ${source.date}).`));
  return ['## Sources', '', ...texts, ''];
}

/** `8 x h100, 80 GB each`, as the command line and the reference page write accelerators. */
export function acceleratorText({ accelerators }: InstanceType): string {
  const memory = accelerators.memoryGb === null ? '' : `, ${accelerators.memoryGb} GB each`;
  const cores = accelerators.neuronCores === null ? '' : `, ${accelerators.neuronCores} NeuronCores`;
  return `${accelerators.count} x ${accelerators.model}${memory}${cores}`;
}

/** `81 to 131`, or one number where there is no range. */
export function ipRange({ minIps, ips }: Pick<IpTableRow, 'minIps' | 'ips'>): string {
  return minIps === ips ? cell(ips) : `${cell(minIps)} to ${cell(ips)}`;
}

function section(title: string, head: readonly string[], rows: readonly Cells[], note?: string): string[] {
  const line = (cells: Cells) => `| ${cells.map(cell).join(' | ')} |`;
  return [
    `## ${title}`,
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
    '',
    ...(note ? [note, ''] : []),
  ];
}

type Cells = readonly (string | number | null)[];

function cell(value: string | number | null): string {
  return value === null ? '–' : String(value);
}
