import * as fs from 'node:fs';
import * as path from 'node:path';
import { type ApiClient, makeApiClient } from './api-client';
import type { BedFolder } from './bed-folder';
import type { Binaries } from './binaries';
import {
  type BedUser,
  type ControlPlaneFiles,
  kubeconfigText,
  USERS,
  writeControlPlaneFiles,
} from './control-plane-files';
import { type Program, type ProgramSpec, startProgram, waitFor } from './program';

/** Ports of a bed by their place in its block of ten. */
export const PORT = { etcd: 0, etcdPeers: 1, apiServer: 2, kwok: 3, karpenterHealth: 4, karpenterMetrics: 5 } as const;

/** What differs between control planes. */
export interface ControlPlaneOptions {
  /** Flags added to kube-apiserver, e.g. `--max-requests-inflight=5`. @default none */
  readonly apiServerArgs?: readonly string[];
  /** Audit policy as YAML. @default metadata of all requests of service accounts outside kube-system */
  readonly auditPolicy?: string;
}

/** etcd and the API server of one bed, and the table of all its programs. */
export class ControlPlane {
  readonly serverUrl: string;
  readonly files: ControlPlaneFiles;
  private readonly programs = new Map<string, Program>();
  private readonly guests: Program[] = [];
  private certificate = '';
  private client: ApiClient | undefined;

  constructor(
    private readonly folder: BedFolder,
    private readonly binaries: Binaries,
    private readonly options: ControlPlaneOptions,
  ) {
    this.serverUrl = `https://127.0.0.1:${folder.port(PORT.apiServer)}`;
    this.files = writeControlPlaneFiles(folder.path, options.auditPolicy);
  }

  /** The API server's own certificate, PEM: the authority that its clients trust. */
  get authority(): string {
    return this.certificate;
  }

  /** Client with the admin's token. */
  get api(): ApiClient {
    if (!this.client) throw new Error('the API server of this proof bed has not been started yet');
    return this.client;
  }

  /** Starts etcd and the API server, and returns when it is ready. */
  async start(): Promise<void> {
    this.startEtcd();
    await this.startApiServer();
  }

  /** Returns once a pod may be created in `default`: its service account exists. */
  async untilPodsMayBeMade(): Promise<void> {
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    await this.until('the default service account', () => this.api({ path }));
  }

  /** Starts kube-apiserver on this bed's port and data, and returns when it is ready. */
  async startApiServer(): Promise<void> {
    const { files, folder } = this;
    this.run('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${folder.port(PORT.etcd)}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      '--endpoint-reconciler-type=none', // loopback is no address for an Endpoints object
      `--secure-port=${folder.port(PORT.apiServer)}`,
      `--cert-dir=${files.certificates}`,
      `--token-auth-file=${files.tokenFile}`,
      '--authorization-mode=RBAC',
      '--allow-privileged=true', // as on EKS: checks of nodes are privileged, and the Pod Security Standards say where that may be
      '--service-cluster-ip-range=10.0.0.0/24',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${files.serviceAccountKey}`,
      `--service-account-signing-key-file=${files.serviceAccountKey}`,
      `--audit-policy-file=${files.auditPolicy}`,
      `--audit-log-path=${files.auditLog}`,
      ...(this.options.apiServerArgs ?? []),
    ]);
    await this.trustCertificate();
    await this.until('kube-apiserver to be ready', () => this.api({ path: '/readyz', timeoutMs: 2_000 }));
  }

  /** Kills kube-apiserver with SIGKILL; etcd and all others stay. */
  async killApiServer(): Promise<void> {
    await this.programs.get('kube-apiserver')?.kill();
  }

  /** Starts any other program of the bed; `name` is its log's name. */
  run(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    const program = startProgram(this.folder, { name, file: this.binaries.program(name), args, env });
    this.programs.set(name, program);
    return program;
  }

  /** Starts a program that is not the bed's own: it may end when it likes, and dies with the bed at the latest. */
  runFile(spec: ProgramSpec): Program {
    const program = startProgram(this.folder, spec);
    this.guests.push(program);
    return program;
  }

  /** Kills one program by name; no error when it does not run. */
  async kill(name: string): Promise<void> {
    await this.programs.get(name)?.kill();
  }

  /** Throws with the end of its log when a program has ended by itself. */
  requireRunning(): void {
    const [first] = this.endedByThemselves();
    if (first) throw new Error(first);
  }

  /** One text for each program that has ended without being asked to, with the end of its log. */
  endedByThemselves(): string[] {
    return [...this.programs.values()].flatMap((program) => program.whyEnded() ?? []);
  }

  /** Waits for `check`, but no longer than all programs live. */
  until<T>(what: string, check: () => Promise<T>, timeoutMs = 60_000): Promise<T> {
    return waitFor(what, check, { timeoutMs, everyMs: 50, giveUp: () => this.requireRunning() }) as Promise<T>;
  }

  /** Kills everything, last started first. */
  async stop(): Promise<void> {
    await Promise.all([...this.guests, ...[...this.programs.values()].reverse()].map((program) => program.kill()));
  }

  private startEtcd(): void {
    const [clients, peers] = [PORT.etcd, PORT.etcdPeers].map((n) => `http://127.0.0.1:${this.folder.port(n)}`);
    this.run('etcd', [
      `--data-dir=${path.join(this.folder.path, 'etcd')}`,
      `--listen-client-urls=${clients}`,
      `--advertise-client-urls=${clients}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=default=${peers}`,
      '--unsafe-no-fsync', // the data dies with the bed
      '--log-level=warn',
    ]);
  }

  /** kube-apiserver makes itself a certificate at its first start; clients trust it and nothing else. */
  private async trustCertificate(): Promise<void> {
    if (this.client) return;
    const file = path.join(this.files.certificates, 'apiserver.crt');
    const read = async () => fs.existsSync(file) && fs.readFileSync(file, 'utf8');
    this.certificate = (await this.until('the certificate of kube-apiserver', read)) || '';
    this.client = makeApiClient(this.serverUrl, this.certificate, this.files.tokens.admin);
    for (const user of Object.keys(USERS) as BedUser[]) {
      const text = kubeconfigText(this.serverUrl, this.certificate, user, this.files.tokens[user]);
      fs.writeFileSync(this.files.kubeconfig(user), text, { mode: 0o600 });
    }
  }
}
