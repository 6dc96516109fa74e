/**
 * Machines and pods that get stuck, for the stories of the pod janitor. Nodes are made by hand: KWOK is their kubelet, and EC2's stand-in
 * says what their instances do. Of a kubelet that is lost the condition is written by hand (50 s of silence prove nothing more); the
 * taint comes from kube-controller-manager.
 */
import type { KubeObject, Node, Pod } from '../../../lib/domain/kube';
import { NODES, PODS } from '../../../lib/domain/resources';
import { collectionPath, objectPath } from '../../../lib/runtime/kubernetes/urls';
import { waitFor } from '../bed';
import { pinnedTo } from './gang-work';
import { Objects } from './objects';
import type { Stage } from './stage';

/** Namespace of the bucket. */
export const NAMESPACE = 'training';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const STRATEGIC = 'application/strategic-merge-patch+json';
/** A finalizer of an operator that is on the policy's list, and one of somebody that nobody knows. */
export const LISTED_FINALIZER = 'example.com/listed';
export const UNKNOWN_FINALIZER = 'example.com/unknown';
/** KWOK lets it be deleted, and never ends it: what a lost kubelet, or one that hangs, looks like. */
export const NEVER_ENDS = { 'test.aicluster.dev/stuck-terminating': 'true' };

const LASTS = 'test.aicluster.dev/lasts';

/** What a pod of these stories is told. */
export interface PodWishes {
  readonly namespace?: string;
  readonly metadata?: Partial<KubeObject['metadata']>;
  readonly image?: string;
  readonly spec?: object;
}

/** A pod bound to a node. */
export function podOn(node: string | undefined, name: string, wishes: PodWishes = {}): KubeObject {
  const { namespace = NAMESPACE, metadata, image = 'example/work', spec } = wishes;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ...metadata },
    spec: { ...podSpec(image), ...(node === undefined ? {} : { nodeName: node }), ...spec },
  };
}

/** A StatefulSet or ReplicaSet of one, on this node and on no other. */
export function setOn(node: string, kind: 'StatefulSet' | 'ReplicaSet', name: string, annotations = {}): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: NAMESPACE },
    spec: {
      replicas: 1,
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { ...podSpec('example/work'), ...pinnedTo(node) } },
    },
  };
}

/** Only on nodes that last. */
export const ON_LASTING_NODES = { nodeSelector: { [LASTS]: 'true' } };

/** A spec that ends within a second of being told, by what its grace says. */
export function podSpec(image: string) {
  return { terminationGracePeriodSeconds: 1, containers: [{ name: 'work', image }] };
}

/** The nodes and pods of a story. */
export class StuckWork {
  readonly objects: Objects;
  private made = 0;

  constructor(private readonly stage: Stage) {
    this.objects = new Objects(stage.bed);
  }

  /** A node on an instance that runs. One that lasts is where gangs go. */
  async node(name: string, lasts: boolean): Promise<void> {
    const id = `i-${(++this.made).toString(16).padStart(17, '0')}`;
    const machine = { instanceType: 'p5.48xlarge', availabilityZone: 'us-east-2a' };
    this.stage.ec2.instances.set(id, { ...machine, state: 'running', managed: true });
    const labels = { 'kwok.x-k8s.io/node': 'fake', 'kubernetes.io/hostname': name, [LASTS]: String(lasts) };
    await this.objects.make(NODES, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      spec: { providerID: `aws:///us-east-2a/${id}` },
    });
    await waitFor(`${name} to be ready`, async () => readyOf(await this.objects.find(NODES, { name })) === 'True');
  }

  /** Its kubelet falls silent. Resolves when Kubernetes has tainted it. */
  async lose(name: string): Promise<void> {
    const { bed } = this.stage;
    const label = { metadata: { labels: { 'test.aicluster.dev/dead': 'true' } } };
    await this.objects.patch(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name } }, label);
    const condition = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' };
    const message = 'Kubelet stopped posting node status.';
    await waitFor(
      `${name} to be unreachable`,
      async () => {
        const node = (await this.objects.find(NODES, { name })) as Node;
        if (node.spec?.taints?.some(({ key }) => key === UNREACHABLE)) return true;
        const body = { status: { conditions: [{ ...condition, message }] } };
        if (readyOf(node) !== 'Unknown')
          await bed.api({ method: 'PATCH', path: objectPath(NODES, { name }, 'status'), body, contentType: STRATEGIC });
        return false;
      },
      { timeoutMs: 30_000 },
    );
  }

  /** Its Node object is deleted. */
  async forget(name: string): Promise<void> {
    await this.objects.remove(NODES, (await this.objects.find(NODES, { name }))!);
  }

  /** Makes pods, and waits until they are in this phase. */
  async pods(phase: string, ...pods: readonly KubeObject[]): Promise<void> {
    for (const pod of pods)
      await this.stage.bed.api({ method: 'POST', path: collectionPath(PODS, pod.metadata.namespace), body: pod });
    for (const { metadata } of pods)
      await waitFor(
        `${metadata.name} to be ${phase}`,
        async () => (await this.find(metadata))?.status?.phase === phase,
      );
  }

  find({ name, namespace = NAMESPACE }: { readonly name: string; readonly namespace?: string | undefined }) {
    return this.objects.find(PODS, { name, namespace }) as Promise<Pod | undefined>;
  }

  /** Deletes pods as their owners would. */
  async remove(...names: readonly { readonly name: string; readonly namespace?: string | undefined }[]): Promise<void> {
    for (const name of names) await this.objects.remove(PODS, (await this.find(name))!);
  }

  /** What a kubelet or a controller would say of a pod. */
  async warn({ metadata }: Pod, reason: string, message: string): Promise<void> {
    const { name, namespace, uid } = metadata;
    const now = new Date().toISOString();
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${reason.toLowerCase()}`, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
      ...{ type: 'Warning', reason, message, firstTimestamp: now, lastTimestamp: now, count: 1 },
      source: { component: 'kubelet' },
    };
    await this.stage.bed.api({ method: 'POST', path: `/api/v1/namespaces/${namespace}/events`, body });
  }
}

function readyOf(node: KubeObject | undefined): string | undefined {
  return node?.status?.conditions?.find(({ type }: { type: string }) => type === 'Ready')?.status;
}
