/** Synthesizes the reference blueprint in a process of its own: aws-cdk-lib never enters the command line. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../output';

/** Runs the CDK app beside this bundle and returns the folder of its assembly, a temporary one that the caller removes. */
export async function synthesizeReference(app: string): Promise<string> {
  if (!existsSync(app))
    throw new UsageError(`the CDK app '${app}' is not built: run npm run build, or pass --assembly`);
  const folder = mkdtempSync(join(tmpdir(), 'aicluster-rehearsal-'));
  const child = spawn(process.execPath, [app], {
    // The validator costs seconds and is the business of the tests.
    env: { ...process.env, CDK_OUTDIR: folder, CDK_VALIDATION: 'false' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0) {
    const text = Buffer.concat(errors).toString();
    const hint = text.includes('Cannot find module')
      ? ' (aws-cdk-lib, constructs, cdk8s and cdk8s-plus-30 must be installed)'
      : '';
    throw new UsageError(`synthesizing the reference blueprint failed${hint}:\n${text}`);
  }
  return folder;
}
