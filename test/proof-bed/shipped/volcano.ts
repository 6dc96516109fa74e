/**
 * Plays Volcano's controllers for Jobs, Commands and PodGroups, as in the recorded run 08a (abort, then resume): a Command is deleted
 * before it is carried out; AbortJob deletes pods and PodGroup; ResumeJob costs a retry, and makes them anew. Pods are bound by the
 * bed's second scheduler profile one by one, so gangs are not all or nothing here.
 */
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import { FOREIGN_KEYS } from '../../../lib/domain/node-keys';
import { POD_GROUPS, VOLCANO_COMMANDS, VOLCANO_JOBS } from '../../../lib/domain/resources';
import { isOf, ownedBy } from './objects';
import { makePods, type Turn } from './operators';

/** Label of Jobs whose Commands nobody carries out, as when Volcano's controllers are away. */
export const DEAF_LABEL = 'test.aicluster.dev/deaf';
/** Volcano's default. Our admission raises it. */
const DEFAULT_MAX_RETRY = 3;
const FINAL = ['Aborted', 'Completed', 'Failed', 'Terminated'];

/** One turn of it. */
export async function playVolcano(turn: Turn): Promise<void> {
  const [jobs, commands, groups] = await Promise.all(
    [VOLCANO_JOBS, VOLCANO_COMMANDS, POD_GROUPS].map((resource) => turn.objects.list(resource)),
  );
  for (const command of commands!) await carryOut(command, jobs!, turn);
  // A Job that a Command has just changed is looked at again in the next turn, when it is read anew.
  const told = new Set(commands!.map(({ target }) => target?.name));
  const others = jobs!.filter(({ metadata }) => !metadata.deletionTimestamp && !told.has(metadata.name));
  await Promise.all(others.map((job) => playJob(job, turn)));
  await Promise.all(groups!.map((group) => playPodGroup(group, turn)));
}

const phaseOf = (job: KubeObject): string => job.status?.state?.phase ?? '';
const groupName = ({ metadata }: KubeObject): string => `${metadata.name}-${metadata.uid}`;
const setStatus = (job: KubeObject, status: object, { objects }: Turn): Promise<void> =>
  objects.patch(VOLCANO_JOBS, job, { status }, 'status');

async function carryOut(command: KubeObject, jobs: readonly KubeObject[], turn: Turn): Promise<void> {
  const job = jobs.find(({ metadata }) => metadata.uid === command.target?.uid);
  if (job?.metadata.labels?.[DEAF_LABEL]) return;
  await turn.objects.remove(VOLCANO_COMMANDS, command);
  const act = { AbortJob: abort, ResumeJob: resume }[command.action as string];
  if (job && act) await act(job, turn);
}

const versionAfter = ({ status }: KubeObject): number => (status?.version ?? 0) + 1;
const retriesOf = ({ status }: KubeObject): number => status?.retryCount ?? 0;

async function abort(job: KubeObject, turn: Turn): Promise<void> {
  if (phaseOf(job) === 'Aborting' || FINAL.includes(phaseOf(job))) return;
  await setStatus(job, { version: versionAfter(job), state: { phase: 'Aborting' } }, turn);
  await kill(job, turn);
}

async function resume(job: KubeObject, turn: Turn): Promise<void> {
  if (!['Aborting', 'Aborted'].includes(phaseOf(job))) return;
  const retryCount = retriesOf(job) + 1;
  await setStatus(job, { version: versionAfter(job), retryCount, state: { phase: 'Restarting' } }, turn);
}

async function kill(job: KubeObject, { objects, pods }: Turn): Promise<void> {
  await objects.removePods(pods.filter((pod) => isOf(pod, job)));
  const group = await objects.find(POD_GROUPS, { name: groupName(job), namespace: job.metadata.namespace });
  if (group) await objects.remove(POD_GROUPS, group);
}

async function playJob(job: KubeObject, turn: Turn): Promise<void> {
  const phase = phaseOf(job);
  if (FINAL.includes(phase)) return;
  if (phase === '') return setStatus(job, { state: { phase: 'Pending' }, minAvailable: job.spec.minAvailable }, turn);
  if (phase === 'Aborting') return settleAborted(job, turn);
  if (phase === 'Restarting') {
    const spent = retriesOf(job) >= (job.spec.maxRetry || DEFAULT_MAX_RETRY);
    return setStatus(job, { state: { phase: spent ? 'Failed' : 'Pending' } }, turn);
  }
  await complete(job, turn);
  const own = turn.pods.filter((pod) => isOf(pod, job) && !pod.metadata.deletionTimestamp);
  const running = own.filter(({ status }) => status?.phase === 'Running').length;
  const next = running >= job.spec.minAvailable ? 'Running' : 'Pending';
  if (next !== phase) await setStatus(job, { state: { phase: next }, running }, turn);
}

async function settleAborted(job: KubeObject, turn: Turn): Promise<void> {
  // Killed again: one of its pods may have been made in the moment of the Command.
  if (turn.pods.some((pod) => isOf(pod, job))) return kill(job, turn);
  return setStatus(job, { state: { phase: 'Aborted' } }, turn);
}

/** PodGroup first: pods that name one which is not there would be a gang of one each. */
async function complete(job: KubeObject, turn: Turn): Promise<void> {
  const { name, namespace } = job.metadata;
  const { minAvailable, queue, tasks } = job.spec;
  await turn.objects.make(POD_GROUPS, {
    apiVersion: 'scheduling.volcano.sh/v1beta1',
    kind: 'PodGroup',
    metadata: { name: groupName(job), namespace, ...ownedBy(job) },
    spec: { minMember: minAvailable, queue },
  });
  for (const { name: task, replicas, template } of tasks) {
    const { labels, annotations } = template.metadata ?? {};
    const metadata = {
      labels: { ...labels, 'volcano.sh/job-name': name, 'volcano.sh/task-spec': task },
      annotations: { ...annotations, [FOREIGN_KEYS.gangName]: groupName(job) },
    };
    const names = Array.from({ length: replicas }, (_, i) => `${name}-${task}-${i}`);
    await makePods(job, { metadata, spec: { ...template.spec, schedulerName: 'volcano' } }, { names, turn });
  }
}

/** Without the action `enqueue` every PodGroup is Inqueue at once; it is Running when enough of its pods are bound. */
async function playPodGroup(group: KubeObject, { objects, pods }: Turn): Promise<void> {
  const bound = pods.filter((pod) => isMember(pod, group) && pod.spec?.nodeName && !pod.metadata.deletionTimestamp);
  const runs = bound.length >= group.spec.minMember;
  const phase = runs ? 'Running' : 'Inqueue';
  if (group.status?.phase === phase) return;
  const scheduled = { type: 'Scheduled', status: 'True', reason: 'tasks in gang are ready to be scheduled' };
  await objects.patch(POD_GROUPS, group, { status: { phase, ...(runs && { conditions: [scheduled] }) } }, 'status');
}

function isMember({ metadata }: Pod, group: KubeObject): boolean {
  const { name, namespace } = group.metadata;
  return metadata.namespace === namespace && metadata.annotations?.[FOREIGN_KEYS.gangName] === name;
}
