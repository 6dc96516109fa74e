import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PARTS } from './parts';

const OFFICIAL = 'https://dl.k8s.io';
const ANSWER_TIMEOUT_MS = 3_000;
const FILE_TIMEOUT_MS = 300_000;

/**
 * Downloads the four Kubernetes programs of the official release into `folder`, each checked against the SHA-256 beside it.
 * Returns false, and says so in one line, where the release cannot be had: no internet, no build for this machine.
 * (The `envtest` release holds neither kube-controller-manager nor kube-scheduler, so it would not do.)
 */
export async function downloadKubernetes(
  folder: string,
  say: (line: string) => void,
  site: string = OFFICIAL,
): Promise<boolean> {
  if (process.platform !== 'linux') return false; // servers are released for Linux only
  const { version, programs } = PARTS.kubernetes;
  const machine = process.arch === 'x64' ? 'amd64' : process.arch;
  const address = (program: string) => `${site}/release/v${version}/bin/linux/${machine}/${program}`;
  try {
    await fetchText(`${address('kubectl')}.sha256`, ANSWER_TIMEOUT_MS);
    for (const program of programs) {
      say(`downloading ${program} ${version}`);
      await download(address(program), path.join(folder, program));
    }
    return true;
  } catch (error) {
    for (const program of programs) fs.rmSync(path.join(folder, program), { force: true });
    say(`no download of Kubernetes ${version} from ${site} (${reasonOf(error)})`);
    return false;
  }
}

async function download(address: string, file: string): Promise<void> {
  const expected = (await fetchText(`${address}.sha256`, ANSWER_TIMEOUT_MS)).trim().split(/\s/)[0];
  const answer = await fetch(address, { signal: AbortSignal.timeout(FILE_TIMEOUT_MS) });
  if (!answer.ok || !answer.body) throw new Error(`${address}: HTTP ${answer.status}`);
  const hash = createHash('sha256');
  const out = fs.openSync(file, 'w', 0o755);
  try {
    for await (const chunk of answer.body) {
      hash.update(chunk);
      fs.writeSync(out, chunk);
    }
  } finally {
    fs.closeSync(out);
  }
  const actual = hash.digest('hex');
  if (actual !== expected) throw new Error(`${address}: SHA-256 is ${actual}, the release says ${expected}`);
}

async function fetchText(address: string, timeoutMs: number): Promise<string> {
  const answer = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok) throw new Error(`${address}: HTTP ${answer.status}`);
  return answer.text();
}

function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return cause?.code ?? cause?.message ?? (error as Error).message;
}
