/**
 * Every construct, and the reference blueprint, under the three validators that customers run: cdk-nag AwsSolutions, the CloudFormation validator of
 * aws-cdk-lib with its findings as errors, and cfn-lint. What is accepted is acknowledged next to the construct.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import recommendedFlags from 'aws-cdk-lib/recommended-feature-flags.json';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { aiClusterBlueprint } from '../../blueprints/ai-cluster';
import { installCfnLint, lint } from './cfn-lint';
import { addWholeStack } from './whole-stack';

const folder = mkdtempSync(join(tmpdir(), 'aicluster-validators-'));
const cfnLint = installCfnLint();
const validation = process.env.CDK_VALIDATION;

beforeAll(() => {
  delete process.env.CDK_VALIDATION;
});
afterAll(() => {
  if (validation !== undefined) process.env.CDK_VALIDATION = validation;
  rmSync(folder, { recursive: true, force: true });
});

/** Synthesizes with validators on; the findings as one line each, from the report that the CDK writes. */
function findingsOf(name: string, build: (app: App) => void, flags: Record<string, unknown> = {}): string[] {
  const outdir = join(folder, name);
  const app = new App({ outdir, context: { ...flags, '@aws-cdk/core:validateAgainstDefaultRules': true } });
  const pack = new AwsSolutionsChecks(app);
  const nag = jest.spyOn(pack, 'validate');
  Validations.of(app).addPlugins(pack);
  build(app);
  let failure: unknown;
  try {
    app.synth();
  } catch (error) {
    failure = error;
  }
  const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
  // A plugin with nothing to say is not in the report: make sure that it was asked.
  expect(nag).toHaveBeenCalledTimes(1);
  const findings: string[] = report.pluginReports.flatMap((plugin: any) =>
    (plugin.violations ?? []).flatMap((violation: any) =>
      violation.violatingConstructs.map(
        (construct: any) => `${plugin.pluginName} ${violation.ruleName} ${construct.constructPath}`,
      ),
    ),
  );
  if (failure && findings.length === 0) throw failure;
  return findings;
}

/** What the app accepts: rule and reason. */
function acknowledgementsOf(app: App): [rule: string, reason: string][] {
  return app.node.findAll().flatMap(acknowledgementsAt);
}

function acknowledgementsAt(construct: IConstruct): [rule: string, reason: string][] {
  return construct.node.metadata
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as Record<string, string>))
    .map(([rule, reason]) => [rule.replace(/^annotation::/i, ''), reason]);
}

/** What cdk-nag would say to an app that accepts nothing: rule and path. */
function nagWithoutAcknowledgements(app: App): string[] {
  const pack = new AwsSolutionsChecks(app);
  Object.assign(pack, { isAcknowledged: () => false });
  const { violations } = pack.validateScope(app) as { violations: readonly any[] };
  return violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }: any) => `${ruleName} ${constructPath}`),
  );
}

describe.each<[what: string, stacks: string[], build: (app: App) => void]>([
  ['every construct, in one stack', ['Whole'], (app) => addWholeStack(app)],
  ['the reference blueprint', ['AiFoundation', 'AiWorkloads'], (app) => aiClusterBlueprint(app)],
])('%s', (what, stacks, build) => {
  const name = what.replaceAll(/\W+/g, '-');

  it('has no finding of cdk-nag or of the CloudFormation validator that is not acknowledged', () => {
    expect(findingsOf(name, build)).toEqual([]);
  });

  it('has none either with every feature flag that `cdk init` turns on', () => {
    expect(findingsOf(`${name}-flags`, build, recommendedFlags)).toEqual([]);
  });

  it('accepts nothing without a reason', () => {
    const app = new App({ builtinCloudFormationValidation: false, outdir: join(folder, `${name}-reasons`) });
    build(app);
    app.synth();
    const acknowledged = acknowledgementsOf(app);
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(acknowledged.filter(([, reason]) => reason.split(' ').length < 8)).toEqual([]);
  });

  it('accepts nothing of cdk-nag that is not there', () => {
    const app = new App({ builtinCloudFormationValidation: false, outdir: join(folder, `${name}-unused`) });
    build(app);
    app.synth();
    const found = nagWithoutAcknowledgements(app);
    const unused = app.node
      .findAll()
      .flatMap((construct) => acknowledgementsAt(construct).map(([rule]) => `${rule} ${construct.node.path}`))
      .filter(
        (accepted) => accepted.startsWith('AwsSolutions-') && !found.some((finding) => finding.startsWith(accepted)),
      );
    expect(unused).toEqual([]);
  });

  (cfnLint ? it : it.skip)('has no finding of cfn-lint', () => {
    const templates = stacks.map((stack) => join(folder, name, `${stack}.template.json`));
    expect(lint(cfnLint!, templates)).toEqual({ exitCode: 0, output: '' });
  });
});

describe('the validators themselves', () => {
  const careless = (app: App) => {
    const stack = new Stack(app, 'Careless');
    new s3.CfnBucket(stack, 'Bucket', { accessControl: 'PublicRead' }).applyRemovalPolicy(RemovalPolicy.DESTROY);
    new s3.CfnBucket(stack, 'Typo').addPropertyOverride('VersionningConfiguration', { Status: 'Enabled' });
  };

  it('are on: they find what is wrong with a careless bucket', () => {
    const findings = findingsOf('careless', careless);
    expect(findings).toContain('AwsSolutions AwsSolutions-S1 Careless/Bucket');
    expect(findings.filter((finding) => finding.startsWith('CloudFormation Validate'))).not.toEqual([]);
  });

  (cfnLint ? it : it.skip)('include cfn-lint, which finds a property that does not exist', () => {
    const { exitCode, output } = lint(cfnLint!, [join(folder, 'careless', 'Careless.template.json')]);
    expect(exitCode).not.toBe(0);
    expect(output).toContain('E3002');
  });
});
