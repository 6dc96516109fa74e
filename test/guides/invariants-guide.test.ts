/** What the guide on the invariants shows: objects, output of `explain` and `check`, the sentences of admission, names. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parse } from 'yaml';
import { InvariantPolicy, InvariantPolicySpec } from '../../lib/api';
import { ALERTS } from '../../lib/charts';
import { trainingPolicies, type TrainingProperties } from '../../lib/charts/admission/training';
import { RULES as CHECKS } from '../../lib/cli/rules';
import { checkAssembly } from '../../lib/cli/check';
import { explain } from '../../lib/cli/explain';
import { toInvariantPolicy } from '../../lib/constructs/invariants';
import { RULES } from '../../lib/controllers/invariants/rules';
import { guideBlocks } from './client-pod';

const GUIDE = fs.readFileSync(path.join(__dirname, '../../docs/guides/invariants.md'), 'utf8');
const NOW_MS = Date.parse('2026-11-26T05:00:00Z');
const OWNERS = ['capacity', 'moves', 'pools', 'node-health', 'cdk', 'person', 'invariants'];

/** Sentence of a policy of `training`, about a container named trainer. */
function sentenceOf(property: string, properties: TrainingProperties = {}): string {
  const policy: any = trainingPolicies(properties).find(
    ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === `aicluster-training-${property}`,
  );
  return policy.spec.validations[0].messageExpression
    .replace(/"?( \+ )?variables\.bad( \+ )?"?/, 'trainer')
    .replace(/^"|"$/g, '');
}

describe('the guide on the invariants', () => {
  it('shows an InvariantPolicy that the API server takes, of rules that there are, and the same in CDK', () => {
    const [{ metadata, spec }] = guideBlocks('yaml', 'invariants.md').map((block) => parse(block));
    expect(InvariantPolicy.make(metadata.name, spec).spec).toMatchObject(spec);
    const ids = RULES.map(({ id }) => id);
    expect(spec.rules.map(({ id }: any) => id).filter((id: string) => !ids.includes(id))).toEqual([]);
    const named = [...GUIDE.matchAll(/`([a-z]+(?:-[a-z]+){2,})`/g)].map(([, id]) => id!);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((id) => !ids.includes(id) && !id.startsWith('aicluster'))).toEqual([]);
    expect(GUIDE).toContain(`{ repair: { dryRun: false }, rules: [{ id: 'one-driver-per-gang', disabled: true }] }`);
    const made: any = toInvariantPolicy({
      repair: { dryRun: false },
      rules: [{ id: 'one-driver-per-gang', disabled: true }],
    });
    expect(made.spec).toMatchObject({ repair: { dryRun: false, maxPerHour: 3 } });
    const { repair, maxFindings } = InvariantPolicySpec.parse({});
    expect([repair, maxFindings]).toEqual([{ dryRun: true, maxPerHour: 3 }, 256]);
  });

  it('shows what a misspelt rule leads to at synth', () => {
    const wrong = () => toInvariantPolicy({ rules: [{ id: 'one-driver-per-gangs' }] });
    let said = '';
    try {
      wrong();
    } catch (error) {
      said = (error as Error).message;
    }
    expect(GUIDE).toContain(`\`\`\`\n${said}\n\`\`\``);
    expect(said).toContain('one-driver-per-gang ');
  });

  it('shows what aicluster explain invariants would print', () => {
    const findings = [
      {
        rule: 'ranks-have-names',
        object: 'Service research/llama',
        message: 'the ranks of research/llama are named by it, and it is not headless: clusterIP must be None',
        ...{ severity: 'Critical', owner: 'person', since: '2026-11-26T04:48:00Z' },
      },
      {
        rule: 'topology-labels-present',
        object: 'Node i-0f9e8d7c6b5a40312',
        message: 'it lacks the network layers 3: gangs are not packed around it',
        ...{ severity: 'Warning', owner: 'invariants', since: '2026-11-26T04:55:00Z', repairs: 3, conflict: true },
        manager: 'kubectl-edit (update at 2026-11-26T04:59:00Z)',
      },
    ];
    const message = '1 critical, 1 warnings, 0 to know; 1 of them somebody else keeps changing';
    const policy: any = { ...InvariantPolicy.make('default', {}), status: { message, findings } };
    const { text } = explain([policy], 'invariants', undefined, NOW_MS);
    expect(GUIDE).toContain(`$ aicluster explain invariants\n${text.join('\n')}\n\`\`\``);
  });

  it('shows what aicluster check would print', () => {
    const container = { name: 'trainer', resources: { limits: { 'nvidia.com/gpu': '8' } } };
    const job: any = {
      ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'llama', namespace: 'research' } },
      spec: {
        template: { metadata: { labels: { 'aicluster.dev/bucket': 'training' } }, spec: { containers: [container] } },
      },
    };
    const object = { object: job, stack: 'Work', logicalId: 'Job' };
    const findings = checkAssembly({ objects: [object], templates: [] });
    const lines = findings.map(
      ({ severity, object: name, message, rule }) => `${severity}  ${name}: ${message}  [${rule}]`,
    );
    expect(GUIDE).toContain(
      `aicluster check\n${lines.join('\n')}\n${CHECKS.length} rules, ${findings.length} findings\n`,
    );
  });

  it('says with the words of the policies what a researcher reads', () => {
    const warned = `Warning: Validation failed for ValidatingAdmissionPolicy 'NAME' with binding 'NAME': `;
    const refused = `ValidatingAdmissionPolicy 'NAME' with binding 'NAME' denied request: `;
    const named = (words: string, name: string) => words.replaceAll('NAME', name);
    expect(GUIDE).toContain(named(warned, 'aicluster-training-shared-memory') + sentenceOf('shared-memory'));
    expect(GUIDE).toContain(
      named(refused, 'aicluster-training-cpu-limits') + sentenceOf('cpu-limits', { cpuLimits: 'Refuse' }),
    );
  });

  it('lists every property of `training` with what it can, and an example of them that synthesizes', () => {
    const rows = [...GUIDE.matchAll(/^\| `(\w+)` \| .+ \| ((?:Warn|Refuse|Add|Off|, )+) \|$/gm)].map(
      ([, name, can]) => ({
        name: name!,
        can: can!.split(', '),
      }),
    );
    expect(rows.map(({ name }) => name)).toEqual([
      'sharedMemory',
      'efa',
      'efaEnvironment',
      'cpuLimits',
      'selinuxLevel',
    ]);
    for (const { name, can } of rows) {
      for (const action of ['Warn', 'Refuse', 'Add', 'Off']) {
        const make = () => trainingPolicies({ [name]: action });
        if (can.includes(action)) expect(make).not.toThrow();
        else expect(make).toThrow(`training.${name}`);
      }
    }
    const [, example] = /^training: (\{.+\}),$/m.exec(guideBlocks('ts', 'invariants.md')[0]!)!;
    const properties = parse(example!.replaceAll("'", '"'));
    expect(trainingPolicies(properties).map(({ metadata }) => metadata.name)).toContain(
      'aicluster-training-shared-memory-add',
    );
    expect(trainingPolicies(properties).map(({ metadata }) => metadata.name)).not.toContain(
      'aicluster-training-selinux-level',
    );
  });

  it('names every owner of a rule, and alerts that are there', () => {
    const owners = new Set(RULES.map(({ owner }) => owner));
    expect([...owners].filter((owner) => !OWNERS.includes(owner) || !GUIDE.includes(`\`${owner}\``))).toEqual([]);
    const names = [...GUIDE.matchAll(/`AiCluster(\w+)`/g)].map(([, name]) => name!);
    expect(names.length).toBe(4);
    expect(names.filter((name) => !ALERTS.some((alert) => alert.name === name))).toEqual([]);
  });
});
