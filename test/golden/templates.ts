/** The golden templates of the reference blueprint: what `cdk deploy` would send, with asset hashes scrubbed. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { aiClusterBlueprint } from '../../blueprints/ai-cluster';

/** The feature flags of cdk.json: the golden templates are what `cdk synth` makes here. */
const FLAGS = (JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8')) as { context: Record<string, unknown> })
  .context;

/** Hashes of assets change with every build of the bundle and say nothing in review. */
export function scrub(text: string): string {
  return text.replace(/[0-9a-f]{64}/g, 'HASH').replace(/(CurrentVersion)[0-9A-F]{8}[0-9a-f]{32}/g, '$1HASH');
}

/** Synthesizes the blueprint into a folder of its own and returns the text of each file of the assembly that is text. */
export function synthesize(context: Readonly<Record<string, unknown>> = {}): ReadonlyMap<string, object> {
  const outdir = mkdtempSync(join(tmpdir(), 'golden-'));
  try {
    const app = new App({ outdir, context: { ...FLAGS, ...context }, builtinCloudFormationValidation: false, analyticsReporting: false });
    aiClusterBlueprint(app);
    const assembly = app.synth();
    if (assembly.manifest.missing?.length) throw new Error(`synth asked for lookups: ${JSON.stringify(assembly.manifest.missing)}`);
    return new Map(assembly.stacks.map(({ stackName, template }) => [stackName, template as object]));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** What is in ConfigMaps is reviewed where it is written; here only which keys are shipped. */
const SHORTENED = /aicluster-(checks|shipped)/;
function withoutData(template: object): object {
  const shorten = (manifest: string) => {
    const objects = JSON.parse(manifest) as { kind: string; data?: object }[];
    const short = objects.map((one) =>
      one.kind === 'ConfigMap' && one.data ? { ...one, data: Object.fromEntries(Object.keys(one.data).map((file) => [file, 'DATA'])) } : one,
    );
    return JSON.stringify(short);
  };
  const replace = (key: string, value: unknown) => (key === 'Manifest' && typeof value === 'string' && SHORTENED.test(value) ? shorten(value) : value);
  return JSON.parse(JSON.stringify(template, replace)) as object;
}

/** Path → content of the golden templates. */
export function goldenTemplates(): [string, string][] {
  return [...synthesize()].map(([stack, template]) => [`test/golden/templates/${stack}.json`, `${scrub(JSON.stringify(withoutData(template), null, 1))}\n`]);
}
