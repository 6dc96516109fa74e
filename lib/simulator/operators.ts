/**
 * Operators of gangs that are not Volcano's: JobSet, KubeRay, the training operator. As far as pods come and go with them: so many pods
 * as the spec says, none while it is suspended, missing ones made anew. JobSet's child Jobs are left out: the pods are its own.
 */
import type { KubeObject, Pod } from '../domain/kube';
import { JOB_SETS, PODS, PYTORCH_JOBS, RAY_CLUSTERS, type ResourceType } from '../domain/resources';
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
import { isTrue } from '../domain/conditions';
import { hasEnded } from './pod-rules';

const REACT_MS = 20;

/** Pods of one role. */
interface Role {
  readonly name: string;
  readonly count: number;
  readonly template: any;
}

interface Operator {
  readonly resource: ResourceType;
  suspended(spec: any): boolean;
  roles(spec: any): readonly Role[];
  labels(name: string): Readonly<Record<string, string>>;
}

const OPERATORS: readonly Operator[] = [
  {
    resource: JOB_SETS,
    suspended: ({ suspend }) => suspend === true,
    roles: ({ replicatedJobs }) =>
      replicatedJobs.map(({ name, replicas = 1, template }: any) => ({
        name,
        count: replicas * (template.spec.parallelism ?? 1),
        template: template.spec.template,
      })),
    labels: (name) => ({ 'jobset.sigs.k8s.io/jobset-name': name }),
  },
  {
    resource: RAY_CLUSTERS,
    suspended: ({ suspend }) => suspend === true,
    roles: ({ headGroupSpec, workerGroupSpecs = [] }) => [
      { name: 'head', count: 1, template: headGroupSpec.template },
      ...workerGroupSpecs.map(({ groupName, replicas, template }: any) => ({
        name: groupName,
        count: replicas,
        template,
      })),
    ],
    labels: (name) => ({ 'ray.io/cluster': name }),
  },
  {
    resource: PYTORCH_JOBS,
    suspended: ({ runPolicy }) => runPolicy?.suspend === true,
    roles: ({ pytorchReplicaSpecs }) =>
      Object.entries<any>(pytorchReplicaSpecs).map(([name, { replicas, template }]) => ({
        name: name.toLowerCase(),
        count: replicas,
        template,
      })),
    labels: (name) => ({ 'training.kubeflow.org/job-name': name }),
  },
];

/** Starts the operators. They do something once their Kinds are installed. */
export function startOperators(inside: Inside): void {
  for (const operator of OPERATORS) startOperator(inside, operator);
}

function startOperator(inside: Inside, operator: Operator): void {
  const { server, clock } = inside;
  const { resource } = operator;
  const later = new Later(clock, REACT_MS, (key) => {
    const object = server.find(resource, nameFromKey(key));
    if (object && !object.metadata.deletionTimestamp) sync(inside, operator, object);
  });
  server.onChange(({ type, object }) => type !== 'DELETED' && later.touch(keyOf(object)), resource);
  server.onChange(({ object }) => {
    const owner = object.metadata.ownerReferences?.find(
      ({ kind, apiVersion }) => kind === resource.kind && apiVersion.startsWith(`${resource.group}/`),
    );
    if (owner) later.touch(`${object.metadata.namespace}/${owner.name}`);
  }, PODS);
}

function sync(inside: Inside, operator: Operator, owner: KubeObject): void {
  const pods = ownedObjects(inside, PODS, owner) as Pod[];
  const suspended = operator.suspended(owner.spec);
  if (suspended)
    for (const pod of pods.filter((one) => !one.metadata.deletionTimestamp)) deleteIfThere(inside, PODS, pod);
  else if (pods.every((pod) => !hasEnded(pod))) makePods(inside, operator, owner);
  const status = suspended ? 'True' : 'False';
  if (isTrue(owner.status?.conditions, 'Suspended') === suspended) return;
  const conditions = withConditions(inside, owner.status?.conditions, { type: 'Suspended', status });
  patchStatus(inside, operator.resource, owner, { conditions });
}

function makePods({ server }: Inside, operator: Operator, owner: KubeObject): void {
  const { name: ownerName, namespace } = owner.metadata;
  for (const { name: role, count, template } of operator.roles(owner.spec)) {
    for (let i = 0; i < count; i++) {
      const name = `${ownerName}-${role}-${i}`;
      if (server.find(PODS, { name, namespace })) continue;
      const labels = { ...template.metadata?.labels, ...operator.labels(ownerName) };
      const ownerReferences = [controllerReference(owner)];
      const metadata = { name, namespace, labels, annotations: template.metadata?.annotations, ownerReferences };
      server.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec });
    }
  }
}
