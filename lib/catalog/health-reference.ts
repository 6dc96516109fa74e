/** Renders the reference page of the health checks: thresholds by type, XIDs, sources. Generated, so that it says what the code does. */
import { COLLECTIVE_FLOOR, COLLECTIVE_REFERENCES } from './health-collectives';
import { HEALTH_SOURCES } from './health-sources';
import type { HealthThreshold } from './health-threshold';
import { OPTIONAL_PARTS, boundsText, breachText, healthThresholds } from './health-thresholds';
import { INSTANCE_TYPES } from './instance-types';
import { XID_ROWS } from './xid-rows';
import { XID_SOURCES } from './xids';

/** The page docs/reference/health-checks.md. */
export function renderHealthReference(): string {
  return [
    '# Health checks',
    '',
    '<!-- Generated from lib/catalog by `npm run generate`. Do not edit. -->',
    '',
    'What a healthy node reads, and who says so. The scripts in `checks/` measure; node-health compares. A breach *fails* the node,',
    'makes it *unreliable* (not healthy, and no reason to replace it), or is *noted*; a required measurement that is missing makes it unreliable.',
    'Override any of them in `NodeHealthPolicy.spec.checks`. For one type on the command line: `aicluster catalog p5.48xlarge`.',
    '',
    ...thresholds(),
    ...collectives(),
    ...xids(),
    ...sources(),
  ].join('\n');
}

function thresholds(): string[] {
  const byText = new Map<string, { row: HealthThreshold; types: string[] }>();
  for (const type of INSTANCE_TYPES) {
    for (const row of healthThresholds(type)) {
      if (row.measurement.startsWith('nccl.') && row.measurement.endsWith('.gb_s')) continue;
      const key = `${row.measurement} ${boundsText(row)} ${row.requiredIn.length} ${row.source}`;
      const known = byText.get(key);
      if (known) known.types.push(type.name);
      else byText.set(key, { row, types: [type.name] });
    }
  }
  const entries = [...byText.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  return [
    '## Expectations',
    '',
    `Optional parts, whose tool is not in every image: ${OPTIONAL_PARTS.map((part) => `\`${part}\``).join(', ')}.`,
    '',
    ...table(
      ['Measurement', 'What it is', 'A healthy node reads', 'From level', 'Breach', 'Types', 'Source', 'Note'],
      entries.map(({ row, types }) => [
        `\`${row.measurement}\``,
        row.meaning,
        `${boundsText(row)}${row.requiredIn.length > 0 ? '; required' : ''}`,
        row.level,
        breachText(row),
        typesText(types),
        row.source,
        row.note ?? '',
      ]),
    ),
  ];
}

function typesText(types: readonly string[]): string {
  const groups = [
    ['all', INSTANCE_TYPES],
    ['GPU types', INSTANCE_TYPES.filter(({ accelerators }) => accelerators.kind === 'gpu')],
    ['Neuron types', INSTANCE_TYPES.filter(({ accelerators }) => accelerators.kind === 'neuron')],
    ['P families', INSTANCE_TYPES.filter(({ family }) => family.startsWith('p'))],
    ['G families', INSTANCE_TYPES.filter(({ family }) => family.startsWith('g'))],
  ] as const;
  const group = groups.find(
    ([, members]) => members.length === types.length && members.every(({ name }) => types.includes(name)),
  );
  return group?.[0] ?? types.join(', ');
}

function collectives(): string[] {
  return [
    '## Collectives',
    '',
    `A node must reach ${COLLECTIVE_FLOOR * 100} % of what was measured with the same type, nodes and algorithm and the largest message that is not`,
    'larger than its own; every other run is compared with the median of the fleet. Measurements are named',
    '`nccl.<collective>.<size>.busbw.gb_s`. All-gather and reduce-scatter read about a fifth below all-reduce where NVLS helps it, on healthy nodes.',
    '',
    ...table(
      ['Types', 'Nodes', 'Collective', 'Message', 'Algorithm', 'Measured GB/s', 'Required GB/s', 'Source', 'Note'],
      COLLECTIVE_REFERENCES.map((row) => [
        row.instanceTypes.join(', '),
        `${row.nodes}`,
        row.collective,
        row.messageBytes >= 2 ** 30 ? `${row.messageBytes / 2 ** 30} GiB` : `${row.messageBytes / 2 ** 20} MiB`,
        row.algorithm,
        `${row.busGbPerS}`,
        `${Math.floor(row.busGbPerS * COLLECTIVE_FLOOR)}`,
        row.source,
        row.note ?? '',
      ]),
    ),
  ];
}

function xids(): string[] {
  const rows = [...XID_ROWS].sort((a, b) => Math.min(...a.codes) - Math.min(...b.codes));
  return [
    '## XIDs',
    '',
    'Reset, Reboot and Replace fail a node; Application and Monitor are noted; Ignore says nothing. A number that is not here is noted.',
    'XID 63: [decision 0012](../decisions/0012-xid-63.md).',
    '',
    ...table(
      ['XID', 'Name', 'Class', 'Severity', 'What it means', ...Object.values(XID_SOURCES).map(({ title }) => title)],
      rows.map((row) => [
        row.codes.join(', '),
        row.name,
        row.class,
        row.severity,
        row.sentence,
        row.says.nvidia ?? '–',
        row.says.awsSample ?? '–',
        row.says.eks ?? '–',
      ]),
    ),
  ];
}

function sources(): string[] {
  return [
    '## Sources',
    '',
    ...Object.entries(HEALTH_SOURCES).map(([key, text]) => `- ${key}: ${text}.`),
    ...Object.values(XID_SOURCES).map(({ title, text }) => `- ${title} (XIDs): ${text}.`),
    '',
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}
