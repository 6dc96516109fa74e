/**
 * For tests: owners of gangs as they are known to behave, on a WorkStore. A Volcano Job without policies answers to Commands, deletes its
 * pods when it fails; a JobSet and a Job answer to `suspend`, and a Job keeps the pods that have failed. Whoever is started is counted.
 */
import type { KubeObject } from '../../domain/kube';
import { FOREIGN_KEYS } from '../../domain/node-keys';
import type { WorkStore } from './testing-store';

/** Label that stays on every copy: which gang of the test it is. */
export const LINEAGE = 'test/lineage';
/** Pods of each gang. */
export const RANKS = 3;
const NODES = 24;

/** What the operators need beside the store. */
export interface OperatorSurroundings {
  readonly store: WorkStore;
  readonly random: () => number;
  /** A lineage's pods have all been made anew. */
  readonly onStart: (lineage: string) => void;
  /** Whether pods may be put there. */
  readonly isAlive: (node: string) => boolean;
}

const namespace = 'research';
const template = { metadata: { labels: { app: 'train' } }, spec: { containers: [{ name: 'main' }] } };

/** A new gang of this kind. */
export function makeGang(kind: string, name: string): KubeObject {
  const metadata = { name, namespace, labels: { [LINEAGE]: name } };
  if (kind === 'VolcanoJob') {
    const tasks = [{ name: 'worker', replicas: RANKS, template }];
    return { apiVersion: 'batch.volcano.sh/v1alpha1', kind: 'Job', metadata, spec: { minAvailable: RANKS, tasks } };
  }
  if (kind === 'Job') return { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { parallelism: RANKS, template } };
  const replicatedJobs = [{ name: 'w', template: { spec: { template } } }];
  return { apiVersion: 'jobset.x-k8s.io/v1alpha2', kind: 'JobSet', metadata, spec: { replicatedJobs } };
}

/** The pods of a gang, by the labels and owners that its operator writes. */
export function podsOf(store: WorkStore, kind: string, { metadata }: KubeObject): readonly KubeObject[] {
  return store.all('Pod').filter(({ metadata: pod }) => pod.labels?.['test/of'] === `${kind}/${metadata.uid}`);
}

/** One round of all operators and kubelets. */
export function operate(around: OperatorSurroundings): void {
  const { store, random } = around;
  for (const { metadata } of store.all('Pod')) {
    if (metadata.deletionTimestamp && random() < 0.5) store.delete('Pod', namespace, metadata.name);
  }
  collect(around);
  for (const job of store.all('VolcanoJob')) if (random() < 0.8) operateVolcanoJob(job, around);
  for (const kind of ['JobSet', 'Job']) {
    for (const work of store.all(kind)) if (random() < 0.8) operateBySuspend(kind, work, around);
  }
}

const hasEnded = ({ status }: KubeObject) => status?.conditions !== undefined || status?.state?.phase === 'Failed';

/** What has ended and has a successor goes after a while, with its pods: its time to live is over. */
function collect({ store, random }: OperatorSurroundings): void {
  for (const kind of ['VolcanoJob', 'JobSet', 'Job']) {
    const all = store.all(kind);
    const newest = new Map(all.map(({ metadata }) => [metadata.labels![LINEAGE]!, metadata.uid]));
    const old = all.filter(({ metadata }) => newest.get(metadata.labels![LINEAGE]!) !== metadata.uid);
    for (const work of old) {
      if (!hasEnded(work) || random() > 0.05) continue;
      store.delete(kind, namespace, work.metadata.name);
      for (const pod of podsOf(store, kind, work)) store.delete('Pod', namespace, pod.metadata.name);
    }
  }
}

/** Phase, and order where there is one → what the controller does. */
const VOLCANO: Readonly<Record<string, (job: KubeObject, around: OperatorSurroundings) => void>> = {
  new: (job, around) => start('VolcanoJob', job, around),
  'Running AbortJob': (job, { store }) => {
    podsOf(store, 'VolcanoJob', job).forEach((pod) => end(store, pod));
    become(store, job, 'Aborting');
  },
  Aborting: (job, { store }) => {
    if (podsOf(store, 'VolcanoJob', job).length > 0) return;
    store.delete('PodGroup', namespace, `${job.metadata.name}-pg`);
    become(store, job, 'Aborted');
  },
  'Aborted ResumeJob': (job, around) => start('VolcanoJob', job, around),
  Failed: (job, { store }) => podsOf(store, 'VolcanoJob', job).forEach((pod) => end(store, pod)),
};

function operateVolcanoJob(job: KubeObject, around: OperatorSurroundings): void {
  const { store, random } = around;
  const command = store.all('Command').find(({ target }) => target.uid === job.metadata.uid);
  // Deleted before it is carried out; and one in ten is lost with its controller.
  if (command) store.delete('Command', namespace, command.metadata.name);
  const order = command && random() > 0.1 ? command.action : undefined;
  const phase: string = job.status?.state?.phase ?? 'new';
  (VOLCANO[`${phase} ${order}`] ?? VOLCANO[phase])?.(job, around);
}

function operateBySuspend(kind: string, work: KubeObject, around: OperatorSurroundings): void {
  const { store } = around;
  const pods = podsOf(store, kind, work);
  const live = pods.filter(({ status }) => status?.phase !== 'Failed');
  if (hasEnded(work)) return live.forEach((pod) => end(store, pod));
  if (work.spec?.suspend) return pods.forEach((pod) => end(store, pod));
  if (pods.length === 0) start(kind, work, around);
}

function become(store: WorkStore, job: KubeObject, phase: string): void {
  store.update('VolcanoJob', {
    ...store.get('VolcanoJob', namespace, job.metadata.name)!,
    status: { ...job.status, state: { phase } },
  });
}

function end(store: WorkStore, pod: KubeObject): void {
  if (pod.metadata.deletionTimestamp) return;
  store.update('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: store.time } });
}

function start(kind: string, work: KubeObject, around: OperatorSurroundings): void {
  const { store, onStart } = around;
  if (kind === 'VolcanoJob') {
    become(store, work, 'Running');
    const metadata = { name: `${work.metadata.name}-pg`, namespace };
    store.create('PodGroup', {
      apiVersion: 'scheduling.volcano.sh/v1beta1',
      kind: 'PodGroup',
      metadata,
      spec: { minMember: RANKS },
    });
  }
  for (let rank = 0; rank < RANKS; rank++) store.create('Pod', makePod(kind, work, rank, around));
  onStart(work.metadata.labels![LINEAGE]!);
}

const rankLabels = (job: string, rank: number) => ({
  'batch.kubernetes.io/job-name': job,
  'batch.kubernetes.io/job-completion-index': String(rank),
});

function makePod(
  kind: string,
  { apiVersion, kind: plain, metadata, spec }: KubeObject,
  rank: number,
  around: OperatorSurroundings,
): KubeObject {
  const owner = { apiVersion, kind: plain, name: metadata.name, uid: metadata.uid!, controller: true };
  const annotations: Record<string, string> =
    kind === 'VolcanoJob' ? { [FOREIGN_KEYS.gangName]: `${metadata.name}-pg` } : {};
  const labels: Record<string, string> = {
    'test/of': `${kind}/${metadata.uid}`,
    ...(kind === 'JobSet'
      ? { 'jobset.sigs.k8s.io/jobset-name': metadata.name, ...rankLabels(metadata.name, rank) }
      : {}),
  };
  const name = `${metadata.name}-${kind === 'VolcanoJob' ? rank : `${rank}-${Math.floor(around.random() * 1e6)}`}`;
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels, annotations, ownerReferences: [owner] } },
    spec: { nodeName: freeNode(JSON.stringify(spec), around), containers: [] },
    status: { phase: 'Running' },
  };
}

/** A node that works and that the templates do not forbid. */
function freeNode(spec: string, { random, isAlive }: OperatorSurroundings): string {
  const nodes = Array.from({ length: NODES }, (_, i) => `node-${i}`).filter(
    (node) => isAlive(node) && !spec.includes(`"${node}"`),
  );
  return nodes[Math.floor(random() * nodes.length)] ?? 'node-spare';
}
