/** Claims, attachments, Leases and Events about pods → what the janitor needs of them. PURE and total. */
import type { KubeObject } from '../../domain/kube';
import { once } from '../../fleet';
import { at, listOf, textOf, textsOf, timeOf } from './reading';
import type { AttachmentState, ClaimState, PodEvent } from './snapshot';

/** Reads a PersistentVolumeClaim; undefined when it is none. */
export function toClaimState(claim: unknown): ClaimState | undefined {
  const [name, namespace] = ['name', 'namespace'].map((key) => textOf(at(at(claim, 'metadata'), key)));
  const modes = textsOf(at(at(claim, 'spec'), 'accessModes'));
  return name && namespace ? { key: `${namespace}/${name}`, modes } : undefined;
}

/** Reads a VolumeAttachment; undefined for those of inline volumes, which have no PersistentVolume. */
export function toAttachmentState(attachment: unknown): AttachmentState | undefined {
  const name = textOf(at(at(attachment, 'metadata'), 'name'));
  const node = textOf(at(at(attachment, 'spec'), 'nodeName'));
  const volume = textOf(at(at(at(attachment, 'spec'), 'source'), 'persistentVolumeName'));
  if (!name || !node || !volume) return undefined;
  return { name, node, volume, attached: at(at(attachment, 'status'), 'attached') === true };
}

/** Reads an Event about a pod, of events.k8s.io or of the core API; undefined for all others. */
export function toPodEvent(event: unknown): PodEvent | undefined {
  const regarding = at(event, 'regarding') ?? at(event, 'involvedObject');
  const podUid = at(regarding, 'kind') === 'Pod' ? textOf(at(regarding, 'uid')) : undefined;
  const reason = textOf(at(event, 'reason'), 128);
  const atMs = eventTime(event);
  if (!podUid || !reason || atMs === undefined) return undefined;
  const message = textOf(at(event, 'note') ?? at(event, 'message'), 4096) ?? '';
  return { podUid, reason, message, atMs };
}

const readPodEvent = once(toPodEvent);

/** Events by the pod they are about. */
export function toPodEvents(events: readonly KubeObject[]): ReadonlyMap<string, readonly PodEvent[]> {
  const byPod = new Map<string, PodEvent[]>();
  for (const event of events) {
    const read = readPodEvent(event);
    if (!read) continue;
    const list = byPod.get(read.podUid);
    if (list) list.push(read);
    else byPod.set(read.podUid, [read]);
  }
  return byPod;
}

function eventTime(event: unknown): number | undefined {
  const times = [
    at(at(event, 'series'), 'lastObservedTime'),
    ...['deprecatedLastTimestamp', 'lastTimestamp', 'eventTime'].map((key) => at(event, key)),
    at(at(event, 'metadata'), 'creationTimestamp'),
  ];
  return times.map(timeOf).find((time) => time !== undefined);
}

/** Whether one of these Leases is held by this pod: client-go writes `<host name>_<uuid>`, and the host name of a pod is its name. */
export function holdsLease({ name, uid }: { readonly name: string; readonly uid: string }, leases: readonly unknown[]) {
  return listOf(leases).some((lease) => {
    const holder = textOf(at(at(lease, 'spec'), 'holderIdentity'), 1024);
    return holder !== undefined && (holder === name || holder.startsWith(`${name}_`) || holder.includes(uid));
  });
}
