/** What `cdk deploy` would ship: the bundles as the package builds them, the assembly as the CDK app writes it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { type AssemblyObject, readAssembly } from '../../../lib/cli/assembly';
import type { KubeObject } from '../../../lib/domain/kube';

const run = promisify(execFile);
const ROOT = path.join(__dirname, '../../..');

/** One manifest resource of a template: CloudFormation applies and deletes its objects together. */
export interface ManifestResource {
  readonly logicalId: string;
  readonly objects: readonly KubeObject[];
  /** It stays in the cluster when the stack goes. */
  readonly retained: boolean;
}

/** A synthesized assembly. */
export interface ShippedAssembly {
  /** In the order in which CloudFormation creates them. */
  readonly resources: readonly ManifestResource[];
  /** The asset that the pods of the controllers fetch and run. */
  readonly bundle: string;
  /** Deletes the assembly. */
  remove(): void;
}

/** Builds the bundles and synthesizes the reference blueprint with this context, in a folder of its own, without an AWS account. */
export async function synthesizeShipped(context: Readonly<Record<string, string>>): Promise<ShippedAssembly> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aicluster-assembly-'));
  await run(process.execPath, ['build.mjs'], { cwd: ROOT });
  // The app is told its output folder and context as the CDK's command line tells them. The validators are another test's.
  const env = {
    ...process.env,
    CDK_OUTDIR: folder,
    CDK_CONTEXT_JSON: JSON.stringify(context),
    CDK_VALIDATION: 'false',
  };
  await run(process.execPath, ['dist/bin/app.js'], { cwd: ROOT, env });
  const { objects, templates } = readAssembly(folder);
  const isRetained = ({ stack, logicalId }: AssemblyObject): boolean => {
    const resource: object | undefined = templates.find((one) => one.stack === stack)?.template.Resources?.[logicalId];
    return (resource as { DeletionPolicy?: string } | undefined)?.DeletionPolicy === 'Retain';
  };
  return {
    resources: groupByResource(objects, isRetained),
    bundle: bundleOf(folder, objects),
    remove: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
}

function groupByResource(
  objects: readonly AssemblyObject[],
  isRetained: (one: AssemblyObject) => boolean,
): ManifestResource[] {
  const groups = new Map<string, ManifestResource & { objects: KubeObject[] }>();
  for (const one of objects) {
    const key = `${one.stack}/${one.logicalId}`;
    const known = groups.get(key);
    if (known) known.objects.push(one.object);
    else groups.set(key, { logicalId: one.logicalId, objects: [one.object], retained: isRetained(one) });
  }
  return [...groups.values()];
}

/** The one asset whose SHA-256 the Deployment demands; its init container would run no other. */
function bundleOf(folder: string, objects: readonly AssemblyObject[]): string {
  const deployment = objects.find(({ object }) => object.kind === 'Deployment')!.object;
  const [fetch] = deployment.spec.template.spec.initContainers;
  const wanted = fetch.env.find(({ name }: { name: string }) => name === 'BUNDLE_SHA256').value as string;
  const files = fs.readdirSync(folder).filter((name) => /^asset\..*\.js$/.test(name));
  const bundle = files.map((name) => path.join(folder, name)).find((file) => sha256Of(file) === wanted);
  if (!bundle) throw new Error(`no asset in ${folder} has the SHA-256 that the Deployment demands: ${wanted}`);
  return bundle;
}

function sha256Of(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}
