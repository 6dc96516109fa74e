/**
 * What becomes of check pods: the machines under the nodes, as far as checks look at them. A machine writes on each check pod what the
 * scripts would say there, as annotations that KWOK's stages act on (stages.yaml); the stage starts the container, ends it, and writes the termination
 * message. What the scripts said on a p5.48xlarge is recorded; of other types, and of rarer ailments, the words are the simulator's.
 */
import { CHECK_LABEL } from '../../../lib/domain/checks';
import type { Node, Pod } from '../../../lib/domain/kube';
import { VALIDATION_NAMESPACE } from '../../../lib/domain/namespaces';
import { NODES, PODS } from '../../../lib/domain/resources';
import { collectionPath } from '../../../lib/runtime/kubernetes/urls';
import { checkMessage, checkOf, type Ailment, type CheckRun } from '../../../lib/simulator/check-pods';
import type { Bed } from '../bed';
import { Objects } from './objects';
import { recordedMessage } from './recorded-messages';

const LOOK_EVERY_MS = 200;
/** How long a check runs. Its result is what matters here. */
const RUNS = '500ms';
/** On a check pod: its machine has said what becomes of it. */
const SAID = 'test.aicluster.dev/machine';

/** The machines. */
export class Machines {
  /** Ailments of machines whose nodes are checked for the first time from now on, in that order. */
  readonly ailing: Ailment[] = [];
  /** Node → what is wrong with its machine, if anything; nodes that have been checked. */
  readonly known = new Map<string, Ailment | undefined>();
  /** Check pods that were told what becomes of them. */
  runs = 0;
  private readonly objects: Objects;
  private ended = false;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly bed: Bed) {
    this.objects = new Objects(bed);
  }

  start(): void {
    this.done = this.watch();
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.done;
  }

  private async watch(): Promise<void> {
    while (!this.ended) {
      // The API server is killed on purpose in between.
      await this.look().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  private async look(): Promise<void> {
    const { items } = await this.bed.api<{ items: Pod[] }>({ path: collectionPath(PODS, VALIDATION_NAMESPACE) });
    const fresh = items.filter(
      ({ metadata, spec }) =>
        metadata.labels?.[CHECK_LABEL] &&
        spec?.nodeName &&
        !metadata.annotations?.[SAID] &&
        !metadata.deletionTimestamp,
    );
    if (fresh.length === 0) return;
    const nodes = new Map((await this.objects.list(NODES)).map((node) => [node.metadata.name, node as Node] as const));
    for (const { spec } of fresh) this.meet(spec!.nodeName!);
    await Promise.all(fresh.map((pod) => this.say(pod, nodes.get(pod.spec!.nodeName!))));
  }

  private meet(node: string): void {
    if (!this.known.has(node)) this.known.set(node, this.ailing.shift());
  }

  private async say(pod: Pod, node: Node | undefined): Promise<void> {
    if (!node) return;
    this.runs += 1;
    const annotations = { [SAID]: node.metadata.name, ...this.fateOf(pod, node) };
    await this.objects.patch(PODS, pod, { metadata: { annotations } });
  }

  private fateOf(pod: Pod, node: Node): Readonly<Record<string, string>> {
    const ailment = this.known.get(node.metadata.name);
    if (ailment === 'no-image') return { 'test.aicluster.dev/waiting': 'ImagePullBackOff' };
    if (ailment === 'hang') return {};
    const told = new Map<string, string>(
      pod.spec!.containers[0]!['env'].map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    const peers = told.get('PEERS')!.split(' ');
    const run: CheckRun = {
      check: checkOf(pod)!,
      level: told.get('LEVEL')!,
      nodes: peers.length,
      ailments: ailment ? [ailment] : [],
      slow: peers.some((peer) => this.known.get(peer) === 'slow-link'),
    };
    return {
      'test.aicluster.dev/exit-code': '0',
      'test.aicluster.dev/delay': RUNS,
      'test.aicluster.dev/message': recordedMessage(node, run) ?? checkMessage(node, run),
    };
  }
}
