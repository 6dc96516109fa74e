/** Deployments, ReplicaSets and Jobs of Kubernetes, as far as pods come and go with them. */
import type { KubeObject, Pod } from '../domain/kube';
import { DELETION_COST_ANNOTATION } from '../domain/pod-keys';
import { DEPLOYMENTS, JOBS, PODS, REPLICA_SETS } from '../domain/resources';
import { isTrue } from '../domain/conditions';
import {
  controllerReference,
  deleteIfThere,
  keyOf,
  Later,
  nameFromKey,
  ownedObjects,
  patchStatus,
  withConditions,
  type Inside,
} from './inside';
import { jsonEqual } from './json';
import { hasEnded } from './pod-rules';
import { hashText } from './random';

const REACT_MS = 10;

/** Starts the three controllers. */
export function startWorkloads(inside: Inside): void {
  const { server, clock } = inside;
  const watch = (resource: typeof JOBS, sync: (inside: Inside, object: KubeObject) => void) => {
    const later = new Later(clock, REACT_MS, (key) => {
      const object = server.find(resource, nameFromKey(key));
      if (object && !object.metadata.deletionTimestamp) sync(inside, object);
    });
    server.onChange(({ type, object }) => type !== 'DELETED' && later.touch(keyOf(object)), resource);
    return (object: KubeObject) => {
      const owner = object.metadata.ownerReferences?.find(
        ({ kind, apiVersion }) => kind === resource.kind && apiVersion === `${resource.group}/${resource.version}`,
      );
      if (owner) later.touch(`${object.metadata.namespace}/${owner.name}`);
    };
  };
  const deployment = watch(DEPLOYMENTS, syncDeployment);
  const replicaSet = watch(REPLICA_SETS, syncReplicaSet);
  const job = watch(JOBS, syncJob);
  server.onChange(({ object }) => deployment(object), REPLICA_SETS);
  server.onChange(({ object }) => {
    replicaSet(object);
    job(object);
  }, PODS);
}

/** The newest template's ReplicaSet has all replicas, the older ones none. */
function syncDeployment(inside: Inside, deployment: KubeObject): void {
  const { template, replicas = 1, selector } = deployment.spec;
  const name = `${deployment.metadata.name}-${hashText(JSON.stringify(template)).toString(36)}`;
  const sets = ownedObjects(inside, REPLICA_SETS, deployment);
  const current = sets.find(({ metadata }) => metadata.name === name);
  if (!current) {
    inside.server.create(REPLICA_SETS, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name,
        namespace: deployment.metadata.namespace,
        labels: template.metadata?.labels,
        ownerReferences: [controllerReference(deployment)],
      },
      spec: { replicas, selector, template },
    });
  }
  for (const set of sets) {
    const wanted = set === current ? replicas : 0;
    if (set.spec.replicas !== wanted)
      inside.server.mergePatch(REPLICA_SETS, set.metadata, { spec: { replicas: wanted } });
  }
  const readyReplicas = sets.reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
  if (deployment.status?.readyReplicas !== readyReplicas) {
    patchStatus(inside, DEPLOYMENTS, deployment, {
      replicas,
      readyReplicas,
      observedGeneration: deployment.metadata.generation,
    });
  }
}

function syncReplicaSet(inside: Inside, set: KubeObject): void {
  const pods = (ownedObjects(inside, PODS, set) as Pod[]).filter(
    (pod) => !pod.metadata.deletionTimestamp && !hasEnded(pod),
  );
  const { replicas = 1, template } = set.spec;
  for (let i = pods.length; i < replicas; i++) {
    inside.server.create(PODS, podFrom(set, template, { name: '', generateName: `${set.metadata.name}-` }));
  }
  for (const pod of [...pods].sort(firstToGo).slice(0, Math.max(0, pods.length - replicas)))
    deleteIfThere(inside, PODS, pod);
  const readyReplicas = pods.filter((pod) => isTrue(pod.status?.conditions, 'Ready')).length;
  const status = { replicas: pods.length, readyReplicas };
  if (!jsonEqual({ ...set.status, ...status }, set.status)) patchStatus(inside, REPLICA_SETS, set, status);
}

/** Unbound pods go first, then those that are not ready, then those of least deletion cost, then the youngest. */
function firstToGo(a: Pod, b: Pod): number {
  const rank = (pod: Pod) => (pod.spec?.nodeName ? 1 : 0) + (isTrue(pod.status?.conditions, 'Ready') ? 1 : 0);
  const cost = ({ metadata }: Pod) => Number(metadata.annotations?.[DELETION_COST_ANNOTATION] ?? 0);
  return rank(a) - rank(b) || cost(a) - cost(b) || (b.metadata.uid! > a.metadata.uid! ? 1 : -1);
}

function podFrom(
  owner: KubeObject,
  template: any,
  name: { readonly name: string; readonly generateName?: string },
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...name,
      namespace: owner.metadata.namespace,
      labels: template.metadata?.labels,
      annotations: template.metadata?.annotations,
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec,
  };
}

const INDEX = 'batch.kubernetes.io/job-completion-index';

function syncJob(inside: Inside, job: KubeObject): void {
  if (isTrue(job.status?.conditions, 'Complete') || isTrue(job.status?.conditions, 'Failed')) return;
  const pods = ownedObjects(inside, PODS, job) as Pod[];
  const active = pods.filter(isActive);
  const { suspend = false, parallelism = 1, completions = parallelism } = job.spec;
  if (suspend) for (const pod of active) deleteIfThere(inside, PODS, pod);
  else makeJobPods(inside, job, pods, Math.min(parallelism, completions - ended(pods, 'Succeeded')) - active.length);
  reportJob(inside, job, jobStatus(inside, job, { suspend, completions }));
}

function reportJob(inside: Inside, job: KubeObject, status: object): void {
  const shown = Object.fromEntries(Object.entries(status).filter(([, value]) => value !== null));
  if (!jsonEqual(shown, job.status ?? {})) patchStatus(inside, JOBS, job, status);
}

function isActive(pod: Pod): boolean {
  return !hasEnded(pod) && !pod.metadata.deletionTimestamp;
}

function ended(pods: readonly Pod[], phase: 'Succeeded' | 'Failed'): number {
  return pods.filter(({ status }) => status?.phase === phase).length;
}

/** Counts of a Job's pods as they are now; null takes a field away. */
function jobStatus(inside: Inside, job: KubeObject, spec: { readonly suspend: boolean; readonly completions: number }) {
  const pods = ownedObjects(inside, PODS, job) as Pod[];
  const active = pods.filter(isActive);
  const [succeeded, failed] = [ended(pods, 'Succeeded'), ended(pods, 'Failed')];
  const done = succeeded >= spec.completions;
  return {
    active: active.length || null,
    ready: active.filter(({ status }) => isTrue(status?.conditions, 'Ready')).length || null,
    succeeded: succeeded || null,
    failed: failed || null,
    terminating: pods.filter(({ metadata }) => metadata.deletionTimestamp).length || null,
    conditions: jobConditions(inside, job, { suspend: spec.suspend, done, failed }) ?? null,
  };
}

function makeJobPods(inside: Inside, job: KubeObject, pods: readonly Pod[], missing: number): void {
  const taken = new Set(
    pods
      .filter((pod) => pod.status?.phase !== 'Failed' && !pod.metadata.deletionTimestamp)
      .map((pod) => pod.metadata.annotations?.[INDEX]),
  );
  for (let index = 0, left = missing; left > 0; index++) {
    if (taken.has(`${index}`)) continue;
    left--;
    const pod = podFrom(job, job.spec.template, { name: '', generateName: `${job.metadata.name}-${index}-` });
    const annotations = { ...pod.metadata.annotations, [INDEX]: `${index}` };
    inside.server.create(PODS, { ...pod, metadata: { ...pod.metadata, annotations } });
  }
}

function jobConditions(
  inside: Inside,
  job: KubeObject,
  seen: { readonly suspend: boolean; readonly done: boolean; readonly failed: number },
) {
  const before = job.status?.conditions;
  if (seen.done) return withConditions(inside, before, { type: 'Complete', status: 'True' });
  if (seen.failed > (job.spec.backoffLimit ?? 6)) {
    return withConditions(inside, before, { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' });
  }
  if (seen.suspend) {
    return withConditions(inside, before, {
      type: 'Suspended',
      status: 'True',
      reason: 'JobSuspended',
      message: 'Job suspended',
    });
  }
  if (!isTrue(before, 'Suspended')) return before;
  return withConditions(inside, before, {
    type: 'Suspended',
    status: 'False',
    reason: 'JobResumed',
    message: 'Job resumed',
  });
}
