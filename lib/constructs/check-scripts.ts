/** The scripts that prove nodes, as they lie in this package. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './controllers-bundle';

/** Scripts are files of the folder itself; what lies in folders below it are their tests. */
const SCRIPT = /\.(py|sh)$/;

/** The scripts by file name, found from where this file lies. Throws when there are none. */
export function readCheckScripts(from: string = __dirname): Readonly<Record<string, string>> {
  const folder = join(packageRoot(from), 'checks');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => SCRIPT.test(name)) : [];
  if (names.length === 0) {
    throw new Error(`${folder} holds no scripts: install the package as a whole, nodes cannot be proved without them.`);
  }
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
