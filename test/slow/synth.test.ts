/** Synth needs no account, no credentials and no lookup, and gives the same bytes every time, wherever a stack lives. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type Environment } from 'aws-cdk-lib';
import { addWholeStack } from './whole-stack';

function synthesize(env: Environment | undefined): { missing: unknown[]; template: string } {
  const outdir = mkdtempSync(join(tmpdir(), 'aicluster-synth-'));
  try {
    const app = new App({ outdir, builtinCloudFormationValidation: false });
    addWholeStack(app, env);
    const { manifest } = app.synth();
    return { missing: manifest.missing ?? [], template: readFileSync(join(outdir, 'Whole.template.json'), 'utf8') };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

describe.each<[where: string, env: Environment | undefined]>([
  ['no account and no region', undefined],
  ['a region', { region: 'us-east-2' }],
  ['an account and a region', { account: '111122223333', region: 'us-east-2' }],
])('every construct with %s', (_, env) => {
  const credentials = { ...process.env };
  beforeAll(() => {
    for (const name of Object.keys(process.env))
      if (name.startsWith('AWS_') || name.startsWith('CDK_')) delete process.env[name];
  });
  afterAll(() => Object.assign(process.env, credentials));

  it('synthesizes the same bytes twice, without a lookup', () => {
    const first = synthesize(env);
    expect(first.missing).toEqual([]);
    expect(synthesize(env).template).toBe(first.template);
  });

  it('stays far below the limits of a template', () => {
    const { template } = synthesize(env);
    expect(Buffer.byteLength(template)).toBeLessThan(800_000);
    expect(Object.keys(JSON.parse(template).Resources).length).toBeLessThan(400);
  });
});
