/** What the admission policies do to pods, Volcano Jobs and PodGroups of a bucket, as hooks of the simulated API server. */
import type { KubeObject, Pod, Toleration } from '../domain/kube';
import { BUCKET_KEY, FOREIGN_KEYS } from '../domain/node-keys';
import {
  CAPACITY_BUCKETS,
  NAMESPACES,
  POD_GROUPS,
  PODS,
  PRIORITY_CLASSES,
  resourceName,
  VOLCANO_JOBS,
} from '../domain/resources';
import type { AdmissionHook, ApiServer } from './api-server';

/** Retries a Volcano Job gets at least: every move costs one. */
const LEAST_MAX_RETRY = 100;
const ACCELERATOR = /^(nvidia\.com\/gpu|aws\.amazon\.com\/neuron)/;

/** Whether these pods ask for accelerators. */
function asks(spec: Pod['spec']): boolean {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return containers.some(({ resources }) =>
    Object.keys({ ...resources?.limits, ...resources?.requests }).some((name) => ACCELERATOR.test(name)),
  );
}

/** Starts steering: a pod belongs to the bucket its label names, else to the one of its namespace. */
export function startSteering(server: ApiServer): void {
  const bucketOf = (object: KubeObject): string | undefined => {
    const own = object.metadata.labels?.[BUCKET_KEY];
    const namespace = server.find(NAMESPACES, { name: object.metadata.namespace ?? '' });
    const bucket = own ?? namespace?.metadata.labels?.[BUCKET_KEY];
    return bucket && server.find(CAPACITY_BUCKETS, { name: bucket }) ? bucket : undefined;
  };
  const steer: AdmissionHook = ({ operation, resource, object }) => {
    if (operation !== 'CREATE' || object.metadata.namespace === 'kube-system') return object;
    const name = resourceName(resource);
    if (name === resourceName(PODS)) return steerPod(server, object as Pod, bucketOf(object));
    if (name === resourceName(VOLCANO_JOBS)) return steerJob(object, bucketOf(object));
    return name === resourceName(POD_GROUPS) ? steerGroup(object, bucketOf(object)) : object;
  };
  server.admit(steer);
  server.admit(resolvePriority(server));
}

function steerPod(server: ApiServer, pod: Pod, bucket: string | undefined): Pod {
  if (!bucket || !asks(pod.spec)) return pod;
  const spec = pod.spec!;
  const gang = pod.metadata.annotations?.[FOREIGN_KEYS.gangName] !== undefined;
  const { schedulerName = 'default-scheduler' } = spec;
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, [FOREIGN_KEYS.queueName]: bucket } },
    spec: {
      ...spec,
      nodeSelector: { ...spec.nodeSelector, [BUCKET_KEY]: bucket },
      tolerations: [...(spec.tolerations ?? []), ...tolerations(bucket)],
      schedulerName: gang && schedulerName === 'default-scheduler' ? 'volcano' : schedulerName,
      priorityClassName: spec.priorityClassName || priorityClassOf(server, bucket),
    },
  };
}

/** The PriorityClass of a bucket's pods. */
function priorityClassOf(server: ApiServer, bucket: string): string {
  const priority: string = server.find(CAPACITY_BUCKETS, { name: bucket })?.spec?.priority ?? 'Normal';
  return `aicluster-${priority.toLowerCase()}`;
}

function tolerations(bucket: string): Toleration[] {
  return [
    { key: BUCKET_KEY, operator: 'Equal', value: bucket, effect: 'NoSchedule' },
    { key: 'nvidia.com/gpu', operator: 'Exists' },
    { key: 'aws.amazon.com/neuron', operator: 'Exists' },
  ];
}

function steerJob(job: KubeObject, bucket: string | undefined): KubeObject {
  const tasks: readonly { readonly template?: { readonly spec?: Pod['spec'] } }[] = job.spec?.tasks ?? [];
  if (!bucket || !tasks.some(({ template }) => asks(template?.spec))) return job;
  return { ...job, spec: { ...job.spec, queue: bucket, maxRetry: Math.max(LEAST_MAX_RETRY, job.spec.maxRetry ?? 0) } };
}

function steerGroup(group: KubeObject, bucket: string | undefined): KubeObject {
  const resources: Readonly<Record<string, string>> | undefined = group.spec?.minResources;
  const may = !resources || Object.keys(resources).some((name) => ACCELERATOR.test(name));
  return bucket && may ? { ...group, spec: { ...group.spec, queue: bucket } } : group;
}

/** The priority plugin of the API server: a pod's number follows from its class. */
function resolvePriority(server: ApiServer): AdmissionHook {
  return ({ operation, resource, object }) => {
    if (operation !== 'CREATE' || resourceName(resource) !== resourceName(PODS)) return object;
    const name = object.spec?.priorityClassName as string | undefined;
    const value = name ? server.find(PRIORITY_CLASSES, { name })?.value : undefined;
    return value === undefined ? object : { ...object, spec: { ...object.spec, priority: value } };
  };
}
