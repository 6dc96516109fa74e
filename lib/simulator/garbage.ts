/** The garbage collector (dependents follow their owners) and the pod garbage collector (pods of nodes that are gone). */
import { NODES, PODS } from '../domain/resources';
import type { KubeObject, Pod } from '../domain/kube';
import type { ResourceType } from '../domain/resources';
import { Cycle, deleteIfThere, patchStatus, withConditions, type Inside } from './inside';
import { hasEnded } from './pod-rules';

/** How soon dependents are deleted after their owner. */
const FOLLOW_MS = 10;
/** The pod garbage collector looks so often, and leaves the pods of a missing node alone for this long after it first missed it. */
const LOOK_MS = 20_000;
const QUARANTINE_MS = 40_000;

/** Starts background deletion of objects whose owners are gone. */
export function startGarbageCollector(inside: Inside): void {
  const { server, clock } = inside;
  const dependents = new Map<string, Map<string, { readonly resource: ResourceType; readonly object: KubeObject }>>();
  server.onChange(({ type, resource, object }) => {
    const uid = object.metadata.uid!;
    for (const { uid: owner } of object.metadata.ownerReferences ?? []) {
      const own = dependents.get(owner) ?? new Map();
      if (type === 'DELETED') own.delete(uid);
      else own.set(uid, { resource, object });
      if (own.size > 0) dependents.set(owner, own);
      else dependents.delete(owner);
    }
    if (type !== 'DELETED' || !dependents.has(uid)) return;
    clock.after(FOLLOW_MS, () => {
      for (const dependent of [...(dependents.get(uid)?.values() ?? [])]) {
        deleteIfThere(inside, dependent.resource, dependent.object);
      }
    });
  });
}

/** Starts the pod garbage collector. */
export function startPodGarbageCollector(inside: Inside): void {
  const missing = new Map<string, number>();
  const cycle = new Cycle(inside.clock, LOOK_MS, Math.floor(inside.random() * LOOK_MS), () => look());
  const look = () => {
    const { server, clock } = inside;
    const orphans = server
      .all(PODS)
      .filter((pod) => pod.spec?.nodeName && !server.find(NODES, { name: pod.spec.nodeName })) as Pod[];
    const names = new Set(orphans.map((pod) => pod.spec!.nodeName!));
    for (const name of missing.keys()) if (!names.has(name)) missing.delete(name);
    for (const name of names) if (!missing.has(name)) missing.set(name, clock.now());
    for (const pod of orphans)
      if (missing.get(pod.spec!.nodeName!)! + QUARANTINE_MS <= clock.now()) collect(inside, pod);
    if (orphans.length > 0) cycle.touch();
  };
  inside.server.onChange(({ type }) => {
    if (type === 'DELETED') cycle.touch();
  }, NODES);
  inside.server.onChange(({ object, before }) => {
    const { nodeName } = object.spec ?? {};
    if (nodeName && !before?.spec?.nodeName && !inside.server.find(NODES, { name: nodeName })) cycle.touch();
  }, PODS);
}

function collect(inside: Inside, pod: Pod): void {
  const reason = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
  };
  if (!hasEnded(pod)) {
    const conditions = withConditions(inside, pod.status?.conditions, reason as never);
    patchStatus(inside, PODS, pod, { phase: 'Failed', conditions });
  }
  deleteIfThere(inside, PODS, pod, 0);
}
