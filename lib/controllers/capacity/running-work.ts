/** Which gangs run, and on which nodes, kept current from one look to the next. PURE in effect. */
import { difference, Filing, occupies, RunningGangs, sameEntries, type PodFacts } from '../../fleet';
import type { CapacitySnapshot } from './snapshot';

/** Running work. */
export class RunningWork {
  readonly gangs = new RunningGangs();
  private pods: readonly PodFacts[] = [];
  private namespaceBuckets: ReadonlyMap<string, string> = new Map();
  private keys = this.fileKeys();

  /** Takes the next look. */
  update({ podGroups, pods, namespaceBuckets }: CapacitySnapshot): void {
    const again = this.gangs.update(podGroups, pods);
    if (!sameEntries(this.namespaceBuckets, namespaceBuckets)) {
      this.namespaceBuckets = namespaceBuckets;
      this.keys = this.fileKeys();
      this.keys.update({ removed: [], added: pods });
    } else {
      const { removed, added } = difference(this.pods, pods, ({ key }) => key);
      this.keys.update({ removed: [...removed, ...again], added: [] });
      this.keys.update({ removed: [], added: [...added, ...again] });
    }
    this.pods = pods;
  }

  /** Keys of the gangs with work on a node, sorted. */
  keysOn(node: string): readonly string[] {
    return this.keys.get(node) ?? [];
  }

  private fileKeys(): Filing<PodFacts, readonly string[]> {
    return new Filing<PodFacts, readonly string[]>({
      valueOf: (pod) => (!pod.deleting && occupies(pod, this.namespaceBuckets) ? pod.nodeName : undefined),
      compare: (a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)),
      summarise: (pods) => [...new Set(pods.map((pod) => this.gangs.keyOf(pod)))].sort(),
    });
  }
}
