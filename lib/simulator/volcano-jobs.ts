/** Volcano's job controller: vcjobs, their PodGroups and pods, policies, Commands, retries. */
import type { KubeObject, Pod } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { POD_GROUPS, PODS, VOLCANO_JOBS } from '../domain/resources';
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
import { COMMANDS } from './served-kinds';

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

/** Starts the job controller. */
export function startVolcanoJobs(inside: Inside): void {
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
    const failed = type === 'MODIFIED' && object.status?.phase === 'Failed' && before?.status?.phase !== 'Failed';
    if (!key || (type !== 'DELETED' && !failed)) return;
    const event = type === 'DELETED' ? 'PodEvicted' : 'PodFailed';
    events.set(key, [...(events.get(key) ?? []), { pod: object as Pod, event }]);
  }, PODS);
  server.onChange(({ type, object }) => {
    if (type === 'ADDED') inside.clock.after(REACT_MS, () => runCommand(inside, object));
  }, COMMANDS);
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

const groupName = (job: KubeObject): string => `${job.metadata.name}-${job.metadata.uid}`;
const phaseOf = (job: KubeObject): string | undefined => job.status?.state?.phase;
const versionOf = (job: KubeObject): number => job.status?.version ?? 0;
const tasksOf = (job: KubeObject): readonly Task[] => job.spec?.tasks ?? [];
const minAvailable = (job: KubeObject): number =>
  job.spec?.minAvailable ?? tasksOf(job).reduce((sum, { replicas }) => sum + replicas, 0);

function syncJob(inside: Inside, job: KubeObject): void {
  const phase = phaseOf(job);
  if (job.metadata.deletionTimestamp || (phase && FINAL.has(phase))) return;
  if (phase === undefined)
    return patchStatus(inside, VOLCANO_JOBS, job, { state: { phase: 'Pending' }, minAvailable: minAvailable(job) });
  if (phase === 'Aborting') return settle(inside, job);
  const group = ensureGroup(inside, job);
  if (group.status?.phase && group.status.phase !== 'Pending') makePods(inside, job);
  else if (group.status?.phase === 'Pending' && podsOf(inside, job).length > 0) makePods(inside, job);
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

/** Counts pods into the status and moves the phase along. */
function settle(inside: Inside, job: KubeObject): void {
  const pods = podsOf(inside, job);
  const counts = { pending: 0, running: 0, succeeded: 0, failed: 0, terminating: 0 };
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp) counts.terminating++;
    else if (pod.status?.phase === 'Running') counts.running++;
    else if (pod.status?.phase === 'Succeeded') counts.succeeded++;
    else if (pod.status?.phase === 'Failed') counts.failed++;
    else counts.pending++;
  }
  const phase = nextPhase(job, counts, pods.length);
  if (phase === 'Completed' || (phase === 'Failed' && phaseOf(job) !== 'Failed'))
    return finish(inside, job, phase, counts);
  setJob(inside, job, { ...counts, state: { phase } });
}

function nextPhase(job: KubeObject, counts: Readonly<Record<string, number>>, pods: number): string {
  const phase = phaseOf(job)!;
  const total = tasksOf(job).reduce((sum, { replicas }) => sum + replicas, 0);
  const { running = 0, succeeded = 0, failed = 0, terminating = 0 } = counts;
  if (phase === 'Aborting') return terminating === 0 ? 'Aborted' : phase;
  if (phase === 'Restarting') {
    if ((job.status?.retryCount ?? 0) >= (job.spec?.maxRetry || DEFAULT_MAX_RETRY)) return 'Failed';
    return total - terminating >= minAvailable(job) && pods > terminating ? 'Pending' : phase;
  }
  if (pods > 0 && succeeded + failed === total) return succeeded >= minAvailable(job) ? 'Completed' : 'Failed';
  if (phase === 'Pending') return running + succeeded >= minAvailable(job) ? 'Running' : phase;
  return running + succeeded + terminating < minAvailable(job) ? 'Pending' : phase;
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
  const owner = pod.metadata.ownerReferences?.find(({ apiVersion }) => apiVersion.startsWith('batch.volcano.sh'));
  const job = owner && inside.server.find(VOLCANO_JOBS, { name: owner.name, namespace: pod.metadata.namespace });
  if (!job || job.metadata.uid !== owner.uid) return;
  const phase = phaseOf(job);
  const older = Number(pod.metadata.annotations?.[VERSION] ?? 0) < versionOf(job);
  if (phase === 'Aborting' || phase === 'Aborted') return setJob(inside, job, { version: versionOf(job) + 1 });
  if (older || (phase && FINAL.has(phase))) return;
  if (event === 'PodEvicted' && pod.status?.phase === 'Succeeded') return;
  const policies: readonly Policy[] = job.spec?.policies ?? [];
  const policy = policies.find(({ event: one, events = [] }) => one === event || one === '*' || events.includes(event));
  if (policy) act(inside, job, policy.action);
}

function act(inside: Inside, job: KubeObject, action: string): void {
  const phase = phaseOf(job);
  const retryCount = (job.status?.retryCount ?? 0) + 1;
  const version = versionOf(job) + 1;
  if (action === 'AbortJob' && phase !== 'Aborting' && !FINAL.has(phase ?? '')) {
    setJob(inside, job, { version, state: { phase: 'Aborting' } });
    kill(inside, job);
  } else if (action === 'RestartJob' && !FINAL.has(phase ?? '') && phase !== 'Aborting' && phase !== 'Restarting') {
    setJob(inside, job, { version, retryCount, state: { phase: 'Restarting' } });
    kill(inside, job);
  } else if (action === 'ResumeJob' && (phase === 'Aborted' || phase === 'Aborting')) {
    setJob(inside, job, { version, retryCount, state: { phase: 'Restarting' } });
  } else if (action === 'CompleteJob' && phase === 'Running') {
    finish(inside, job, 'Completed', {});
  }
}

function kill(inside: Inside, job: KubeObject): void {
  for (const pod of podsOf(inside, job)) if (!pod.metadata.deletionTimestamp) deleteIfThere(inside, PODS, pod);
  dropGroup(inside, job);
}

/** A Command is deleted before it is carried out: not more than once. */
function runCommand(inside: Inside, command: KubeObject): void {
  if (!inside.server.find(COMMANDS, command.metadata)) return;
  deleteIfThere(inside, COMMANDS, command);
  const job = inside.server.find(VOLCANO_JOBS, { name: command.target?.name, namespace: command.metadata.namespace });
  if (!job || (command.target.uid && command.target.uid !== job.metadata.uid)) return;
  inside.clock.after(REACT_MS, () =>
    act(inside, inside.server.find(VOLCANO_JOBS, job.metadata) ?? job, command.action),
  );
}
