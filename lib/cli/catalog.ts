/** `aicluster catalog`: what the catalog knows about an instance type, for people and as JSON. */
import { parseArgs } from 'node:util';
import {
  DEFAULT_PREFIX_COUNT,
  INSTANCE_TYPES,
  IpPlanError,
  UnknownInstanceType,
  efaInterfaces,
  estimateAllocatable,
  ipTable,
  ipsPerNode,
  maxPods,
  requireInstanceType,
  type InstanceType,
} from '../catalog';
import { healthEntries } from './catalog-health';
import { listText, typeText } from './catalog-text';
import { EXIT, UsageError, type Output } from './output';

/** Text of `aicluster catalog --help`. */
export const CATALOG_HELP = `Usage: aicluster catalog [TYPE] [--prefixes N] [--json]

What is known of EC2 accelerator types: accelerators, EFA interfaces, addresses and pods per node, and what
health checks expect of a node. Without TYPE it lists them all.

Options:
  --prefixes N   /28 prefixes on the primary interface, 16 pods each (default ${DEFAULT_PREFIX_COUNT})
  --json         one line of JSON
  -h, --help     this text

Examples:
  aicluster catalog
  aicluster catalog p5.48xlarge
  aicluster catalog p5.48xlarge --json | jq '.efa.interfaces'
  aicluster catalog p5.48xlarge --json | jq '.health[] | select(.min)'
  aicluster catalog p6-b200.48xlarge --prefixes 4

Exit codes: 0 done, 2 the type or an option is not known.`;

interface CatalogRequest {
  readonly typeName: string | undefined;
  readonly prefixes: number;
  readonly json: boolean;
  readonly help: boolean;
}

/** Runs `aicluster catalog ARGS` and returns the exit code. */
export function catalogCommand(args: readonly string[], out: Output): number {
  try {
    printCatalog(parseRequest(args), out);
    return EXIT.ok;
  } catch (error) {
    if (!isForThePerson(error)) throw error;
    out.stderr(error.message);
    if (error instanceof UsageError) out.stderr(`See 'aicluster catalog --help'.`);
    return EXIT.usage;
  }
}

/** What `aicluster catalog TYPE --json` prints. */
export function catalogEntry(type: InstanceType, prefixes: number = DEFAULT_PREFIX_COUNT) {
  const layout = { kind: 'static-prefixes', prefixes } as const;
  // The slots only: the prefix count of the primary stands beside them.
  const interfaces = efaInterfaces(type, prefixes).map(({ networkCardIndex, deviceIndex, interfaceType }) => ({
    networkCardIndex,
    deviceIndex,
    interfaceType,
  }));
  return {
    instanceType: type.name,
    family: type.family,
    architecture: type.architecture,
    vcpus: type.vcpus,
    memoryGib: type.memoryGib,
    accelerators: type.accelerators,
    networkCards: type.networkCards,
    enis: type.enis,
    ipv4PerEni: type.ipv4PerEni,
    networkGbps: type.networkGbps,
    nvmeGb: type.nvmeGb,
    efa: { count: type.efa.count, onCard0: type.efa.onCard0, prefixesOnPrimary: prefixes, interfaces },
    ipsPerNode: ipsPerNode(type, layout),
    maxPods: maxPods(type, layout),
    allocatableEstimate: estimateAllocatable(type, maxPods(type, layout)),
    layouts: ipTable(type),
    health: healthEntries(type),
    autoMode: type.autoMode,
    capacityBlock: type.capacityBlock,
    notes: type.notes,
    source: type.source,
  };
}

function printCatalog(request: CatalogRequest, out: Output): void {
  for (const line of catalogLines(request)) out.stdout(line);
}

function catalogLines({ typeName, prefixes, json, help }: CatalogRequest): string[] {
  if (help) return [CATALOG_HELP];
  if (typeName !== undefined) {
    const type = requireInstanceType(typeName);
    return json ? [JSON.stringify(catalogEntry(type, prefixes))] : typeText(type, prefixes);
  }
  if (!json) return listText(INSTANCE_TYPES);
  return [JSON.stringify(INSTANCE_TYPES.map((type) => catalogEntry(type, prefixes)))];
}

function parseRequest(args: readonly string[]): CatalogRequest {
  const { values, positionals } = parseWords(args);
  if (positionals.length > 1) {
    throw new UsageError(`One instance type at a time: got ${positionals.join(', ')}.`);
  }
  return {
    typeName: positionals[0],
    prefixes: parsePrefixes(values.prefixes),
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

function parseWords(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        prefixes: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // parseArgs explains options in several sentences; the first says what is wrong.
    throw new UsageError(`${(error as Error).message.split(/\.\s|\n/)[0]!.replace(/\.$/, '')}.`);
  }
}

function parsePrefixes(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PREFIX_COUNT;
  if (!/^\d+$/.test(text)) throw new UsageError(`--prefixes '${text}' is not a whole number.`);
  return Number(text);
}

function isForThePerson(error: unknown): error is Error {
  return error instanceof UsageError || error instanceof UnknownInstanceType || error instanceof IpPlanError;
}
