import * as fs from 'node:fs';
import * as path from 'node:path';
import type { BedFolder } from './bed-folder';
import type { Binaries } from './binaries';
import { type ControlPlane, PORT } from './control-plane';
import { type BedInstanceType, DEFAULT_INSTANCE_TYPES, instanceTypesFile, type Offering } from './karpenter';

/** What follows the API server: they hold no data of their own and may be restarted at any time. */
export interface FollowerOptions {
  readonly karpenter?: boolean;
  readonly instanceTypes?: readonly BedInstanceType[];
  /** Flags added to kube-controller-manager, e.g. `--controllers=serviceaccount-controller`. @default none */
  readonly controllerManagerArgs?: readonly string[];
}

const NODE_LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/** kube-controller-manager, kube-scheduler, KWOK and Karpenter of one bed. */
export class Followers {
  constructor(
    private readonly folder: BedFolder,
    private readonly binaries: Binaries,
    private readonly plane: ControlPlane,
    private readonly options: FollowerOptions,
  ) {}

  /** Starts all but Karpenter, which needs its CRDs first. */
  start(): void {
    const { files } = this.plane;
    this.plane.run('kube-controller-manager', [
      `--kubeconfig=${files.kubeconfig('system:kube-controller-manager')}`,
      `--service-account-private-key-file=${files.serviceAccountKey}`,
      `--root-ca-file=${path.join(files.certificates, 'apiserver.crt')}`,
      '--use-service-account-credentials=true', // policies tell controllers apart by their own user names
      '--leader-elect=false',
      '--secure-port=0',
      '--kube-api-qps=200',
      '--kube-api-burst=400',
      ...(this.options.controllerManagerArgs ?? []),
    ]);
    this.plane.run('kube-scheduler', [
      `--config=${files.schedulerConfig}`,
      '--secure-port=0',
      // A pod that would preempt another in the very moment in which that one ends by itself hears of it no more (preemption is asynchronous,
      // and pods that have ended are out of the scheduler's sight), and is looked at again after this long. Checks of half a second,
      // on nodes that work waits for, meet that moment now and then. The default is 5 minutes.
      '--pod-max-in-unschedulable-pods-duration=10s',
    ]);
    this.startKwok();
  }

  /** Kills all of them. */
  async kill(): Promise<void> {
    const names = ['kube-controller-manager', 'kube-scheduler', 'kwok', 'karpenter'];
    await Promise.all(names.map((name) => this.plane.kill(name)));
  }

  /** Starts all of them after `kill`, on a bed that has lived already. */
  async startAgain(): Promise<void> {
    // KWOK takes a new name at each start, and would wait 40 s for the leases of its old self to run out.
    await this.plane.api({ method: 'DELETE', path: NODE_LEASES });
    this.start();
    if (this.options.karpenter) await this.startKarpenter();
  }

  /** Starts Karpenter and returns when it is ready. */
  async startKarpenter(): Promise<void> {
    const file = path.join(this.folder.path, 'instance-types.json');
    fs.writeFileSync(file, instanceTypesFile(this.options.instanceTypes ?? DEFAULT_INSTANCE_TYPES));
    const health = this.folder.port(PORT.karpenterHealth);
    const environment = {
      KUBECONFIG: this.plane.files.kubeconfig('karpenter'),
      SYSTEM_NAMESPACE: 'kube-system',
      DISABLE_LEADER_ELECTION: 'true',
      // ReservedCapacity off: the KWOK provider names no reservation ids, which pods scheduled onto reserved offerings need.
      // NodePools that ask for capacity type `reserved` themselves, as ours do, work without it.
      FEATURE_GATES: 'StaticCapacity=true,ReservedCapacity=false',
      EXHAUSTED_FILE: this.exhaustedFile,
      METRICS_PORT: String(this.folder.port(PORT.karpenterMetrics)),
      HEALTH_PROBE_PORT: String(health),
    };
    this.plane.run('karpenter', [`--instance-types-file-path=${file}`], environment);
    const ready = async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok;
    await this.plane.until('karpenter to be ready', ready);
  }

  /** Says of what there is none left; Karpenter looks at every launch. */
  exhaust(offerings: readonly Offering[]): void {
    fs.writeFileSync(`${this.exhaustedFile}.new`, JSON.stringify(offerings));
    fs.renameSync(`${this.exhaustedFile}.new`, this.exhaustedFile);
  }

  private get exhaustedFile(): string {
    return path.join(this.folder.path, 'exhausted.json');
  }

  private startKwok(): void {
    const stages = path.join(this.binaries.folder('kwok'), 'stages');
    const files = [
      ...fs.readdirSync(stages).map((file) => path.join(stages, file)),
      path.join(__dirname, 'stages.yaml'),
    ];
    this.plane.run('kwok', [
      `--kubeconfig=${this.plane.files.kubeconfig('kwok')}`,
      ...files.map((file) => `--config=${file}`),
      // Without leases all nodes lose their heartbeat together and flap.
      '--node-lease-duration-seconds=40',
      '--manage-nodes-with-label-selector=kwok.x-k8s.io/node=fake,test.aicluster.dev/dead!=true',
      '--node-ip=192.0.2.1', // one address of the documentation range for all nodes: nothing ever connects
      `--server-address=127.0.0.1:${this.folder.port(PORT.kwok)}`,
    ]);
  }
}
