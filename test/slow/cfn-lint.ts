/** cfn-lint from PyPI, in a virtual environment of its own in the user's cache. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const VERSION = '1.51.0';
const HOME = join(homedir(), '.cache/eks-ai-cluster/cfn-lint');
const BINARY = join(HOME, 'bin/cfn-lint');

/** Rules not asked, and why. */
const IGNORED = {
  W3005: 'aws-cdk-lib writes DependsOn where a reference already orders two resources: harmless, and not our code',
  W3010: 'zones are named on purpose: a Capacity Block is in one zone, and synth must be the same for everybody',
};

/** What cfn-lint says about one template. */
export interface LintResult {
  readonly exitCode: number;
  readonly output: string;
}

/** Installs cfn-lint unless it is there. Undefined with a reason on the console when it cannot be had; in CI that throws. */
export function installCfnLint(): string | undefined {
  try {
    if (!existsSync(BINARY) || !execFileSync(BINARY, ['--version'], { encoding: 'utf8' }).includes(VERSION)) install();
    return BINARY;
  } catch (error) {
    if (process.env.CI) throw error;
    console.warn(`cfn-lint ${VERSION} cannot be installed (python3 with venv and PyPI are needed): ${String(error)}`);
    return undefined;
  }
}

/** Lints templates. */
export function lint(binary: string, templates: readonly string[]): LintResult {
  const ignored = Object.keys(IGNORED).flatMap((rule) => ['-i', rule]);
  const { status, stdout, stderr } = spawnSync(binary, ['-f', 'parseable', ...ignored, '-t', ...templates], {
    encoding: 'utf8',
  });
  return { exitCode: status ?? 1, output: stdout + stderr };
}

function install(): void {
  execFileSync('python3', ['-m', 'venv', HOME], { stdio: 'pipe' });
  execFileSync(join(HOME, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', `cfn-lint==${VERSION}`], {
    stdio: 'pipe',
  });
}
