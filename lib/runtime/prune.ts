/**
 * What is kept of an object in a watch cache. Most of a pod is containers' environment, volumes, probes and the kubelet's reports; no
 * decision reads them, and 20,000 of them would not fit into the memory a controller may take.
 */
import type { Container, KubeObject, Pod } from '../domain/kube';
import { NODES, PODS, resourceName, type ResourceType } from '../domain/resources';

/** The prune function of a resource type; undefined where objects are kept as they are, but for managedFields. */
export function pruneOf(resource: ResourceType): ((object: KubeObject) => KubeObject) | undefined {
  return { [resourceName(PODS)]: prunePod, [resourceName(NODES)]: pruneNode }[resourceName(resource)];
}

/** kubectl's copy of the whole object. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

function pruneMeta({ managedFields: _, annotations, ...metadata }: KubeObject['metadata']): KubeObject['metadata'] {
  if (!annotations) return metadata;
  const { [LAST_APPLIED]: _copy, ...others } = annotations;
  return { ...metadata, annotations: others };
}

function prunePod(pod: Pod): Pod {
  const { volumes: _v, affinity, containers, initContainers, ...spec } = pod.spec ?? { containers: [] };
  const { containerStatuses: _c, initContainerStatuses: _i, podIPs: _p, hostIPs: _h, ...status } = pod.status ?? {};
  return {
    ...pod,
    metadata: pruneMeta(pod.metadata),
    spec: {
      ...spec,
      ...(affinity?.nodeAffinity && { affinity: { nodeAffinity: affinity.nodeAffinity } }),
      containers: containers.map(pruneContainer),
      ...(initContainers && { initContainers: initContainers.map(pruneContainer) }),
    },
    status: {
      ...status,
      ...(status.conditions && {
        conditions: status.conditions.map(({ type, status, reason, lastTransitionTime }) => ({
          type,
          status,
          ...(reason && { reason }),
          ...(lastTransitionTime && { lastTransitionTime }),
        })),
      }),
    },
  };
}

function pruneContainer({ name, resources, restartPolicy }: Container): Container {
  return { name, ...(resources && { resources }), ...(restartPolicy && { restartPolicy }) };
}

function pruneNode(node: KubeObject): KubeObject {
  const { images: _, volumesAttached: _a, volumesInUse: _u, ...status } = node.status ?? {};
  return { ...node, metadata: pruneMeta(node.metadata), status };
}
