/** Why a bound pod does not start: no image, no volume, no address. From its own status first, then from Events about it. PURE. */
import type { JanitorContainer, JanitorPod } from './pod';
import type { PodEvent } from './snapshot';

/** Why a pod does not start. */
export type StartCause =
  | {
      readonly state: 'ImagePull';
      readonly image: string;
      /** The kubelet's word: `ImagePullBackOff`, `InvalidImageName`, … */
      readonly reason: string;
      readonly message: string;
    }
  | {
      readonly state: 'VolumeAttached';
      /** MultiAttach: another node has it. NoDriver: this node's CSI driver is not there. */
      readonly kind: 'MultiAttach' | 'NoDriver' | 'Other';
      /** Name of the PersistentVolume, where the Event says it. */
      readonly volume?: string;
      readonly message: string;
    }
  | { readonly state: 'NoAddress'; readonly message: string };

/** Waiting reasons of a container whose image is not there (kubernetes pkg/kubelet/images/types.go). */
const PULL_REASONS = [
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
];

/** A kubelet says it again at least every 5 minutes (its Events about one pod: 25 at once, then one in 300 s); what is older is over. */
export const EVENT_COUNTS_MS = 900_000;

/** What a VPC CNI says that has no address to give (amazon-vpc-cni-k8s, issues 59, 1791; "IPAM" is how others call theirs). */
const NO_ADDRESS = /failed to assign an IP address|no (free|available) IP|InsufficientFreeAddresses|\bIPAMD?\b/i;
/** attach-detach controller (pkg/volume/util/operationexecutor): another node has the volume. */
const MULTI_ATTACH = /Multi-Attach error for volume "([^"]{1,253})"/;
/** kubelet (pkg/volume/csi/csi_client.go): no driver of that name has registered itself on this node. */
const NO_DRIVER = /not found in the list of registered CSI drivers/;
const VOLUME_REASONS = ['FailedAttachVolume', 'FailedMount'];

/** Why this pod does not start, as far as anybody says. */
export function causeOf(pod: JanitorPod, events: readonly PodEvent[], nowMs: number): StartCause | undefined {
  const image = pullOf(pod);
  if (image) return image;
  // One that runs has its volumes and its address.
  if (pod.containers.some(({ state }) => state !== 'Waiting')) return undefined;
  const recent = events
    .filter(({ atMs }) => atMs > nowMs - EVENT_COUNTS_MS)
    .sort((a, b) => b.atMs - a.atMs || (a.reason + a.message < b.reason + b.message ? -1 : 1));
  return volumeOf(recent) ?? (pod.podIP === undefined ? addressOf(recent) : undefined);
}

function pullOf({ containers }: JanitorPod): StartCause | undefined {
  const container = containers.find(isPulling);
  if (!container) return undefined;
  const { image, reason = '', message = '' } = container;
  return { state: 'ImagePull', image, reason, message };
}

/** Whether this container waits for an image that could not be pulled. */
export function isPulling({ state, reason, image }: JanitorContainer): boolean {
  return state === 'Waiting' && image !== '' && reason !== undefined && PULL_REASONS.includes(reason);
}

function volumeOf(recent: readonly PodEvent[]): StartCause | undefined {
  const about = recent.filter(({ reason }) => VOLUME_REASONS.includes(reason));
  // What the attach-detach controller says explains what the kubelet then waits for.
  const event = about.find(({ message }) => MULTI_ATTACH.test(message)) ?? about[0];
  if (!event) return undefined;
  const { message } = event;
  const volume = MULTI_ATTACH.exec(message)?.[1];
  if (volume) return { state: 'VolumeAttached', kind: 'MultiAttach', volume, message };
  return { state: 'VolumeAttached', kind: NO_DRIVER.test(message) ? 'NoDriver' : 'Other', message };
}

function addressOf(recent: readonly PodEvent[]): StartCause | undefined {
  const event = recent.find(({ reason, message }) => reason === 'FailedCreatePodSandBox' && NO_ADDRESS.test(message));
  return event && { state: 'NoAddress', message: event.message };
}
