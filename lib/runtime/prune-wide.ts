/**
 * What the janitor's process keeps of an object: more of a pod than others, because its states, volumes and environment are what it looks
 * at. Whatever it copies it reads live and whole. What pods of one workload carry alike is kept once.
 */
import type { Container, KubeObject, Pod } from '../domain/kube';
import { oneCopy } from '../domain/one-copy';
import { JANITOR_KEY, SAFE_TO_FORCE_DELETE_ANNOTATION } from '../domain/pod-keys';
import { NODES, PODS, resourceName, VOLCANO_JOBS, type ResourceType } from '../domain/resources';
import { POD_ANNOTATIONS, pruneMeta, pruneOf } from './prune';

const WIDE: Readonly<Record<string, ((object: KubeObject) => KubeObject) | undefined>> = {
  [resourceName(PODS)]: prunePod,
  [resourceName(NODES)]: pruneNode,
  // Phase, policies and retries say who restarts what.
  [resourceName(VOLCANO_JOBS)]: undefined,
};

/** The prune functions of a process. */
export function pruneFor(process: string): typeof pruneOf {
  return process === 'janitor' ? pruneWide : pruneOf;
}

/** The prune function of a resource type, for the process janitor. */
export function pruneWide(resource: ResourceType): ((object: KubeObject) => KubeObject) | undefined {
  const name = resourceName(resource);
  return Object.hasOwn(WIDE, name) ? WIDE[name] : pruneOf(resource);
}

const copyOf = oneCopy<any>();

type Fields = Readonly<Record<string, any>>;

const ANNOTATIONS = [...POD_ANNOTATIONS, JANITOR_KEY, SAFE_TO_FORCE_DELETE_ANNOTATION];

function prunePod({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { labels, ownerReferences, ...meta } = pruneMeta(metadata, ANNOTATIONS);
  return {
    apiVersion,
    kind,
    metadata: { ...meta, labels: copyOf(labels ?? {}), ownerReferences: copyOf(ownerReferences ?? []) },
    spec: pruneSpec(spec ?? { containers: [] }),
    status: pruneStatus(status ?? {}),
  };
}

const SPEC = [
  'nodeSelector',
  'tolerations',
  'overhead',
  'subdomain',
  'hostNetwork',
  'hostIPC',
  'restartPolicy',
  'schedulerName',
  'terminationGracePeriodSeconds',
];

function pruneSpec(spec: NonNullable<Pod['spec']>): NonNullable<Pod['spec']> {
  const { nodeName, schedulingGates, hostname, affinity, containers, initContainers, securityContext } = spec;
  const volumes = pruneVolumes(spec['volumes'] ?? []);
  const names = new Set(volumes.map(({ name }) => name));
  const pruneOne = (container: Container) => pruneContainer(container, names);
  const alike = {
    ...pick(spec, SPEC),
    ...(affinity?.nodeAffinity && { affinity: { nodeAffinity: affinity.nodeAffinity } }),
    ...(securityContext?.seLinuxOptions && { securityContext: pick(securityContext, ['seLinuxOptions']) }),
    containers: containers.map(pruneOne),
    ...(initContainers && { initContainers: initContainers.map(pruneOne) }),
  };
  // Names of claims and host names are those of one pod.
  return { nodeName, schedulingGates, hostname, ...copyOf(alike), volumes: copyOf(volumes) };
}

/** Variables of libfabric and NCCL; all others are nobody's business, and some are secrets. */
const VARIABLE = /^(FI|NCCL)_/;

function pruneContainer(container: Container, volumes: ReadonlySet<string>): Container {
  const { name, env = [], volumeMounts = [], readinessProbe, securityContext } = container;
  return {
    name,
    ...pick(container, ['image', 'resources', 'restartPolicy']),
    env: (env as readonly Fields[]).filter((one) => VARIABLE.test(one['name'])),
    volumeMounts: (volumeMounts as readonly Fields[])
      .filter((mount) => volumes.has(mount['name']))
      .map((mount) => pick(mount, ['name', 'mountPath'])),
    ...(readinessProbe && { readinessProbe: {} }),
    ...(securityContext?.seLinuxOptions && { securityContext: pick(securityContext, ['seLinuxOptions']) }),
  };
}

const SOURCES = ['emptyDir', 'persistentVolumeClaim', 'ephemeral'];

/** Without others: the volume with the token has another name in every pod, and no two specs would be alike. */
function pruneVolumes(volumes: readonly Fields[]): readonly Fields[] {
  return volumes
    .filter((volume) => SOURCES.some((source) => volume[source] !== undefined))
    .map((volume) => pick(volume, ['name', ...SOURCES]));
}

const STATUS = ['phase', 'startTime', 'reason', 'podIP'];
const CONDITION = ['type', 'status', 'reason', 'lastTransitionTime'];
const CONDITIONS: ReadonlySet<string> = new Set(['Ready', 'PodScheduled', 'DisruptionTarget']);

function pruneStatus(status: NonNullable<Pod['status']>): NonNullable<Pod['status']> {
  const { conditions = [], containerStatuses, initContainerStatuses } = status;
  return {
    ...pick(status, STATUS),
    conditions: conditions.filter(({ type }) => CONDITIONS.has(type)).map((one) => pick(one, CONDITION)) as any,
    ...(containerStatuses && { containerStatuses: containerStatuses.map(pruneContainerStatus) }),
    ...(initContainerStatuses && { initContainerStatuses: initContainerStatuses.map(pruneContainerStatus) }),
  };
}

/** Its image is in the spec. */
const pruneContainerStatus = (status: Fields) => pick(status, ['name', 'state']);

const NODE_INFO = ['bootID', 'osImage', 'kernelVersion'];

/** Like the others', and what ranks of one gang must have alike. */
function pruneNode(node: KubeObject): KubeObject {
  const pruned = pruneOf(NODES)!(node);
  return { ...pruned, status: { ...pruned.status, nodeInfo: pick(node.status?.nodeInfo ?? {}, NODE_INFO) } };
}

function pick<T extends object>(object: T, keys: readonly string[]): Record<string, any> {
  const from = object as Readonly<Record<string, unknown>>;
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]] as const));
}
