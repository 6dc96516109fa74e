import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from './api-client';
import type { AuditLine, Bed, BedOptions, Kubectl, RestartOptions } from './bed-api';
import { type BedFolder, claimBedFolder } from './bed-folder';
import { type Binaries, findBinaries, sayOnStderr } from './binaries';
import { ControlPlane } from './control-plane';
import { kubeconfigText } from './control-plane-files';
import { installCrds, serverSideApply } from './crds';
import { Followers } from './followers';
import { NODE_CLASS_REF, type Offering } from './karpenter';
import type { PartName } from './parts';
import { type Program, type ProgramSpec, tail } from './program';

export { ApiError, type ApiRequest } from './api-client';
export * from './bed-api';
export { type BedInstanceType, DEFAULT_INSTANCE_TYPES, NODE_CLASS_REF, type Offering, ZONES } from './karpenter';
export { type Program, type ProgramSpec, waitFor } from './program';

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

  exhaust(...offerings: readonly Offering[]): void {
    this.followers.exhaust(offerings);
  }

  run(spec: ProgramSpec): Program {
    return this.plane.runFile(spec);
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
