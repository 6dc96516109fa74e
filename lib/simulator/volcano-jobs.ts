/** Volcano's job controller: vcjobs, their PodGroups and pods, policies, Commands, retries. */
import type { KubeObject, Pod } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { POD_GROUPS, PODS, VOLCANO_COMMANDS, VOLCANO_JOBS } from '../domain/resources';
import {
  controllerReference,
  deleteIfThere,
  keyOf,
  Later,
  nameFromKey,
  ownedBy,
  patchStatus,
  type Inside,
} from './inside';
import { jsonEqual } from './json';
import { addTo, requestsOf, toQuantities, type Amounts } from './placement';
import { hasEnded } from './pod-rules';

/** How soon the controller reacts. */
const REACT_MS = 10;
/** Which version of its Job a pod was made for: late events of older pods are ignored. */
const VERSION = 'volcano.sh/job-version';
const DEFAULT_MAX_RETRY = 3;
const FINAL = new Set(['Completed', 'Failed', 'Terminated', 'Aborted']);

interface Task {
  readonly name: string;
  readonly replicas: number;
  readonly template: { readonly metadata?: Partial<KubeObject['metadata']>; readonly spec: Pod['spec'] };
}

/** What happened to a pod and asks for a policy. */
interface PodEvent {
  readonly pod: Pod;
  readonly event: 'PodEvicted' | 'PodFailed';
}

/** Starts the job controller; it carries out orders after `orderMs`. */
export function startVolcanoJobs(inside: Inside, orderMs = REACT_MS): void {
  const { server } = inside;
  const events = new Map<string, PodEvent[]>();
  const later = new Later(inside.clock, REACT_MS, (key) => {
    for (const one of events.get(key) ?? []) onPodEvent(inside, one);
    events.delete(key);
    const job = server.find(VOLCANO_JOBS, nameFromKey(key));
    if (job) syncJob(inside, job);
  });
  server.onChange(({ type, object }) => type !== 'DELETED' && later.touch(keyOf(object)), VOLCANO_JOBS);
  server.onChange(({ object }) => touchOwner(object, later), POD_GROUPS);
  server.onChange(({ type, object, before }) => {
    const key = touchOwner(object, later);
    const event = eventOf(type, object as Pod, before as Pod | undefined);
    if (key && event) events.set(key, [...(events.get(key) ?? []), { pod: object as Pod, event }]);
  }, PODS);
  server.onChange(({ type, object }) => {
    if (type === 'ADDED') inside.clock.after(REACT_MS, () => runCommand(inside, object, orderMs));
  }, VOLCANO_COMMANDS);
}

function eventOf(type: string, pod: Pod, before: Pod | undefined): PodEvent['event'] | undefined {
  if (type === 'DELETED') return 'PodEvicted';
  const failed = pod.status?.phase === 'Failed' && before !== undefined && before.status?.phase !== 'Failed';
  return failed ? 'PodFailed' : undefined;
}

function touchOwner(object: KubeObject, later: Later): string | undefined {
  const owner = object.metadata.ownerReferences?.find(({ apiVersion }) => apiVersion.startsWith('batch.volcano.sh'));
  const key = owner && `${object.metadata.namespace}/${owner.name}`;
  if (key) later.touch(key);
  return key;
}

function podsOf({ server }: Inside, job: KubeObject): Pod[] {
  return server
    .all(PODS)
    .filter((pod) => pod.metadata.namespace === job.metadata.namespace && ownedBy(pod, job)) as Pod[];
}

const isFinal = (phase: string | undefined): boolean => phase !== undefined && FINAL.has(phase);
const groupName = (job: KubeObject): string => `${job.metadata.name}-${job.metadata.uid}`;
const phaseOf = (job: KubeObject): string | undefined => job.status?.state?.phase;
const versionOf = (job: KubeObject): number => job.status?.version ?? 0;
const tasksOf = (job: KubeObject): readonly Task[] => job.spec?.tasks ?? [];
const sizeOf = (job: KubeObject): number => tasksOf(job).reduce((sum, { replicas }) => sum + replicas, 0);
const minAvailable = (job: KubeObject): number => job.spec?.minAvailable ?? sizeOf(job);

function syncJob(inside: Inside, job: KubeObject): void {
  const phase = phaseOf(job);
  if (job.metadata.deletionTimestamp || isFinal(phase)) return;
  if (phase === undefined) {
    return patchStatus(inside, VOLCANO_JOBS, job, { state: { phase: 'Pending' }, minAvailable: minAvailable(job) });
  }
  if (phase === 'Aborting') return settle(inside, job);
  const admitted = ensureGroup(inside, job).status?.phase as string | undefined;
  // A gang that is being completed again goes on; a new one waits for the scheduler's word.
  if (admitted && (admitted !== 'Pending' || podsOf(inside, job).length > 0)) makePods(inside, job);
  settle(inside, inside.server.find(VOLCANO_JOBS, job.metadata) ?? job);
}

function ensureGroup({ server }: Inside, job: KubeObject): KubeObject {
  const name = { name: groupName(job), namespace: job.metadata.namespace };
  const existing = server.find(POD_GROUPS, name);
  if (existing) return existing;
  const { queue = 'default', priorityClassName, networkTopology } = job.spec ?? {};
  return server.create(POD_GROUPS, {
    apiVersion: 'scheduling.volcano.sh/v1beta1',
    kind: 'PodGroup',
    metadata: { ...name, ownerReferences: [controllerReference(job)], annotations: job.metadata.annotations },
    spec: {
      minMember: minAvailable(job),
      minResources: toQuantities(minResources(job)),
      queue,
      ...(priorityClassName ? { priorityClassName } : {}),
      ...(networkTopology ? { networkTopology } : {}),
    },
  });
}

function minResources(job: KubeObject): Amounts {
  const sum: Amounts = {};
  let left = minAvailable(job);
  for (const { replicas, template } of tasksOf(job)) {
    for (let i = 0; i < replicas && left > 0; i++, left--) addTo(sum, requestsOf({ spec: template.spec }));
  }
  return sum;
}

function makePods(inside: Inside, job: KubeObject): void {
  const { server } = inside;
  for (const task of tasksOf(job)) {
    for (let i = 0; i < task.replicas; i++) {
      const name = `${job.metadata.name}-${task.name}-${i}`;
      if (!server.find(PODS, { name, namespace: job.metadata.namespace }))
        server.create(PODS, renderPod(job, task, name));
    }
  }
}

function renderPod(job: KubeObject, task: Task, name: string): KubeObject {
  const { labels, annotations } = task.template.metadata ?? {};
  const priority = job.spec?.priority;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: job.metadata.namespace,
      labels: { ...labels, 'volcano.sh/job-name': job.metadata.name, 'volcano.sh/task-spec': task.name },
      annotations: { ...annotations, [FOREIGN_KEYS.gangName]: groupName(job), [VERSION]: `${versionOf(job)}` },
      ownerReferences: [controllerReference(job)],
    },
    spec: { ...task.template.spec!, schedulerName: 'volcano', ...(priority === undefined ? {} : { priority }) },
  };
}

type Counts = Record<'pending' | 'running' | 'succeeded' | 'failed' | 'terminating', number>;

const COUNTED = { Pending: 'pending', Running: 'running', Succeeded: 'succeeded', Failed: 'failed' } as const;

function wordOf({ metadata, status }: Pod): keyof Counts {
  if (metadata.deletionTimestamp) return 'terminating';
  return COUNTED[status?.phase as keyof typeof COUNTED] ?? 'pending';
}

/** Counts pods into the status and moves the phase along. */
function settle(inside: Inside, job: KubeObject): void {
  const pods = podsOf(inside, job);
  const counts: Counts = { pending: 0, running: 0, succeeded: 0, failed: 0, terminating: 0 };
  for (const pod of pods) counts[wordOf(pod)]++;
  const phase = nextPhase(job, counts, pods.length);
  if (phase === 'Completed' || (phase === 'Failed' && phaseOf(job) !== 'Failed'))
    return finish(inside, job, phase, counts);
  setJob(inside, job, { ...counts, state: { phase } });
}

function nextPhase(job: KubeObject, counts: Counts, pods: number): string {
  const phase = phaseOf(job)!;
  const { terminating } = counts;
  if (phase === 'Aborting') return terminating === 0 ? 'Aborted' : phase;
  if (phase === 'Restarting') return nextOfRestarting(job, terminating, pods);
  return pods > 0 && counts.succeeded + counts.failed === sizeOf(job)
    ? outcomeOf(job, counts)
    : nextOfRunning(job, counts);
}

function outcomeOf(job: KubeObject, { succeeded }: Counts): string {
  return succeeded >= minAvailable(job) ? 'Completed' : 'Failed';
}

function nextOfRunning(job: KubeObject, { running, succeeded, terminating }: Counts): string {
  const phase = phaseOf(job)!;
  if (phase === 'Pending') return running + succeeded >= minAvailable(job) ? 'Running' : phase;
  return running + succeeded + terminating < minAvailable(job) ? 'Pending' : phase;
}

function nextOfRestarting(job: KubeObject, terminating: number, pods: number): string {
  const retries: number = job.status?.retryCount ?? 0;
  if (retries >= (job.spec?.maxRetry || DEFAULT_MAX_RETRY)) return 'Failed';
  return sizeOf(job) - terminating >= minAvailable(job) && pods > terminating ? 'Pending' : 'Restarting';
}

function setJob(inside: Inside, job: KubeObject, status: Readonly<Record<string, unknown>>): void {
  const shown = Object.fromEntries(Object.entries(status).map(([name, value]) => [name, value === 0 ? null : value]));
  const live = inside.server.find(VOLCANO_JOBS, job.metadata);
  if (!live || jsonEqual({ ...live.status, ...status }, live.status)) return;
  patchStatus(inside, VOLCANO_JOBS, job, shown);
}

function finish(inside: Inside, job: KubeObject, phase: string, counts: object): void {
  for (const pod of podsOf(inside, job)) if (phase === 'Failed' || !hasEnded(pod)) deleteIfThere(inside, PODS, pod);
  dropGroup(inside, job);
  setJob(inside, job, { ...counts, state: { phase } });
}

function dropGroup(inside: Inside, job: KubeObject): void {
  const group = inside.server.find(POD_GROUPS, { name: groupName(job), namespace: job.metadata.namespace });
  if (group) deleteIfThere(inside, POD_GROUPS, group);
}

interface Policy {
  readonly event?: string;
  readonly events?: readonly string[];
  readonly action: string;
}

function onPodEvent(inside: Inside, { pod, event }: PodEvent): void {
  const job = jobOf(inside, pod);
  if (!job) return;
  const phase = phaseOf(job);
  if (phase === 'Aborting' || phase === 'Aborted') return setJob(inside, job, { version: versionOf(job) + 1 });
  const completed = event === 'PodEvicted' && pod.status?.phase === 'Succeeded';
  if (isFinal(phase) || isLate(pod, job) || completed) return;
  const policy = policyFor(job, event);
  if (policy) act(inside, job, policy.action);
}

function policyFor(job: KubeObject, event: string): Policy | undefined {
  const policies: readonly Policy[] = job.spec?.policies ?? [];
  return policies.find(({ event: one = '', events = [] }) =>
    [one, ...events].some((name) => name === '*' || name === event),
  );
}

/** Whether the pod was made for an older version of its Job. */
function isLate(pod: Pod, job: KubeObject): boolean {
  return Number(pod.metadata.annotations?.[VERSION]) < versionOf(job);
}

function jobOf({ server }: Inside, pod: Pod): KubeObject | undefined {
  const owner = pod.metadata.ownerReferences?.find(({ apiVersion }) => apiVersion.startsWith('batch.volcano.sh'));
  const job = owner && server.find(VOLCANO_JOBS, { name: owner.name, namespace: pod.metadata.namespace });
  return job?.metadata.uid === owner?.uid ? job : undefined;
}

type Act = (inside: Inside, job: KubeObject, next: { readonly version: number; readonly retryCount: number }) => void;

/** What an action does, by its name and the phase of the Job; absent: nothing. */
const ACTS: Readonly<Record<string, (phase: string | undefined) => Act | undefined>> = {
  AbortJob: (phase) => (phase === 'Aborting' || isFinal(phase) ? undefined : abort),
  RestartJob: (phase) => (phase === 'Aborting' || phase === 'Restarting' || isFinal(phase) ? undefined : restart),
  ResumeJob: (phase) => (phase === 'Aborted' || phase === 'Aborting' ? resume : undefined),
  CompleteJob: (phase) => (phase === 'Running' ? (inside, job) => finish(inside, job, 'Completed', {}) : undefined),
};

const abort: Act = (inside, job, { version }) => {
  setJob(inside, job, { version, state: { phase: 'Aborting' } });
  kill(inside, job);
};
const restart: Act = (inside, job, next) => {
  setJob(inside, job, { ...next, state: { phase: 'Restarting' } });
  kill(inside, job);
};
const resume: Act = (inside, job, next) => setJob(inside, job, { ...next, state: { phase: 'Restarting' } });

function act(inside: Inside, job: KubeObject, action: string): void {
  const retryCount = (job.status?.retryCount ?? 0) + 1;
  ACTS[action]?.(phaseOf(job))?.(inside, job, { version: versionOf(job) + 1, retryCount });
}

function kill(inside: Inside, job: KubeObject): void {
  for (const pod of podsOf(inside, job)) if (!pod.metadata.deletionTimestamp) deleteIfThere(inside, PODS, pod);
  dropGroup(inside, job);
}

/** A Command is deleted before it is carried out: not more than once. */
function runCommand(inside: Inside, command: KubeObject, orderMs: number): void {
  if (!inside.server.find(VOLCANO_COMMANDS, command.metadata)) return;
  deleteIfThere(inside, VOLCANO_COMMANDS, command);
  const job = inside.server.find(VOLCANO_JOBS, { name: command.target?.name, namespace: command.metadata.namespace });
  if (!job || (command.target.uid && command.target.uid !== job.metadata.uid)) return;
  inside.clock.after(orderMs, () => act(inside, inside.server.find(VOLCANO_JOBS, job.metadata) ?? job, command.action));
}
