/** What one process has been told by its lists and watches, and when: of each resource type everything up to some version. */
import { resourceName, type ResourceType } from '../domain/resources';
import type { Clock } from '../runtime/ports';

interface Told {
  readonly version: number;
  readonly atMs: number;
}

/** So many moments are remembered of each type. What is older counts as told at the oldest of them. */
const REMEMBERED = 4_096;

/** Remembers it. */
export class Heard {
  private readonly told = new Map<string, Told[]>();

  constructor(private readonly clock: Clock) {}

  /** It has just been told everything up to this version. */
  upTo(resource: ResourceType, version: number): void {
    const name = resourceName(resource);
    let told = this.told.get(name);
    if (!told) this.told.set(name, (told = []));
    const last = told[told.length - 1];
    if (last && last.version >= version) return;
    told.push({ version, atMs: this.clock.now() });
    if (told.length > 2 * REMEMBERED) told.splice(0, REMEMBERED);
  }

  /** Since when (epoch ms) it knows of this version; Infinity: it does not. */
  since(resource: ResourceType, version: number): number {
    const told = this.told.get(resourceName(resource)) ?? [];
    let [from, to] = [0, told.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (told[middle]!.version >= version) to = middle;
      else from = middle + 1;
    }
    return told[from]?.atMs ?? Infinity;
  }
}
