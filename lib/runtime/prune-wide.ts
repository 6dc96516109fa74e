/**
 * What the janitor's process keeps of an object: more of a pod than others, because its states, volumes and environment are what it looks
 * at. Whatever it copies it reads live and whole. What pods of one workload carry alike is kept once.
 */
import type { Container, KubeObject, Pod } from '../domain/kube';
import { oneCopy } from '../domain/one-copy';
import { NODES, PODS, resourceName, VOLCANO_JOBS, type ResourceType } from '../domain/resources';
import { LAST_APPLIED, pruneOf } from './prune';

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

function pruneMeta({ managedFields: _, annotations, ...metadata }: KubeObject['metadata']): KubeObject['metadata'] {
  const { [LAST_APPLIED]: __, ...kept } = annotations ?? {};
  return Object.keys(kept).length > 0 ? { ...metadata, annotations: kept } : metadata;
}

function prunePod({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { labels, ownerReferences, ...meta } = pruneMeta(metadata);
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
  const { nodeName, schedulingGates, hostname, affinity, containers, initContainers, securityContext, volumes } = spec;
  const alike = {
    ...pick(spec, SPEC),
    ...(affinity?.nodeAffinity && { affinity: { nodeAffinity: affinity.nodeAffinity } }),
    ...(securityContext?.seLinuxOptions && { securityContext: pick(securityContext, ['seLinuxOptions']) }),
    containers: containers.map(pruneContainer),
    ...(initContainers && { initContainers: initContainers.map(pruneContainer) }),
  };
  // Names of claims and host names are those of one pod.
  return { nodeName, schedulingGates, hostname, ...copyOf(alike), volumes: copyOf(pruneVolumes(volumes ?? [])) };
}

/** Variables of libfabric and NCCL; all others are nobody's business, and some are secrets. */
const VARIABLE = /^(FI|NCCL)_/;

function pruneContainer(container: Container): Container {
  const { name, env = [], volumeMounts = [], readinessProbe, securityContext } = container;
  return {
    name,
    ...pick(container, ['image', 'resources', 'restartPolicy']),
    env: (env as readonly Fields[]).filter((one) => VARIABLE.test(one['name'])),
    volumeMounts: (volumeMounts as readonly Fields[]).map((mount) => pick(mount, ['name', 'mountPath'])),
    ...(readinessProbe && { readinessProbe: {} }),
    ...(securityContext?.seLinuxOptions && { securityContext: pick(securityContext, ['seLinuxOptions']) }),
  };
}

function pruneVolumes(volumes: readonly Fields[]): readonly Fields[] {
  return volumes.map((volume) => pick(volume, ['name', 'emptyDir', 'persistentVolumeClaim', 'ephemeral']));
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

const pruneContainerStatus = (status: Fields) => pick(status, ['name', 'image', 'state', 'restartCount']);

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
