/** Renders docs/reference/invariants.md from the rules themselves, and from what node health measures of what no API shows. */
import { boundsText, breachText, healthThresholds, INSTANCE_TYPES, type HealthThreshold } from '../../lib/catalog';
import type { Rule } from '../../lib/controllers/invariants/rule';
import { RULES } from '../../lib/controllers/invariants/rules';
import { NODE_PROPERTIES, type NodeProperty } from './node-properties';

/** The page. */
export function renderInvariantsReference(): string {
  return [
    '# Invariants',
    '',
    '<!-- Generated from lib/controllers/invariants/rules by `npm run generate`. Do not edit. -->',
    '',
    'What distributed training depends on, and how it is seen that it is so. How to read findings, and what may be put right:',
    '[the guide](../guides/invariants.md). Switch a rule off, or weigh it otherwise, in `InvariantPolicy.spec.rules` by its id.',
    '',
    'Columns: **owner** puts it right (a controller of ours, the CDK app by applying again, `invariants` itself, or the person who wrote the object);',
    '**at synth**: `aicluster check` applies it to what was synthesized; **repaired**: the enforcer itself may write, when `repair.dryRun` is false.',
    '',
    `## ${RULES.length} rules that the APIs of Kubernetes and EC2 show`,
    '',
    ...table(
      ['rule', 'severity', 'protects', 'seen by', 'owner', 'at synth', 'repaired', 'source'],
      RULES.map((rule) => [
        `\`${rule.id}\``,
        rule.severity,
        rule.protects,
        rule.sees,
        rule.owner,
        rule.atSynth ? 'yes' : '–',
        rule.owner === 'invariants' ? 'yes' : '–',
        sourceText(rule),
      ]),
    ),
    '## What only a node can see',
    '',
    'Measured by node health when a node is proved, and again when it is suspected ([guide](../guides/node-health.md)). What a healthy node of',
    'each type reads: [health-checks.md](health-checks.md). While a node works, the node monitoring agent of EKS looks: rule `node-parts-work`.',
    '',
    ...table(['property', 'measurement', 'what follows', 'note'], NODE_PROPERTIES.map(propertyRow)),
  ].join('\n');
}

/** A URL with words after it becomes a link. */
function sourceText({ source }: Pick<Rule, 'source'>): string {
  const [, url, words = ''] = /^(https:\S+)(.*)$/.exec(source) ?? [];
  return url === undefined ? source : `[${new URL(url).hostname}](${url})${words}`;
}

function propertyRow({ property, measurements, note = '' }: NodeProperty): string[] {
  const followed = measurements.map((name) => followsFrom(name));
  const alike = new Set(followed).size === 1;
  const follows = alike ? followed.slice(0, 1) : followed.map((words, i) => `\`${measurements[i]}\`: ${words}`);
  return [
    property,
    measurements.map((name) => `\`${name}\``).join('<br>') || 'none',
    follows.join('<br>') || '–',
    note,
  ];
}

const EXPECTATIONS: readonly HealthThreshold[] = INSTANCE_TYPES.flatMap((type) => healthThresholds(type));

/** What node health does with it: recorded, or compared, and then what. */
function followsFrom(measurement: string): string {
  const rows = EXPECTATIONS.filter((row) => row.measurement === measurement);
  const bounds = [...new Set(rows.map(boundsText))].sort();
  const breaches = [...new Set(rows.map(breachText))].sort();
  if (rows.length === 0) return 'recorded, and compared with nothing';
  return `${bounds.length > 1 ? 'its number by type' : bounds[0]}; otherwise ${breaches.join(' or ')}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}
