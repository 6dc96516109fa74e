/**
 * Pod object → what the janitor knows of it. PURE and total: whatever cannot be read as a Pod is none, and what is not a Pod is never
 * touched. Wraps the PodFacts of lib/fleet, so that everybody speaks of the same pod.
 */
import { keyOf, type KubeObject, type OwnerReference, type Pod } from '../../domain/kube';
import { JANITOR_KEY, SAFE_TO_FORCE_DELETE_ANNOTATION } from '../../domain/pod-keys';
import { onceEach, toPodFacts, type PodFacts } from '../../fleet';
import { at, HOSTNAME_LABEL, listOf, saysIgnore, textOf, textsOf, timeOf } from './reading';

/** One container, as its kubelet last told it. */
export interface JanitorContainer {
  readonly name: string;
  readonly image: string;
  readonly init: boolean;
  readonly state: 'Waiting' | 'Running' | 'Terminated';
  /** Why it waits or has ended: `ImagePullBackOff`, `OOMKilled`, … */
  readonly reason?: string;
  readonly message?: string;
  readonly exitCode?: number;
  readonly startedMs?: number;
  readonly finishedMs?: number;
}

/** A volume claim that the pod uses. */
export interface PodClaim {
  readonly name: string;
  /** Access modes, where the pod itself says them (generic ephemeral volumes). */
  readonly modes?: readonly string[];
}

/** Facts about one Pod, for the janitor. */
export interface JanitorPod {
  readonly facts: PodFacts;
  /** Lock of every write decided on these facts. */
  readonly resourceVersion: string;
  readonly finalizers: readonly string[];
  /** All owners, the controlling one among them. */
  readonly owners: readonly OwnerReference[];
  /** When its deletion should have ended: Kubernetes adds the grace period before it writes the time. */
  readonly deletionMs?: number;
  /** 0: its kubelet has confirmed the end, or somebody did not want to wait for that. */
  readonly deletionGraceSeconds?: number;
  readonly ready: boolean;
  /** When it was bound to its node. */
  readonly scheduledMs?: number;
  /** Reason of its DisruptionTarget condition, where that is True. */
  readonly disruption?: string;
  /** When its conditions said that it had ended: it was taken (DisruptionTarget), or is not ready any more. */
  readonly endedMs?: number;
  readonly containers: readonly JanitorContainer[];
  /** `status.reason`: `NodeLost`, `Evicted`, … */
  readonly statusReason?: string;
  readonly podIP?: string;
  /** A StatefulSet owns it: another pod of its name must not run beside it. */
  readonly stateful: boolean;
  readonly claims: readonly PodClaim[];
  /** A person allows it to be force-deleted on a node that cannot be reached, without proof. */
  readonly optIn: boolean;
  /** A person said on the pod: hands off. */
  readonly ignored: boolean;
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  /** The only nodes it may run on, by host name or name; absent: it is not pinned. */
  readonly pinnedTo?: readonly string[];
}

/** Reads one Pod; undefined when it is none. */
export function toJanitorPod(pod: unknown): JanitorPod | undefined {
  try {
    const facts = toPodFacts(pod as Pod);
    return isSound(facts, pod) ? { facts, ...readJanitorPod(pod as KubeObject) } : undefined;
  } catch {
    // Not shaped as an API server shapes Pods: PodFacts are read from objects that one has accepted.
    return undefined;
  }
}

const readEach = onceEach((pod: KubeObject) => ({ read: toJanitorPod(pod) }), keyOf);

/** Reads every Pod of a cache's list; pods that did not change keep their facts. */
export function toJanitorPods(pods: readonly KubeObject[]): readonly JanitorPod[] {
  return readEach(pods).flatMap(({ read }) => read ?? []);
}

const PHASES = ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'];

function isSound({ name, namespace, uid, phase, nodeName, owner }: PodFacts, pod: unknown): boolean {
  const texts: readonly unknown[] = [name, namespace, uid, at(at(pod, 'metadata'), 'resourceVersion')];
  if (!texts.every((text) => textOf(text) !== undefined) || !PHASES.includes(phase)) return false;
  return (nodeName === undefined || textOf(nodeName) !== undefined) && (!owner || textOf(owner.uid) !== undefined);
}

function readJanitorPod(pod: KubeObject): Omit<JanitorPod, 'facts'> {
  return { ...readDeletion(pod), ...readStatus(pod), ...readWishes(pod), ...readSpec(pod) };
}

function readDeletion({ metadata }: KubeObject) {
  const grace: unknown = metadata.deletionGracePeriodSeconds;
  const owners = listOf(metadata.ownerReferences);
  return {
    resourceVersion: metadata.resourceVersion!,
    finalizers: textsOf(metadata.finalizers),
    // The list of the object where that will do: pods of one owner share it.
    owners: owners.every(isOwner) ? owners : owners.filter(isOwner),
    deletionMs: timeOf(metadata.deletionTimestamp),
    deletionGraceSeconds: typeof grace === 'number' && grace >= 0 ? grace : undefined,
  };
}

function isOwner(value: unknown): value is OwnerReference {
  return ['apiVersion', 'kind', 'name', 'uid'].every((key) => textOf(at(value, key)) !== undefined);
}

function readStatus({ spec, status }: KubeObject) {
  const conditions = listOf(at(status, 'conditions'));
  const find = (type: string) => conditions.find((one) => at(one, 'type') === type && at(one, 'status') === 'True');
  const target = find('DisruptionTarget');
  const unready = conditions.find((one) => at(one, 'type') === 'Ready' && at(one, 'status') !== 'True');
  return {
    ready: find('Ready') !== undefined,
    scheduledMs: timeOf(at(find('PodScheduled'), 'lastTransitionTime')),
    disruption: target === undefined ? undefined : (textOf(at(target, 'reason')) ?? 'Unknown'),
    endedMs: timeOf(at(target ?? unready, 'lastTransitionTime')),
    // As long as it will be: an array that grows has room for sixteen more.
    containers: containersOf(spec, status, 'initContainer').concat(containersOf(spec, status, 'container')),
    statusReason: textOf(at(status, 'reason')),
    podIP: textOf(at(status, 'podIP')),
  };
}

function containersOf(spec: unknown, status: unknown, kind: 'initContainer' | 'container'): JanitorContainer[] {
  // The image as its owner wrote it: the status of a running container has the runtime's own name for it.
  const written = new Map(listOf(at(spec, `${kind}s`)).map((one) => [at(one, 'name'), textOf(at(one, 'image'), 1024)]));
  return listOf(at(status, `${kind}Statuses`)).flatMap((one) => {
    const name = textOf(at(one, 'name'));
    if (!name) return [];
    const image = written.get(name) ?? textOf(at(one, 'image'), 1024) ?? '';
    return [{ name, image, init: kind === 'initContainer', ...readState(at(one, 'state')) }];
  });
}

function readState(state: unknown): Omit<JanitorContainer, 'name' | 'image' | 'init'> {
  const running = at(state, 'running');
  if (running) return { state: 'Running', startedMs: timeOf(at(running, 'startedAt')) };
  const ended = at(state, 'terminated');
  if (!ended) {
    const waiting = at(state, 'waiting');
    return { state: 'Waiting', reason: textOf(at(waiting, 'reason')), message: textOf(at(waiting, 'message'), 4096) };
  }
  const exitCode = at(ended, 'exitCode');
  return {
    state: 'Terminated',
    reason: textOf(at(ended, 'reason')),
    message: textOf(at(ended, 'message'), 4096),
    exitCode: typeof exitCode === 'number' ? exitCode : undefined,
    startedMs: timeOf(at(ended, 'startedAt')),
    finishedMs: timeOf(at(ended, 'finishedAt')),
  };
}

function readWishes({ metadata }: KubeObject) {
  const { labels, annotations } = metadata as { readonly labels?: unknown; readonly annotations?: unknown };
  const says = (key: string, word: string) => [labels, annotations].some((texts) => at(texts, key) === word);
  return {
    optIn: says(JANITOR_KEY, 'force') || at(annotations, SAFE_TO_FORCE_DELETE_ANNOTATION) === 'true',
    ignored: saysIgnore({ metadata }),
    stateful: listOf(metadata.ownerReferences).some((owner) => at(owner, 'kind') === 'StatefulSet'),
  };
}

function readSpec({ metadata, spec }: KubeObject) {
  const policy = at(spec, 'restartPolicy');
  const restartPolicy: JanitorPod['restartPolicy'] = policy === 'Never' || policy === 'OnFailure' ? policy : 'Always';
  return { claims: claimsOf(metadata.name, spec), restartPolicy, pinnedTo: pinsOf(spec) };
}

function claimsOf(pod: string, spec: unknown): PodClaim[] {
  return listOf(at(spec, 'volumes')).flatMap((volume): PodClaim[] => {
    const claim = textOf(at(at(volume, 'persistentVolumeClaim'), 'claimName'));
    if (claim) return [{ name: claim }];
    const template = at(at(volume, 'ephemeral'), 'volumeClaimTemplate');
    // Kubernetes names the claim of a generic ephemeral volume after pod and volume.
    const modes = textsOf(at(at(template, 'spec'), 'accessModes'));
    return template ? [{ name: `${pod}-${textOf(at(volume, 'name')) ?? ''}`, modes }] : [];
  });
}

/** Names of the only nodes a pod may run on: its node selector, or every alternative of its required node affinity. */
function pinsOf(spec: unknown): readonly string[] | undefined {
  const selected = textOf(at(at(spec, 'nodeSelector'), HOSTNAME_LABEL));
  if (selected) return [selected];
  const affinity = at(at(spec, 'affinity'), 'nodeAffinity');
  const terms = listOf(at(at(affinity, 'requiredDuringSchedulingIgnoredDuringExecution'), 'nodeSelectorTerms'));
  const pins = terms.map(
    (term) =>
      pinnedBy(at(term, 'matchExpressions'), HOSTNAME_LABEL) ?? pinnedBy(at(term, 'matchFields'), 'metadata.name'),
  );
  // Terms are alternatives: one that pins nothing leaves every node open.
  return pins.length > 0 && pins.every((names) => names !== undefined) ? [...new Set(pins.flat())].sort() : undefined;
}

function pinnedBy(requirements: unknown, key: string): string[] | undefined {
  const found = listOf(requirements).find((one) => at(one, 'key') === key && at(one, 'operator') === 'In');
  const names = textsOf(at(found, 'values'));
  return names.length > 0 ? [...names] : undefined;
}
