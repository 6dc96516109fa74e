import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { withLock } from './lock';
import { commandLineOf, identityOf, isAlive, killAndWait, type ProcessIdentity } from './processes';

// Below the range from which Linux and macOS take the ports of outgoing connections: no client can sit on our port.
const FIRST_PORT = 21_000;
const PORTS_PER_BED = 10;
const MOST_BEDS = 100;
const HALF_CLAIMED_MS = 60_000;
const CLAIM_LOCK = path.join(os.tmpdir(), `eks-ai-cluster-beds-${os.userInfo().uid}.lock`);

/** What `processes.json` in a bed's folder says. */
interface Register {
  readonly owner: ProcessIdentity;
  readonly guard?: ProcessIdentity;
  readonly children: ProcessIdentity[];
}

/** A bed's folder: the claim on a block of ports, the list of its processes, and all its files. */
export interface BedFolder {
  readonly path: string;
  /** The n-th port of this bed, 0 to 9. */
  port(index: number): number;
  /** Notes a started child, so that it can be found after a crash. */
  register(child: ChildProcess): ProcessIdentity;
  /** Forgets the bed: ends its guard and deletes the folder. */
  release(): Promise<void>;
}

/**
 * Claims a folder and ten loopback ports for one bed. The folder's name is the claim (`mkdir` succeeds for one only), so beds
 * side by side never share a port. Beds whose owner has died are cleared away on the way.
 */
export function claimBedFolder(): Promise<BedFolder> {
  return withLock(CLAIM_LOCK, () => undefined, claim);
}

async function claim(): Promise<BedFolder> {
  await reapDeadBeds();
  for (let index = 0; index < MOST_BEDS; index++) {
    const folder = folderOf(index);
    try {
      fs.mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    const firstPort = FIRST_PORT + index * PORTS_PER_BED;
    if (await allFree(firstPort)) return open(folder, firstPort);
    fs.rmSync(folder, { recursive: true });
  }
  throw new Error(
    `no free block of ports for a proof bed in ${FIRST_PORT} to ${FIRST_PORT + MOST_BEDS * PORTS_PER_BED - 1}: ` +
      `${MOST_BEDS} beds run, or other programs listen there. Stop some, or delete stale ${folderOf(0)}* folders.`,
  );
}

function open(folder: string, firstPort: number): BedFolder {
  const owner = identityOf(process.pid) as ProcessIdentity;
  writeRegister(folder, { owner, children: [] });
  const guard = identityOf(startGuard(folder).pid ?? -1);
  const register: Register = { owner, guard, children: [] };
  writeRegister(folder, register);
  return {
    path: folder,
    port: (index) => firstPort + index,
    register: (child) => {
      const identity = identityOf(child.pid ?? -1) ?? { pid: child.pid ?? -1, startedAt: 'gone at once' };
      register.children.push(identity);
      writeRegister(folder, register);
      return identity;
    },
    release: async () => {
      // Off duty before the folder goes: the guard deletes folders too.
      if (guard) await killAndWait([guard]);
      if (!process.env['PROOF_BED_KEEP']) fs.rmSync(folder, { recursive: true, force: true });
      else fs.renameSync(folder, `${folder}-kept-${Date.now()}`);
    },
  };
}

/**
 * The guard outlives us: its standard input is a pipe that closes when this process ends in whatever way (Ctrl-C, kill -9,
 * a crash), and then it clears the bed away. The reaper at the next start is for the case that the guard was killed too.
 */
function startGuard(folder: string): ChildProcess {
  const guard = spawn(process.execPath, [path.join(__dirname, 'guard.mjs'), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as net.Socket).unref();
  return guard;
}

/** Kills what dead owners left behind and deletes their folders. Only called while the claim lock is held. */
async function reapDeadBeds(): Promise<void> {
  for (let index = 0; index < MOST_BEDS; index++) {
    const folder = folderOf(index);
    if (!isDead(folder)) continue;
    const { guard, children } = readRegister(folder) ?? { guard: undefined, children: [] };
    // The guard first: it deletes the folder too, and the folder may soon be somebody else's.
    if (guard) await killAndWait([guard]);
    await killAndWait(children.filter((child) => isAlive(child) && belongsTo(child, folder)));
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Dead: its owner has gone, or was gone before it wrote who it was. Another user's bed is none of our business. */
function isDead(folder: string): boolean {
  const found = fs.statSync(folder, { throwIfNoEntry: false });
  if (!found || found.uid !== os.userInfo().uid) return false;
  const register = readRegister(folder);
  return register ? !isAlive(register.owner) : Date.now() - found.mtimeMs > HALF_CLAIMED_MS;
}

/** A second proof besides the start time: every program of a bed has the bed's folder on its command line. */
function belongsTo(child: ProcessIdentity, folder: string): boolean {
  return commandLineOf(child.pid).includes(`${folder}${path.sep}`);
}

function folderOf(index: number): string {
  return path.join(os.tmpdir(), `eks-ai-cluster-bed-${index}`);
}

function readRegister(folder: string): Register | undefined {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'processes.json'), 'utf8')) as Register;
  } catch {
    return undefined; // no bed there, or one that is being claimed this instant
  }
}

function writeRegister(folder: string, register: Register): void {
  const file = path.join(folder, 'processes.json');
  fs.writeFileSync(`${file}.new`, JSON.stringify(register));
  fs.renameSync(`${file}.new`, file);
}

async function allFree(firstPort: number): Promise<boolean> {
  for (let port = firstPort; port < firstPort + PORTS_PER_BED; port++) if (!(await isFree(port))) return false;
  return true;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
