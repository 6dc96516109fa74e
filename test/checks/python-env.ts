import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { withLock } from '../proof-bed/lock';

/** Packages that a test of the checks needs, from one pinned list. */
export type PythonPart = 'lint' | 'torch';

/**
 * `describe` for tests that need such packages. Without a package index they fail, unless CHECKS_PACKAGES=skip says that this
 * is known; in CI that is no way out.
 */
export const describeWithPackages =
  process.env['CHECKS_PACKAGES'] === 'skip' && process.env['CI'] !== 'true' ? describe.skip : describe;

/** Folder that keeps installed packages between checkouts. */
const CACHE_FOLDER = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'eks-ai-cluster');
const PYTHON = process.env['CHECKS_PYTHON'] || 'python3';
/** Raise when `install` makes something else, so that what the old way made is left behind. */
const RECIPE = 1;
/** What the tests never import, 120 MB of it. */
const NOT_NEEDED = ['torch/include', 'torch/lib/libtorch_cuda_linalg.so', 'torch/share'];
const IMPORTS: Readonly<Record<PythonPart, string>> = {
  lint: 'import ruff',
  torch:
    'import torch, torch.distributed.run, torch.distributed.elastic.agent.server.local_elastic_agent as agent\n' +
    'assert torch.distributed.is_gloo_available() and agent',
};
const INSTALL_TIMEOUT_MS = 600_000;

/**
 * Installs a part once per machine and returns the environment in which Python finds it. For torch, `CHECKS_PYTHON` may
 * name a Python that has it already. Throws with the reason where it cannot be had.
 */
export async function pythonWith(part: PythonPart): Promise<NodeJS.ProcessEnv> {
  const base: NodeJS.ProcessEnv = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  if (part === 'torch' && process.env['CHECKS_PYTHON'] && run(['-c', 'import torch'], base).status === 0) return base;
  const folder = path.join(CACHE_FOLDER, `python-${part}-${fingerprint(part)}`);
  if (!fs.existsSync(folder)) {
    const waiting = () => say(`another run is installing Python packages (${part}); waiting for it`);
    await withLock(`${folder}.lock`, waiting, async () => {
      if (!fs.existsSync(folder)) install(part, folder);
    });
  }
  return { ...base, PYTHONPATH: folder, PATH: `${path.join(folder, 'bin')}${path.delimiter}${base.PATH ?? ''}` };
}

/** Runs Python with its output kept. */
export function run(args: readonly string[], env: NodeJS.ProcessEnv, timeoutMs = 120_000) {
  return spawnSync(PYTHON, args, { encoding: 'utf8', env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 });
}

/** Everything is made in a folder beside the final one, which appears by one rename: it is complete or absent. */
function install(part: PythonPart, folder: string): void {
  const staging = fs.mkdtempSync(`${folder}.partial-`);
  try {
    const started = Date.now();
    say(`installing Python packages (${part}${part === 'torch' ? ', 550 MB, one to three minutes' : ''})`);
    const requirements = path.join(__dirname, `requirements-${part}.txt`);
    // On Linux torch would bring 2.5 GB of NVIDIA's libraries with it; every other package of the list is in the list.
    pip(['--no-deps', '--target', staging, '-r', requirements]);
    if (part === 'torch') slim(staging);
    // Proves that it works, and leaves compiled what the tests import: a third of the time of every later start.
    must(
      run(['-c', IMPORTS[part]], { ...process.env, PYTHONPATH: staging, PYTHONDONTWRITEBYTECODE: '' }),
      `Python packages (${part})`,
    );
    fs.chmodSync(staging, 0o755);
    fs.renameSync(staging, folder);
    say(`Python packages (${part}) ready after ${Math.round((Date.now() - started) / 1000)} s in ${folder}`);
  } catch (error) {
    fs.rmSync(staging, { recursive: true, force: true });
    throw error;
  }
}

function pip(args: readonly string[]): void {
  const quiet = ['--quiet', '--disable-pip-version-check', '--root-user-action', 'ignore', '--no-compile'];
  must(run(['-m', 'pip', 'install', ...quiet, ...args], { ...process.env }, INSTALL_TIMEOUT_MS), 'pip');
}

/** Leaves out what a machine without GPUs never loads, and gives the loader empty libraries for what it insists on. */
function slim(site: string): void {
  for (const name of NOT_NEEDED) fs.rmSync(path.join(site, name), { recursive: true, force: true });
  if (process.platform !== 'linux') return; // elsewhere the wheel is for CPUs only
  must(run([path.join(__dirname, 'empty_libraries.py'), site], { ...process.env }), 'empty_libraries.py (needs cc)');
}

function must(result: ReturnType<typeof run>, what: string): void {
  if (result.status === 0) return;
  throw new Error(`${what}: ${result.error?.message ?? (result.stderr || result.stdout).trim().slice(-500)}`);
}

/** Pinned packages, recipe, Python and machine: what an installed result depends on. */
function fingerprint(part: PythonPart): string {
  const hash = createHash('sha256').update(`${RECIPE} ${process.platform} ${process.arch}`);
  const version = run(['-c', 'import sys; print(sys.version, sys.prefix)'], { ...process.env });
  must(version, PYTHON);
  hash.update(version.stdout);
  const recipe = [`requirements-${part}.txt`, ...(part === 'torch' ? ['empty_libraries.py'] : [])];
  for (const file of recipe) hash.update(fs.readFileSync(path.join(__dirname, file)));
  return hash.digest('hex').slice(0, 12);
}

function say(line: string): void {
  process.stderr.write(`checks: ${line}\n`);
}
