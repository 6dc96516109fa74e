/**
 * Gangs that their infrastructure kills over and over: batch/v1 Jobs of two pods that retry nothing. The test is the infrastructure: it
 * ends one pod as a kubelet that was told to go, or an eviction, would; kube-controller-manager then gives the Job up. Every look at the
 * server is compared with what has been done: a gang that runs twice, or comes back although nothing has failed, is wrong.
 */
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import { JOBS, PODS, RESUBMISSIONS } from '../../../lib/domain/resources';
import type { Random } from '../../../lib/runtime/ports';
import type { Bed } from '../bed';
import { GANG_LABEL } from './gang-work';
import { Objects } from './objects';
import { NAMESPACE, ON_LASTING_NODES, podSpec } from './stuck-work';

const PODS_OF_A_GANG = 2;
const LOOK_MS = 250;

/** How the infrastructure ends a pod. */
const ENDS: readonly object[] = [
  { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' }] },
  { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' }], reason: 'Terminated' },
  { reason: 'NodeShutdown' },
];

/** A gang of two that gives up at its first failure. */
export function fragileGang(name: string, annotations: Readonly<Record<string, string>> = {}): KubeObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: NAMESPACE, labels: { [GANG_LABEL]: name } },
    spec: {
      parallelism: PODS_OF_A_GANG,
      completions: PODS_OF_A_GANG,
      backoffLimit: 0,
      template: {
        metadata: { labels: { [GANG_LABEL]: name }, annotations },
        spec: { ...podSpec('example/train'), ...ON_LASTING_NODES, restartPolicy: 'Never' },
      },
    },
  };
}

/** What gangs have gone through. */
export class KilledGangs {
  /** What was seen that must not be. */
  readonly wrong = new Set<string>();
  /** Gang → how often it was killed. */
  readonly killed: Map<string, number>;
  private readonly objects: Objects;

  constructor(
    bed: Bed,
    private readonly gangs: readonly string[],
    private readonly random: Random,
  ) {
    this.objects = new Objects(bed);
    this.killed = new Map(gangs.map((name) => [name, 0]));
  }

  /** How many were killed in all. */
  get failures(): number {
    return [...this.killed.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Kills each so many times, as soon as it is whole again. Resolves when all are whole after the last time; throws when that takes too long. */
  async killEach(times: number, withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs;
    for (;;) {
      const whole = await this.look(times);
      if (whole === this.gangs.length) return;
      if (performance.now() > untilMs)
        throw new Error(
          `only ${whole} of ${this.gangs.length} gangs are done; killed: ${JSON.stringify([...this.killed])}`,
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Returns how many gangs are through. */
  private async look(times: number): Promise<number> {
    // Jobs first: a pod of a Job that came later is of a copy that is looked at next time.
    const jobs = byGang(await this.objects.list(JOBS));
    const pods = byGang(await this.objects.list(PODS));
    const through = await Promise.all(
      this.gangs.map((name) => this.lookAt(name, { jobs: jobs.get(name) ?? [], pods: pods.get(name) ?? [], times })),
    );
    return through.filter(Boolean).length;
  }

  private async lookAt(
    name: string,
    { jobs, pods, times }: { readonly jobs: KubeObject[]; readonly pods: readonly Pod[]; readonly times: number },
  ): Promise<boolean> {
    const killed = this.killed.get(name)!;
    const alive = jobs.filter((job) => !hasFailed(job)).map(({ metadata }) => metadata.name);
    if (alive.length > 1) this.wrong.add(`${name} runs more than once: ${alive.join(', ')}`);
    if (jobs.length > killed + 1)
      this.wrong.add(`${name} was killed ${killed} times and came back ${jobs.length - 1} times`);
    const carrier = jobs.find(({ metadata }) => metadata.name === nameOf(name, killed));
    if (!carrier) return false;
    const running = pods.filter(
      (pod) => isOf(pod, carrier) && pod.status?.phase === 'Running' && !pod.metadata.deletionTimestamp,
    );
    if (running.length < PODS_OF_A_GANG) return false;
    if (killed === times) return true;
    this.killed.set(name, killed + 1);
    await this.end(running[Math.floor(this.random() * running.length)]!);
    return false;
  }

  private async end(pod: Pod): Promise<void> {
    const how = ENDS[Math.floor(this.random() * ENDS.length)]!;
    await this.objects.patch(PODS, pod, { status: { phase: 'Failed', ...how } }, 'status');
  }
}

/** Name of the Job that a gang runs as after so many failures. */
export const nameOf = (gang: string, failures: number): string => (failures === 0 ? gang : `${gang}-r${failures}`);

/** What a death can leave half done. */
export const HALVES = [
  'a ledger without an attempt',
  'an attempt without its copy',
  'a copy that no ledger tells of',
] as const;
/** One of them. */
export type Half = (typeof HALVES)[number];

/** What is half done now; nobody works on it. */
export async function halfCopies(objects: Objects): Promise<ReadonlySet<Half>> {
  const jobs = new Set((await objects.list(JOBS)).map(({ metadata }) => metadata.name));
  const halves = (await objects.list(RESUBMISSIONS)).flatMap(({ spec, status }): Half[] => {
    if (spec.work.kind !== 'Job' || !spec.work.apiVersion.startsWith('batch/v1')) return [];
    const last = status?.attempts?.at(-1);
    if (!last) return ['a ledger without an attempt'];
    if (last.step !== 'Reserved') return [];
    return [
      jobs.has(nameOf(spec.work.name, last.number)) ? 'a copy that no ledger tells of' : 'an attempt without its copy',
    ];
  });
  return new Set(halves);
}

function byGang(objects: readonly KubeObject[]): Map<string, KubeObject[]> {
  const found = new Map<string, KubeObject[]>();
  for (const object of objects) {
    const name = object.metadata.labels?.[GANG_LABEL];
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), object]);
  }
  return found;
}

const isOf = ({ metadata }: Pod, job: KubeObject): boolean =>
  metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid) ?? false;
const hasFailed = ({ status }: KubeObject): boolean =>
  (status?.conditions ?? []).some(
    ({ type, status: is }: { type: string; status: string }) => /^Failed$|^FailureTarget$/.test(type) && is === 'True',
  );
