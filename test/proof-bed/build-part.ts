import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { GO_FOLDER, type Part } from './parts';

const STILL_BUILDING_MS = 60_000;

/** Compiles, copies and generates everything of a part into `folder`, from the Go modules pinned in `go/<part>`. */
export async function buildPart(part: Part, folder: string, say: (line: string) => void): Promise<void> {
  const started = Date.now();
  const heartbeat = setInterval(
    () => say(`still building ${part.name} (${Math.round((Date.now() - started) / 1000)} s so far)`),
    STILL_BUILDING_MS,
  );
  try {
    for (const [index, goPackage] of part.compile.packages.entries()) {
      const out = path.join(folder, part.programs[index] ?? path.basename(goPackage));
      await go(part, ['build', '-trimpath', '-ldflags', `-s -w ${part.compile.ldflags}`, '-o', out, goPackage]);
    }
    for (const { module, from, to } of part.copy) {
      const moduleFolder = (await go(part, ['list', '-m', '-f', '{{.Dir}}', module])).trim();
      copyWritable(path.join(moduleFolder, from), path.join(folder, to));
    }
    if (part.generateCrds.length > 0) await generateCrds(part, path.join(folder, 'crds'));
  } finally {
    clearInterval(heartbeat);
  }
}

async function generateCrds(part: Part, folder: string): Promise<void> {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'controller-gen-'));
  try {
    const generator = path.join(scratch, 'controller-gen');
    await go(part, ['build', '-trimpath', '-o', generator, 'sigs.k8s.io/controller-tools/cmd/controller-gen']);
    for (const goPackage of part.generateCrds) {
      // One path a call: the generator skips packages it does not see as roots.
      const generate = [
        'crd:crdVersions=v1,allowDangerousTypes=true',
        `paths=${goPackage}`,
        `output:crd:dir=${folder}`,
      ];
      await run(part, generator, generate);
    }
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function go(part: Part, argv: readonly string[]): Promise<string> {
  return run(part, 'go', argv);
}

/** Runs one command in the part's pinned module; the error carries the end of what the command said. */
function run(part: Part, command: string, argv: readonly string[]): Promise<string> {
  const environment = { ...process.env, GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off', CGO_ENABLED: '0' };
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, { cwd: path.join(GO_FOLDER, part.name), env: environment });
    let [out, said] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve(out);
      const reason = said.trim().split('\n').slice(-8).join('\n');
      reject(new Error(`${part.name} ${part.version}: "${command} ${argv[0]}" ended with ${code}: ${reason}`));
    });
  });
}

/** Files of the Go module cache are read-only; their copies must be removable. */
function copyWritable(from: string, to: string): void {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.cpSync(from, to, { recursive: true });
  const entries = fs.statSync(to).isDirectory() ? fs.readdirSync(to).map((name) => path.join(to, name)) : [];
  for (const entry of [to, ...entries]) fs.chmodSync(entry, fs.statSync(entry).isDirectory() ? 0o755 : 0o644);
}
