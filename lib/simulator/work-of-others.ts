/** Gangs that are not Volcano Jobs, and what guards them: Jobs with a PodGroup, JobSets, Ray clusters, PyTorchJobs, disruption budgets. */
import type { KubeObject } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import {
  apiVersionOf,
  JOB_SETS,
  JOBS,
  POD_GROUPS,
  PYTORCH_JOBS,
  RAY_CLUSTERS,
  type ResourceType,
} from '../domain/resources';
import { CRDS } from './served-kinds';
import { habitsOf, podSpec, type GangSpec } from './work';

/** The CustomResourceDefinition of a Kind of others: without it nobody serves it. */
export function makeWorkloadKind({ group, version, plural, kind }: ResourceType): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: CRDS.kind,
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [{ name: version, served: true, storage: true }],
    },
  };
}

/** A Job of Kubernetes that runs as a gang, and its PodGroup. */
export function makeGangJob(gang: GangSpec): KubeObject[] {
  const { name, namespace, pods } = gang;
  const metadata = { annotations: { ...habitsOf(gang), [FOREIGN_KEYS.gangName]: name } };
  const spec = { ...podSpec(gang.accelerators), restartPolicy: 'Never', schedulerName: 'volcano' };
  const group: KubeObject = {
    apiVersion: apiVersionOf(POD_GROUPS),
    kind: POD_GROUPS.kind,
    metadata: { name, namespace },
    spec: { minMember: pods, minResources: { 'nvidia.com/gpu': String(pods * gang.accelerators) } },
  };
  const job: KubeObject = {
    apiVersion: apiVersionOf(JOBS),
    kind: JOBS.kind,
    metadata: { name, namespace },
    spec: { parallelism: pods, completions: pods, completionMode: 'Indexed', template: { metadata, spec } },
  };
  return [group, job];
}

/** A JobSet, Ray cluster or PyTorchJob of so many pods. */
export function makeOperated(kind: 'JobSet' | 'RayCluster' | 'PyTorchJob', gang: GangSpec): KubeObject {
  const { name, namespace, pods } = gang;
  const template = { metadata: { annotations: habitsOf(gang) }, spec: podSpec(gang.accelerators) };
  const object = ({ group, version }: ResourceType, spec: object): KubeObject => ({
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name, namespace },
    spec,
  });
  switch (kind) {
    case 'JobSet': {
      const job = { spec: { parallelism: pods, completions: pods, template } };
      return object(JOB_SETS, { replicatedJobs: [{ name: 'workers', replicas: 1, template: job }] });
    }
    case 'RayCluster': {
      const workers = { groupName: 'workers', replicas: pods - 1, template };
      return object(RAY_CLUSTERS, { headGroupSpec: { template }, workerGroupSpecs: [workers] });
    }
    case 'PyTorchJob': {
      const replicas = { Master: { replicas: 1, template }, Worker: { replicas: pods - 1, template } };
      return object(PYTORCH_JOBS, { pytorchReplicaSpecs: replicas });
    }
  }
}

/** A PodDisruptionBudget over pods with these labels. */
export function makeDisruptionBudget(
  name: string,
  namespace: string,
  spec: { readonly minAvailable: number; readonly labels: Readonly<Record<string, string>> },
): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec: { minAvailable: spec.minAvailable, selector: { matchLabels: spec.labels } },
  };
}
