/** Volcano's PodGroup controller: pods of others that chose its scheduler get a PodGroup per owner, with a minimum of one pod. */
import type { Pod } from '../domain/kube';
import { FOREIGN_KEYS } from '../domain/node-keys';
import { POD_GROUPS, PODS } from '../domain/resources';
import { Later, nameFromKey, keyOf, type Inside } from './inside';
import { requestsOf, toQuantities } from './placement';

/** Starts it. */
export function startPodGroups(inside: Inside): void {
  const { server } = inside;
  const later = new Later(inside.clock, 10, (key) => {
    const pod = server.find(PODS, nameFromKey(key)) as Pod | undefined;
    if (pod && !pod.metadata.annotations?.[FOREIGN_KEYS.gangName]) give(inside, pod);
  });
  server.onChange(({ type, object }) => {
    const named = object.metadata.annotations?.[FOREIGN_KEYS.gangName];
    if (type === 'ADDED' && object.spec?.schedulerName === 'volcano' && !named) later.touch(keyOf(object));
  }, PODS);
}

function give({ server }: Inside, pod: Pod): void {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller);
  const name = `podgroup-${owner?.uid ?? pod.metadata.uid}`;
  const { namespace, annotations } = pod.metadata;
  if (!server.find(POD_GROUPS, { name, namespace })) {
    const { priorityClassName } = pod.spec!;
    const reference = owner ?? {
      apiVersion: 'v1',
      kind: 'Pod',
      name: pod.metadata.name,
      uid: pod.metadata.uid!,
      controller: true,
    };
    const group = server.create(POD_GROUPS, {
      apiVersion: 'scheduling.volcano.sh/v1beta1',
      kind: 'PodGroup',
      metadata: { name, namespace, ownerReferences: [reference] },
      spec: {
        minMember: 1,
        minResources: toQuantities(requestsOf(pod)),
        queue: annotations?.[FOREIGN_KEYS.queueName] ?? 'default',
        ...(priorityClassName ? { priorityClassName } : {}),
      },
    });
    server.mergePatch(POD_GROUPS, group.metadata, { status: { phase: 'Pending' } }, { subresource: 'status' });
  }
  server.mergePatch(PODS, pod.metadata, { metadata: { annotations: { [FOREIGN_KEYS.gangName]: name } } });
}
