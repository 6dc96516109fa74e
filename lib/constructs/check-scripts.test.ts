import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCheckScripts } from './check-scripts';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'checks-')));
  writeFileSync(join(folder, 'package.json'), '{"name":"eks-ai-cluster"}');
  mkdirSync(join(folder, 'dist', 'lib', 'constructs'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the scripts of the checks', () => {
  it('are the Python and shell files of the folder, from the sources and from dist alike', () => {
    mkdirSync(join(folder, 'checks', 'tests'), { recursive: true });
    for (const name of ['run.sh', 'one_node.py', 'MEASUREMENTS.md', join('tests', 'test_one_node.py')])
      writeFileSync(join(folder, 'checks', name), name);
    const scripts = { 'one_node.py': 'one_node.py', 'run.sh': 'run.sh' };
    expect(readCheckScripts(folder)).toEqual(scripts);
    expect(readCheckScripts(join(folder, 'dist', 'lib', 'constructs'))).toEqual(scripts);
  });

  it('are missed with a sentence when they are not there', () => {
    expect(() => readCheckScripts(folder)).toThrow('holds no scripts');
  });
});
