import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from './api-client';
import { type BedFolder, claimBedFolder } from './bed-folder';
import { type Binaries, findBinaries, sayOnStderr } from './binaries';
import { ControlPlane, type ControlPlaneOptions } from './control-plane';
import { kubeconfigText } from './control-plane-files';
import { installCrds, serverSideApply } from './crds';
import { Followers } from './followers';
import { type BedInstanceType, NODE_CLASS_REF } from './karpenter';
import type { PartName } from './parts';
import { tail } from './program';

export { ApiError, type ApiRequest } from './api-client';
export { type BedInstanceType, DEFAULT_INSTANCE_TYPES, NODE_CLASS_REF, ZONES } from './karpenter';
export { waitFor } from './program';

/** What a bed consists of. Without options: a Kubernetes 1.36 control plane whose kubelets are played by KWOK. */
export interface BedOptions extends ControlPlaneOptions {
  /** Karpenter with its KWOK provider, static capacity on, and the KWOKNodeClass `default`. @default false */
  readonly karpenter?: boolean;
  /** Instance types that Karpenter can launch. @default p5.48xlarge, p4d.24xlarge, g6e.48xlarge, g5.48xlarge */
  readonly instanceTypes?: readonly BedInstanceType[];
  /** Volcano's CRDs: Queue, PodGroup, Job, HyperNode, Command. @default false */
  readonly volcanoCrds?: boolean;
  /** Where progress goes, one line a call. @default stderr, only when something has to be built */
  readonly say?: (line: string) => void;
}

/** The output of one kubectl call that ended with 0. */
export type Kubectl = (...args: readonly string[]) => Promise<string>;

/** How an API server comes back. */
export interface RestartOptions {
  /** How long it stays dead, in milliseconds. @default 0 */
  readonly downForMs?: number;
  /**
   * Leave controller-manager, scheduler, KWOK and Karpenter alone. They come back by themselves, but after several restarts
   * their watches back off for minutes. @default false: they are restarted too, as when a whole control plane is replaced
   */
  readonly keepFollowers?: boolean;
}

/** One line of the API server's audit log, the parts that tests read. */
export interface AuditLine {
  readonly verb: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly requestReceivedTimestamp: string;
}

/** A running proof bed. Call `stop()` when done; a bed whose process dies is cleared away all the same. */
export interface Bed {
  /** Kubeconfig of the admin, the way into the bed for any client. */
  readonly kubeconfigPath: string;
  /** `https://127.0.0.1:<port>`; it stays the same when the API server is restarted. */
  readonly serverUrl: string;
  /** The authority (PEM) that vouches for the API server. */
  readonly authority: string;
  /** Folder of the bed: logs, kubeconfigs, data. Gone after `stop()` unless PROOF_BED_KEEP is set. */
  readonly folder: string;
  /** Folder of kubectl and the Kubernetes servers. */
  readonly programs: string;
  /** Sends one request as admin (or with another `token`) and returns the parsed answer; refusals throw ApiError. */
  readonly api: ApiClient;
  /** Runs the real kubectl as admin; a failing call throws with what it said. */
  readonly kubectl: Kubectl;
  /** Applies objects as kubectl would, server-side, in the order given; field manager `proof-bed`. */
  apply(...objects: readonly object[]): Promise<void>;
  /** What service accounts have asked the API server so far, oldest first. */
  auditLog(): AuditLine[];
  /** A fresh token of a service account that exists. @default 1 h; the API server gives no less than 10 min */
  tokenFor(
    namespace: string,
    serviceAccount: string,
    options?: { readonly expirationSeconds?: number },
  ): Promise<string>;
  /** Writes a kubeconfig with such a token and returns its path. */
  kubeconfigFor(
    namespace: string,
    serviceAccount: string,
    options?: { readonly expirationSeconds?: number },
  ): Promise<string>;
  /** Kills the API server (SIGKILL) and starts it on the same port and data; see RestartOptions. */
  restartApiServer(options?: RestartOptions): Promise<void>;
  /** Kills the API server with SIGKILL. */
  killApiServer(): Promise<void>;
  /** Starts the API server after `killApiServer`; returns when it is ready. */
  startApiServer(options?: Pick<RestartOptions, 'keepFollowers'>): Promise<void>;
  /** Kills Karpenter with SIGKILL and starts it again; returns when it is ready. */
  restartKarpenter(): Promise<void>;
  /** The log so far of `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `kwok` or `karpenter`. */
  logs(name: string): string;
  /** The last lines of every log, for the message of a failing test. */
  tails(lines?: number): string;
  /** Stops everything and returns when the last process is gone. May be called twice. */
  stop(): Promise<void>;
}

/** Starts a bed and returns when pods can be made in it. Several beds run side by side without knowing of each other. */
export async function startBed(options: BedOptions = {}): Promise<Bed> {
  const binaries = await findBinaries({ parts: partsOf(options), ...(options.say && { say: options.say }) });
  const folder = await claimBedFolder();
  const plane = new ControlPlane(folder, binaries, options);
  const bed = new RunningBed(folder, binaries, plane, options);
  try {
    await bed.start();
    return bed;
  } catch (error) {
    const ends = bed.tails();
    await bed.clearAway();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nLogs of the proof bed:\n${ends}`, {
      cause: error,
    });
  }
}

function partsOf(options: BedOptions): PartName[] {
  const always: PartName[] = ['kubernetes', 'etcd', 'kwok'];
  return [
    ...always,
    ...(options.karpenter ? ['karpenter' as const] : []),
    ...(options.volcanoCrds ? ['volcano' as const] : []),
  ];
}

class RunningBed implements Bed {
  private stopped = false;
  private readonly followers: Followers;

  constructor(
    private readonly place: BedFolder,
    private readonly binaries: Binaries,
    private readonly plane: ControlPlane,
    private readonly options: BedOptions,
  ) {
    this.followers = new Followers(place, binaries, plane, options);
  }

  get kubeconfigPath(): string {
    return this.plane.files.kubeconfig('admin');
  }

  get serverUrl(): string {
    return this.plane.serverUrl;
  }

  get authority(): string {
    return this.plane.authority;
  }

  get folder(): string {
    return this.place.path;
  }

  get programs(): string {
    return path.dirname(this.binaries.program('kubectl'));
  }

  get api(): ApiClient {
    return this.plane.api;
  }

  readonly kubectl: Kubectl = (...args) => this.runKubectl(args);

  async start(): Promise<void> {
    await this.plane.start();
    this.followers.start();
    const withCrds = partsOf(this.options).filter((part) => part === 'karpenter' || part === 'volcano');
    await installCrds(
      this.plane,
      withCrds.map((part) => path.join(this.binaries.folder(part), 'crds')),
    );
    if (this.options.karpenter) {
      await this.followers.startKarpenter();
      const { group, kind, name } = NODE_CLASS_REF;
      const nodeClass = { apiVersion: `${group}/v1alpha1`, kind, metadata: { name }, spec: {} };
      const objectPath = `/apis/${group}/v1alpha1/kwoknodeclasses/${name}`;
      await this.plane.until('its node class', () => serverSideApply(this.plane, objectPath, nodeClass));
    }
    await this.plane.untilPodsMayBeMade();
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.runKubectl(['apply', '--server-side', '--field-manager=proof-bed', '-f', '-'], JSON.stringify(list));
  }

  auditLog(): AuditLine[] {
    const file = this.plane.files.auditLog;
    if (!fs.existsSync(file)) return [];
    const lines = fs.readFileSync(file, 'utf8').split('\n');
    // The last piece is empty, or half a line when the server was killed while it wrote.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditLine);
  }

  async tokenFor(
    namespace: string,
    serviceAccount: string,
    options: { expirationSeconds?: number } = {},
  ): Promise<string> {
    const answer = await this.api<{ status: { token: string } }>({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: options.expirationSeconds ?? 3_600 },
      },
    });
    return answer.status.token;
  }

  async kubeconfigFor(
    namespace: string,
    serviceAccount: string,
    options: { expirationSeconds?: number } = {},
  ): Promise<string> {
    const token = await this.tokenFor(namespace, serviceAccount, options);
    const file = path.join(this.folder, `${namespace}.${serviceAccount}.kubeconfig`);
    fs.writeFileSync(file, kubeconfigText(this.serverUrl, this.authority, serviceAccount, token), { mode: 0o600 });
    return file;
  }

  async restartApiServer({ downForMs = 0, keepFollowers = false }: RestartOptions = {}): Promise<void> {
    await this.killApiServer();
    await sleep(downForMs);
    await this.startApiServer({ keepFollowers });
  }

  killApiServer(): Promise<void> {
    return this.plane.killApiServer();
  }

  async startApiServer({ keepFollowers = false }: Pick<RestartOptions, 'keepFollowers'> = {}): Promise<void> {
    if (!keepFollowers) await this.followers.kill();
    await this.plane.startApiServer();
    if (!keepFollowers) await this.followers.startAgain();
  }

  async restartKarpenter(): Promise<void> {
    await this.plane.kill('karpenter');
    await this.followers.startKarpenter();
  }

  logs(name: string): string {
    return tail(this.folder, name, Infinity);
  }

  tails(lines = 10): string {
    const logs = fs.readdirSync(this.folder).filter((file) => file.endsWith('.log') && file !== 'audit.log');
    return logs.map((file) => `--- ${file}\n${tail(this.folder, path.basename(file, '.log'), lines)}`).join('\n');
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    const say = this.options.say ?? sayOnStderr;
    for (const line of this.plane.endedByThemselves()) say(line);
    await this.clearAway();
  }

  async clearAway(): Promise<void> {
    await this.plane.stop();
    await this.place.release();
  }

  private runKubectl(args: readonly string[], input?: string): Promise<string> {
    const env = { PATH: process.env['PATH'] ?? '', HOME: this.folder, KUBECONFIG: this.kubeconfigPath };
    return new Promise((resolve, reject) => {
      const child = spawn(this.binaries.program('kubectl'), args, { env });
      let [out, said] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) =>
        code === 0 ? resolve(out) : reject(new Error(`kubectl ${args.join(' ')} ended with ${code}: ${said.trim()}`)),
      );
      child.stdin.end(input);
    });
  }
}
