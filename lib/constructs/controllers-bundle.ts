/** The bundle of the controllers as it lies in this package. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PACKAGE = 'eks-ai-cluster';
const BUNDLE = join('dist', 'controllers', 'index.js');

/** Path of the bundle, found from where this file lies. Throws when it has not been built. */
export function findControllersBundle(from: string = __dirname): string {
  const bundle = join(packageRoot(from), BUNDLE);
  if (existsSync(bundle)) return bundle;
  throw new Error(
    `The controllers have not been built: ${bundle} does not exist. Run \`npm run build\`, or pass controllerImage.`,
  );
}

/** SHA-256 of a file in hex. */
export function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The folder of our package.json, above the sources as well as above `dist`. */
export function packageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (nameIn(join(folder, 'package.json')) === PACKAGE) return folder;
    if (folder === dirname(folder)) {
      throw new Error(`No package.json of ${PACKAGE} above ${from}: install the package as a whole.`);
    }
  }
}

function nameIn(file: string): string | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name : undefined;
}
