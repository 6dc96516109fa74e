/** Work that comes as gangs, as its users would write it: one of every Kind that moves knows, and Jobs with a PodGroup. */
import type { KubeObject } from '../../../lib/domain/kube';
import { BUCKET_KEY, FOREIGN_KEYS } from '../../../lib/domain/node-keys';
import { TRAINER_LABEL } from './trainers';

/** Label of pods of a gang of `jobGang`. */
export const GANG_LABEL = 'example.com/gang';
const HOSTNAME = 'kubernetes.io/hostname';

const container = (gpus: number) => ({
  name: 'work',
  image: 'example/train',
  resources: { limits: { 'nvidia.com/gpu': String(gpus) } },
});

/**
 * A gang that fills one node: a batch/v1 Job of two pods with half of its GPUs each, and a PodGroup. The scheduler of the bed binds pods
 * one by one; affinity keeps the two on one node, and other gangs off it, so that they are always whole or waiting.
 */
export function jobGang(
  namespace: string,
  name: string,
  annotations: Readonly<Record<string, string>> = {},
): KubeObject[] {
  const term = (operator: string) => ({
    topologyKey: HOSTNAME,
    labelSelector: {
      matchExpressions: [
        { key: GANG_LABEL, operator: 'Exists' },
        { key: GANG_LABEL, operator, values: [name] },
      ],
    },
  });
  return [
    podGroup(namespace, name, 2),
    job(namespace, name, {
      pods: 2,
      metadata: {
        labels: { [GANG_LABEL]: name, [TRAINER_LABEL]: name },
        annotations: { ...annotations, [FOREIGN_KEYS.gangName]: name },
      },
      spec: {
        containers: [container(4)],
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('In')] },
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('NotIn')] },
        },
      },
    }),
  ];
}

/** One small workload of every Kind that has an operator, all of them on one node: eight GPUs in all. */
export function everyKind(namespace: string, node: string): KubeObject[] {
  const spec = (gpus = 1, extra: object = {}) => ({
    ...pinnedTo(node),
    containers: [container(gpus)],
    ...extra,
  });
  const never = { restartPolicy: 'Never' };
  const template = (gang: string, extra: object = never) => ({
    metadata: { labels: { [TRAINER_LABEL]: gang } },
    spec: spec(1, extra),
  });
  const named = (name: string) => ({ metadata: { name, namespace } });
  return [
    {
      apiVersion: 'batch.volcano.sh/v1alpha1',
      kind: 'Job',
      ...named('vj'),
      spec: { minAvailable: 1, tasks: [{ name: 'w', replicas: 1, template: template('vj') }] },
    },
    podGroup(namespace, 'jg', 2),
    job(namespace, 'jg', {
      pods: 2,
      metadata: { labels: { [TRAINER_LABEL]: 'jg' }, annotations: { [FOREIGN_KEYS.gangName]: 'jg' } },
      spec: spec(),
    }),
    {
      apiVersion: 'jobset.x-k8s.io/v1alpha2',
      kind: 'JobSet',
      ...named('js'),
      spec: { replicatedJobs: [{ name: 'w', template: { spec: { template: template('js') } } }] },
    },
    {
      apiVersion: 'ray.io/v1',
      kind: 'RayCluster',
      ...named('rc'),
      spec: { headGroupSpec: { template: template('rc', {}) } },
    },
    {
      apiVersion: 'ray.io/v1',
      kind: 'RayJob',
      ...named('rj'),
      spec: {
        entrypoint: 'python train.py',
        // KubeRay suspends no RayJob that keeps its cluster.
        shutdownAfterJobFinishes: true,
        rayClusterSpec: { headGroupSpec: { template: template('rj', {}) } },
      },
    },
    {
      apiVersion: 'kubeflow.org/v1',
      kind: 'PyTorchJob',
      ...named('pt'),
      spec: { pytorchReplicaSpecs: { Master: { replicas: 1, template: template('pt') } } },
    },
    {
      apiVersion: 'leaderworkerset.x-k8s.io/v1',
      kind: 'LeaderWorkerSet',
      ...named('lws'),
      spec: { replicas: 1, leaderWorkerTemplate: { size: 1, workerTemplate: template('lws', {}) } },
    },
  ];
}

/** This node and no other, by its name: Karpenter's KWOK provider gives nodes a hostname that is not it. */
export function pinnedTo(node: string): object {
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
  return { affinity: { nodeAffinity } };
}

/** Work that asks for no accelerator, and says itself which bucket it uses: it needs a place on the same node. */
export function lightSpec(bucket: string, node: string): object {
  return {
    ...pinnedTo(node),
    nodeSelector: { [BUCKET_KEY]: bucket },
    tolerations: [{ key: BUCKET_KEY, operator: 'Equal', value: bucket, effect: 'NoSchedule' }],
    containers: [{ name: 'work', image: 'example/light' }],
  };
}

/** A batch/v1 Job. */
export function job(
  namespace: string,
  name: string,
  { pods, metadata, spec, suspend = false }: { pods: number; metadata?: object; spec: object; suspend?: boolean },
): KubeObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: {
      parallelism: pods,
      completions: pods,
      backoffLimit: 100,
      suspend,
      template: { metadata, spec: { restartPolicy: 'Never', ...spec } },
    },
  };
}

/** A PodGroup. */
export function podGroup(namespace: string, name: string, minMember: number): KubeObject {
  return {
    apiVersion: 'scheduling.volcano.sh/v1beta1',
    kind: 'PodGroup',
    metadata: { name, namespace },
    spec: { minMember },
  };
}
