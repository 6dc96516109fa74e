/** The kubelet's part: runs the shipped bundle under its own service account, and starts it again when it ends. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CONTROLLERS_NAMESPACE } from '../../../lib/charts';
import type { ProcessName } from '../../../lib/controllers/processes';
import { type Bed, waitFor } from '../bed';
import { isAlive, signal } from '../processes';
import type { Program } from '../program';

/** The service account of a process. */
export const accountOf = (name: ProcessName): string => `aicluster-${name}`;
/** The kubelet would back off for seconds; nothing is proved by waiting. */
const LOOK_EVERY_MS = 100;

/** Where the controllers find the world. */
export interface ControllersOptions {
  readonly process: ProcessName;
  /** What the container of its Deployment is told beside what any pod of it is. */
  readonly env: Readonly<Record<string, string>>;
  readonly bundle: string;
  /** URL of the API server, or of a proxy before it. */
  readonly server: string;
  /** URL of EC2's stand-in. */
  readonly ec2: string;
  /** Where it tells its metrics on loopback. @default wherever nobody listens */
  readonly httpPort?: number;
}

/** One pod of the Deployment: its process, and the policy `Always`. */
export class Replica {
  /** How often it ended without being told to, with the words it left. */
  readonly ends: string[] = [];
  private program: Program | undefined;
  private watcher: NodeJS.Timeout | undefined;
  private wanted = false;

  constructor(
    private readonly bed: Bed,
    readonly name: string,
    private readonly options: ControllersOptions,
  ) {}

  /** Starts the process and keeps it running. */
  async start(): Promise<void> {
    this.wanted = true;
    const kubeconfig = await this.kubeconfig();
    const launch = (): void => {
      this.program = this.bed.run({
        name: this.name,
        file: process.execPath,
        args: [this.options.bundle, this.options.process],
        // What the Deployment's pod would have; the region and keys come from EKS Pod Identity there.
        env: {
          ...this.options.env,
          KUBECONFIG: kubeconfig,
          POD_NAME: this.name,
          POD_NAMESPACE: CONTROLLERS_NAMESPACE,
          HTTP_PORT: String(this.options.httpPort ?? 0),
          HTTP_HOST: '127.0.0.1', // a pod listens on its own address; here that would be everybody's
          NODE_ENV: 'production',
          ...compileCache(this.bed),
          AWS_REGION: 'us-east-2',
          AWS_ENDPOINT_URL_EC2: this.options.ec2,
          AWS_ACCESS_KEY_ID: 'stand-in',
          AWS_SECRET_ACCESS_KEY: 'stand-in',
        },
      });
    };
    launch();
    this.watcher = setInterval(() => {
      if (!this.wanted || this.alive()) return;
      const why = this.program?.whyEnded();
      if (why) this.ends.push(why);
      launch();
    }, LOOK_EVERY_MS);
    this.watcher.unref();
  }

  /** Kills the process with SIGKILL and resolves when it is gone; the policy starts it again. */
  async kill(): Promise<void> {
    await this.program?.kill();
  }

  /** Kills the process with SIGKILL and does not start it before `start` is called. */
  async killForGood(): Promise<void> {
    this.wanted = false;
    clearInterval(this.watcher);
    await this.program?.kill();
  }

  /** Tells the process to end as the kubelet does, and does not start it again. Resolves when it is gone. */
  async terminate(): Promise<void> {
    this.wanted = false;
    clearInterval(this.watcher);
    const { program } = this;
    if (!program) return;
    signal(program.process.pid, 'SIGTERM');
    await waitFor(`${this.name} to end`, () => !isAlive(program.process), { timeoutMs: 10_000 });
    await program.kill();
  }

  /** What it has logged so far. */
  log(): string {
    return this.bed.logs(this.name);
  }

  private alive(): boolean {
    return this.program !== undefined && isAlive(this.program.process);
  }

  /** The bed's kubeconfig for the service account, pointed to where we are told. */
  private async kubeconfig(): Promise<string> {
    const text = fs.readFileSync(
      await this.bed.kubeconfigFor(CONTROLLERS_NAMESPACE, accountOf(this.options.process)),
      'utf8',
    );
    const file = path.join(this.bed.folder, `${this.name}.kubeconfig`);
    fs.writeFileSync(file, text.replaceAll(this.bed.serverUrl, this.options.server), { mode: 0o600 });
    return file;
  }
}

/**
 * Copies the bundle into the bed's folder: a process with that folder on its command line dies with the bed, whatever happens. Runs it
 * once in vain, so that Node keeps it compiled: stories that kill it a hundred times spend their time on starts.
 */
export function install(bed: Bed, bundle: string): string {
  const file = path.join(bed.folder, 'controllers.js');
  fs.copyFileSync(bundle, file);
  const env = { ...compileCache(bed), KUBECONFIG: '/dev/null', POD_NAME: 'nobody', POD_NAMESPACE: 'nowhere' };
  spawnSync(process.execPath, [file, 'capacity'], { env, timeout: 20_000 });
  return file;
}

const compileCache = ({ folder }: Bed) => ({ NODE_COMPILE_CACHE: path.join(folder, 'compiled') });
