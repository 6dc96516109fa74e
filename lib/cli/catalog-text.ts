/** The catalog as lines for a terminal. */
import {
  acceleratorText,
  efaInterfaces,
  estimateAllocatable,
  ipRange,
  ipTable,
  ipsPerNode,
  maxPods,
  type InstanceType,
  type NetworkInterface,
} from '../catalog';
import { HEALTH_HEAD, healthRows } from './catalog-health';

const BLOCK_WORDS = { supported: 'yes', ultraserver: 'as an UltraServer', unsupported: 'no' } as const;

/** One line per type. */
export function listText(types: readonly InstanceType[]): string[] {
  const head = ['TYPE', 'ACCELERATORS', 'VCPU', 'GIB', 'EFA', 'GBPS', 'AUTO MODE', 'CAPACITY BLOCK'];
  const rows = types.map((type) => [
    type.name,
    acceleratorText(type),
    `${type.vcpus}`,
    `${type.memoryGib}`,
    `${type.efa.count}`,
    `${type.networkGbps ?? '-'}`,
    type.autoMode.support === 'supported' ? 'yes' : 'no',
    BLOCK_WORDS[type.capacityBlock],
  ]);
  return [
    ...columns([head, ...rows]),
    '',
    "'aicluster catalog TYPE' shows the interfaces, addresses, pods and health checks of one type.",
  ];
}

/** Everything about one type. */
export function typeText(type: InstanceType, prefixes: number): string[] {
  return [
    type.name,
    ...indent(columns(facts(type, prefixes))),
    '',
    `Network interfaces with all EFA (${type.efa.count + 1}):`,
    ...indent(columns([['CARD', 'DEVICE', 'TYPE'], ...interfaceRows(efaInterfaces(type, prefixes))])),
    '',
    'Addresses by layout:',
    ...indent(columns([['LAYOUT', 'IPS PER NODE', 'PODS, AT MOST'], ...layoutRows(type)])),
    '',
    'Expected of a healthy node (* must be measured, or nothing can be said of it):',
    ...indent(columns([HEALTH_HEAD, ...healthRows(type)])),
    ...(type.notes.length > 0 ? ['', 'Notes:', ...indent([...type.notes])] : []),
    '',
    `Source: ${type.source.text}; read ${type.source.date}.`,
  ];
}

function facts(type: InstanceType, prefixes: number): string[][] {
  const layout = { kind: 'static-prefixes', prefixes } as const;
  const pods = maxPods(type, layout);
  const { cpu, memory } = estimateAllocatable(type, pods);
  return [
    ['Accelerators', `${acceleratorText(type)} (${type.accelerators.resourceName})`],
    ['vCPU, memory', `${type.vcpus}, ${type.memoryGib} GiB, ${type.architecture}`],
    ['Allocatable', `about ${cpu} CPU and ${memory} with ${pods} pods`],
    ['Network', `${known(type.networkGbps, 'Gbps')}, ${type.networkCards} cards, ${type.efa.count} EFA`],
    ['Local NVMe', known(type.nvmeGb, 'GB')],
    ['IPs per node', `${ipsPerNode(type, layout)} with all EFA and ${prefixes} prefixes, for ${pods} pods`],
    ['Auto Mode', type.autoMode.support === 'supported' ? 'yes' : `no: ${type.autoMode.reason}`],
    ['Capacity Block', BLOCK_WORDS[type.capacityBlock]],
  ];
}

/** Neighbouring cards with the same interface make one row: `1-31`. */
function interfaceRows(interfaces: readonly NetworkInterface[]): string[][] {
  const rows: { first: number; last: number; device: number; text: string }[] = [];
  for (const each of interfaces) {
    const text = interfaceText(each);
    const previous = rows.at(-1);
    if (
      previous?.text === text &&
      previous.device === each.deviceIndex &&
      previous.last + 1 === each.networkCardIndex
    ) {
      previous.last = each.networkCardIndex;
    } else {
      rows.push({ first: each.networkCardIndex, last: each.networkCardIndex, device: each.deviceIndex, text });
    }
  }
  return rows.map(({ first, last, device, text }) => [
    first === last ? `${first}` : `${first}-${last}`,
    `${device}`,
    text,
  ]);
}

function interfaceText({ interfaceType, secondaryIPv4PrefixCount }: NetworkInterface): string {
  return secondaryIPv4PrefixCount === undefined
    ? interfaceType
    : `${interfaceType}, ${secondaryIPv4PrefixCount} prefixes`;
}

function layoutRows(type: InstanceType): string[][] {
  return ipTable(type).map((row) => [row.name, ipRange(row), `${row.maxPods ?? '–'}`]);
}

function known(value: number | null, unit: string): string {
  return value === null ? 'not documented' : `${value} ${unit}`;
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** Pads every cell to its column's width; the last column is left as it is. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row.map((text, column) => (column === row.length - 1 ? text : text.padEnd(widths[column]!))).join('   '),
  );
}
