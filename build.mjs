/**
 * Bundles the three doors with esbuild.
 *
 * dist/controllers/index.js  what `cdk deploy` ships: self-contained, minified, with a source map beside it
 * dist/bin/aicluster.js      the command line: self-contained, so that a customer's install stays small
 * dist/bin/app.js            the CDK app: aws-cdk-lib and friends stay outside, they are peers
 */
import { build } from 'esbuild';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';

const common = {
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  sourcemap: true,
  logLevel: 'warning',
};
const peers = ['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs', 'cdk8s', 'cdk8s-plus-30', '@aws-cdk/*'];

const bundles = [
  {
    entryPoints: ['bin/controllers.ts'],
    outfile: 'dist/controllers/index.js',
    // ES modules where packages have them: only those can be shaken, and CommonJS of the AWS SDK is every EC2 command.
    mainFields: ['module', 'main'],
    ...{ minify: true, keepNames: true, metafile: true, sourcemap: false },
  },
  { entryPoints: ['bin/aicluster.ts'], outfile: 'dist/bin/aicluster.js', banner: { js: '#!/usr/bin/env node' } },
  { entryPoints: ['bin/app.ts'], outfile: 'dist/bin/app.js', external: peers },
];

await mkdir('dist', { recursive: true });
for (const options of bundles) {
  if (!existsSync(options.entryPoints[0])) continue;
  const result = await build({ ...common, ...options });
  // The house test reads this: no cloud or chart library may reach the bundle that ships.
  if (result.metafile) await writeFile('dist/controllers.meta.json', JSON.stringify(result.metafile));
}
