/** `aicluster check`: the rules that need no cluster, over a synthesized assembly. */
import { parseArgs } from 'node:util';
import { readAssembly, type AssemblyManifests } from './assembly';
import { EXIT, type Output } from './output';
import { RULES, type Finding } from './rules';

const HELP = `Usage: aicluster check [--assembly DIR] [--json]

Checks a synthesized cloud assembly against the rules that need no cluster.

  --assembly DIR  output folder of cdk synth (default: cdk.out)
  --json          the last line is {rules, findings: [{rule, severity, object, message}]}

Exit codes: 0 nothing above a warning, 1 at least one error, 2 the assembly cannot be read.

Examples:
  cdk synth --quiet && aicluster check
  aicluster check --assembly build/cdk.out --json | jq '.findings[]'`;

/** Every finding of every rule, by rule, then object. */
export function checkAssembly(assembly: AssemblyManifests): Finding[] {
  return RULES.flatMap((rule) =>
    rule.check(assembly).map((finding) => ({ rule: rule.name, severity: rule.severity, ...finding })),
  );
}

/** Runs the command; returns its exit code. */
export function checkCommand(args: readonly string[], out: Output): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      assembly: { type: 'string', default: 'cdk.out' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    out.stdout(HELP);
    return EXIT.ok;
  }
  const findings = checkAssembly(readAssembly(values.assembly));
  if (values.json) {
    out.stdout(JSON.stringify({ rules: RULES.map(({ name }) => name), findings }));
  } else {
    for (const { rule, severity, object, message } of findings)
      out.stdout(`${severity}  ${object}: ${message}  [${rule}]`);
    out.stdout(`${RULES.length} rules, ${findings.length} findings`);
  }
  return findings.some(({ severity }) => severity === 'error') ? EXIT.findings : EXIT.ok;
}
