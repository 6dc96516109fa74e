/** moto from PyPI, a server that plays EC2 and S3, in a virtual environment of its own in the user's cache. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

const VERSION = '5.2.5';
/** What its server needs for EC2 and S3; the extra `server` would bring the needs of every service, twice the size. */
const PACKAGES = [`moto[ec2,s3]==${VERSION}`, 'flask==3.1.3', 'flask-cors==6.0.5'];
const HOME = join(homedir(), '.cache/eks-ai-cluster/moto');
const SERVER = join(HOME, 'bin/moto_server');
const START_MS = 60_000;

/** A running moto. */
export interface Moto {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Installs moto unless it is there. Undefined with a reason on the console when it cannot be had; in CI that throws. */
export function installMoto(): string | undefined {
  try {
    if (!isInstalled()) install();
    return SERVER;
  } catch (error) {
    if (process.env.CI) throw error;
    console.warn(`moto ${VERSION} cannot be installed (python3 with venv and PyPI are needed): ${String(error)}`);
    return undefined;
  }
}

function isInstalled(): boolean {
  if (!existsSync(SERVER)) return false;
  const script = 'import importlib.metadata as m; print(m.version("moto"), m.version("flask-cors"))';
  return execFileSync(join(HOME, 'bin/python'), ['-c', script], { encoding: 'utf8' }).startsWith(`${VERSION} `);
}

function install(): void {
  execFileSync('python3', ['-m', 'venv', HOME], { stdio: 'pipe' });
  execFileSync(join(HOME, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...PACKAGES], {
    stdio: 'pipe',
  });
}

/** Starts the server on a free loopback port and waits until it answers. */
export async function startMoto(server: string): Promise<Moto> {
  const port = await freePort();
  const child = spawn(server, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  const untilMs = Date.now() + START_MS;
  while (!(await answers(endpoint))) {
    if (child.exitCode !== null || Date.now() > untilMs) {
      await stop(child);
      throw new Error(`moto does not answer on ${endpoint} (exit code ${child.exitCode})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { endpoint, stop: () => stop(child) };
}

async function answers(endpoint: string): Promise<boolean> {
  return fetch(`${endpoint}/moto-api/`, { signal: AbortSignal.timeout(2000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
