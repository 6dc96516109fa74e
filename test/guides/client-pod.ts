/** Runs the client of docs/guides/checkpoint_client.py as in a pod: with the files and the environment that kubelet gives to one. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const GUIDES = path.join(__dirname, '..', '..', 'docs', 'guides');

/** Where the API server is, and who vouches for it. */
export interface PodOptions {
  readonly serverUrl: string;
  /** PEM. */
  readonly authority: string;
  readonly namespace: string;
  readonly token: string;
}

/** How a run of Python ended. */
export interface PythonRun {
  readonly code: number | null;
  readonly out: string;
  /** What it logged, and the traceback if it raised. */
  readonly said: string;
}

/** Python that still runs. */
export interface RunningPython {
  /** What it has printed so far. */
  out(): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<PythonRun>;
}

/** A folder that looks like the file system of a pod. */
export class ClientPod {
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'checkpoint-client-'));

  private readonly running = new Set<ChildProcess>();

  constructor(private readonly options: PodOptions) {
    this.write('token', options.token);
    this.write('ca.crt', options.authority);
    this.write('namespace', options.namespace);
  }

  /** kubelet has renewed the token, or somebody has annotated the pod. */
  write(file: 'token' | 'ca.crt' | 'namespace' | 'annotations', content: string): void {
    fs.writeFileSync(path.join(this.folder, file), content);
  }

  /** Runs lines of Python in which the client is imported as `c`. */
  run(...lines: readonly string[]): Promise<PythonRun> {
    return this.start(lines.join('\n')).ended;
  }

  /** Like `run`, for what has to be met while it runs. `modules`: a folder with more modules. */
  start(script: string, modules: string = this.folder): RunningPython {
    const { hostname, port } = new URL(this.options.serverUrl);
    const prelude = [
      'import json, sys, checkpoint_client as c',
      'from datetime import datetime, timedelta, timezone',
      `c.ACCOUNT = ${JSON.stringify(this.folder)}`,
      `c.ANNOTATIONS = ${JSON.stringify(path.join(this.folder, 'annotations'))}`,
      'at = lambda text: datetime.fromisoformat(text).replace(tzinfo=timezone.utc)',
    ];
    const child = spawn('python3', ['-c', [...prelude, script].join('\n')], {
      env: {
        PATH: process.env['PATH'] ?? '',
        PYTHONPATH: [GUIDES, modules].join(path.delimiter),
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONUNBUFFERED: '1',
        KUBERNETES_SERVICE_HOST: hostname,
        KUBERNETES_SERVICE_PORT: port,
        GANG: 'llama',
        // Of the team's own: the API server is never behind it.
        HTTPS_PROXY: 'http://127.0.0.1:1',
      },
    });
    this.running.add(child);
    let [out, said] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise<PythonRun>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        this.running.delete(child);
        resolve({ code, out: out.trim(), said });
      });
    });
    return { out: () => out, kill: (signal) => void child.kill(signal), ended };
  }

  /** Its folder is gone afterwards, and what still runs in it is ended. */
  remove(): void {
    for (const child of this.running) child.kill('SIGKILL');
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A key and the certificate that it vouches for itself with, for 127.0.0.1. */
export function makeCertificate(): { readonly key: string; readonly cert: string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'checkpoint-certificate-'));
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const name = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const made = { key: fs.readFileSync(key, 'utf8'), cert: fs.readFileSync(cert, 'utf8') };
  fs.rmSync(folder, { recursive: true, force: true });
  return made;
}

/** `describe`, skipped where Python or openssl are missing, but never in CI. */
export const describeWithPython: (name: string, tests: () => void) => void =
  process.env['CI'] || ['python3', 'openssl'].every((program) => !spawnSync(program, ['version']).error)
    ? describe
    : describe.skip;

/** The blocks of code of one language in a guide. @default guide checkpoints.md */
export function guideBlocks(language: string, guide = 'checkpoints.md'): string[] {
  const text = fs.readFileSync(path.join(GUIDES, guide), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block!);
}
