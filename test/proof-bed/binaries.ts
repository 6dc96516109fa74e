import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { buildPart } from './build-part';
import { downloadKubernetes } from './download';
import { withLock } from './lock';
import { GO_FOLDER, PARTS, type Part, type PartName } from './parts';

/** Where the programs and manifests of a bed lie. */
export interface Binaries {
  /** Path of a program, e.g. `kube-apiserver`. Throws when its part was not asked for. */
  program(name: string): string;
  /** Folder of a part, with `crds/` (karpenter, volcano) or `stages/` (kwok) in it. */
  folder(part: PartName): string;
}

/** The programs cannot be had on this machine; the message says what is missing and the ways out. */
export class BinariesMissing extends Error {
  override readonly name = 'BinariesMissing';
}

/** How `findBinaries` looks around. */
export interface FindOptions {
  /** Parts wanted. @default all five */
  readonly parts?: readonly PartName[];
  /** Where progress goes, one line a call. @default stderr */
  readonly say?: (line: string) => void;
  /** Folder that keeps built and downloaded programs. @default `~/.cache/eks-ai-cluster/control-plane` */
  readonly cacheFolder?: string;
}

/** Progress and troubles of the bed, one line a call, where they do not mix with a test's output. */
export function sayOnStderr(line: string): void {
  process.stderr.write(`proof bed: ${line}\n`);
}

/** Folder that keeps built programs between checkouts. */
export const DEFAULT_CACHE_FOLDER = path.join(
  process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'),
  'eks-ai-cluster',
  'control-plane',
);

/**
 * Finds the programs of the bed, in this order: `KUBEBUILDER_ASSETS`, the cache, a download of the official Kubernetes
 * release, a Go build from the module proxy. A cold build takes 6 to 12 minutes on two cores and happens once per machine.
 */
export async function findBinaries(options: FindOptions = {}): Promise<Binaries> {
  const say = options.say ?? sayOnStderr;
  const cacheFolder = options.cacheFolder ?? DEFAULT_CACHE_FOLDER;
  const folders = new Map<PartName, string>();
  for (const name of options.parts ?? (Object.keys(PARTS) as PartName[])) {
    folders.set(name, await findPart(PARTS[name], cacheFolder, say));
  }
  return {
    folder: (part) => require_(folders.get(part), `part ${part} of the proof bed was not asked for`),
    program: (name) => {
      const part = Object.values(PARTS).find(({ programs }) => programs.includes(name));
      const folder = part && folders.get(part.name);
      return path.join(require_(folder, `program ${name} of the proof bed was not asked for`), name);
    },
  };
}

async function findPart(part: Part, cacheFolder: string, say: (line: string) => void): Promise<string> {
  const assets = fromAssets(part, say);
  if (assets) return assets;
  const folder = path.join(cacheFolder, `${part.name}-${part.version}-${fingerprint(part)}`);
  if (fs.existsSync(folder)) return folder;
  const waiting = () => say(`another run is preparing ${part.name} ${part.version}; waiting for it`);
  await withLock(`${folder}.lock`, waiting, async () => {
    if (!fs.existsSync(folder)) await prepare(part, folder, say);
  });
  return folder;
}

/** Everything is made in a folder beside the final one, which appears by one rename: it is complete or absent. */
async function prepare(part: Part, folder: string, say: (line: string) => void): Promise<void> {
  clearPartial(folder);
  const staging = fs.mkdtempSync(`${folder}.partial-`);
  try {
    const started = Date.now();
    if (!(part.name === 'kubernetes' && (await downloadKubernetes(staging, say)))) {
      requireGo(part);
      say(`building ${part.name} ${part.version} (${part.buildTime} the first time on two cores)`);
      await buildPart(part, staging, say);
    }
    fs.chmodSync(staging, 0o755);
    fs.renameSync(staging, folder);
    say(`${part.name} ${part.version} ready after ${Math.round((Date.now() - started) / 1000)} s in ${folder}`);
  } catch (error) {
    fs.rmSync(staging, { recursive: true, force: true });
    throw error;
  }
}

/** We hold the lock, so what lies here half-made was left by a run that was killed. */
function clearPartial(folder: string): void {
  for (const name of fs.readdirSync(path.dirname(folder))) {
    const isPartial = name.startsWith(`${path.basename(folder)}.partial-`);
    if (isPartial) fs.rmSync(path.join(path.dirname(folder), name), { recursive: true, force: true });
  }
}

/** `KUBEBUILDER_ASSETS` counts when it has every program of the part, in our minor version for Kubernetes. */
function fromAssets(part: Part, say: (line: string) => void): string | undefined {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (!assets || part.programs.length === 0 || part.copy.length > 0) return undefined;
  const missing = part.programs.filter((program) => !fs.existsSync(path.join(assets, program)));
  if (missing.length > 0) {
    say(`KUBEBUILDER_ASSETS=${assets} has no ${missing.join(', ')}; looking further for ${part.name}`);
    return undefined;
  }
  if (part.name !== 'kubernetes') return assets;
  const version =
    spawnSync(path.join(assets, 'kube-apiserver'), ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  if (version.includes(` v${part.version.replace(/\.\d+$/, '.')}`)) return assets;
  say(`KUBEBUILDER_ASSETS=${assets} holds "${version}", the bed needs ${part.version}; looking further`);
  return undefined;
}

/** Pinned modules, recipe and machine: what a cached result depends on besides the version in its name. */
function fingerprint(part: Part): string {
  const { buildTime: _, ...recipe } = part;
  const hash = createHash('sha256').update(`${JSON.stringify(recipe)} ${process.platform} ${process.arch}\n`);
  const folder = path.join(GO_FOLDER, part.name);
  for (const file of fs.readdirSync(folder).sort()) hash.update(fs.readFileSync(path.join(folder, file)));
  return hash.digest('hex').slice(0, 8);
}

function requireGo(part: Part): void {
  const directives = Object.keys(PARTS).map((name) => fs.readFileSync(path.join(GO_FOLDER, name, 'go.mod'), 'utf8'));
  const versions = directives.map((goMod) => /^go (\S+)$/m.exec(goMod)?.[1] ?? '');
  const wanted = versions.sort((one, other) => one.localeCompare(other, 'en', { numeric: true })).at(-1);
  const found = spawnSync('go', ['env', 'GOVERSION'], {
    cwd: path.join(GO_FOLDER, part.name),
    env: process.env,
    encoding: 'utf8',
  });
  if (found.status === 0) return;
  const state = found.error ? '`go` is not on the PATH' : found.stderr.trim();
  throw new BinariesMissing(
    `${part.name} ${part.version} is neither in KUBEBUILDER_ASSETS nor in the cache, and it cannot be built: ${state}. ` +
      `Install Go ${wanted} or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder with ${part.programs.join(', ')}.`,
  );
}

function require_<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new Error(message);
  return value;
}
