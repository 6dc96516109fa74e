/** Which gangs run, and on which nodes, kept current from one look to the next. PURE in effect. */
import { difference, type Difference, Filing, occupies, RunningGangs, sameEntries, type PodFacts } from '../../fleet';
import type { CapacitySnapshot } from './snapshot';

const NONE: readonly string[] = [];

/** Running work. */
export class RunningWork {
  readonly gangs = new RunningGangs();
  private pods: readonly PodFacts[] = [];
  private namespaceBuckets: ReadonlyMap<string, string> = new Map();
  private keys = this.fileKeys();

  /** Takes the next look; returns the nodes on which other gangs may have work now. */
  update({ podGroups, pods, namespaceBuckets }: CapacitySnapshot): ReadonlySet<string> {
    const changed = new Set<string>();
    const refile = (by: Difference<PodFacts>) => this.keys.update(by).forEach((node) => changed.add(node));
    const again = this.gangs.update(podGroups, pods);
    if (!sameEntries(this.namespaceBuckets, namespaceBuckets)) {
      for (const node of this.keys.values()) changed.add(node);
      this.namespaceBuckets = namespaceBuckets;
      this.keys = this.fileKeys();
      refile({ removed: [], added: pods });
    } else {
      const { removed, added } = difference(this.pods, pods, ({ key }) => key);
      refile({ removed: [...removed, ...again], added: [] });
      refile({ removed: [], added: [...added, ...again] });
    }
    this.pods = pods;
    return changed;
  }

  /** Keys of the gangs with work on a node, sorted. */
  keysOn(node: string): readonly string[] {
    return this.keys.get(node) ?? NONE;
  }

  private fileKeys(): Filing<PodFacts, readonly string[]> {
    return new Filing<PodFacts, readonly string[]>({
      valueOf: (pod) => (!pod.deleting && occupies(pod, this.namespaceBuckets) ? pod.nodeName : undefined),
      compare: (a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)),
      summarise: (pods) => [...new Set(pods.map((pod) => this.gangs.keyOf(pod)))].sort(),
    });
  }
}
