/**
 * Looks at the cluster several times a second for as long as the story lasts, and writes down what must never be seen: a node whose
 * label, taint and Volcano group do not agree, a pod on a node of another bucket, a pod that landed on a node on probation, and a bucket
 * above its maximum.
 */
import type { KubeObject, Pod } from '../../../lib/domain/kube';
import { BUCKET_KEY } from '../../../lib/domain/node-keys';
import { NAMESPACES } from '../../../lib/domain/resources';
import type { NodeLook, World } from './world';

const LOOK_EVERY_MS = 250;

/** The witness. */
export class Witness {
  /** What must never be seen, each once. */
  readonly wrong = new Set<string>();
  /** Looks that the API server answered. */
  looks = 0;
  /** Pods that were seen on a node, with its bucket: `namespace/name on node (bucket)`. */
  readonly landings = new Set<string>();
  private ended = false;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly world: World) {}

  start(): void {
    this.done = this.watch();
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.done;
  }

  private async watch(): Promise<void> {
    while (!this.ended) {
      // The API server is killed on purpose in between; then there is nothing to see.
      await this.look().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** One look; pods before nodes, so that a pod is never compared with a node of the past. */
  private async look(): Promise<void> {
    const [pods, namespaces, buckets] = await Promise.all([
      this.world.work(),
      this.world.list(NAMESPACES),
      this.world.buckets(),
    ]);
    const nodes = await this.world.nodes();
    this.looks += 1;
    for (const { disagreement } of nodes) if (disagreement) this.wrong.add(`keys disagree on ${disagreement}`);
    const bucketOfNode = new Map(nodes.map(({ name, bucket }) => [name, bucket]));
    for (const pod of pods) this.judgePod(pod, bucketOfNode, namespaces);
    this.judgeLandings(pods, nodes);
    for (const { metadata, spec } of buckets) {
      const owned = nodes.filter(({ bucket, leaving }) => bucket === metadata.name && !leaving).length;
      if (owned > spec.nodes.max) this.wrong.add(`bucket ${metadata.name} owns ${owned} of ${spec.nodes.max} nodes`);
    }
  }

  /** Work that is there already when its node is closed leaves later; none may land after that. */
  private judgeLandings(pods: readonly Pod[], nodes: readonly NodeLook[]): void {
    const closedMs = new Map(nodes.map((node) => [node.name, node.closedMs]));
    for (const { metadata, spec, status } of pods) {
      const sinceMs = closedMs.get(spec!.nodeName!);
      const bound = status?.conditions?.find(({ type }: { type: string }) => type === 'PodScheduled');
      if (sinceMs === undefined || !bound || Date.parse(bound.lastTransitionTime ?? '') <= sinceMs) continue;
      this.wrong.add(`pod ${metadata.namespace}/${metadata.name} landed on ${spec!.nodeName}, which is on probation`);
    }
  }

  private judgePod(pod: Pod, bucketOfNode: ReadonlyMap<string, string | undefined>, namespaces: KubeObject[]): void {
    const { namespace, name } = pod.metadata;
    const node = pod.spec!.nodeName!;
    // A node that vanished between the two reads says nothing.
    if (!bucketOfNode.has(node)) return;
    const own = namespaces.find(({ metadata }) => metadata.name === namespace)?.metadata.labels?.[BUCKET_KEY];
    const bucket = bucketOfNode.get(node);
    this.landings.add(`${namespace}/${name} on ${node} (${bucket})`);
    if (bucket !== own) this.wrong.add(`pod ${namespace}/${name} of bucket ${own} on ${node} of bucket ${bucket}`);
  }
}
