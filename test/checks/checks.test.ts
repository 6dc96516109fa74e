/** The check scripts: their own tests, and their linters. Measurements for real need torch: collective.test.ts. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describeWithPackages, pythonWith, run } from './python-env';

const ROOT = path.join(__dirname, '..', '..');
const CHECKS = path.join(ROOT, 'checks');
const plain = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
const shipped = () => fs.readdirSync(CHECKS).filter((name) => /\.(py|sh)$/.test(name));

describe('the check scripts', () => {
  it('pass their own tests', () => {
    const result = run(['-m', 'unittest', 'discover', '-s', path.join(CHECKS, 'tests'), '-t', CHECKS], plain, 280_000);
    expect({ status: result.status, output: result.status === 0 ? '' : result.stderr.slice(-6000) }).toEqual({
      status: 0,
      output: '',
    });
    const ran = Number(/^Ran (\d+) tests/m.exec(result.stderr)?.[1]);
    expect(ran).toBeGreaterThan(80);
    expect(result.stderr).not.toContain('skipped');
  }, 300_000);

  it('fit into a ConfigMap, all of them in one folder', () => {
    const bytes = shipped().reduce((sum, name) => sum + fs.statSync(path.join(CHECKS, name)).size, 0);
    expect(shipped()).toEqual(expect.arrayContaining(['run.sh', 'one_node.py', 'many_nodes.py', 'collective.py']));
    expect(bytes).toBeLessThan(500_000);
  });

  it('travel with the package, without their tests and recordings', () => {
    const { files } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
    expect(files).toEqual(expect.arrayContaining(['checks/*.py', 'checks/*.sh']));
    expect(files.filter((entry) => /tests|testdata/.test(entry))).toEqual([]);
  });

  it('stay small: a file under 300 lines, as everywhere', () => {
    const lines = (name: string) => fs.readFileSync(path.join(CHECKS, name), 'utf8').split('\n').length;
    expect(shipped().filter((name) => lines(name) > OWN_LIMIT)).toEqual([]);
  });

  it('say where every recording comes from', () => {
    const readme = fs.readFileSync(path.join(CHECKS, 'testdata', 'README.md'), 'utf8');
    const recordings = fs.readdirSync(path.join(CHECKS, 'testdata')).filter((name) => name !== 'README.md');
    expect(recordings.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });
});

const OWN_LIMIT = 300;

describeWithPackages('the linters', () => {
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    env = await pythonWith('lint');
  }, 300_000);

  const folders = [CHECKS, __dirname];
  const ruff = (...args: string[]) => run(['-m', 'ruff', ...args, '--no-cache', ...folders], env);

  it('find nothing in the Python', () => {
    expect(ruff('check', '--quiet', '--output-format', 'concise', '--config', `${CHECKS}/ruff.toml`).stdout).toBe('');
  });

  it('find it formatted', () => {
    expect(ruff('format', '--check', '--quiet', '--config', `${CHECKS}/ruff.toml`).stdout).toBe('');
  });

  it('find nothing in the shell', () => {
    const shellcheck = ['-c', 'import subprocess, sys; sys.exit(subprocess.call(["shellcheck", *sys.argv[1:]]))'];
    const result = run([...shellcheck, '--shell', 'sh', path.join(CHECKS, 'run.sh')], env);
    expect({ status: result.status, output: result.stdout }).toEqual({ status: 0, output: '' });
  });

  it('would find something if it were there', () => {
    const folder = fs.mkdtempSync(path.join(ROOT, '.ruff-'));
    try {
      fs.writeFileSync(path.join(folder, 'bad.py'), 'import os\n');
      const result = run(['-m', 'ruff', 'check', '--no-cache', '--config', `${CHECKS}/ruff.toml`, folder], env);
      expect(result.stdout).toContain('F401');
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
